//! Serializes data of the application as JSON, through a [`Writer`].
//!
//! It writes what serde_json writes, except for binary values and the values of this crate's types.

use std::fmt;

use bytes::Bytes;
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::args::shared;
use crate::args::shared::Shared;
use crate::socketio::packet::write_error::{WriteError, WriteResult};
use crate::socketio::packet::writer::Writer;

macro_rules! leaves {
    ($($method:ident($type:ty))*) => {
        $(fn $method(self, value: $type) -> WriteResult {
            self.leaf().$method(value).map_err(WriteError::Json)
        })*
    };
}

impl<'w, 'a> Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Compound<'w, 'a>;
    type SerializeTuple = Compound<'w, 'a>;
    type SerializeTupleStruct = Compound<'w, 'a>;
    type SerializeTupleVariant = Compound<'w, 'a>;
    type SerializeMap = Compound<'w, 'a>;
    type SerializeStruct = Compound<'w, 'a>;
    type SerializeStructVariant = Compound<'w, 'a>;

    leaves! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32)
        serialize_i64(i64) serialize_i128(i128) serialize_u8(u8) serialize_u16(u16)
        serialize_u32(u32) serialize_u64(u64) serialize_u128(u128) serialize_f32(f32)
        serialize_f64(f64) serialize_char(char)
    }

    fn serialize_str(self, text: &str) -> WriteResult {
        self.text(text)
    }

    fn collect_str<T: ?Sized + fmt::Display>(self, value: &T) -> WriteResult {
        self.leaf().collect_str(value).map_err(WriteError::Json)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> WriteResult {
        self.request_shared()?;
        self.binary(bytes, || Bytes::copy_from_slice(bytes))
    }

    fn serialize_none(self) -> WriteResult {
        self.serialize_unit()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> WriteResult {
        value.serialize(self)
    }

    fn serialize_unit(self) -> WriteResult {
        self.raw(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> WriteResult {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> WriteResult {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        value: &T,
    ) -> WriteResult {
        if name != shared::NAME {
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
    ) -> WriteResult {
        self.open(b'{')?;
        self.text(variant)?;
        self.push(b':');
        value.serialize(&mut *self)?;
        self.close(b"}");
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'w, 'a>, WriteError> {
        Compound::open(self, b'[', b"]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'w, 'a>, WriteError> {
        self.request_shared()?;
        Compound::open(self, b'[', b"]")
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Compound<'w, 'a>, WriteError> {
        Compound::open(self, b'[', b"]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'w, 'a>, WriteError> {
        Compound::variant(self, variant, b'[', b"]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'w, 'a>, WriteError> {
        Compound::open(self, b'{', b"}")
    }

    fn serialize_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<Compound<'w, 'a>, WriteError> {
        // serde_json writes structs of a few private names, such as that of its `RawValue`, without
        // braces: nothing for their beginning.
        let start = self.json.len();
        let _ = self.leaf().serialize_struct(name, length)?;
        if self.json.len() == start {
            return Ok(Compound { writer: self, is_first: true, close: b"", private: Some(name) });
        }
        self.json.truncate(start);
        Compound::open(self, b'{', b"}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'w, 'a>, WriteError> {
        Compound::variant(self, variant, b'{', b"}}")
    }
}

/// A container that is being written.
#[derive(Debug)]
pub(super) struct Compound<'w, 'a> {
    writer: &'w mut Writer<'a>,
    is_first: bool,
    /// The brackets that close it.
    close: &'static [u8],
    /// The name of a struct that serde_json writes in a form of its own.
    private: Option<&'static str>,
}

impl<'w, 'a> Compound<'w, 'a> {
    /// Elements without brackets, with a comma in front unless they are the first.
    pub(super) const fn bare(writer: &'w mut Writer<'a>, is_first: bool) -> Self {
        Self { writer, is_first, close: b"", private: None }
    }

    fn open(
        writer: &'w mut Writer<'a>,
        open: u8,
        close: &'static [u8],
    ) -> Result<Self, WriteError> {
        writer.open(open)?;
        Ok(Self { writer, is_first: true, close, private: None })
    }

    /// Begins `{"variant":` and the container in it.
    fn variant(
        writer: &'w mut Writer<'a>,
        variant: &str,
        open: u8,
        close: &'static [u8],
    ) -> Result<Self, WriteError> {
        writer.open(b'{')?;
        writer.text(variant)?;
        writer.push(b':');
        Self::open(writer, open, close)
    }

    fn element<T: ?Sized + Serialize>(&mut self, value: &T) -> WriteResult {
        self.writer.summary.arguments += usize::from(self.close.is_empty());
        if !std::mem::take(&mut self.is_first) {
            self.writer.push(b',');
        }
        self.value(value)
    }

    fn field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> WriteResult {
        let Some(name_of_struct) = self.private else {
            if !std::mem::take(&mut self.is_first) {
                self.writer.push(b',');
            }
            self.writer.text(name)?;
            self.writer.push(b':');
            return self.value(value);
        };
        let start = self.writer.json.len();
        let mut leaf = self.writer.leaf();
        let mut fields = leaf.serialize_struct(name_of_struct, 1)?;
        SerializeStruct::serialize_field(&mut fields, name, value)?;
        SerializeStruct::end(fields)?;
        self.writer.check_written(start)
    }

    fn key<T: ?Sized + Serialize>(&mut self, key: &T) -> WriteResult {
        // serde_json knows which types are keys. It writes `{"key"`, of which the brace is
        // replaced.
        let start = self.writer.json.len();
        let mut leaf = self.writer.leaf();
        let mut map = leaf.serialize_map(None)?;
        let written = map.serialize_key(key).map_err(WriteError::Json);
        if std::mem::take(&mut self.is_first) {
            self.writer.json.remove(start);
        } else {
            self.writer.json[start] = b',';
        }
        self.written(written)
    }

    fn value<T: ?Sized + Serialize>(&mut self, value: &T) -> WriteResult {
        let written = value.serialize(&mut *self.writer);
        self.written(written)
    }

    fn written(&mut self, written: WriteResult) -> WriteResult {
        self.writer.has_failed |= written.is_err();
        written
    }

    fn end(self) -> WriteResult {
        self.writer.close(self.close);
        Ok(())
    }
}

macro_rules! elements {
    ($($kind:ident $method:ident)*) => {
        $(impl $kind for Compound<'_, '_> {
            type Ok = ();
            type Error = WriteError;

            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> WriteResult {
                self.element(value)
            }

            fn end(self) -> WriteResult {
                Compound::end(self)
            }
        })*
    };
}

macro_rules! fields {
    ($($kind:ident)*) => {
        $(impl $kind for Compound<'_, '_> {
            type Ok = ();
            type Error = WriteError;

            fn serialize_field<T: ?Sized + Serialize>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> WriteResult {
                self.field(name, value)
            }

            fn end(self) -> WriteResult {
                Compound::end(self)
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

impl SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> WriteResult {
        self.key(key)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> WriteResult {
        self.writer.push(b':');
        self.value(value)
    }

    fn end(self) -> WriteResult {
        Compound::end(self)
    }
}
