//! The streams that connections run on.

use smol::io::{AsyncRead, AsyncWrite};

/// A stream that can be spoken on, plain or encrypted.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}
