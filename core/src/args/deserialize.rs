//! Deserializes JSON in which `{"_placeholder":true,"num":0}` stands for the first attachment.
//!
//! serde_json reads every value without a placeholder in it. A [`Cursor`] walks through the arrays
//! and objects that contain one, as serde_json would, and yields the attachment of each
//! placeholder.

use bytes::Bytes;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Error;
use serde_json::de::SliceRead;

use crate::args::byte_seq;
use crate::json::Scanner;
use crate::json::placeholder::{Placeholder, Placeholders};

/// Walks forward over valid JSON.
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    scanner: Scanner<'a>,
    /// The position of the text in the whole, from which the positions of placeholders count.
    offset: usize,
    placeholders: &'a [Placeholder],
    parents: &'a [usize],
    attachments: &'a [Bytes],
}

/// The kind of the next value.
pub(crate) enum Next<'a> {
    /// A placeholder for this attachment.
    Binary(&'a Bytes),
    /// An array or object with a placeholder in it; it begins with this byte.
    Parent(u8),
    /// A value without a placeholder.
    Plain,
}

impl<'a> Cursor<'a> {
    /// Creates a cursor over text that begins at `offset` of the whole.
    pub(crate) fn new(
        text: &'a [u8],
        offset: usize,
        places: &'a Placeholders,
        attachments: &'a [Bytes],
    ) -> Self {
        let Placeholders { placeholders, parents } = places;
        let before = placeholders.partition_point(|found| found.start < offset);
        let outside = parents.partition_point(|&start| start < offset);
        Self {
            offset,
            placeholders: &placeholders[before..],
            parents: &parents[outside..],
            attachments,
            ..Self::plain(text)
        }
    }

    /// Creates a cursor over text without placeholders.
    pub(crate) const fn plain(text: &'a [u8]) -> Self {
        let scanner = Scanner::new(text, 0);
        Self { text, scanner, offset: 0, placeholders: &[], parents: &[], attachments: &[] }
    }

    /// Reads the text as one value.
    pub(crate) fn read<T: DeserializeOwned>(mut self) -> Result<T, Error> {
        let value = T::deserialize(&mut self)?;
        if self.scanner.peek().is_none() { Ok(value) } else { Err(incomplete()) }
    }

    /// Returns whether the next value is without placeholders.
    fn is_plain(&mut self) -> bool {
        let Some(b'{' | b'[') = self.scanner.peek() else { return true };
        self.drop_passed();
        let at = self.offset + self.scanner.pos();
        self.placeholders.first().is_none_or(|found| found.start != at)
            && self.parents.first() != Some(&at)
    }

    /// Drops the positions before the next value.
    fn drop_passed(&mut self) {
        let at = self.offset + self.scanner.pos();
        let behind = self.placeholders.iter().take_while(|found| found.start < at).count();
        self.placeholders = &self.placeholders[behind..];
        let behind = self.parents.iter().take_while(|&&start| start < at).count();
        self.parents = &self.parents[behind..];
    }

