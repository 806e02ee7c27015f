//! From what the application says to Engine.IO messages, each encoded once for all receivers.

use std::fmt::Write as _;
use std::io;

use bytes::{Buf, Bytes};
use serde::ser::{self, Impossible, Serialize, Serializer};
use serde_json::ser::Formatter;

use super::RESERVED;
use crate::engine::Encoded;
use crate::error::EmitError;
use crate::id::Sid;
use crate::json;

/// What an event carries besides its name and data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried<'a> {
    /// The acknowledgement that it asks for.
    pub(crate) ack: Option<u64>,
    /// Where it stands among the events that can be recovered: one more argument, at the end.
    pub(crate) offset: Option<&'a str>,
    /// Whether answers to GETs that hold it may be compressed.
    pub(crate) compress: bool,
}

/// `2<namespace>,<ack id>["name",...]`, or `5<n>-...` if the data holds binary.
pub(crate) fn event(
    namespace: &str,
    name: &str,
    data: &(impl Serialize + ?Sized),
    carried: Carried<'_>,
    max_attachments: usize,
) -> Result<Encoded, EmitError> {
    if RESERVED.contains(&name) {
        return Err(EmitError::Reserved);
    }
    let mut writer = Writer::new(namespace);
    writer.json.push(b'[');
    writer.value(name)?;
    writer.arguments(data, true)?;
    if let Some(offset) = carried.offset {
        writer.json.pop();
        writer.json.push(b',');
        writer.value(offset)?;
        writer.json.push(b']');
    }
    writer.compress = carried.compress;
    writer.finish(Kind { text: b'2', binary: b'5' }, namespace, carried.ack, max_attachments)
}

/// `3<namespace>,<ack id>[...]`, or `6<n>-...` if the data holds binary.
pub(crate) fn ack(
    namespace: &str,
    id: u64,
    data: &(impl Serialize + ?Sized),
    max_attachments: usize,
) -> Result<Encoded, EmitError> {
    let mut writer = Writer::new(namespace);
    writer.json.push(b'[');
    writer.arguments(data, false)?;
    writer.finish(Kind { text: b'3', binary: b'6' }, namespace, Some(id), max_attachments)
}

/// `0<namespace>,{"sid":"..."}`, with the key to recover the socket if there is one; nothing
/// about an id for old clients.
pub(crate) fn connect(namespace: &str, sid: Option<&Sid>, pid: Option<&Sid>) -> Encoded {
    let json = match (sid, pid) {
        (None, _) => String::new(),
        (Some(sid), None) => format!("{{\"sid\":\"{sid}\"}}"),
        (Some(sid), Some(pid)) => format!("{{\"sid\":\"{sid}\",\"pid\":\"{pid}\"}}"),
    };
    text(b'0', namespace, &json)
}

/// `1<namespace>,`
pub(crate) fn disconnect(namespace: &str) -> Encoded {
    text(b'1', namespace, "")
}

/// `4<namespace>,{"message":"...","data":...}`; the data or the message alone for old clients.
pub(crate) fn connect_error<T: Serialize + ?Sized>(
    namespace: &str,
    old: bool,
    message: &str,
    data: &T,
) -> Result<Encoded, EmitError> {
    let message = serde_json::to_string(message)?;
    let data = serde_json::to_string(data)?;
    let json = match (old, &*data) {
        (false, "null") => format!("{{\"message\":{message}}}"),
        (false, data) => format!("{{\"message\":{message},\"data\":{data}}}"),
        (true, "null") => message,
        (true, _) => data,
    };
    Ok(text(b'4', namespace, &json))
}

/// `4<namespace>,{"message":"Invalid namespace"}`, also for old clients.
pub(crate) fn unknown_namespace(namespace: &str) -> Encoded {
    text(b'4', namespace, "{\"message\":\"Invalid namespace\"}")
}

fn text(kind: u8, namespace: &str, json: &str) -> Encoded {
    let mut text = String::with_capacity(namespace.len() + json.len() + 3);
    text.push('4');
    text.push(char::from(kind));
    if namespace != "/" {
        text.push_str(namespace);
        text.push(',');
    }
    text.push_str(json);
    Encoded::from_wire(Bytes::from(text), Vec::new(), true)
}

struct Kind {
    text: u8,
    binary: u8,
}

/// Writes the JSON of a packet, and collects what is binary in it.
struct Writer {
    /// Room for the header, then the JSON: the header's length is known only after the JSON is.
    json: Vec<u8>,
    reserved: usize,
    attachments: Vec<Bytes>,
    compress: bool,
}

impl Writer {
    /// The message type, the packet type, and two numbers with their separators.
    const HEADER: usize = 2 + 21 + 21;

