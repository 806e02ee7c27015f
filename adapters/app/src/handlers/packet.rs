//! Events on their way to their handlers, as middlewares see and change them.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use sockeye_core::{Args, EncodeError, Name};

use super::call::{Call, FromCall, Label};
use super::marker::Itself;
use crate::handles::socket::Socket;
use crate::state::fault::Fault;

/// An event is on its way to its handlers.
#[derive(Debug)]
pub struct PacketCall {
    pub(crate) socket: Socket,
    pub(crate) packet: Packet,
}

impl Call for PacketCall {
    type Socket = Socket;

    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn event(&self) -> Label {
        Label::Name(self.packet.name())
    }
}

/// An event on its way to its handlers, as a parameter of a
/// [`packet_middleware`](crate::Namespace::packet_middleware): what is changed in it is what its
/// handlers get. A handle; clones are the same event.
///
/// ```
/// use sockeye_app::{App, BoxError, Packet};
///
/// let app = App::new().packet_middleware(|packet: Packet| {
///     if packet.name().as_str() == "shout" {
///         let text: String = packet.args().get(0)?;
///         packet.set_args((text.to_uppercase(),))?;
///     }
///     Ok::<_, BoxError>(())
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Packet(Arc<Mutex<(Name, Args)>>);

impl Packet {
    pub(crate) fn new(name: Name, args: Args) -> Self {
        Self(Arc::new(Mutex::new((name, args))))
    }

    fn with<T>(&self, act: impl FnOnce(&mut (Name, Args)) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn contents(&self) -> (Name, Args) {
        self.with(|contents| contents.clone())
    }

    /// The name of the event.
    #[must_use]
    pub fn name(&self) -> Name {
        self.with(|(name, _)| name.clone())
    }

    /// The arguments.
    #[must_use]
    pub fn args(&self) -> Args {
        self.with(|(_, args)| args.clone())
    }

    /// Has the handlers for another event get it.
    pub fn set_name(&self, name: &str) {
        self.with(|contents| contents.0 = Name::new(name));
    }

    /// Changes the arguments. A tuple is several, `()` none, everything else one.
    ///
    /// # Errors
    ///
    /// If the data could not be sent as arguments.
    pub fn set_args(&self, data: impl Serialize) -> Result<(), EncodeError> {
        let args = Args::of(&data)?;
        self.with(|contents| contents.1 = args);
        Ok(())
    }
}

impl FromCall<PacketCall, Itself> for Packet {
    fn from_call(call: &mut PacketCall) -> Result<Self, Fault> {
        Ok(call.packet.clone())
    }
}

impl FromCall<PacketCall, Itself> for Name {
    fn from_call(call: &mut PacketCall) -> Result<Self, Fault> {
        Ok(call.packet.name())
    }
}

impl FromCall<PacketCall, Itself> for Args {
    fn from_call(call: &mut PacketCall) -> Result<Self, Fault> {
        Ok(call.packet.args())
    }
}