    /// Returns the kind of the next value; steps over it if it is binary.
    pub(crate) fn next(&mut self) -> Result<Next<'a>, Error> {
        let Some(open @ (b'{' | b'[')) = self.scanner.peek() else { return Ok(Next::Plain) };
        if self.is_plain() {
            return Ok(Next::Plain);
        }
        let at = self.offset + self.scanner.pos();
        let here = self.placeholders.first().filter(|found| found.start == at);
        let Some(&Placeholder { end, num, .. }) = here else { return Ok(Next::Parent(open)) };
        self.scanner.skip_to(end - self.offset);
        let bytes = num.and_then(|num| self.attachments.get(num));
        bytes.map(Next::Binary).ok_or_else(|| fault("illegal attachment"))
    }

    /// Steps over a value and returns its text.
    pub(crate) fn skip(&mut self) -> Result<&'a [u8], Error> {
        self.scanner.value().map_err(|_| incomplete())
    }

    /// Steps over the beginning of a container.
    pub(crate) fn enter(&mut self) {
        self.scanner.step();
    }

    /// Steps over the end of a container.
    pub(crate) fn leave(&mut self) {
        self.scanner.step();
    }

    /// Steps to the next element; false if there is none before the end of the container.
    pub(crate) fn element(&mut self, first: &mut bool, close: Option<u8>) -> Result<bool, Error> {
        let next = self.scanner.peek();
        if next == close {
            return Ok(false);
        }
        if !std::mem::take(first) && !self.scanner.take(b',') {
            return Err(incomplete());
        }
        Ok(true)
    }

    /// Steps over a key and returns it with its quotes.
    pub(crate) fn key(&mut self) -> Result<&'a [u8], Error> {
        self.scanner.key().map_err(|_| incomplete())
    }

    pub(crate) fn pos(&self) -> usize {
        self.scanner.pos()
    }

    /// Lets serde_json read the next value, which is without placeholders.
    fn delegate<T>(
        &mut self,
        read: impl FnOnce(&mut serde_json::Deserializer<SliceRead<'a>>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let start = self.scanner.pos();
        // `from_str` would be faster, but serde_json then splits characters of a key that should be
        // `true` or `false` and is not.
        let mut json = serde_json::Deserializer::from_slice(&self.text[start..]);
        let value = read(&mut json)?;
        let length = json.into_iter::<IgnoredAny>().byte_offset();
        #[cfg(any(test, fuzzing))]
        crate::cost::count(length);
        self.scanner.skip_to(start + length);
        Ok(value)
    }

    fn array<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.enter();
        let value = visitor.visit_seq(Elements::new(self, Some(b']')))?;
        self.close(b']', value)
    }

    fn object<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.enter();
        let value = visitor.visit_map(Entries { cursor: &mut *self, first: true })?;
        self.close(b'}', value)
    }

    /// Closes a container whose visitor may have left elements unread.
    fn close<T>(&mut self, close: u8, value: T) -> Result<T, Error> {
        if self.scanner.take(close) { Ok(value) } else { Err(fault("too many elements")) }
    }
}

fn fault(message: &str) -> Error {
    de::Error::custom(message)
}

/// The error of a type that has not read all of a value, or has read beyond its end.
fn incomplete() -> Error {
    fault("a value was not read to its end")
}

/// The error of a type that does not read this kind of value.
fn invalid_type<'de, V: Visitor<'de>>(next: &Next<'de>, visitor: &V) -> Error {
    let unexpected = match next {
        Next::Binary(bytes) => Unexpected::Bytes(bytes),
        Next::Parent(b'[') => Unexpected::Seq,
        Next::Parent(_) | Next::Plain => Unexpected::Map,
    };
    de::Error::invalid_type(unexpected, visitor)
}

/// The methods for types that read neither binary values nor arrays nor objects.
macro_rules! scalars {
    ($($method:ident($($argument:ident: $type:ty)?);)*) => {
        $(fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)?
            visitor: V,
        ) -> Result<V::Value, Error> {
            match self.next()? {
                Next::Plain => self.delegate(|json| json.$method($($argument,)? visitor)),
                other @ (Next::Parent(_) | Next::Binary(_)) => Err(invalid_type(&other, &visitor)),
            }
        })*
    };
}

/// The methods for types that may read binary values, and arrays or objects or both.
macro_rules! containers {
    ($($method:ident($($argument:ident: $type:ty),*)
        $([$array:ident])? $({$object:ident})? $(<$of_bytes:ident>)?;)*) => {
        $(fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, Error> {
            match self.next()? {
                Next::Plain => self.delegate(|json| json.$method($($argument,)* visitor)),
                Next::Binary(bytes) => containers!(@ bytes, visitor $($of_bytes)?),
                $(Next::Parent(b'[') => self.$array(visitor),)?
                $(Next::Parent(b'{') => self.$object(visitor),)?
                other @ Next::Parent(_) => Err(invalid_type(&other, &visitor)),
            }
        })*
    };
    (@ $bytes:ident, $visitor:ident) => {
        $visitor.visit_borrowed_bytes($bytes)
    };
    (@ $bytes:ident, $visitor:ident byte_seq) => {
        byte_seq::read($bytes, $visitor)
    };
}

