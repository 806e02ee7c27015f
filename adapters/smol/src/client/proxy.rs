//! HTTP proxies: which one, for whom, and how they are asked for a tunnel.

use std::env;
use std::fmt;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use sockeye_app::client::ConnectError;

use super::address::{Address, decode};
use super::exceptions::Exceptions;
use crate::stream::Stream;

/// An HTTP proxy.
///
/// For `https` and `wss`, and for all WebSockets, it is asked for a tunnel by `CONNECT` (RFC 9110,
/// section 9.3.6; RFC 6455, section 4.1). The requests of long-polling over `http` are sent to it
/// with the whole address in them, for it to pass on (RFC 9112, section 3.2.2): many proxies make
/// tunnels to the ports of TLS alone. Where one makes none, a client of `http` that begins with
/// long-polling stays with it.
///
/// ```
/// use sockeye_smol::client::{Connector, Proxy};
///
/// # fn main() -> Result<(), sockeye_smol::client::ConnectError> {
/// let proxy = Proxy::new("http://user:password@proxy.example.com:3128")?;
/// let connector = Connector::new().proxy(proxy.no_proxy("localhost, .internal"));
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Proxy {
    plain: Option<Result<Upstream, Unusable>>,
    secure: Option<Result<Upstream, Unusable>>,
    exceptions: Exceptions,
}

/// One proxy.
#[derive(Clone, PartialEq)]
pub(super) struct Upstream {
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of `Proxy-Authorization`.
    pub(super) authorization: Option<String>,
}

/// A variable of the environment names something else than an HTTP proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unusable(&'static str);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not the address of an HTTP proxy", self.0)
    }
}

impl std::error::Error for Unusable {}

/// The longest head of an answer.
const MAX_HEAD: usize = 16 * 1024;

impl Proxy {
    /// A proxy for all connections, such as `http://user:password@proxy:3128`. The scheme may be
    /// left out, and the port is 80 if none is named.
    ///
    /// # Errors
    ///
    /// If this is no such address. Proxies of other kinds are reached with
    /// [`Connector::dial`](super::Connector::dial).
    pub fn new(url: &str) -> Result<Self, ConnectError> {
        let upstream = Upstream::parse(url)?;
        let (plain, secure) = (Some(Ok(upstream.clone())), Some(Ok(upstream)));
        Ok(Self { plain, secure, exceptions: Exceptions::default() })
    }

    /// The proxies that the environment names: `HTTPS_PROXY` for `https` and `wss`, `HTTP_PROXY` for
    /// `http` and `ws`, `ALL_PROXY` for both, and `NO_PROXY` for hosts that need none; in lower case,
    /// too, which comes first. `HTTP_PROXY` in upper case does not count where there is a
    /// `REQUEST_METHOD`: in CGI programs it is a header of the client's.
    ///
    /// Where one of them is not the address of an HTTP proxy, connections that need it fail: to go
    /// without it might tell the server who somebody is.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_vars(|name| env::var(name).ok())
    }

    fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let is_cgi = var("REQUEST_METHOD").is_some();
        let find = |name: &str| {
            let upper = name.to_ascii_uppercase();
            let upper = if is_cgi && name == "http_proxy" { None } else { var(&upper) };
            var(name).or(upper).filter(|value| !value.is_empty())
        };
        let upstream = |name| {
            let named = |name| find(name).map(|url| (name, url));
            let (name, url) = named(name).or_else(|| named("all_proxy"))?;
            Some(Upstream::parse(&url).map_err(|_| Unusable(name)))
        };
        let proxy = Self {
            plain: upstream("http_proxy"),
            secure: upstream("https_proxy"),
            exceptions: Exceptions::default(),
        };
        proxy.no_proxy(&find("no_proxy").unwrap_or_default())
    }

    /// Sets which servers are reached without a proxy, as `NO_PROXY` does, with commas or spaces
    /// between them:
    ///
    /// - `example.com` and `.example.com` for this name and all that end with it after a dot;
    /// - an address of IPv4 or IPv6, with or without brackets;
    /// - a network of addresses, such as `192.168.0.0/16` or `fd00::/8`;
    /// - `*` for all.
    ///
    /// A port behind it, as in `example.com:3000` or `[::1]:3000`, limits an entry to this port.
    /// Names are not looked up: a server that is named is not in a network. Other entries are
    /// ignored.
    #[must_use]
    pub fn no_proxy(mut self, hosts: &str) -> Self {
        self.exceptions = Exceptions::parse(hosts);
        self
    }

    /// The proxy for a server, if it needs one.
    pub(super) fn upstream(&self, address: &Address) -> Result<Option<&Upstream>, Unusable> {
        if self.exceptions.contain(address) {
            return Ok(None);
        }
        let upstream = if address.secure { &self.secure } else { &self.plain };
        upstream.as_ref().map(Result::as_ref).transpose().map_err(|&unusable| unusable)
    }
}

/// Shows no passwords.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("no_proxy", &self.exceptions).finish_non_exhaustive()
    }
}

