//! Captures written: classic pcap with nanoseconds, and pcapng with comments. Both little-endian.

use std::io::{self, Write};

use super::LinkType;
use super::info::Counters;
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// Writes a classic pcap file with nanosecond times.
pub struct PcapWriter<W> {
    sink: W,
}

impl<W: Write> PcapWriter<W> {
    /// Begins a file; `snaplen` is what it says of itself, in bytes, and cuts nothing.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn new(mut sink: W, link: LinkType, snaplen: u32) -> io::Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.extend(0xa1b2_3c4d_u32.to_le_bytes());
        header.extend(2_u16.to_le_bytes());
        header.extend(4_u16.to_le_bytes());
        header.extend([0; 8]);
        header.extend(snaplen.to_le_bytes());
        header.extend(u32::from(link.0).to_le_bytes());
        sink.write_all(&header)?;
        Ok(Self { sink })
    }

    /// Writes one record.
    ///
    /// # Errors
    /// If the sink fails, or if the time lies outside of 1970 to 2106, which the format cannot express.
    pub fn packet(&mut self, time: Timestamp, data: &[u8], original_len: u32) -> io::Result<()> {
        let nanos = time.as_nanos();
        let seconds = u32::try_from(nanos.div_euclid(NANOS_PER_SECOND)).map_err(|_| time_out_of_range())?;
        let fraction = u32::try_from(nanos.rem_euclid(NANOS_PER_SECOND)).unwrap_or_default();
        let mut header = [0; 16];
        for (field, value) in header.chunks_exact_mut(4).zip([seconds, fraction, len_u32(data)?, original_len]) {
            field.copy_from_slice(&value.to_le_bytes());
        }
        self.sink.write_all(&header)?;
        self.sink.write_all(data)
    }

    /// Flushes the sink and gives it back.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.sink.flush()?;
        Ok(self.sink)
    }
}

/// What a section of a pcapng file says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct SectionOptions<'a> {
    /// The hardware of the capturing machine.
    pub hardware: Option<&'a str>,
    /// Its operating system.
    pub os: Option<&'a str>,
    /// The program that writes.
    pub application: Option<&'a str>,
    /// Comments.
    pub comments: &'a [&'a str],
}

/// What a pcapng file says of an interface. Times are written in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct InterfaceOptions<'a> {
    /// The link type of its packets.
    pub link: LinkType,
    /// Bytes kept of each packet at most; 0 for no limit.
    pub snaplen: u32,
    /// Its name.
    pub name: Option<&'a str>,
    /// The capture filter, as text.
    pub filter: Option<&'a str>,
    /// Comments.
    pub comments: &'a [&'a str],
}

/// Writes a pcapng file of one section, or of several.
pub struct PcapngWriter<W> {
    sink: W,
    interfaces: u32,
    /// Where the clocks of all interfaces begin, in seconds since 1970.
    epoch_s: i64,
    /// The block that is being put together.
    block: Vec<u8>,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a file with its first section.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn new(sink: W, options: &SectionOptions<'_>) -> io::Result<Self> {
        let mut writer = Self { sink, interfaces: 0, epoch_s: 0, block: Vec::new() };
        writer.section(options)?;
        Ok(writer)
    }

    /// Has the clocks of the interfaces that are described from here on begin in the second of `time`, if that lies before
    /// 1970: such times are told from then on (`if_tsoffset`).
    pub const fn begin_clocks_at(&mut self, time: Timestamp) {
        let seconds = time.as_nanos().div_euclid(NANOS_PER_SECOND);
        self.epoch_s = if seconds < 0 { seconds } else { 0 };
    }

