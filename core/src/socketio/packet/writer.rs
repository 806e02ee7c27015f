//! Writes what the application emits as JSON, and keeps its binary values aside.
//!
//! serde_json writes everything that has no parts. What is done here is to see binary values, and
//! how deep the data is.

use std::fmt;

use bytes::Bytes;
use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::args::Args;
use crate::args::share;
use crate::args::share::{Offer, Shared};
use crate::error::EmitError;
use crate::json;
use crate::json::MAX_DEPTH;
use crate::socketio::packet::Limits;
use crate::socketio::packet::failure::{Done, Failure};

/// Where data is written to.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    json: &'a mut Vec<u8>,
    /// Takes the binary values; without it they are arrays of numbers.
    attachments: Option<&'a mut Vec<Bytes>>,
    limits: Limits,
    /// How many containers are open.
    depth: usize,
    pub(super) found: Found,
    /// Whether the value that comes next is to be asked for what it has.
    asks: bool,
    /// Whether a value could not be written, which another one may keep to itself.
    is_broken: bool,
    /// Whether that was because of its depth.
    is_too_deep: bool,
}

/// What is found out while data is written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// How many arguments there are, where several may be.
    pub(super) arguments: usize,
    /// How many binary values there are, also those that are too many to be kept.
    pub(super) attachments: usize,
    /// How many containers are within each other.
    pub(super) depth: usize,
}

impl<'a> Writer<'a> {
    /// Writes behind what there is, in which so many containers are open.
    pub(super) fn new(
        json: &'a mut Vec<u8>,
        attachments: Option<&'a mut Vec<Bytes>>,
        limits: Limits,
        depth: usize,
    ) -> Self {
        let found = Found::default();
        Self {
            json,
            attachments,
            limits,
            depth,
            found,
            asks: false,
            is_broken: false,
            is_too_deep: false,
        }
    }

    /// Writes one value.
    pub(super) fn value(mut self, data: &(impl Serialize + ?Sized)) -> Result<Found, EmitError> {
        let written = data.serialize(&mut self);
        self.finish(written)
    }

    /// What came of writing.
    pub(super) fn finish(self, written: Done) -> Result<Found, EmitError> {
        let limit = self.limits.depth;
        match written {
            _ if self.is_too_deep => Err(EmitError::TooDeep { limit }),
            Ok(()) if self.is_broken => {
                Err(EmitError::Serialize(ser::Error::custom("a value could not be written")))
            }
            Ok(()) => Ok(self.found),
            Err(Failure::Json(error)) => Err(EmitError::Serialize(error)),
            Err(other @ (Failure::TooDeep | Failure::Offer(_))) => {
                Err(EmitError::Serialize(ser::Error::custom(other.to_string())))
            }
        }
    }

    pub(super) fn push(&mut self, byte: u8) {
        self.json.push(byte);
    }

    fn raw(&mut self, json: &[u8]) {
        self.json.extend_from_slice(json);
    }

    /// What serde_json writes.
    fn leaf(&mut self) -> serde_json::Serializer<&mut Vec<u8>> {
        serde_json::Serializer::new(&mut *self.json)
    }

    fn text(&mut self, text: &str) -> Done {
        if json::write_plain(text, self.json) {
            return Ok(());
        }
        self.leaf().serialize_str(text).map_err(Failure::Json)
    }

    /// Makes sure that there may be so many more containers within those that are open.
    fn look(&mut self, more: usize) -> Done {
        self.found.depth = self.found.depth.max(self.depth + more);
        if self.depth + more > self.limits.depth { self.too_deep() } else { Ok(()) }
    }

    #[cold]
    fn too_deep(&mut self) -> Done {
        self.is_too_deep = true;
        Err(Failure::TooDeep)
    }

    /// Makes sure that what was written by others is not too deep either.
    fn look_into(&mut self, start: usize) -> Done {
        match json::validate(&self.json[start..], MAX_DEPTH) {
            Ok(outline) => self.look(outline.depth as usize),
            Err(_) => self.too_deep(),
        }
    }

    fn open(&mut self, open: u8) -> Done {
        self.look(1)?;
        self.depth += 1;
        self.push(open);
        Ok(())
    }

    fn close(&mut self, close: &[u8]) {
        self.depth -= close.len();
        close.iter().for_each(|&byte| self.push(byte));
    }

