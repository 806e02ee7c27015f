//! Compression of answers: which encoding a client accepts, and how much is compressed at most.

use std::io::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::{GzEncoder, ZlibEncoder};

/// How answers are compressed: with gzip or deflate, as the client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compression {
    /// The size in bytes from which on an answer is compressed, by default 1,024. An answer of
    /// long-polling is not if it has more than 512 KiB, or if 256 KiB of others were compressed in
    /// the same millisecond: all other clients would have to wait meanwhile.
    pub threshold: usize,
}

impl Compression {
    const LIMIT: usize = 512 << 10;

    /// Sets [`threshold`](field@Self::threshold).
    #[must_use]
    pub const fn threshold(mut self, threshold: usize) -> Self {
        self.threshold = threshold;
        self
    }

    /// Whether an answer of so many bytes is compressed.
    pub(super) fn is_for(self, bytes: usize) -> bool {
        (self.threshold..=Self::LIMIT).contains(&bytes)
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self { threshold: 1024 }
    }
}

/// A content coding that a client accepts (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Encoding {
    Gzip,
    Deflate,
}

impl Encoding {
    /// Reads an `accept-encoding` header: the encoding with the highest weight, gzip if both have
    /// the same.
    pub(super) fn accepted(header: &str) -> Option<Self> {
        let weight = |name: &str| {
            let mut best = None;
            for item in header.split(',') {
                let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
                let quality = parameters.trim().strip_prefix("q=");
                let quality = quality.map_or(Some(1.0), |quality| quality.parse::<f32>().ok())?;
                if coding.trim().eq_ignore_ascii_case(name) {
                    return Some(quality);
                }
                if coding.trim() == "*" {
                    best = Some(quality);
                }
            }
            best
        };
        let gzip = weight("gzip").unwrap_or(0.0);
        let deflate = weight("deflate").unwrap_or(0.0);
        match (gzip > 0.0, deflate > 0.0) {
            (true, true) if deflate > gzip => Some(Self::Deflate),
            (true, _) => Some(Self::Gzip),
            (false, true) => Some(Self::Deflate),
            (false, false) => None,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// Compresses data; `None` if that fails, which it does not in memory.
    pub(super) fn compress(self, data: &[u8]) -> Option<Bytes> {
        let buffer = Vec::with_capacity(data.len() / 2);
        let compressed = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(buffer, Level::fast());
                encoder.write_all(data).and_then(|()| encoder.finish())
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(buffer, Level::fast());
                encoder.write_all(data).and_then(|()| encoder.finish())
            }
        };
        compressed.ok().map(Bytes::from)
    }
}

/// The number of bytes that may still be compressed in the current slice of time.
#[derive(Debug, Default)]
pub(super) struct Budget {
    began: Option<Instant>,
    spent: usize,
}

impl Budget {
    /// The bytes that are compressed in one slice, some milliseconds of work.
    const BYTES: usize = 256 << 10;
    /// The time between the beginnings of two slices.
    const PACE: Duration = Duration::from_millis(1);

    /// Begins a slice, unless the last one has just begun.
    pub(super) fn renew(&mut self, now: Instant) {
        if self.began.is_none_or(|began| began + Self::PACE <= now) {
            *self = Self { began: Some(now), spent: 0 };
        }
    }

    /// Spends so many bytes, if anything is left: the last answer of a slice may exceed it.
    pub(super) const fn spend(&mut self, bytes: usize) -> bool {
        let any_left = self.spent < Self::BYTES;
        if any_left {
            self.spent += bytes;
        }
        any_left
    }
}

/// The body that was compressed last. A broadcast leads to answers that share a body; it is
/// compressed once.
#[derive(Debug, Default)]
pub(super) struct Last(Option<(Bytes, Encoding, Bytes)>);

impl Last {
    /// The compressed form of a body, if it is the last one.
    pub(super) fn get(&self, body: &Bytes, encoding: Encoding) -> Option<Bytes> {
        let (last, with, compressed) = self.0.as_ref()?;
        let is_same = last.as_ptr() == body.as_ptr() && last.len() == body.len();
        (is_same && *with == encoding).then(|| compressed.clone())
    }

    pub(super) fn compress(&mut self, body: &Bytes, encoding: Encoding) -> Option<Bytes> {
        let compressed = encoding.compress(body)?;
        self.0 = Some((body.clone(), encoding, compressed.clone()));
        Some(compressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_with_the_highest_weight_is_chosen() {
        assert_eq!(Encoding::accepted("gzip, deflate, br"), Some(Encoding::Gzip));
        assert_eq!(Encoding::accepted("deflate"), Some(Encoding::Deflate));
        assert_eq!(Encoding::accepted("gzip;q=0.5, deflate;q=0.8"), Some(Encoding::Deflate));
        assert_eq!(Encoding::accepted("*"), Some(Encoding::Gzip));
        assert_eq!(Encoding::accepted("gzip;q=0, *;q=0.1"), Some(Encoding::Deflate));
        for none in ["", "br", "identity", "gzip;q=0", "*;q=0"] {
            assert_eq!(Encoding::accepted(none), None, "{none}");
        }
    }

    #[test]
    fn a_slice_begins_a_millisecond_after_the_last_one() {
        let begin = Instant::now();
        let mut budget = Budget::default();
        budget.renew(begin);
        assert!(budget.spend(Budget::BYTES - 1) && budget.spend(2));
        assert!(!budget.spend(0));
        budget.renew(begin + Duration::from_micros(999));
        assert!(!budget.spend(1));
        budget.renew(begin + Duration::from_millis(1));
        assert!(budget.spend(1));
    }
}
