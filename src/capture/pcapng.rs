//! The walk over a pcapng file (draft-ietf-opsawg-pcapng).

mod interface;
mod options;

use std::io::Read;
use std::ops::Range;

use self::interface::Interface;
use self::options::Options;
use super::Told;
use super::bytes::ByteOrder;
use super::info::{CaptureInfo, text};
use super::walk::{Found, MAX_RECORD_LEN, Stop};
use super::window::Window;

/// Block type, total length and, at the end of the block, the total length again.
const BLOCK_OVERHEAD: usize = 12;
/// The least that a section header takes.
pub(super) const SECTION_HEADER_LEN: usize = 28;
const MAGIC: u32 = 0x1a2b_3c4d;
/// Interfaces in one section; more is damage, not a machine.
const MAX_INTERFACES: usize = 1 << 16;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const OPT_COMMENT: u16 = 1;
const SHB_HARDWARE: u16 = 2;
const SHB_OS: u16 = 3;
const SHB_USERAPPL: u16 = 4;
const EPB_DROPCOUNT: u16 = 4;

/// A pcapng file: the section that is being read.
pub(super) struct Pcapng {
    order: ByteOrder,
    interfaces: Vec<Interface>,
}

/// The byte order of the section header that these bytes begin.
pub(super) fn sniff(first: &[u8]) -> Option<ByteOrder> {
    let is_header = ByteOrder::Little.u32(first, 0) == Some(SECTION_HEADER);
    [ByteOrder::Little, ByteOrder::Big].into_iter().find(|order| is_header && order.u32(first, 8) == Some(MAGIC))
}

/// Whether these bytes begin a section header, so far as they go.
pub(super) fn begins_section(first: &[u8]) -> bool {
    ByteOrder::Little.u32(first, 0) == Some(SECTION_HEADER)
}

/// Where a packet block keeps its packet.
struct PacketFields {
    interface: u32,
    ticks: Option<u64>,
    lost: u64,
    captured: u32,
    original_len: u32,
    data_at: usize,
}

impl Pcapng {
    pub(super) const fn new(order: ByteOrder) -> Self {
        Self { order, interfaces: Vec::new() }
    }

    /// Whether the next block is a packet that stands wholly in the window, so that finding it reads nothing.
    #[inline]
    pub(super) fn is_at_hand<R: Read>(&self, window: &Window<R>) -> bool {
        let bytes = window.bytes();
        let (kind, total) = (self.order.u32(bytes, 0), self.order.u32(bytes, 4));
        kind == Some(ENHANCED_PACKET)
            && total.and_then(|total| padded_len(total).ok()).is_some_and(|padded| bytes.len() as u64 >= padded)
    }

    /// Finds the next packet and makes its block wholly available in the window; enters the blocks before it in `info`.
    pub(super) fn next<R: Read>(&mut self, window: &mut Window<R>, info: &mut CaptureInfo) -> Result<Found, Stop> {
        loop {
            if !window.need(BLOCK_OVERHEAD)? {
                return Err(Stop::at_end(window.bytes().len(), "a block header", BLOCK_OVERHEAD));
            }
            if begins_section(window.bytes()) {
                self.order = sniff(window.bytes())
                    .ok_or_else(|| Stop::damaged("a section header has no byte-order magic".to_owned()))?;
            }
            let kind = self.order.u32(window.bytes(), 0).unwrap_or_default();
            let total = self.order.u32(window.bytes(), 4).unwrap_or_default();
            match kind {
                SECTION_HEADER | INTERFACE_DESCRIPTION | INTERFACE_STATISTICS => {
                    let block = self.whole_block(window, total)?;
                    self.describe(kind, window.bytes().get(..block).unwrap_or_default(), info)?;
                    window.take(block);
                }
                ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET => {
                    let block = self.whole_block(window, total)?;
                    return self.packet(kind, window.bytes().get(..block).unwrap_or_default(), info);
                }
                _ => self.pass_over(window, kind, total, info)?,
            }
        }
    }

