//! How the connection is opened, lost, and opened again: methods of the [`Client`].
//!
//! The Socket.IO protocol knows no reconnection; delays and attempts are those of the official
//! client. A connection is one Engine.IO session.
//!
//! ```text
//! Idle --- a socket is to be connected ---> Opening --- 0{..} ---> Open
//!  ^                                         ^    |                  |
//!  |                        Reconnect, online|    | failed, timeout  | lost
//!  |                                         |    v                  v
//!  +--- no socket is to be connected --- BackingOff <----------------+
//! ```
//!
//! From every state, `close_unused_session` leads back to `Idle` when the last socket is
//! disconnected. Without reconnection, and after the last attempt, the way goes to `Idle`, too.

use std::collections::VecDeque;
use std::time::Instant;

use crate::engineio::Transport;
use crate::engineio::client::{Attempt, Session, SessionEvent, TransportFault};
use crate::error::ConfigError;
use crate::socketio::client::alarm::Alarm;
use crate::socketio::client::client::Client;
use crate::socketio::client::error::Fault;
use crate::socketio::client::event::Event;
use crate::socketio::client::state::State;
use crate::socketio::error::DisconnectReason;
use crate::socketio::packet::Decoder;

/// How many sessions may be closing at once: an application that connects and disconnects in a
/// loop does not pile them up.
const MAX_CLOSING: usize = 4;

impl Client {
    /// Handles what the session reports.
    pub(super) fn handle_session_events(&mut self, now: Instant) {
        // An event may end the session. Then the events behind it are discarded with it.
        while let Some(event) = self.cx.poll_event() {
            match event {
                SessionEvent::Opened(transport) => self.on_session_opened(transport, now),
                SessionEvent::Message(message) => self.on_message(message, now),
                SessionEvent::Upgraded => {
                    self.websocket_worked = true;
                    self.push_event(Event::Upgraded);
                }
                SessionEvent::UpgradeFailed(fault) => {
                    self.push_event(Event::NotUpgraded { fault: fault.into() });
                }
                SessionEvent::Closed(reason, fault) => {
                    self.on_session_closed(reason.into(), fault.map(Fault::from), now);
                }
                SessionEvent::OpenFailed(fault) => self.on_attempt_failed(fault.into(), now),
            }
        }
        if !self.closing.is_empty() {
            self.closing.retain(|session| !session.is_closed());
        }
    }

    // Attempts to connect.

    /// Opens a connection unless there is one, or one is being opened or waited for.
    pub(super) fn ensure_session(&mut self, now: Instant) {
        match self.state {
            State::Idle => self.begin_attempt(0, now),
            State::Opening { .. } | State::Open | State::BackingOff(_) => {}
        }
    }

    /// Begins an attempt to connect, of which the application may say where it goes.
    fn begin_attempt(&mut self, attempt: u32, now: Instant) {
        // The time in which the application answers counts, too.
        let timeout = self.config.timeout;
        let timer = timeout.map(|timeout| self.timers.set(now, timeout, Alarm::OpenTimeout));
        self.state = State::Opening { timer, attempt };
        self.is_asking = self.config.ask_attempts;
        if self.is_asking {
            return self.push_event(Event::Attempting);
        }
        self.open_session(Attempt::new(), now);
    }

    /// Says where the attempt goes that [`Event::Attempting`] asks about, and what is sent along.
    /// Does nothing if none is (any more).
    ///
    /// # Errors
    ///
    /// If a header can't be sent; the application is still being asked then.
    pub fn attempt(&mut self, attempt: Attempt, now: Instant) -> Result<(), ConfigError> {
        attempt.validate()?;
        if std::mem::take(&mut self.is_asking) {
            self.open_session(attempt, now);
            self.flush(now);
        }
        Ok(())
    }

    /// Ends the attempt that [`Event::Attempting`] asks about; another one follows as after any
    /// that fails.
    pub fn fail_attempt(&mut self, message: String, now: Instant) {
        if std::mem::take(&mut self.is_asking) {
            self.on_attempt_failed(Fault::NoAttempt(message), now);
            self.continue_shutdown(now);
        }
    }

    /// Opens a session, with the transports in the order of the options.
    fn open_session(&mut self, attempt: Attempt, now: Instant) {
        let config = &self.config;
        let mut transports: VecDeque<_> = config.transports.iter().copied().collect();
        // One that has worked is not worth the detour over long-polling and an upgrade.
        let websocket = transports.iter().position(|it| *it == Transport::WebSocket);
        let begins = config.remember_upgrade && self.websocket_worked;
        if let Some(websocket) = websocket.filter(|_| begins) {
            transports.remove(websocket);
            transports.push_front(Transport::WebSocket);
        }
        let Some(first) = transports.pop_front() else { return };
        if !config.try_all_transports {
            transports.clear();
        }
        self.session = Some(Session::open(first, transports, attempt, &mut self.cx, now));
    }

    /// The session is open: all sockets that wait for it connect.
    fn on_session_opened(&mut self, transport: Transport, now: Instant) {
        let State::Opening { mut timer, attempt } = self.state else { return };
        self.timers.cancel(&mut timer);
        self.state = State::Open;
        self.opened_at = Some(now);
        self.websocket_worked |= transport == Transport::WebSocket;
        self.push_event(Event::Opened { transport, attempts: attempt });
        let ids: Vec<_> = self.sockets.keys().copied().collect();
        for id in ids {
            self.begin_connect(id, now);
        }
    }

