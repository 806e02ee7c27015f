//! Clients of Socket.IO 2, which speak protocol 3 of Engine.IO.

mod common;

use common::{Harness, secs};
use sockeye_core::engineio::Transport;
use sockeye_core::{
    CloseCause, Event, NamespaceConfig, RecoveryConfig, Selector, Server, ServerConfig, SocketId,
    WsId,
};

const TARGET: &str = "/socket.io/?EIO=3&transport=websocket";

fn server() -> Harness<Server> {
    server_with(|_| {})
}

fn server_with(change: impl FnOnce(&mut ServerConfig)) -> Harness<Server> {
    Harness::with(|config| {
        config.engine.allow_v3 = true;
        change(config);
    })
}

/// Opens a connection; returns the id of the session and all else that is sent at once.
fn open(h: &mut Harness<Server>) -> (WsId, String, Vec<String>) {
    let ws = h.upgrade_with(TARGET, &[]);
    let mut received = h.received(ws);
    let sid = received.remove(0).split('"').nth(3).expect("OPEN holds a sid").to_owned();
    (ws, sid, received)
}

fn connect(h: &mut Harness<Server>) -> (WsId, SocketId) {
    let (ws, _, received) = open(h);
    assert_eq!(received, ["40"]);
    h.events();
    (ws, h.last_socket())
}

#[test]
fn a_v3_client_is_in_the_main_namespace_without_connect() {
    let mut h = server();

    let (ws, sid, received) = open(&mut h);

    assert_eq!(received, ["40"], "without an id");
    assert_eq!(h.told(), ["#1 connected / []"]);
    let socket = h.last_socket();
    assert_eq!(h.sid(socket), sid, "it takes the id of its session for that of its socket");
    assert_eq!(h.server.find(&sid), Some(socket));
    assert_eq!(h.socket(socket).protocol(), 3);
    assert_eq!(h.socket(socket).transport(), Some(Transport::WebSocket));
    h.advance(secs(44));
    h.frame(ws, "2");
    h.advance(secs(44));
    assert!(h.is_open(ws), "it has joined");
}

#[test]
fn a_client_on_long_polling_fetches_its_welcome() {
    let mut h = server();

    let req = h.request("GET", "/socket.io/?EIO=3&transport=polling", &[]);
    let open = h.answer(req);
    let sid = open.split('"').nth(3).unwrap().to_owned();
    let target = format!("/socket.io/?EIO=3&transport=polling&sid={sid}");
    let req = h.request("GET", &target, &[]);

    assert_eq!(h.answer(req), "200 2:40");
    let req = h.request("POST", &target, &[]);
    h.body(req, "12:42[\"a\",\"😀\"]");
    assert_eq!(h.answer(req), "200 ok");
    assert_eq!(h.told(), ["#1 connected / []", "#1 a[\"😀\"]"]);
}

#[test]
fn a_socket_in_another_namespace_has_its_name_in_its_id() {
    let mut h = server();
    let (ws, sid, _) = open(&mut h);

    h.frame(ws, "40/admin");

    assert_eq!(h.received(ws), ["40/admin,"], "nothing else is told");
    let socket = h.last_socket();
    assert_eq!(h.sid(socket), format!("/admin#{sid}"));
    assert_eq!(h.server.find(&format!("/admin#{sid}")), Some(socket));
    assert_eq!(h.told(), ["#1 connected / []", "#2 connected /admin []"]);
    h.emit(socket, "news", &1);
    assert_eq!(h.received(ws), ["42/admin,[\"news\",1]"]);
}

#[test]
fn a_query_behind_the_name_counts_as_what_is_sent_along() {
    let mut h = server();
    let (ws, _) = connect(&mut h);

    h.frame(ws, "40/admin?token=a%20b%2C&x=1&x=2&empty,");

    assert_eq!(h.received(ws), ["40/admin,"]);
    let auth = r#"{"empty":"","token":"a b,","x":"2"}"#;
    assert_eq!(h.told(), [format!("#2 connected /admin [{auth}]")]);
}

#[test]
fn a_query_behind_the_name_means_nothing_in_other_packets() {
    let mut h = server();
    let (ws, main) = connect(&mut h);
    h.frame(ws, "40/admin?token=x");
    let admin = h.last_socket();
    h.received(ws);
    h.told();

    h.frame(ws, "42/admin?token=x,7[\"a\"]");
    let (from, name, _, ack) = h.arrived();
    assert_eq!((from, &*name), (admin, "a"));
    h.socket(admin).ack(ack.unwrap(), &1).unwrap();
    h.frame(ws, "451-/admin?,[\"b\",{\"_placeholder\":true,\"num\":0}]");
    h.binary(ws, vec![4, 1, 2]);
    h.frame(ws, "42/?token=x,[\"c\"]");
    let now = h.now;
    h.socket(admin).emit_with_ack("ask", &(), None, now).unwrap();
    h.frame(ws, "43/admin?token=y,0[]");
    h.frame(ws, "41/admin?token=x");

    assert_eq!(h.received(ws), ["43/admin,7[1]", "42/admin,0[\"ask\"]"], "it is not repeated");
    let told = h.told();
    assert_eq!(
        told[1..],
        ["#1 c[]", "#2 acked []", "#2 disconnected: client namespace disconnect"]
    );
    assert!(told[0].starts_with("#2 b["), "{told:?}");
    assert!(h.is_open(ws));
    h.frame(ws, "42/admin?token=x,[\"late\"]");
    assert!(h.told().is_empty(), "nor does it lead into a namespace that was left");
    assert!(h.is_open(ws));
    h.frame(ws, "42/never?token=x,[\"lost\"]");
    assert!(!h.is_open(ws));
    assert!(h.server.socket(main).is_none());
}

