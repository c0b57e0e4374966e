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
        let digits = fs::read_to_string(Path::new(file)).map_err(|error| KeyError::Unreadable(file.to_owned(), error))?;
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
