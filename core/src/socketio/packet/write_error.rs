//! The error of the serializer. It is internal: callers get [`EncodeError`](crate::EncodeError).

use std::error::Error;
use std::fmt;

use serde::ser;

use crate::args::shared::ShareRequest;

/// Why a value was not written.
#[derive(Debug)]
pub(super) enum WriteError {
    Json(serde_json::Error),
    TooDeep,
    /// It was not tried: the value is to hand over its content, see `args/shared.rs`.
    ShareRequested(ShareRequest),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::TooDeep => f.write_str("the data is nested too deeply"),
            Self::ShareRequested(request) => request.fmt(f),
        }
    }
}

impl Error for WriteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::ShareRequested(request) => Some(request),
            Self::Json(_) | Self::TooDeep => None,
        }
    }
}

impl ser::Error for WriteError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Json(ser::Error::custom(message))
    }
}

impl From<serde_json::Error> for WriteError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

pub(super) type WriteResult = Result<(), WriteError>;
