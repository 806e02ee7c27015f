//! What the suite of `engine.io-client` expects at `/engine.io/`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sockeye_smol::core::engineio::{EngineConfig, Handshake, HeaderHook, Stage};
use sockeye_smol::core::{Frame, Headers, Request};
use sockeye_smol::{Bytes, EngineApp, Session};

use crate::time;

/// The headers of the last POST of each session, as a JSON object.
type LastPosts = Arc<Mutex<HashMap<String, String>>>;

pub(crate) fn app() -> EngineApp {
    let posts = LastPosts::default();
    let (seen, closed) = (Arc::clone(&posts), Arc::clone(&posts));
    let hook = HeaderHook::new(move |request, stage, headers| match stage {
        Stage::Handshake => set_cookies(headers),
        Stage::Session => remember(&seen, request),
    });
    let config = EngineConfig::default()
        .ping_interval(Duration::from_millis(500))
        .max_payload(100)
        .header_hook(hook);
    EngineApp::new()
        .config(config)
        .allow_request(|handshake: Handshake| async move {
            if handshake.query("deny").is_some() { Err("Forbidden") } else { Ok(()) }
        })
        .on_open(|session: &Session| session.send("hi"))
        .on_message(move |session: &Session, message: Frame| answer(session, message, &posts))
        .on_close(move |session: &Session, _| {
            if let Some(sid) = session.sid() {
                closed.lock().unwrap_or_else(PoisonError::into_inner).remove(sid.as_str());
            }
        })
}

fn answer(session: &Session, message: Frame, posts: &LastPosts) {
    match message.as_text() {
        Some("give binary") => session.send(Bytes::from_static(&[0, 1, 2, 3, 4])),
        Some("give utf8") => session.send("пойду спать всем спокойной ночи"),
        Some("sendHeaders") => {
            let posts = posts.lock().unwrap_or_else(PoisonError::into_inner);
            let headers = session.sid().and_then(|sid| posts.get(sid.as_str()).cloned());
            session.send(headers.unwrap_or_else(|| "{}".to_owned()));
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
        posts.lock().unwrap_or_else(PoisonError::into_inner).insert(sid.to_owned(), headers);
    }
}
