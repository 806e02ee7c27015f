//! What handlers are called with, and how their parameters get their part of it.

use std::any::TypeId;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use sockeye_core::engineio::Handshake;
use sockeye_core::{Args, DisconnectReason, Name, Room, SocketId};

use super::marker::{Decoded, Itself};
use crate::handles::ack::AckSender;
use crate::handles::backpressure::{HandlerPermit, ServerPermit};
use crate::handles::io::Io;
use crate::handles::socket::Socket;
use crate::state::end::End;
use crate::state::fault::Fault;
use crate::state::values::AnyValue;

/// A client connected, or asks to.
#[derive(Debug)]
pub struct ConnectCall {
    pub(crate) socket: Socket,
    pub(crate) auth: Args,
}

/// An event arrived, at a socket of the server's or of a client's.
#[derive(Debug)]
pub struct EventCall<S = Socket> {
    pub(crate) socket: S,
    pub(crate) name: Name,
    pub(crate) args: Args,
    pub(crate) ack: Option<AckSender>,
}

/// A client is gone.
#[derive(Debug)]
pub struct DisconnectCall {
    pub(crate) socket: Socket,
    pub(crate) reason: DisconnectReason,
    pub(crate) rooms: Vec<Room>,
}

/// A client that was away can't come back to its socket any more.
#[derive(Debug)]
pub struct ExpiredCall {
    pub(crate) socket: Socket,
}

/// A connection went over from long-polling to a WebSocket.
#[derive(Debug)]
pub struct UpgradeCall {
    pub(crate) socket: Socket,
}

/// What handlers are called about: a socket of the server's or of a client's.
#[doc(hidden)]
pub trait Origin: Clone + Unpin + 'static {
    /// Counts a handler for an event that waits.
    type Permit: HandlerPermit;

    /// Says what went wrong in a handler for an event.
    fn report(&self, event: &str, fault: Fault);

    /// The value of a type that handlers get as `State`.
    fn state(&self, id: TypeId) -> Option<AnyValue>;

    /// Counts a handler for an event that waits, until what is returned is dropped; `asks` says
    /// whether it waits for the other side of this very socket.
    fn count(&self, asks: bool) -> Self::Permit;

    /// The end of its connection, with which handlers that wait end.
    fn end(&self) -> Option<&End> {
        None
    }

    /// What has to stay for a handler that goes on after that.
    fn keep(&self) -> Option<AnyValue> {
        None
    }

    /// The server in this process, as a number, and the socket of its.
    fn reference(&self) -> Option<(usize, SocketId)> {
        None
    }
}

impl Origin for Socket {
    type Permit = ServerPermit;

    fn report(&self, event: &str, fault: Fault) {
        self.report(event, fault);
    }

    fn state(&self, id: TypeId) -> Option<AnyValue> {
        self.server()?.state(id)
    }

    fn count(&self, asks: bool) -> ServerPermit {
        ServerPermit::new(self.entry(), asks)
    }

    fn end(&self) -> Option<&End> {
        Some(&self.entry().end)
    }

    fn keep(&self) -> Option<AnyValue> {
        Some(self.entry().data.upgrade()?)
    }

    fn reference(&self) -> Option<(usize, SocketId)> {
        Some(self.entry().reference())
    }
}

/// What a call is called in reports.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum Label {
    /// Something that happens to a connection.
    Fixed(&'static str),
    /// An event.
    Name(Name),
}

impl Deref for Label {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Fixed(name) => name,
            Self::Name(name) => name,
        }
    }
}

/// What all kinds of calls have in common.
pub trait Call {
    /// The kind of the socket.
    #[doc(hidden)]
    type Socket: Origin;

    /// The socket that it is about.
    #[doc(hidden)]
    fn socket(&self) -> &Self::Socket;

    /// The name under which errors are reported.
    #[doc(hidden)]
    fn event(&self) -> Label;

    /// Whether handlers that wait count against [`App::max_handlers`](crate::App::max_handlers).
    #[doc(hidden)]
    const IS_COUNTED: bool = false;

    /// Whether handlers that wait end with the connection.
    #[doc(hidden)]
    const ENDS_WITH_CONNECTION: bool = true;

    /// The acknowledgement that the client waits for, if no parameter has taken it.
    #[doc(hidden)]
    fn take_ack(&mut self) -> Option<AckSender> {
        None
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

impl<S: Origin> Call for EventCall<S> {
    type Socket = S;

    const IS_COUNTED: bool = true;

    fn socket(&self) -> &S {
        &self.socket
    }

    fn event(&self) -> Label {
        Label::Name(self.name.clone())
    }

    fn take_ack(&mut self) -> Option<AckSender> {
        self.ack.take()
    }
}

impl Call for UpgradeCall {
    type Socket = Socket;

    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn event(&self) -> Label {
        Label::Fixed("upgrade")
    }
}

impl Call for DisconnectCall {
    type Socket = Socket;

    const ENDS_WITH_CONNECTION: bool = false;

    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn event(&self) -> Label {
        Label::Fixed("disconnect")
    }
}

impl Call for ExpiredCall {
    type Socket = Socket;

    const ENDS_WITH_CONNECTION: bool = false;

    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn event(&self) -> Label {
        Label::Fixed("expired")
    }
}

/// What can be a parameter of a handler for calls of type `C`; see the [crate docs](crate).
///
/// `M` only keeps the implementations apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a parameter of this handler",
    note = "handlers of events take `Socket`, `Io`, `State<T>`, `Args`, `Name`, `AckSender`, and \
            types that implement `serde::Deserialize` (and borrow nothing) for the arguments",
    note = "handlers of connections take `Socket`, `Io`, `State<T>` and `Auth<T>`; those of \
            disconnections `Socket`, `Io`, `State<T>`, `DisconnectReason` and `Rooms`"
)]
pub trait FromCall<C, M>: Sized {
    /// Whether the request that opened the connection must be kept for this parameter.
    #[doc(hidden)]
    const WANTS_HANDSHAKE: bool = false;

