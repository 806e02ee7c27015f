//! Compression of the answers of long-polling.

/// How answers are compressed: with gzip or deflate, as the client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// The size in bytes from which on an answer is compressed, by default 1,024. One of more than
    /// 512 KiB is not, nor is one after 256 KiB of others in the same millisecond: everybody else
    /// would have to wait while it is compressed.
    pub threshold: usize,
}

impl Compression {
    const LIMIT: usize = 512 << 10;

    /// Whether an answer of so many bytes is compressed.
    pub(in crate::engineio) fn is_for(self, bytes: usize) -> bool {
        (self.threshold..=Self::LIMIT).contains(&bytes)
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self { threshold: 1024 }
    }
}

/// A way of compressing that a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engineio) enum Encoding {
    Gzip,
    Deflate,
}

impl Encoding {
    /// Reads an `accept-encoding` header: the encoding that the client likes best, gzip if it
    /// likes both as much.
    pub(in crate::engineio) fn accepted(header: &str) -> Option<Self> {
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

    pub(in crate::engineio) const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    #[cfg(feature = "compression")]
    pub(in crate::engineio) fn compress(self, data: &[u8]) -> Option<Vec<u8>> {
        use std::io::Write as _;

        use flate2::Compression as Level;
        use flate2::write::{GzEncoder, ZlibEncoder};

        let buffer = Vec::with_capacity(data.len() / 2);
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(buffer, Level::fast());
                encoder.write_all(data).and_then(|()| encoder.finish()).ok()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(buffer, Level::fast());
                encoder.write_all(data).and_then(|()| encoder.finish()).ok()
            }
        }
    }

    #[cfg(not(feature = "compression"))]
    pub(in crate::engineio) fn compress(self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_that_the_client_likes_best_is_taken() {
        assert_eq!(Encoding::accepted("gzip, deflate, br"), Some(Encoding::Gzip));
        assert_eq!(Encoding::accepted("deflate"), Some(Encoding::Deflate));
        assert_eq!(Encoding::accepted("gzip;q=0.5, deflate;q=0.8"), Some(Encoding::Deflate));
        assert_eq!(Encoding::accepted("*"), Some(Encoding::Gzip));
        assert_eq!(Encoding::accepted("gzip;q=0, *;q=0.1"), Some(Encoding::Deflate));
        for none in ["", "br", "identity", "gzip;q=0", "*;q=0"] {
            assert_eq!(Encoding::accepted(none), None, "{none}");
        }
    }
}
