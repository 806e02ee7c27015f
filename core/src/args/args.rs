//! The arguments of a packet that arrived, as JSON text until they are read.
//!
//! Reading costs what the arguments that are read are long: nothing is parsed on arrival, and the
//! index finds an argument or a placeholder without a look at all of the text before it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeOwned, Deserializer};
use thiserror::Error;

use crate::args::ArgError;
use crate::args::arity::Arity;
use crate::args::deserialize::{ArgumentList, Cursor};
use crate::json;
use crate::json::placeholder::Placeholders;
use crate::json::{Outline, Scanner};

/// The arguments of an event or acknowledgement, still encoded.
///
/// They are valid JSON, checked on arrival. Whether they fit a type is known when they are read.
/// Cloning copies no payload. `Args` serializes as the arguments that it holds, so emitting it
/// sends them on unchanged.
///
/// Binary values stand where the sender put them, at any depth. They deserialize into types that
/// take bytes in serde's sense, such as `bytes::Bytes` (with its feature `serde`) or those of
/// `serde_bytes`, and never into text. Untagged and internally tagged enums are the exception: serde
/// reads them from a buffered copy, from which a `String` takes bytes that are UTF-8. In such an
/// enum, put a variant for bytes before one for text.
#[derive(Clone, Default)]
pub struct Args {
    /// JSON values with commas between them.
    json: Bytes,
    /// The number of bytes of arguments that [`shift`](Self::shift) has removed from the front.
    /// Positions in the index count from before them.
    base: usize,
    /// The number of arguments.
    count: usize,
    /// The number of arguments that `shift` has removed.
    shifted: u32,
    /// The greatest number of arrays and objects within each other, those of removed arguments
    /// included.
    depth: u32,
    /// Absent for a few arguments without attachments.
    index: Option<Arc<Index>>,
}

/// Attachments and positions. The positions are those before any argument was removed.
#[derive(Debug, Default)]
struct Index {
    attachments: Vec<Bytes>,
    places: Placeholders,
    /// The start of every argument whose number is a multiple of [`STEP`]; empty if there are no
    /// more than that.
    marks: Vec<usize>,
}

/// The greatest number of arguments that are scanned to find one.
const STEP: usize = 16;

const CHECKED: &str = "the JSON of a packet is checked when it arrives";

impl Args {
    /// Creates arguments from valid JSON values with commas between them. `outline` has their
    /// number and depth.
    #[inline]
    pub(crate) fn new(json: Bytes, attachments: Vec<Bytes>, outline: Outline) -> Self {
        let Outline { elements: count, depth } = outline;
        let args = Self { json, count, depth, ..Self::none() };
        if count <= STEP && attachments.is_empty() {
            return args;
        }
        args.with_index(attachments)
    }

    /// Creates a single argument from a valid JSON value.
    pub(crate) fn one(json: Bytes) -> Self {
        let outline = Outline { depth: json::depth(&json), elements: 1 };
        Self::new(json, Vec::new(), outline)
    }

    fn with_index(self, attachments: Vec<Bytes>) -> Self {
        let marks = match self.count {
            ..=STEP => Vec::new(),
            _ => self.places().step_by(STEP).map(|place| place.start).collect(),
        };
        let places = match &*attachments {
            // An object that looks like a placeholder is data then.
            [] => Placeholders::default(),
            _ => Placeholders::find(&self.json),
        };
        let index = Some(Arc::new(Index { attachments, places, marks }));
        Self { index, ..self }
    }

    /// Returns no arguments.
    #[must_use]
    pub const fn none() -> Self {
        Self { json: Bytes::new(), base: 0, count: 0, shifted: 0, depth: 0, index: None }
    }

