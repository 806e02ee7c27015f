//! What came with an event, an ack or a CONNECT: still encoded, until somebody wants it typed.

use std::fmt;

use bytes::{Buf, Bytes};
use serde::Deserializer;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeOwned, Visitor};
use serde::ser::{Serialize, SerializeTuple, Serializer};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::de::{Binary, Shape};
use crate::error::EmitError;
use crate::json::{self, Scanner};
use crate::packet::Outgoing;

/// The name of an event. What is no text in it, such as a lone surrogate, was replaced by U+FFFD.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Bytes);

impl Name {
    /// The name of an event that did not come from a client.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Bytes::copy_from_slice(name.as_bytes()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a name is cut out of valid text at character borders")
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads a JSON string that was checked before.
    pub(crate) fn from_json(string: Bytes) -> Self {
        if string.contains(&b'\\') {
            let name = serde_json::Deserializer::from_slice(&string).deserialize_bytes(Lossy);
            return Self(name.expect("the string was checked").into());
        }
        Self(string.slice(1..string.len() - 1))
    }

    pub(crate) const fn from_digits(digits: Bytes) -> Self {
        Self(digits)
    }
}

/// Text as JavaScript has it, in which surrogates may be alone; those are replaced.
struct Lossy;

impl Visitor<'_> for Lossy {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, text: &[u8]) -> Result<String, E> {
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The arguments of an event or of an ack, still encoded.
///
/// They are valid JSON, checked when they arrived; into what types they fit shows when they are
/// read. Cloning copies no payload. To send them on as they are, emit them: `Args` serializes as
/// the arguments that it holds.
///
/// Binary values are wherever the sender put them, at any depth. They deserialize into what takes
/// bytes in serde's sense, such as `bytes::Bytes` (with its feature `serde`) or `serde_bytes`.
#[derive(Clone, Default)]
pub struct Args {
    /// JSON values with commas between them.
    json: Bytes,
    attachments: Vec<Bytes>,
    /// How many arguments were taken off.
    shifted: usize,
}

impl Args {
    pub(crate) const fn new(json: Bytes, attachments: Vec<Bytes>) -> Self {
        Self { json, attachments, shifted: 0 }
    }

    /// No arguments.
    #[must_use]
    pub const fn none() -> Self {
        Self::new(Bytes::new(), Vec::new())
    }

    /// Takes data for arguments: a tuple is several, `()` none, everything else one.
    ///
    /// ```
    /// let args = sockeye_core::Args::of(&(1, "two"))?;
    /// assert_eq!(args.get::<String>(1)?, "two");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the data can't be sent.
    pub fn of(data: &(impl Serialize + ?Sized)) -> Result<Self, EmitError> {
        Outgoing::read_back(data)
    }