    /// Whether this parameter is what the client sent along when it connected.
    #[doc(hidden)]
    const WANTS_AUTH: bool = false;

    /// The state that this parameter is, with its name.
    #[doc(hidden)]
    const WANTS_STATE: Option<fn() -> (TypeId, &'static str)> = None;

    /// Checks that what the client sent along fits this parameter, before it is let in.
    #[doc(hidden)]
    fn check_auth(_: &Args) -> Result<(), Fault> {
        Ok(())
    }

    /// Takes this parameter's part of the call.
    #[doc(hidden)]
    fn from_call(call: &mut C) -> Result<Self, Fault>;
}

impl<C: Call<Socket = Self>> FromCall<C, Itself> for Socket {
    fn from_call(call: &mut C) -> Result<Self, Fault> {
        Ok(call.socket().clone())
    }
}

impl<C: Call<Socket = Socket>> FromCall<C, Itself> for Io {
    fn from_call(call: &mut C) -> Result<Self, Fault> {
        Ok(call.socket().io())
    }
}

/// The request that opened the connection.
impl<C: Call<Socket = Socket>> FromCall<C, Itself> for Arc<Handshake> {
    const WANTS_HANDSHAKE: bool = true;

    fn from_call(call: &mut C) -> Result<Self, Fault> {
        call.socket().handshake().ok_or(Fault::Gone)
    }
}

/// What was given to [`App::state`](crate::App::state), as a parameter of a handler.
#[derive(Debug)]
pub struct State<T: ?Sized>(pub(crate) Arc<T>);

impl<T: ?Sized> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<C: Call, T: Send + Sync + 'static> FromCall<C, Itself> for State<T> {
    const WANTS_STATE: Option<fn() -> (TypeId, &'static str)> =
        Some(|| (TypeId::of::<T>(), std::any::type_name::<T>()));

    fn from_call(call: &mut C) -> Result<Self, Fault> {
        let state = call.socket().state(TypeId::of::<T>());
        let state = state.and_then(|state| state.downcast().ok());
        state.map(State).ok_or_else(|| Fault::State(std::any::type_name::<T>()))
    }
}

/// What the client sent along when it connected: the `auth` option of its `io()` call.
///
/// A client that sends nothing is taken to have sent `{}`. One that sends what does not fit the
/// type is refused with the message `invalid auth`, by the handlers of
/// [`on_connect`](crate::App::on_connect), too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<T>(pub T);

impl<T: DeserializeOwned> FromCall<ConnectCall, Itself> for Auth<T> {
    const WANTS_AUTH: bool = true;

    fn check_auth(auth: &Args) -> Result<(), Fault> {
        auth.get_or::<T>(0, "{}").map(drop).map_err(Fault::Auth)
    }

    fn from_call(call: &mut ConnectCall) -> Result<Self, Fault> {
        call.auth.get_or(0, "{}").map(Auth).map_err(Fault::Auth)
    }
}

impl<S: Origin, T: DeserializeOwned> FromCall<EventCall<S>, Decoded> for T {
    fn from_call(call: &mut EventCall<S>) -> Result<Self, Fault> {
        Ok(call.args.shift()?)
    }
}

impl<S: Origin> FromCall<EventCall<S>, Itself> for Args {
    fn from_call(call: &mut EventCall<S>) -> Result<Self, Fault> {
        Ok(std::mem::take(&mut call.args))
    }
}

impl<S: Origin> FromCall<EventCall<S>, Itself> for Name {
    fn from_call(call: &mut EventCall<S>) -> Result<Self, Fault> {
        Ok(call.name.clone())
    }
}

impl<S: Origin> FromCall<EventCall<S>, Itself> for AckSender {
    fn from_call(call: &mut EventCall<S>) -> Result<Self, Fault> {
        call.ack.take().ok_or(Fault::NoAck)
    }
}

impl<S: Origin> FromCall<EventCall<S>, Itself> for Option<AckSender> {
    fn from_call(call: &mut EventCall<S>) -> Result<Self, Fault> {
        Ok(call.ack.take())
    }
}

impl FromCall<DisconnectCall, Itself> for DisconnectReason {
    fn from_call(call: &mut DisconnectCall) -> Result<Self, Fault> {
        Ok(call.reason)
    }
}

/// The rooms that a socket was in when it was disconnected, without that of its own id.
#[derive(Clone, Debug)]
pub struct Rooms(pub Vec<Room>);

impl FromCall<DisconnectCall, Itself> for Rooms {
    fn from_call(call: &mut DisconnectCall) -> Result<Self, Fault> {
        Ok(Self(std::mem::take(&mut call.rooms)))
    }
}
