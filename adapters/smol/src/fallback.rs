//! Ordinary HTTP beside Socket.IO.

use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::body::{Answer, BoxError};

/// A handler that the user wrote.
pub(crate) type Fallback = Rc<dyn Fn(Request<Incoming>) -> Pending>;

type Pending = Pin<Box<dyn Future<Output = Response<Answer>>>>;

/// Answers the requests that are not for the machine.
#[derive(Default)]
pub(crate) struct Pages {
    fixed: HashMap<String, Page>,
    other: Option<Fallback>,
}

/// A page that never changes.
struct Page {
    content_type: HeaderValue,
    body: Bytes,
}

/// What there is to answer a request with.
pub(crate) enum Found {
    Page(Response<Answer>),
    Handler(Fallback),
}

impl Pages {
    pub(crate) fn add(&mut self, path: String, content_type: HeaderValue, body: Bytes) {
        self.fixed.insert(path, Page { content_type, body });
    }

    pub(crate) fn set_fallback<F, R, B>(&mut self, handler: F)
    where
        F: Fn(Request<Incoming>) -> R + 'static,
        R: Future<Output = Response<B>> + 'static,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        self.other = Some(Rc::new(move |request| {
            let response = handler(request);
            Box::pin(async { response.await.map(Answer::streamed) })
        }));
    }

    pub(crate) fn find(&self, request: &Request<Incoming>) -> Found {
        match (self.fixed.get(request.uri().path()), &self.other) {
            (Some(page), _) => Found::Page(page.answer(request.method())),
            (None, Some(handler)) => Found::Handler(Rc::clone(handler)),
            (None, None) => Found::Page(status(StatusCode::NOT_FOUND)),
        }
    }
}

impl Page {
    fn answer(&self, method: &Method) -> Response<Answer> {
        if method != Method::GET && method != Method::HEAD {
            let mut refusal = status(StatusCode::METHOD_NOT_ALLOWED);
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        let mut response = Response::new(Answer::whole(self.body.clone()));
        response.headers_mut().insert(CONTENT_TYPE, self.content_type.clone());
        response
    }
}

/// An answer without a body.
pub(crate) fn status(status: StatusCode) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(Bytes::new()));
    *response.status_mut() = status;
    response
}
