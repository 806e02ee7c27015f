//! Requests and WebSocket handshakes: checking them, and finding or opening their session. See
//! "Handshake" in the protocol of Engine.IO.

use std::time::Instant;

use crate::engineio::http::cors::has_valid_origin;
use crate::engineio::http::query::{Query, Refusal};
use crate::engineio::http::subprotocol::Malformed;
use crate::engineio::server::config::EngineConfig;
use crate::engineio::server::context::Alarm;
use crate::engineio::server::engine::Engine;
use crate::engineio::server::outbox::Codec;
use crate::engineio::server::pending::{Opening, Pending, Source};
use crate::engineio::server::request::{Extra, Form, OpenRequest};
use crate::engineio::server::session::{Channel, Session};
use crate::engineio::server::shares::Address;
use crate::engineio::{Admission, CloseReason, Event, Handshake, HandshakeId, Transport};
use crate::id::{SessionId, Sid, is_valid_sid};
use crate::io::{Output, Request, RequestId, Response, WsId};

/// What a valid request is for.
enum Route {
    /// Open a session.
    Open(Codec),
    /// It belongs to this session.
    Session(SessionId),
}

impl Engine {
    pub(super) fn on_request(&mut self, req: RequestId, request: &Request<'_>, now: Instant) {
        let mut extra = Extra::default();
        if let Some(cors) = &self.cx.config.cors {
            cors.add(request, &mut extra.always);
            if request.method == "OPTIONS" {
                let response = cors.preflight(request);
                return self.answer(req, response, extra);
            }
        }
        let query = Query::read(request.query());
        match self.route(request, &query, Transport::Polling) {
            Err(refusal) => self.answer(req, refusal.response(), extra),
            Ok(Route::Open(codec)) => {
                extra.script = query.script.filter(|_| codec.v3).map(ToOwned::to_owned);
                self.request_session(Source::Request(req), codec, extra, request, now);
            }
            Ok(Route::Session(id)) => {
                self.mark_used(id);
                let v3 = self.get(id).is_some_and(|session| session.codec.v3);
                extra.script = query.script.filter(|_| v3).map(ToOwned::to_owned);
                let form = form(request, extra.script.is_some());
                self.cx.requests.insert(req, OpenRequest::new(id, form, extra));
                self.with(id, |session, cx| match request.method {
                    "GET" => session.on_get(req, cx, now),
                    "POST" => session.on_post(req, form, cx),
                    _ => cx.respond(req, Response::empty(400)),
                });
            }
        }
    }

    pub(super) fn on_upgrade(&mut self, ws: WsId, request: &Request<'_>, now: Instant) {
        let mut extra = Extra::default();
        if let Some(cors) = &self.cx.config.cors {
            cors.add(request, &mut extra.always);
        }
        let query = Query::read(request.query());
        let route = self.route(request, &query, Transport::WebSocket).and_then(|route| {
            let chosen = self.cx.config.subprotocols.choose(request);
            let chosen = chosen.map_err(|Malformed| Refusal::BadRequest)?;
            let named = |chosen: String| ("Sec-WebSocket-Protocol".into(), chosen.into());
            extra.success.extend(chosen.map(named));
            Ok(route)
        });
        match route {
            Err(refusal) => {
                let foreign = refusal == Refusal::ForeignOrigin;
                self.cx.totals.origins_refused += u64::from(foreign);
                self.refuse(ws, &refusal, extra);
            }
            Ok(Route::Open(codec)) => {
                self.request_session(Source::WebSocket(ws), codec, extra, request, now);
            }
            Ok(Route::Session(id)) => {
                self.mark_used(id);
                self.accept(ws, extra);
                self.cx.websockets.insert(ws, id);
                self.with(id, |session, cx| {
                    if session.can_upgrade() {
                        session.begin_upgrade(ws, cx, now);
                    } else {
                        cx.close(ws);
                    }
                });
            }
        }
    }

    /// Accepts a handshake that [`Event::HandshakeRequested`] asks about. Does nothing if its
    /// client is gone. An id of the admission that can't be used counts as a rejection.
    pub fn accept_handshake(&mut self, id: HandshakeId, admission: Admission, now: Instant) {
        let Some(mut opening) = self.take_pending(id) else { return };
        let sid = match admission.sid {
            None => self.generator.sid(),
            Some(sid) if is_valid_sid(&sid) && !self.by_sid.contains_key(&*sid) => Sid::new(&sid),
            Some(_) => {
                return self.reject_source(opening.source, &Refusal::BadRequest, opening.extra);
            }
        };
        opening.extra.success.extend(admission.headers);
        opening.handshake.take_if(|_| !self.cx.config.keep_handshakes);
        self.open(opening, sid, now);
    }

    /// Rejects a handshake that [`Event::HandshakeRequested`] asks about, with status 403 and this
    /// message. Does nothing if its client is gone.
    pub fn reject_handshake(&mut self, id: HandshakeId, message: &str) {
        if let Some(opening) = self.take_pending(id) {
            let refusal = Refusal::Forbidden(message.to_owned());
            self.reject_source(opening.source, &refusal, opening.extra);
        }
    }

