//! Engine.IO packets of protocol 4, and the payloads of long-polling. See "Packet encoding" in the
//! protocol of Engine.IO.
//!
//! A packet is its type, one digit, and its data: `4hello`. Binary messages are WebSocket messages
//! without a type, or `b` and base64 in a payload. The packets of a payload are separated by
//! `0x1e`.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{Buf, Bytes};

use crate::io::Frame;

/// A packet of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet {
    Close,
    /// `2`, or `2probe` on a WebSocket that is to take over.
    Ping {
        probe: bool,
    },
    Pong,
    Message(Frame),
    Upgrade,
    /// `0` and `6`, which mean nothing from a client, but are allowed.
    Other,
}

/// Decodes a text packet; `None` if it is malformed.
pub(super) fn decode(mut text: Bytes) -> Option<Packet> {
    let kind = *text.first()?;
    text.advance(1);
    match kind {
        b'0' => Some(Packet::Other),
        b'1' => Some(Packet::Close),
        b'2' if text.is_empty() => Some(Packet::Ping { probe: false }),
        b'2' if &text[..] == b"probe" => Some(Packet::Ping { probe: true }),
        b'3' => Some(Packet::Pong),
        b'4' => Some(Packet::Message(Frame::Text(text))),
        b'5' => Some(Packet::Upgrade),
        b'6' if text.is_empty() => Some(Packet::Other),
        b'b' => Some(Packet::Message(Frame::Binary(BASE64.decode(&text).ok()?.into()))),
        _ => None,
    }
}

/// Encoders pad; missing padding is harmless. Anything else that is not base64 is refused.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const SEPARATOR: u8 = 0x1e;

/// Splits the first packet off a payload, or off the rest of it, which is `None` after the last
/// one. An empty payload is one empty packet.
pub(super) fn split_first(rest: &mut Option<Bytes>) -> Option<Bytes> {
    let mut body = rest.take()?;
    let Some(end) = body.iter().position(|&byte| byte == SEPARATOR) else {
        return Some(body);
    };
    let packet = body.split_to(end);
    body.advance(1);
    *rest = Some(body);
    Some(packet)
}

/// A payload that is being written.
#[derive(Default)]
pub(super) struct Payload(Vec<u8>);

impl Payload {
    pub(super) fn push(&mut self, packet: &[u8]) {
        self.separate();
        self.0.extend_from_slice(packet);
    }

    pub(super) fn push_binary(&mut self, data: &[u8]) {
        self.separate();
        self.0.push(b'b');
        let start = self.0.len();
        let len = base64::encoded_len(data.len(), true).expect("memory holds the data");
        self.0.resize(start + len, 0);
        BASE64.encode_slice(data, &mut self.0[start..]).expect("the length was computed");
    }

    fn separate(&mut self) {
        if !self.0.is_empty() {
            self.0.push(SEPARATOR);
        }
    }

    pub(super) fn finish(self) -> Bytes {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(body: Bytes) -> impl Iterator<Item = Bytes> {
        let mut rest = Some(body);
        std::iter::from_fn(move || split_first(&mut rest))
    }

    fn text(message: &'static str) -> Packet {
        Packet::Message(Frame::Text(Bytes::from_static(message.as_bytes())))
    }

    fn binary(message: &'static [u8]) -> Packet {
        Packet::Message(Frame::Binary(Bytes::from_static(message)))
    }

    fn packet(text: &'static str) -> Option<Packet> {
        decode(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn every_packet_type_is_read() {
        assert_eq!(packet("0{}"), Some(Packet::Other));
        assert_eq!(packet("1"), Some(Packet::Close));
        assert_eq!(packet("2"), Some(Packet::Ping { probe: false }));
        assert_eq!(packet("2probe"), Some(Packet::Ping { probe: true }));
        assert_eq!(packet("3"), Some(Packet::Pong));
        assert_eq!(packet("3garbage"), Some(Packet::Pong));
        assert_eq!(packet("4hello"), Some(text("hello")));
        assert_eq!(packet("4"), Some(text("")));
        assert_eq!(packet("5"), Some(Packet::Upgrade));
        assert_eq!(packet("6"), Some(Packet::Other));
        assert_eq!(packet("bAQIDBA=="), Some(binary(&[1, 2, 3, 4])));
        assert_eq!(packet("bAQIDBA"), Some(binary(&[1, 2, 3, 4])));
        assert_eq!(packet("b"), Some(binary(&[])));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for text in ["", "7", "9", "a", "B", " ", "\0", "é", "éabcd", "b====", "b!!!!", "bAQ ID"]
        {
            assert_eq!(packet(text), None, "{text}");
        }
        assert_eq!(packet("b-_8"), None);
        assert_eq!(packet("bAQIDé"), None);
    }

    #[test]
    fn a_payload_is_cut_at_its_separators() {
        let cut =
            |body: &'static str| -> Vec<_> { split(Bytes::from_static(body.as_bytes())).collect() };
        assert_eq!(cut("4a\x1e4b"), ["4a", "4b"]);
        assert_eq!(cut("4a"), ["4a"]);
        assert_eq!(cut(""), [""]);
        assert_eq!(cut("\x1e4a\x1e"), ["", "4a", ""]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            for packet in split(body.into()) {
                decode(packet);
            }
        }

        #[test]
        fn a_payload_comes_back_as_it_was(
            messages in prop::collection::vec(
                prop_oneof![
                    "[^\x1e]{0,20}".prop_map(|text| Frame::Text(text.into())),
                    prop::collection::vec(any::<u8>(), 0..20)
                        .prop_map(|data| Frame::Binary(data.into())),
                ],
                1..10,
            )
        ) {
            let mut payload = Payload::default();
            for message in &messages {
                match message {
                    Frame::Text(text) => payload.push(&[b"4", &text[..]].concat()),
                    Frame::Binary(data) => payload.push_binary(data),
                }
            }
            let read: Option<Vec<_>> = split(payload.finish()).map(decode).collect();
            let expected: Vec<_> = messages.into_iter().map(Packet::Message).collect();
            prop_assert_eq!(read, Some(expected));
        }
    }
}
