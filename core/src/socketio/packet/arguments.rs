//! Serializes the arguments of an event or acknowledgement: what is between the brackets of
//! `["name",...]`.
//!
//! A tuple is several arguments, `()` none, everything else one. All values within an argument are
//! left to `serializer.rs`.

use std::fmt;

use serde::ser::{Serialize, Serializer};

use crate::args::shared;
use crate::args::shared::Shared;
use crate::socketio::error::EncodeError;
use crate::socketio::packet::serializer::Compound;
use crate::socketio::packet::write_error::{WriteError, WriteResult};
use crate::socketio::packet::writer::{Summary, Writer};

/// Writes arguments with commas between them, and one in front unless they are the first.
pub(super) fn write(
    mut writer: Writer<'_>,
    data: &(impl Serialize + ?Sized),
    is_first: bool,
) -> Result<Summary, EncodeError> {
    // `serde_json::Value::Null` serializes as a unit, too, but is an argument. Its size tells it from
    // `()`.
    let is_unit = size_of_val(data) == 0;
    let written = data.serialize(Arguments { writer: &mut writer, is_first, is_unit });
    writer.finish(written)
}

/// Serializes the outermost value.
struct Arguments<'w, 'a> {
    writer: &'w mut Writer<'a>,
    is_first: bool,
    is_unit: bool,
}

impl<'w, 'a> Arguments<'w, 'a> {
    /// Begins a single argument.
    fn one(self) -> &'w mut Writer<'a> {
        self.writer.summary.arguments += 1;
        self.several(1)
    }

    /// Begins so many arguments.
    fn several(self, count: usize) -> &'w mut Writer<'a> {
        if !self.is_first && count > 0 {
            self.writer.push(b',');
        }
        self.writer
    }
}

macro_rules! one {
    ($($method:ident($($name:ident: $type:ty),*) $(-> $parts:ident)?;)*) => {
        $(fn $method(self, $($name: $type),*) -> Result<one!(@ $($parts)?), WriteError> {
            self.one().$method($($name),*)
        })*
    };
    (@) => { () };
    (@ $parts:ident) => { $parts<'w, 'a> };
}

impl<'w, 'a> Serializer for Arguments<'w, 'a> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Compound<'w, 'a>;
    type SerializeTuple = Compound<'w, 'a>;
    type SerializeTupleStruct = Compound<'w, 'a>;
    type SerializeTupleVariant = Compound<'w, 'a>;
    type SerializeMap = Compound<'w, 'a>;
    type SerializeStruct = Compound<'w, 'a>;
    type SerializeStructVariant = Compound<'w, 'a>;

    one! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_char(value: char);
        serialize_str(text: &str);
        serialize_bytes(bytes: &[u8]);
        serialize_none();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
        serialize_seq(length: Option<usize>) -> Compound;
        serialize_tuple_struct(name: &'static str, length: usize) -> Compound;
        serialize_tuple_variant(
            name: &'static str, index: u32, variant: &'static str, length: usize
        ) -> Compound;
        serialize_map(length: Option<usize>) -> Compound;
        serialize_struct(name: &'static str, length: usize) -> Compound;
        serialize_struct_variant(
            name: &'static str, index: u32, variant: &'static str, length: usize
        ) -> Compound;
    }

    fn serialize_unit(self) -> WriteResult {
        if self.is_unit { Ok(()) } else { self.one().serialize_unit() }
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'w, 'a>, WriteError> {
        Ok(Compound::bare(self.writer, self.is_first))
    }

    fn collect_str<T: ?Sized + fmt::Display>(self, value: &T) -> WriteResult {
        self.one().collect_str(value)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> WriteResult {
        self.one().serialize_some(value)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        value: &T,
    ) -> WriteResult {
        if name != shared::NAME {
            return self.one().serialize_newtype_struct(name, value);
        }
        match self.writer.shared(value)? {
            Shared::Bytes(bytes) => self.one().binary(&bytes, || bytes.clone()),
            Shared::Args(args) => {
                self.writer.summary.arguments += args.len();
                self.several(args.len()).args(&args)
            }
        }
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> WriteResult {
        self.one().serialize_newtype_variant(name, index, variant, value)
    }
}
