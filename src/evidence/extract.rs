//! The extract as it is written, packet by packet, while the capture is read a second time.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::annotate::Annotations;
use super::check::Gist;
use super::pseudonyms::Pseudonyms;
use super::rewrite::{Rewriter, Rewritten};
use super::select::{Gathered, Kept, Selection};
use crate::analyzer::Seen;
use crate::capture::{Counters, InterfaceOptions, LinkType, PcapngWriter, RealClient, Record, SectionOptions, Told};
use crate::flow::FrameId;
use crate::report::build::Built;
use crate::report::escape::escaped;
use crate::report::judged::Judged;
use crate::report::model::Report;
use crate::report::units::{count, plural};
use crate::time::Timestamp;
use crate::verdict::quality::lost;

/// Findings told in the section's comment at most.
const FINDINGS: usize = 20;

/// How an extract is made.
#[derive(Default)]
pub struct Options {
    /// Whether payload is cut off.
    pub strip_payload: bool,
    /// What stands in the place of addresses; payload is cut off then, too.
    pub pseudonyms: Option<Pseudonyms>,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Flows in the extract.
    pub flows: u64,
    /// Flows in the capture.
    pub flows_total: u64,
    /// Packets of these flows.
    pub packets: u64,
    /// Packets read.
    pub packets_total: u64,
}

/// What the extract of a timeline will hold.
pub struct Plan<'a> {
    judged: &'a Judged,
    report: &'a Report,
    /// The flows and what is to be kept of them.
    pub selection: Selection,
}

impl<'a> Plan<'a> {
    /// Selects from the only timeline of `built`, of which this was `gathered`: the flows with findings, or those that
    /// are `asked` for. `None` where there are several timelines, or none.
    #[must_use]
    pub fn new(built: &'a Built, asked: Option<&[u32]>, gathered: &Gathered) -> Option<Self> {
        let [judged] = built.timelines() else { return None };
        Some(Self { judged, report: &built.report, selection: Selection::new(judged, asked, gathered) })
    }

    /// The flows that are kept, in their order, with the verdicts on them.
    pub(super) fn gists(&self) -> impl Iterator<Item = (u32, Gist)> {
        let flows = &self.judged.timeline.analysis.flows;
        let gist = |index: &u32| Some((*index, Gist::of(&self.judged.verdict(&*flows.get(*index)?))));
        self.selection.flows.iter().filter_map(gist)
    }
}

/// An extract being written.
pub struct Extract<'a, W: Write> {
    plan: &'a Plan<'a>,
    annotations: Annotations,
    rewriter: Rewriter,
    writer: PcapngWriter<W>,
    /// Link type and number of the interfaces described so far; the place is the number in the extract.
    interfaces: Vec<(LinkType, u32)>,
    /// The latest time written.
    latest: Timestamp,
    written: Written,
}

