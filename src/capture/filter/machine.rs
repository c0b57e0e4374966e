//! The classic BPF machine (McCanne and Jacobson 1993): an accumulator, an index, 16 words of memory.

/// Instructions after which a program is given up: `protochain` can loop over hostile headers.
const MAX_STEPS: usize = 1 << 16;
/// From here on, absolute loads ask the Linux kernel for what is not in the packet.
const KERNEL_OFFSETS: u32 = 0xffff_f000;

/// A compiled filter.
#[derive(Debug)]
pub(super) struct Program {
    instructions: Vec<Instruction>,
}

#[derive(Clone, Copy, Debug)]
struct Instruction {
    operation: Operation,
    /// Instructions to pass over if a test holds, and if it does not.
    jump_true: u8,
    jump_false: u8,
    constant: u32,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    LoadPacket(Width, Index),
    Load(Register, Source),
    /// Four times the low half of a packet byte: the length of an IPv4 header, into the index.
    LoadHeaderLen,
    Store(Register),
    Compute(Arithmetic, Operand),
    Negate,
    Jump,
    Test(Comparison, Operand),
    Return(Verdict),
    /// Copies the other register into this one.
    Copy(Register),
}

#[derive(Clone, Copy, Debug)]
enum Width {
    Word,
    Half,
    Byte,
}

/// Whether the index is added to the offset of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Index {
    Absolute,
    Indexed,
}

#[derive(Clone, Copy, Debug)]
enum Register {
    Accumulator,
    Index,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Constant,
    Memory,
    PacketLen,
}

#[derive(Clone, Copy, Debug)]
enum Operand {
    Constant,
    Index,
}

#[derive(Clone, Copy, Debug)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Or,
    And,
    ShiftLeft,
    ShiftRight,
    Remainder,
    ExclusiveOr,
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

#[derive(Clone, Copy, Debug)]
enum Verdict {
    Constant,
    Accumulator,
}

#[derive(Default)]
struct State {
    accumulator: u32,
    index: u32,
    memory: [u32; 16],
}

impl Program {
    /// Reads instructions as libpcap's binding prints them: code, jump if true, jump if false, constant, in decimal.
    pub(super) fn from_lines(lines: impl Iterator<Item = String>) -> Option<Self> {
        let instructions = lines.map(|line| Instruction::from_line(&line)).collect::<Option<_>>()?;
        Some(Self { instructions })
    }

    /// Whether the program loads what is not in the packet.
    pub(super) fn asks_the_kernel(&self) -> bool {
        self.instructions.iter().any(|instruction| {
            matches!(instruction.operation, Operation::LoadPacket(_, Index::Absolute))
                && instruction.constant >= KERNEL_OFFSETS
        })
    }

    /// Whether the program accepts the packet. A load from beyond the captured bytes refuses it.
    pub(super) fn run(&self, packet: &[u8], original_len: u32) -> bool {
        let mut state = State::default();
        let mut at = 0_usize;
        for _ in 0..MAX_STEPS {
            let Some(instruction) = self.instructions.get(at) else { return false };
            at = at.wrapping_add(1);
            match instruction.operation {
                Operation::Return(Verdict::Constant) => return instruction.constant != 0,
                Operation::Return(Verdict::Accumulator) => return state.accumulator != 0,
                // The constant is signed.
                Operation::Jump => at = at.wrapping_add(instruction.constant.cast_signed() as isize as usize),
                Operation::Test(comparison, operand) => {
                    let operand = instruction.operand(operand, &state);
                    let holds = comparison.holds(state.accumulator, operand);
                    at += usize::from(if holds { instruction.jump_true } else { instruction.jump_false });
                }
                _ => {
                    if instruction.step(&mut state, packet, original_len).is_none() {
                        return false;
                    }
                }
            }
        }
        false
    }
}

impl Instruction {
    fn from_line(line: &str) -> Option<Self> {
        let mut numbers = line.split_whitespace().map(str::parse::<i64>);
        let mut next = || numbers.next()?.ok();
        let operation = Operation::from_code(u16::try_from(next()?).ok()?)?;
        let (jump_true, jump_false) = (u8::try_from(next()?).ok()?, u8::try_from(next()?).ok()?);
        // Printed signed or unsigned, the 32 bits are the same.
        let constant = next()? as u32;
        Some(Self { operation, jump_true, jump_false, constant })
    }