    /// Rejects all handshakes that the application has not decided about, with status 503.
    pub(super) fn reject_pending(&mut self) {
        while let Some(id) = self.pending.first() {
            let Some(opening) = self.take_pending(id) else { return };
            self.reject_source(opening.source, &Refusal::Busy, opening.extra);
            self.cx.push(Output::Event(Event::HandshakeAborted { id }));
        }
    }

    /// Rejects a handshake that the application has not decided about in time.
    pub(super) fn expire_handshake(&mut self, id: HandshakeId) {
        self.reject_handshake(id, "Forbidden");
        self.cx.push(Output::Event(Event::HandshakeAborted { id }));
    }

    /// Drops a handshake whose client is gone.
    pub(super) fn abort_handshake(&mut self, source: Source) {
        if let Some(id) = self.pending.find(source) {
            self.take_pending(id);
            self.cx.push(Output::Event(Event::HandshakeAborted { id }));
        }
    }

    fn take_pending(&mut self, id: HandshakeId) -> Option<Opening> {
        let Pending { opening, timer } = self.pending.remove(id)?;
        self.cx.timers.clear(timer);
        self.shares.leave(opening.address);
        self.shares.handshakes -= opening.handshake.as_ref().map_or(0, Handshake::size);
        Some(opening)
    }

    /// Opens a session, or asks the application whether to.
    fn request_session(
        &mut self,
        source: Source,
        codec: Codec,
        extra: Extra,
        request: &Request<'_>,
        now: Instant,
    ) {
        let address = Address::new(request.client_address(&self.cx.config.trusted_proxies));
        if !self.has_room_for_one_of(address) {
            return self.reject_source(source, &Refusal::Busy, extra);
        }
        let config = &self.cx.config;
        let wanted = config.manual_accept || config.keep_handshakes;
        let handshake = wanted.then(|| Handshake::new(request));
        let opening = Opening { source, codec, extra, handshake, address };
        if !config.manual_accept {
            let sid = self.generator.sid();
            return self.open(opening, sid, now);
        }
        let id = HandshakeId(self.generator.serial());
        let timer = self.cx.timers.set(now, config.handshake_timeout, Alarm::Handshake(id));
        self.shares.enter(address);
        if let Some(handshake) = opening.handshake.clone() {
            self.shares.handshakes += handshake.size();
            self.cx.push(Output::Event(Event::HandshakeRequested { id, handshake }));
        }
        self.pending.insert(id, Pending { opening, timer });
    }

    /// Whether an address may have one more session. Ends an unused session to make room if
    /// necessary.
    fn has_room_for_one_of(&mut self, address: Address) -> bool {
        let config = &self.cx.config;
        let share = config.sessions_per_address();
        if address != Address::Unknown && self.shares.sessions(address) >= share {
            self.cx.totals.addresses_refused += 1;
            return false;
        }
        let full = self.sessions.len() + self.pending.len() >= config.max_sessions;
        let unused = self.shares.first_to_go_for(address).filter(|_| full && !self.closing);
        if self.closing || full && unused.is_none() {
            self.cx.totals.sessions_refused += 1;
            return false;
        }
        unused.into_iter().for_each(|session| self.end_unused(session));
        true
    }

    fn end_unused(&mut self, session: SessionId) {
        self.cx.totals.unused_ended += 1;
        self.with(session, |session, cx| session.end(CloseReason::TransportError, cx));
    }

    /// Ends unused sessions until there is room for one more with a kept handshake of this size.
    fn make_room_for_unused(&mut self, bytes: usize) {
        let EngineConfig { max_unused_sessions, max_unused_bytes, .. } = self.cx.config;
        while self.shares.unused() >= max_unused_sessions
            || self.shares.unused_bytes() + bytes > max_unused_bytes
        {
            let Some(session) = self.shares.first_to_go() else { return };
            self.end_unused(session);
        }
    }

    fn open(&mut self, opening: Opening, sid: Sid, now: Instant) {
        let Opening { source, codec, mut extra, handshake, address } = opening;
        let bytes = handshake.as_ref().map_or(0, Handshake::size);
        let unused = matches!(source, Source::Request(_));
        if unused {
            self.make_room_for_unused(bytes);
        }
        let entry = self.sessions.vacant_entry();
        let Ok(index) = u32::try_from(entry.key()) else {
            return self.reject_source(source, &Refusal::Busy, extra);
        };
        let id = SessionId { serial: self.generator.serial(), index };
        let channel = match source {
            Source::Request(req) => Channel::Polling { get: Some(req), post: None },
            Source::WebSocket(ws) => Channel::WebSocket { ws, ready: true },
        };
        let session = entry.insert(Session::new(id, sid.clone(), channel, codec));
        (session.address, session.handshake, session.unused) = (address, bytes, unused);
        self.shares.enter(address);
        self.shares.handshakes += bytes;
        if unused {
            self.shares.add_unused(address, id, bytes);
        }
        match source {
            Source::Request(req) => {
                if let Some(cookie) = &self.cx.config.cookie {
                    let cookie = cookie.header(sid.as_str());
                    extra.success.push(("Set-Cookie".into(), cookie.into()));
                }
                self.cx.requests.insert(req, OpenRequest::new(id, Form::Text, extra));
            }
            Source::WebSocket(ws) => {
                self.accept(ws, extra);
                self.cx.websockets.insert(ws, id);
            }
        }
        self.by_sid.insert(sid, id);
        self.cx.totals.sessions += 1;
        self.with(id, |session, cx| session.open(handshake, cx, now));
    }

