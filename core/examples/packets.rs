//! What becomes of messages: one line of JSON in, one line of JSON out, until the input ends.
//!
//! In: `{"join":["/"],"messages":["2[\"a\"]",{"hex":"00ff"}]}`, the namespaces to be in, and what a
//! client says then. Out: `{"packets":[..],"refused":null}`, each packet with the frames by which it
//! is sent back, and the index of the message that ends the connection.
//!
//! It is meant for comparisons with other implementations.

use std::io::{self, BufRead, Write};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sockeye_core::{
    Args, CloseCause, DisconnectReason, EmitOptions, Event, Frame, Input, Output, Request, Server,
    ServerConfig, SocketId, WsId,
};

#[derive(Deserialize)]
struct Script {
    join: Vec<String>,
    messages: Vec<Message>,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Message {
    Text(String),
    Binary { hex: String },
}

#[derive(Default, Serialize)]
struct Outcome {
    packets: Vec<Packet>,
    refused: Option<usize>,
}

#[derive(Serialize)]
struct Packet {
    kind: &'static str,
    namespace: String,
    /// Empty if it cannot be sent back.
    sent: Vec<Message>,
}

const WS: WsId = WsId(1);
/// How many acknowledgements are owed in the first of the namespaces, from 0 on.
const QUESTIONS: usize = 10;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    let now = Instant::now();
    for line in io::stdin().lock().lines() {
        let outcome = play(&serde_json::from_str(&line?)?, now);
        serde_json::to_writer(&mut out, &outcome)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

fn play(script: &Script, now: Instant) -> Outcome {
    let config = ServerConfig::default().dynamic_namespaces(true);
    let mut server = Server::new(config, [7; 32]).expect("a valid configuration");
    let target = "/socket.io/?EIO=4&transport=websocket";
    let request = Request { method: "GET", target, headers: &[], remote: None, secure: false };
    server.handle(Input::Upgrade { ws: WS, request }, now);
    let mut play = Play { server, now, outcome: Outcome::default(), sent: Vec::new(), open: true };
    for (number, namespace) in script.join.iter().enumerate() {
        play.say(&Message::Text(format!("0{namespace},")));
        play.outcome.packets.clear();
        if number == 0 {
            play.ask();
        }
    }
    for (index, message) in script.messages.iter().enumerate() {
        play.say(message);
        if !play.open {
            play.outcome.refused = Some(index);
            break;
        }
    }
    play.outcome
}

struct Play {
    server: Server,
    now: Instant,
    outcome: Outcome,
    /// What was sent since somebody last looked.
    sent: Vec<Message>,
    open: bool,
}

impl Play {
    fn say(&mut self, message: &Message) {
        let frame = match message {
            Message::Text(text) => Frame::Text(format!("4{text}").into()),
            Message::Binary { hex } => Frame::Binary(bytes(hex).into()),
        };
        self.server.handle(Input::Frame { ws: WS, frame }, self.now);
        self.carry_out();
    }

    /// Has the client owe a few acknowledgements.
    fn ask(&mut self) {
        let all = sockeye_core::Selector::all();
        let socket = self.server.select("/", &all).first().copied();
        for _ in 0..QUESTIONS {
            if let Some(mut socket) = socket.and_then(|id| self.server.socket(id)) {
                let _ = socket.emit_with_ack("question", &(), None, self.now);
            }
        }
        self.carry_out();
        self.sent.clear();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { frames, .. } => {
                    self.sent.extend(frames.into_iter().map(message));
                    self.server.handle(Input::Drained { ws: WS }, self.now);
                }
                Output::Close { .. } => {
                    self.open = false;
                    let cause = CloseCause::Peer;
                    self.server.handle(Input::Closed { ws: WS, cause }, self.now);
                }
                Output::Event(event) => self.react(event),
                Output::Accept { .. }
                | Output::Refuse { .. }
                | Output::Pause { .. }
                | Output::Resume { .. }
                | Output::ReadBody { .. }
                | Output::Respond { .. }
                | Output::Abort { .. } => {}
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is told here")]
    fn react(&mut self, event: Event) {
        match event {
            Event::Connecting { socket, .. } => self.server.accept(socket),
            Event::Connected { socket, auth, .. } => self.tell("connect", socket, |server, id| {
                let _ = server.socket(id).map(|mut it| emit(&mut it, "connected", &auth));
            }),
            Event::Received { socket, name, args, ack } => {
                self.tell("event", socket, |server, id| {
                    let _ = server.socket(id).map(|mut it| match ack {
                        Some(ack) => drop(it.ack(ack, &args)),
                        None => emit(&mut it, &name, &args),
                    });
                });
            }
            Event::Acked { socket, result: Ok(args), .. } => {
                self.tell("ack", socket, |server, id| {
                    let _ = server.socket(id).map(|mut it| emit(&mut it, "acked", &args));
                });
            }
            Event::Disconnected { reason: DisconnectReason::ClientNamespaceDisconnect, .. } => {
                let namespace = String::new();
                let packet = Packet { kind: "disconnect", namespace, sent: Vec::new() };
                self.outcome.packets.push(packet);
            }
            _ => {}
        }
    }

    /// Notes a packet, and what is sent for it.
    fn tell(
        &mut self,
        kind: &'static str,
        socket: SocketId,
        send: impl FnOnce(&mut Server, SocketId),
    ) {
        let namespace = self.server.socket(socket).map(|it| it.namespace().to_string());
        self.sent.clear();
        let before = self.outcome.packets.len();
        send(&mut self.server, socket);
        self.carry_out();
        let sent = std::mem::take(&mut self.sent);
        let packet = Packet { kind, namespace: namespace.unwrap_or_default(), sent };
        self.outcome.packets.insert(before, packet);
    }
}

fn emit(socket: &mut sockeye_core::SocketMut<'_>, name: &str, args: &Args) {
    let _ = socket.emit(name, args, EmitOptions::default());
}

/// A message without the mark of Engine.IO in front.
fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::Text(String::from_utf8_lossy(&text[1..]).into_owned()),
        Frame::Binary(data) => {
            Message::Binary { hex: data.iter().map(|byte| format!("{byte:02x}")).collect() }
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at: usize| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    (0..hex.len()).step_by(2).filter_map(digits).collect()
}
