//! Files that are served beside the endpoint, such as the client script.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sockeye_core::{Request, Response};

use crate::http::compress::{Compression, Encoding};

/// A file that is served beside the endpoint, such as the client script. Cloning copies no content.
#[derive(Clone, Debug)]
pub struct StaticFile {
    /// The last segment of its path, like `socket.io.js`.
    pub name: Cow<'static, str>,
    /// Its `content-type`.
    pub content_type: Cow<'static, str>,
    /// Its `etag`, with quotes.
    pub etag: Cow<'static, str>,
    /// Its content.
    pub body: Bytes,
}

/// A list of files, found by their exact names.
pub(super) struct Files {
    files: Arc<[StaticFile]>,
    compression: Option<Compression>,
    /// Compressed forms. Each is made when the first client asks for it, and kept: clients may ask
    /// as often as they like.
    compressed: Mutex<BTreeMap<(usize, Encoding), Option<Bytes>>>,
}

impl Files {
    pub(super) fn new(files: Arc<[StaticFile]>, compression: Option<Compression>) -> Self {
        Self { files, compression, compressed: Mutex::default() }
    }

    /// The index of the file of this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.files.iter().position(|file| file.name == name)
    }

    /// Answers a request for a file: with the file, or with 304 if the client has it.
    pub(super) fn serve(&self, index: usize, request: &Request<'_>) -> Response {
        let mut response = Response::empty(405);
        if request.method != "GET" && request.method != "HEAD" {
            add(&mut response, "Allow", "GET, HEAD");
            return response;
        }
        let etag = &self.files[index].etag;
        let known = request
            .header("if-none-match")
            .is_some_and(|tag| tag.strip_prefix("W/").unwrap_or(tag) == etag);
        if known {
            response.status = 304;
        } else {
            self.add_content(index, request, &mut response);
        }
        add(&mut response, "Cache-Control", "public, max-age=0");
        add(&mut response, "ETag", etag.clone());
        response
    }

    fn add_content(&self, index: usize, request: &Request<'_>, response: &mut Response) {
        let file = &self.files[index];
        let large = self.compression.is_some_and(|it| file.body.len() >= it.threshold);
        let encoding = request.header("accept-encoding").filter(|_| large);
        let encoding = encoding.and_then(Encoding::accepted);
        let compressed = encoding.and_then(|encoding| Some((encoding, self.get(index, encoding)?)));
        (response.status, response.body) = (200, file.body.clone());
        add(response, "Content-Type", file.content_type.clone());
        if let Some((encoding, compressed)) = compressed {
            response.body = compressed;
            add(response, "Content-Encoding", encoding.as_str());
        }
        if large {
            add(response, "Vary", "Accept-Encoding");
        }
    }

    /// The compressed form of a file. Clients that ask for the first time wait for each other.
    fn get(&self, index: usize, encoding: Encoding) -> Option<Bytes> {
        let mut compressed = self.compressed.lock().unwrap_or_else(PoisonError::into_inner);
        let compress = || encoding.compress(&self.files[index].body);
        compressed.entry((index, encoding)).or_insert_with(compress).clone()
    }
}

fn add(response: &mut Response, name: &'static str, value: impl Into<Cow<'static, str>>) {
    response.headers.push((name.into(), value.into()));
}