impl<'de> Deserializer<'de> for &mut Cursor<'de> {
    type Error = Error;

    containers! {
        deserialize_any() [array] {object};
        deserialize_bytes() [array];
        deserialize_byte_buf() [array];
        deserialize_seq() [array] <byte_seq>;
        deserialize_tuple(length: usize) [array] <byte_seq>;
        deserialize_tuple_struct(name: &'static str, length: usize) [array] <byte_seq>;
        deserialize_map() {object};
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) [array] {object};
    }

    // Binary values never become text, even if they are valid UTF-8.
    scalars! {
        deserialize_str();
        deserialize_string();
        deserialize_char();
        deserialize_identifier();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_plain() {
            return self.delegate(|json| json.deserialize_option(visitor));
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.is_plain() {
            return self.delegate(|json| json.deserialize_newtype_struct(name, visitor));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.next()? {
            Next::Plain => self.delegate(|json| json.deserialize_enum(name, variants, visitor)),
            Next::Parent(b'{') => {
                self.enter();
                let value = visitor.visit_enum(Variant(&mut *self))?;
                self.close(b'}', value)
            }
            other @ (Next::Parent(_) | Next::Binary(_)) => Err(invalid_type(&other, &visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.skip()?;
        visitor.visit_unit()
    }
}

/// Values with commas between them, as the elements of one array.
pub(crate) struct ArgumentList<'c, 'a>(pub(crate) &'c mut Cursor<'a>);

impl<'de> Deserializer<'de> for ArgumentList<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = visitor.visit_seq(Elements::new(self.0, None))?;
        match self.0.scanner.peek() {
            None => Ok(value),
            Some(_) => Err(fault("too many elements")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

struct Elements<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    first: bool,
    close: Option<u8>,
}

impl<'c, 'a> Elements<'c, 'a> {
    const fn new(cursor: &'c mut Cursor<'a>, close: Option<u8>) -> Self {
        Self { cursor, first: true, close }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if !self.cursor.element(&mut self.first, self.close)? {
            return Ok(None);
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
        if !self.cursor.element(&mut self.first, Some(b'}'))? {
            return Ok(None);
        }
        seed.deserialize(Key(self.cursor.key()?)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(&mut *self.cursor)
    }
}

/// A variant of an enum, the only key of an object: `{"Variant":content}`.
struct Variant<'c, 'a>(&'c mut Cursor<'a>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let key = self.0.key()?;
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
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_struct("", fields, visitor)
    }
}

/// The key of an object: text, or a number or boolean in quotes for types that read one.
struct Key<'a>(&'a [u8]);

impl<'a> Key<'a> {
    /// Reads the text between the quotes, if its first byte is one that `begins` accepts.
    fn unquoted<T>(
        &self,
        begins: impl Fn(u8) -> bool,
        read: impl FnOnce(&mut serde_json::Deserializer<SliceRead<'a>>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let text = &self.0[1..self.0.len() - 1];
        let mut json = serde_json::Deserializer::from_slice(text);
        if !text.first().copied().is_some_and(begins) {
            return Err(fault("a key does not fit"));
        }
        let value = read(&mut json)?;
        if json.into_iter::<IgnoredAny>().byte_offset() < text.len() {
            return Err(fault("a key does not fit"));
        }
        Ok(value)
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.unquoted(|byte| byte == b'-' || byte.is_ascii_digit(), |json| json.$method(visitor))
        })*
    };
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Error;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_f32 deserialize_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.unquoted(|byte| matches!(byte, b't' | b'f'), |json| json.deserialize_bool(visitor))
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
