//! Files that are handed out beside the endpoint, such as the client script.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::engineio::http::compress::Encoding;
use crate::engineio::server::config::EngineConfig;
use crate::io::{Request, Response};

/// Their compressed forms. Each is made when the first client asks for it, and kept: anybody may
/// ask, as often as they like.
#[derive(Default)]
pub(in crate::engineio) struct CompressedFiles(BTreeMap<(usize, Encoding), Option<Bytes>>);

impl CompressedFiles {
    /// Hands out the file of this index in the [list](EngineConfig::files), or says that the
    /// client has it.
    pub(in crate::engineio) fn serve(
        &mut self,
        index: usize,
        request: &Request<'_>,
        config: &EngineConfig,
    ) -> Response {
        if request.method != "GET" && request.method != "HEAD" {
            let mut response = Response::empty(405);
            response.add("Allow", "GET, HEAD");
            return response;
        }
        let etag = &config.files[index].etag;
        let known = request
            .header("if-none-match")
            .is_some_and(|tag| tag.strip_prefix("W/").unwrap_or(tag) == etag);
        let mut response =
            if known { Response::empty(304) } else { self.whole(index, request, config) };
        response.add("Cache-Control", "public, max-age=0");
        response.add("ETag", etag.clone());
        response
    }

    fn whole(&mut self, index: usize, request: &Request<'_>, config: &EngineConfig) -> Response {
        let file = &config.files[index];
        let large = config.compression.is_some_and(|it| file.body.len() >= it.threshold);
        let encoding = request.header("accept-encoding").filter(|_| large);
        let encoding = encoding.and_then(Encoding::accepted);
        let mut response = Response::empty(200);
        response.add("Content-Type", file.content_type.clone());
        response.body = file.body.clone();
        let compressed =
            encoding.and_then(|encoding| Some((encoding, self.get(index, encoding, &file.body)?)));
        if let Some((encoding, compressed)) = compressed {
            response.body = compressed;
            response.add("Content-Encoding", encoding.as_str());
        }
        if large {
            response.add("Vary", "Accept-Encoding");
        }
        response
    }

    fn get(&mut self, index: usize, encoding: Encoding, body: &Bytes) -> Option<Bytes> {
        let compress = || encoding.compress(body).map(Bytes::from);
        self.0.entry((index, encoding)).or_insert_with(compress).clone()
    }
}