    /// The JSON text of each argument, with placeholders where binary values belong.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut rest = Scanner::new(&self.json, 0);
        std::iter::from_fn(move || {
            rest.peek()?;
            let value = rest.value().expect("arguments were checked when they arrived");
            rest.take(b',');
            Some(std::str::from_utf8(value).expect("JSON was checked to be UTF-8"))
        })
    }

    /// How many arguments there are; takes time in proportion to their length.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are no arguments.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The binary values, in the order in which they came.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// The bytes of the arguments, with their binary values.
    pub(crate) fn size(&self) -> usize {
        self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// Reads the argument at `index`. One that is missing reads as `null`, as in JavaScript.
    ///
    /// ```
    /// # fn read(args: sockeye_core::Args) -> Result<(), sockeye_core::ArgError> {
    /// let text: String = args.get(0)?;
    /// let urgent: Option<bool> = args.get(1)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If the argument is missing or does not fit the type.
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T, ArgError> {
        let json = self.iter().nth(index);
        self.read(index, json)
    }

    /// Reads the argument at `index`, or this JSON text if it is missing.
    ///
    /// # Errors
    ///
    /// If the argument, or the text in its place, does not fit the type.
    pub fn get_or<T: DeserializeOwned>(&self, index: usize, json: &str) -> Result<T, ArgError> {
        self.read(index, Some(self.iter().nth(index).unwrap_or(json)))
    }

    /// Reads the first argument and takes it off, so that the next one becomes the first. One that
    /// is missing reads as `null`, as in JavaScript.
    ///
    /// # Errors
    ///
    /// If the argument is missing or does not fit the type; it is taken off all the same.
    pub fn shift<T: DeserializeOwned>(&mut self) -> Result<T, ArgError> {
        let index = self.shifted;
        self.shifted += 1;
        if let Some((value, end)) = self.read_ahead() {
            self.skip(end);
            return Ok(value);
        }
        let mut rest = Scanner::new(&self.json, 0);
        if rest.peek().is_none() {
            return self.read(index, None);
        }
        let value = rest.value().expect("arguments were checked when they arrived");
        let json = std::str::from_utf8(value).expect("JSON was checked to be UTF-8");
        let value = self.read(index, Some(json));
        self.skip(rest.pos());
        value
    }

    /// Reads the first argument in one pass, if it has nothing special; says where it ends.
    fn read_ahead<T: DeserializeOwned>(&self) -> Option<(T, usize)> {
        if !self.attachments.is_empty() {
            return None;
        }
        if let Some(text) = json::plain_text(&self.json) {
            let string = BorrowedStrDeserializer::<Unfit>::new(text);
            if let Ok(value) = T::deserialize(string) {
                return Some((value, text.len() + 2));
            }
        }
        let mut values = serde_json::Deserializer::from_slice(&self.json).into_iter();
        let value = values.next()?.ok()?;
        Some((value, values.byte_offset()))
    }

    /// Takes off what ends there, with the comma behind it.
    fn skip(&mut self, end: usize) {
        let mut rest = Scanner::new(&self.json, end);
        rest.take(b',');
        let end = rest.pos();
        self.json.advance(end);
    }

    /// The argument at `index` if it is binary itself, without a copy.
    #[must_use]
    pub fn binary(&self, index: usize) -> Option<&Bytes> {
        let found = json::placeholder(self.iter().nth(index)?.as_bytes(), 0)?;
        self.attachments.get(found.num?)
    }

    /// Reads all arguments: a tuple takes several, `()` none, everything else the first one.
    ///
    /// # Errors
    ///
    /// If they do not fit the type; a tuple takes just as many as it has fields.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ArgError> {
        match Shape::of::<T>() {
            Shape::Nothing => self.read(0, Some("null")),
            Shape::Other => self.get(0),
            Shape::Tuple => {
                let json = std::str::from_utf8(&self.json).expect("JSON was checked to be UTF-8");
                self.read(0, Some(&format!("[{json}]")))
            }
        }
    }

    fn read<T: DeserializeOwned>(&self, index: usize, json: Option<&str>) -> Result<T, ArgError> {
        let value = match json {
            None => return serde_json::from_str("null").map_err(|_| ArgError::missing(index)),
            Some(json) if self.attachments.is_empty() => serde_json::from_str(json),
            Some(json) => Binary::new(json.as_bytes(), &self.attachments).read(),
        };
        value.map_err(|error| {
            let path = json.and_then(|json| self.path_of_fault::<T>(json)).unwrap_or_default();
            ArgError { index, path, problem: Problem::Mismatch(error) }
        })
    }

    /// Reads a value that does not fit once more, to learn where in it the fault is.
    fn path_of_fault<T: DeserializeOwned>(&self, json: &str) -> Option<String> {
        let path = if self.attachments.is_empty() {
            let mut deserializer = serde_json::Deserializer::from_str(json);
            let fault = serde_path_to_error::deserialize::<_, T>(&mut deserializer).err()?;
            fault.path().to_string()
        } else {
            Binary::new(json.as_bytes(), &self.attachments).path_of_fault::<T>()?
        };
        // What is of no use to a reader: the value itself, and parts that could not be named.
        (path != "." && !path.contains('?')).then_some(path)
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A plain string is not enough for the type.
#[derive(Debug, Error)]
#[error("a string does not fit")]
struct Unfit;

impl serde::de::Error for Unfit {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Writes the arguments as they came: as a tuple of them, so that emitting `Args` sends each one.
impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let mut tuple = serializer.serialize_tuple(self.len())?;
        for json in self.iter() {
            if self.attachments.is_empty() {
                let raw: &RawValue = serde_json::from_str(json).map_err(Error::custom)?;
                tuple.serialize_element(raw)?;
            } else {
                tuple.serialize_element(&Binary::new(json.as_bytes(), &self.attachments))?;
            }
        }
        tuple.end()
    }
}

/// Why an argument can't be read.
#[derive(Debug, Error)]
#[error("argument {index}{}: {problem}", At(.path))]
pub struct ArgError {
    index: usize,
    /// Where the fault is within the argument; empty for the argument itself.
    path: String,
    problem: Problem,
}

/// Shows a path after the number of the argument.
struct At<'a>(&'a str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", field `{}`", self.0) }
    }
}

#[derive(Debug, Error)]
enum Problem {
    #[error("missing")]
    Missing,
    #[error("{0}")]
    Mismatch(serde_json::Error),
}

impl ArgError {
    const fn missing(index: usize) -> Self {
        Self { index, path: String::new(), problem: Problem::Missing }
    }

    /// The same fault, in what is the field of this name to the reader.
    #[must_use]
    pub fn in_field(mut self, name: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => name.to_owned(),
            path if path.starts_with('[') => format!("{name}{path}"),
            path => format!("{name}.{path}"),
        };
        self
    }

    /// Where in the argument the fault is, like `user.tags[2]`; empty if it is the argument itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Which argument it is, counted from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Whether the argument is not there at all.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self.problem, Problem::Missing)
    }
}
