//! The `0` (open) packet, which a server sends first.
//!
//! Engine.IO protocol, section "Handshake":
//!
//! ```text
//! 0{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":["websocket"],"pingInterval":25000,
//!   "pingTimeout":20000,"maxPayload":1000000}
//! ```
//!
//! Times are in milliseconds, `maxPayload` in bytes. Unknown fields are ignored.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use crate::engineio::Transport;

/// The validated content of an open packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OpenPacket {
    pub(super) sid: String,
    /// Whether the server offers the upgrade to a WebSocket.
    pub(super) upgradable: bool,
    /// The greatest time between two pings: `pingInterval + pingTimeout`.
    pub(super) max_silence: Duration,
    /// The greatest size in bytes of the body of a POST; `None` if the server names none.
    pub(super) max_payload: Option<usize>,
}

/// The greatest length of a session id, in bytes: it is a part of every request.
const MAX_SID: usize = 1024;

/// The greatest length of the packet, in bytes, many times that of any known server.
const MAX_LEN: usize = 8192;

/// The longest delay of a timer in JavaScript, in milliseconds.
const MAX_MILLISECONDS: f64 = 2_147_483_647.0;

impl OpenPacket {
    /// Parses the JSON text behind the `0`; the error says what is wrong with it.
    pub(super) fn parse(json: &Bytes) -> Result<Self, &'static str> {
        /// The JSON as it is on the wire. Numbers are those of JavaScript, so they may have a
        /// fraction.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            sid: String,
            #[serde(default)]
            /// Names of transports, of which future ones may be objects.
            upgrades: Vec<serde_json::Value>,
            ping_interval: f64,
            ping_timeout: f64,
            max_payload: Option<f64>,
        }
        // The list of upgrades could be long, and is built in memory.
        if json.len() > MAX_LEN {
            return Err("too long");
        }
        let wire: Wire =
            serde_json::from_slice(json).map_err(|_| "not JSON of the expected form")?;
        // An empty id would open another session with each GET.
        if wire.sid.is_empty() || wire.sid.len() > MAX_SID || wire.sid.contains(char::is_control) {
            return Err("unusable session id");
        }
        let interval = milliseconds(wire.ping_interval).ok_or("unusable ping interval")?;
        let timeout = milliseconds(wire.ping_timeout).ok_or("unusable ping timeout")?;
        let max_payload = match wire.max_payload {
            Some(max) if !max.is_finite() || max < 0.0 => return Err("unusable payload limit"),
            // The official client takes 0, which is falsy in JavaScript, for no limit.
            Some(0.0) | None => None,
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Some(max) => Some(max as usize),
        };
        let upgradable = wire.upgrades.iter().any(|name| *name == Transport::WebSocket.as_str());
        Ok(Self { sid: wire.sid, upgradable, max_silence: interval + timeout, max_payload })
    }
}

/// Converts a number of JSON; `None` if no timer can wait that long.
fn milliseconds(number: f64) -> Option<Duration> {
    let is_usable = (1.0..=MAX_MILLISECONDS).contains(&number);
    is_usable.then(|| Duration::from_secs_f64(number / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<OpenPacket, &'static str> {
        OpenPacket::parse(&Bytes::copy_from_slice(json.as_bytes()))
    }

    #[test]
    fn a_valid_open_packet_is_parsed() {
        let open = parse(
            r#"{"sid":"a","upgrades":["websocket","webtransport"],"pingInterval":25000,
                "pingTimeout":20000,"maxPayload":1000000,"more":[1]}"#,
        );
        let max_silence = Duration::from_secs(45);
        let max_payload = Some(1_000_000);
        assert_eq!(
            open,
            Ok(OpenPacket { sid: "a".into(), upgradable: true, max_silence, max_payload })
        );
        let least = parse(r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":0}"#);
        let max_silence = Duration::from_millis(2);
        assert_eq!(
            least,
            Ok(OpenPacket { sid: "a".into(), upgradable: false, max_silence, max_payload: None })
        );
    }

    #[test]
    fn a_packet_of_the_greatest_length_is_parsed() {
        let sid = "a".repeat(MAX_SID);
        let open = format!(r#"{{"sid":"{sid}","pingInterval":1,"pingTimeout":1}}"#);
        assert!(parse(&open).is_ok());
        assert!(parse(&format!("{open:MAX_LEN$}")).is_ok());
        assert!(parse(&format!("{open:0$}", MAX_LEN + 1)).is_err());
    }

    #[test]
    fn invalid_open_packets_are_refused() {
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
