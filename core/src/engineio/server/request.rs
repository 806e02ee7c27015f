//! A request that is not answered yet, with what its answer needs.

use bytes::Bytes;

use crate::engineio::http::compress::{Compression, Encoding};
use crate::engineio::http::cors::is_header_value;
use crate::engineio::server::answers::Answers;
use crate::engineio::server::outbox::Body;
use crate::engineio::v3;
use crate::id::SessionId;
use crate::io::{Headers, Response, is_token};

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
    pub(super) encoding: Option<Encoding>,
    /// The index of the function that the answer calls: JSONP in protocol 3.
    pub(super) script: Option<String>,
}

impl Extra {
    fn is_empty(&self) -> bool {
        self.always.is_empty()
            && self.success.is_empty()
            && self.encoding.is_none()
            && self.script.is_none()
    }

    /// The headers of an answer. Those that would not be valid are left out.
    pub(super) fn into_headers(self, success: bool) -> Headers {
        let mut headers = self.always;
        if success {
            headers.extend(self.success);
        }
        headers.retain(|(name, value)| is_token(name) && is_header_value(value));
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
    pub(super) fn payload(
        mut self,
        body: Body,
        compression: Option<Compression>,
        answers: &mut Answers,
    ) -> Response {
        let Body { mut bytes, binary, compressible } = body;
        let extra = self.extra.as_mut();
        let (encoding, script) =
            extra.map_or((None, None), |extra| (extra.encoding.take(), extra.script.take()));
        if let Some(script) = script {
            bytes = Bytes::from(v3::jsonp(&script, &bytes));
        }
        let compresses = compression.is_some_and(|it| compressible && it.is_for(bytes.len()));
        let encoded = encoding
            .filter(|_| compresses)
            .and_then(|encoding| Some((encoding, answers.compress(&bytes, encoding)?)));
        let kind = if binary { "application/octet-stream" } else { "text/plain; charset=UTF-8" };
        let mut response = Response::new(200, kind, bytes);
        response.add("Cache-Control", "no-store");
        if let Some((encoding, compressed)) = encoded {
            response.body = compressed;
            response.add("Content-Encoding", encoding.as_str());
        }
        self.add_headers(response)
    }
}