    /// Returns the JSON text of each argument, with placeholders in the place of binary values.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let text = |place| std::str::from_utf8(&self.json[place]);
        self.places().map(move |place| text(place).expect("JSON was checked to be UTF-8"))
    }

    /// Returns the number of arguments.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Returns whether there are no arguments.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the attachments, in the order of their numbers.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.index.as_deref().map_or(&[], |index| &index.attachments)
    }

    /// Returns a copy with memory of its own. Arguments that arrived share that of the whole
    /// message or body, and keep all of it.
    pub(crate) fn detached(&self) -> Self {
        let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        let index = self.index.as_deref().map(|index| {
            let Index { attachments, places, marks } = index;
            let attachments = attachments.iter().map(copy).collect();
            Arc::new(Index { attachments, places: places.clone(), marks: marks.clone() })
        });
        Self { json: copy(&self.json), index, ..*self }
    }

    /// Returns the number of bytes of the arguments with their attachments, without the constant
    /// part of their memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.json.len() + self.attachments().iter().map(Bytes::len).sum::<usize>()
    }

    /// Reads the argument at `index`. A missing one reads as `null`, as in JavaScript.
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
        match self.find(index) {
            Some(start) => self.read(index, start).0,
            None => read_missing(index),
        }
    }

    /// Reads the argument at `index`, or this JSON text if it is missing.
    ///
    /// # Errors
    ///
    /// If the argument, or the text in its place, does not fit the type.
    pub fn get_or<T: DeserializeOwned>(&self, index: usize, json: &str) -> Result<T, ArgError> {
        match self.find(index) {
            Some(start) => self.read(index, start).0,
            None => read_plain(index, json.as_bytes()),
        }
    }

    /// Removes the first argument and reads it. A missing one reads as `null`, as in JavaScript.
    ///
    /// # Errors
    ///
    /// If the argument is missing or does not fit the type. It is removed all the same.
    pub fn shift<T: DeserializeOwned>(&mut self) -> Result<T, ArgError> {
        let index = self.shifted as usize;
        self.shifted = self.shifted.saturating_add(1);
        self.count = self.count.saturating_sub(1);
        let Some(start) = self.find(0) else { return read_missing(index) };
        let (value, end) = self.read(index, start);
        let behind = {
            let mut rest = Scanner::new(&self.json, end);
            rest.take(b',');
            rest.pos()
        };
        self.json.advance(behind);
        self.base += behind;
        value
    }

    /// Returns the argument at `index` without a copy if it is a binary value.
    #[must_use]
    pub fn binary(&self, index: usize) -> Option<&Bytes> {
        let Index { attachments, places, .. } = self.index.as_deref()?;
        let start = self.base + self.find(index)?;
        let at = places.placeholders.binary_search_by_key(&start, |found| found.start).ok()?;
        attachments.get(places.placeholders[at].num?)
    }

    /// Reads all arguments: a tuple reads one for each field, `()` none, any other type the first.
    ///
    /// # Errors
    ///
    /// If they do not fit the type. A tuple takes exactly as many as it has fields.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ArgError> {
        match Arity::of::<T>() {
            Arity::None => read_plain(0, b"null"),
            Arity::One => self.get(0),
            Arity::Several => T::deserialize(ArgumentList(&mut self.all()))
                .map_err(|error| mismatch::<T, _>(0, &error, ArgumentList(&mut self.all()))),
        }
    }

    /// Returns whether each placeholder names an existing attachment that no other one names.
    pub(crate) fn is_complete(&self) -> bool {
        let Some(index) = self.index.as_deref() else { return true };
        // The attachments that are named so far. 64 bits need no allocation.
        let mut first = 0_u64;
        let mut more = vec![false; index.attachments.len().saturating_sub(64)];
        index.places.placeholders.iter().all(|found| match found.num {
            Some(num) if num >= index.attachments.len() => false,
            Some(num @ 0..64) => {
                let is_new = first >> num & 1 == 0;
                first |= 1 << num;
                is_new
            }
            Some(num) => !std::mem::replace(&mut more[num - 64], true),
            None => false,
        })
    }

    /// Returns the depth of the arguments, unless it exceeds `limit`.
    pub(crate) fn depth_within(&self, limit: usize) -> Option<usize> {
        let depth = self.depth as usize;
        if depth <= limit || self.shifted == 0 {
            return Some(depth).filter(|&depth| depth <= limit);
        }
        // The deepest argument may have been removed.
        let depth = self.places().map(|place| json::depth(&self.json[place])).max();
        Some(depth.unwrap_or(0) as usize).filter(|&depth| depth <= limit)
    }

    /// Returns the text before each placeholder with its attachment, then the text behind the last.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (&[u8], Option<&Bytes>)> {
        let (placeholders, attachments) = match self.index.as_deref() {
            Some(Index { places, attachments, .. }) => (&*places.placeholders, &**attachments),
            None => (&[][..], &[][..]),
        };
        let before = placeholders.partition_point(|found| found.start < self.base);
        let mut placeholders = placeholders[before..].iter();
        let mut from = Some(0);
        std::iter::from_fn(move || {
            let start = from?;
            let Some(found) = placeholders.next() else {
                from = None;
                return Some((&self.json[start..], None));
            };
            from = Some(found.end - self.base);
            let binary = found.num.and_then(|num| attachments.get(num));
            Some((&self.json[start..found.start - self.base], binary))
        })
    }

    /// Returns a cursor over all arguments.
    pub(crate) fn all(&self) -> Cursor<'_> {
        self.cursor(0..self.json.len())
    }

    fn cursor(&self, place: Range<usize>) -> Cursor<'_> {
        let offset = self.base + place.start;
        let text = &self.json[place];
        match self.index.as_deref() {
            Some(Index { attachments, places, .. }) => {
                Cursor::new(text, offset, places, attachments)
            }
            None => Cursor::plain(text),
        }
    }

    /// Returns the position of each argument.
    fn places(&self) -> impl Iterator<Item = Range<usize>> {
        let mut rest = Scanner::new(&self.json, 0);
        std::iter::from_fn(move || {
            rest.peek()?;
            let start = rest.pos();
            rest.value().expect(CHECKED);
            let end = rest.pos();
            rest.take(b',');
            Some(start..end)
        })
    }

    /// Returns the start of the argument at `index`, scanning fewer than [`STEP`] others.
    #[inline]
    fn find(&self, index: usize) -> Option<usize> {
        let (mut from, mut ahead) = (0, index);
        if index >= STEP {
            let number = self.shifted as usize + index;
            // There are as many arguments only if there are marks.
            let mark = *self.index.as_deref()?.marks.get(number / STEP)?;
            (from, ahead) = (mark - self.base, number % STEP);
        }
        let mut rest = Scanner::new(&self.json, from);
        while rest.peek().is_some() {
            if ahead == 0 {
                return Some(rest.pos());
            }
            ahead -= 1;
            rest.value().expect(CHECKED);
            rest.take(b',');
        }
        None
    }

    /// Reads the argument that begins at `start`; returns its end, too.
    fn read<T: DeserializeOwned>(
        &self,
        index: usize,
        start: usize,
    ) -> (Result<T, ArgError>, usize) {
        if let Some((value, end)) = self.read_in_one_pass(start) {
            return (Ok(value), end);
        }
        let end = {
            let mut rest = Scanner::new(&self.json, start);
            rest.value().expect(CHECKED);
            rest.pos()
        };
        if !self.holds_binary(start..end) {
            return (read_plain(index, &self.json[start..end]), end);
        }
        let value = self
            .cursor(start..end)
            .read()
            .map_err(|error| mismatch::<T, _>(index, &error, &mut self.cursor(start..end)));
        (value, end)
    }

    /// Reads the argument that begins at `start` without looking for its end first; returns its
    /// end, too. `None` if it does not fit the type, or if a binary value may be in it.
    fn read_in_one_pass<T: DeserializeOwned>(&self, start: usize) -> Option<(T, usize)> {
        if self.holds_binary(start..self.json.len()) {
            return None;
        }
        let rest = &self.json[start..];
        if let Some(text) = json::plain_text(rest) {
            let string = BorrowedStrDeserializer::<NotAString>::new(text);
            if let Ok(value) = T::deserialize(string) {
                return Some((value, start + text.len() + 2));
            }
        }
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter();
        let value = values.next()?.ok()?;
        // A type that reads nothing leaves the end unknown.
        Some((value, start + values.byte_offset())).filter(|(_, end)| *end > start)
    }

    fn holds_binary(&self, place: Range<usize>) -> bool {
        let Some(index) = self.index.as_deref() else { return false };
        let placeholders = &index.places.placeholders;
        let before = placeholders.partition_point(|found| found.start < self.base + place.start);
        placeholders.get(before).is_some_and(|found| found.start < self.base + place.end)
    }
}

fn read_missing<T: DeserializeOwned>(index: usize) -> Result<T, ArgError> {
    serde_json::from_str("null").map_err(|_| ArgError::missing(index))
}

fn read_plain<T: DeserializeOwned>(index: usize, json: &[u8]) -> Result<T, ArgError> {
    serde_json::from_slice(json).map_err(|error| {
        mismatch::<T, _>(index, &error, &mut serde_json::Deserializer::from_slice(json))
    })
}

/// Reads an argument once more, to find the path of an error in it.
fn mismatch<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    index: usize,
    error: &serde_json::Error,
    again: D,
) -> ArgError {
    let failed = serde_path_to_error::deserialize::<_, T>(again).err();
    ArgError::mismatch(index, error, failed.map(|failed| failed.path().to_string()))
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The type does not read a plain string. The slower way finds out why.
#[derive(Debug, Error)]
#[error("a string does not fit")]
struct NotAString;

impl serde::de::Error for NotAString {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
