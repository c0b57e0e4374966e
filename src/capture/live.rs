//! Capture from an interface, by libpcap.

use std::time::Duration;

use pcap::{Active, Capture, Device, Linktype, Precision};

use super::info::{CaptureInfo, Container, Counters, Format, InterfaceInfo};
use super::{Error, LinkType, LiveOptions, Next, Record, Source};
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// How long a read waits for a packet, and how long the kernel may keep one back to hand over several at once.
pub const WAIT: Duration = Duration::from_millis(100);
/// The pseudo-interface that sees all others (Linux).
const ANY: &str = "any";

/// An interface that can be captured on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// What the system says of it, where it says anything.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<std::net::IpAddr>,
    /// Whether it is up.
    pub is_up: bool,
    /// Whether it is a loopback interface.
    pub is_loopback: bool,
}

/// The interfaces that can be captured on, in libpcap's order.
///
/// # Errors
/// If libpcap cannot list them.
pub fn interfaces() -> Result<Vec<Found>, Error> {
    let devices = Device::list().map_err(|error| Error::Interfaces { reason: reason(error) })?;
    let found = |device: Device| Found {
        is_up: device.flags.is_up(),
        is_loopback: device.flags.is_loopback(),
        addresses: device.addresses.iter().map(|address| address.addr).collect(),
        description: device.desc.filter(|text| !text.is_empty()),
        name: device.name,
    };
    Ok(devices.into_iter().map(found).collect())
}

/// An open capture.
pub struct Interface {
    capture: Capture<Active>,
    name: String,
    link: LinkType,
    info: CaptureInfo,
    /// Whether the last read found a packet, so that there may be another.
    ready: bool,
    /// libpcap counts in 32 bits: the last counts seen, and the sums that do not wrap.
    last: [u32; 3],
    totals: [u64; 3],
}

impl Interface {
    /// Begins to capture.
    ///
    /// # Errors
    /// If there is no such interface, if the process may not capture, or if the filter is wrong.
    pub fn open(options: &LiveOptions) -> Result<Self, Error> {
        let name = options.interface.clone();
        let fail = |error| failure(&name, reason(error));
        let inactive = Capture::from_device(options.interface.as_str()).map_err(fail)?;
        let mut inactive = inactive
            .snaplen(i32::try_from(options.snaplen).unwrap_or(i32::MAX))
            // On `any` there is nothing to set, and libpcap takes that for a failure.
            .promisc(options.promiscuous && options.interface != ANY)
            .timeout(i32::try_from(WAIT.as_millis()).unwrap_or(i32::MAX))
            .precision(precision());
        if let Some(octets) = options.buffer {
            inactive = inactive.buffer_size(i32::try_from(octets).unwrap_or(i32::MAX));
        }
        // libpcap waits without end for the first packet, whatever the timeout; so the waiting is done here.
        let mut capture = inactive.open().and_then(Capture::setnonblock).map_err(fail)?;
        if !options.filter.is_empty() {
            let wrong = |error| Error::Filter { expression: options.filter.clone(), reason: reason(error) };
            capture.filter(&options.filter, true).map_err(wrong)?;
        }
        let link = file_link(capture.get_datalink());
        let info = describe(options, link);
        Ok(Self { capture, name, link, info, ready: false, last: [0; 3], totals: [0; 3] })
    }

    /// The link type of what is captured.
    #[must_use]
    pub const fn link(&self) -> LinkType {
        self.link
    }
}

