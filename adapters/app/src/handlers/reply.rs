//! What handlers return.

use serde::Serialize;

use crate::handles::ack::AckSender;
use crate::state::fault::{BoxError, Fault};

/// Answers the event with an acknowledgement, if the client wants one.
///
/// A tuple is several arguments, `()` none, everything else one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<T>(pub T);

/// What a handler may return: `()`, [`Ack`], or a `Result` of one of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be returned by a handler",
    note = "handlers return `()`, `Ack(value)`, or a `Result` of one of them whose error is an \
            `Error` or text"
)]
pub trait Reply {
    /// Sends the answer that this value means, if it means one.
    #[doc(hidden)]
    fn reply(self, ack: Option<AckSender>) -> Result<(), Fault>;
}

impl Reply for () {
    fn reply(self, ack: Option<AckSender>) -> Result<(), Fault> {
        drop(ack);
        Ok(())
    }
}

impl<T: Serialize> Reply for Ack<T> {
    fn reply(self, ack: Option<AckSender>) -> Result<(), Fault> {
        match ack {
            Some(ack) => ack.try_send(self.0).map_err(Fault::from),
            None => Ok(()),
        }
    }
}

impl<T: Reply, E: Into<BoxError>> Reply for Result<T, E> {
    fn reply(self, ack: Option<AckSender>) -> Result<(), Fault> {
        match self {
            Ok(value) => value.reply(ack),
            Err(error) => Err(Fault::Handler(error.into())),
        }
    }
}
