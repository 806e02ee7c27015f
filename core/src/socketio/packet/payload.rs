//! The encoded data of events and acknowledgements: `["name",...]` or `[...]`.
//!
//! It is written before the namespace and the id of the packet are known, with room for them in
//! front.

use bytes::Bytes;
use serde::Serialize;

use crate::args::Args;
use crate::args::Name;
use crate::json;
use crate::json::Outline;
use crate::socketio::error::EncodeError;
use crate::socketio::packet::writer::{Summary, Writer};
use crate::socketio::packet::{Limits, RESERVED, arguments};

/// The name and the arguments of an event, encoded.
///
/// Encoding runs code of the application, its implementations of `Serialize`. Callers that share a
/// machine behind a lock encode before they lock:
/// [`Server::emit_payload`](crate::Server::emit_payload) and the other methods that take a payload
/// copy no data and run no code of the application.
///
/// ```
/// use sockeye_core::{EmitOptions, EventPayload, Selector, Server, ServerConfig};
///
/// let config = ServerConfig::default();
/// let limits = config.limits_out();
/// let mut server = Server::new(config, [7; 32])?;
///
/// let payload = EventPayload::new("news", &("one", 2), limits)?;
/// server.emit_payload("/", &Selector::all(), payload, EmitOptions::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct EventPayload(pub(super) Payload);

/// The arguments of an acknowledgement, encoded; see [`EventPayload`].
#[derive(Clone, Debug)]
pub struct AckPayload(pub(super) Payload);

/// An encoded array of arguments, with room for a header in front of it.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    /// Room, then the array.
    pub(super) json: Vec<u8>,
    pub(super) attachments: Vec<Bytes>,
    /// The start of the arguments, behind the name of an event.
    first: usize,
    /// The number of arguments.
    count: usize,
    /// The greatest number of arrays and objects within each other.
    depth: usize,
}

impl EventPayload {
    /// Encodes an event. A tuple is several arguments, `()` none, everything else one.
    ///
    /// The limits are those of the machine that is to send it:
    /// [`ServerConfig::limits_out`](crate::ServerConfig::limits_out) or
    /// [`client::Config::limits_out`](crate::client::Config::limits_out).
    ///
    /// # Errors
    ///
    /// - [`EncodeError::Reserved`] for a name that the protocol reserves,
    /// - [`EncodeError::Serialize`] if `Serialize` fails,
    /// - [`EncodeError::TooDeep`] and [`EncodeError::TooManyAttachments`] beyond the limits,
    /// - [`EncodeError::TooLarge`] from 4 GiB on,
    /// - [`EncodeError::Placeholder`] for data that looks like a placeholder next to binary values.
    pub fn new(
        name: &str,
        data: &(impl Serialize + ?Sized),
        limits: Limits,
    ) -> Result<Self, EncodeError> {
        if RESERVED.contains(&name) {
            return Err(EncodeError::Reserved);
        }
        let mut payload = Payload::new();
        json::write_text(name, &mut payload.json)?;
        payload.write(data, false, limits)?;
        Ok(Self(payload))
    }

    /// Returns the arguments, with a copy of their JSON text. Binary values are shared.
    #[must_use]
    pub fn args(&self) -> Args {
        self.0.args()
    }

    /// Returns the name of the event.
    pub(crate) fn name(&self) -> Name {
        let json = &self.0.json[Payload::ROOM + 1..self.0.first];
        Name::from_json(Bytes::copy_from_slice(json))
    }

    /// Checks the limits of the machine that sends it, which may differ from those it was encoded
    /// with.
    pub(crate) fn check(&self, limits: Limits) -> Result<(), EncodeError> {
        self.0.check(limits)
    }
}

impl AckPayload {
    /// Encodes the answer to an event. A tuple is several arguments, `()` none, everything else
    /// one. For the limits, see [`EventPayload::new`].
    ///
    /// # Errors
    ///
    /// As [`EventPayload::new`], without those of the name.
    pub fn new(data: &(impl Serialize + ?Sized), limits: Limits) -> Result<Self, EncodeError> {
        let mut payload = Payload::new();
        payload.write(data, true, limits)?;
        Ok(Self(payload))
    }
}

impl Payload {
    /// Room for the types of message and packet, two numbers, and a short namespace.
    pub(super) const ROOM: usize = 64;

    fn new() -> Self {
        let mut json = Vec::with_capacity(Self::ROOM + 64);
        json.resize(Self::ROOM, 0);
        json.push(b'[');
        Self { json, attachments: Vec::new(), first: 0, count: 0, depth: 0 }
    }

    /// Writes the arguments, and closes the array.
    fn write(
        &mut self,
        data: &(impl Serialize + ?Sized),
        is_first: bool,
        limits: Limits,
    ) -> Result<(), EncodeError> {
        self.first = self.json.len();
        let writer = Writer::new(&mut self.json, Some(&mut self.attachments), limits, 1);
        let Summary { arguments, attachments: count, depth } =
            arguments::write(writer, data, is_first)?;
        self.json.push(b']');
        (self.count, self.depth) = (arguments, depth);
        let limit = limits.attachments;
        if count > limit {
            return Err(EncodeError::TooManyAttachments { count, limit });
        }
        // A receiver in JavaScript would take data with the key `_placeholder` for a placeholder.
        if count > 0 && json::placeholder_keys(&self.json[Self::ROOM..]) != count {
            return Err(EncodeError::Placeholder);
        }
        let bytes = self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>();
        if u32::try_from(bytes).is_err() {
            return Err(EncodeError::TooLarge);
        }
        Ok(())
    }

    pub(super) fn check(&self, limits: Limits) -> Result<(), EncodeError> {
        let (count, limit) = (self.attachments.len(), limits.attachments);
        if count > limit {
            return Err(EncodeError::TooManyAttachments { count, limit });
        }
        let limit = limits.depth;
        if self.depth > limit { Err(EncodeError::TooDeep { limit }) } else { Ok(()) }
    }

    fn args(&self) -> Args {
        let elements = &self.json[self.first..self.json.len() - 1];
        // In an event, there is the comma behind its name.
        let elements = elements.strip_prefix(b",").unwrap_or(elements);
        self.args_of(Bytes::copy_from_slice(elements))
    }

    fn into_args(mut self) -> Args {
        let elements = self.first..self.json.len() - 1;
        let json = Bytes::from(std::mem::take(&mut self.json)).slice(elements);
        self.args_of(json)
    }

    fn args_of(&self, json: Bytes) -> Args {
        let depth = u32::try_from(self.depth.saturating_sub(1)).unwrap_or(u32::MAX);
        Args::new(json, self.attachments.clone(), Outline { depth, elements: self.count })
    }
}

impl Args {
    /// Encodes data as arguments. A tuple is several, `()` none, everything else one.
    ///
    /// ```
    /// let args = sockeye_core::Args::of(&(1, "two"))?;
    /// assert_eq!(args.get::<String>(1)?, "two");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`EventPayload::new`], without those of the name and of the number of binary values.
    pub fn of(data: &(impl Serialize + ?Sized)) -> Result<Self, EncodeError> {
        let limits = Limits { attachments: usize::MAX, ..Limits::default() };
        Ok(AckPayload::new(data, limits)?.0.into_args())
    }
}
