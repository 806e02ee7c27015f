//! Deserializes JSON in which placeholders stand for binary values.
//!
//! serde_json reads every leaf; what is done here is to walk through arrays and objects, and to
//! hand out an attachment where a placeholder stands.

use std::cell::Cell;

use bytes::Bytes;
use serde::Serialize;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde_json::Error;
use serde_json::value::RawValue;

use crate::json::{self, Scanner};

/// One JSON value, checked before, with the attachments that its placeholders name.
pub(crate) struct Binary<'a> {
    json: &'a [u8],
    attachments: &'a [Bytes],
}

impl<'a> Binary<'a> {
    pub(crate) const fn new(json: &'a [u8], attachments: &'a [Bytes]) -> Self {
        Self { json, attachments }
    }

    /// Where in the value the fault is that keeps it from being read.
    pub(crate) fn path_of_fault<T: DeserializeOwned>(&self) -> Option<String> {
        let read = |cursor: &mut Cursor<'_>| serde_path_to_error::deserialize::<_, T>(cursor);
        Some(self.with_cursor(read).err()?.path().to_string())
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.with_cursor(|cursor| T::deserialize(cursor))
    }

    fn with_cursor<T>(&self, read: impl FnOnce(&mut Cursor<'_>) -> T) -> T {
        // Each attachment may be copied, but naming one a thousand times copies no thousandfold.
        let budget = Cell::new(self.attachments.iter().map(Bytes::len).sum::<usize>() * 2);
        let mut cursor = Cursor {
            scanner: Scanner::new(self.json, 0),
            json: self.json,
            attachments: self.attachments,
            budget: &budget,
        };
        read(&mut cursor)
    }
}

struct Cursor<'a> {
    scanner: Scanner<'a>,
    json: &'a [u8],
    attachments: &'a [Bytes],
    budget: &'a Cell<usize>,
}

const CHECKED: &str = "the JSON of a packet is checked when it arrives";

impl<'a> Cursor<'a> {
    /// The attachment, if what comes next is a placeholder.
    fn attachment(&mut self) -> Result<Option<&'a Bytes>, Error> {
        if self.scanner.peek() != Some(b'{') {
            return Ok(None);
        }
        let Some(found) = json::placeholder(self.json, self.scanner.pos()) else {
            return Ok(None);
        };
        self.scanner = Scanner::new(self.json, found.end);
        let bytes = found
            .num
            .and_then(|num| self.attachments.get(num))
            .ok_or_else(|| de::Error::custom("illegal attachment"))?;
        let left = self.budget.get().checked_sub(bytes.len());
        self.budget.set(left.ok_or_else(|| de::Error::custom("attachment used too often"))?);
        Ok(Some(bytes))
    }

    fn leaf(&mut self) -> &'a [u8] {
        self.scanner.value().expect(CHECKED)
    }
}

impl<'de> Deserializer<'de> for &mut Cursor<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.scanner.peek() {
            Some(b'{') => {
                if let Some(bytes) = self.attachment()? {
                    return visitor.visit_byte_buf(bytes.to_vec());
                }
                self.scanner.expect(b'{').expect(CHECKED);
                let value = visitor.visit_map(Entries { cursor: &mut *self, first: true })?;
                finish(self, b'}', value)
            }
            Some(b'[') => {
                self.scanner.expect(b'[').expect(CHECKED);
                let value = visitor.visit_seq(Elements { cursor: &mut *self, first: true })?;
                finish(self, b']', value)
            }
            _ => serde_json::Deserializer::from_slice(self.leaf()).deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.scanner.peek() == Some(b'n') {
            self.leaf();
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.scanner.peek() != Some(b'{') {
            let mut leaf = serde_json::Deserializer::from_slice(self.leaf());
            return leaf.deserialize_enum(name, variants, visitor);
        }
        self.scanner.expect(b'{').expect(CHECKED);
        let value = visitor.visit_enum(Variant(&mut *self))?;
        finish(self, b'}', value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier
    }
}

/// Closes a container whose visitor may have left elements unread.
fn finish<T>(cursor: &mut Cursor<'_>, close: u8, value: T) -> Result<T, Error> {
    if cursor.scanner.take(close) { Ok(value) } else { Err(de::Error::custom("too many elements")) }
}

struct Elements<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    first: bool,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if self.cursor.scanner.peek() == Some(b']') {
            return Ok(None);
        }
        if !std::mem::take(&mut self.first) {
            self.cursor.scanner.expect(b',').expect(CHECKED);
        }
        seed.deserialize(&mut *self.cursor).map(Some)
    }
}