impl<'a, W: Write> Extract<'a, W> {
    /// Begins the extract with what it is about.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn new(sink: W, plan: &'a Plan<'a>, options: Options) -> io::Result<Self> {
        let mut rewriter = Rewriter { strip: options.strip_payload, pseudonyms: options.pseudonyms };
        let comment = about(plan, &mut rewriter);
        let application = format!("idlegap {}", env!("CARGO_PKG_VERSION"));
        let section = SectionOptions { application: Some(&application), comments: &[&comment], ..Default::default() };
        let written = Written {
            flows: plan.selection.flows.len() as u64,
            flows_total: plan.judged.timeline.analysis.flows.len() as u64,
            ..Written::default()
        };
        Ok(Self {
            plan,
            annotations: Annotations::new(plan.judged, &plan.selection),
            rewriter,
            writer: {
                let mut writer = PcapngWriter::new(sink, &section)?;
                writer.begin_clocks_at(plan.selection.span.0);
                writer
            },
            interfaces: Vec::new(),
            latest: plan.selection.span.0,
            written,
        })
    }

    /// Takes one record, in the order of the first reading.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn record(&mut self, record: &Record<'_>, seen: &Seen<'_>) -> io::Result<()> {
        self.written.packets_total += 1;
        match self.plan.selection.keeps(record.time, seen) {
            Kept::Whole => {
                let frame = self.rewriter.rewrite(record);
                let comments = frame_of(seen).map(|frame| self.annotations.comments(frame, self.plan.judged));
                let comments: Vec<_> = comments.into_iter().flatten().chain(self.told(seen)).collect();
                self.written.packets += 1;
                self.write(record, &frame, &comments)
            }
            Kept::Time => {
                let frame = Rewritten { link: record.link, data: Vec::new(), original_len: record.original_len };
                let comment = "idlegap: a packet of another flow, of which only the time is kept".to_owned();
                self.write(record, &frame, &[comment])
            }
            Kept::Nothing => Ok(()),
        }
    }

    /// Ends the extract with what the capturing side said of its losses.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn finish(mut self) -> io::Result<Written> {
        let judged = self.plan.judged;
        let limits = &judged.limits;
        if !self.interfaces.is_empty() {
            if limits.untimed > 0 {
                self.writer.untimed()?;
            }
            if limits.lost > 0 || limits.received > 0 {
                let counters = counters(judged);
                self.writer.statistics(0, judged.timeline.analysis.end, &counters)?;
            }
            // The capture went on without a packet: its recording says until when.
            if judged.timeline.analysis.end > self.latest {
                self.writer.tick(0, judged.timeline.analysis.end)?;
            }
        }
        self.writer.finish()?;
        Ok(self.written)
    }

    /// What is to be said in the place of octets that the extract does not hold. An address out of payload is payload, too.
    fn told(&mut self, seen: &Seen<'_>) -> Option<String> {
        let Seen::Segment(labelled) = seen else { return None };
        let is_gone = self.rewriter.cuts() || labelled.segment.payload.is_empty();
        let told = Some(labelled.told).filter(|told| is_gone && !told.is_nothing())?;
        let client = told.client.map(|client| match (client, &mut self.rewriter.pseudonyms) {
            (RealClient::Address(client), Some(pseudonyms)) => {
                RealClient::Address(SocketAddr::new(pseudonyms.address(client.ip()), client.port()))
            }
            (RealClient::Address(_), None) if self.rewriter.strip => RealClient::Withheld,
            (client, _) => client,
        });
        Some(Told { client, ..told }.to_string())
    }

    fn write(&mut self, record: &Record<'_>, frame: &Rewritten, comments: &[String]) -> io::Result<()> {
        let interface = self.interface(frame.link, record.interface)?;
        self.latest = self.latest.max(record.time);
        let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
        self.writer.packet(interface, record.time, &frame.data, frame.original_len, &comments)
    }

    /// The number in the extract of the interface that had this link type and number.
    fn interface(&mut self, link: LinkType, number: u32) -> io::Result<u32> {
        if let Some(known) = self.interfaces.iter().position(|interface| *interface == (link, number)) {
            return Ok(u32::try_from(known).unwrap_or(u32::MAX));
        }
        self.interfaces.push((link, number));
        let name = self.rewriter.pseudonyms.is_none().then(|| interface_name(self.plan.judged, number)).flatten();
        self.writer.interface(&InterfaceOptions {
            link,
            snaplen: 0,
            name: name.as_deref(),
            filter: None,
            comments: &[],
        })
    }
}

/// The frame as notes name it.
fn frame_of(seen: &Seen<'_>) -> Option<FrameId> {
    match seen {
        Seen::Segment(labelled) => Some(labelled.mark.frame),
        _ => None,
    }
}

/// What the capture says of its losses, all files together. Packets received stand for those that were not kept, so that
/// the losses stay what they are: a part of all.
fn counters(judged: &Judged) -> Counters {
    let infos = || judged.timeline.files.iter().map(|(_, info)| info);
    let sum = |of: fn(&Counters) -> Option<u64>| infos().filter_map(|info| of(&info.counters)).sum::<u64>();
    let drops = sum(|counters| counters.interface_drops);
    Counters {
        received: Some(judged.limits.received.max(judged.limits.records)),
        interface_drops: Some(drops),
        system_drops: Some(infos().map(lost).sum::<u64>().saturating_sub(drops)),
        accepted: None,
        delivered: None,
    }
}

/// The name of interface `number`, where all sections of all files agree.
fn interface_name(judged: &Judged, number: u32) -> Option<String> {
    let interfaces = judged.timeline.files.iter().flat_map(|(_, info)| &info.interfaces);
    let mut names = interfaces.filter(|interface| interface.number == number).map(|interface| &interface.name);
    let name = names.next()?.as_ref()?;
    names.all(|other| other.as_ref() == Some(name)).then(|| escaped(name).to_string())
}

