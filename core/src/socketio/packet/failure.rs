//! Why data can't be written.

use std::error::Error;
use std::fmt;

use serde::ser;

use crate::args::share::Offer;

/// Why data can't be written.
#[derive(Debug)]
pub(super) enum Failure {
    Json(serde_json::Error),
    TooDeep,
    /// It can, but something in it could be shared.
    Offer(Offer),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::TooDeep => f.write_str("the data is nested too deeply"),
            Self::Offer(offer) => offer.fmt(f),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Offer(offer) => Some(offer),
            Self::Json(_) | Self::TooDeep => None,
        }
    }
}

impl ser::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Json(ser::Error::custom(message))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

pub(super) type Done = Result<(), Failure>;
