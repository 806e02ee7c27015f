//! Ranges of IP addresses, and the address of a client behind proxies (`X-Forwarded-For`).
//!
//! `Forwarded` (RFC 7239) is not read.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

/// A range of addresses, such as `10.0.0.0/8` or `2001:db8::/32`, a single address, such as
/// `127.0.0.1`, or `unix:`: all peers on Unix sockets, which have no address.
///
/// Bits behind the prefix are ignored. An IPv4-mapped IPv6 address, such as `::ffff:10.0.0.1`, is
/// the IPv4 address.
///
/// ```
/// use sockeye_core::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// # Ok::<(), sockeye_core::ParseNetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(Range);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Range {
    Unix,
    V4 { first: u32, prefix: u8 },
    V6 { first: u128, prefix: u8 },
}

/// The error of parsing a [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a network: expected an address, perhaps with a prefix, such as 10.0.0.0/8; or unix:")]
pub struct ParseNetworkError(());

impl Network {
    /// Returns whether an address is in the network; always false for `unix:`.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.0, address.to_canonical()) {
            (Range::V4 { first, prefix }, IpAddr::V4(address)) => {
                u32::from(address) & mask_v4(prefix) == first
            }
            (Range::V6 { first, prefix }, IpAddr::V6(address)) => {
                u128::from(address) & mask_v6(prefix) == first
            }
            (Range::Unix | Range::V4 { .. } | Range::V6 { .. }, _) => false,
        }
    }

    fn contains_peer(&self, peer: Option<IpAddr>) -> bool {
        peer.map_or(self.0 == Range::Unix, |address| self.contains(address))
    }
}

const fn mask_v4(prefix: u8) -> u32 {
    if prefix == 0 { 0 } else { u32::MAX << (32 - prefix) }
}

const fn mask_v6(prefix: u8) -> u128 {
    if prefix == 0 { 0 } else { u128::MAX << (128 - prefix) }
}

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        if text == "unix:" {
            return Ok(Self(Range::Unix));
        }
        let fault = ParseNetworkError(());
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((address, prefix)) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                (address, Some(prefix.parse::<u8>().map_err(|_| fault)?))
            }
            Some(_) => return Err(fault),
        };
        let range = match address.parse().map_err(|_| fault)? {
            IpAddr::V4(address) => v4(address, prefix.unwrap_or(32)),
            IpAddr::V6(address) => v6(address, prefix.unwrap_or(128)),
        };
        range.map(Self).ok_or(fault)
    }
}

fn v4(address: Ipv4Addr, prefix: u8) -> Option<Range> {
    (prefix <= 32).then(|| Range::V4 { first: u32::from(address) & mask_v4(prefix), prefix })
}

fn v6(address: Ipv6Addr, prefix: u8) -> Option<Range> {
    match address.to_ipv4_mapped() {
        Some(address) if prefix >= 96 => v4(address, prefix - 96),
        Some(_) | None if prefix <= 128 => {
            Some(Range::V6 { first: u128::from(address) & mask_v6(prefix), prefix })
        }
        Some(_) | None => None,
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Range::Unix => f.write_str("unix:"),
            Range::V4 { first, prefix } => write!(f, "{}/{prefix}", Ipv4Addr::from(first)),
            Range::V6 { first, prefix } => write!(f, "{}/{prefix}", Ipv6Addr::from(first)),
        }
    }
}

