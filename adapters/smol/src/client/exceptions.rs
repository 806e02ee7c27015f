//! Which servers are reached without a proxy.

use std::net::IpAddr;

use super::address::Address;

/// A list like that in `NO_PROXY`.
#[derive(Clone, Debug, Default)]
pub(super) struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug)]
struct Exception {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Host {
    All,
    /// A name in lower case, for itself and what ends with it after a dot.
    Name(String),
    /// Addresses that begin with the same bits.
    Network(IpAddr, u32),
}

impl Exceptions {
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace());
        Self(entries.filter_map(Exception::parse).collect())
    }

    pub(super) fn contain(&self, server: &Address) -> bool {
        let name = server.host.to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        let ip = name.parse().ok();
        self.0.iter().any(|exception| {
            exception.port.is_none_or(|port| port == server.port) && exception.host.covers(name, ip)
        })
    }
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        if let Some(host) = Host::parse(entry) {
            return Some(Self { host, port: None });
        }
        let (host, port) = entry.rsplit_once(':')?;
        Some(Self { host: Host::parse(host)?, port: Some(port.parse().ok()?) })
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, it)| (ip, Some(it)));
        let ip = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
        if let Ok(ip) = ip.parse::<IpAddr>() {
            let all = if ip.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(all), |bits| bits.parse().ok())?;
            return (bits <= all).then_some(Self::Network(ip, bits));
        }
        let name = text.trim_start_matches('.');
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_name = !name.is_empty() && !name.contains(['/', ':', '[', ']']);
        is_name.then(|| Self::Name(name.to_ascii_lowercase()))
    }

    fn covers(&self, name: &str, ip: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            // Addresses do not end with names.
            Self::Name(known) => name
                .strip_suffix(known.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.') && ip.is_none()),
            Self::Network(network, bits) => match (network, ip) {
                (IpAddr::V4(network), Some(IpAddr::V4(ip))) => {
                    let differing = network.to_bits() ^ ip.to_bits();
                    differing.leading_zeros() >= *bits
                }
                (IpAddr::V6(network), Some(IpAddr::V6(ip))) => {
                    let differing = network.to_bits() ^ ip.to_bits();
                    differing.leading_zeros() >= *bits
                }
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contain(list: &str, url: &str) -> bool {
        Exceptions::parse(list).contain(&Address::parse(url).expect("a sound URL"))
    }

    #[test]
    fn names_stand_for_themselves_and_what_is_below_them() {
        for list in ["a.b", ".a.b", "x, a.b ,y", "x a.b", "A.B", "a.b.", "*", "x,*"] {
            for host in ["a.b", "x.a.b", "X.A.B", "x.a.b."] {
                assert!(contain(list, &format!("http://{host}")), "{list}: {host}");
            }
        }
        for list in ["", ",", ".", " , ", "b.a", "*.b", "x.a.b"] {
            assert!(!contain(list, "http://a.b"), "{list}");
        }
        for host in ["xa.b", "a.b.x", "b"] {
            assert!(!contain("a.b", &format!("http://{host}")), "{host}");
        }
    }

    #[test]
    fn addresses_may_be_those_of_networks() {
        for (list, host) in [
            ("10.1.2.3", "10.1.2.3"),
            ("10.0.0.0/8", "10.255.0.1"),
            ("10.1.2.3/8", "10.255.0.1"),
            ("192.168.4.0/22", "192.168.7.255"),
            ("0.0.0.0/0", "8.8.8.8"),
            ("1.2.3.4/32", "1.2.3.4"),
            ("::1", "[::1]"),
            ("[::1]", "[0:0::1]"),
            ("fd00::/8", "[fdff::1]"),
            ("[fd00::]/8", "[fdff::1]"),
            ("::/0", "[fdff::1]"),
        ] {
            assert!(contain(list, &format!("http://{host}")), "{list}: {host}");
        }
        for (list, host) in [
            ("10.0.0.0/8", "11.0.0.1"),
            ("192.168.4.0/22", "192.168.8.0"),
            ("0.0.0.0/0", "[::1]"),
            ("::/0", "1.2.3.4"),
            ("0.0.0.0/0", "name"),
            ("10.0.0.0/33", "10.0.0.0"),
            ("10.0.0.0/x", "10.0.0.0"),
            ("10.0.0.0/", "10.0.0.0"),
            ("2.3", "1.1.2.3"),
            ("1", "[::1]"),
        ] {
            assert!(!contain(list, &format!("http://{host}")), "{list}: {host}");
        }
    }

    #[test]
    fn a_port_limits_an_entry_to_servers_there() {
        for (list, url) in [
            ("a:81", "http://a:81"),
            ("a:80", "ws://a"),
            ("a:443", "wss://x.a"),
            ("*:81", "http://b:81"),
            ("10.0.0.0/8:81", "http://10.1.1.1:81"),
            ("[::1]:81", "http://[::1]:81"),
        ] {
            assert!(contain(list, url), "{list}: {url}");
        }
        for (list, url) in [
            ("a:81", "http://a"),
            ("a:443", "http://a"),
            ("[::1]:81", "http://[::1]:82"),
            ("a:x", "http://a"),
            ("a:", "http://a"),
            ("a:99999", "http://a"),
        ] {
            assert!(!contain(list, url), "{list}: {url}");
        }
    }
}
