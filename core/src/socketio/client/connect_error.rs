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
    /// For people to read; perhaps empty.
    pub(super) message: String,
    /// What the application of the server adds: one argument, or none.
    pub(super) data: Args,
}

impl ConnectError {
    /// Reads the argument of the packet. An object without the expected fields is all data.
    pub(super) fn parse(args: &Args) -> Self {
        /// The object as it is on the wire, of which only what is needed is read.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Outline;

    fn parse(json: &'static str) -> (String, Option<String>) {
        let outline = Outline { elements: usize::from(!json.is_empty()), ..Outline::default() };
        let args = Args::new(Bytes::from_static(json.as_bytes()), Vec::new(), outline);
        let ConnectError { message, data } = ConnectError::parse(&args);
        (message, data.iter().next().map(str::to_owned))
    }

    #[test]
    fn message_and_data_are_read_from_an_object() {
        let (message, data) = parse(r#"{"message":"not authorized","data":{"code":7},"more":1}"#);
        assert_eq!((&*message, data.as_deref()), ("not authorized", Some(r#"{"code":7}"#)));
        assert_eq!(parse(r#"{"message":"no"}"#), ("no".to_owned(), None));
    }

    #[test]
    fn a_string_is_the_message() {
        assert_eq!(parse(r#""Invalid \u006eamespace""#), ("Invalid namespace".to_owned(), None));
    }

    #[test]
    fn anything_else_is_data_or_nothing() {
        assert_eq!(parse(""), (String::new(), None));
        assert_eq!(parse("{}"), (String::new(), None));
        assert_eq!(parse(r#"{"message":7}"#), (String::new(), None));
        assert_eq!(parse("[1]").0, "");
        assert_eq!(parse("7"), (String::new(), Some("7".to_owned())));
    }
}
