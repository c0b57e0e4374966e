//! Why a capture could not be read at all.

use std::io;

use super::LinkType;

/// What stops the reading of a capture. A capture that is merely damaged is not an error: it is read to the damage,
/// see [`CaptureInfo::truncated`](super::CaptureInfo::truncated).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system would not open the file.
    #[error("cannot open {name}: {source}")]
    Open {
        /// The file as the user named it.
        name: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The operating system failed to deliver bytes.
    #[error("cannot read {name}: {source}")]
    Read {
        /// The file as the user named it.
        name: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{name} is not a capture that can be read: it is {found}; supported are pcap and pcapng, \
         plain or compressed with gzip, zstd, lz4 or xz"
    )]
    NotACapture {
        /// The file as the user named it.
        name: String,
        /// What its first bytes look like, as a noun with its article.
        found: String,
    },
    /// The compressed data are damaged before anything of the capture came out.
    #[error("{name} looks like {compression} data, but nothing of a capture can be decompressed: {reason}")]
    Decompress {
        /// The file as the user named it.
        name: String,
        /// Name of the compression.
        compression: &'static str,
        /// The decompressor's reason.
        reason: String,
    },
    /// One file was named more than once.
    #[error("{name} and {again} are the same file: name it once")]
    SameFile {
        /// As the user named it first.
        name: String,
        /// As the user named it the second time.
        again: String,
    },
    /// The filter expression is wrong for every link type.
    #[error("the filter expression \"{expression}\" is wrong: {reason}")]
    Filter {
        /// The expression as typed.
        expression: String,
        /// libpcap's reason.
        reason: String,
    },
    /// The filter expression means nothing on a link type of the capture.
    #[error(
        "the filter expression \"{expression}\" cannot be used on {link}, the link type of interface {interface}: {reason}"
    )]
    FilterLink {
        /// The expression as typed.
        expression: String,
        /// The link type.
        link: LinkType,
        /// The first interface seen with it.
        interface: u32,
        /// libpcap's reason.
        reason: String,
    },
    /// The process may not capture.
    #[error(
        "not allowed to capture on {interface}: {reason}. Run it as root; or give the program the right, and only that, with \
         `sudo setcap cap_net_raw+ep \"$(command -v idlegap)\"`; or give it to one group: `sudo groupadd -f capture && sudo \
         chgrp capture FILE && sudo chmod 750 FILE && sudo setcap cap_net_raw+ep FILE`, FILE being the program, then `sudo \
         usermod -aG capture $USER`; or leave capturing to another program: `sudo tcpdump -i {interface} -U -w - | idlegap live -`"
    )]
    Forbidden {
        /// The interface.
        interface: String,
        /// libpcap's reason.
        reason: String,
    },
    /// The interface cannot be opened.
    #[error("cannot capture on {interface}: {reason}; `idlegap live -D` lists the interfaces")]
    Interface {
        /// The interface.
        interface: String,
        /// libpcap's reason.
        reason: String,
    },
    /// The interface gave out while it was captured on.
    #[error("lost the interface {interface}: {reason}")]
    Lost {
        /// The interface.
        interface: String,
        /// libpcap's reason.
        reason: String,
    },
    /// The interfaces cannot be listed.
    #[error("cannot list the interfaces: {reason}")]
    Interfaces {
        /// libpcap's reason.
        reason: String,
    },
    /// The program was built without libpcap, so it has no interfaces.
    #[error(
        "this build has no libpcap, so it cannot capture: build it with the feature `live`, or pipe `tcpdump -U -w -` into `idlegap live -`"
    )]
    NoInterfaces,
    /// The program was built without libpcap.
    #[error(
        "this build has no libpcap, so it cannot use the filter expression \"{expression}\": build it with the feature `live`"
    )]
    NoFilter {
        /// The expression as typed.
        expression: String,
    },
}
