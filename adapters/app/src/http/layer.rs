//! The layer between an adapter and a machine. It sees requests on their way in, keeps what their
//! answers need, and adds it to the answers on their way out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sockeye_core::engineio::{Cors, EngineConfig};
use sockeye_core::{Headers, Output, Request, RequestId, Response, WsId};

use crate::http::compress::{Budget, Compression, Encoding, Last};
use crate::http::files::{Files, StaticFile};
use crate::http::hook::HeaderHook;

/// Options of a server that concern HTTP alone. Those that the protocol speaks of, such as CORS and
/// the cookie, are in [`EngineConfig`].
///
/// ```
/// use sockeye_app::{App, HeaderHook, HttpConfig};
///
/// let frames = HeaderHook::new(|_, _, headers| {
///     headers.push(("X-Frame-Options".into(), "DENY".into()));
/// });
/// let app = App::new().http(HttpConfig::default().compression(None).header_hook(frames));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Compression of answers of long-polling, by default from 1,024 bytes on; `None` disables it.
    pub compression: Option<Compression>,
    /// Static files beside the endpoint, by default none; for [`App`](crate::App) those of
    /// [`client_files`](crate::App::client_files). If compression is on, each is compressed once for
    /// each encoding that clients accept, and kept.
    pub files: Arc<[StaticFile]>,
    /// A hook that adds headers to answers, by default none.
    pub header_hook: Option<HeaderHook>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { compression: Some(Compression::default()), files: Arc::default(), header_hook: None }
    }
}

/// Methods that set one field each.
impl HttpConfig {
    /// Sets [`compression`](field@Self::compression).
    #[must_use]
    pub fn compression(mut self, compression: impl Into<Option<Compression>>) -> Self {
        self.compression = compression.into();
        self
    }

    /// Sets [`files`](field@Self::files).
    #[must_use]
    pub fn files(mut self, files: impl Into<Arc<[StaticFile]>>) -> Self {
        self.files = files.into();
        self
    }

    /// Sets [`header_hook`](field@Self::header_hook).
    #[must_use]
    pub fn header_hook(mut self, hook: impl Into<Option<HeaderHook>>) -> Self {
        self.header_hook = hook.into();
        self
    }
}

/// What is done for the requests of one endpoint.
pub(crate) struct Layer {
    /// The path of the endpoint, without a slash at its end.
    path: String,
    cors: Option<Cors>,
    compression: Option<Compression>,
    hook: Option<HeaderHook>,
    files: Files,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the answers of open requests need. Most requests of programs need nothing.
    requests: HashMap<RequestId, Additions>,
    /// The headers for handshakes of WebSockets that are not answered yet.
    websockets: HashMap<WsId, Headers>,
    budget: Budget,
}

/// What is added to an answer.
struct Additions {
    encoding: Option<Encoding>,
    headers: Headers,
}

impl Layer {
    /// Makes the layer for the endpoint of a machine.
    pub(crate) fn new(config: HttpConfig, engine: &EngineConfig) -> Self {
        Self {
            path: engine.path.trim_end_matches('/').to_owned(),
            cors: engine.cors.clone(),
            compression: config.compression,
            hook: config.header_hook,
            files: Files::new(config.files, config.compression),
            state: Mutex::default(),
        }
    }

    /// Whether a path is that of a file.
    pub(crate) fn has_file(&self, path: &str) -> bool {
        self.file(path).is_some()
    }

    fn file(&self, path: &str) -> Option<usize> {
        self.files.find(path.strip_prefix(&*self.path)?.strip_prefix('/')?)
    }

    /// Sees a request before the machine does. Returns the answer if it is for a file; then the
    /// machine must not get it.
    pub(crate) fn on_request(
        &self,
        req: RequestId,
        request: &Request<'_>,
        now: Instant,
    ) -> Option<Response> {
        // A preflight is the machine's, whatever it is for.
        if request.method == "OPTIONS" && self.cors.is_some() {
            return None;
        }
        if let Some(file) = self.file(request.path()) {
            let mut response = self.files.serve(file, request);
            response.headers.extend(self.cors.iter().flat_map(|cors| cors.headers(request)));
            return Some(response);
        }
        // The hook is the application's: nothing is locked.
        let headers = self.hook.as_ref().map(|hook| hook.headers(request)).unwrap_or_default();
        let encoding = self.compression.and_then(|_| request.header("accept-encoding"));
        let encoding = encoding.and_then(Encoding::accepted);
        if encoding.is_some() || !headers.is_empty() {
            let mut state = self.lock();
            state.budget.renew(now);
            state.requests.insert(req, Additions { encoding, headers });
        }
        None
    }