#[test]
fn a_packet_with_a_query_may_come_after_the_server_has_removed_the_client() {
    let mut h = server();
    let (ws, _) = connect(&mut h);
    h.frame(ws, "40/admin?token=x,");
    let (admin, now) = (h.last_socket(), h.now);
    h.socket(admin).disconnect(false, now);
    h.told();

    h.frame(ws, "42/admin?token=x,[\"late\"]");

    assert!(h.told().is_empty());
    assert!(h.is_open(ws));
}

#[test]
fn a_question_mark_is_a_part_of_the_name_in_the_new_protocol() {
    let mut h = server_with(|config| config.dynamic_namespaces = true);
    let ws = h.open_websocket();
    h.frame(ws, "40/a?b,");
    let socket = h.last_socket();
    h.server.accept(socket);
    assert_eq!(&**h.socket(socket).namespace(), "/a?b");
    h.told();

    h.frame(ws, "42/a?b,[\"e\"]");
    assert_eq!(h.told(), ["#1 e[]"]);
    h.frame(ws, "42/a?c,[\"e\"]");
    assert!(!h.is_open(ws));
}

#[test]
fn a_long_query_is_no_long_name() {
    let mut h = server();
    let (ws, _) = connect(&mut h);
    let token = "x".repeat(2000);

    h.frame(ws, format!("40/admin?token={token},"));

    assert_eq!(h.received(ws), ["40/admin,"]);
    assert_eq!(h.told(), [format!("#2 connected /admin [{{\"token\":\"{token}\"}}]")]);
}

#[test]
fn a_refusal_is_a_message_or_data_alone() {
    let mut h = server();
    let (ws, _) = connect(&mut h);

    h.frame(ws, "40/secret?a=b,");
    assert_eq!(h.told(), ["#2 connecting /secret [{\"a\":\"b\"}]"]);
    let socket = h.last_socket();
    h.server.reject(socket, "not \"you\"", &()).unwrap();
    assert_eq!(h.received(ws), ["44/secret,\"not \\\"you\\\"\""]);

    h.frame(ws, "40/secret");
    let socket = h.last_socket();
    h.server.reject(socket, "msg", &serde_json::json!({"code": 7})).unwrap();
    assert_eq!(h.received(ws), ["44/secret,{\"code\":7}"]);

    h.frame(ws, "40/secret");
    let socket = h.last_socket();
    h.server.accept(socket);
    assert_eq!(h.received(ws), ["40/secret,"]);
    assert!(h.is_open(ws));
}

#[test]
fn a_namespace_that_does_not_exist_is_refused_with_an_object() {
    let mut h = server();
    let (ws, _) = connect(&mut h);

    h.frame(ws, "40/nowhere?a=b,");

    assert_eq!(h.received(ws), ["44/nowhere,{\"message\":\"Invalid namespace\"}"]);
    assert!(h.told().is_empty());
    assert!(h.is_open(ws));
}

#[test]
fn the_main_namespace_may_be_one_that_decides() {
    let mut h = server_with(|config| {
        config.namespaces = vec![NamespaceConfig::new("/").manual_accept(true)];
    });
    let (ws, _, received) = open(&mut h);
    assert!(received.is_empty());
    assert_eq!(h.told(), ["#1 connecting / []"]);
    let socket = h.last_socket();
    h.server.accept(socket);
    assert_eq!(h.received(ws), ["40"]);

    let (ws, _, _) = open(&mut h);
    let socket = h.last_socket();
    h.server.reject(socket, "no", &()).unwrap();
    assert_eq!(h.received(ws), ["44\"no\""]);
    h.advance(secs(44));
    assert!(h.is_open(ws));
    h.advance(secs(1));
    assert!(!h.is_open(ws), "it has joined nothing in time");
}

