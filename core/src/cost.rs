//! Counts the bytes that scanners walk over, for what holds the cost of messages to their length.
//!
//! Only tests and fuzz targets have it.

use std::cell::Cell;

thread_local! {
    static SCANNED: Cell<usize> = const { Cell::new(0) };
}

pub(crate) fn count(bytes: usize) {
    SCANNED.set(SCANNED.get() + bytes);
}

/// How many bytes of JSON this thread has walked over so far.
#[allow(unreachable_pub, reason = "fuzz targets reach it")]
pub fn scanned() -> usize {
    SCANNED.get()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use crate::args::Args;
    use crate::args::Value;
    use crate::cost::scanned;
    use crate::engineio::Encoded;
    use crate::io::Frame;
    use crate::socketio::packet::{
        Decoder, DefaultParser, EventMeta, EventPayload, Incoming, Limits, Outgoing, Packet,
        PacketError, Parser, event,
    };

    /// What was scanned for each byte of the input.
    fn cost<T>(length: usize, act: impl FnOnce() -> T) -> (T, usize) {
        let before = scanned();
        let result = act();
        (result, (scanned() - before).div_ceil(length))
    }

    fn limits() -> Limits {
        Limits { attachments: 10_000, ..Limits::default() }
    }

    /// Has an event arrive: its arguments, and what was scanned for each byte of them.
    fn arrival(json: &str, attachments: usize) -> (Option<Args>, usize) {
        let mut frames = vec![match attachments {
            0 => Frame::from(&*format!("2[\"e\",{json}]")),
            _ => Frame::from(&*format!("5{attachments}-[\"e\",{json}]")),
        }];
        frames.extend((0..attachments).map(|_| Frame::Binary(Bytes::from_static(&[1]))));
        cost(json.len(), || {
            let mut decoder = Decoder::default();
            let mut last = None;
            for frame in frames {
                last = decoder.add(&DefaultParser, frame, limits(), |_| true).ok()?;
            }
            let Some(Packet::Event { args, .. }) = last else { return None };
            Some(args)
        })
    }

    /// Whatever an application may do with arguments takes time in proportion to their length.
    fn check(json: &str, attachments: usize) {
        let length = json.len();
        let (args, arrived) = arrival(json, attachments);
        assert!(arrived <= 4, "{arrived} for each byte on arrival: {json:.99}");
        let Some(args) = args else { return };

        let count = args.len();
        let (_, got) = cost(length, || {
            for at in 0..count {
                let _ = args.get::<Value>(at);
                let _ = args.binary(at);
            }
        });
        assert!(got <= 40, "{got} for each byte when each argument is looked up: {json:.99}");
        let (_, shifted) = cost(length, || {
            let mut args = args.clone();
            (0..count).for_each(|_| drop(args.shift::<Value>()));
        });
        assert!(shifted <= 6, "{shifted} for each byte when arguments are taken off: {json:.99}");
        let (_, failed) = cost(length, || {
            let mut args = args.clone();
            (0..count).for_each(|_| drop(args.shift::<BTreeMap<String, u8>>()));
        });
        assert!(failed <= 6, "{failed} for each byte when no argument fits: {json:.99}");
        let (_, parsed) = cost(length, || {
            let _ = args.parse::<(Value, Value, Value)>();
            let _ = args.parse::<(IgnoredAny,)>();
            args.iter().count()
        });
        assert!(parsed <= 9, "{parsed} for each byte when all are read: {json:.99}");

        send_on(&TokenParser, &args, length);
        send_on(&DefaultParser, &args, length);
    }

    /// A parser of another format than JSON.
    #[derive(Debug)]
    struct TokenParser;

    impl Parser for TokenParser {
        fn encode(&self, packet: Outgoing<'_>) -> Encoded {
            let count = packet.tokens().count();
            packet.into_message(Frame::Binary(count.to_be_bytes().to_vec().into()))
        }

        fn decode(&self, _: Frame, _: Limits) -> Result<Incoming, PacketError> {
            Err(PacketError::Type)
        }
    }

    fn send_on(parser: &dyn Parser, args: &Args, length: usize) {
        let meta = EventMeta { ack: None, offset: None, compress: true };
        let (sent, scanned) = cost(length, || {
            let payload = EventPayload::new("e", args, limits())?;
            event(parser, "/", payload, meta, limits())
        });
        assert!(scanned <= 9, "{scanned} for each byte when it is sent on: {args:.99?}");
        drop(sent);
    }

    /// Values in each other, that begin as placeholders do or otherwise.
    fn nested(beginnings: &[&str], inner: &str) -> String {
        let mut json = beginnings.concat() + inner;
        for beginning in beginnings.iter().rev() {
            json.push(if beginning.contains('{') { '}' } else { ']' });
        }
        json
    }

    #[test]
    fn data_that_looks_like_placeholders_is_scanned_once_for_all_its_levels() {
        let numbers = format!("[{}]", vec!["1"; 10_000].join(","));
        let placeholder = r#"{"_placeholder":true,"num":0}"#;
        for beginning in [
            r#"{"num":"#,
            r#"{"_placeholder":"#,
            r#"{"num":1,"_placeholder":"#,
            r#"{"num":0,"num":"#,
            r#"{"a":0,"num":"#,
            "[",
            "[0,",
        ] {
            let deep = nested(&vec![beginning; 100], &numbers);
            check(&format!("{deep},{placeholder}"), 1);
            check(&format!("{placeholder},{deep}"), 1);
            check(&format!("[{placeholder},{deep}]"), 1);
            let outside = nested(&vec![beginning; 100], &format!("[{placeholder},{numbers}]"));
            check(&outside, 1);
            check(&deep, 0);
        }
    }

    #[test]
    fn many_arguments_are_read_one_by_one_in_proportion_to_their_length() {
        check(&vec!["1"; 20_000].join(","), 0);
        check(&vec!["[\"\"]"; 20_000].join(","), 1);
        let placeholder = |num| format!("{{\"_placeholder\":true,\"num\":{num}}}");
        check(&(0..2_000).map(placeholder).collect::<Vec<_>>().join(","), 2_000);
        let list = format!("[{}]", (0..2_000).map(placeholder).collect::<Vec<_>>().join(","));
        check(&list, 2_000);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn no_data_costs_more_than_in_proportion_to_its_length(
            parts in prop::collection::vec((
                prop::collection::vec(prop::sample::select(vec![
                    r#"{"num":"#, r#"{"_placeholder":"#, r#"{"num":[],"_placeholder":true,"x":"#,
                    r#"{"_placeholder":true,"num":9,"_placeholder":false,"x":"#, "[", "[{},", r#"{"a":"#,
                ]), 0..110),
                prop::sample::select(vec![
                    "1", "[]", r#""\"\\""#, r#"[1,"a",{"b":null}]"#, r#"{"_placeholder":true,"num":"#,
                ]),
                1..200_usize,
            ), 1..20),
        ) {
            let mut attachments = 0;
            let part = |(beginnings, inner, times): (Vec<&str>, &str, usize)| {
                if !inner.ends_with(':') {
                    return nested(&beginnings, &format!("[{}]", vec![inner; times].join(",")));
                }
                attachments += 1;
                nested(&beginnings, &format!("{inner}{}}}", attachments - 1))
            };
            let json = parts.into_iter().map(part).collect::<Vec<_>>().join(",");
            check(&json, attachments);
        }
    }
}