    fn new(namespace: &str) -> Self {
        let reserved = Self::HEADER + namespace.len() + 1;
        let mut json = Vec::with_capacity(reserved + 80);
        json.resize(reserved, 0);
        Self { json, reserved, attachments: Vec::new(), compress: true }
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), EmitError> {
        let binary = Binary(&mut self.attachments);
        let mut serializer = serde_json::Serializer::with_formatter(&mut self.json, binary);
        value.serialize(&mut serializer).map_err(EmitError::from)
    }

    /// A tuple is several arguments, `()` none, anything else one. Closes the array.
    fn arguments(
        &mut self,
        data: &(impl Serialize + ?Sized),
        follow: bool,
    ) -> Result<(), EmitError> {
        let start = self.json.len();
        match data.serialize(Shape) {
            Err(Found::Nothing) => self.json.push(b']'),
            Err(Found::Tuple(0)) => self.json.push(b']'),
            Err(Found::Tuple(_)) => {
                // A tuple comes as an array, whose bracket becomes the comma before it.
                self.value(data)?;
                if follow {
                    self.json[start] = b',';
                } else {
                    self.json.remove(start);
                }
            }
            Ok(()) | Err(Found::Other) => {
                if follow {
                    self.json.push(b',');
                }
                self.value(data)?;
                self.json.push(b']');
            }
        }
        Ok(())
    }

    fn finish(
        mut self,
        kind: Kind,
        namespace: &str,
        id: Option<u64>,
        max_attachments: usize,
    ) -> Result<Encoded, EmitError> {
        let count = self.attachments.len();
        if count > max_attachments {
            return Err(EmitError::TooManyAttachments { count, limit: max_attachments });
        }
        // Data that looks like a placeholder would be taken for one by the receiver.
        if count > 0 && json::markers(&self.json[self.reserved..]) != count {
            return Err(EmitError::Placeholder);
        }
        let mut header = String::with_capacity(self.reserved);
        header.push('4');
        header.push(char::from(if count > 0 { kind.binary } else { kind.text }));
        if count > 0 {
            write!(header, "{count}-").expect("a string takes everything");
        }
        if namespace != "/" {
            header.push_str(namespace);
            header.push(',');
        }
        if let Some(id) = id {
            write!(header, "{id}").expect("a string takes everything");
        }
        let start = self.reserved - header.len();
        self.json[start..self.reserved].copy_from_slice(header.as_bytes());
        let mut bytes = Bytes::from(self.json);
        bytes.advance(start);
        Ok(Encoded::from_wire(bytes, self.attachments, self.compress))
    }
}

/// Writes `{"_placeholder":true,"num":0}` for bytes and keeps them aside.
struct Binary<'a>(&'a mut Vec<Bytes>);

impl Formatter for Binary<'_> {
    fn write_byte_array<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        value: &[u8],
    ) -> io::Result<()> {
        write!(writer, "{{\"_placeholder\":true,\"num\":{}}}", self.0.len())?;
        self.0.push(Bytes::copy_from_slice(value));
        Ok(())
    }
}

/// Asks a value whether it is a tuple, without writing it: every answer is an "error".
struct Shape;

#[derive(Debug)]
enum Found {
    Nothing,
    Tuple(usize),
    Other,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the shape of a value")
    }
}

impl std::error::Error for Found {}

impl ser::Error for Found {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::Other
    }
}

macro_rules! other {
    ($($method:ident($($type:ty),*);)*) => {
        $(fn $method(self, $(_: $type),*) -> Result<(), Found> { Err(Found::Other) })*
    };
}

impl Serializer for Shape {
    type Ok = ();
    type Error = Found;
    type SerializeSeq = Impossible<(), Found>;
    type SerializeTuple = Impossible<(), Found>;
    type SerializeTupleStruct = Impossible<(), Found>;
    type SerializeTupleVariant = Impossible<(), Found>;
    type SerializeMap = Impossible<(), Found>;
    type SerializeStruct = Impossible<(), Found>;
    type SerializeStructVariant = Impossible<(), Found>;

    other! {
        serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32);
        serialize_i64(i64); serialize_u8(u8); serialize_u16(u16); serialize_u32(u32);
        serialize_u64(u64); serialize_f32(f32); serialize_f64(f64); serialize_char(char);
        serialize_str(&str); serialize_bytes(&[u8]); serialize_none();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_unit(self) -> Result<(), Found> {
        Err(Found::Nothing)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, Found> {
        Err(Found::Tuple(len))
    }

    fn serialize_some<T: ?Sized + Serialize>(self, _: &T) -> Result<(), Found> {
        Err(Found::Other)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<(), Found> {
        Err(Found::Other)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Found> {
        Err(Found::Other)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Found> {
        Err(Found::Other)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Found> {
        Err(Found::Other)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Found> {
        Err(Found::Other)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Found> {
        Err(Found::Other)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Found> {
        Err(Found::Other)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Found> {
        Err(Found::Other)
    }
}
