//! Display filters for Wireshark that select the packets of a finding.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::flow::{Flow, Socket};
use crate::report::judged::Judged;
use crate::report::model::{Filter, Finding, Frame};
use crate::report::numbers::FlowNumbers;

/// Filters for the frames of `finding` and for its flows.
///
/// Frames have numbers per file, so each of several files has a filter of its own. Streams are numbered for a single file that
/// was read without a filter; addresses select the flows in any file.
pub(super) fn filters(
    finding: &Finding,
    timelines: &[Judged],
    numbers: &FlowNumbers,
    several_files: bool,
) -> Vec<Filter> {
    let flows: Vec<Cow<'_, Flow>> =
        finding.flows.iter().filter_map(|number| flow(*number, timelines, numbers)).collect();
    let by_frames = frames_by_file(&finding.frames).into_iter().map(|(file, frames)| Filter {
        by: "frames",
        file: several_files.then_some(file),
        filter: among("frame.number", &frames),
    });
    let streams: Option<Vec<u32>> = flows.iter().map(|flow| flow.stream).collect();
    let streams = streams.filter(|streams| !several_files && !streams.is_empty());
    let by_streams = streams.map(|streams| Filter { by: "streams", file: None, filter: among("tcp.stream", &streams) });
    let by_addresses = (!flows.is_empty()).then(|| Filter { by: "addresses", file: None, filter: any_of(&flows) });
    by_frames.chain(by_streams).chain(by_addresses).collect()
}

fn flow<'a>(number: u32, timelines: &'a [Judged], numbers: &FlowNumbers) -> Option<Cow<'a, Flow>> {
    let (timeline, index) = numbers.place(number)?;
    timelines.get(timeline)?.timeline.analysis.flows.get(index)
}

fn frames_by_file(frames: &[Frame]) -> BTreeMap<u32, Vec<u32>> {
    let mut by_file: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for frame in frames {
        let (file, number) = match *frame {
            Frame::Only(number) => (0, number),
            Frame::InFile { file, frame } => (file, frame),
        };
        by_file.entry(file).or_default().push(number);
    }
    by_file
}

fn among(field: &str, numbers: &[u32]) -> String {
    let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
    format!("{field} in {{{}}}", numbers.join(", "))
}

/// What selects each of the flows, once for all generations of the same addresses and ports.
fn any_of(flows: &[Cow<'_, Flow>]) -> String {
    let mut each: Vec<String> = Vec::new();
    for flow in flows {
        let one = addresses(flow);
        if !each.contains(&one) {
            each.push(one);
        }
    }
    match each.as_slice() {
        [one] => one.clone(),
        several => format!("({})", several.join(") || (")),
    }
}

/// Both ways of the flow, each with its source and destination: between the same hosts another flow may have the same two
/// ports the other way round.
fn addresses(flow: &Flow) -> String {
    let (client, server) = (flow.client(), flow.server());
    format!("({}) || ({})", one_way(client, server), one_way(server, client))
}

fn one_way(from: Socket, to: Socket) -> String {
    let layer = |end: Socket| if end.ip.is_ipv4() { "ip" } else { "ipv6" };
    format!(
        "{}.src == {} && tcp.srcport == {} && {}.dst == {} && tcp.dstport == {}",
        layer(from),
        from.ip,
        from.port,
        layer(to),
        to.ip,
        to.port
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_its_frames() {
        let frame = |file, frame| Frame::InFile { file, frame };
        let by_file = frames_by_file(&[frame(0, 7), frame(1, 2), frame(0, 9)]);
        assert_eq!(by_file.into_iter().collect::<Vec<_>>(), [(0, vec![7, 9]), (1, vec![2])]);
        assert_eq!(among("frame.number", &[7, 9]), "frame.number in {7, 9}");
    }

    #[test]
    fn a_way_has_a_source_and_a_destination() {
        let [one, other] = ["192.0.2.1:40000", "[2001:db8::2]:80"].map(|text| {
            let end: std::net::SocketAddr = text.parse().unwrap();
            Socket::new(end.ip(), end.port())
        });
        assert_eq!(
            one_way(one, other),
            "ip.src == 192.0.2.1 && tcp.srcport == 40000 && ipv6.dst == 2001:db8::2 && tcp.dstport == 80"
        );
    }
}
