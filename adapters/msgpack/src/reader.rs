//! Reads the tokens of a MessagePack message.
//!
//! The byte values are those of the section "Formats" of the MessagePack specification. Nothing
//! recurses, and nothing is allocated for a length that is only declared: each value takes at least
//! one byte, so a container of more values than there are bytes left is refused at once.

use bytes::Bytes;
use sockeye_core::packet::PacketError;

/// The first part of a value: the length of a container, or the whole of everything else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    Nil,
    Undefined,
    Bool(bool),
    Unsigned(u64),
    /// An integer below zero.
    Negative(i64),
    Float(f64),
    Text(&'a str),
    Binary(&'a [u8]),
    /// The milliseconds since 1970 of a JavaScript `Date`.
    Date(i64),
    /// An extension type, with its bytes.
    Extension(i8, &'a [u8]),
    /// Of so many values, which follow.
    Array(u64),
    /// Of so many pairs, so twice as many values follow.
    Map(u64),
}

/// Reads a message from its front.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    message: &'a Bytes,
    pos: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(message: &'a Bytes) -> Self {
        Self { message, pos: 0 }
    }

    pub(crate) const fn message(&self) -> &'a Bytes {
        self.message
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.pos == self.message.len()
    }

    pub(crate) fn next(&mut self) -> Result<Token<'a>, PacketError> {
        let head = self.byte()?;
        // Short lengths are part of the first byte.
        let low = |mask: u8| u64::from(head & mask);
        match head {
            0x00..=0x7f => Ok(Token::Unsigned(head.into())),
            0x80..=0x8f => self.container(low(0x0f), 2).map(Token::Map),
            0x90..=0x9f => self.container(low(0x0f), 1).map(Token::Array),
            0xa0..=0xbf => self.text(low(0x1f)),
            0xc0 => Ok(Token::Nil),
            0xc1 => Err(PacketError::Payload),
            0xc2 | 0xc3 => Ok(Token::Bool(head == 0xc3)),
            0xc4..=0xc6 => {
                let length = self.number(1 << (head - 0xc4))?;
                self.bytes(length).map(Token::Binary)
            }
            0xc7..=0xc9 => {
                let length = self.number(1 << (head - 0xc7))?;
                self.extension(length, false)
            }
            0xca => self.array().map(|bytes| Token::Float(f32::from_be_bytes(bytes).into())),
            0xcb => self.array().map(|bytes| Token::Float(f64::from_be_bytes(bytes))),
            0xcc..=0xcf => self.number(1 << (head - 0xcc)).map(Token::Unsigned),
            0xd0 => self.array().map(|bytes| integer(i8::from_be_bytes(bytes).into())),
            0xd1 => self.array().map(|bytes| integer(i16::from_be_bytes(bytes).into())),
            0xd2 => self.array().map(|bytes| integer(i32::from_be_bytes(bytes).into())),
            0xd3 => self.array().map(|bytes| integer(i64::from_be_bytes(bytes))),
            0xd4..=0xd8 => self.extension(1 << (head - 0xd4), true),
            0xd9..=0xdb => {
                let length = self.number(1 << (head - 0xd9))?;
                self.text(length)
            }
            0xdc | 0xdd => {
                let length = self.number(2 << (head - 0xdc))?;
                self.container(length, 1).map(Token::Array)
            }
            0xde | 0xdf => {
                let length = self.number(2 << (head - 0xde))?;
                self.container(length, 2).map(Token::Map)
            }
            0xe0..=0xff => Ok(integer(i8::from_be_bytes([head]).into())),
        }
    }

    /// Steps over one value and everything in it.
    pub(crate) fn skip(&mut self) -> Result<(), PacketError> {
        let mut values = 1_u64;
        while values > 0 {
            values -= 1;
            let token = self.next()?;
            if let Token::Array(length) = token {
                values += length;
            } else if let Token::Map(length) = token {
                values += 2 * length;
            }
        }
        Ok(())
    }

    /// Steps over `undefined` if it comes next.
    pub(crate) fn take_undefined(&mut self) -> bool {
        let found = matches!(self.message.get(self.pos..), Some([0xd4, 0, _, ..]));
        if found {
            self.pos += 3;
        }
        found
    }

    fn left(&self) -> u64 {
        (self.message.len() - self.pos) as u64
    }

    fn byte(&mut self) -> Result<u8, PacketError> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PacketError> {
        let rest = &self.message[self.pos..];
        let bytes = *rest.first_chunk().ok_or(PacketError::Payload)?;
        self.pos += N;
        Ok(bytes)
    }

    /// Reads an unsigned integer of `width` bytes, at most 8.
    fn number(&mut self, width: u64) -> Result<u64, PacketError> {
        let fold = |number, &byte: &u8| number << 8 | u64::from(byte);
        Ok(self.bytes(width)?.iter().fold(0, fold))
    }

    fn bytes(&mut self, length: u64) -> Result<&'a [u8], PacketError> {
        if length > self.left() {
            return Err(PacketError::Payload);
        }
        let length = usize::try_from(length).map_err(|_| PacketError::Payload)?;
        let bytes = &self.message[self.pos..self.pos + length];
        self.pos += length;
        Ok(bytes)
    }

    fn text(&mut self, length: u64) -> Result<Token<'a>, PacketError> {
        let text = std::str::from_utf8(self.bytes(length)?);
        text.map(Token::Text).map_err(|_| PacketError::Payload)
    }

    /// Checks the length of a container: each of its values takes at least one byte.
    fn container(&self, length: u64, each: u64) -> Result<u64, PacketError> {
        if length * each > self.left() { Err(PacketError::Payload) } else { Ok(length) }
    }

    /// Reads the type and the bytes of an extension.
    ///
    /// `notepack.io` uses type 0: `ext` formats for an `ArrayBuffer`, `fixext 1` for `undefined` and
    /// `fixext 8` for a `Date`.
    fn extension(&mut self, length: u64, is_fixed: bool) -> Result<Token<'a>, PacketError> {
        let kind = i8::from_be_bytes(self.array()?);
        let bytes = self.bytes(length)?;
        Ok(match (kind, is_fixed, bytes) {
            (0, false, bytes) => Token::Binary(bytes),
            (0, true, [_]) => Token::Undefined,
            (0, true, &[a, b, c, d, e, f, g, h]) => {
                Token::Date(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
            (kind, _, bytes) => Token::Extension(kind, bytes),
        })
    }
}

fn integer(number: i64) -> Token<'static> {
    u64::try_from(number).map_or(Token::Negative(number), Token::Unsigned)
}
