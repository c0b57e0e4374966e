//! Three captures that are each hard on an analyser in their own way; see `docs/PERFORMANCE.md`.

use std::collections::VecDeque;
use std::io;

use super::frame::{ACK, Addresses, FIN, PSH, Path, RST, SYN, Segment, build};
use super::random::{Random, mix};
use super::truth::{Sort, Truth};

/// Where the frames go, with the time of each in microseconds since the epoch.
pub(crate) trait Sink {
    /// Takes one frame.
    fn frame(&mut self, time_us: u64, frame: &[u8]) -> io::Result<()>;
}

/// The kinds of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Full-size segments of 1,000 downloads: bytes are what costs.
    Bulk,
    /// Small packets of idle flows in random order, with keepalive probes: every packet finds its flow out of cache.
    Small,
    /// Flows of four packets: the table grows and grows.
    Flood,
}

impl Workload {
    /// The workload of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "bulk" => Some(Self::Bulk),
            "small" => Some(Self::Small),
            "flood" => Some(Self::Flood),
            _ => None,
        }
    }

    /// The size of the full workload, in the unit that [`generate`](Self::generate) takes.
    pub(crate) fn full_size(self) -> u64 {
        match self {
            Self::Bulk => 1_500_000,
            Self::Small => 10_000_000,
            Self::Flood => 5_000_000,
        }
    }

    /// Generates a capture of `size`: data packets (bulk), packets and a few more (small), or flows (flood).
    pub(crate) fn generate(self, size: u64, sink: &mut impl Sink) -> io::Result<Truth> {
        let truth = Truth::default();
        let mut stage = Stage { sink, truth, time_us: 1_700_000_000_000_000, frame: Vec::new(), random: Random(1) };
        match self {
            Self::Bulk => bulk(size, &mut stage),
            Self::Small => small(size, &mut stage),
            Self::Flood => flood(size, &mut stage),
        }?;
        Ok(stage.truth)
    }
}

/// One flow as its ends know it.
struct Flow {
    path: Path,
    /// SND.NXT of client and server.
    next: [u32; 2],
    ip_id: u16,
}

struct Stage<'a, S> {
    sink: &'a mut S,
    truth: Truth,
    time_us: u64,
    frame: Vec<u8>,
    random: Random,
}

impl<S: Sink> Stage<'_, S> {
    /// Sends a segment at SND.NXT, which moves over it.
    fn send(&mut self, flow: &mut Flow, sort: Sort, by_client: bool, flags: u8, payload_len: usize) -> io::Result<()> {
        let seq = flow.next[usize::from(!by_client)];
        let units = payload_len as u32 + u32::from(flags & (SYN | FIN) != 0);
        flow.next[usize::from(!by_client)] = seq.wrapping_add(units);
        self.send_at(flow, sort, by_client, flags, payload_len, seq)
    }

    /// Sends a segment at `seq`, wherever SND.NXT stands.
    fn send_at(
        &mut self,
        flow: &mut Flow,
        sort: Sort,
        by_client: bool,
        flags: u8,
        payload_len: usize,
        seq: u32,
    ) -> io::Result<()> {
        flow.ip_id = flow.ip_id.wrapping_add(1).max(1);
        let ack = if flags & ACK == 0 { 0 } else { flow.next[usize::from(by_client)] };
        // A probe carries a garbage octet, data carry others, which begin no known protocol.
        let octet = if sort == Sort::Keepalive { 0 } else { 0xa5 };
        let clock = (self.time_us / 1_000) as u32;
        let segment = Segment { by_client, seq, ack, flags, payload_len, octet, ip_id: flow.ip_id, clock };
        build(&mut self.frame, &flow.path, &segment);
        self.truth.add(sort, self.frame.len());
        self.sink.frame(self.time_us, &self.frame)
    }

    fn syn(&mut self, flow: &mut Flow) -> io::Result<()> {
        self.truth.flows += 1;
        self.send(flow, Sort::Syn, true, SYN, 0)
    }

    fn syn_ack(&mut self, flow: &mut Flow) -> io::Result<()> {
        self.send(flow, Sort::SynAck, false, SYN | ACK, 0)
    }

    fn handshake_ack(&mut self, flow: &mut Flow) -> io::Result<()> {
        self.send(flow, Sort::HandshakeAck, true, ACK, 0)
    }
}

