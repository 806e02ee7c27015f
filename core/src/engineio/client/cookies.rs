//! The cookies of one server, as far as load balancers with sticky sessions need them.
//!
//! This is a small part of RFC 6265: all requests to a server go to one path, so domains, paths and
//! `Secure` have no meaning; of expiry only `Max-Age` of zero or less counts. An attempt to connect
//! can go to another server, which must not see the cookies of the last one.

use std::sync::Arc;

use crate::io::Response;

/// The cookies of the server that has set one last.
#[derive(Debug, Default)]
pub(super) struct Cookies {
    /// The address of the server, in the form of the driver; `None` is that of the configuration.
    server: Option<Arc<str>>,
    /// Names and values, in the order in which they were set.
    pairs: Vec<(String, String)>,
}

/// How many cookies are kept; further ones are dropped.
const MAX_COOKIES: usize = 32;
/// The greatest length of name and value together, in bytes.
const MAX_LEN: usize = 4096;

impl Cookies {
    /// Keeps the cookies of the `Set-Cookie` headers of an answer of this server. A cookie without
    /// a value, or that has expired, is removed.
    pub(super) fn store(&mut self, server: Option<&Arc<str>>, response: &Response) {
        let set = |name: &str| name.eq_ignore_ascii_case("set-cookie");
        if self.server.as_ref() != server && response.headers.iter().any(|(name, _)| set(name)) {
            *self = Self { server: server.cloned(), pairs: Vec::new() };
        }
        for (_, cookie) in response.headers.iter().filter(|(name, _)| set(name)) {
            self.set(cookie);
        }
    }

    /// Takes in one value such as `name=value; Path=/; Max-Age=60`.
    fn set(&mut self, cookie: &str) {
        let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        let Some((name, value)) = pair.split_once('=') else { return };
        let (name, value) = (name.trim(), value.trim());
        // What could break out of the header line of a request is not sent back.
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        if name.is_empty() || !plain(name) || !plain(value) || pair.len() > MAX_LEN {
            return;
        }
        // A cookie that is set again moves to the end.
        self.pairs.retain(|(known, _)| known != name);
        let expired = attributes.split(';').any(|attribute| {
            let attribute = attribute.trim();
            attribute.get(..8).is_some_and(|key| key.eq_ignore_ascii_case("max-age="))
                && (attribute[8..].starts_with('-') || &attribute[8..] == "0")
        });
        if !value.is_empty() && !expired && self.pairs.len() < MAX_COOKIES {
            self.pairs.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Returns the value of a `Cookie` header for this server; `None` if it has set no cookies.
    pub(super) fn header(&self, server: Option<&Arc<str>>) -> Option<String> {
        if self.server.as_ref() != server {
            return None;
        }
        let pairs: Vec<_> =
            self.pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(cookies: &[&str]) -> Option<String> {
        let mut jar = Cookies::default();
        for cookie in cookies {
            jar.set(cookie);
        }
        jar.header(None)
    }

    #[test]
    fn cookies_are_kept_replaced_and_dropped() {
        assert_eq!(after(&[]), None);
        assert_eq!(after(&["a=1; Path=/; HttpOnly", "b=2"]).as_deref(), Some("a=1; b=2"));
        assert_eq!(after(&["a=1", "b=2", "a=3"]).as_deref(), Some("b=2; a=3"));
        assert_eq!(after(&["a=1", "b=2", "a=; max-age=0"]).as_deref(), Some("b=2"));
        assert_eq!(after(&["a=1", "a=2; Max-Age=-1"]), None);
    }

    #[test]
    fn a_server_gets_its_own_cookies_alone() {
        let (a, b) = (Arc::from("a"), Arc::from("b"));
        let setting = |cookie: &'static str| {
            let mut response = Response::empty(200);
            response.headers.push(("set-cookie".into(), cookie.into()));
            response
        };
        let mut jar = Cookies::default();
        jar.store(Some(&a), &setting("session=of-a"));
        jar.store(Some(&b), &Response::empty(200));
        assert_eq!(jar.header(Some(&a)).as_deref(), Some("session=of-a"));
        assert_eq!((jar.header(Some(&b)), jar.header(None)), (None, None));
        jar.store(Some(&b), &setting("session=of-b"));
        assert_eq!(jar.header(Some(&b)).as_deref(), Some("session=of-b"));
        assert_eq!(jar.header(Some(&a)), None);
    }

    #[test]
    fn invalid_cookies_are_dropped_and_the_number_is_bounded() {
        for cookie in ["", "a", "=1", "a=x\r\ny", "a b=1", "a=1,b", "é=1", "a=é"] {
            assert_eq!(after(&[cookie]), None, "{cookie}");
        }
        assert_eq!(after(&[&format!("a={}", "x".repeat(5000))]), None);
        let many: Vec<_> = (0..100).map(|n| format!("c{n}=1")).collect();
        let many: Vec<_> = many.iter().map(|cookie| &**cookie).collect();
        assert_eq!(after(&many).unwrap().split("; ").count(), MAX_COOKIES);
    }
}
