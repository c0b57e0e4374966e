//! Other addresses in the place of the real ones: prefix-preserving, one to one, and the same for the same key.
//!
//! The construction is ipcrypt-pfx (draft-denis-ipcrypt): two addresses that share their first bits, and no more, have
//! pseudonyms that share just as many. IPv4 stays IPv4. MAC addresses and octets without a known form go through the same
//! function under prefixes of their own.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use ipcrypt_rs::IpcryptPfx;

/// Hexadecimal digits of a key: 32 bytes.
const KEY_DIGITS: usize = 2 * IpcryptPfx::KEY_BYTES;
/// What stands in front of a MAC address when it is enciphered.
const MAC_PREFIX: [u8; 10] = *b"idlegap-ma";
/// The bit that marks a group of stations (IEEE 802-2014 8.2.2), in the first octet.
const GROUP_BIT: u8 = 1;

/// A secret that decides all pseudonyms.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; IpcryptPfx::KEY_BYTES]);

/// Why something is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text has another form.
    #[error("a key is {KEY_DIGITS} hexadecimal digits, or @FILE for a file that holds them")]
    Form,
    /// The cipher needs two different keys.
    #[error("the two halves of the key are the same: take random digits, as from `openssl rand -hex 32`")]
    Halves,
    /// The file cannot be read.
    #[error("cannot read the key in {0}: {1}")]
    Unreadable(String, std::io::Error),
}

impl Key {
    /// The key that an argument gives: its digits, or `@` and the file that holds them.
    ///
    /// # Errors
    /// If the file cannot be read, or if what is there is no key.
    pub fn from_argument(text: &str) -> Result<Self, KeyError> {
        let Some(file) = text.strip_prefix('@') else { return Self::from_hex(text) };
        let digits =
            fs::read_to_string(Path::new(file)).map_err(|error| KeyError::Unreadable(file.to_owned(), error))?;
        Self::from_hex(digits.trim())
    }

    fn from_hex(text: &str) -> Result<Self, KeyError> {
        let mut key = [0; IpcryptPfx::KEY_BYTES];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != key.len() || !rest.is_empty() {
            return Err(KeyError::Form);
        }
        for (byte, [high, low]) in key.iter_mut().zip(pairs) {
            let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            *byte = digit(high).ok_or(KeyError::Form)? << 4 | digit(low).ok_or(KeyError::Form)?;
        }
        let (first, second) = key.split_at(IpcryptPfx::KEY_BYTES / 2);
        if first == second { Err(KeyError::Halves) } else { Ok(Self(key)) }
    }
}

/// A secret is not printed.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The pseudonyms under one key; those of addresses are remembered.
pub struct Pseudonyms {
    cipher: IpcryptPfx,
    addresses: HashMap<IpAddr, IpAddr>,
    macs: HashMap<[u8; 6], [u8; 6]>,
}

impl Pseudonyms {
    /// The pseudonyms under `key`, or under a random one that is forgotten with them.
    #[must_use]
    pub fn new(key: Option<&Key>) -> Self {
        let cipher = key.map_or_else(IpcryptPfx::new_random, |key| IpcryptPfx::new(key.0));
        Self { cipher, addresses: HashMap::new(), macs: HashMap::new() }
    }

    /// The pseudonym of an address, of the same version.
    pub fn address(&mut self, ip: IpAddr) -> IpAddr {
        let cipher = &self.cipher;
        *self.addresses.entry(ip).or_insert_with(|| match ip {
            IpAddr::V4(_) => cipher.encrypt_ipaddr(ip),
            IpAddr::V6(ip) => encipher(cipher, ip.octets()).into(),
        })
    }

    /// The pseudonym of a MAC address; what was sent to a group stays so.
    pub fn mac(&mut self, mac: [u8; 6]) -> [u8; 6] {
        let cipher = &self.cipher;
        *self.macs.entry(mac).or_insert_with(|| {
            let [first, rest @ ..] = mac;
            let mut block = [0; 16];
            let alone = MAC_PREFIX.into_iter().chain([first & !GROUP_BIT]).chain(rest);
            block.iter_mut().zip(alone).for_each(|(byte, plain)| *byte = plain);
            let [.., a, b, c, d, e, f] = encipher(cipher, block);
            [a & !GROUP_BIT | first & GROUP_BIT, b, c, d, e, f]
        })
    }

    /// Puts other octets in the place of `bytes`, the same for the same.
    pub fn scramble(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(16) {
            let mut block = [0; 16];
            block.iter_mut().zip(chunk.iter()).for_each(|(byte, plain)| *byte = *plain);
            let block = encipher(&self.cipher, block);
            chunk.iter_mut().zip(block).for_each(|(byte, pseudonym)| *byte = pseudonym);
        }
    }
}