/// The flow of that number: its addresses and initial numbers follow from it. Client address and port are its own.
fn flow(number: u64, ipv6: bool, vlan: Option<u16>, timestamps: bool) -> Flow {
    let traits = mix(number ^ 0x5eed);
    let host = (number % 65_536) as u16;
    let client_port = 1_024 + (number / 65_536) as u16;
    let server = (traits % 64) as u8;
    let [high, low] = host.to_be_bytes();
    let addresses = if ipv6 {
        let address = |net: u8, high: u8, low: u8| [0x20, 1, 0xd, 0xb8, net, 0, 0, 0, 0, 0, 0, 0, 0, 0, high, low];
        Addresses::V6(address(1, high, low), address(2, 0, server))
    } else {
        Addresses::V4([10, 1, high, low], [192, 0, 2, server])
    };
    let port = if traits & 64 == 0 { 443 } else { 5432 };
    let numbers = mix(number ^ 0x1500);
    let path = Path { addresses, ports: [client_port, port], vlan, timestamps };
    Flow { path, next: [numbers as u32, (numbers >> 32) as u32], ip_id: (traits >> 48) as u16 }
}

/// 1,000 flows; the server sends segments of 1,448 octets in bursts of 2 to 16, and every second one is acknowledged.
fn bulk(data: u64, stage: &mut Stage<'_, impl Sink>) -> io::Result<()> {
    const FLOWS: u64 = 1_000;
    const PAYLOAD: usize = 1_448;
    let mut flows: Vec<Flow> = (0..FLOWS).map(|number| flow(number, false, None, true)).collect();
    for flow in &mut flows {
        stage.syn(flow)?;
        stage.time_us += 3;
        stage.syn_ack(flow)?;
        stage.time_us += 3;
        stage.handshake_ack(flow)?;
        stage.time_us += 3;
    }
    let mut left: Vec<u64> = (0..FLOWS).map(|number| data / FLOWS + u64::from(number < data % FLOWS)).collect();
    let mut sending: Vec<usize> = (0..flows.len()).filter(|number| left[*number] > 0).collect();
    while !sending.is_empty() {
        let place = stage.random.below(sending.len() as u64) as usize;
        let number = sending[place];
        let burst = (2 + stage.random.below(15)).min(left[number]);
        for sent in 0..burst {
            stage.time_us += 12;
            stage.send(&mut flows[number], Sort::Data, false, ACK, PAYLOAD)?;
            let so_far = left[number] - sent;
            if so_far.is_multiple_of(2) || so_far == 1 {
                stage.time_us += 3;
                stage.send(&mut flows[number], Sort::Ack, true, ACK, 0)?;
            }
        }
        left[number] -= burst;
        if left[number] == 0 {
            sending.swap_remove(place);
        }
    }
    for flow in &mut flows {
        close(flow, stage, 3)?;
    }
    Ok(())
}

/// FIN, FIN and the last ACK, `step_us` apart.
fn close(flow: &mut Flow, stage: &mut Stage<'_, impl Sink>, step_us: u64) -> io::Result<()> {
    stage.time_us += step_us;
    stage.send(flow, Sort::Fin, true, FIN | ACK, 0)?;
    stage.time_us += step_us;
    stage.send(flow, Sort::Fin, false, FIN | ACK, 0)?;
    stage.time_us += step_us;
    stage.send(flow, Sort::Ack, true, ACK, 0)
}

/// One flow for every 100 packets, all alive at once and visited in random order, 1 ms apart in the mean: three visits in
/// five bring a keepalive probe and its answer, the others data and an acknowledgment, 700 us later.
fn small(packets: u64, stage: &mut Stage<'_, impl Sink>) -> io::Result<()> {
    const ANSWER_US: u64 = 700;
    let count = (packets / 100).max(1);
    let mut flows: Vec<Flow> = (0..count)
        .map(|number| {
            let traits = mix(number);
            let vlan = traits.is_multiple_of(5).then_some(100);
            flow(number, (traits >> 8).is_multiple_of(10), vlan, (traits >> 16).is_multiple_of(8))
        })
        .collect();
    for flow in &mut flows {
        stage.time_us += stage.random.below(2_001);
        stage.syn(flow)?;
        stage.time_us += ANSWER_US;
        stage.syn_ack(flow)?;
        stage.time_us += ANSWER_US;
        stage.handshake_ack(flow)?;
    }
    let mut answers: VecDeque<Answer> = VecDeque::new();
    // What the ends of the flows still need.
    let ends = count * 4;
    while stage.truth.packets + ends < packets {
        let number = stage.random.below(count) as usize;
        stage.time_us += stage.random.below(2_001);
        give_answers(&mut answers, stage.time_us, &mut flows, stage)?;
        // One question at a time, so that what each segment is stays beyond doubt.
        if answers.iter().any(|answer| answer.number == number) {
            continue;
        }
        let answer = ask(number, &mut flows[number], stage)?;
        answers.push_back(Answer { due_us: stage.time_us + ANSWER_US, ..answer });
    }
    give_answers(&mut answers, u64::MAX, &mut flows, stage)?;
    end_all(&mut flows, stage)
}