    fn parts(&mut self, open: u8, close: &'static [u8]) -> Result<Parts<'_, 'a>, Failure> {
        self.open(open)?;
        Ok(Parts { writer: self, is_first: true, close, whole: None })
    }

    /// Begins the content of a variant of an enum.
    fn variant(
        &mut self,
        variant: &str,
        open: u8,
        close: &'static [u8],
    ) -> Result<Parts<'_, 'a>, Failure> {
        self.open(b'{')?;
        self.text(variant)?;
        self.push(b':');
        self.parts(open, close)
    }

    /// Writes a binary value, which may be shared.
    pub(super) fn binary(&mut self, bytes: &[u8], share: impl FnOnce() -> Bytes) -> Done {
        let number = self.found.attachments;
        let Some(attachments) = &mut self.attachments else {
            self.look(1)?;
            return self.leaf().serialize_bytes(bytes).map_err(Failure::Json);
        };
        if number < self.limits.attachments {
            attachments.push(share());
        }
        self.found.attachments += 1;
        self.look(1)?;
        self.raw(b"{\"_placeholder\":true,\"num\":");
        self.leaf().serialize_u64(number as u64)?;
        self.push(b'}');
        Ok(())
    }

    /// Writes arguments as they came, with their commas.
    pub(super) fn args(&mut self, args: &Args) -> Done {
        let limit = self.limits.depth.saturating_sub(self.depth);
        let Some(depth) = args.depth_within(limit) else { return self.too_deep() };
        self.look(depth)?;
        for (json, binary) in args.pieces() {
            self.raw(json);
            if let Some(bytes) = binary {
                self.binary(bytes, || bytes.clone())?;
            }
        }
        Ok(())
    }

    /// Writes what a type of this crate has, without a copy of binary values.
    pub(super) fn shared(&mut self, value: &(impl Serialize + ?Sized)) -> Result<Shared, Failure> {
        self.asks = true;
        let answer = value.serialize(&mut *self);
        self.asks = false;
        match answer {
            Err(Failure::Offer(offer)) => offer.into_inner().ok_or_else(nothing_shared),
            Err(other) => Err(other),
            Ok(()) => Err(nothing_shared()),
        }
    }

    /// Answers a value that is to say what it has.
    fn ask(&mut self) -> Done {
        if std::mem::take(&mut self.asks) {
            return Err(Failure::Offer(Offer::default()));
        }
        Ok(())
    }
}

fn nothing_shared() -> Failure {
    ser::Error::custom("a value has nothing to share")
}

macro_rules! leaves {
    ($($method:ident($type:ty))*) => {
        $(fn $method(self, value: $type) -> Done {
            self.leaf().$method(value).map_err(Failure::Json)
        })*
    };
}

