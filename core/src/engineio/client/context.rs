//! What the sessions of one client share: options, random numbers, cookies, and the queues of what
//! they report and want done.

use std::collections::VecDeque;
use std::convert::Infallible;

use bytes::Bytes;

use crate::engineio::Transport;
use crate::engineio::client::attempt::Attempt;
use crate::engineio::client::config::Config;
use crate::engineio::client::cookies::Cookies;
use crate::engineio::client::event::SessionEvent;
use crate::engineio::client::output::{HttpRequest, Output};
use crate::engineio::client::target::target;
use crate::id::IdGenerator;
use crate::io::{Headers, RequestId, Response, WsId};

/// The surroundings of all sessions of one client. Each method of a session gets it as an argument,
/// so that a session holds no reference, and several can exist at once: one that is open, and
/// others that are closing.
pub(crate) struct Context {
    pub(super) config: Config,
    /// The only randomness of a client; the layer above draws from it, too.
    pub(crate) generator: IdGenerator,
    /// Of the server, not of a session: a load balancer is to choose the same server again.
    cookies: Cookies,
    /// Counts the inputs. Packets that are queued during the input in which something was written
    /// are written with the next batch, so volatile messages still count as sent at once then.
    pub(crate) turn: u64,
    /// Whether data was lost with a session since the layer above has set this to false.
    pub(crate) lost_data: bool,
    /// The work of the driver, in the order in which it was made.
    outputs: VecDeque<Output<Infallible>>,
    /// What the layer above has not taken yet. It does so at the end of each input, before it gives
    /// control back to the driver.
    events: VecDeque<SessionEvent>,
    /// The last number that was given to a request or WebSocket.
    last_id: u64,
}

impl Context {
    /// Makes a context without sessions.
    pub(crate) fn new(config: Config, generator: IdGenerator) -> Self {
        Self {
            config,
            generator,
            cookies: Cookies::default(),
            turn: 1,
            lost_data: false,
            outputs: VecDeque::new(),
            events: VecDeque::new(),
            last_id: 0,
        }
    }

    /// Has the driver do something.
    pub(crate) fn push_output(&mut self, output: Output<Infallible>) {
        self.outputs.push_back(output);
    }

    /// Whether there is something that the driver must do.
    pub(crate) fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Takes the next thing that the driver must do.
    pub(crate) fn poll_output(&mut self) -> Option<Output<Infallible>> {
        self.outputs.pop_front()
    }

    /// Reports something to the layer above.
    pub(super) fn push_event(&mut self, event: SessionEvent) {
        self.events.push_back(event);
    }

    /// Takes the next event of a session.
    pub(crate) fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// Drops the events of a session that the layer above has ended.
    pub(crate) fn discard_events(&mut self) {
        self.events.clear();
    }

    /// Keeps the cookies of an answer, if the options say so.
    pub(super) fn store_cookies(&mut self, response: &Response, attempt: &Attempt) {
        if self.config.cookies {
            self.cookies.store(attempt.address.as_ref(), response);
        }
    }

    /// Has the driver make a long-polling request.
    pub(super) fn request(
        &mut self,
        method: &'static str,
        sid: Option<&str>,
        body: Bytes,
        attempt: &Attempt,
    ) -> RequestId {
        let req = RequestId(self.next_id());
        let config = &self.config;
        // Caches are to see no URL twice. The last eight characters of an id are 48 random bits.
        let stamp = config.timestamp_param.is_some().then(|| self.generator.sid());
        let stamp = stamp.as_ref().map(|stamp| &stamp.as_str()[12..]);
        let query = attempt.query.as_ref().unwrap_or(&config.query);
        let target = target(config, query, Transport::Polling, sid, stamp);
        // The official client sets the same headers.
        let mut headers: Headers = vec![("Accept".into(), "*/*".into())];
        if method == "POST" {
            headers.push(("Content-Type".into(), "text/plain;charset=UTF-8".into()));
        }
        self.add_headers(&mut headers, attempt);
        let limit = config.max_incoming;
        let address = attempt.address.clone();
        let request = HttpRequest { method, address, target, headers, body, limit };
        self.push_output(Output::Request { req, request });
        req
    }

    /// Has the driver open a WebSocket: for a new session, or to upgrade the one with this id.
    pub(super) fn open_websocket(&mut self, sid: Option<&str>, attempt: &Attempt) -> WsId {
        let ws = WsId(self.next_id());
        let config = &self.config;
        // A WebSocket handshake is not cached, so it needs no stamp.
        let query = attempt.query.as_ref().unwrap_or(&config.query);
        let target = target(config, query, Transport::WebSocket, sid, None);
        let mut headers = Headers::new();
        self.add_headers(&mut headers, attempt);
        let (protocols, limit) = (config.protocols.clone(), config.max_incoming);
        let address = attempt.address.clone();
        self.push_output(Output::Open { ws, address, target, headers, protocols, limit });
        ws
    }

    /// Adds the headers of the user, and the cookies. A request has one `Cookie` header at most
    /// (RFC 6265, section 5.4).
    fn add_headers(&self, headers: &mut Headers, attempt: &Attempt) {
        let extra = attempt.headers.as_ref().unwrap_or(&self.config.extra_headers);
        headers.extend(extra.iter().cloned());
        let Some(cookies) = self.cookies.header(attempt.address.as_ref()) else { return };
        match headers.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("cookie")) {
            Some((_, value)) => *value = format!("{value}; {cookies}").into(),
            None => headers.push(("Cookie".into(), cookies.into())),
        }
    }

    /// Returns a number that was not used before, so that inputs for requests of sessions that are
    /// gone can be told from others.
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}
