//! Version 4 of the Socket.IO protocol, as clients of Socket.IO 2 speak it: a query may follow the
//! name of a namespace, `40/admin?token=x,` and `42/admin?token=x,["message"]`. The query of the
//! CONNECT packet stands for the auth of version 5.

use crate::args::Args;
use crate::engineio::http::percent::decode as decode_query;

/// The name of a namespace, without the query that may follow it.
pub(super) fn without_query(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|&byte| byte == b'?');
    &name[..end.unwrap_or(name.len())]
}

/// The name of a namespace, and the query that may follow it.
pub(super) fn split_query(name: &str) -> (&str, Option<&str>) {
    match name.split_once('?') {
        Some((name, query)) => (name, Some(query)),
        None => (name, None),
    }
}

/// A query as auth: `a=1&b=2` is `{"a":"1","b":"2"}`.
pub(super) fn auth_in_query(query: &str) -> Args {
    let mut auth = serde_json::Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        auth.insert(decode_query(key).into(), decode_query(value).into());
    }
    let json = serde_json::Value::Object(auth).to_string();
    Args::one(json.into())
}