/// The comment on the section: the verdicts, without a word that came from a packet.
fn about(plan: &Plan<'_>, rewriter: &mut Rewriter) -> String {
    let (kept, all) = (plan.selection.flows.len() as u64, plan.report.flows_total);
    let mut lines = vec![format!(
        "Evidence cut by idlegap {} from a capture of {}: {}.",
        env!("CARGO_PKG_VERSION"),
        plural(u64::from(all), "flow"),
        plural(kept, "flow")
    )];
    for finding in plan.report.findings.iter().take(FINDINGS) {
        lines.push(format!("{}: {}. {}", finding.id, finding.title, finding.detail));
    }
    let left = plan.report.findings.len().saturating_sub(FINDINGS);
    if left > 0 {
        lines.push(format!("{} more findings are in the report.", count(left as u64)));
    }
    if rewriter.pseudonyms.is_some() {
        lines.push("Payload is cut off; addresses are pseudonyms that keep common prefixes.".to_owned());
    } else if rewriter.strip {
        lines.push("Payload is cut off.".to_owned());
    }
    let text = lines.join("\n");
    match &mut rewriter.pseudonyms {
        Some(pseudonyms) => renamed(&text, pseudonyms),
        None => text,
    }
}

/// The text with pseudonyms in the place of the addresses and ports in it.
fn renamed(text: &str, pseudonyms: &mut Pseudonyms) -> String {
    let mut rename = |word: &str| {
        let bare = word.trim_start_matches('(').trim_end_matches(['.', ',', ';', ':', ')']);
        let start = word.len() - word.trim_start_matches('(').len();
        let (before, after) =
            (word.get(..start).unwrap_or_default(), word.get(start + bare.len()..).unwrap_or_default());
        name(bare, pseudonyms).map_or_else(|| word.to_owned(), |name| format!("{before}{name}{after}"))
    };
    text.split_inclusive([' ', '\n'])
        .map(|word| match word.strip_suffix([' ', '\n']) {
            Some(bare) => rename(bare) + word.get(bare.len()..).unwrap_or_default(),
            None => rename(word),
        })
        .collect()
}

/// The pseudonym of an address, alone, with a port or as that of a network; `None` for any other word.
fn name(word: &str, pseudonyms: &mut Pseudonyms) -> Option<String> {
    if let Ok(socket) = word.parse::<SocketAddr>() {
        return Some(SocketAddr::new(pseudonyms.address(socket.ip()), socket.port()).to_string());
    }
    if let Ok(ip) = word.parse::<IpAddr>() {
        return Some(pseudonyms.address(ip).to_string());
    }
    let (ip, len) = word.split_once('/')?;
    let (ip, len): (IpAddr, u32) = (ip.parse().ok()?, len.parse().ok()?);
    // Addresses of one network have pseudonyms in one network, of the same size.
    let network: IpAddr = match pseudonyms.address(ip) {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & !u32::MAX.checked_shr(len).unwrap_or(0)).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::MAX.checked_shr(len).unwrap_or(0)).into(),
    };
    Some(format!("{network}/{len}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::pseudonyms::Key;

    #[test]
    fn addresses_in_words_are_renamed_and_nothing_else() {
        let key = Key::from_argument(&format!("{}{}", "12".repeat(16), "34".repeat(16))).unwrap();
        let mut pseudonyms = Pseudonyms::new(Some(&key));
        let text = "2 flows to 10.0.0.2:5432 died (90 s). Flow 3: 1.2 s, [2001:db8::1]:80;\nat 10:30, TTL 64.";
        let renamed = renamed(text, &mut pseudonyms);
        let of = |socket: &str, pseudonyms: &mut Pseudonyms| {
            let socket: SocketAddr = socket.parse().unwrap();
            SocketAddr::new(pseudonyms.address(socket.ip()), socket.port()).to_string()
        };
        let (v4, v6) = (of("10.0.0.2:5432", &mut pseudonyms), of("[2001:db8::1]:80", &mut pseudonyms));
        let expected = text.replace("10.0.0.2:5432", &v4).replace("[2001:db8::1]:80", &v6);
        assert_eq!(renamed, expected);
        assert!(!renamed.contains("10.0.0.2") && !renamed.contains("2001:db8::1"), "{renamed}");
        let ip: IpAddr = "10.1.2.3".parse().unwrap();
        let inside = pseudonyms.address(ip).to_string();
        let network = super::renamed("from (10.1.2.0/24)", &mut pseudonyms);
        let shared = inside.rsplit_once('.').unwrap().0;
        assert_eq!(network, format!("from ({shared}.0/24)"));
        assert_eq!(super::renamed("by 10.1.2.3.", &mut pseudonyms), format!("by {inside}."));
    }
}
