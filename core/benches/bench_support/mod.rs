//! A server with clients whose networks are quick: what is sent to them arrives at once.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sockeye_core::{
    CloseCause, EmitOptions, Event, Frame, Input, Output, Request, RequestId, Response, Selector,
    Server, ServerConfig, SocketId, WsId,
};

/// The server and, in place of a driver, what was made of its outputs.
pub(crate) struct Hall {
    pub(crate) server: Server,
    pub(crate) now: Instant,
    /// Whether events are sent back to whom they came from, or dropped.
    echoes: bool,
    /// The last one who connected.
    pub(crate) socket: Option<SocketId>,
    /// To whom something was sent last.
    pub(crate) receiver: Option<WsId>,
    /// What requests were answered last.
    pub(crate) response: Option<Response>,
    received: usize,
    sent: usize,
    /// The last name that was given to a request or a WebSocket.
    names: u64,
}

impl Hall {
    pub(crate) fn new(config: ServerConfig) -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
        let now = Instant::now();
        Self {
            server: Server::new(config, [7; 32]).expect("a valid configuration"),
            now,
            echoes: false,
            socket: None,
            receiver: None,
            response: None,
            received: 0,
            sent: 0,
            names: 0,
        }
    }

    /// With so many clients, on WebSockets with the names from 1 on, who came one after the other.
    pub(crate) fn with(clients: usize) -> Self {
        let mut hall = Self::new(ServerConfig::default());
        let interval = hall.server.config().engine.ping_interval;
        let between = interval / u32::try_from(clients.max(1)).expect("they fit into a machine");
        for _ in 0..clients {
            hall.enter(Frame::from("40"));
            hall.now += between;
        }
        hall.settled();
        hall
    }

    /// With clients who are still reading, so that volatile events are dropped for them.
    pub(crate) fn busy(mut self) -> Self {
        let everybody = Selector::all();
        let emitted = self.server.emit("/", &everybody, "news", "", EmitOptions::default());
        emitted.expect("text can be sent");
        while self.server.poll_output().is_some() {}
        self
    }

    /// Sends events back to whom they came from.
    pub(crate) fn echoing(self) -> Self {
        Self { echoes: true, ..self }
    }

    /// Lets a client in, which joins with this frame.
    pub(crate) fn enter(&mut self, join: Frame) -> WsId {
        self.names += 1;
        let ws = WsId(self.names);
        let request = request("GET", "/socket.io/?EIO=4&transport=websocket");
        self.feed(Input::Upgrade { ws, request });
        self.receive(ws, join);
        ws
    }

    pub(crate) fn leave(&mut self, ws: WsId) {
        self.feed(Input::Closed { ws, cause: CloseCause::Peer });
    }

    pub(crate) fn receive(&mut self, ws: WsId, frame: Frame) {
        self.feed(Input::Frame { ws, frame });
    }

    /// Sends a request, with a body if there is one; gives the body of the answer.
    pub(crate) fn request(&mut self, method: &str, target: &str, body: Option<Bytes>) -> Bytes {
        self.names += 1;
        let req = RequestId(self.names);
        self.feed(Input::Request { req, request: request(method, target) });
        if let Some(body) = body {
            self.feed(Input::Body { req, body });
        }
        self.response.take().expect("it is answered at once").body
    }

    pub(crate) fn broadcast(&mut self, selector: &Selector, payload: &str) {
        let emitted = self.server.emit("/", selector, "news", payload, EmitOptions::default());
        emitted.expect("text can be sent");
        self.settle();
    }

    /// Sends the next ping, and answers it.
    pub(crate) fn ping(&mut self) {
        self.now = self.server.poll_timeout().expect("there are clients");
        self.server.handle_timeout(self.now);
        self.settle();
        let ws = self.receiver.take().expect("somebody gets a ping");
        self.receive(ws, Frame::Text(Bytes::from_static(b"3")));
    }

    /// How many events arrived, and how many frames were sent, since this was asked last.
    pub(crate) fn settled(&mut self) -> (usize, usize) {
        (std::mem::take(&mut self.received), std::mem::take(&mut self.sent))
    }

    fn feed(&mut self, input: Input<'_>) {
        // Somewhat faster than it takes, so that no client is made to wait.
        self.now += Duration::from_micros(10);
        self.server.handle(input, self.now);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { ws, frames } => {
                    self.sent += frames.as_slice().len();
                    self.receiver = Some(ws);
                    self.server.handle(Input::Drained { ws }, self.now);
                }
                Output::Event(event) => self.hear(event),
                Output::Respond { response, .. } => self.response = Some(response),
                Output::Accept { .. } | Output::ReadBody { .. } => {}
                output @ (Output::Abort { .. }
                | Output::Refuse { .. }
                | Output::Pause { .. }
                | Output::Resume { .. }
                | Output::Close { .. }) => panic!("nobody gives cause for {output:?}"),
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else matters here")]
    fn hear(&mut self, event: Event) {
        match event {
            Event::Connected { socket, .. } => self.socket = Some(socket),
            Event::Received { socket, name, args, ack } => {
                self.received += 1;
                if !self.echoes {
                    return;
                }
                let mut socket = self.server.socket(socket).expect("it is connected");
                let sent = match ack {
                    Some(ack) => socket.ack(ack, &args).is_ok(),
                    None => socket.emit(&name, &args, EmitOptions::default()).is_ok(),
                };
                assert!(sent, "what came can be sent");
            }
            _ => {}
        }
    }
}

fn request<'a>(method: &'a str, target: &'a str) -> Request<'a> {
    Request { method, target, headers: &[], remote: None, secure: false }
}