    /// Sees the handshake of a WebSocket before the machine does.
    pub(crate) fn on_upgrade(&self, ws: WsId, request: &Request<'_>) {
        let Some(hook) = &self.hook else { return };
        let headers = hook.headers(request);
        self.lock().websockets.insert(ws, headers);
    }

    /// Forgets a request that gets no answer.
    pub(crate) fn forget_request(&self, req: RequestId) {
        self.take_request(req);
    }

    /// Forgets a handshake that gets no answer.
    pub(crate) fn forget_websocket(&self, ws: WsId) {
        self.take_websocket(ws);
    }

    fn take_request(&self, req: RequestId) -> Option<Additions> {
        self.lock().requests.remove(&req)
    }

    fn take_websocket(&self, ws: WsId) -> Headers {
        let headers = self.hook.as_ref().and_then(|_| self.lock().websockets.remove(&ws));
        headers.unwrap_or_default()
    }

    /// Whether nothing is kept for an answer.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.requests.is_empty() && state.websockets.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Completes the answers of one turn of a machine. Those with the same body share its compressed
/// form.
pub(crate) struct Turn<'a> {
    layer: &'a Layer,
    last: Last,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(layer: &'a Layer) -> Self {
        Self { layer, last: Last::default() }
    }

    /// Completes an output of the machine.
    pub(crate) fn complete<E>(&mut self, mut output: Output<E>) -> Output<E> {
        match &mut output {
            Output::Respond { req, response } => {
                if let Some(additions) = self.layer.take_request(*req) {
                    self.add(additions, response);
                }
            }
            Output::Abort { req } => self.layer.forget_request(*req),
            Output::Accept { ws, headers, .. } => headers.extend(self.layer.take_websocket(*ws)),
            Output::Refuse { ws, .. } => self.layer.forget_websocket(*ws),
            Output::ReadBody { .. }
            | Output::Send { .. }
            | Output::Pause { .. }
            | Output::Resume { .. }
            | Output::Close { .. }
            | Output::Event(_) => {}
        }
        output
    }

    fn add(&mut self, additions: Additions, response: &mut Response) {
        if let Some(encoding) = additions.encoding {
            self.compress(encoding, response);
        }
        if response.status < 400 {
            response.headers.extend(additions.headers);
        }
    }

    fn compress(&mut self, encoding: Encoding, response: &mut Response) {
        let Response { body, compressible, headers, .. } = response;
        if !*compressible || !self.layer.compression.is_some_and(|it| it.is_for(body.len())) {
            return;
        }
        let compressed = self.last.get(body, encoding).or_else(|| {
            let affordable = self.layer.lock().budget.spend(body.len());
            affordable.then(|| self.last.compress(body, encoding)).flatten()
        });
        if let Some(compressed) = compressed {
            *body = compressed;
            // Beside the other headers about the body.
            let own = headers.iter().position(|(name, _)| name == "Cache-Control");
            let place = own.map_or(headers.len(), |index| index + 1);
            headers.insert(place, ("Content-Encoding".into(), encoding.as_str().into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_for_requests_that_are_over() {
        let hook = HeaderHook::new(|_, _, headers| headers.push(("x".into(), "y".into())));
        let config = HttpConfig::default().header_hook(hook);
        let layer = Layer::new(config, &EngineConfig::default());
        let (req, ws, limit) = (RequestId(1), WsId(1), 0);
        let headers: &[(&str, &[u8])] = &[("accept-encoding", b"gzip")];
        let (remote, secure) = (None, false);
        let request = Request { method: "GET", target: "/engine.io/", headers, remote, secure };
        let response = || Response::empty(200);

        for over in [Output::<()>::Respond { req, response: response() }, Output::Abort { req }] {
            assert!(layer.on_request(req, &request, Instant::now()).is_none());
            assert!(!layer.is_empty());
            Turn::new(&layer).complete(over);
            assert!(layer.is_empty());
        }
        let accept = Output::Accept { ws, headers: Headers::new(), limit };
        for over in [Output::<()>::Refuse { ws, response: response() }, accept] {
            layer.on_upgrade(ws, &request);
            assert!(!layer.is_empty());
            Turn::new(&layer).complete(over);
            assert!(layer.is_empty());
        }
    }
}
