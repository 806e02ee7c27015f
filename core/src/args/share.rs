//! How types of this crate hand binary values to its serializer without a copy.
//!
//! serde knows bytes as a slice, out of which no [`Bytes`] can be made again. So a type that has
//! some serializes as a newtype struct of the name [`NAME`], which other serializers write as what
//! is in it. Our own asks what is in it first: it answers the next call with an error whose source
//! is an [`Offer`]. The type puts what it has there, and the serializer finds it when it gets its
//! error back.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;

use bytes::Bytes;

use crate::args::Args;

/// The name of a newtype struct that accepts an [`Offer`].
pub(crate) const NAME: &str = "$sockeye_core::share";

/// What can be handed over.
#[derive(Debug)]
pub(crate) enum Shared {
    Args(Args),
    Bytes(Bytes),
}

/// A place for what is handed over.
#[derive(Debug, Default)]
pub(crate) struct Offer(RefCell<Option<Shared>>);

impl Offer {
    pub(crate) fn into_inner(self) -> Option<Shared> {
        self.0.into_inner()
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes could be shared")
    }
}

impl Error for Offer {}

/// Accepts the offer if the error is one.
pub(crate) fn accept(error: &impl Error, shared: impl FnOnce() -> Shared) {
    if let Some(offer) = error.source().and_then(|source| source.downcast_ref::<Offer>()) {
        offer.0.replace(Some(shared()));
    }
}
