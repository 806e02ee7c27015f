//! The life of the connection: opened, lost, opened again.

use std::collections::VecDeque;
use std::time::Instant;

use crate::engineio::Transport;
use crate::engineio::client::Attempt;
use crate::engineio::client::{Session, SessionEvent, TransportFault};
use crate::error::ConfigError;
use crate::socketio::client::client::{Alarm, Client};
use crate::socketio::client::{DisconnectReason, Event, Fault};
use crate::socketio::packet::Decoder;
use crate::timers::TimerId;

/// What the connection is about to do.
#[derive(Debug)]
pub(super) enum State {
    Idle,
    Opening {
        /// To give up.
        timer: Option<TimerId>,
        /// Which attempt it is; 0 unless a connection was tried before.
        attempt: u32,
    },
    Open,
    /// The next attempt comes.
    Waiting(TimerId),
}

/// How many connections may be closing at once.
const MAX_LEAVING: usize = 4;

impl Client {
    /// Takes over what the connection has to say.
    pub(super) fn follow(&mut self, now: Instant) {
        while let Some(report) = self.cx.poll_event() {
            match report {
                SessionEvent::Opened(transport) => self.on_opened(transport, now),
                SessionEvent::Message(message) => self.on_message(message, now),
                SessionEvent::Upgraded => {
                    self.remembered = true;
                    self.report(Event::Upgraded);
                }
                SessionEvent::UpgradeFailed(fault) => {
                    self.report(Event::NotUpgraded { fault: fault.into() })
                }
                SessionEvent::Closed(reason, fault) => {
                    self.on_closed(reason.into(), fault.map(Into::into), now);
                }
                SessionEvent::OpenFailed(fault) => self.on_failed(fault.into(), now),
            }
        }
        self.closing.retain(|session| !session.is_closed());
    }

    /// Opens a connection unless there is one, or one is being opened or waited for.
    pub(super) fn ensure_link(&mut self, now: Instant) {
        match self.state {
            State::Idle => self.dial(0, now),
            State::Opening { .. } | State::Open | State::Waiting(_) => {}
        }
    }