/// Enciphers 16 octets; the first bits of the result depend on the same number of first bits.
fn encipher(cipher: &IpcryptPfx, octets: [u8; 16]) -> [u8; 16] {
    let plain = IpAddr::V6(Ipv6Addr::from(octets));
    let enciphered = match cipher.encrypt_ipaddr(plain) {
        IpAddr::V6(ip) => ip,
        // What comes out in the form of an IPv4-mapped address is IPv6 all the same.
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
    };
    enciphered.octets()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pseudonyms() -> Pseudonyms {
        let key = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301";
        Pseudonyms::new(Some(&Key::from_argument(key).unwrap()))
    }

    /// Test vectors of ipcrypt-pfx in draft-denis-ipcrypt.
    #[test]
    fn the_vectors_of_the_specification() {
        let mut pseudonyms = pseudonyms();
        for (plain, expected) in [
            ("0.0.0.0", "151.82.155.134"),
            ("255.255.255.255", "94.185.169.89"),
            ("192.0.2.1", "100.115.72.131"),
            ("2001:db8::1", "c180:5dd4:2587:3524:30ab:fa65:6ab6:f88"),
        ] {
            let plain: IpAddr = plain.parse().unwrap();
            assert_eq!(pseudonyms.address(plain), expected.parse::<IpAddr>().unwrap(), "{plain}");
        }
    }

    #[test]
    fn a_key_has_one_form() {
        let good = format!("{}{}", "12".repeat(16), "AB".repeat(16));
        assert!(Key::from_argument(&good).is_ok());
        for bad in ["", "12", &good[1..], &format!("{good}12"), &good.replace('A', "g"), &"+1".repeat(32)] {
            assert!(matches!(Key::from_argument(bad), Err(KeyError::Form)), "{bad}");
        }
        assert!(matches!(Key::from_argument(&"12".repeat(32)), Err(KeyError::Halves)));
        assert!(matches!(Key::from_argument("@/nowhere/key"), Err(KeyError::Unreadable(..))));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{good}\n")).unwrap();
        assert_eq!(
            Key::from_argument(&format!("@{}", file.path().display())).unwrap(),
            Key::from_argument(&good).unwrap()
        );
        assert_eq!(format!("{:?}", Key::from_argument(&good)), "Ok(Key(..))");
    }

    fn common_bits(one: &[u8], other: &[u8]) -> usize {
        let differing = one.iter().zip(other).position(|(a, b)| a != b);
        differing.map_or(one.len() * 8, |at| at * 8 + (one[at] ^ other[at]).leading_zeros() as usize)
    }

    proptest! {
        #[test]
        fn pseudonyms_of_ipv4_share_as_many_bits(one in any::<u32>(), shift in 0_u32..33, other in any::<u32>()) {
            // Half of all pairs would share no bit at all.
            let other = one ^ other.checked_shr(shift).unwrap_or(0);
            let mut pseudonyms = pseudonyms();
            let of = |ip: u32, pseudonyms: &mut Pseudonyms| match pseudonyms.address(IpAddr::V4(ip.into())) {
                IpAddr::V4(ip) => ip.octets(),
                IpAddr::V6(ip) => panic!("{ip}"),
            };
            let names = [of(one, &mut pseudonyms), of(other, &mut pseudonyms)];
            prop_assert_eq!(common_bits(&names[0], &names[1]), common_bits(&one.to_be_bytes(), &other.to_be_bytes()));
        }

        #[test]
        fn pseudonyms_of_ipv6_share_as_many_bits(one in any::<u128>(), shift in 0_u32..129, other in any::<u128>()) {
            let other = one ^ other.checked_shr(shift).unwrap_or(0);
            let mut pseudonyms = pseudonyms();
            let of = |ip: u128, pseudonyms: &mut Pseudonyms| match pseudonyms.address(IpAddr::V6(ip.into())) {
                IpAddr::V6(ip) => ip.octets(),
                IpAddr::V4(ip) => panic!("{ip}"),
            };
            let names = [of(one, &mut pseudonyms), of(other, &mut pseudonyms)];
            prop_assert_eq!(common_bits(&names[0], &names[1]), common_bits(&one.to_be_bytes(), &other.to_be_bytes()));
        }

        #[test]
        fn macs_stay_apart_and_groups_groups(one in any::<[u8; 6]>(), flip in 0_usize..48) {
            let mut other = one;
            other[flip / 8] ^= 1 << (flip % 8);
            let mut pseudonyms = pseudonyms();
            let names = [pseudonyms.mac(one), pseudonyms.mac(other)];
            prop_assert_ne!(names[0], names[1]);
            prop_assert_eq!(names.map(|mac| mac[0] & 1), [one[0] & 1, other[0] & 1]);
        }

        #[test]
        fn scrambled_octets_stay_apart(one in proptest::collection::vec(any::<u8>(), 1..40), at in any::<prop::sample::Index>()) {
            let mut other = one.clone();
            *at.get_mut(&mut other) ^= 0x40;
            let mut pseudonyms = pseudonyms();
            let mut names = [one, other];
            names.iter_mut().for_each(|bytes| pseudonyms.scramble(bytes));
            prop_assert_ne!(&names[0], &names[1]);
        }
    }
}
