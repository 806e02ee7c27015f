//! What came with an event, an ack or a CONNECT: still encoded, until somebody wants it typed.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use serde::de::DeserializeOwned;
use serde::de::value::BorrowedStrDeserializer;
use thiserror::Error;

use crate::args::ArgError;
use crate::args::de::{Cursor, List};
use crate::args::shape::Shape;
use crate::json;
use crate::json::placeholder::Places;
use crate::json::{Outline, Scanner};

/// The arguments of an event or of an ack, still encoded.
///
/// They are valid JSON, checked when they arrived; into what types they fit shows when they are
/// read. Cloning copies no payload. To send them on as they are, emit them: `Args` serializes as
/// the arguments that it holds.
///
/// Binary values are wherever the sender put them, at any depth. They deserialize into what takes
/// bytes in serde's sense, such as `bytes::Bytes` (with its feature `serde`) or `serde_bytes`, and
/// never into text. Untagged and internally tagged enums are read by serde from a copy of its own,
/// out of which a `String` takes bytes that are UTF-8: in such an enum, a variant for bytes has to
/// stand before one for text.
#[derive(Clone, Default)]
pub struct Args {
    /// JSON values with commas between them.
    json: Bytes,
    /// How many bytes were taken off the front.
    base: usize,
    /// How many arguments there are.
    count: usize,
    /// How many arguments were taken off.
    shifted: u32,
    /// How many arrays and objects are within each other in an argument, or were in one that was
    /// taken off.
    depth: u32,
    index: Option<Arc<Index>>,
}

/// What is known about the arguments besides their text, as it was before any were taken off.
#[derive(Debug, Default)]
struct Index {
    attachments: Vec<Bytes>,
    places: Places,
    /// Where each of the arguments begins whose number is a multiple of [`STEP`], if there are
    /// more than that.
    marks: Vec<usize>,
}

/// How many arguments may have to be stepped over on the way to one.
const STEP: usize = 16;

const CHECKED: &str = "the JSON of a packet is checked when it arrives";

impl Args {
    /// Takes JSON that was checked: values with commas between them, so many and so deep.
    #[inline]
    pub(crate) fn new(json: Bytes, attachments: Vec<Bytes>, outline: Outline) -> Self {
        let Outline { elements: count, depth } = outline;
        let args = Self { json, count, depth, ..Self::none() };
        if count <= STEP && attachments.is_empty() {
            return args;
        }
        args.with_index(attachments)
    }

