//! What a server says when it opens a session.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use crate::engineio::Transport;

/// A session as the server describes it, checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) sid: String,
    /// Whether the server offers to go over to a WebSocket.
    pub(super) upgradable: bool,
    /// How long the server may be silent.
    pub(super) silence: Duration,
    /// The greatest size in bytes of the body of a POST; `None` if the server names none.
    pub(super) max_payload: Option<usize>,
}

/// Ids are sent along with every request.
const MAX_SID: usize = 1024;

/// Nothing that is to be said takes more bytes.
const MAX_LEN: usize = 8192;

/// The longest time that JavaScript can wait, in milliseconds.
const MAX_MILLISECONDS: f64 = 2_147_483_647.0;

impl Open {
    /// Reads `{"sid":"..","upgrades":["websocket"],"pingInterval":25000,..}`.
    pub(super) fn parse(json: &Bytes) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            sid: String,
            #[serde(default)]
            upgrades: Vec<serde_json::Value>,
            ping_interval: f64,
            ping_timeout: f64,
            max_payload: Option<f64>,
        }
        if json.len() > MAX_LEN {
            return Err("too long");
        }
        let wire: Wire = serde_json::from_slice(json).map_err(|_| "not what one looks like")?;
        if wire.sid.is_empty() || wire.sid.len() > MAX_SID || wire.sid.contains(char::is_control) {
            return Err("unusable session id");
        }
        let interval = milliseconds(wire.ping_interval).ok_or("unusable ping interval")?;
        let timeout = milliseconds(wire.ping_timeout).ok_or("unusable ping timeout")?;
        let max_payload = match wire.max_payload {
            Some(max) if !max.is_finite() || max < 0.0 => return Err("unusable payload limit"),
            // As in JavaScript, none at all is no limit.
            Some(0.0) | None => None,
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Some(max) => Some(max as usize),
        };
        let upgradable = wire.upgrades.iter().any(|name| *name == Transport::WebSocket.as_str());
        Ok(Self { sid: wire.sid, upgradable, silence: interval + timeout, max_payload })
    }
}

fn milliseconds(number: f64) -> Option<Duration> {
    let sensible = (1.0..=MAX_MILLISECONDS).contains(&number);
    sensible.then(|| Duration::from_secs_f64(number / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Open, &'static str> {
        Open::parse(&Bytes::copy_from_slice(json.as_bytes()))
    }

    #[test]
    fn what_servers_say_is_read() {
        let open = parse(
            r#"{"sid":"a","upgrades":["websocket","webtransport"],"pingInterval":25000,
                "pingTimeout":20000,"maxPayload":1000000,"more":[1]}"#,
        );
        let silence = Duration::from_secs(45);
        let max_payload = Some(1_000_000);
        assert_eq!(open, Ok(Open { sid: "a".into(), upgradable: true, silence, max_payload }));
        let least = parse(r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":0}"#);
        let silence = Duration::from_millis(2);
        assert_eq!(
            least,
            Ok(Open { sid: "a".into(), upgradable: false, silence, max_payload: None })
        );
    }

    #[test]
    fn what_is_as_long_as_allowed_is_read() {
        let sid = "a".repeat(MAX_SID);
        let open = format!(r#"{{"sid":"{sid}","pingInterval":1,"pingTimeout":1}}"#);
        assert!(parse(&open).is_ok());
        assert!(parse(&format!("{open:MAX_LEN$}")).is_ok());
        assert!(parse(&format!("{open:0$}", MAX_LEN + 1)).is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        for json in [
            "",
            "notjson",
            "[]",
            "{}",
            r#"{"pingInterval":1,"pingTimeout":1}"#,
            r#"{"sid":"","pingInterval":1,"pingTimeout":1}"#,
            r#"{"sid":7,"pingInterval":1,"pingTimeout":1}"#,
            r#"{"sid":"\u0000","pingInterval":1,"pingTimeout":1}"#,
            r#"{"sid":"a","pingInterval":0,"pingTimeout":1}"#,
            r#"{"sid":"a","pingInterval":1,"pingTimeout":0}"#,
            r#"{"sid":"a","pingInterval":-1,"pingTimeout":1}"#,
            r#"{"sid":"a","pingInterval":1e300,"pingTimeout":1}"#,
            r#"{"sid":"a","pingInterval":"x","pingTimeout":1}"#,
            r#"{"sid":"a","pingInterval":null,"pingTimeout":1}"#,
            r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"upgrades":7}"#,
            r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":-1}"#,
            r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":"x"}"#,
        ] {
            assert!(parse(json).is_err(), "{json}");
        }
        let sid = "a".repeat(MAX_SID + 1);
        let long = format!(r#"{{"sid":"{sid}","pingInterval":1,"pingTimeout":1}}"#);
        assert!(parse(&long).is_err());
        let upgrades = vec!["\"evil\""; 2000].join(",");
        let many =
            format!(r#"{{"sid":"a","pingInterval":1,"pingTimeout":1,"upgrades":[{upgrades}]}}"#);
        assert!(parse(&many).is_err());
    }
}
