//! Where a server is.

use std::sync::Arc;

use hyper::Uri;
use sockeye_app::client::ConnectError;

/// The address of a server, and what is to be joined there.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) secure: bool,
    /// The name to look up, without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and port as they are told to the server.
    pub(super) authority: Arc<str>,
    pub(super) namespace: String,
    pub(super) query: Vec<(String, String)>,
    /// The same as it was written.
    pub(super) raw_query: String,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, ConnectError> {
        let uri: Uri = url.parse().map_err(|_| ConnectError::Url("this is not a URL"))?;
        let secure = match uri.scheme_str().map(str::to_ascii_lowercase).as_deref() {
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            _ => return Err(ConnectError::Url("a URL begins with http, https, ws or wss")),
        };
        let authority = uri.authority().ok_or(ConnectError::Url("a URL names a host"))?;
        if authority.as_str().contains('@') {
            return Err(ConnectError::Url("a URL holds no user: use extra headers"));
        }
        let is_port = authority.port_u16().is_some_and(|port| port > 0);
        if !is_port && authority.as_str() != authority.host() {
            return Err(ConnectError::Url("a port is a number from 1 to 65535"));
        }
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(ConnectError::Url("a URL names a host"));
        }
        let query = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query = query.map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Ok(Self {
            secure,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            authority: authority.as_str().into(),
            namespace: uri.path().to_owned(),
            query: query.collect(),
            raw_query: uri.query().unwrap_or_default().to_owned(),
        })
    }
}

/// Takes `%20` for a space, and so on; the machine encodes it again.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let value = hex.filter(|_| first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(value.unwrap_or(first));
        rest = if value.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::Address;

    fn parse(url: &str) -> Option<String> {
        let Address { secure, host, port, authority, namespace, query, .. } =
            Address::parse(url).ok()?;
        Some(format!("{secure} {host} {port} {authority} {namespace} {query:?}"))
    }

    #[test]
    fn a_url_tells_host_port_namespace_and_query() {
        let told = |url| parse(url).expect("a sound URL");
        assert_eq!(told("http://a"), "false a 80 a / []");
        assert_eq!(told("wss://a.b/c"), "true a.b 443 a.b /c []");
        assert_eq!(told("HTTPS://A.b/C"), "true A.b 443 A.b /C []");
        assert_eq!(told("Ws://a"), "false a 80 a / []");
        assert_eq!(told("ws://[::1]:3000"), "false ::1 3000 [::1]:3000 / []");
        let query = r#"false a 1 a:1 /x [("b", "c d"), ("e%", "")]"#;
        assert_eq!(told("http://a:1/x?b=c%20d&e%&"), query);
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for url in ["", "localhost:3000", "ftp://a", "http://", "http://u@a", "http://:1", "/x"] {
            assert_eq!(parse(url), None, "{url}");
        }
        let ports =
            ["http://a:99999", "http://a:0", "ws://a:", "http://[::1]:65536", "http://a:8o"];
        for url in ports {
            assert_eq!(parse(url), None, "{url}");
        }
    }
}