    /// Begins a section, in which the interfaces are counted anew.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn section(&mut self, options: &SectionOptions<'_>) -> io::Result<()> {
        self.interfaces = 0;
        self.begin(0x0a0d_0d0a);
        self.block.extend(0x1a2b_3c4d_u32.to_le_bytes());
        self.block.extend(1_u16.to_le_bytes());
        self.block.extend(0_u16.to_le_bytes());
        // The length of the section is not told.
        self.block.extend(u64::MAX.to_le_bytes());
        self.comments(options.comments)?;
        for (code, text) in [(2, options.hardware), (3, options.os), (4, options.application)] {
            self.text_option(code, text)?;
        }
        self.end()
    }

    /// Describes an interface; returns its number within the section.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn interface(&mut self, options: &InterfaceOptions<'_>) -> io::Result<u32> {
        self.begin(1);
        self.block.extend(options.link.0.to_le_bytes());
        self.block.extend(0_u16.to_le_bytes());
        self.block.extend(options.snaplen.to_le_bytes());
        self.comments(options.comments)?;
        self.text_option(2, options.name)?;
        self.option(9, &[9])?;
        if let Some(filter) = options.filter {
            self.option(11, &[&[0], filter.as_bytes()].concat())?;
        }
        if self.epoch_s != 0 {
            self.option(14, &self.epoch_s.to_le_bytes())?;
        }
        self.end()?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Writes one packet of an interface that was described in this section.
    ///
    /// # Errors
    /// If the sink fails, if the time lies before 1970 and before the [beginning](Self::begin_clocks_at) of the clocks, or if
    /// the interface was not described.
    pub fn packet(
        &mut self,
        interface: u32,
        time: Timestamp,
        data: &[u8],
        original_len: u32,
        comments: &[&str],
    ) -> io::Result<()> {
        if interface >= self.interfaces {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the interface was not described"));
        }
        let captured = len_u32(data)?;
        self.begin(6);
        self.block.extend(interface.to_le_bytes());
        self.ticks(time)?;
        self.block.extend(captured.to_le_bytes());
        self.block.extend(original_len.to_le_bytes());
        self.block.extend(data);
        self.pad();
        self.comments(comments)?;
        self.end()
    }

    /// Writes an empty packet of the first interface of the section, without a time: a simple packet block.
    ///
    /// # Errors
    /// If the sink fails, or if no interface was described.
    pub fn untimed(&mut self) -> io::Result<()> {
        if self.interfaces == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the interface was not described"));
        }
        self.begin(3);
        self.block.extend(0_u32.to_le_bytes());
        self.end()
    }

    /// Writes what was counted on an interface up to `time`.
    ///
    /// # Errors
    /// If the sink fails or if the time lies before 1970.
    pub fn statistics(&mut self, interface: u32, time: Timestamp, counters: &Counters) -> io::Result<()> {
        self.begin(5);
        self.block.extend(interface.to_le_bytes());
        self.ticks(time)?;
        for (code, count) in [
            (4, counters.received),
            (5, counters.interface_drops),
            (6, counters.accepted),
            (7, counters.system_drops),
            (8, counters.delivered),
        ] {
            if let Some(count) = count {
                self.option(code, &count.to_le_bytes())?;
            }
        }
        self.end()
    }

    /// Says that nothing was captured on an interface until `time`: statistics that count nothing.
    ///
    /// # Errors
    /// If the sink fails or if the time lies before 1970.
    pub fn tick(&mut self, interface: u32, time: Timestamp) -> io::Result<()> {
        self.statistics(interface, time, &Counters::default())
    }

    /// The sink.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.sink
    }

    /// Flushes the sink and gives it back.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.sink.flush()?;
        Ok(self.sink)
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.block.extend(kind.to_le_bytes());
        // Room for the total length.
        self.block.extend([0; 4]);
    }

    fn ticks(&mut self, time: Timestamp) -> io::Result<()> {
        let ticks = i128::from(time.as_nanos()) - i128::from(self.epoch_s) * i128::from(NANOS_PER_SECOND);
        let ticks = u64::try_from(ticks).map_err(|_| time_out_of_range())?;
        self.block.extend(((ticks >> 32) as u32).to_le_bytes());
        self.block.extend((ticks as u32).to_le_bytes());
        Ok(())
    }

    fn comments(&mut self, comments: &[&str]) -> io::Result<()> {
        comments.iter().try_for_each(|comment| self.text_option(1, Some(comment)))
    }

    fn text_option(&mut self, code: u16, text: Option<&str>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.option(code, text.as_bytes()))
    }

    fn option(&mut self, code: u16, value: &[u8]) -> io::Result<()> {
        let len = u16::try_from(value.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "an option longer than 65535 bytes"))?;
        self.block.extend(code.to_le_bytes());
        self.block.extend(len.to_le_bytes());
        self.block.extend(value);
        self.pad();
        Ok(())
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// Fills in both total lengths and hands the block to the sink. Options need no end mark where the block ends.
    fn end(&mut self) -> io::Result<()> {
        let total = u32::try_from(self.block.len() + 4).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.block.extend(total.to_le_bytes());
        if let Some(field) = self.block.get_mut(4..8) {
            field.copy_from_slice(&total.to_le_bytes());
        }
        self.sink.write_all(&self.block)
    }
}

fn len_u32(data: &[u8]) -> io::Result<u32> {
    u32::try_from(data.len()).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a packet longer than 4 GiB"))
}

fn time_out_of_range() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "a time that the format cannot express")
}
