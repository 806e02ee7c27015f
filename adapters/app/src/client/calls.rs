//! What handlers of a client are called with.

use std::any::TypeId;
use std::sync::Weak;

use sockeye_core::client::DisconnectReason;

use super::connect_error::Refused;
use super::permit::ClientPermit;
use super::socket::Socket;
use crate::handlers::call::{Call, FromCall, Label, Origin};
use crate::handlers::marker::Itself;
use crate::state::fault::Fault;
use crate::state::values::AnyValue;

/// The server let a socket in.
#[derive(Debug)]
pub struct ConnectCall {
    pub(super) socket: Socket,
}

/// The server does not let a socket in.
#[derive(Debug)]
pub struct RefusedCall {
    pub(super) socket: Socket,
    pub(super) refused: Refused,
}

/// A socket is not connected any more.
#[derive(Debug)]
pub struct DisconnectCall {
    pub(super) socket: Socket,
    pub(super) reason: DisconnectReason,
}

impl Origin for Socket {
    type Permit = ClientPermit;

    fn report(&self, event: &str, fault: Fault) {
        self.report(event, fault);
    }

    fn state(&self, id: TypeId) -> Option<AnyValue> {
        self.client()?.state(id)
    }

    fn count(&self, _: bool) -> ClientPermit {
        ClientPermit::new(Weak::clone(&self.entry().client))
    }
}

impl Call for ConnectCall {
    type Socket = Socket;

    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn event(&self) -> Label {
        Label::Fixed("connect")
    }
}

impl Call for RefusedCall {
    type Socket = Socket;

    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn event(&self) -> Label {
        Label::Fixed("connect_error")
    }
}

impl Call for DisconnectCall {
    type Socket = Socket;

    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn event(&self) -> Label {
        Label::Fixed("disconnect")
    }
}

impl<C: Call<Socket = Self>> FromCall<C, Itself> for Socket {
    fn from_call(call: &mut C) -> Result<Self, Fault> {
        Ok(call.socket().clone())
    }
}

impl FromCall<RefusedCall, Itself> for Refused {
    fn from_call(call: &mut RefusedCall) -> Result<Self, Fault> {
        Ok(call.refused.clone())
    }
}

impl FromCall<DisconnectCall, Itself> for DisconnectReason {
    fn from_call(call: &mut DisconnectCall) -> Result<Self, Fault> {
        Ok(call.reason)
    }
}