    fn operand(self, operand: Operand, state: &State) -> u32 {
        match operand {
            Operand::Constant => self.constant,
            Operand::Index => state.index,
        }
    }

    /// Everything that neither jumps nor returns; `None` refuses the packet.
    fn step(self, state: &mut State, packet: &[u8], original_len: u32) -> Option<()> {
        match self.operation {
            Operation::LoadPacket(width, index) => {
                let base = if index == Index::Indexed { state.index } else { 0 };
                state.accumulator = width.load(packet, base.checked_add(self.constant)?)?;
            }
            Operation::Load(register, source) => {
                let value = match source {
                    Source::Constant => self.constant,
                    Source::Memory => *state.memory.get(self.constant as usize)?,
                    Source::PacketLen => original_len,
                };
                *state.register(register) = value;
            }
            Operation::LoadHeaderLen => {
                state.index = (Width::Byte.load(packet, self.constant)? & 0x0f) * 4;
            }
            Operation::Store(register) => {
                let value = *state.register(register);
                *state.memory.get_mut(self.constant as usize)? = value;
            }
            Operation::Compute(arithmetic, operand) => {
                let operand = self.operand(operand, state);
                state.accumulator = arithmetic.apply(state.accumulator, operand)?;
            }
            Operation::Negate => state.accumulator = state.accumulator.wrapping_neg(),
            Operation::Copy(Register::Accumulator) => state.accumulator = state.index,
            Operation::Copy(Register::Index) => state.index = state.accumulator,
            Operation::Jump | Operation::Test(..) | Operation::Return(_) => {}
        }
        Some(())
    }
}

impl State {
    const fn register(&mut self, register: Register) -> &mut u32 {
        match register {
            Register::Accumulator => &mut self.accumulator,
            Register::Index => &mut self.index,
        }
    }
}

impl Operation {
    /// The operation of a code of `pcap/bpf.h`; libpcap makes no others.
    fn from_code(code: u16) -> Option<Self> {
        let operand = if code & 0x08 == 0 { Operand::Constant } else { Operand::Index };
        Some(match code & 0x07 {
            0 => Self::load(code)?,
            1 => match code & 0xf8 {
                0x00 => Self::Load(Register::Index, Source::Constant),
                0x60 => Self::Load(Register::Index, Source::Memory),
                0x80 => Self::Load(Register::Index, Source::PacketLen),
                0xb0 => Self::LoadHeaderLen,
                _ => return None,
            },
            2 => Self::Store(Register::Accumulator),
            3 => Self::Store(Register::Index),
            4 if code & 0xf0 == 0x80 => Self::Negate,
            4 => Self::Compute(Arithmetic::from_code(code)?, operand),
            5 if code & 0xf0 == 0 => Self::Jump,
            5 => Self::Test(Comparison::from_code(code)?, operand),
            6 if code & 0x18 == 0x10 => Self::Return(Verdict::Accumulator),
            6 if code & 0x18 == 0 => Self::Return(Verdict::Constant),
            7 if code & 0xf8 == 0 => Self::Copy(Register::Index),
            7 if code & 0xf8 == 0x80 => Self::Copy(Register::Accumulator),
            _ => return None,
        })
    }

    fn load(code: u16) -> Option<Self> {
        let width = match code & 0x18 {
            0x00 => Width::Word,
            0x08 => Width::Half,
            0x10 => Width::Byte,
            _ => return None,
        };
        Some(match code & 0xe0 {
            0x00 => Self::Load(Register::Accumulator, Source::Constant),
            0x20 => Self::LoadPacket(width, Index::Absolute),
            0x40 => Self::LoadPacket(width, Index::Indexed),
            0x60 => Self::Load(Register::Accumulator, Source::Memory),
            0x80 => Self::Load(Register::Accumulator, Source::PacketLen),
            _ => return None,
        })
    }
}

impl Width {
    /// The number of this width at an offset, in network byte order.
    fn load(self, packet: &[u8], at: u32) -> Option<u32> {
        let from = packet.get(at as usize..)?;
        Some(match self {
            Self::Word => u32::from_be_bytes(*from.first_chunk()?),
            Self::Half => u16::from_be_bytes(*from.first_chunk()?).into(),
            Self::Byte => u32::from(*from.first()?),
        })
    }
}