impl Source for Interface {
    fn next(&mut self) -> Result<Next<'_>, Error> {
        if !self.ready {
            wait(&self.capture);
        }
        let packet = match self.capture.next_packet() {
            Ok(packet) => packet,
            Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => {
                self.ready = false;
                return Ok(Next::Quiet);
            }
            Err(error) => return Err(Error::Lost { interface: self.name.clone(), reason: reason(error) }),
        };
        self.ready = true;
        let time = time(packet.header.ts.tv_sec, packet.header.ts.tv_usec);
        self.info.frames += 1;
        let frame = self.info.frames;
        self.info.note_time(time, frame);
        let (data, original_len) = (packet.data, packet.header.len);
        let record = Record { time, frame, link: self.link, interface: 0, data, original_len, told: None };
        self.info.note_record(record.link, record.data.len(), record.original_len);
        Ok(Next::Record(record))
    }

    fn counters(&mut self) -> Option<Counters> {
        let stats = self.capture.stats().ok()?;
        let now = [stats.received, stats.dropped, stats.if_dropped];
        for ((total, last), now) in self.totals.iter_mut().zip(&mut self.last).zip(now) {
            // A count that shrank without wrapping is one of an interface that began anew.
            let step = now.wrapping_sub(*last);
            *total = total.saturating_add(if step > u32::MAX / 2 { 0 } else { step.into() });
            *last = now;
        }
        let [received, system, interface] = self.totals;
        let counters = Counters {
            received: Some(received),
            system_drops: Some(system),
            interface_drops: Some(interface),
            accepted: None,
            delivered: Some(self.info.packets),
        };
        self.info.counters = counters;
        Some(counters)
    }

    fn info(&self) -> CaptureInfo {
        self.info.clone()
    }
}

/// Waits until there is something to read, a signal comes, or the time is up.
#[cfg(unix)]
fn wait(capture: &Capture<Active>) {
    use std::os::fd::AsFd;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut interface = [PollFd::new(capture.as_fd(), PollFlags::POLLIN)];
    // Whatever is wrong with the interface, the next read says it better.
    let _ = poll(&mut interface, PollTimeout::try_from(WAIT).unwrap_or(PollTimeout::ZERO));
}

/// Waits for a moment.
#[cfg(not(unix))]
fn wait(_capture: &Capture<Active>) {
    std::thread::sleep(WAIT / 10);
}

fn describe(options: &LiveOptions, link: LinkType) -> CaptureInfo {
    let format = Format { container: Container::Interface, compression: None };
    let mut info = CaptureInfo::new(options.interface.clone(), format);
    info.note_interface(InterfaceInfo {
        section: 0,
        number: 0,
        link,
        snaplen: options.snaplen,
        name: Some(options.interface.clone()),
        description: None,
        filter: Some(options.filter.clone()).filter(|filter| !filter.is_empty()),
        os: None,
    });
    info
}

/// Linux stamps packets in nanoseconds; elsewhere libpcap may refuse to, and does not say so here.
const fn precision() -> Precision {
    if cfg!(target_os = "linux") { Precision::Nano } else { Precision::Micro }
}

/// libpcap's time: seconds, and a fraction in the unit of [`precision`].
fn time(seconds: impl Into<i64>, fraction: impl Into<i64>) -> Timestamp {
    let unit = if cfg!(target_os = "linux") { 1 } else { 1_000 };
    let nanos = i128::from(seconds.into()) * i128::from(NANOS_PER_SECOND) + i128::from(fraction.into()) * unit;
    Timestamp::from_nanos_saturating(nanos)
}

/// The number in files of libpcap's own link type, where the two differ (libpcap, pcap-common.c).
fn file_link(Linktype(number): Linktype) -> LinkType {
    const DLT_RAW: i32 = if cfg!(target_os = "openbsd") { 14 } else { 12 };
    LinkType(match number {
        DLT_RAW => 101,
        other => u16::try_from(other).unwrap_or(u16::MAX),
    })
}

/// What to say of an interface that cannot be opened: above all, how to be allowed to.
fn failure(name: &str, reason: String) -> Error {
    let lower = reason.to_lowercase();
    let forbidden = ["permission", "not permitted", "cap_net_raw", "privilege", "root"];
    if forbidden.iter().any(|word| lower.contains(word)) {
        return Error::Forbidden { interface: name.to_owned(), reason };
    }
    Error::Interface { interface: name.to_owned(), reason }
}

fn reason(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forbidden_comes_with_what_helps() {
        let error =
            failure("eth0", "eth0: You don't have permission to perform this capture on that device".to_owned());
        let text = error.to_string();
        assert!(text.contains("setcap cap_net_raw+ep") && text.contains("group"), "{text}");
        assert!(matches!(failure("eth7", "No such device exists".to_owned()), Error::Interface { .. }));
    }

    #[test]
    fn libpcaps_raw_ip_is_raw_ip_in_files() {
        assert_eq!(file_link(Linktype(12)), LinkType(101));
        assert_eq!(file_link(Linktype(276)), LinkType(276));
    }
}
