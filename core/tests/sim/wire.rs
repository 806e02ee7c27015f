//! What must hold of the bytes on the wire, whatever they mean; read by a reader of its own.
//!
//! In each direction of a session, a packet with binary values is followed by them and by no other
//! message (X3). A client has one GET and one POST under way, makes none once it went over to the
//! WebSocket or a request failed, and the old way carries no message once `5` has arrived (X4).

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::IgnoredAny;
use sockeye_core::Frame;

/// The sessions, by their ids on the wire.
#[derive(Default)]
pub(crate) struct Wire {
    talks: BTreeMap<String, Talk>,
    /// How many messages there were, in both directions.
    pub(crate) messages: u64,
}

/// What was said in one session.
#[derive(Default)]
pub(crate) struct Talk {
    to_server: Tap,
    to_client: Tap,
    get: Option<u64>,
    post: Option<u64>,
    /// The client has sent `5`.
    client_switched: bool,
    /// `5` has arrived at the server.
    server_switched: bool,
    /// A request has failed.
    failed: bool,
}

/// One direction of a session.
#[derive(Default)]
struct Tap {
    /// How many binary messages the last packet is still to be followed by.
    awaited: u64,
}

impl Tap {
    fn text(&mut self, text: &str) {
        assert_eq!(self.awaited, 0, "X3: {text:?} comes amid a binary packet");
        let kind = text.bytes().next().expect("a packet has a kind");
        assert!(kind.is_ascii_digit() && kind <= b'6', "I10: no packet: {text:?}");
        let mut rest = &text[1..];
        if kind == b'5' || kind == b'6' {
            let (count, after) = rest.split_once('-').expect("I10: a number of attachments");
            self.awaited = count.parse().expect("I10: a number of attachments");
            assert!(self.awaited > 0, "I10: binary packets have binary values");
            rest = after;
        }
        if let Some(named) = rest.strip_prefix('/') {
            rest = named.split_once(',').expect("I10: a comma ends the namespace").1;
        }
        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if !rest.is_empty() {
            serde_json::from_str::<IgnoredAny>(rest).expect("I10: data is JSON");
        }
    }

    fn binary(&mut self) {
        assert!(self.awaited > 0, "X3: a binary value without a packet");
        self.awaited -= 1;
    }

    /// One packet of Engine.IO; returns whether it is a message.
    fn packet(&mut self, packet: &Frame) -> bool {
        let Some(text) = packet.as_text() else {
            self.binary();
            return true;
        };
        match text.as_bytes().first() {
            Some(b'4') => self.text(&text[1..]),
            Some(b'b') => self.binary(),
            Some(b'0'..=b'3' | b'5' | b'6') => return false,
            _ => panic!("I10: no packet: {text:?}"),
        }
        true
    }
}

/// The id in a handshake.
pub(crate) fn opened(packet: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(packet).ok()?.strip_prefix("0{\"sid\":\"")?;
    Some(text.split('"').next().expect("split gives something").to_owned())
}

fn packets(body: &Bytes) -> impl Iterator<Item = Frame> {
    body.split(|byte| *byte == 0x1e).map(|packet| Frame::Text(body.slice_ref(packet)))
}

impl Wire {
    fn talk(&mut self, sid: &str) -> &mut Talk {
        if !self.talks.contains_key(sid) {
            self.talks.insert(sid.to_owned(), Talk::default());
        }
        self.talks.get_mut(sid).expect("it was just made")
    }

    /// The client makes a request.
    pub(crate) fn on_request(&mut self, sid: &str, method: &str, body: &Bytes, key: u64) {
        let talk = self.talk(sid);
        assert!(!talk.failed, "X1: a session of which a request has failed is over");
        assert!(!talk.client_switched, "X4: a request after `5`");
        let same = if method == "GET" { &mut talk.get } else { &mut talk.post };
        assert!(same.replace(key).is_none(), "one {method} at a time");
        if method == "POST" {
            assert!(!body.is_empty(), "a POST carries something");
            for packet in packets(body) {
                self.carry(sid, &packet, true);
            }
        } else {
            assert!(body.is_empty());
        }
    }

    /// A request is over for the client.
    pub(crate) fn on_end(&mut self, sid: &str, key: u64, failed: bool) {
        let talk = self.talk(sid);
        talk.get.take_if(|get| *get == key);
        talk.post.take_if(|post| *post == key);
        talk.failed |= failed;
    }

    fn carry(&mut self, sid: &str, packet: &Frame, to_server: bool) -> bool {
        let talk = self.talk(sid);
        let tap = if to_server { &mut talk.to_server } else { &mut talk.to_client };
        let is_message = tap.packet(packet);
        self.messages += u64::from(is_message);
        is_message
    }

    /// The client writes to a WebSocket.
    pub(crate) fn on_client_frame(&mut self, sid: &str, frame: &Frame, probing: bool) {
        let is_switch = frame.as_text() == Some("5");
        if is_switch {
            let talk = self.talk(sid);
            assert!(talk.get.is_none() && talk.post.is_none(), "X4: `5` amid a request");
            assert!(!talk.failed, "X1: a session of which a request has failed is over");
            talk.client_switched = true;
        }
        let is_message = self.carry(sid, frame, true);
        let switched = self.talk(sid).client_switched;
        assert!(!probing || switched || !is_message, "X4: a message before `5`");
    }

    /// A message of the client's arrives at the server.
    pub(crate) fn on_arrival(&mut self, sid: &str, frame: &Frame) {
        if frame.as_text() == Some("5") {
            self.talk(sid).server_switched = true;
        }
    }

    /// The server answers a GET with packets.
    pub(crate) fn on_answer(&mut self, sid: &str, body: &Bytes) {
        for packet in packets(body) {
            let is_message = self.carry(sid, &packet, false);
            let late = is_message && self.talk(sid).server_switched;
            assert!(!late, "X4: a message takes the old way after `5`");
        }
    }

    /// The server writes to a WebSocket.
    pub(crate) fn on_server_frame(&mut self, sid: &str, frame: &Frame, probing: bool) {
        let is_message = self.carry(sid, frame, false);
        let switched = self.talk(sid).server_switched;
        assert!(!probing || switched || !is_message, "X4: a message takes the new way before `5`");
    }
}
