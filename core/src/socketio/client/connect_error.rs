//! The content of a CONNECT_ERROR packet, with which a server refuses a socket.
//!
//! Socket.IO protocol, section "Connection to a namespace":
//! `44/admin,{"message":"not authorized","data":{"code":7}}`. Servers of older versions send a
//! JSON string in place of the object.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::args::{Args, Name};

/// Why a server refuses a socket; everything may be missing.
#[derive(Debug, Default)]
pub(super) struct ConnectError {
    pub(super) message: String,
    pub(super) data: Args,
}

impl ConnectError {
    /// Reads the argument of the packet. An object without the expected fields is all data.
    pub(super) fn parse(args: &Args) -> Self {
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(borrow)]
            message: Option<&'a RawValue>,
            #[serde(borrow)]
            data: Option<&'a RawValue>,
        }
        let Some(json) = args.iter().next() else { return Self::default() };
        // Middlewares of old servers refuse with a string.
        if json.starts_with('"') {
            return Self { message: text(json), data: Args::none() };
        }
        let Ok(Wire { message, data }) = serde_json::from_str(json) else {
            return Self { message: String::new(), data: args.clone() };
        };
        // Applications may put anything there; only text is a message.
        let message = message.map(RawValue::get).filter(|json| json.starts_with('"'));
        let data = data.map(|data| Bytes::copy_from_slice(data.get().as_bytes()));
        Self {
            message: message.map(text).unwrap_or_default(),
            data: data.map_or_else(Args::none, Args::one),
        }
    }
}

/// Decodes a JSON string that is known to be valid; lone surrogates are replaced.
fn text(json: &str) -> String {
    Name::from_json(Bytes::copy_from_slice(json.as_bytes())).to_string()
}
