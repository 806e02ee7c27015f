//! Connection state recovery: the secret key of a socket, and the last offset that arrived.
//!
//! A server with recovery answers CONNECT with `{"sid":"..","pid":".."}` and adds an offset as one
//! more argument to the events that it keeps: `2["news",1,"Q7xMeEQ"]`. A client that returns sends
//! both with CONNECT, `0{"pid":"..","offset":"Q7xMeEQ"}`, and gets its socket and the missed
//! events. It is an extension of the official implementation, not a part of the protocol document.

use std::collections::VecDeque;

use crate::args::Args;

/// What a client sends to recover its socket.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// The key that the server has given; `None` if it does not recover sockets.
    pub(super) pid: Option<Box<str>>,
    offsets: Offsets,
}

impl Recovery {
    /// Returns the key and the offset, if there are both.
    pub(super) fn claim(&self) -> Option<(&str, &str)> {
        Some((self.pid.as_deref()?, self.offsets.last()?))
    }

    /// Forgets all offsets, for a socket with a new key.
    pub(super) fn reset(&mut self, pid: Option<Box<str>>) {
        *self = Self { pid, offsets: Offsets::default() };
    }

    /// Remembers the offset of an event, if it has one.
    pub(super) fn note(&mut self, args: &Args) {
        if self.pid.is_none() {
            return;
        }
        let last = args.iter().last().and_then(offset);
        if let Some(offset) = last {
            self.offsets.note(offset);
        }
    }
}

/// Texts that are offsets, or may be.
///
/// Nothing tells an offset from an argument of the application. A text that can't be an offset is
/// left out: a server that gets a wrong offset recovers nothing. To send one that is too old would
/// be worse, because events would arrive twice. So the newest text that may be an offset counts.
#[derive(Debug, Default)]
struct Offsets {
    /// The newest one is the last.
    recent: VecDeque<Box<str>>,
    /// Texts that have arrived twice, which offsets do not.
    repeated: VecDeque<Box<str>>,
}

/// How many texts of each kind are remembered.
const MAX_KNOWN: usize = 64;

impl Offsets {
    /// Returns the newest text that may be an offset.
    fn last(&self) -> Option<&str> {
        self.recent.back().map(|offset| &**offset)
    }

    /// Remembers a text. One that arrives a second time is not an offset.
    fn note(&mut self, offset: &str) {
        if self.repeated.iter().any(|known| **known == *offset) {
            return;
        }
        if let Some(index) = self.recent.iter().position(|known| **known == *offset) {
            self.repeated.extend(self.recent.remove(index));
            if self.repeated.len() > MAX_KNOWN {
                self.repeated.pop_front();
            }
            return;
        }
        if self.recent.len() == MAX_KNOWN {
            self.recent.pop_front();
        }
        self.recent.push_back(offset.into());
    }
}

/// Returns the text of an argument that may be an offset: 7 to 128 letters, digits and signs such
/// as `-`. The shortest that known servers make has 7.
fn offset(json: &str) -> Option<&str> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:~=+/".contains(&byte);
    ((7..=128).contains(&text.len()) && text.bytes().all(plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::json::Outline;

    fn args(json: &'static str) -> Args {
        let elements = json.split_terminator(',').count();
        let outline = Outline { elements, ..Outline::default() };
        Args::new(Bytes::from_static(json.as_bytes()), Vec::new(), outline)
    }

    fn after(told: &[&'static str]) -> Option<String> {
        let mut recovery = Recovery { pid: Some("pid".into()), ..Recovery::default() };
        for json in told {
            recovery.note(&args(json));
        }
        recovery.claim().map(|(_, offset)| offset.to_owned())
    }

    #[test]
    fn the_last_offset_counts() {
        assert_eq!(after(&[]), None);
        assert_eq!(after(&["1,\"Q7xMeEQ\""]).as_deref(), Some("Q7xMeEQ"));
        assert_eq!(after(&["\"Q7xMeEQ\"", "\"Q7xMeEQ.1\""]).as_deref(), Some("Q7xMeEQ.1"));
        assert_eq!(after(&["\"1692099999123-0\""]).as_deref(), Some("1692099999123-0"));
    }

    #[test]
    fn texts_that_cannot_be_offsets_are_ignored() {
        let first = "1,\"Q7xMeEQ\"";
        for other in
            ["", "7", "\"on\"", "\"to be or not\"", "{\"a\":\"Q7xMeER\"}", "\"Q7xMe\\u0041\""]
        {
            assert_eq!(after(&[first, other]).as_deref(), Some("Q7xMeEQ"), "{other}");
        }
        let twice = ["\"running\"", first, "\"running\""];
        assert_eq!(after(&twice).as_deref(), Some("Q7xMeEQ"));
        assert_eq!(
            after(&[first, "\"running\"", "\"running\"", "\"running\""]).as_deref(),
            Some("Q7xMeEQ")
        );
    }

    #[test]
    fn a_server_that_recovers_nothing_gives_no_offsets() {
        let mut recovery = Recovery::default();
        recovery.note(&args("\"Q7xMeEQ\""));
        assert_eq!(recovery.claim(), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "many rounds take hours there")]
    fn the_number_of_remembered_texts_is_bounded() {
        let mut offsets = Offsets::default();
        for round in 0..3 {
            for n in 0..1000 {
                offsets.note(&format!("text-{n}"));
                offsets.note(&format!("other-{round}-{n}"));
            }
        }
        assert!(offsets.recent.len() <= MAX_KNOWN && offsets.repeated.len() <= MAX_KNOWN);
    }
}
