//! What the suite of `engine.io-client` expects at `/engine.io/`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sockeye_smol::core::engineio::{EngineConfig, Handshake};
use sockeye_smol::core::{Frame, Headers, Request};
use sockeye_smol::{Bytes, EngineApp, HeaderHook, HttpConfig, Session, Stage};

use crate::time;

/// The sessions with the headers of their last POSTs, as JSON objects, by the ids on the wire.
type LastPosts = Arc<Mutex<HashMap<String, (Session, String)>>>;

pub(crate) fn app() -> EngineApp {
    let posts = LastPosts::default();
    let (opened, seen, closed) = (Arc::clone(&posts), Arc::clone(&posts), Arc::clone(&posts));
    let http = HttpConfig::default().header_hook(HeaderHook::new(
        move |request, stage, headers| match stage {
            Stage::Handshake => set_cookies(headers),
            Stage::Session => remember(&seen, request),
        },
    ));
    let config = EngineConfig::default().ping_interval(Duration::from_millis(500)).max_payload(100);
    EngineApp::new()
        .config(config)
        .http(http)
        .allow_request(|handshake: Handshake| async move {
            if handshake.query("deny").is_some() { Err("Forbidden") } else { Ok(()) }
        })
        .on_open(move |session: &Session| {
            if let Some(sid) = session.sid() {
                let mut opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
                opened.insert(sid.as_str().to_owned(), (session.clone(), "{}".to_owned()));
            }
            session.send("hi");
        })
        .on_message(move |session: &Session, message: Frame| answer(session, message, &posts))
        .on_close(move |session: &Session, _| {
            // Its id is forgotten already.
            let mut closed = closed.lock().unwrap_or_else(PoisonError::into_inner);
            closed.retain(|_, (other, _)| other != session);
        })
}

fn answer(session: &Session, message: Frame, posts: &LastPosts) {
    match message.as_text() {
        Some("give binary") => session.send(Bytes::from_static(&[0, 1, 2, 3, 4])),
        Some("give utf8") => session.send("пойду спать всем спокойной ночи"),
        Some("sendHeaders") => {
            let posts = posts.lock().unwrap_or_else(PoisonError::into_inner);
            let post = session.sid().and_then(|sid| posts.get(sid.as_str()).cloned());
            session.send(post.map_or_else(|| "{}".to_owned(), |(_, headers)| headers));
        }
        Some(_) | None => session.send(message),
    }
}

fn set_cookies(headers: &mut Headers) {
    let now = time::http();
    let cookies = [
        "1=1; Max-Age=86400".to_owned(),
        "2=2; Path=/; HttpOnly; Secure; SameSite=Strict".to_owned(),
        "3=3; Max-Age=0".to_owned(),
        format!("4=4; Expires={now}"),
    ];
    headers.extend(cookies.map(|cookie| ("Set-Cookie".into(), cookie.into())));
}

fn remember(posts: &LastPosts, request: &Request<'_>) {
    let sid = request.query().split('&').find_map(|pair| pair.strip_prefix("sid="));
    if let (Some(sid), "POST") = (sid, request.method) {
        let text = |(name, value): &(&str, &[u8])| {
            (name.to_ascii_lowercase(), String::from_utf8_lossy(value).into_owned())
        };
        let headers: HashMap<_, _> = request.headers.iter().map(text).collect();
        let headers = serde_json::json!(headers).to_string();
        // The request may be for a session that does not exist.
        let mut posts = posts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, last)) = posts.get_mut(sid) {
            *last = headers;
        }
    }
}
