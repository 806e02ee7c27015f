//! From MessagePack values to JSON text, in which `{"_placeholder":true,"num":0}` stands for the
//! first attachment.
//!
//! It is the form in which all parsers hand data to the core. Nothing recurses, and each limit holds
//! while values are read.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::Number;
use sockeye_core::packet::{Limits, PacketError};

use crate::MAX_SAFE_INTEGER;
use crate::date::iso_date;
use crate::reader::{Reader, Token};

/// A value that is being translated.
#[derive(Debug)]
pub(crate) struct Json<'a> {
    message: &'a Bytes,
    json: String,
    attachments: Vec<Bytes>,
    /// The bytes of all attachments.
    attached: usize,
    open: Vec<Container>,
    /// Whether a map has the key `_placeholder`. Next to attachments, it could be mistaken for one.
    has_placeholder_key: bool,
}

/// A container that is not complete yet.
#[derive(Debug)]
struct Container {
    /// The values, or pairs of a map, that are still to come.
    left: u64,
    is_map: bool,
    /// Whether nothing was written into it yet, so that no comma is due.
    is_empty: bool,
}

/// The key of a map. Integers become text, as in JavaScript.
enum Key<'a> {
    Text(&'a str),
    Number(String),
}

impl<'a> Key<'a> {
    fn of(token: Token<'a>) -> Result<Self, PacketError> {
        if let Token::Text(text) = token {
            return Ok(Self::Text(text));
        }
        if let Token::Unsigned(number) = token {
            return Ok(Self::Number(number.to_string()));
        }
        let Token::Negative(number) = token else { return Err(PacketError::Payload) };
        Ok(Self::Number(number.to_string()))
    }
}

impl<'a> Json<'a> {
    /// Reads the next value and returns it as JSON text with its attachments. The text is empty for
    /// `undefined` and `nil`.
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        limits: Limits,
    ) -> Result<(String, Vec<Bytes>), PacketError> {
        let mut this = Self {
            message: reader.message(),
            json: String::new(),
            attachments: Vec::new(),
            attached: 0,
            open: Vec::new(),
            has_placeholder_key: false,
        };
        let first = reader.next()?;
        if matches!(first, Token::Nil | Token::Undefined) {
            return Ok((this.json, this.attachments));
        }
        this.token(first, limits)?;
        while this.continues(reader)? {
            this.token(reader.next()?, limits)?;
        }
        if this.has_placeholder_key && !this.attachments.is_empty() {
            return Err(PacketError::Placeholder);
        }
        Ok((this.json, this.attachments))
    }

    fn token(&mut self, token: Token<'_>, limits: Limits) -> Result<(), PacketError> {
        match token {
            Token::Nil | Token::Undefined => self.raw("null"),
            Token::Bool(true) => self.raw("true"),
            Token::Bool(false) => self.raw("false"),
            Token::Unsigned(number) => self.display(number),
            Token::Negative(number) => self.display(number),
            Token::Float(number) => self.float(number),
            Token::Text(text) => self.text(text),
            Token::Binary(bytes) => self.binary(bytes, limits)?,
            Token::Date(millis) => match iso_date(millis) {
                Some(date) => self.text(&date),
                None => self.raw("null"),
            },
            Token::Extension(kind, bytes) => {
                self.raw("[");
                self.display(kind);
                self.raw(",");
                self.binary(bytes, limits)?;
                self.raw("]");
            }
            Token::Array(left) => self.enter(left, false, limits)?,
            Token::Map(left) => self.enter(left, true, limits)?,
        }
        if self.json.len() + self.attached > limits.bytes {
            return Err(PacketError::TooLarge);
        }
        Ok(())
    }

    fn enter(&mut self, left: u64, is_map: bool, limits: Limits) -> Result<(), PacketError> {
        if self.open.len() >= limits.depth {
            return Err(PacketError::Payload);
        }
        self.raw(if is_map { "{" } else { "[" });
        self.open.push(Container { left, is_map, is_empty: true });
        Ok(())
    }

    /// Closes the containers that are complete, and writes the comma and the key in front of the next
    /// value; returns false if the outermost value is complete.
    fn continues(&mut self, reader: &mut Reader<'a>) -> Result<bool, PacketError> {
        while let Some(open) = self.open.last_mut() {
            if open.left == 0 {
                let close = if open.is_map { "}" } else { "]" };
                self.open.pop();
                self.raw(close);
                continue;
            }
            open.left -= 1;
            let key = if open.is_map { Some(Key::of(reader.next()?)?) } else { None };
            // As `JSON.stringify` does, without the key.
            if key.is_some() && reader.take_undefined() {
                continue;
            }
            if !std::mem::take(&mut open.is_empty) {
                self.raw(",");
            }
            if let Some(key) = key {
                self.has_placeholder_key |= matches!(key, Key::Text("_placeholder"));
                match key {
                    Key::Text(text) => self.text(text),
                    Key::Number(number) => self.text(&number),
                }
                self.raw(":");
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn binary(&mut self, bytes: &[u8], limits: Limits) -> Result<(), PacketError> {
        if self.attachments.len() == limits.attachments {
            return Err(PacketError::TooMany);
        }
        self.raw("{\"_placeholder\":true,\"num\":");
        self.display(self.attachments.len());
        self.raw("}");
        self.attached += bytes.len();
        self.attachments.push(self.message.slice_ref(bytes));
        Ok(())
    }

    fn float(&mut self, number: f64) {
        if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER {
            self.display(number as i64);
        } else if let Some(number) = Number::from_f64(number) {
            self.display(number);
        } else {
            // NaN and the infinities, which JSON has not.
            self.raw("null");
        }
    }

    /// Writes a string.
    fn text(&mut self, text: &str) {
        let is_special = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
        self.json.reserve(text.len() + 2);
        self.raw("\"");
        // Without branches, so that the compiler uses vector instructions.
        if !text.bytes().fold(false, |found, byte| found | is_special(byte)) {
            self.raw(text);
            self.raw("\"");
            return;
        }
        let mut rest = text;
        while let Some(at) = rest.bytes().position(is_special) {
            let (plain, special) = rest.split_at(at);
            self.raw(plain);
            // It is ASCII, so a character.
            match special.as_bytes()[0] {
                b'\n' => self.raw("\\n"),
                b'\r' => self.raw("\\r"),
                b'\t' => self.raw("\\t"),
                0x08 => self.raw("\\b"),
                0x0c => self.raw("\\f"),
                byte @ 0x20.. => self.display(format_args!("\\{}", char::from(byte))),
                byte => self.display(format_args!("\\u{byte:04x}")),
            }
            rest = &special[1..];
        }
        self.raw(rest);
        self.raw("\"");
    }

    fn display(&mut self, number: impl std::fmt::Display) {
        write!(self.json, "{number}").expect("a string takes everything");
    }

    fn raw(&mut self, json: &str) {
        self.json.push_str(json);
    }
}
