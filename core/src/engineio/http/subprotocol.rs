//! Subprotocols of WebSockets: what a handshake offers, and which of them is chosen.

use std::fmt;
use std::sync::Arc;

use crate::io::{Request, is_token};

/// Which of the subprotocols that a WebSocket handshake offers is chosen, and told in the header
/// `Sec-WebSocket-Protocol` of the answer (RFC 6455, section 1.9).
///
/// Sockeye itself makes nothing of a subprotocol. A browser ends a WebSocket for which its page has
/// offered some and none was chosen.
///
/// ```
/// use sockeye_core::engineio::{EngineConfig, Subprotocols};
///
/// let known = vec!["chat.v2".to_owned(), "chat.v1".to_owned()];
/// let config = EngineConfig::default().subprotocols(Subprotocols::List(known));
/// # let _ = config;
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Subprotocols {
    /// The first that is offered, as by the official server.
    #[default]
    First,
    /// None, whatever is offered.
    None,
    /// The first that is offered and is in this list; none if there is no such. They are compared
    /// with case.
    List(Vec<String>),
    /// The first that is offered and for which this holds; none if there is no such. The function
    /// must depend on its argument alone.
    Matching(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

/// A header with offers that is malformed: an element is empty or not a token, or stands there
/// twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engineio) struct Malformed;

impl Subprotocols {
    /// Chooses among the offers of a handshake. Several headers mean the same as one with all their
    /// elements.
    pub(in crate::engineio) fn choose(
        &self,
        request: &Request<'_>,
    ) -> Result<Option<String>, Malformed> {
        let named = |name: &str| name.eq_ignore_ascii_case("sec-websocket-protocol");
        let mut offers: Vec<&str> = Vec::new();
        for (_, value) in request.headers.iter().filter(|(name, _)| named(name)) {
            let value = std::str::from_utf8(value).map_err(|_| Malformed)?;
            for element in value.split(',') {
                let offer = element.trim_matches([' ', '\t']);
                offers.push(Some(offer).filter(|offer| is_token(offer)).ok_or(Malformed)?);
            }
        }
        let mut sorted = offers.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Malformed);
        }
        let chosen = offers.into_iter().find(|offer| match self {
            Self::First => true,
            Self::None => false,
            Self::List(known) => known.iter().any(|known| known == offer),
            Self::Matching(holds) => holds(offer),
        });
        Ok(chosen.map(ToOwned::to_owned))
    }
}

impl fmt::Debug for Subprotocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("First"),
            Self::None => f.write_str("None"),
            Self::List(list) => f.debug_tuple("List").field(list).finish(),
            Self::Matching(_) => f.write_str("Matching(..)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(subprotocols: &Subprotocols, offers: &[&str]) -> Result<Option<String>, Malformed> {
        let headers: Vec<(&str, &[u8])> =
            offers.iter().map(|offer| ("Sec-WebSocket-Protocol", offer.as_bytes())).collect();
        let headers = &*headers;
        let request = Request { method: "GET", target: "/", headers, remote: None, secure: false };
        subprotocols.choose(&request)
    }

    #[test]
    fn the_first_offer_is_chosen_by_default() {
        let first = Subprotocols::default();
        assert_eq!(choose(&first, &[]), Ok(None));
        for offers in [&["a"][..], &["a, b"], &["a\t,b ,\tc"], &["a", "b"], &[" a "]] {
            assert_eq!(choose(&first, offers), Ok(Some("a".to_owned())), "{offers:?}");
        }
    }

    #[test]
    fn an_application_may_choose_or_refuse() {
        let known = Subprotocols::List(vec!["c".to_owned(), "b".to_owned()]);
        assert_eq!(choose(&known, &["a, b", "c"]), Ok(Some("b".to_owned())));
        assert_eq!(choose(&known, &["a, B"]), Ok(None));
        let long = Subprotocols::Matching(Arc::new(|offer| offer.len() > 1));
        assert_eq!(choose(&long, &["a, bb, ccc"]), Ok(Some("bb".to_owned())));
        assert_eq!(choose(&Subprotocols::None, &["a"]), Ok(None));
    }

    #[test]
    fn offers_that_are_malformed_are_told_whatever_is_chosen() {
        for subprotocols in [Subprotocols::First, Subprotocols::None] {
            for offers in
                [&[""][..], &[","], &["a,"], &[",a"], &["a,,b"], &["a b"], &["a, a"], &["a", "a"]]
            {
                assert_eq!(choose(&subprotocols, offers), Err(Malformed), "{offers:?}");
            }
            for offer in ["\u{e9}", "a;b", "\"a\"", "a/b"] {
                assert_eq!(choose(&subprotocols, &[offer]), Err(Malformed), "{offer:?}");
            }
        }
    }
}
