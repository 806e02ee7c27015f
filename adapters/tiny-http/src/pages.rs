//! Ordinary HTTP beside Socket.IO.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use sockeye_core::Response;
use tiny_http::Request;

use crate::answer::answer;

/// How many requests handlers of the user's answer at once.
const HANDLERS: usize = 4;

type Fallback = dyn Fn(Request) + Send + Sync;

/// What answers the requests that are not for the machine.
#[derive(Default)]
pub(crate) struct Pages {
    fixed: HashMap<String, Page>,
    other: Option<Arc<Fallback>>,
}

/// A page that never changes.
struct Page {
    content_type: &'static str,
    body: Bytes,
}

impl Pages {
    pub(crate) fn add(&mut self, path: String, content_type: &'static str, body: Bytes) {
        self.fixed.insert(path, Page { content_type, body });
    }

    pub(crate) fn set_fallback(&mut self, handler: impl Fn(Request) + Send + Sync + 'static) {
        self.other = Some(Arc::new(handler));
    }

    /// Whether requests for this path are answered without a handler of the user's.
    pub(crate) fn is_own(&self, path: &str) -> bool {
        self.other.is_none() || self.fixed.contains_key(path)
    }

    /// Starts the threads of the handler, if there is one; they end when the sender is dropped.
    pub(crate) fn start(&self) -> io::Result<Sender<Request>> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let Some(handler) = &self.other else { return Ok(sender) };
        for _ in 0..HANDLERS {
            let (handler, receiver) = (Arc::clone(handler), Arc::clone(&receiver));
            let name = "sockeye-pages".to_owned();
            thread::Builder::new().name(name).spawn(move || serve(&*handler, &receiver))?;
        }
        Ok(sender)
    }

    /// Answers a request for a path that has no handler.
    pub(crate) fn respond(&self, request: Request) {
        let page = self.fixed.get(crate::driver::path(request.url()));
        let response = page.map_or_else(|| Response::empty(404), |page| page.response(&request));
        answer(request, response);
    }
}

impl Page {
    fn response(&self, request: &Request) -> Response {
        if !matches!(request.method(), tiny_http::Method::Get | tiny_http::Method::Head) {
            let mut refusal = Response::empty(405);
            refusal.headers.push(("Allow".into(), "GET, HEAD".into()));
            return refusal;
        }
        Response::new(200, self.content_type, self.body.clone())
    }
}

fn serve(handler: &Fallback, requests: &Mutex<Receiver<Request>>) {
    loop {
        let next = requests.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(request) = next else { return };
        // The request, dropped on the way, answers with status 500.
        if catch_unwind(AssertUnwindSafe(|| handler(request))).is_err() {
            log::error!("a handler of requests panicked; everything else goes on");
        }
    }
}