    /// Notes that the client of a session has sent another request.
    fn mark_used(&mut self, id: SessionId) {
        let session = self.sessions.get_mut(id.index as usize);
        let Some(session) = session.filter(|session| session.id == id && session.unused) else {
            return;
        };
        session.unused = false;
        self.shares.remove_unused(session.address, id);
    }

    /// Checks a request. The order of the checks is that of the official server, because the first
    /// failure chooses the error that the client sees.
    fn route(
        &self,
        request: &Request<'_>,
        query: &Query<'_>,
        via: Transport,
    ) -> Result<Route, Refusal> {
        let config = &self.cx.config;
        if query.ambiguous {
            return Err(Refusal::BadRequest);
        }
        let transport = match query.transport {
            Some("polling") if config.polling => Transport::Polling,
            Some("websocket") if config.websocket => Transport::WebSocket,
            _ => return Err(Refusal::UnknownTransport),
        };
        if !has_valid_origin(request) {
            return Err(Refusal::BadRequest);
        }
        let v3 = query.protocol != Some("4");
        let script = v3 && via == Transport::Polling && query.script.is_some();
        let refused = script && !config.allow_jsonp;
        if let Some(sid) = query.sid {
            let id = *self.by_sid.get(sid).ok_or(Refusal::UnknownSession)?;
            let session = self.get(id).ok_or(Refusal::UnknownSession)?;
            let current = self.transport(id);
            let fits = via == Transport::WebSocket || current == Some(Transport::Polling);
            if transport != via || !fits || session.codec.v3 != v3 || refused {
                return Err(Refusal::BadRequest);
            }
            self.check_origin(request, via)?;
            return Ok(Route::Session(id));
        }
        if request.method != "GET" {
            return Err(Refusal::BadMethod);
        }
        if transport != via {
            return Err(Refusal::BadRequest);
        }
        self.check_origin(request, via)?;
        if v3 && !config.allow_v3 {
            return Err(Refusal::UnsupportedProtocol);
        }
        if refused {
            return Err(Refusal::BadRequest);
        }
        let base64 = query.base64 || script;
        Ok(Route::Open(Codec { v3, base64 }))
    }

    /// Checks the origin of a WebSocket.
    fn check_origin(&self, request: &Request<'_>, via: Transport) -> Result<(), Refusal> {
        let config = &self.cx.config;
        let is_welcome = || config.websocket_origins.allow(request, config.cors.as_ref());
        if via == Transport::WebSocket && !is_welcome() {
            return Err(Refusal::ForeignOrigin);
        }
        Ok(())
    }

    fn accept(&mut self, ws: WsId, extra: Extra) {
        let limit = self.cx.config.max_payload;
        self.cx.push(Output::Accept { ws, headers: extra.into_headers(true), limit });
    }

    fn reject_source(&mut self, source: Source, refusal: &Refusal, extra: Extra) {
        match source {
            Source::Request(req) => self.answer(req, refusal.response(), extra),
            Source::WebSocket(ws) => self.refuse(ws, refusal, extra),
        }
    }

    fn refuse(&mut self, ws: WsId, refusal: &Refusal, extra: Extra) {
        let mut response = refusal.upgrade_response();
        response.headers.extend(extra.into_headers(false));
        self.cx.push(Output::Refuse { ws, response });
    }

    fn answer(&mut self, req: RequestId, mut response: Response, extra: Extra) {
        response.headers.extend(extra.into_headers(false));
        self.cx.push(Output::Respond { req, response });
    }
}

impl EngineConfig {
    /// The answer to a request, or a handshake, that a driver rejects on its own because it is
    /// malformed: status 400 with the message of the protocol, and the headers of
    /// [`cors`](Self::cors).
    #[must_use]
    pub fn refusal(&self, request: &Request<'_>) -> Response {
        let mut response = Refusal::BadRequest.response();
        response.headers.extend(self.cors.iter().flat_map(|cors| cors.headers(request)));
        response
    }
}

fn form(request: &Request<'_>, script: bool) -> Form {
    let kind = request.header("content-type");
    if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/octet-stream")) {
        Form::Binary
    } else if script {
        Form::Script
    } else {
        Form::Text
    }
}
