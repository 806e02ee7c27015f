//! A request that is open: what has to be remembered until it is answered.

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
    /// Most requests need nothing of this.
    extra: Option<Box<Extra>>,
}

/// In what form a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Binary,
    /// As a field of a form, from a script.
    Script,
}

/// What an answer gets besides what it says.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// For every answer.
    pub(super) always: Headers,
    /// For answers that are no errors.
    pub(super) success: Headers,
    pub(super) encoding: Option<Encoding>,
    /// Which function of a script is to be called with the answer.
    pub(super) script: Option<String>,
}

impl Extra {
    fn is_empty(&self) -> bool {
        self.always.is_empty()
            && self.success.is_empty()
            && self.encoding.is_none()
            && self.script.is_none()
    }

    /// The headers for an answer of this kind.
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

    /// Adds to an answer what belongs to this request.
    pub(super) fn add_headers(self, mut response: Response) -> Response {
        if let Some(extra) = self.extra {
            response.headers.extend(extra.into_headers(response.status < 400));
        }
        response
    }

    /// The answer to a GET with packets.
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