    /// The attempt took too long, whatever it was waiting for.
    pub(super) fn on_open_timeout(&mut self, now: Instant) {
        if let Some(mut session) = self.session.take() {
            session.abort(&mut self.cx);
        }
        self.on_attempt_failed(TransportFault::Timeout.into(), now);
    }

    /// An attempt has failed; the next one follows after a delay.
    fn on_attempt_failed(&mut self, fault: Fault, now: Instant) {
        let State::Opening { mut timer, attempt } = self.state else { return };
        self.timers.cancel(&mut timer);
        self.state = State::Idle;
        self.is_asking = false;
        self.session = None;
        self.websocket_worked = false;
        self.push_event(Event::Failed { attempt, fault });
        self.schedule_reconnect(now);
    }

    /// Connects again after a delay, if a socket is to be connected.
    fn schedule_reconnect(&mut self, now: Instant) {
        let config = &self.config;
        if !config.reconnection || !self.sockets.values().any(|socket| socket.is_active()) {
            return;
        }
        if config.reconnection_attempts.is_some_and(|max| self.backoff.attempts >= max) {
            // `SocketMut::connect` begins a new row of attempts.
            self.backoff.reset();
            return self.push_event(Event::GaveUp);
        }
        let delay = self.backoff.next(&self.config, &mut self.cx.generator);
        self.state = State::BackingOff(self.timers.set(now, delay, Alarm::Reconnect));
    }

    /// The delay is over.
    pub(super) fn reconnect(&mut self, now: Instant) {
        let attempt = self.backoff.attempts;
        self.push_event(Event::Reconnecting { attempt });
        self.begin_attempt(attempt, now);
    }

    /// There is a network again: the delay before the next attempt ends.
    pub(super) fn on_online(&mut self, now: Instant) {
        if let State::BackingOff(timer) = self.state {
            self.timers.clear(timer);
            self.reconnect(now);
        }
    }

    // The end of the connection.

    /// The connection is lost.
    fn on_session_closed(&mut self, reason: DisconnectReason, fault: Option<Fault>, now: Instant) {
        if !matches!(self.state, State::Open) {
            return;
        }
        self.state = State::Idle;
        self.session = None;
        // The network may have changed to one whose proxies do not let WebSockets pass.
        if reason == DisconnectReason::TransportError {
            self.websocket_worked = false;
        }
        // Otherwise a server that accepts a session and ends it at once would be asked again and
        // again without any growth of the delay.
        let stable = self.config.stable_after;
        let lasted = |opened| now.saturating_duration_since(opened) >= stable;
        if self.opened_at.take().is_some_and(lasted) {
            self.backoff.reset();
        }
        self.reset_packet_state();
        // Sockets first: the application learns why its sockets are disconnected, then that the
        // connection is closed.
        let ids: Vec<_> = self.sockets.keys().copied().collect();
        for id in ids {
            self.on_session_lost(id, reason, fault.as_ref());
        }
        self.push_event(Event::Closed { reason, fault });
        self.schedule_reconnect(now);
    }

    /// Ends the connection because of what the server has sent.
    pub(super) fn fail_to_parse(&mut self, fault: Fault, now: Instant) {
        self.drop_session(DisconnectReason::ParseError, fault, now);
    }

    /// Ends the connection at once, as one that is lost.
    pub(super) fn drop_session(&mut self, reason: DisconnectReason, fault: Fault, now: Instant) {
        if let Some(mut session) = self.session.take() {
            self.cx.discard_events();
            session.abort(&mut self.cx);
        }
        self.on_session_closed(reason, Some(fault), now);
    }

    /// There is no network any more. It could take the ping timeout to notice that otherwise.
    pub(super) fn on_offline(&mut self, now: Instant) {
        if matches!(self.state, State::Open) {
            self.drop_session(DisconnectReason::TransportClose, Fault::Offline, now);
        }
    }

    /// Closes the connection if no socket is to be connected any more.
    pub(super) fn close_unused_session(&mut self, now: Instant) {
        if self.sockets.values().any(|socket| socket.is_active()) {
            return;
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle | State::Open => {}
            State::BackingOff(timer) => self.timers.clear(timer),
            State::Opening { mut timer, .. } => self.timers.cancel(&mut timer),
        }
        self.is_asking = false;
        self.backoff.reset();
        self.opened_at = None;
        self.reset_packet_state();
        let Some(mut session) = self.session.take() else { return };
        // What has arrived is for sockets that are disconnected.
        self.cx.discard_events();
        session.close(&mut self.cx, now);
        if !session.is_closed() {
            self.closing.push(session);
        }
        // The oldest one has had the most time.
        if self.closing.len() > MAX_CLOSING {
            self.closing.remove(0).abort(&mut self.cx);
        }
    }

    /// Forgets what has no meaning on another connection.
    fn reset_packet_state(&mut self) {
        self.unanswered.clear();
        self.left.clear();
        self.decoder = Decoder::default();
        self.timers.cancel(&mut self.attachment_timer);
    }
}
