//! More of everything than anybody would send in good faith: flows, gaps, probes, unfinished requests.

use std::io;

use crate::child::feed;
use crate::scaled;
use crate::stream::{ACK, End, FIN, RST, SYN, Segment, Stream};

const SERVER: End = ([192, 0, 2, 1], 80);
const CLIENT: End = ([192, 0, 2, 2], 40_000);
const MICRO: u64 = 1_000;
const SECOND: u64 = 1_000_000_000;

fn segment(from: End, to: End, flags: u8, (seq, ack): (u32, u32), payload: &[u8]) -> Segment<'_> {
    Segment { from, to, flags, seq, ack, payload }
}

/// Client number `index` of at most 2^24.
fn client(index: u64) -> End {
    let [.., a, b, c] = index.to_be_bytes();
    ([10, a, b, c], 40_000)
}

/// A SYN flood: the server answers, nobody completes a handshake.
#[test]
fn half_open_flows() {
    let count = scaled(50_000, 10_000_000);
    let ended = feed(&["--threads", "1", "-"], |pipe| {
        let mut stream = Stream::new(pipe)?;
        for index in 0..count {
            let at = index * 20 * MICRO;
            stream.send(at, &segment(client(index), SERVER, SYN, (index as u32, 0), b""))?;
            stream.send(at + 10 * MICRO, &segment(SERVER, client(index), SYN | ACK, (7, index as u32 + 1), b""))?;
        }
        Ok(())
    });
    ended.holds(&format!("{count} half-open flows"));
}

/// A scan: every flow is of a server of its own, which answers with a RST.
#[test]
fn servers_without_number() {
    let count = scaled(50_000, 10_000_000);
    let ended = feed(&["--threads", "1", "-"], |pipe| {
        let mut stream = Stream::new(pipe)?;
        for index in 0..count {
            let at = index * 20 * MICRO;
            stream.send(at, &segment(CLIENT, client(index), SYN, (5, 0), b""))?;
            stream.send(at + 10 * MICRO, &segment(client(index), CLIENT, RST | ACK, (0, 6), b""))?;
        }
        Ok(())
    });
    ended.holds(&format!("{count} servers"));
}

/// Requests whose head never ends: each would have to be kept for its name. These are connections, whose number is bounded by
/// who asks for it.
#[test]
fn unfinished_requests() {
    let count = scaled(50_000, 1_000_000);
    let ended = feed(&["--max-flows", "200000", "-"], |pipe| {
        let mut stream = Stream::new(pipe)?;
        let head = [b"GET /".as_slice(), &[b'x'; 1_000]].concat();
        for index in 0..count {
            stream.send(index * 20 * MICRO, &segment(client(index), SERVER, ACK, (1, 1), &head))?;
        }
        Ok(())
    });
    ended.holds(&format!("{count} unfinished requests"));
}

/// One connection that is used every 2 s, for months.
#[test]
fn one_flow_of_many_gaps() {
    let count = scaled(200_000, 10_000_000);
    let ended = feed(&["--format", "json", "-"], |pipe| {
        let mut stream = Stream::new(pipe)?;
        for index in 0..count {
            let (at, number) = (index * 2 * SECOND, index as u32);
            stream.send(at, &segment(CLIENT, SERVER, ACK, (number, 1), b"x"))?;
            stream.send(at + MICRO, &segment(SERVER, CLIENT, ACK, (1, number.wrapping_add(1)), b""))?;
        }
        Ok(())
    });
    ended.holds(&format!("{count} gaps"));
    let report = ended.json();
    let flow = &report["flows"][0];
    assert_eq!(report["flows"].as_array().unwrap().len(), 1);
    assert_eq!(flow["packets"].as_u64().unwrap(), 2 * count);
    assert!(flow["gaps_total"].as_u64().unwrap() >= count - 1, "{}", flow["gaps_total"]);
    assert!(flow["gaps"].as_array().unwrap().len() <= 32);
}

/// One idle connection that is kept alive for years.
#[test]
fn one_flow_of_many_probes() {
    let count = scaled(200_000, 10_000_000);
    let ended = feed(&["--format", "json", "-"], |pipe| {
        let mut stream = Stream::new(pipe)?;
        stream.send(0, &segment(CLIENT, SERVER, ACK, (991, 1), b"0123456789"))?;
        stream.send(MICRO, &segment(SERVER, CLIENT, ACK, (1, 1_001), b""))?;
        for index in 1..=count {
            let at = index * 75 * SECOND;
            stream.send(at, &segment(CLIENT, SERVER, ACK, (1_000, 1), b""))?;
            stream.send(at + MICRO, &segment(SERVER, CLIENT, ACK, (1, 1_001), b""))?;
        }
        Ok(())
    });
    ended.holds(&format!("{count} probes"));
    let keepalive = &ended.json()["flows"][0]["keepalive"]["c2s"];
    assert_eq!(keepalive["probes"].as_u64(), Some(count), "{keepalive}");
    assert_eq!(keepalive["answered"].as_u64(), Some(count));
    assert!(keepalive["frames"].as_array().unwrap().len() <= 16);
}

/// One pair of ports that is used again and again, each time reset: connections, too.
#[test]
fn one_tuple_of_many_generations() {
    let count = scaled(20_000, 10_000_000);
    let generations = |stream: &mut Stream<'_>| -> io::Result<()> {
        for index in 0..count {
            let (at, isn) = (index * 20 * MICRO, (index as u32).wrapping_mul(77_777));
            stream.send(at, &segment(CLIENT, SERVER, SYN, (isn, 0), b""))?;
            stream.send(at + MICRO, &segment(SERVER, CLIENT, SYN | ACK, (9, isn.wrapping_add(1)), b""))?;
            stream.send(at + 2 * MICRO, &segment(CLIENT, SERVER, FIN | ACK, (isn.wrapping_add(1), 10), b""))?;
            stream.send(at + 3 * MICRO, &segment(SERVER, CLIENT, RST, (10, 0), b""))?;
        }
        Ok(())
    };
    let ended = feed(&["--max-flows", "200000", "-"], |pipe| generations(&mut Stream::new(pipe)?));
    ended.holds(&format!("{count} generations"));
}

/// The trace writes as it reads.
#[test]
fn a_trace_of_any_length() {
    let count = scaled(100_000, 10_000_000);
    let ended = feed(&["trace", "--format", "jsonl", "-"], |pipe| {
        let mut stream = Stream::new(pipe)?;
        for index in 0..count {
            stream.send(index * 20 * MICRO, &segment(CLIENT, SERVER, ACK, (index as u32, 1), b"x"))?;
        }
        Ok(())
    });
    ended.holds(&format!("a trace of {count} segments"));
}
