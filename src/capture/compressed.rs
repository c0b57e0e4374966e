//! Compressed captures: recognised by their first bytes, decompressed as they are read.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::{Decompress, FlushDecompress, Status};
use lzma_rust2::XzReader;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

/// First bytes that [`Compression::sniff`] needs.
pub(super) const MAGIC_LEN: usize = 6;
/// Compressed bytes read at a time.
const READ_LEN: usize = 1 << 18;
/// Memory that an xz stream may ask for, in KiB: 160 MiB, so that a dictionary of 128 MiB fits. `xz -9` asks for 65 MiB, a
/// hostile header for 4 GiB.
const XZ_MEMORY_KIB: u32 = 160 << 10;
/// The xz decoder that fails in the middle of a read takes with it what it had already put into the buffer. The shorter
/// the reads, the less of a damaged capture is lost; these cost little, since the decoder is slow per byte.
const XZ_SIP_LEN: usize = 1 << 9;
/// The window that a Zstandard frame may ask for, in bytes; the decoder holds up to three times as much. `zstd -19` asks for
/// 8 MiB, `zstd --long` for 128 MiB, a hostile header for 3.75 TiB.
const ZSTD_WINDOW: u64 = 64 << 20;
/// The window of RFC 1951 2, 32 KiB, as the power of two that zlib asks for.
const GZIP_WINDOW_BITS: u8 = 15;

/// How a capture is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames, skippable ones among them.
    Zstd,
    /// LZ4 frame format, any number of frames.
    Lz4,
    /// The .xz format, any number of streams.
    Xz,
}

impl Compression {
    /// The name of the program that makes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Xz => "xz",
        }
    }

    /// The compression that begins with these bytes.
    pub(super) fn sniff(first: &[u8]) -> Option<Self> {
        match first {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or the skippable frame that some compressors put before it (RFC 8878 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            // A frame, or a legacy frame.
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some(Self::Lz4),
            [0xfd, b'7', b'z', b'X', b'Z', 0x00, ..] => Some(Self::Xz),
            _ => None,
        }
    }

    /// The decompressed bytes of `source`.
    pub(super) fn decode(self, source: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        let source = BufReader::with_capacity(READ_LEN, source);
        match self {
            Self::Gzip => Box::new(GzipMembers::new(source)),
            Self::Zstd => Box::new(ZstdFrames::new(source)),
            Self::Lz4 => Box::new(Lz4Frames { decoder: Some(lz4_flex::frame::FrameDecoder::new(source)) }),
            Self::Xz => {
                Box::new(Sips { source: XzReader::new_mem_limit(source, true, XZ_MEMORY_KIB), len: XZ_SIP_LEN })
            }
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Asks its source for a few bytes at a time, however many are asked of it.
struct Sips<R> {
    source: R,
    len: usize,
}

impl<R: Read> Read for Sips<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len().min(self.len);
        self.source.read(buf.get_mut(..len).unwrap_or_default())
    }
}

/// Gzip members one after the other. The library's own reader of members gives nothing of the read in which it meets damage.
struct GzipMembers<R> {
    source: R,
    decoder: Decompress,
    in_member: bool,
    /// What went wrong; told once the bytes before it are given out.
    failure: Option<io::Error>,
}

impl<R: BufRead> GzipMembers<R> {
    fn new(source: R) -> Self {
        Self { source, decoder: Decompress::new_gzip(GZIP_WINDOW_BITS), in_member: false, failure: None }
    }

    /// Decodes what the source has at hand; returns the bytes given out.
    fn decode(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let input = self.source.fill_buf()?;
        let at_end = input.is_empty();
        let before = (self.decoder.total_in(), self.decoder.total_out());
        let result = self.decoder.decompress(input, buf, FlushDecompress::None);
        let read = self.decoder.total_in() - before.0;
        let written = self.decoder.total_out() - before.1;
        self.source.consume(usize::try_from(read).unwrap_or(usize::MAX));
        match result {
            Ok(Status::StreamEnd) => {
                self.decoder = Decompress::new_gzip(GZIP_WINDOW_BITS);
                self.in_member = false;
            }
            Ok(_) if at_end && written == 0 => self.failure = Some(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            // The library's own words depend on where in its input the damage stood.
            Err(_) => {
                self.failure = Some(io::Error::new(io::ErrorKind::InvalidData, "what should be compressed is not"))
            }
        }
        Ok(usize::try_from(written).unwrap_or(usize::MAX))
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if !self.in_member {
                self.in_member = !self.source.fill_buf()?.is_empty();
                if !self.in_member {
                    return Ok(0);
                }
            }
            let len = self.decode(buf)?;
            if len > 0 || buf.is_empty() {
                return Ok(len);
            }
        }
    }
}

/// Zstandard frames one after the other; the decoder itself stops after one.
struct ZstdFrames<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
    /// What went wrong in this frame; told once the bytes before it are given out.
    failure: Option<io::Error>,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(ZSTD_WINDOW);
        Self { source, decoder, in_frame: false, failure: None }
    }

    /// Begins the next frame; `false` at the end of the data.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let skipped = io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
                    if skipped < length.into() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    /// Decodes until there is something to give out.
    fn decode(&mut self) {
        use ruzstd::decoding::BlockDecodingStrategy::UptoBlocks;
        /// A last block without content, and room for a checksum.
        const END_OF_FRAME: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            if let Err(error) = self.decoder.decode_blocks(&mut self.source, UptoBlocks(1)) {
                self.failure = Some(io::Error::other(error));
                // The decoder holds back its window until the frame ends, so end it.
                if !self.decoder.is_finished() && self.decoder.decode_blocks(&END_OF_FRAME[..], UptoBlocks(1)).is_err()
                {
                    return;
                }
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.in_frame = false;
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(told), Some(calculated)) if told != calculated => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum of a frame does not match"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame {
                self.in_frame = self.begin()?;
                if !self.in_frame {
                    return Ok(0);
                }
            }
            self.decode();
            let len = self.decoder.read(buf)?;
            if len > 0 || buf.is_empty() {
                return Ok(len);
            }
            self.finish()?;
        }
    }
}

/// LZ4 frames one after the other, each with a decoder of its own.
struct Lz4Frames<R: Read> {
    /// `None` after an error.
    decoder: Option<lz4_flex::frame::FrameDecoder<R>>,
}

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(mut decoder) = self.decoder.take() {
            let len = decoder.read(buf)?;
            if len > 0 || buf.is_empty() {
                self.decoder = Some(decoder);
                return Ok(len);
            }
            let mut source = decoder.into_inner();
            if source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.decoder = Some(lz4_flex::frame::FrameDecoder::new(source));
        }
        Ok(0)
    }
}
