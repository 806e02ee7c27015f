//! Headers that the application adds to answers.

use std::fmt;
use std::sync::Arc;

use sockeye_core::engineio::opens_session;
use sockeye_core::{Headers, Request, is_valid_header};

/// Adds headers to answers that are no errors: to GETs and POSTs of long-polling, and to the
/// handshakes of WebSockets. They come after those of the server. Headers with control characters
/// in them are left out.
#[derive(Clone)]
pub struct HeaderHook(Arc<Hook>);

type Hook = dyn Fn(&Request<'_>, Stage, &mut Headers) + Send + Sync;

/// The purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// To open a session.
    Handshake,
    /// To go on with one.
    Session,
}

impl HeaderHook {
    /// Makes a hook of a function, which is called for each request before the server looks at it:
    /// the request may still be refused, and its session may not exist. Then the headers are
    /// dropped. A request for which the function panics is answered with 500.
    ///
    /// It runs outside of the server, and may call it.
    pub fn new(hook: impl Fn(&Request<'_>, Stage, &mut Headers) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    /// The headers for the answer to a request.
    pub(super) fn headers(&self, request: &Request<'_>) -> Headers {
        let stage = if opens_session(request) { Stage::Handshake } else { Stage::Session };
        let mut headers = Headers::new();
        (self.0)(request, stage, &mut headers);
        headers.retain(|(name, value)| is_valid_header(name, value));
        headers
    }
}

impl fmt::Debug for HeaderHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderHook(..)")
    }
}