    /// Takes one value that was checked.
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
            // What looks like a placeholder is data then.
            [] => Places::default(),
            _ => Places::find(&self.json),
        };
        let index = Some(Arc::new(Index { attachments, places, marks }));
        Self { index, ..self }
    }

    /// No arguments.
    #[must_use]
    pub const fn none() -> Self {
        Self { json: Bytes::new(), base: 0, count: 0, shifted: 0, depth: 0, index: None }
    }

    /// The JSON text of each argument, with placeholders where binary values belong.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let text = |place| std::str::from_utf8(&self.json[place]);
        self.places().map(move |place| text(place).expect("JSON was checked to be UTF-8"))
    }

    /// How many arguments there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no arguments.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The binary values, in the order in which they came.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.index.as_deref().map_or(&[], |index| &index.attachments)
    }

    /// A copy that shares its memory with nothing else: what came may be a small part of a large
    /// body, all of which it would keep.
    pub(crate) fn detached(&self) -> Self {
        let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        let index = self.index.as_deref().map(|index| {
            let Index { attachments, places, marks } = index;
            let attachments = attachments.iter().map(copy).collect();
            Arc::new(Index { attachments, places: places.clone(), marks: marks.clone() })
        });
        Self { json: copy(&self.json), index, ..*self }
    }

    /// The bytes of the arguments, with their binary values: what they take in memory, without a
    /// constant.
    #[must_use]
    pub fn size(&self) -> usize {
        self.json.len() + self.attachments().iter().map(Bytes::len).sum::<usize>()
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

    /// Reads the first argument and takes it off, so that the next one becomes the first. One that
    /// is missing reads as `null`, as in JavaScript.
    ///
    /// # Errors
    ///
    /// If the argument is missing or does not fit the type; it is taken off all the same.
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

    /// The argument at `index` if it is binary itself, without a copy.
    #[must_use]
    pub fn binary(&self, index: usize) -> Option<&Bytes> {
        let Index { attachments, places, .. } = self.index.as_deref()?;
        let start = self.base + self.find(index)?;
        let at = places.placeholders.binary_search_by_key(&start, |found| found.start).ok()?;
        attachments.get(places.placeholders[at].num?)
    }

    /// Reads all arguments: a tuple takes several, `()` none, everything else the first one.
    ///
    /// # Errors
    ///
    /// If they do not fit the type; a tuple takes just as many as it has fields.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ArgError> {
        match Shape::of::<T>() {
            Shape::Nothing => read_plain(0, b"null"),
            Shape::Other => self.get(0),
            Shape::Tuple => T::deserialize(List(&mut self.all())).map_err(|error| {
                let mut cursor = self.all();
                let fault = serde_path_to_error::deserialize::<_, T>(List(&mut cursor)).err();
                ArgError::mismatch(0, &error, fault.map(|fault| fault.path().to_string()))
            }),
        }
    }

    /// Whether each placeholder names an attachment that is there, and none that another one names.
    pub(crate) fn is_complete(&self) -> bool {
        let Some(index) = self.index.as_deref() else { return true };
        // Few bits need no memory of their own.
        let mut few = 0_u64;
        let mut more = vec![false; index.attachments.len().saturating_sub(64)];
        index.places.placeholders.iter().all(|found| match found.num {
            Some(num) if num >= index.attachments.len() => false,
            Some(num @ 0..64) => {
                let is_new = few >> num & 1 == 0;
                few |= 1 << num;
                is_new
            }
            Some(num) => !std::mem::replace(&mut more[num - 64], true),
            None => false,
        })
    }

    /// How many arrays and objects are within each other in an argument, if not more than so many.
    pub(crate) fn depth_within(&self, limit: usize) -> Option<usize> {
        let depth = self.depth as usize;
        if depth <= limit || self.shifted == 0 {
            return Some(depth).filter(|&depth| depth <= limit);
        }
        // The deepest one may be gone.
        let depth = self.places().map(|place| json::depth(&self.json[place])).max();
        Some(depth.unwrap_or(0) as usize).filter(|&depth| depth <= limit)
    }

    /// The text up to each placeholder, with what that stands for, and the text behind them.
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

    /// Walks over all arguments.
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

    /// Where each argument is.
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

    /// Where the argument at `index` begins; looks at fewer than [`STEP`] others.
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

    /// Reads the argument that begins there, and says where it ends.
    fn read<T: DeserializeOwned>(
        &self,
        index: usize,
        start: usize,
    ) -> (Result<T, ArgError>, usize) {
        if let Some((value, end)) = self.read_at_once(start) {
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
        let value = self.cursor(start..end).read().map_err(|error| {
            // Once more, to learn where in it the fault is.
            let mut cursor = self.cursor(start..end);
            let fault = serde_path_to_error::deserialize::<_, T>(&mut cursor).err();
            ArgError::mismatch(index, &error, fault.map(|fault| fault.path().to_string()))
        });
        (value, end)
    }

    /// Reads the argument that begins there in one pass, if it has nothing special, and says where
    /// it ends.
    fn read_at_once<T: DeserializeOwned>(&self, start: usize) -> Option<(T, usize)> {
        if self.holds_binary(start..self.json.len()) {
            return None;
        }
        let rest = &self.json[start..];
        if let Some(text) = json::plain_text(rest) {
            let string = BorrowedStrDeserializer::<Unfit>::new(text);
            if let Ok(value) = T::deserialize(string) {
                return Some((value, start + text.len() + 2));
            }
        }
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter();
        let value = values.next()?.ok()?;
        // A type that reads nothing is none of these.
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
        // Once more, to learn where in it the fault is.
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let fault = serde_path_to_error::deserialize::<_, T>(&mut deserializer).err();
        ArgError::mismatch(index, &error, fault.map(|fault| fault.path().to_string()))
    })
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
