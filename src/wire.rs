//! From the bytes of a frame to a [`Segment`], through link layer, tunnels, IP and TCP.

mod segment;

pub use segment::{
    Decoded, Flags, Fragment, FragmentInfo, IcmpError, IcmpKind, Layer, LinkInfo, Options, Segment, Skip, SkipReason,
    Tunnel,
};