impl Arithmetic {
    fn from_code(code: u16) -> Option<Self> {
        Some(match code & 0xf0 {
            0x00 => Self::Add,
            0x10 => Self::Subtract,
            0x20 => Self::Multiply,
            0x30 => Self::Divide,
            0x40 => Self::Or,
            0x50 => Self::And,
            0x60 => Self::ShiftLeft,
            0x70 => Self::ShiftRight,
            0x90 => Self::Remainder,
            0xa0 => Self::ExclusiveOr,
            _ => return None,
        })
    }

    /// The result; `None` for a division by zero.
    fn apply(self, left: u32, right: u32) -> Option<u32> {
        Some(match self {
            Self::Add => left.wrapping_add(right),
            Self::Subtract => left.wrapping_sub(right),
            Self::Multiply => left.wrapping_mul(right),
            Self::Divide => left.checked_div(right)?,
            Self::Or => left | right,
            Self::And => left & right,
            Self::ShiftLeft => left.checked_shl(right).unwrap_or_default(),
            Self::ShiftRight => left.checked_shr(right).unwrap_or_default(),
            Self::Remainder => left.checked_rem(right)?,
            Self::ExclusiveOr => left ^ right,
        })
    }
}

impl Comparison {
    fn from_code(code: u16) -> Option<Self> {
        Some(match code & 0xf0 {
            0x10 => Self::Equal,
            0x20 => Self::Greater,
            0x30 => Self::GreaterOrEqual,
            0x40 => Self::AnyBit,
            _ => return None,
        })
    }

    const fn holds(self, left: u32, right: u32) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::AnyBit => left & right != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use pcap::{Capture, Linktype};
    use proptest::prelude::*;

    use super::*;

    const EXPRESSIONS: [&str; 12] = [
        "tcp",
        "ip6 protochain 6",
        "ip protochain 6",
        "tcp port 80 or udp portrange 1-1024",
        "vlan and tcp",
        "mpls 1 and ip",
        "ip[2:2] - (ip[0] & 0xf) * 4 > 20 and len % 7 != 3",
        "tcp[13] & 5 != 0 and greater 60",
        "ether[0] & 1 = 0 and ip[8] < 64",
        "net 10.0.0.0/8 and not icmp",
        "ip6 and dst portrange 0-40000",
        "(ip[0] << 2) / 3 ^ ip[1] | 1 > 100",
    ];

    proptest! {
        /// libpcap's own machine is the second opinion, on packets that look enough like IP to get past the first tests.
        #[test]
        fn agrees_with_libpcap(
            which in 0..EXPRESSIONS.len(),
            ether_type in prop::sample::select(vec![0x0800_u16, 0x86dd, 0x8100, 0x8847]),
            mut packet in prop::collection::vec(any::<u8>(), 14..120),
            protocol in prop::sample::select(vec![6_u8, 17, 0, 43, 60]),
            optimize: bool,
        ) {
            packet[12..14].copy_from_slice(&ether_type.to_be_bytes());
            if ether_type == 0x0800 && packet.len() > 24 {
                packet[14] = 0x40 | (packet[14] & 0x0f);
                packet[20] = 0;
                packet[21] = 0;
                packet[23] = protocol;
            } else if packet.len() > 24 {
                packet[20] = protocol;
            }
            let dead = Capture::dead(Linktype(1)).unwrap();
            let compiled = dead.compile(EXPRESSIONS[which], optimize).unwrap();
            let program = Program::from_lines(compiled.get_instructions().iter().map(ToString::to_string)).unwrap();
            let len = packet.len() as u32;
            prop_assert_eq!(program.run(&packet, len), compiled.filter(&packet), "{}", EXPRESSIONS[which]);
        }

        #[test]
        fn any_program_ends(
            instructions in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), any::<i32>()), 0..40),
            packet in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let known = instructions.iter().map(|(code, t, f, k)| format!("{code} {} {} {}", t % 4, f % 4, k % 20));
            let known: Vec<String> = known.filter(|line| Instruction::from_line(line).is_some()).collect();
            let program = Program::from_lines(known.into_iter()).unwrap();
            program.run(&packet, 1500);
        }
    }
}
