//! Handshakes, as the application sees them.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use crate::engineio::http::percent::decode;
use crate::io::{Headers, Request};
use crate::network;
use crate::network::Network;

/// The id of a handshake that the application decides about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HandshakeId(pub(in crate::engineio) u64);

/// The request that opens a session; kept only if the configuration asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The request target: path and query.
    pub target: String,
    /// The headers, with names in lower case; values that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The address of the peer, where there is one.
    pub remote: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub secure: bool,
}

impl Handshake {
    pub(in crate::engineio) fn new(request: &Request<'_>) -> Self {
        let text = |(name, value): &(&str, &[u8])| {
            Some((name.to_ascii_lowercase(), std::str::from_utf8(value).ok()?.to_owned()))
        };
        Self {
            target: request.target.to_owned(),
            headers: request.headers.iter().filter_map(text).collect(),
            remote: request.remote,
            secure: request.secure,
        }
    }

    /// The value of a header; the first one if it is there twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The address of the client: that of the peer, or behind trusted proxies the last address in
    /// `X-Forwarded-For` that is not one of theirs.
    #[must_use]
    pub fn client_address(&self, trusted: &[Network]) -> Option<IpAddr> {
        let values = self.headers.iter().rev().filter(|(name, _)| name == "x-forwarded-for");
        network::client_address(self.remote, values.map(|(_, value)| value.as_bytes()), trusted)
    }

    /// The memory that it takes, in bytes.
    pub(in crate::engineio) fn size(&self) -> usize {
        let header = |(name, value): &(String, String)| {
            name.len() + value.len() + size_of::<(String, String)>()
        };
        size_of::<Self>() + self.target.len() + self.headers.iter().map(header).sum::<usize>()
    }

    /// All query parameters, decoded, in their order; those of the protocol are among them.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
    }

    /// The value of a query parameter, decoded; the last one if it is there twice.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.query_pairs().filter(|(key, _)| key == name).last().map(|(_, value)| value.into())
    }
}

/// The additions of the application to a handshake that it accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// The id of the session, by default one of 108 random bits. Whoever knows it can speak for
    /// the client, so it must not be guessable; it must not be in use, and hold only letters,
    /// digits, `-` and `_`.
    pub sid: Option<String>,
    /// Headers of the answer to the handshake.
    pub headers: Headers,
}

impl From<()> for Admission {
    fn from((): ()) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_parameters_the_last_one_counts() {
        let handshake = Handshake {
            target: "/socket.io/?a=1&b&a=2=3&c=".to_owned(),
            headers: Vec::new(),
            remote: None,
            secure: false,
        };
        assert_eq!(handshake.query("a").as_deref(), Some("2=3"));
        assert_eq!(handshake.query("b").as_deref(), Some(""));
        assert_eq!(handshake.query("d"), None);
    }
}
