//! The harness around an [`Engine`].

use std::collections::BTreeSet;
use std::time::Instant;

use sockeye_core::engineio::{Engine, EngineConfig, Event};
use sockeye_core::{Input, Output, SessionId, WsId};

use super::{Harness, Machine, SEED, show};

/// The sessions that are open, and all that ever were.
#[derive(Default)]
pub(crate) struct Sessions {
    open: BTreeSet<SessionId>,
    seen: BTreeSet<SessionId>,
}

impl Machine for Engine {
    type Event = Event;
    type Watch = Sessions;
    const PATH: &'static str = "/engine.io";

    fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.handle(input, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.poll_output()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn watch(watch: &mut Sessions, event: &Event) -> bool {
        match event {
            Event::HandshakeRequested { .. } | Event::HandshakeAborted { .. } => {}
            Event::Opened { session, .. } => {
                assert!(watch.seen.insert(*session), "ids are used once");
                watch.open.insert(*session);
            }
            Event::Message { session, .. } | Event::Upgraded { session } => {
                assert!(watch.open.contains(session), "nothing after the end");
            }
            Event::Closed { session, .. } => {
                assert!(watch.open.remove(session), "one end for each session");
            }
            other => panic!("unknown event {other:?}"),
        }
        true
    }

    fn assert_forgotten(&self) {
        assert!(self.is_idle());
    }
}

impl Harness<Engine> {
    pub(crate) fn engine(config: EngineConfig) -> Self {
        Self::around(Engine::new(config, SEED).expect("a valid configuration"))
    }

    /// Opens a session over long-polling; returns its id on the wire and its handle.
    pub(crate) fn open_polling(&mut self) -> (String, SessionId) {
        let req = self.request("GET", &Self::target("polling", None), &[]);
        let open = self.answer(req);
        let sid = open.split('"').nth(3).expect("OPEN holds a sid").to_owned();
        (sid, self.opened())
    }

    /// Opens a session over a WebSocket.
    pub(crate) fn open_websocket(&mut self) -> (WsId, SessionId) {
        let ws = self.upgrade_with(&Self::target("websocket", None), &[]);
        assert_eq!(self.received(ws).len(), 1);
        (ws, self.opened())
    }

    fn opened(&mut self) -> SessionId {
        match self.events().pop() {
            Some(Event::Opened { session, .. }) => session,
            other => panic!("no session was opened: {other:?}"),
        }
    }

    /// Takes the events that came, in words.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let describe = |event: &Event| match event {
            Event::HandshakeRequested { .. } => "requested".to_owned(),
            Event::HandshakeAborted { .. } => "aborted".to_owned(),
            Event::Opened { .. } => "opened".to_owned(),
            Event::Message { message, .. } => show(message),
            Event::Upgraded { .. } => "upgraded".to_owned(),
            Event::Closed { reason, .. } => format!("closed: {reason}"),
            other => panic!("unknown event {other:?}"),
        };
        self.events().iter().map(describe).collect()
    }
}
