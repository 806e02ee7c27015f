//! Finds out whether a type reads several arguments, one, or none, before any is read.

use std::error::Error;
use std::fmt;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// The number of arguments that a type reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arity {
    /// None, as `()` does.
    None,
    /// One for each field, as tuples do.
    Several,
    /// One, as all other types do.
    One,
}

impl Arity {
    pub(crate) fn of<T: DeserializeOwned>() -> Self {
        match T::deserialize(Probe) {
            Ok(_) => Self::One,
            Err(Answer(arity)) => arity,
        }
    }
}

/// A deserializer without data. It answers the first call of a type with an [`Answer`] as the
/// error.
struct Probe;

#[derive(Debug)]
struct Answer(Arity);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number of arguments of a type")
    }
}

impl Error for Answer {}

impl de::Error for Answer {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(Arity::One)
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Answer;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Answer> {
        Err(Answer(Arity::One))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Answer> {
        Err(Answer(Arity::None))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Answer> {
        Err(Answer(Arity::Several))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit_struct newtype_struct seq tuple_struct map struct enum identifier ignored_any
    }
}
