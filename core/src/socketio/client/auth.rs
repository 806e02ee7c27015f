//! The payload of the CONNECT packets of a socket.
//!
//! Socket.IO protocol, section "Connection to a namespace": `0/admin,{"token":"123"}`.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;

use crate::socketio::error::EncodeError;
use crate::socketio::packet;

/// The payload that a socket sends with CONNECT: an object, often with a token in it.
#[derive(Clone, Default)]
pub struct Auth(Kind);

/// Where the payload comes from.
#[derive(Clone, Default)]
pub(super) enum Kind {
    #[default]
    None,
    /// The JSON text of an object.
    Object(Arc<str>),
    /// The application is asked.
    Ask,
}

impl Auth {
    /// Makes no payload.
    #[must_use]
    pub const fn none() -> Self {
        Self(Kind::None)
    }

    /// Makes a payload that is the same at each connect, until it is
    /// [replaced](crate::client::SocketMut::set_auth).
    ///
    /// # Errors
    ///
    /// If the data can't be written as JSON, is not an object, or is deeper than a server takes.
    pub fn value(data: &(impl Serialize + ?Sized)) -> Result<Self, AuthError> {
        let json = packet::auth_object(data)?;
        match json.as_bytes().first() {
            // Servers of the official kind take nothing but an object for the payload.
            Some(b'{') => Ok(Self(Kind::Object(json.into()))),
            _ if json == "null" => Ok(Self::none()),
            _ => Err(AuthError::NotAnObject),
        }
    }

    /// Has the application asked for the payload at each connect, with
    /// [`Event::Authenticating`](crate::client::Event::Authenticating).
    #[must_use]
    pub const fn ask() -> Self {
        Self(Kind::Ask)
    }

    /// Returns where the payload comes from.
    pub(super) const fn kind(&self) -> &Kind {
        &self.0
    }
}

/// Shows no secrets.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::None => "None",
            Kind::Object(_) => "Value(..)",
            Kind::Ask => "Ask",
        })
    }
}

/// Why a value can't be the payload of CONNECT.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// It can't be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// It is not an object.
    #[error("data is not an object")]
    NotAnObject,
}
