//! What an event costs in memory. Allocations can be counted exactly, which time can't.

use std::time::Instant;

use allocation_counter::{AllocationInfo, measure};
use sockeye_core::{
    EmitOptions, Event, Frame, Input, Output, Request, Selector, Server, ServerConfig, WsId,
};

/// A server with WebSockets that everything sent to arrives on at once.
struct Hall {
    server: Server,
    now: Instant,
    sent: usize,
}

impl Hall {
    fn with_clients(count: u64) -> Self {
        let server = Server::new(ServerConfig::default(), [7; 32]).expect("the defaults are valid");
        #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
        let mut hall = Self { server, now: Instant::now(), sent: 0 };
        for ws in (1..=count).map(WsId) {
            let target = "/socket.io/?EIO=4&transport=websocket";
            let request =
                Request { method: "GET", target, headers: &[], remote: None, secure: false };
            hall.server.handle(Input::Upgrade { ws, request }, hall.now);
            hall.settle();
            hall.receive(ws, Frame::from("40"));
        }
        hall
    }

    fn receive(&mut self, ws: WsId, frame: Frame) {
        self.server.handle(Input::Frame { ws, frame }, self.now);
        self.settle();
    }

    /// Carries out what there is to do; events are sent back to whom they came from.
    fn settle(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { ws, frames } => {
                    self.sent += frames.as_slice().len();
                    self.server.handle(Input::Drained { ws }, self.now);
                }
                Output::Event(Event::Received { socket, name, args, ack }) => {
                    let mut socket = self.server.socket(socket).expect("it is connected");
                    let sent = match ack {
                        Some(ack) => socket.ack(ack, &args).is_ok(),
                        None => socket.emit(&name, &args, EmitOptions::default()).is_ok(),
                    };
                    assert!(sent, "what came can be sent");
                }
                Output::ReadBody { .. }
                | Output::Respond { .. }
                | Output::Abort { .. }
                | Output::Accept { .. }
                | Output::Refuse { .. }
                | Output::Pause { .. }
                | Output::Resume { .. }
                | Output::Close { .. }
                | Output::Event(_) => {}
            }
        }
    }

    fn broadcast(&mut self, payload: &str) {
        let everybody = Selector::all();
        let emitted = self.server.emit("/", &everybody, "news", payload, EmitOptions::default());
        emitted.expect("text can be sent");
        self.settle();
    }
}

/// What one of many costs: buffers that stay have their size by then.
fn cost_of_one(mut act: impl FnMut()) -> AllocationInfo {
    (0..100).for_each(|_| act());
    let all = measure(|| (0..100).for_each(|_| act()));
    AllocationInfo {
        count_total: all.count_total.div_ceil(100),
        bytes_total: all.bytes_total.div_ceil(100),
        ..all
    }
}

#[test]
fn an_echo_takes_two_allocations() {
    let mut hall = Hall::with_clients(1);
    let frame = Frame::from(r#"42["echo","thirty-two bytes of some payload"]"#);
    let cost = cost_of_one(|| hall.receive(WsId(1), frame.clone()));
    assert!(cost.count_total <= 2, "{cost:?}");
    assert_eq!(cost.count_current, 0, "nothing stays");
    assert_eq!(hall.sent, 2 + 200, "each was answered");
}

#[test]
fn an_acknowledgement_takes_two_allocations() {
    let mut hall = Hall::with_clients(1);
    let frame = Frame::from(r#"427["sum",1,2]"#);
    let cost = cost_of_one(|| hall.receive(WsId(1), frame.clone()));
    assert!(cost.count_total <= 2, "{cost:?}");
    assert_eq!(hall.sent, 2 + 200, "each was answered");
}

#[test]
fn a_broadcast_takes_no_allocation_and_no_copy_for_each_of_its_receivers() {
    let payload = "x".repeat(10_000);
    let cost = |count| {
        let mut hall = Hall::with_clients(count);
        let cost = cost_of_one(|| hall.broadcast(&payload));
        assert_eq!(hall.sent as u64, count * (2 + 200), "each was delivered");
        cost
    };
    let (few, many) = (cost(10), cost(1_000));
    // The list of receivers grows by doubling.
    assert!(many.count_total <= few.count_total + 8, "{few:?}, then {many:?}");
    let list = 1_000 * 64;
    assert!(many.bytes_total <= few.bytes_total + list, "{few:?}, then {many:?}");
}