impl Upstream {
    fn parse(url: &str) -> Result<Self, ConnectError> {
        const PROBLEM: ConnectError = ConnectError::Url("a proxy is like http://host:port");
        let url = url.trim();
        let scheme = url.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
        let rest = &url[scheme.map_or(0, str::len)..];
        if rest.contains("://") {
            return Err(PROBLEM);
        }
        let rest = rest.trim_end_matches('/');
        let (user, rest) =
            rest.rsplit_once('@').map_or((None, rest), |(user, it)| (Some(user), it));
        let uri: Uri = format!("http://{rest}").parse().map_err(|_| PROBLEM)?;
        let address = Address::parse(&uri.to_string())?;
        let authorization = user.map(|user| {
            // A user without a password has an empty one (RFC 7617, section 2).
            let colon = if user.contains(':') { "" } else { ":" };
            format!("Basic {}", STANDARD.encode(decode(user) + colon))
        });
        Ok(Self { host: address.host, port: address.port, authorization })
    }

    /// Asks for a tunnel to a server.
    pub(super) async fn tunnel(
        &self,
        mut stream: Box<dyn Stream>,
        address: &Address,
    ) -> io::Result<Box<dyn Stream>> {
        let host = &address.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let authority = format!("{host}:{}", address.port);
        let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(authorization) = &self.authorization {
            head += &format!("Proxy-Authorization: {authorization}\r\n");
        }
        head += "\r\n";
        stream.write_all(head.as_bytes()).await?;
        stream.flush().await?;
        // Byte by byte: what follows the head is the server's.
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte).await? == 0 {
                return Err(io::Error::other("the proxy closes the connection"));
            }
            head.push(byte[0]);
            if head.len() > MAX_HEAD {
                return Err(io::Error::other("the proxy answers without end"));
            }
        }
        let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        match status.and_then(|status| status.parse::<u16>().ok()) {
            Some(200..=299) => Ok(stream),
            Some(status) => Err(io::Error::other(refused(status))),
            None => Err(io::Error::other("the proxy does not speak HTTP")),
        }
    }
}

/// What is told if a proxy does not do its work.
pub(super) fn refused(status: u16) -> String {
    format!("the proxy answers with status {status}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        Address::parse(url).expect("a sound URL")
    }

    fn port(proxy: &Proxy, url: &str) -> Option<u16> {
        proxy.upstream(&address(url)).expect("a sound proxy").map(|upstream| upstream.port)
    }

    #[test]
    fn the_environment_names_proxies_for_plain_and_encrypted_connections() {
        let vars = |list: &'static [(&str, &str)]| {
            Proxy::from_vars(|name| {
                list.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let both =
            vars(&[("HTTP_PROXY", "a:1"), ("https_proxy", "http://b:2"), ("ALL_PROXY", "c:3")]);
        assert_eq!((port(&both, "http://x"), port(&both, "wss://x")), (Some(1), Some(2)));
        let all = vars(&[("ALL_PROXY", "c:3"), ("http_proxy", ""), ("NO_PROXY", "a.b,.c")]);
        assert_eq!((port(&all, "ws://x"), port(&all, "https://x")), (Some(3), Some(3)));
        for host in ["a.b", "x.A.b", "c", "d.c"] {
            assert_eq!(port(&all, &format!("http://{host}")), None, "{host}");
        }
        assert_eq!(port(&all, "http://xa.b"), Some(3));
        let cgi = vars(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil:1")]);
        assert_eq!(port(&cgi, "http://x"), None);
        let none = vars(&[("HTTPS_PROXY", "a:1"), ("no_proxy", "*")]);
        assert_eq!(port(&none, "https://x"), None);
        let other =
            vars(&[("ALL_PROXY", "socks5://a:1"), ("http_proxy", "b:2"), ("NO_PROXY", "y")]);
        assert_eq!((port(&other, "http://x"), port(&other, "https://y")), (Some(2), None));
        assert_eq!(other.upstream(&address("https://x")).err(), Some(Unusable("all_proxy")));
    }

    #[test]
    fn users_are_told_to_the_proxy_and_to_nobody_else() {
        assert_eq!(port(&Proxy::new(" HTTP://a:1").expect("a sound URL"), "http://x"), Some(1));
        let proxy = Proxy::new("http://us%40er:pass@[::1]:3128/").expect("a sound URL");
        let upstream = proxy.upstream(&address("http://x")).unwrap().expect("it is for all");
        assert_eq!((upstream.host.as_str(), upstream.port), ("::1", 3128));
        assert_eq!(upstream.authorization.as_deref(), Some("Basic dXNAZXI6cGFzcw=="));
        assert!(!format!("{proxy:?}").contains("pass"));
        let told = |url| Upstream::parse(url).expect("a sound URL").authorization;
        assert_eq!(told("http://token@a:1").as_deref(), Some("Basic dG9rZW46"));
        assert_eq!(told("http://us%3Aer@a:1").as_deref(), Some("Basic dXM6ZXI6"));
        assert_eq!(told("http://a:1"), None);
        for url in ["", "https://a:1", "socks5://a:1", "http://a:99999", "http://"] {
            assert!(Proxy::new(url).is_err(), "{url}");
        }
    }
}
