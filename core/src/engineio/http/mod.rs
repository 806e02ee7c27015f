//! What the protocols say about HTTP: queries, status codes, CORS, cookies.

pub(in crate::engineio) mod cookie;
pub(in crate::engineio) mod cors;
pub(crate) mod handshake;
pub(in crate::engineio) mod origin;
pub(crate) mod percent;
pub(in crate::engineio) mod query;
pub(in crate::engineio) mod subprotocol;