struct Entries<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    first: bool,
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if self.cursor.scanner.peek() == Some(b'}') {
            return Ok(None);
        }
        if !std::mem::take(&mut self.first) {
            self.cursor.scanner.expect(b',').expect(CHECKED);
        }
        let key = self.cursor.scanner.key().expect(CHECKED);
        // A key may stand for a number or a unit variant: serde_json has the rules.
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(&mut *self.cursor)
    }
}

/// The key of an object: text, or a number or truth value in quotes for types that want one.
struct Key<'a>(&'a [u8]);

impl<'a> Key<'a> {
    fn inner(&self) -> &'a [u8] {
        &self.0[1..self.0.len() - 1]
    }
}

macro_rules! unquoted {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            serde_json::Deserializer::from_slice(self.inner()).$method(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Error;

    unquoted! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_slice(self.0).deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_slice(self.0).deserialize_enum(name, variants, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// An enum as an object of one key: `{"Variant":content}`.
struct Variant<'c, 'a>(&'c mut Cursor<'a>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        if self.0.scanner.peek() == Some(b'}') {
            return Err(de::Error::custom("expected the name of a variant"));
        }
        let key = self.0.scanner.key().expect(CHECKED);
        Ok((seed.deserialize(Key(key))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        de::Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }
}

/// What a type asks for: several values, none, or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Nothing,
    Tuple,
    Other,
}

impl Shape {
    pub(crate) fn of<T: DeserializeOwned>() -> Self {
        match T::deserialize(Ask) {
            Ok(_) => Self::Other,
            Err(Found(shape)) => shape,
        }
    }
}

/// Tells nothing but what it is asked for: every answer is an "error".
struct Ask;

#[derive(Debug)]
struct Found(Shape);

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the shape of a type")
    }
}

impl std::error::Error for Found {}

impl de::Error for Found {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self(Shape::Other)
    }
}

impl<'de> Deserializer<'de> for Ask {
    type Error = Found;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found(Shape::Other))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found(Shape::Nothing))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Found> {
        Err(Found(Shape::Tuple))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit_struct newtype_struct seq tuple_struct map struct enum identifier ignored_any
    }
}

/// Writes the value on as it is, its binary values as bytes.
impl Serialize for Binary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let mut scanner = Scanner::new(self.json, 0);
        let part = |json| Binary { json, attachments: self.attachments };
        match scanner.peek() {
            Some(b'{') => {
                if let Some(found) = json::placeholder(self.json, scanner.pos()) {
                    let bytes = found.num.and_then(|num| self.attachments.get(num));
                    let bytes = bytes.ok_or_else(|| S::Error::custom("illegal attachment"))?;
                    return serializer.serialize_bytes(bytes);
                }
                let mut map = serializer.serialize_map(None)?;
                scanner.expect(b'{').expect(CHECKED);
                while scanner.peek() != Some(b'}') {
                    let key = scanner.key().expect(CHECKED);
                    let key: String = serde_json::from_slice(key).map_err(S::Error::custom)?;
                    map.serialize_entry(&key, &part(scanner.value().expect(CHECKED)))?;
                    scanner.take(b',');
                }
                map.end()
            }
            Some(b'[') => {
                let mut seq = serializer.serialize_seq(None)?;
                scanner.expect(b'[').expect(CHECKED);
                while scanner.peek() != Some(b']') {
                    seq.serialize_element(&part(scanner.value().expect(CHECKED)))?;
                    scanner.take(b',');
                }
                seq.end()
            }
            _ => {
                let raw: &RawValue = serde_json::from_slice(self.json).map_err(S::Error::custom)?;
                raw.serialize(serializer)
            }
        }
    }
}
