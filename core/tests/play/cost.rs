//! What a message costs: memory and scanned bytes, in proportion to its length and to what it
//! makes the server send.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sockeye_core::engineio::Encoded;
use sockeye_core::packet::{DefaultParser, Parser};
use sockeye_core::{
    Args, EmitOptions, Event, Frame, Input, Output, Responder, Server, ServerConfig, SocketId,
    Value, WsId,
};

use super::tape::Tape;

/// Does something and says how many bytes were allocated meanwhile, those that were freed again
/// included.
pub(crate) type Measure = fn(&mut dyn FnMut()) -> u64;

/// How many bytes may be allocated for each byte that came or went.
#[derive(Clone, Copy)]
struct Factor(u64);

/// What does not depend on the length: buffers of a server, and what is open at 128 levels.
const CONSTANT: u64 = 60_000;

/// How often a byte may be scanned. Of many arguments each is found with a look at 15 others.
const SCANS: u64 = 60;

/// MessagePack notes 8 bytes for each list, which may be of 3 bytes, in memory that grows by doubling.
const ARRIVAL: Factor = Factor(24);
/// A `Value` has 40 bytes, that of a single digit too, and lists grow by doubling.
const READING: Factor = Factor(150);
/// Thrice the arguments are written, in the same way.
const SENDING: Factor = Factor(24);

/// Makes an event of the bytes, has it arrive, and does with it what applications do.
///
/// # Panics
///
/// If something costs more than in proportion to the length.
pub(crate) fn cost(data: &[u8], measure: Measure) {
    let mut tape = Tape::new(data);
    let (json, attachments) = arguments(&mut tape);
    let mut frames = vec![Frame::from(&*match &attachments[..] {
        [] => format!("427[\"e\",{json}]"),
        some => format!("45{}-7[\"e\",{json}]", some.len()),
    })];
    frames.extend(attachments.into_iter().map(Frame::Binary));
    let mut peer = Peer::new(Arc::new(DefaultParser), Frame::from("40"), measure);
    let Some((args, ack)) = peer.receive(frames) else { return };
    peer.read(&args);
    let sent = peer.send_on(&args, ack);
    // Next to binary values there may be data that looks like one.
    assert!(!sent.is_empty() || !args.attachments().is_empty(), "what came can be sent on");
    {
        let parser = Arc::new(sockeye_msgpack::MsgpackParser);
        let mut peer = Peer::new(parser, Frame::Binary(super::values::joining()), measure);
        for frame in peer.send_on(&args, None) {
            let Some((args, _)) = peer.receive(vec![frame]) else { return };
            peer.read(&args);
        }
    }
}

/// How many bytes were scanned so far, which is counted for fuzz targets alone.
fn scanned() -> usize {
    #[cfg(fuzzing)]
    return sockeye_core::__private::scanned();
    #[cfg(not(fuzzing))]
    0
}

/// What messages count against limits: a message without any bytes has a cost, too.
fn size(frames: &[Frame]) -> usize {
    frames.iter().map(|frame| frame.len() + Encoded::OVERHEAD).sum()
}

/// A client on a server that waits to be told what to do.
struct Peer {
    server: Server,
    socket: SocketId,
    now: Instant,
    measure: Measure,
}

impl Peer {
    fn new(parser: Arc<dyn Parser>, join: Frame, measure: Measure) -> Self {
        let config = ServerConfig::default().parser(parser).max_attachments(1_000);
        let mut server = Server::new(config, [7; 32]).expect("a valid configuration");
        let now = super::epoch();
        let request = super::request("GET", "/socket.io/?EIO=4&transport=websocket");
        server.handle(Input::Upgrade { ws: WsId(1), request }, now);
        server.handle(Input::Frame { ws: WsId(1), frame: join }, now);
        let mut joined = None;
        while let Some(output) = server.poll_output() {
            match output {
                Output::Event(Event::Connected { socket, .. }) => joined = Some(socket),
                Output::Send { ws, .. } => server.handle(Input::Drained { ws }, now),
                _ => {}
            }
        }
        Self { server, socket: joined.expect("it was let in"), now, measure }
    }

    /// Does something of a cost in proportion to what came and what it says that went.
    fn within<T>(
        &mut self,
        what: &str,
        factor: Factor,
        came: usize,
        mut act: impl FnMut(&mut Self) -> (T, usize),
    ) -> T {
        let before = scanned();
        let mut result = None;
        let measure = self.measure;
        let allocated = measure(&mut || result = Some(act(self)));
        let (result, went) = result.expect("it was done");
        let length = (came + went) as u64;
        assert!(
            allocated <= CONSTANT + factor.0 * length,
            "{what}: {allocated} bytes are allocated for {length}"
        );
        let scanned = (scanned() - before) as u64;
        assert!(scanned <= CONSTANT + SCANS * length, "{what}: {scanned} scanned for {length}");
        result
    }