impl<'w, 'a> Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Parts<'w, 'a>;
    type SerializeTuple = Parts<'w, 'a>;
    type SerializeTupleStruct = Parts<'w, 'a>;
    type SerializeTupleVariant = Parts<'w, 'a>;
    type SerializeMap = Parts<'w, 'a>;
    type SerializeStruct = Parts<'w, 'a>;
    type SerializeStructVariant = Parts<'w, 'a>;

    leaves! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32)
        serialize_i64(i64) serialize_i128(i128) serialize_u8(u8) serialize_u16(u16)
        serialize_u32(u32) serialize_u64(u64) serialize_u128(u128) serialize_f32(f32)
        serialize_f64(f64) serialize_char(char)
    }

    fn serialize_str(self, text: &str) -> Done {
        self.text(text)
    }

    fn collect_str<T: ?Sized + fmt::Display>(self, value: &T) -> Done {
        self.leaf().collect_str(value).map_err(Failure::Json)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Done {
        self.ask()?;
        self.binary(bytes, || Bytes::copy_from_slice(bytes))
    }

    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        self.raw(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        value: &T,
    ) -> Done {
        if name != share::NAME {
            return value.serialize(self);
        }
        match self.shared(value)? {
            Shared::Bytes(bytes) => self.binary(&bytes, || bytes.clone()),
            Shared::Args(args) => {
                self.open(b'[')?;
                self.args(&args)?;
                self.close(b"]");
                Ok(())
            }
        }
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.open(b'{')?;
        self.text(variant)?;
        self.push(b':');
        value.serialize(&mut *self)?;
        self.close(b"}");
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'w, 'a>, Failure> {
        self.parts(b'[', b"]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'w, 'a>, Failure> {
        self.ask()?;
        self.parts(b'[', b"]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'w, 'a>, Failure> {
        self.parts(b'[', b"]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'w, 'a>, Failure> {
        self.variant(variant, b'[', b"]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'w, 'a>, Failure> {
        self.parts(b'{', b"}")
    }

    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Parts<'w, 'a>, Failure> {
        // Structs of a few names are none to serde_json, which writes nothing for them yet.
        let start = self.json.len();
        let _ = self.leaf().serialize_struct(name, length)?;
        if self.json.len() == start {
            return Ok(Parts { writer: self, is_first: true, close: b"", whole: Some(name) });
        }
        self.json.truncate(start);
        self.parts(b'{', b"}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'w, 'a>, Failure> {
        self.variant(variant, b'{', b"}}")
    }
}

/// What is between the brackets of a container.
#[derive(Debug)]
pub(super) struct Parts<'w, 'a> {
    writer: &'w mut Writer<'a>,
    is_first: bool,
    /// The brackets that are still to come.
    close: &'static [u8],
    /// The name by which serde_json knows a struct that is to be written in another way.
    whole: Option<&'static str>,
}

impl<'w, 'a> Parts<'w, 'a> {
    /// Elements without brackets, with a comma in front unless they are the first.
    pub(super) const fn bare(writer: &'w mut Writer<'a>, is_first: bool) -> Self {
        Self { writer, is_first, close: b"", whole: None }
    }

    fn element<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        self.writer.found.arguments += usize::from(self.close.is_empty());
        if !std::mem::take(&mut self.is_first) {
            self.writer.push(b',');
        }
        self.value(value)
    }

    fn field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Done {
        let Some(whole) = self.whole else {
            if !std::mem::take(&mut self.is_first) {
                self.writer.push(b',');
            }
            self.writer.text(name)?;
            self.writer.push(b':');
            return self.value(value);
        };
        let start = self.writer.json.len();
        let mut leaf = self.writer.leaf();
        let mut whole = leaf.serialize_struct(whole, 1)?;
        SerializeStruct::serialize_field(&mut whole, name, value)?;
        SerializeStruct::end(whole)?;
        self.writer.look_into(start)
    }

    fn key<T: ?Sized + Serialize>(&mut self, key: &T) -> Done {
        // serde_json knows what may be a key. It begins an object with it.
        let start = self.writer.json.len();
        let mut leaf = self.writer.leaf();
        let mut map = leaf.serialize_map(None)?;
        let written = map.serialize_key(key).map_err(Failure::Json);
        if std::mem::take(&mut self.is_first) {
            self.writer.json.remove(start);
        } else {
            self.writer.json[start] = b',';
        }
        self.written(written)
    }

    fn value<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        let written = value.serialize(&mut *self.writer);
        self.written(written)
    }

    fn written(&mut self, written: Done) -> Done {
        self.writer.is_broken |= written.is_err();
        written
    }

    fn end(self) -> Done {
        self.writer.close(self.close);
        Ok(())
    }
}

macro_rules! elements {
    ($($kind:ident $method:ident)*) => {
        $(impl $kind for Parts<'_, '_> {
            type Ok = ();
            type Error = Failure;

            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
                self.element(value)
            }

            fn end(self) -> Done {
                Parts::end(self)
            }
        })*
    };
}

macro_rules! fields {
    ($($kind:ident)*) => {
        $(impl $kind for Parts<'_, '_> {
            type Ok = ();
            type Error = Failure;

            fn serialize_field<T: ?Sized + Serialize>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Done {
                self.field(name, value)
            }

            fn end(self) -> Done {
                Parts::end(self)
            }
        })*
    };
}

elements! {
    SerializeSeq serialize_element
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field
}

fields! { SerializeStruct SerializeStructVariant }

impl SerializeMap for Parts<'_, '_> {
    type Ok = ();
    type Error = Failure;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Done {
        self.key(key)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        self.writer.push(b':');
        self.value(value)
    }

    fn end(self) -> Done {
        Parts::end(self)
    }
}
