//! The options at the end of a block.

use crate::capture::bytes::ByteOrder;

const END_OF_OPTIONS: u16 = 0;

/// The options of a block as code and value; ends at the first that does not fit.
pub(super) struct Options<'a> {
    order: ByteOrder,
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    /// The options of `block` that begin at `at`; the last four bytes of the block are its length.
    pub(super) fn new(order: ByteOrder, block: &'a [u8], at: usize) -> Self {
        let end = block.len().saturating_sub(4);
        Self { order, rest: block.get(at..end).unwrap_or_default() }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let code = self.order.u16(self.rest, 0)?;
        let len = usize::from(self.order.u16(self.rest, 2)?);
        if code == END_OF_OPTIONS {
            return None;
        }
        let value = self.rest.get(4..4 + len)?;
        self.rest = self.rest.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}