/// What a flow's other end owes.
struct Answer {
    due_us: u64,
    number: usize,
    sort: Sort,
    by_client: bool,
}

/// Sends a probe or data in one of the flows; the client probes, but in every fourth flow.
fn ask(number: usize, flow: &mut Flow, stage: &mut Stage<'_, impl Sink>) -> io::Result<Answer> {
    let choice = stage.random.next();
    let answer = |sort, by_client| Answer { due_us: 0, number, sort, by_client };
    if choice % 5 < 3 {
        let by_client = !number.is_multiple_of(4);
        probe(number, by_client, flow, stage)?;
        return Ok(answer(Sort::KeepaliveAck, !by_client));
    }
    let by_client = choice >> 8 & 1 == 0;
    let payload_len = 1 + (choice >> 16) as usize % 20;
    stage.send(flow, Sort::Data, by_client, PSH | ACK, payload_len)?;
    Ok(answer(Sort::Ack, !by_client))
}

/// A probe one below SND.NXT, with an octet in every sixteenth flow.
fn probe(number: usize, by_client: bool, flow: &mut Flow, stage: &mut Stage<'_, impl Sink>) -> io::Result<()> {
    let payload_len = usize::from(number % 16 == 1);
    let seq = flow.next[usize::from(!by_client)].wrapping_sub(1);
    stage.send_at(flow, Sort::Keepalive, by_client, ACK, payload_len, seq)
}

/// Gives the answers that are due at `until_us`.
fn give_answers(
    answers: &mut VecDeque<Answer>,
    until_us: u64,
    flows: &mut [Flow],
    stage: &mut Stage<'_, impl Sink>,
) -> io::Result<()> {
    let now_us = stage.time_us;
    while answers.front().is_some_and(|answer| answer.due_us <= until_us) {
        let Some(answer) = answers.pop_front() else { break };
        stage.time_us = answer.due_us;
        stage.send(&mut flows[answer.number], answer.sort, answer.by_client, ACK, 0)?;
    }
    stage.time_us = stage.time_us.max(now_us);
    Ok(())
}

/// One flow in five ends in four unanswered probes and a RST of the prober, one in five in a RST of the server, the rest
/// in FINs; the steps of all ends are mixed.
fn end_all(flows: &mut [Flow], stage: &mut Stage<'_, impl Sink>) -> io::Result<()> {
    let mut ending: Vec<(usize, u8)> = (0..flows.len()).map(|number| (number, 0)).collect();
    while !ending.is_empty() {
        let place = stage.random.below(ending.len() as u64) as usize;
        let (number, step) = ending[place];
        stage.time_us += stage.random.below(2_001);
        let flow = &mut flows[number];
        let by_client = !number.is_multiple_of(4);
        let is_over = match (mix(number as u64 ^ 0xe4d) % 5, step) {
            (0, 0..4) => probe(number, by_client, flow, stage).map(|()| false),
            (0, _) => stage.send(flow, Sort::Rst, by_client, RST | ACK, 0).map(|()| true),
            (1, _) => stage.send(flow, Sort::Rst, false, RST | ACK, 0).map(|()| true),
            _ => close(flow, stage, 200).map(|()| true),
        }?;
        if is_over {
            ending.swap_remove(place);
        } else if let Some((_, step)) = ending.get_mut(place) {
            *step += 1;
        }
    }
    Ok(())
}

/// Flows of SYN, SYN-ACK, ACK and RST, 65,536 of them open at a time, in random order.
fn flood(count: u64, stage: &mut Stage<'_, impl Sink>) -> io::Result<()> {
    const OPEN: u64 = 65_536;
    let new = |number: u64| flow(number, false, None, true);
    let mut begun = count.min(OPEN);
    let mut open: Vec<(Flow, u8)> = (0..begun).map(|number| (new(number), 0)).collect();
    while !open.is_empty() {
        stage.time_us += 5 + stage.random.below(12);
        let place = stage.random.below(open.len() as u64) as usize;
        let (flow, step) = &mut open[place];
        *step += 1;
        match step {
            1 => stage.syn(flow)?,
            2 => stage.syn_ack(flow)?,
            3 => stage.handshake_ack(flow)?,
            _ => {
                let by_client = flow.path.ports[0].is_multiple_of(2);
                stage.send(flow, Sort::Rst, by_client, RST, 0)?;
                if begun < count {
                    open[place] = (new(begun), 0);
                    begun += 1;
                } else {
                    open.swap_remove(place);
                }
            }
        }
    }
    Ok(())
}
