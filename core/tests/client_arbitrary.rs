//! A client whose server sends arbitrary packets in arbitrary order.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod hostile;

use hostile::{OPEN, Victim, secs};
use proptest::prelude::*;
use sockeye_core::client::{Counts, SocketConfig};
use sockeye_core::engineio::Transport;

fn message() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "0",
        "1",
        "2",
        "3",
        "3probe",
        "4",
        "5",
        "6",
        "b",
        "bAAAA",
        "\x1e",
        "40",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "1-",
        "2-",
        "/a,",
        "/,",
        "7",
        "[\"e\"]",
        "[\"e\",{\"_placeholder\":true,\"num\":0}]",
        "{\"sid\":\"s\"}",
        "{\"sid\":\"s\",\"pid\":\"p\"}",
        "[]",
        "{}",
        "\"x\"",
        "é",
        " ",
        OPEN,
        "{\"message\":\"m\",\"data\":1}",
        "[\"e\",\"Q7xMeEQ\"]",
    ]);
    prop::collection::vec(pieces, 0..5).prop_map(|pieces| pieces.concat())
}

#[derive(Clone, Debug)]
enum Deed {
    Say(String),
    SayBinary(Vec<u8>),
    SayToProbe(String),
    Answer(u16, String),
    Fail,
    Close,
    Nonsense,
    Advance(u64),
    Open,
    OpenUpgradable,
    Emit,
    Ask,
    Disconnect,
    Connect,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => message().prop_map(Deed::Say),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Deed::SayBinary),
        2 => message().prop_map(Deed::SayToProbe),
        1 => (prop::sample::select(vec![200, 400, 500]), message())
            .prop_map(|(status, body)| Deed::Answer(status, body)),
        1 => Just(Deed::Fail),
        1 => Just(Deed::Close),
        1 => Just(Deed::Nonsense),
        3 => (0_u64..60_000).prop_map(Deed::Advance),
        4 => Just(Deed::Open),
        2 => Just(Deed::OpenUpgradable),
        2 => Just(Deed::Emit),
        2 => Just(Deed::Ask),
        1 => Just(Deed::Disconnect),
        2 => Just(Deed::Connect),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_server_says_the_client_lives_and_can_be_emptied(
        deeds in prop::collection::vec(deed(), 0..60),
        websocket in any::<bool>(),
        retries in 0_u32..2,
    ) {
        let transport = if websocket { Transport::WebSocket } else { Transport::Polling };
        let mut victim = Victim::asking(transport, |_| {}, SocketConfig::default().retries(retries).ack_timeout(secs(1)));
        for deed in deeds {
            let now = victim.now;
            let id = victim.socket;
            match deed {
                Deed::Say(text) => victim.say(&text),
                Deed::SayBinary(data) => victim.say_binary(&data),
                Deed::SayToProbe(text) => victim.say_to_probe(&text),
                Deed::Answer(status, body) => victim.answer(status, &body),
                Deed::Fail => victim.fail(),
                Deed::Close => victim.close(),
                Deed::Nonsense => victim.nonsense(),
                Deed::Advance(time) => victim.advance(std::time::Duration::from_millis(time)),
                Deed::Open => victim.open(),
                Deed::OpenUpgradable => victim.say(hostile::UPGRADABLE),
                Deed::Emit => {
                    let options = sockeye_core::EmitOptions::default();
                    let _ = victim.client.socket(id).unwrap().emit("e", &1, options, now);
                }
                Deed::Ask => {
                    let _ = victim.client.socket(id).unwrap().emit_with_ack("e", &1, None, now);
                }
                Deed::Disconnect => victim.client.socket(id).unwrap().disconnect(now),
                Deed::Connect => victim.client.socket(id).unwrap().connect(now),
            }
            victim.collect();
            let counts = victim.client.counts();
            prop_assert!(counts.requests + counts.websockets <= 3 * 5);
            prop_assert!(counts.buffered < 10_000);
        }
        let (now, id) = (victim.now, victim.socket);
        victim.client.socket(id).unwrap().remove(now);
        victim.collect();
        victim.advance(secs(30));
        prop_assert!(victim.client.is_idle());
        prop_assert!(victim.is_forgotten());
        prop_assert_eq!(victim.client.counts(), Counts::default());
        prop_assert_eq!(victim.client.poll_timeout(), None);
    }
}