    /// The arguments of the event that these frames are, if they are one.
    fn receive(&mut self, frames: Vec<Frame>) -> Option<(Args, Option<Responder>)> {
        let length = size(&frames);
        let mut frames = frames.into_iter();
        self.within("arrival", ARRIVAL, length, |this| {
            for frame in frames.by_ref() {
                this.server.handle(Input::Frame { ws: WsId(1), frame }, this.now);
            }
            (this.drain().0, 0)
        })
    }

    /// Takes what the server wants; an event and what was sent.
    fn drain(&mut self) -> (Option<(Args, Option<Responder>)>, Vec<Frame>) {
        let (mut event, mut sent) = (None, Vec::new());
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Event(Event::Received { args, ack, .. }) => event = Some((args, ack)),
                Output::Send { ws, frames } => {
                    sent.extend(frames);
                    self.server.handle(Input::Drained { ws }, self.now);
                }
                _ => {}
            }
        }
        (event, sent)
    }

    fn read(&mut self, args: &Args) {
        let length = args.iter().map(str::len).sum::<usize>()
            + args.attachments().iter().map(Bytes::len).sum::<usize>();
        self.within("storing", Factor(0), length, |_| {
            let stored: Vec<_> = (0..100).map(|_| args.clone()).collect();
            (stored.len(), 0)
        });
        self.within("reading one by one", READING, length, |_| {
            for at in 0..args.len() {
                let binary = args.binary(at).cloned();
                let value = args.get::<Value>(at).ok();
                assert!(binary.is_none() || value == binary.map(Value::Bytes));
            }
            ((), 0)
        });
        self.within("taking off", READING, length, |_| {
            let mut args = args.clone();
            while !args.is_empty() {
                let _ = args.shift::<Value>();
            }
            ((), 0)
        });
        self.within("reading what does not fit", READING, length, |_| {
            let _ = args.parse::<(Value, Vec<String>)>();
            let _ = args.parse::<Vec<Vec<u8>>>();
            let _ = args.get::<std::collections::BTreeMap<String, bool>>(0);
            ((), 0)
        });
    }

    /// Sends arguments back, alone and within other data; what was sent last.
    fn send_on(&mut self, args: &Args, ack: Option<Responder>) -> Vec<Frame> {
        let mut ack = ack;
        let length = args.iter().map(str::len).sum();
        self.within("sending on", SENDING, length, |this| {
            let mut socket = this.server.socket(this.socket).expect("it is connected");
            let _ = socket.emit("e", &("x", [args, args], args), EmitOptions::default());
            if let Some(ack) = ack.take() {
                let _ = socket.ack(ack, args);
            }
            let (_, mut sent) = this.drain();
            let mut went = size(&sent);
            let mut socket = this.server.socket(this.socket).expect("it is connected");
            if socket.emit("e", args, EmitOptions::default()).is_ok() {
                sent = this.drain().1;
                went += size(&sent);
            }
            (sent, went)
        })
    }
}

/// JSON of arguments, short and long, flat and deep, that often is valid; and binary values.
fn arguments(tape: &mut Tape<'_>) -> (String, Vec<Bytes>) {
    const BEGINNINGS: &[&str] = &[
        "[",
        "[0,",
        "{\"a\":",
        "{\"num\":",
        "{\"num\":1,\"num\":",
        "{\"_placeholder\":",
        "{\"_placeholder\":false,\"num\":0,\"_placeholder\":",
        "{\"_placeholder\":true,\"num\":0,\"x\":",
    ];
    const LEAVES: &[&str] =
        &["1", "null", "[]", "{}", "\"\"", "\"\\u00e9\\\"\"", "-1.5e3", "{\"num\":[]}", " 1 "];
    let (mut json, mut attachments) = (String::new(), Vec::new());
    while !tape.is_over() && json.len() < 200_000 {
        if !json.is_empty() {
            json.push(',');
        }
        let most = if tape.flip() { 110 } else { 4 };
        let depth = tape.below(most);
        let beginnings: Vec<_> = (0..depth).map(|_| tape.pick(BEGINNINGS)).collect();
        json.extend(beginnings.iter().copied());
        match tape.below(5) {
            0 => {
                let number = attachments.len();
                json += &format!("{{\"_placeholder\":true,\"num\":{number}}}");
                attachments.push(Bytes::from(vec![7; tape.below(20) * tape.below(100)]));
            }
            1 => {
                let (number, length) = (tape.below(4), tape.below(4));
                json += &format!("{{\"num\":{number},\"_placeholder\":true}}");
                attachments.resize(attachments.len() + length, Bytes::new());
            }
            2 => json += &String::from_utf8_lossy(tape.bytes()),
            3 => json += &format!("\"{}\"", "x\\u0001é".repeat(tape.below(200) * 20)),
            _ => {
                let leaf = tape.pick(LEAVES);
                json += &format!("[{}]", vec![leaf; 1 + tape.below(200) * 10].join(","));
            }
        }
        for beginning in beginnings.iter().rev() {
            json.push(if beginning.starts_with('{') { '}' } else { ']' });
        }
    }
    (json, attachments)
}