#[test]
fn events_and_acknowledgements_go_both_ways() {
    let mut h = server();
    let (ws, socket) = connect(&mut h);

    h.frame(ws, "427[\"ask\",{\"é\":1}]");
    let (from, name, args, ack) = h.arrived();
    assert_eq!((from, &*name), (socket, "ask"));
    h.socket(socket).ack(ack.unwrap(), &args).unwrap();
    assert_eq!(h.received(ws), ["437[{\"é\":1}]"]);
    let now = h.now;
    h.socket(socket).emit_with_ack("ask", &(1, "two"), None, now).unwrap();
    assert_eq!(h.received(ws), ["420[\"ask\",1,\"two\"]"]);
    h.frame(ws, "430[\"yes\"]");

    assert_eq!(h.told(), ["#1 acked [\"yes\"]"]);
}

#[test]
fn binary_values_go_both_ways() {
    let mut h = server();
    let (ws, socket) = connect(&mut h);

    h.frame(ws, "451-3[\"up\",{\"_placeholder\":true,\"num\":0}]");
    h.binary(ws, vec![4, 1, 2]);
    let (_, name, args, ack) = h.arrived();
    assert_eq!(&*name, "up");
    assert_eq!(args.binary(0).map(|data| &data[..]), Some(&[1, 2][..]));
    h.socket(socket).ack(ack.unwrap(), &args).unwrap();

    assert_eq!(h.received(ws), ["461-3[{\"_placeholder\":true,\"num\":0}]", "<04 01 02>"]);
}

#[test]
fn a_client_leaves_a_namespace_and_the_whole() {
    let mut h = server();
    let (ws, main) = connect(&mut h);
    h.frame(ws, "40/admin");
    h.received(ws);
    h.told();

    h.frame(ws, "41/admin,");
    assert_eq!(h.told(), ["#2 disconnected: client namespace disconnect"]);
    h.frame(ws, "40/admin");
    assert_eq!(h.received(ws), ["40/admin,"]);
    let admin = h.last_socket();
    let now = h.now;
    h.socket(admin).disconnect(false, now);
    assert_eq!(h.received(ws), ["41/admin,"]);
    h.socket(main).disconnect(true, now);

    assert_eq!(h.received(ws), ["41"]);
    assert!(!h.is_open(ws));
    assert_eq!(h.server.counts().sockets, 0);
}

#[test]
fn clients_of_both_protocols_receive_each_others_broadcasts() {
    let mut h = server();
    let (old, socket) = connect(&mut h);
    let new = h.connect_websocket("/");
    h.events();

    let others = Selector::all().except_socket(socket);
    h.server.emit("/", &others, "from old", &(), sockeye_core::EmitOptions::default()).unwrap();
    h.emit_to(&Selector::all(), "all");

    assert_eq!(h.received(old), ["42[\"all\"]"]);
    assert_eq!(h.received(new.ws), ["42[\"from old\"]", "42[\"all\"]"]);
}

#[test]
fn an_upgrade_is_told_and_nothing_is_joined_twice() {
    let mut h = server();
    let req = h.request("GET", "/socket.io/?EIO=3&transport=polling", &[]);
    let sid = h.answer(req).split('"').nth(3).unwrap().to_owned();
    let ws = h.upgrade_with(&format!("{TARGET}&sid={sid}"), &[]);
    h.frame(ws, "2probe");
    h.frame(ws, "5");

    assert_eq!(h.received(ws), ["3probe", "40"]);
    assert_eq!(h.told(), ["#1 connected / []", "#1 upgraded"]);
}

#[test]
fn a_namespace_that_was_joined_already_can_not_be_joined_again() {
    for packet in ["40", "40/?a=b,"] {
        let mut h = server();
        let (ws, _) = connect(&mut h);
        h.frame(ws, packet);
        assert!(!h.is_open(ws), "{packet}");
        assert_eq!(h.told(), ["#1 disconnected: forced close"]);
    }
}

#[test]
fn a_lost_connection_of_a_v3_client_leaves_nothing() {
    let mut h = server();
    let (ws, _) = connect(&mut h);
    h.frame(ws, "40/admin?x=1,");
    h.frame(ws, "40/secret");
    h.events();

    h.closed(ws, CloseCause::Peer);

    assert_eq!(
        h.told(),
        ["#1 disconnected: transport close", "#2 disconnected: transport close", "#3 withdrawn"]
    );
    assert_eq!(h.server.counts(), sockeye_core::Counts::default());
}

#[test]
fn a_new_client_is_not_affected_by_old_ones_being_allowed() {
    let mut h = server();
    let ws = h.open_websocket();
    assert!(h.received(ws).is_empty(), "it has to ask");
    h.frame(ws, "40");
    assert!(matches!(h.events()[..], [Event::Connected { .. }]));
    assert!(h.received(ws)[0].starts_with("40{\"sid\":\""));
}

#[test]
fn packets_for_a_client_that_cannot_return_are_not_kept() {
    let mut h = server_with(|config| config.recovery = Some(RecoveryConfig::default()));
    let (_, socket) = connect(&mut h);
    for _ in 0..10 {
        h.emit(socket, "e", &());
    }
    assert_eq!(h.server.counts().logged, 0);
}
