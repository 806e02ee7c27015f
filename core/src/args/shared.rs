//! Hands binary values of this crate's types to its serializer without a copy.
//!
//! serde passes bytes as a slice, from which no shared [`Bytes`] can be made. So these types
//! serialize as a newtype struct with the reserved name [`NAME`]. Other serializers ignore the name
//! and write the content. The serializer of packets recognizes it, and asks the value for its
//! content: it answers the value's next call with an error whose source is a [`ShareRequest`]. The
//! value puts a [`Shared`] into the request, and the serializer takes it from there when it gets
//! its error back.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;

use bytes::Bytes;

use crate::args::Args;

/// The name of a newtype struct whose content can be shared.
pub(crate) const NAME: &str = "$sockeye_core::shared";

/// Content that is handed over without a copy.
#[derive(Debug)]
pub(crate) enum Shared {
    Args(Args),
    Bytes(Bytes),
}

/// Asks a value for its content, and takes it.
#[derive(Debug, Default)]
pub(crate) struct ShareRequest(RefCell<Option<Shared>>);

impl ShareRequest {
    pub(crate) fn into_inner(self) -> Option<Shared> {
        self.0.into_inner()
    }
}

impl fmt::Display for ShareRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes could be shared")
    }
}

impl Error for ShareRequest {}

/// Hands over the content if the error is a request for it.
pub(crate) fn respond(error: &impl Error, content: impl FnOnce() -> Shared) {
    if let Some(request) = error.source().and_then(|source| source.downcast_ref::<ShareRequest>()) {
        request.0.replace(Some(content()));
    }
}