    /// Makes a block wholly available and checks its lengths; returns its length with padding.
    #[inline]
    fn whole_block<R: Read>(&self, window: &mut Window<R>, total: u32) -> Result<usize, Stop> {
        let padded = padded_len(total)?;
        if padded > u64::from(MAX_RECORD_LEN) {
            return Err(Stop::damaged(format!("a block claims {total} bytes")));
        }
        let padded = padded as usize;
        if !window.need(padded)? {
            return Err(Stop::at_end(window.bytes().len(), "a block", padded));
        }
        match self.order.u32(window.bytes(), padded - 4) {
            Some(again) if again == total => Ok(padded),
            again => Err(Stop::damaged(format!(
                "the two lengths of a block differ: {total} and {}",
                again.unwrap_or_default()
            ))),
        }
    }

    fn pass_over<R: Read>(
        &self,
        window: &mut Window<R>,
        kind: u32,
        total: u32,
        info: &mut CaptureInfo,
    ) -> Result<(), Stop> {
        let padded = padded_len(total)?;
        let before = window.offset();
        if window.skip(padded)? {
            if is_frame_of_its_own(kind) {
                info.frames += 1;
            }
            return Ok(());
        }
        let available = window.offset() - before;
        Err(Stop::cut(before, format!("the file ends inside a block: {available} of {padded} bytes are there")))
    }

    fn describe(&mut self, kind: u32, block: &[u8], info: &mut CaptureInfo) -> Result<(), Stop> {
        match kind {
            SECTION_HEADER if block.len() < SECTION_HEADER_LEN => {
                return Err(Stop::damaged("a section header is too short".to_owned()));
            }
            SECTION_HEADER => self.begin_section(block, info),
            INTERFACE_DESCRIPTION if self.interfaces.len() >= MAX_INTERFACES => {
                return Err(Stop::damaged(format!("a section has more than {MAX_INTERFACES} interfaces")));
            }
            INTERFACE_DESCRIPTION => {
                let number = self.interfaces.len() as u32;
                let interface = Interface::from_description(self.order, block, number, info)
                    .ok_or_else(|| Stop::damaged("an interface description is too short".to_owned()))?;
                self.interfaces.push(interface);
            }
            _ => {
                let number = self.order.u32(block, 8).unwrap_or(u32::MAX);
                if let Some(interface) = self.interfaces.get_mut(number as usize) {
                    interface.note_statistics(self.order, block, info);
                }
            }
        }
        Ok(())
    }

    fn begin_section(&mut self, block: &[u8], info: &mut CaptureInfo) {
        info.sections += 1;
        self.interfaces.clear();
        for (code, value) in Options::new(self.order, block, 24) {
            let field = match code {
                OPT_COMMENT => {
                    info.note_comment(value);
                    continue;
                }
                SHB_HARDWARE => &mut info.hardware,
                SHB_OS => &mut info.os,
                SHB_USERAPPL => &mut info.application,
                _ => continue,
            };
            if field.is_none() {
                *field = Some(text(value));
            }
        }
    }

    #[inline]
    fn packet(&self, kind: u32, block: &[u8], info: &mut CaptureInfo) -> Result<Found, Stop> {
        let too_short = || Stop::damaged("a packet block is too short".to_owned());
        let fields = self.packet_fields(kind, block).ok_or_else(too_short)?;
        let Some(interface) = self.interfaces.get(fields.interface as usize) else {
            return Err(Stop::damaged(format!(
                "a packet names interface {}, which is not described",
                fields.interface
            )));
        };
        let data = self.data_range(kind, &fields, interface, block).ok_or_else(|| {
            Stop::damaged(format!("a packet claims {} bytes, more than its block holds", fields.captured))
        })?;
        info.lost_between = info.lost_between.saturating_add(fields.lost);
        let options_at = data.end.next_multiple_of(4);
        let mut told = None;
        if kind != SIMPLE_PACKET && options_at + 4 < block.len() {
            told = self.packet_options(block, options_at, kind, info);
        }
        Ok(Found {
            time: fields.ticks.map(|ticks| interface.time(ticks)),
            link: interface.link,
            interface: fields.interface,
            original_len: fields.original_len,
            data,
            total: block.len(),
            told,
        })
    }

