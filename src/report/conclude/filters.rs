//! Display filters for Wireshark that select the packets of a finding.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::flow::Flow;
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
    let flows: Vec<&Flow> = finding.flows.iter().filter_map(|number| flow(*number, timelines, numbers)).collect();
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

fn flow<'a>(number: u32, timelines: &'a [Judged], numbers: &FlowNumbers) -> Option<&'a Flow> {
    let (timeline, index) = numbers.place(number)?;
    timelines.get(timeline)?.timeline.analysis.flow(index)
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
fn any_of(flows: &[&Flow]) -> String {
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

/// Both addresses and both ports, in the form of Wireshark's own conversation filters.
fn addresses(flow: &Flow) -> String {
    let (client, server) = (flow.client(), flow.server());
    let field = |ip: IpAddr| if ip.is_ipv4() { "ip.addr" } else { "ipv6.addr" };
    // `tcp.port` matches either end: two equal ports have to be asked for one by one.
    let [one, other] = if client.port == server.port { ["srcport", "dstport"] } else { ["port", "port"] };
    format!(
        "{} == {} && tcp.{one} == {} && {} == {} && tcp.{other} == {}",
        field(client.ip),
        client.ip,
        client.port,
        field(server.ip),
        server.ip,
        server.port
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
}
