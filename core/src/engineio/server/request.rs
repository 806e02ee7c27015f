//! A request that is not answered yet, with what its answer needs.

use bytes::Bytes;

use crate::engineio::server::outbox::Body;
use crate::engineio::v3;
use crate::id::SessionId;
use crate::io::{Headers, Response, is_valid_header};

#[derive(Debug)]
pub(super) struct OpenRequest {
    pub(super) session: SessionId,
    pub(super) form: Form,
    /// Absent for most requests.
    extra: Option<Box<Extra>>,
}

/// The form of the body of a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Binary,
    /// The field `d` of a form: JSONP in protocol 3.
    Script,
}

/// The parts of an answer that depend on the request.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// Headers of every answer.
    pub(super) always: Headers,
    /// Headers of answers with a status below 400.
    pub(super) success: Headers,
    /// The index of the function that the answer calls: JSONP in protocol 3.
    pub(super) script: Option<String>,
}

impl Extra {
    fn is_empty(&self) -> bool {
        self.always.is_empty() && self.success.is_empty() && self.script.is_none()
    }

    /// The headers of an answer. Those that would not be valid are left out.
    pub(super) fn into_headers(self, success: bool) -> Headers {
        let mut headers = self.always;
        if success {
            headers.extend(self.success);
        }
        headers.retain(|(name, value)| is_valid_header(name, value));
        headers
    }
}

impl OpenRequest {
    pub(super) fn new(session: SessionId, form: Form, extra: Extra) -> Self {
        let extra = (!extra.is_empty()).then(|| Box::new(extra));
        Self { session, form, extra }
    }

    /// Adds the headers of this request to its answer.
    pub(super) fn add_headers(self, mut response: Response) -> Response {
        if let Some(extra) = self.extra {
            response.headers.extend(extra.into_headers(response.status < 400));
        }
        response
    }

    /// The answer to a GET, with packets.
    pub(super) fn payload(mut self, body: Body) -> Response {
        let Body { mut bytes, binary, compressible } = body;
        if let Some(script) = self.extra.as_mut().and_then(|extra| extra.script.take()) {
            bytes = Bytes::from(v3::jsonp(&script, &bytes));
        }
        let kind = if binary { "application/octet-stream" } else { "text/plain; charset=UTF-8" };
        let mut response = Response::new(200, kind, bytes);
        response.compressible = compressible;
        response.add("Cache-Control", "no-store");
        self.add_headers(response)
    }
}