/// Returns the address of a client: that of the peer, or, if the peer is trusted, the last one in
/// `X-Forwarded-For` that is not trusted.
///
/// Each proxy appends the address of its own peer to that header. Entries before the last untrusted
/// one may be forged, so the search ends there, and at an entry that is not an address. `forwarded`
/// are the values of the header, the last one first.
pub(crate) fn client_address<'a>(
    peer: Option<SocketAddr>,
    forwarded: impl Iterator<Item = &'a [u8]>,
    trusted: &[Network],
) -> Option<IpAddr> {
    let is_trusted = |address| trusted.iter().any(|network| network.contains_peer(address));
    let mut client = peer.map(|peer| peer.ip().to_canonical());
    if !is_trusted(client) {
        return client;
    }
    let entries = forwarded.flat_map(|value| value.rsplit(|&byte| byte == b','));
    for entry in entries.map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty()) {
        let Some(address) = parse(entry) else { break };
        client = Some(address);
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// Parses an address with an optional port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]` or `[2001:db8::1]:80`.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(address) => IpAddr::V6(address.parse().ok()?),
        None => text.parse().or_else(|_| text.parse().map(|it: SocketAddr| it.ip())).ok()?,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect("a network")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.6/31", "::ffff:192.0.2.7", "192.0.2.8"),
            ("::ffff:10.0.0.0/104", "10.1.1.1", "::ffff:11.0.0.1"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::", "2001:db9::"),
            ("::1", "::1", "::2"),
        ] {
            assert!(network(range).contains(address(inside)), "{inside} in {range}");
            assert!(!network(range).contains(address(outside)), "{outside} in {range}");
            let shown = network(range).to_string();
            assert_eq!(network(&shown), network(range), "{shown}");
        }
        assert_eq!(network("10.1.2.3/8").to_string(), "10.0.0.0/8");
        assert_eq!(network("unix:").to_string(), "unix:");
        assert!(!network("unix:").contains(address("127.0.0.1")));
    }

    #[test]
    fn a_text_that_is_not_a_network_is_refused() {
        for text in [
            "",
            "10",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "10.0.0.0/999",
            "::/129",
            "::ffff:1.2.3.4/129",
            "[::1]",
            "localhost",
            "unix",
            " ::1",
            "10.0.0.1:80",
            "fe80::1%1",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    /// The address of a client whose peer is `10.0.0.1`, where `10.0.0.0/8` and `::1` are trusted.
    fn behind(values: &[&str]) -> String {
        let trusted = [network("10.0.0.0/8"), network("::1")];
        let peer = Some("10.0.0.1:4711".parse().expect("an address"));
        let values = values.iter().rev().map(|value| value.as_bytes());
        client_address(peer, values, &trusted).expect("an address").to_string()
    }

    #[test]
    fn the_client_is_the_last_untrusted_address_behind_trusted_proxies() {
        for (values, client) in [
            (&[][..], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["192.0.2.1"], "192.0.2.1"),
            (&["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
            (&["198.51.100.9,192.0.2.1, 10.9.9.9,::1"], "192.0.2.1"),
            (&["198.51.100.9", "192.0.2.1", "10.9.9.9"], "192.0.2.1"),
            (&["10.8.8.8, 10.9.9.9"], "10.8.8.8"),
            (&["192.0.2.1, , 10.9.9.9,"], "192.0.2.1"),
            (&["192.0.2.1:8080"], "192.0.2.1"),
            (&["[2001:db8::1]:8080"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            // An entry that is not an address ends the search.
            (&["192.0.2.1, unknown"], "10.0.0.1"),
            (&["192.0.2.1, unknown, 10.9.9.9"], "10.9.9.9"),
            (&["192.0.2.1, é"], "10.0.0.1"),
            (&["192.0.2.1, [::1"], "10.0.0.1"),
            (&["192.0.2.1, 10.0.0"], "10.0.0.1"),
        ] {
            assert_eq!(behind(values), client, "{values:?}");
        }
        let long = "10.0.0.2,".repeat(2_000);
        assert_eq!(behind(&[&format!("192.0.2.1,{long}")]), "192.0.2.1");
    }

    #[test]
    fn an_untrusted_peer_is_the_client() {
        let forged = || [&b"192.0.2.1"[..]].into_iter();
        let peer = Some("198.51.100.9:4711".parse().expect("an address"));
        let client = |peer, trusted: &[Network]| client_address(peer, forged(), trusted);

        assert_eq!(client(peer, &[]), Some(address("198.51.100.9")));
        assert_eq!(client(peer, &[network("unix:")]), Some(address("198.51.100.9")));
        assert_eq!(client(None, &[network("0.0.0.0/0")]), None);
        assert_eq!(client(None, &[network("unix:")]), Some(address("192.0.2.1")));
        let mapped = Some("[::ffff:198.51.100.9]:4711".parse().expect("an address"));
        assert_eq!(client(mapped, &[]), Some(address("198.51.100.9")));
    }
}
