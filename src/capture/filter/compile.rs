//! Expressions compiled by libpcap, one program per link type.

use pcap::{Capture, Linktype};

use super::machine::Program;
use crate::capture::{Error, LinkType};

/// Link types on which an expression is tried before the first packet: Ethernet, 802.11 and Linux cooked, which between
/// them know every keyword.
const USUAL: [LinkType; 3] = [LinkType(1), LinkType(105), LinkType(113)];

#[derive(Debug)]
pub(super) struct Compiled {
    expression: String,
    /// The one used last comes first.
    programs: Vec<(LinkType, Program)>,
}

impl Compiled {
    pub(super) fn new(expression: &str) -> Result<Self, Error> {
        let mut reason = None;
        for link in USUAL {
            match compile(expression, link) {
                Ok(program) => {
                    return Ok(Self { expression: expression.to_owned(), programs: vec![(link, program)] });
                }
                Err(error) => reason = reason.or(Some(error)),
            }
        }
        Err(Error::Filter { expression: expression.to_owned(), reason: reason.unwrap_or_default() })
    }

    /// The program for a link type; `interface` is named where there can be none.
    #[inline]
    pub(super) fn program(&mut self, link: LinkType, interface: u32) -> Result<&Program, Error> {
        if self.programs.first().is_none_or(|(first, _)| *first != link) {
            self.bring_forward(link, interface)?;
        }
        match self.programs.first() {
            Some((_, program)) => Ok(program),
            None => Err(self.unusable(link, interface, "no program".to_owned())),
        }
    }

    fn bring_forward(&mut self, link: LinkType, interface: u32) -> Result<(), Error> {
        match self.programs.iter().position(|(other, _)| *other == link) {
            Some(position) => self.programs.swap(0, position),
            None => {
                let program =
                    compile(&self.expression, link).map_err(|reason| self.unusable(link, interface, reason))?;
                self.programs.insert(0, (link, program));
            }
        }
        Ok(())
    }

    fn unusable(&self, link: LinkType, interface: u32, reason: String) -> Error {
        Error::FilterLink { expression: self.expression.clone(), link, interface, reason }
    }
}

/// The program that libpcap makes of the expression, or its reason for making none.
fn compile(expression: &str, link: LinkType) -> Result<Program, String> {
    let dead = Capture::dead(Linktype(data_link(link))).map_err(reason)?;
    let compiled = dead.compile(expression, true).map_err(reason)?;
    let program = Program::from_lines(compiled.get_instructions().iter().map(ToString::to_string))
        .ok_or_else(|| "libpcap made a program of unknown instructions".to_owned())?;
    if program.asks_the_kernel() {
        return Err("it asks for what only a live capture knows, such as the direction of a packet".to_owned());
    }
    Ok(program)
}

fn reason(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    }
}

/// The number under which libpcap knows a link type on this system, where it differs from the one in files
/// (libpcap, pcap-common.c).
fn data_link(link: LinkType) -> i32 {
    const DLT_RAW: i32 = if cfg!(target_os = "openbsd") { 14 } else { 12 };
    const DLT_LOOP: i32 = if cfg!(target_os = "openbsd") { 12 } else { 108 };
    match link.0 {
        100 => 11,
        // Old files hold this system's or another system's own number.
        12 | 14 | 101 => DLT_RAW,
        108 => DLT_LOOP,
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Record;
    use crate::capture::filter::Filter;
    use crate::time::Timestamp;

    /// An IPv4 header and a TCP header from 10.0.0.1:1234 to 10.0.0.2:80, FIN set.
    fn ip_packet() -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet.extend([0x04, 0xd2, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x11, 1, 0, 0, 0, 0, 0]);
        packet
    }

    fn framed(link: u16) -> Vec<u8> {
        let head: &[u8] = match link {
            0 => &[2, 0, 0, 0],
            1 => &[1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0],
            9 => &[0xff, 0x03, 0x00, 0x21],
            108 => &[0, 0, 0, 2],
            113 => &[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0, 8, 0],
            276 => &[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0],
            105 => &[
                0x08, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 0, 0, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0,
            ],
            _ => &[],
        };
        [head, &ip_packet()].concat()
    }

    fn selects(filter: &mut Filter, link: u16, data: &[u8], original_len: u32) -> Result<bool, Error> {
        let time = Timestamp::from_nanos(0);
        filter.matches(&Record { time, frame: 1, link: LinkType(link), interface: 3, data, original_len, told: None })
    }

    #[test]
    fn one_expression_serves_every_link_type_that_carries_ip() {
        let mut hit = Filter::new("tcp port 80 and host 10.0.0.1 and tcp[tcpflags] & tcp-fin != 0").unwrap();
        let mut miss = Filter::new("udp or port 81").unwrap();
        for link in [0, 1, 9, 12, 14, 101, 105, 108, 113, 228, 276] {
            let frame = framed(link);
            assert!(selects(&mut hit, link, &frame, frame.len() as u32).unwrap(), "link type {link}");
            assert!(!selects(&mut miss, link, &frame, frame.len() as u32).unwrap(), "link type {link}");
        }
    }

    #[test]
    fn a_cut_packet_is_judged_by_its_length_on_the_wire() {
        let frame = framed(1);
        let mut long = Filter::new("greater 1000").unwrap();
        assert!(selects(&mut long, 1, &frame, 1514).unwrap());
        assert!(!selects(&mut long, 1, &frame, 54).unwrap());
    }

    #[test]
    fn a_field_beyond_the_cut_is_no_match() {
        let frame = framed(1);
        let mut port = Filter::new("tcp port 80").unwrap();
        assert!(!selects(&mut port, 1, &frame[..36], 54).unwrap());
    }

    #[test]
    fn a_wrong_expression_is_named_with_its_fault() {
        for expression in ["tcp prot 80", "port 99999", "host 10.0.0.300", "(tcp", "tcp\0"] {
            let error = Filter::new(expression).unwrap_err();
            let Error::Filter { expression: named, reason } = &error else { panic!("{error}") };
            assert_eq!(named, expression);
            assert!(!reason.is_empty() && !reason.starts_with("libpcap error"), "{reason}");
        }
    }

    #[test]
    fn an_expression_that_a_link_type_cannot_answer_is_refused_there() {
        let mut vlan = Filter::new("ether host 02:02:02:02:02:02").unwrap();
        assert!(selects(&mut vlan, 1, &framed(1), 54).unwrap());
        let error = selects(&mut vlan, 101, &framed(101), 40).unwrap_err().to_string();
        assert!(error.contains("on RAW") && error.contains("interface 3"), "{error}");
        // Bluetooth HCI has no IP.
        let error = selects(&mut Filter::new("tcp").unwrap(), 187, &[0; 20], 20);
        assert!(error.is_err() || !error.unwrap(), "nothing on Bluetooth is TCP");
    }

    #[test]
    fn a_direction_that_no_file_holds_is_refused() {
        let error = Filter::new("inbound and tcp").map(|mut filter| selects(&mut filter, 1, &framed(1), 54));
        let message = match error {
            Ok(Err(error)) | Err(error) => error.to_string(),
            Ok(Ok(selected)) => panic!("judged as {selected}"),
        };
        assert!(message.contains("live capture") || message.contains("not supported"), "{message}");
    }
}
