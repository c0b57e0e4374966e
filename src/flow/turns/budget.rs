//! The memory that unfinished heads may take together.

use super::buffer::HeadBuffer;

/// The memory that all unfinished heads may take together, in bytes (64 MiB): some 29,000 heads. Most heads need none of it,
/// since one segment holds them.
pub const TOTAL_BYTES: usize = 64 << 20;

/// The memory that unfinished heads may take, over all flows. When it is used up, new heads are refused; none is given up
/// for another, which would let traffic that an attacker controls push the others out.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: usize,
    refused: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(TOTAL_BYTES)
    }
}

impl Budget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, used: 0, refused: 0 }
    }

    /// Bytes in use.
    #[must_use]
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Heads that were refused.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    pub(super) fn buffer(&mut self) -> Option<Box<HeadBuffer>> {
        let used = self.used.saturating_add(size_of::<HeadBuffer>());
        if used > self.limit {
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        self.used = used;
        Some(Box::default())
    }

    pub(super) fn give_back(&mut self, buffer: Option<Box<HeadBuffer>>) {
        if buffer.is_some() {
            self.used = self.used.saturating_sub(size_of::<HeadBuffer>());
        }
    }
}
