//! TCP options (RFC 9293 3.2). Own code, since etherparse's iterator ends at the first kind that it does not know, and the
//! kinds of most interest here are among those.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Options;
use crate::seq::Seq;

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;
const MULTIPATH: u8 = 30;
const FAST_OPEN: u8 = 34;
/// Shared by experiments (RFC 4727 7.2), and taken by the LVS FULLNAT family for the address of the real client.
const EXPERIMENT_253: u8 = 253;
const EXPERIMENT_254: u8 = 254;

/// Experiment identifier of Fast Open before it had a kind of its own (RFC 7413 appendix A, RFC 6994).
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];
/// Experiment identifiers that open an option of a length that a client address could have, too: TCP-ENO (RFC 8547), SMC-R
/// (RFC 7609) and Accurate ECN.
const OTHER_EXPERIMENTS: [[u8; 2]; 5] = [[0x45, 0x4e], [0xe2, 0xd4], [0xac, 0xce], [0xac, 0xc0], [0xac, 0xc1]];

/// Reads the options up to the end of the list, or to where it stops making sense. An option of a known kind but with a
/// length that this kind cannot have is passed over, as receivers do.
pub(super) fn options(bytes: &[u8]) -> Options {
    usual(bytes).map_or_else(|| list(bytes), |timestamps| Options { timestamps, ..Options::default() })
}

/// What nearly all lists say: nothing, or timestamps alone (RFC 7323 appendix A). None for a list of another form.
#[inline]
pub(super) fn usual(bytes: &[u8]) -> Option<Option<(u32, u32)>> {
    const TIMESTAMPS_ALONE: [u8; 4] = [NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10];
    if bytes.is_empty() {
        return Some(None);
    }
    let (head, numbers) = bytes.split_last_chunk::<8>()?;
    let numbers = u64::from_be_bytes(*numbers);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the word")]
    let (value, echo) = ((numbers >> 32) as u32, numbers as u32);
    (*head == TIMESTAMPS_ALONE).then_some(Some((value, echo)))
}

/// The options in a list of any form.
pub(super) fn list(mut bytes: &[u8]) -> Options {
    let mut options = Options::default();
    loop {
        bytes = match bytes {
            [NO_OPERATION, rest @ ..] => rest,
            [] | [END, ..] => return options,
            [kind, len, rest @ ..] => {
                let Some((data, rest)) = usize::from(*len).checked_sub(2).and_then(|len| rest.split_at_checked(len))
                else {
                    return options;
                };
                read(&mut options, *kind, data);
                rest
            }
            _ => return options,
        };
    }
}

fn read(options: &mut Options, kind: u8, data: &[u8]) {
    match (kind, data) {
        (TIMESTAMPS, [a, b, c, d, e, f, g, h]) => {
            let (value, echo) = (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]));
            options.timestamps = Some((value, echo));
        }
        (SACK, data) => options.sack = sack(data),
        (MAXIMUM_SEGMENT_SIZE, [high, low]) => options.mss = Some(u16::from_be_bytes([*high, *low])),
        (WINDOW_SCALE, [shift]) => options.window_scale = Some(*shift),
        (SACK_PERMITTED, []) => options.sack_permitted = true,
        (MULTIPATH, [_, ..]) => options.multipath = true,
        (FAST_OPEN, _) => options.fast_open = true,
        (EXPERIMENT_253 | EXPERIMENT_254, data) => experiment(options, kind, data),
        _ => {}
    }
}

/// The first block of a SACK option (RFC 2018 3), or none where it holds no whole number of them.
fn sack(data: &[u8]) -> Option<(Seq, Seq)> {
    let ([[a, b, c, d, e, f, g, h], ..], []) = data.as_chunks::<8>() else { return None };
    let (left, right) = (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]));
    Some((Seq(left), Seq(right)))
}

/// Reads an option of a kind that experiments share. An experiment opens with its identifier (RFC 6994 3), the address of a
/// real client (TOA) with a port: where the first bytes could be either, the identifier wins.
fn experiment(options: &mut Options, kind: u8, data: &[u8]) {
    let Some((id, _)) = data.split_first_chunk() else { return };
    if *id == FAST_OPEN_EXPERIMENT {
        options.fast_open = true;
    } else if !OTHER_EXPERIMENTS.contains(id) {
        options.toa = toa(kind, data).or(options.toa);
    }
}

/// The real client: port and address in network order, IPv4 under kind 254, IPv6 under 253 (LVS) or 254 (DPVS).
fn toa(kind: u8, data: &[u8]) -> Option<SocketAddr> {
    let (port, address) = data.split_first_chunk()?;
    let address: IpAddr = match kind {
        EXPERIMENT_254 if address.len() == 4 => Ipv4Addr::from(*address.first_chunk::<4>()?).into(),
        _ if address.len() == 16 => Ipv6Addr::from(*address.first_chunk::<16>()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(address, u16::from_be_bytes(*port)))
}

/// A hash of the raw option bytes, the same in every run; 0 for none.
pub(super) fn hash(bytes: &[u8]) -> u32 {
    /// 2^64 divided by the golden ratio, made odd: spreads every input bit over the upper half of the product.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    if bytes.is_empty() {
        return 0;
    }
    let (words, rest) = bytes.as_chunks::<4>();
    let mut state = bytes.len() as u64;
    for word in words {
        state = (state ^ u64::from(u32::from_le_bytes(*word))).wrapping_mul(SPREAD).rotate_left(32);
    }
    for byte in rest {
        state = (state ^ u64::from(*byte)).wrapping_mul(SPREAD).rotate_left(32);
    }
    (state ^ state >> 32) as u32
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The short way through a list says what the long one does.
        #[test]
        fn usual_lists_say_what_any_do(
            mut bytes in prop_oneof![
                vec(any::<u8>(), 0..14),
                vec(any::<u8>(), 8).prop_map(|numbers| [&[1, 1, 8, 10][..], &numbers].concat()),
            ],
            damage in proptest::option::weighted(0.3, (any::<proptest::sample::Index>(), any::<u8>())),
        ) {
            if let (Some((place, value)), false) = (damage, bytes.is_empty()) {
                *place.get_mut(&mut bytes) = value;
            }
            let Some(timestamps) = usual(&bytes) else { return Ok(()) };
            prop_assert_eq!(Options { timestamps, ..Options::default() }, list(&bytes));
        }
    }
}
