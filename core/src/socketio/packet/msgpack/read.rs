//! From MessagePack to packets.
//!
//! Nothing recurses, and nothing is allocated by a length that is only declared: each value takes
//! at least one byte, so a container of more values than there are bytes is refused at once.

use std::io::Write as _;

use bytes::Bytes;

use crate::socketio::packet::{Incoming, Limits, PacketError, PacketKind};

/// Reads a packet, which must be all of the message.
pub(super) fn packet(message: &Bytes, limits: Limits) -> Result<Incoming, PacketError> {
    let mut tokens = Tokens { message, pos: 0 };
    let Token::Map(entries) = tokens.next()? else { return Err(PacketError::Payload) };
    let (mut kind, mut namespace, mut id, mut data) = (None, None, None, None);
    for _ in 0..entries {
        let Token::Text(key) = tokens.next()? else { return Err(PacketError::Payload) };
        let twice = match key {
            "type" => kind.replace(kind_of(tokens.next()?)?).is_some(),
            "nsp" => namespace.replace(tokens.next()?).is_some(),
            "id" => id.replace(id_of(tokens.next()?)?).is_some(),
            "data" => data.replace(Translation::of(&mut tokens, limits)?).is_some(),
            _ => {
                tokens.skip()?;
                false
            }
        };
        if twice {
            return Err(PacketError::Payload);
        }
    }
    if tokens.pos != message.len() {
        return Err(PacketError::Payload);
    }
    let kind = kind.ok_or(PacketError::Type)?;
    let Some(Token::Text(namespace)) = namespace else { return Err(PacketError::Namespace) };
    let mut packet = Incoming::from_text(kind, message.slice_ref(namespace.as_bytes()));
    packet.id = id.flatten();
    if let Some(Translation { json, attachments, .. }) = data {
        packet.data = json.into();
        packet.attachments = attachments;
    }
    Ok(packet)
}

fn kind_of(token: Token<'_>) -> Result<PacketKind, PacketError> {
    let Token::Unsigned(number) = token else { return Err(PacketError::Type) };
    match number {
        0 => Ok(PacketKind::Connect),
        1 => Ok(PacketKind::Disconnect),
        2 => Ok(PacketKind::Event),
        3 => Ok(PacketKind::Ack),
        4 => Ok(PacketKind::ConnectError),
        _ => Err(PacketError::Type),
    }
}

fn id_of(token: Token<'_>) -> Result<Option<u64>, PacketError> {
    if let Token::Unsigned(id) = token {
        return Ok(Some(id));
    }
    if token == Token::Undefined { Ok(None) } else { Err(PacketError::AckId) }
}

/// The head of a value, with its bytes if it has some.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Nil,
    Undefined,
    Bool(bool),
    Unsigned(u64),
    /// Below zero.
    Negative(i64),
    Float(f64),
    Text(&'a str),
    Binary(&'a [u8]),
    /// Milliseconds since 1970.
    Date(i64),
    Extension(i8, &'a [u8]),
    Array(u64),
    /// Twice as many values follow.
    Map(u64),
}

#[derive(Debug)]
struct Tokens<'a> {
    message: &'a Bytes,
    pos: usize,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<Token<'a>, PacketError> {
        let head = self.byte()?;
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

    /// Steps over one value with all that is in it.
    fn skip(&mut self) -> Result<(), PacketError> {
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
    fn take_undefined(&mut self) -> bool {
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

    /// Reads an unsigned number of that many bytes, at most 8.
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

    fn container(&self, length: u64, each: u64) -> Result<u64, PacketError> {
        if length * each > self.left() { Err(PacketError::Payload) } else { Ok(length) }
    }

    /// Type 0 is the encoder's own: with a length of its own an `ArrayBuffer`, otherwise
    /// `undefined` in 1 byte and a `Date` in 8.
    fn extension(&mut self, length: u64, fixed: bool) -> Result<Token<'a>, PacketError> {
        let kind = i8::from_be_bytes(self.array()?);
        let bytes = self.bytes(length)?;
        Ok(match (kind, fixed, bytes) {
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

/// A value on its way to JSON.
#[derive(Debug)]
struct Translation<'a> {
    message: &'a Bytes,
    json: Vec<u8>,
    attachments: Vec<Bytes>,
    attached: usize,
    open: Vec<Open>,
    /// Whether there is a map that looks like a placeholder.
    mimicry: bool,
}

/// A container that is not complete yet.
#[derive(Debug)]
struct Open {
    left: u64,
    map: bool,
    empty: bool,
}

/// The key of a map, which is text or becomes it.
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

impl<'a> Translation<'a> {
    /// Translates the next value; nothing if it is `undefined` or `nil`.
    fn of(tokens: &mut Tokens<'a>, limits: Limits) -> Result<Self, PacketError> {
        let mut this = Self {
            message: tokens.message,
            json: Vec::new(),
            attachments: Vec::new(),
            attached: 0,
            open: Vec::new(),
            mimicry: false,
        };
        let first = tokens.next()?;
        if matches!(first, Token::Nil | Token::Undefined) {
            return Ok(this);
        }
        this.token(first, limits)?;
        while this.continues(tokens)? {
            this.token(tokens.next()?, limits)?;
        }
        if this.mimicry && !this.attachments.is_empty() {
            return Err(PacketError::Placeholder);
        }
        Ok(this)
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

    fn enter(&mut self, left: u64, map: bool, limits: Limits) -> Result<(), PacketError> {
        if self.open.len() >= limits.depth {
            return Err(PacketError::Payload);
        }
        self.raw(if map { "{" } else { "[" });
        self.open.push(Open { left, map, empty: true });
        Ok(())
    }

    /// Closes what is complete; whether another value follows.
    fn continues(&mut self, tokens: &mut Tokens<'a>) -> Result<bool, PacketError> {
        while let Some(open) = self.open.last_mut() {
            if open.left == 0 {
                let close = if open.map { "}" } else { "]" };
                self.open.pop();
                self.raw(close);
                continue;
            }
            open.left -= 1;
            let key = if open.map { Some(Key::of(tokens.next()?)?) } else { None };
            if key.is_some() && tokens.take_undefined() {
                continue;
            }
            if !std::mem::take(&mut open.empty) {
                self.raw(",");
            }
            if let Some(key) = key {
                self.mimicry |= matches!(key, Key::Text("_placeholder"));
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
        const SAFE: f64 = 9_007_199_254_740_991.0;
        if number.fract() == 0.0 && number.abs() <= SAFE {
            self.display(number as i64);
        } else {
            // What is not finite becomes null.
            serde_json::to_writer(&mut self.json, &number).expect("numbers can be written");
        }
    }

    fn text(&mut self, text: &str) {
        serde_json::to_writer(&mut self.json, text).expect("text can be written");
    }

    fn display(&mut self, number: impl std::fmt::Display) {
        write!(self.json, "{number}").expect("memory takes everything");
    }

    fn raw(&mut self, json: &str) {
        self.json.extend_from_slice(json.as_bytes());
    }
}

/// The text of a date as `Date.toJSON` gives it; `None` if it is beyond what a `Date` holds.
fn iso_date(millis: i64) -> Option<String> {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    if millis.unsigned_abs() > 100_000_000 * DAY as u64 {
        return None;
    }
    let (days, time) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    // Counted from 1 March of the year 0, in eras of 400 years, so that leap days come last.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    let (hour, minute) = (time / 3_600_000, time / 60_000 % 60);
    let (second, milli) = (time / 1000 % 60, time % 1000);
    Some(format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"))
}
