//! Rate limits, pauses and back-pressure.

use std::time::{Duration, Instant};

use crate::engineio::Encoded;
use crate::id::SessionId;
use crate::socketio::error::EmitError;
use crate::socketio::server::alarm::Alarm;
use crate::socketio::server::connection::Violation;
use crate::socketio::server::server::Server;
use crate::socketio::server::socket::Socket;
use crate::socketio::server::socket_mut::SocketMut;
use crate::socketio::server::{Event, OnExceeded, OnOverflow};

impl SocketMut<'_> {
    /// Pauses the socket: reading of its client stops until none of its sockets is paused.
    ///
    /// Packets that were read before come as events after [`resume`](Self::resume).
    pub fn pause(&mut self, now: Instant) {
        self.set_paused(true, now);
    }

    /// Resumes the socket after [`pause`](Self::pause).
    pub fn resume(&mut self, now: Instant) {
        self.set_paused(false, now);
    }

    fn set_paused(&mut self, paused: bool, now: Instant) {
        let Some(socket) = self.server.get_mut(self.id) else { return };
        socket.paused = paused;
        let session = socket.session;
        self.server.adjust_pause(session, now);
    }

    /// Asks for one [`Event::Drained`] as soon as nothing waits to be sent to this client. Returns
    /// true if nothing waits: then no event follows.
    pub fn watch_drained(&mut self) -> bool {
        let Some(socket) = self.server.get(self.id) else { return true };
        let session = socket.session;
        let drained = self.server.engine.watch_drained(session);
        if let Some(socket) = self.server.get_mut(self.id).filter(|_| !drained) {
            socket.watched = true;
        }
        drained
    }

    /// Checks that there is room for one more event, if the overflow policy is to refuse it.
    pub(super) fn check_room(&mut self, event: &Encoded) -> Result<(), EmitError> {
        let Some(session) = self.server.get(self.id).map(|socket| socket.session) else {
            return Err(EmitError::Disconnected);
        };
        let refuses = self.server.config.on_overflow == OnOverflow::Refuse;
        if refuses && !self.server.engine.has_room_for(session, event) {
            self.server.totals.refused += 1;
            let limit = self.server.config.engine.max_buffered;
            return Err(EmitError::Full { limit });
        }
        Ok(())
    }
}

impl Server {
    pub(super) fn on_drained(&mut self, session: SessionId) {
        let client = self.connections.get(&session);
        for id in client.map(|client| client.sockets.clone()).unwrap_or_default() {
            let watched = |socket: &mut Socket| std::mem::take(&mut socket.watched);
            if self.get_mut(id).is_some_and(watched) {
                self.tell(Event::Drained { socket: id });
            }
        }
    }

    /// Pauses or resumes a connection, as its sockets and its rate require.
    pub(super) fn adjust_pause(&mut self, session: SessionId, now: Instant) {
        let Some(client) = self.connections.get(&session) else { return };
        let held = |&id: &_| self.get(id).is_some_and(|socket| socket.paused);
        let pause = client.rate_timer.is_some() || client.sockets.iter().any(held);
        self.engine.pause(session, pause, now);
    }

    /// Counts a packet against the rate of a client.
    pub(super) fn count_packet(
        &mut self,
        session: SessionId,
        now: Instant,
    ) -> Result<(), Violation> {
        let Some(rate) = self.config.rate else { return Ok(()) };
        let Some(client) = self.connections.get_mut(&session) else { return Ok(()) };
        let each = rate.per / rate.packets;
        // The time at which the packets so far will have taken no more than the rate.
        let paid = client.paid.map_or(now, |paid| paid.max(now));
        let paid = paid.checked_add(each).unwrap_or(paid);
        client.paid = Some(paid);
        let debt = paid.duration_since(now).saturating_sub(rate.burst());
        if debt.is_zero() {
            return Ok(());
        }
        self.totals.throttled += 1;
        match rate.on_exceeded {
            OnExceeded::Disconnect => Err(Violation::Rate),
            OnExceeded::Delay => {
                self.delay(session, debt, now);
                Ok(())
            }
        }
    }

    fn delay(&mut self, session: SessionId, time: Duration, now: Instant) {
        let Some(client) = self.connections.get_mut(&session) else { return };
        let timer = self.timers.set(now, time, Alarm::Rate(session));
        if let Some(earlier) = client.rate_timer.replace(timer) {
            self.timers.clear(earlier);
        }
        self.adjust_pause(session, now);
    }

    pub(super) fn on_rate_alarm(&mut self, session: SessionId, now: Instant) {
        if let Some(client) = self.connections.get_mut(&session) {
            client.rate_timer = None;
        }
        self.adjust_pause(session, now);
    }
}