    fn dial(&mut self, attempt: u32, now: Instant) {
        let timeout = self.config.timeout;
        let timer = timeout.map(|timeout| self.timers.set(now, timeout, Alarm::Opening));
        self.state = State::Opening { timer, attempt };
        self.is_asking = self.config.ask_attempts;
        if self.is_asking {
            return self.report(Event::Attempting);
        }
        self.begin_dial(Attempt::new(), now);
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
            self.begin_dial(attempt, now);
            self.flush(now);
        }
        Ok(())
    }

    /// Gives up the attempt that [`Event::Attempting`] asks about; another one follows as after any
    /// that fails.
    pub fn fail_attempt(&mut self, message: String, now: Instant) {
        if std::mem::take(&mut self.is_asking) {
            self.on_failed(Fault::NoAttempt(message), now);
            self.wind_down(now);
        }
    }

    fn begin_dial(&mut self, attempt: Attempt, now: Instant) {
        let config = &self.config;
        let mut transports: VecDeque<_> = config.transports.iter().copied().collect();
        let remembered = config.remember_upgrade && self.remembered;
        let websocket = transports.iter().position(|it| *it == Transport::WebSocket);
        if let Some(websocket) = websocket.filter(|_| remembered) {
            transports.remove(websocket);
            transports.push_front(Transport::WebSocket);
        }
        let Some(first) = transports.pop_front() else { return };
        if !config.try_all_transports {
            transports.clear();
        }
        self.session = Some(Session::open(first, transports, attempt, &mut self.cx, now));
    }

    fn on_opened(&mut self, transport: Transport, now: Instant) {
        let State::Opening { timer, attempt } = self.state else { return };
        timer.into_iter().for_each(|timer| self.timers.clear(timer));
        self.state = State::Open;
        self.opened = Some(now);
        self.remembered |= transport == Transport::WebSocket;
        self.report(Event::Opened { transport, attempts: attempt });
        let ids: Vec<_> = self.sockets.keys().copied().collect();
        for id in ids {
            self.begin_join(id, now);
        }
    }

    pub(super) fn on_opening_timeout(&mut self, now: Instant) {
        if let Some(mut session) = self.session.take() {
            session.abort(&mut self.cx);
        }
        self.on_failed(TransportFault::Timeout.into(), now);
    }

    fn on_failed(&mut self, fault: Fault, now: Instant) {
        let State::Opening { timer, attempt } = self.state else { return };
        timer.into_iter().for_each(|timer| self.timers.clear(timer));
        self.state = State::Idle;
        self.is_asking = false;
        self.session = None;
        self.remembered = false;
        self.report(Event::Failed { attempt, fault });
        self.schedule(now);
    }

    /// The connection is lost.
    fn on_closed(&mut self, reason: DisconnectReason, fault: Option<Fault>, now: Instant) {
        if !matches!(self.state, State::Open) {
            return;
        }
        self.state = State::Idle;
        self.session = None;
        if reason == DisconnectReason::TransportError {
            self.remembered = false;
        }
        // Who is let in and thrown out again at once comes back more and more slowly.
        let stable = self.config.stable_after;
        let lasted = |opened| now.saturating_duration_since(opened) >= stable;
        if self.opened.take().is_some_and(lasted) {
            self.backoff.reset();
        }
        self.forget_talk();
        let ids: Vec<_> = self.sockets.keys().copied().collect();
        for id in ids {
            self.on_link_lost(id, reason, fault.as_ref());
        }
        self.report(Event::Closed { reason, fault });
        self.schedule(now);
    }

    /// Ends the connection because of what the server has sent.
    pub(super) fn break_off(&mut self, fault: Fault, now: Instant) {
        self.lose(DisconnectReason::ParseError, fault, now);
    }

    pub(super) fn lose(&mut self, reason: DisconnectReason, fault: Fault, now: Instant) {
        if let Some(mut session) = self.session.take() {
            self.cx.discard_events();
            session.abort(&mut self.cx);
        }
        self.on_closed(reason, Some(fault), now);
    }

    pub(super) fn on_offline(&mut self, now: Instant) {
        if matches!(self.state, State::Open) {
            self.lose(DisconnectReason::TransportClose, Fault::Offline, now);
        }
    }

    pub(super) fn on_online(&mut self, now: Instant) {
        if let State::Waiting(timer) = self.state {
            self.timers.clear(timer);
            self.reconnect(now);
        }
    }

    /// Connects again later, if anybody wants that.
    fn schedule(&mut self, now: Instant) {
        let config = &self.config;
        if !config.reconnection || !self.sockets.values().any(|socket| socket.is_active()) {
            return;
        }
        if config.reconnection_attempts.is_some_and(|max| self.backoff.attempts >= max) {
            self.backoff.reset();
            return self.report(Event::GaveUp);
        }
        let delay = self.backoff.next(&self.config, &mut self.cx.mint);
        self.state = State::Waiting(self.timers.set(now, delay, Alarm::Reconnect));
    }

    pub(super) fn reconnect(&mut self, now: Instant) {
        let attempt = self.backoff.attempts;
        self.report(Event::Reconnecting { attempt });
        self.dial(attempt, now);
    }

    /// Closes the connection if no socket wants it any more.
    pub(super) fn release_link(&mut self, now: Instant) {
        if self.sockets.values().any(|socket| socket.is_active()) {
            return;
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => {}
            State::Waiting(timer) => self.timers.clear(timer),
            State::Opening { timer, .. } => {
                timer.into_iter().for_each(|timer| self.timers.clear(timer));
            }
            State::Open => {}
        }
        self.is_asking = false;
        self.backoff.reset();
        self.opened = None;
        self.forget_talk();
        let Some(mut session) = self.session.take() else { return };
        self.cx.discard_events();
        session.close(&mut self.cx, now);
        if !session.is_closed() {
            self.closing.push(session);
        }
        if self.closing.len() > MAX_LEAVING {
            self.closing.remove(0).abort(&mut self.cx);
        }
    }

    /// Forgets what is of no meaning on another connection.
    fn forget_talk(&mut self) {
        self.unanswered.clear();
        self.left.clear();
        self.decoder = Decoder::default();
        if let Some(timer) = self.attachment_timer.take() {
            self.timers.clear(timer);
        }
    }
}
