//! The Huffman code of HPACK (RFC 7541 5.2 and appendix B).
//!
//! The code is canonical: codes of one length are consecutive numbers, in the order of their symbols, and go on where the
//! shorter ones end. So the number of codes of each length and the order of the symbols are the whole table.

/// How many symbols have a code of 0, 1, 2 ... 30 bits. The last of 30 bits is EOS, which must not occur, and is not counted.
const COUNTS: [u32; 31] =
    [0, 0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29, 0, 3];

/// The symbols in the order of their codes.
#[rustfmt::skip]
const SYMBOLS: [u8; 256] = [
    48, 49, 50, 97, 99, 101, 105, 111, 115, 116, 32, 37, 45, 46, 47, 51, 52, 53, 54, 55, 56, 57, 61, 65, 95, 98,
    100, 102, 103, 104, 108, 109, 110, 112, 114, 117, 58, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79,
    80, 81, 82, 83, 84, 85, 86, 87, 89, 106, 107, 113, 118, 119, 120, 121, 122, 38, 42, 44, 59, 88, 90, 33, 34, 40,
    41, 63, 39, 43, 124, 35, 62, 0, 36, 64, 91, 93, 126, 94, 125, 60, 96, 123, 92, 195, 208, 128, 130, 131, 162,
    184, 194, 224, 226, 153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230, 129, 132, 133, 134, 136,
    146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233, 1, 135,
    137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174, 175, 180, 182, 183,
    188, 191, 197, 231, 239, 9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237, 199, 207, 234, 235, 192, 193,
    200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255, 203, 204, 211, 212, 214, 221, 222, 223, 241,
    244, 245, 246, 247, 248, 250, 251, 252, 253, 254, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21,
    23, 24, 25, 26, 27, 28, 29, 30, 31, 127, 220, 249, 10, 13, 22,
];

/// The longest padding behind the last symbol, in bits (RFC 7541 5.2, MUST).
const LONGEST_PADDING: u32 = 7;

/// The text that `coded` stands for; `None` for what no encoder writes.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(coded.len().saturating_mul(8) / 5);
    let mut code = Code::default();
    for octet in coded {
        for shift in (0..8).rev() {
            code.push(u32::from(octet >> shift & 1));
            match code.symbol() {
                Ok(symbol) => {
                    text.push(symbol);
                    code = Code::default();
                }
                Err(Unfinished::MoreBits) => {}
                Err(Unfinished::Never) => return None,
            }
        }
    }
    code.is_padding().then_some(text)
}

/// The bits since the last symbol.
#[derive(Default)]
struct Code {
    bits: u32,
    len: u32,
    /// The first code of this length.
    first: u32,
    /// Symbols with shorter codes.
    shorter: u32,
}

enum Unfinished {
    MoreBits,
    Never,
}

impl Code {
    fn push(&mut self, bit: u32) {
        let of_len = self.of_len();
        self.shorter += of_len;
        self.first = (self.first + of_len) << 1;
        self.bits = self.bits << 1 | bit;
        self.len += 1;
    }

    fn of_len(&self) -> u32 {
        COUNTS.get(self.len as usize).copied().unwrap_or_default()
    }

    fn symbol(&self) -> Result<u8, Unfinished> {
        if self.len as usize >= COUNTS.len() {
            return Err(Unfinished::Never);
        }
        let index = self.bits.checked_sub(self.first).filter(|index| *index < self.of_len());
        let symbol = index.and_then(|index| SYMBOLS.get((self.shorter + index) as usize));
        symbol.copied().ok_or(Unfinished::MoreBits)
    }

    /// Whether these bits are a beginning of EOS, all ones, and short enough.
    const fn is_padding(&self) -> bool {
        self.len <= LONGEST_PADDING && self.bits == (1 << self.len) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Codes are given as RFC 7541 appendix B prints them.
    #[test]
    fn codes_of_the_appendix() {
        for (symbol, code) in [
            (b'0', "00000"),
            (b'a', "00011"),
            (b' ', "010100"),
            (b':', "1011100"),
            (b'z', "1111011"),
            (b'&', "11111000"),
            (b'!', "1111111000"),
            (b'\'', "11111111010"),
            (0, "1111111111000"),
            (b'\\', "1111111111111110000"),
            (128, "11111111111111100110"),
            (1, "11111111111111111011000"),
            (255, "11111111111111111111101110"),
            (249, "1111111111111111111111111110"),
            (10, "111111111111111111111111111100"),
            (22, "111111111111111111111111111110"),
        ] {
            let padded = format!("{code}{}", "1".repeat((8 - code.len() % 8) % 8));
            let octets: Vec<u8> =
                (0..padded.len()).step_by(8).map(|at| u8::from_str_radix(&padded[at..at + 8], 2).unwrap()).collect();
            assert_eq!(decode(&octets), Some(vec![symbol]), "{symbol}");
        }
    }

    #[test]
    fn the_code_is_complete() {
        // Kraft's sum, with EOS: 2^30 in units of the longest code.
        let sum: u64 = (0..).zip(COUNTS).map(|(len, count)| u64::from(count) << (30 - len)).sum();
        assert_eq!(sum + 1, 1 << 30);
        let mut symbols = SYMBOLS;
        symbols.sort_unstable();
        assert!((0..=255).eq(symbols));
    }

    /// RFC 7541 C.4.1, C.4.3 and C.6.1.
    #[test]
    fn examples_of_the_rfc() {
        let examples: [(&[u8], &str); 3] = [
            (&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff], "www.example.com"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf], "custom-value"),
            (&[0xae, 0xc3, 0x77, 0x1a, 0x4b], "private"),
        ];
        for (coded, text) in examples {
            assert_eq!(decode(coded).as_deref(), Some(text.as_bytes()));
        }
    }

    #[test]
    fn padding_is_short_and_of_ones() {
        assert_eq!(decode(&[0b0001_1111]), Some(b"a".to_vec()));
        assert_eq!(decode(&[0b0001_1110]), None);
        assert_eq!(decode(&[0b0001_1111, 0xff]), None);
        assert_eq!(decode(&[0xff; 4]), None, "EOS");
        assert_eq!(decode(&[]), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn anything_may_come(coded in proptest::collection::vec(any::<u8>(), 0..64)) {
            let text = decode(&coded).unwrap_or_default();
            prop_assert!(text.len() <= coded.len() * 8 / 5);
        }
    }
}
