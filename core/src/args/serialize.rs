//! Serializes arguments as they arrived, in one pass.
//!
//! The serializer of packets takes them without a copy, see `shared.rs`. What is here serves other
//! serializers, such as that of serde_json.

use std::cell::RefCell;

use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, SerializeTuple, Serializer};
use serde_json::value::RawValue;

use crate::args::Args;
use crate::args::deserialize::{Cursor, Next};
use crate::args::shared;
use crate::args::shared::Shared;
use crate::json::unescape::unescape;

/// Serializes the arguments as a tuple, so that emitting `Args` sends each one as an argument.
impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(shared::NAME, &Tuple(self))
    }
}

struct Tuple<'a>(&'a Args);

impl Serialize for Tuple<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let args = self.0;
        let mut tuple = serializer
            .serialize_tuple(args.len())
            .inspect_err(|error| shared::respond(error, || Shared::Args(args.clone())))?;
        let cursor = RefCell::new(args.all());
        let mut first = true;
        while next(&cursor, &mut first, None)? {
            pass(&cursor, |value| tuple.serialize_element(value))?;
        }
        tuple.end()
    }
}

/// The next value of a cursor. Its parts are written while the cursor passes them, so that nothing
/// is scanned once for each level of nesting.
struct Value<'c, 'a>(&'c RefCell<Cursor<'a>>);

impl Serialize for Value<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cursor = self.0;
        let found = cursor.borrow_mut().next().map_err(S::Error::custom)?;
        match found {
            Next::Binary(bytes) => serializer.serialize_bytes(bytes),
            Next::Plain => {
                let json = cursor.borrow_mut().skip().map_err(S::Error::custom)?;
                let raw: &RawValue = serde_json::from_slice(json).map_err(S::Error::custom)?;
                raw.serialize(serializer)
            }
            Next::Parent(open) => {
                cursor.borrow_mut().enter();
                let mut first = true;
                if open == b'[' {
                    let mut seq = serializer.serialize_seq(None)?;
                    while next(cursor, &mut first, Some(b']'))? {
                        pass(cursor, |value| seq.serialize_element(value))?;
                    }
                    cursor.borrow_mut().leave();
                    return seq.end();
                }
                let mut map = serializer.serialize_map(None)?;
                while next(cursor, &mut first, Some(b'}'))? {
                    let key = cursor.borrow_mut().key().map_err(S::Error::custom)?;
                    let key = std::str::from_utf8(&key[1..key.len() - 1]);
                    let key = unescape(key.map_err(S::Error::custom)?);
                    pass(cursor, |value| map.serialize_entry(&key, value))?;
                }
                cursor.borrow_mut().leave();
                map.end()
            }
        }
    }
}

fn next<E: serde::ser::Error>(
    cursor: &RefCell<Cursor<'_>>,
    first: &mut bool,
    close: Option<u8>,
) -> Result<bool, E> {
    cursor.borrow_mut().element(first, close).map_err(E::custom)
}

/// Passes a value to a serializer, and skips it if the serializer has ignored it.
fn pass<'a, E: serde::ser::Error>(
    cursor: &RefCell<Cursor<'a>>,
    write: impl FnOnce(&Value<'_, 'a>) -> Result<(), E>,
) -> Result<(), E> {
    let before = cursor.borrow().pos();
    write(&Value(cursor))?;
    let mut cursor = cursor.borrow_mut();
    if cursor.pos() == before {
        cursor.skip().map_err(E::custom)?;
    }
    Ok(())
}