    #[inline]
    fn packet_fields(&self, kind: u32, block: &[u8]) -> Option<PacketFields> {
        if kind == SIMPLE_PACKET {
            let original_len = self.order.u32(block, 8)?;
            return Some(PacketFields {
                interface: 0,
                ticks: None,
                lost: 0,
                captured: original_len,
                original_len,
                data_at: 12,
            });
        }
        let (interface, lost) = if kind == ENHANCED_PACKET {
            (self.order.u32(block, 8)?, 0)
        } else {
            let lost = self.order.u16(block, 10)?;
            // All ones stand for "unknown".
            (self.order.u16(block, 8)?.into(), if lost == u16::MAX { 0 } else { lost })
        };
        let ticks = u64::from(self.order.u32(block, 12)?) << 32 | u64::from(self.order.u32(block, 16)?);
        Some(PacketFields {
            interface,
            ticks: Some(ticks),
            lost: lost.into(),
            captured: self.order.u32(block, 20)?,
            original_len: self.order.u32(block, 24)?,
            data_at: 28,
        })
    }

    /// Where the packet lies in its block; `None` if it does not fit.
    #[inline]
    fn data_range(
        &self,
        kind: u32,
        fields: &PacketFields,
        interface: &Interface,
        block: &[u8],
    ) -> Option<Range<usize>> {
        let room = block.len().checked_sub(fields.data_at + 4)?;
        let mut captured = fields.captured as usize;
        if kind == SIMPLE_PACKET {
            // The captured length is not told: it is the least of the original length, the limit and the room.
            let limit = if interface.snaplen == 0 { usize::MAX } else { interface.snaplen as usize };
            captured = captured.min(limit).min(room);
        }
        (captured <= room).then(|| fields.data_at..fields.data_at + captured)
    }

    /// Enters the options of a packet in `info`; returns what its first comment of that form says that octets told.
    fn packet_options(&self, block: &[u8], at: usize, kind: u32, info: &mut CaptureInfo) -> Option<Box<Told>> {
        let mut commented = false;
        let mut told = None;
        for (code, value) in Options::new(self.order, block, at) {
            match code {
                OPT_COMMENT => {
                    commented = true;
                    told = told.or_else(|| Told::from_comment(value).map(Box::new));
                }
                EPB_DROPCOUNT if kind == ENHANCED_PACKET => {
                    let lost = self.order.u64(value, 0).unwrap_or_default();
                    info.lost_between = info.lost_between.saturating_add(lost);
                }
                _ => {}
            }
        }
        info.commented_packets += u64::from(commented);
        told
    }
}

/// The length of a block with the padding that some writers leave out of its total length.
fn padded_len(total: u32) -> Result<u64, Stop> {
    if (total as usize) < BLOCK_OVERHEAD {
        return Err(Stop::damaged(format!("a block claims {total} bytes, less than its own header")));
    }
    Ok(u64::from(total).next_multiple_of(4))
}

/// Whether Wireshark gives a block that holds no packet a frame number of its own (tried with tshark 4.0.17).
const fn is_frame_of_its_own(kind: u32) -> bool {
    const SYSTEMD_JOURNAL_EXPORT: u32 = 9;
    const CUSTOM: u32 = 0x0bad;
    const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;
    const SYSDIG_EVENT: u32 = 0x0204;
    const SYSDIG_EVENT_2: u32 = 0x0216;
    const SYSDIG_EVENT_2_LARGE: u32 = 0x0221;
    matches!(
        kind,
        SYSTEMD_JOURNAL_EXPORT | CUSTOM | CUSTOM_NOT_COPIED | SYSDIG_EVENT | SYSDIG_EVENT_2 | SYSDIG_EVENT_2_LARGE
    )
}
