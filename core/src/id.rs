//! Ids: those on the wire, the handles of drivers and applications, and the generator of both.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A `sid` on the wire, of an Engine.IO session or a Socket.IO socket.
///
/// Unless the application chooses it, it has 20 characters of the URL-safe base64 alphabet: the
/// first two are the number of the shard that generated it, the other 18 are random (108 bits).
/// That of an Engine.IO session is a secret shared with its client, so `Debug` shows only its
/// beginning. Cloning copies a pointer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid(Arc<str>);

impl Sid {
    const LEN: usize = 20;

    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the number of the shard that generated an id; `None` if it has another form.
    #[must_use]
    pub fn shard_of(text: &str) -> Option<u16> {
        let digit = |byte| ALPHABET.iter().position(|&symbol| symbol == byte);
        let (high, low) = match text.as_bytes() {
            [high, low, ..] if text.len() == Self::LEN => (digit(*high)?, digit(*low)?),
            _ => return None,
        };
        u16::try_from(high << 6 | low).ok()
    }
}

impl Borrow<str> for Sid {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Returns whether text can be an id: 1 to 255 characters of the URL-safe base64 alphabet.
pub(crate) fn is_valid_sid(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| ALPHABET.contains(&byte))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sid({}..)", self.0.chars().take(4).collect::<String>())
    }
}

/// Identifies an Engine.IO session of one machine. It is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    pub(crate) serial: u64,
    pub(crate) index: u32,
}

/// Identifies a socket of one machine. It is never reused.
///
/// A socket of a server is one connection to one namespace. A socket of a client is one namespace,
/// across reconnections. Ids are ordered by creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId {
    pub(crate) serial: u64,
    pub(crate) index: u32,
}

/// Identifies a pending acknowledgement of one machine. It is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AckId(pub(crate) u64);

/// Generates ids. It is the only source of randomness of a machine.
pub(crate) struct IdGenerator {
    rng: ChaCha12Rng,
    shard: u16,
    serial: u64,
}

impl IdGenerator {
    pub(crate) const SHARDS: u16 = 1 << 12;

    pub(crate) fn new(seed: [u8; 32], shard: u16) -> Self {
        Self { rng: ChaCha12Rng::from_seed(seed), shard, serial: 0 }
    }

    /// Generates an id of 108 random bits and the number of the shard.
    pub(crate) fn sid(&mut self) -> Sid {
        let mut bytes = [0; Sid::LEN];
        self.rng.fill_bytes(&mut bytes);
        for byte in &mut bytes {
            *byte = ALPHABET[usize::from(*byte & 63)];
        }
        bytes[0] = ALPHABET[usize::from(self.shard >> 6 & 63)];
        bytes[1] = ALPHABET[usize::from(self.shard & 63)];
        Sid::new(std::str::from_utf8(&bytes).expect("the alphabet is ASCII"))
    }

    /// Generates an id of 144 random bits without the number of the shard, for secrets.
    pub(crate) fn long_sid(&mut self) -> Sid {
        let mut bytes = [0; 24];
        self.rng.fill_bytes(&mut bytes);
        let text: String =
            bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect();
        Sid::new(&text)
    }

    /// Returns the next of the numbers that handles are made of.
    pub(crate) const fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Generates a number from 0 to 1, excluding 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Generates a seed for a part with a generator of its own.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        seed
    }

    /// Generates the secret of a hash map.
    pub(crate) fn hashing(&mut self) -> Hashing {
        Hashing(self.rng.next_u64())
    }
}

/// Hashes keys that peers choose, with a secret that depends on the seed.
#[derive(Clone, Copy)]
pub(crate) struct Hashing(u64);

impl BuildHasher for Hashing {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

/// A map for look-up by ids of this crate or of the driver.
///
/// Its hasher is fast but does not resist chosen keys. Keys that a peer chooses, such as [`Sid`],
/// need an ordinary map.
pub(crate) type IdMap<K, V> = HashMap<K, V, IdHashing>;

/// Makes the hashers of an [`IdMap`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IdHashing;

impl BuildHasher for IdHashing {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(0)
    }
}

/// The hasher of an [`IdMap`].
///
/// It multiplies by an odd constant near 2^64 divided by the golden ratio, which spreads counters.
#[derive(Debug)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(26) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_has_the_number_of_its_shard() {
        for shard in [0, 1, 63, 64, 4095] {
            let sid = IdGenerator::new([7; 32], shard).sid();
            assert_eq!(sid.as_str().len(), 20);
            assert_eq!(Sid::shard_of(sid.as_str()), Some(shard));
        }
    }

    #[test]
    fn session_ids_differ_and_depend_on_the_seed_alone() {
        let draw = |seed| {
            let mut generator = IdGenerator::new([seed; 32], 0);
            let count = if cfg!(miri) { 10 } else { 1000 };
            (0..count).map(|_| generator.sid()).collect::<Vec<_>>()
        };
        let first = draw(1);
        let unique: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(unique.len(), first.len());
        assert_eq!(draw(1), first);
        assert_ne!(draw(2), first);
    }

    #[test]
    fn other_ids_have_no_shard() {
        for text in ["", "short", "/AAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA", "ééééééééééé"]
        {
            assert_eq!(Sid::shard_of(text), None, "{text}");
        }
    }

    #[test]
    fn debug_output_shows_only_the_beginning_of_a_session_id() {
        let sid = IdGenerator::new([7; 32], 0).sid();
        assert!(!format!("{sid:?}").contains(&sid.as_str()[4..]));
    }
}
