//! The data of an outgoing packet as tokens, for parsers that do not send JSON.
//!
//! The data of a packet is JSON text in which `{"_placeholder":true,"num":0}` stands for the first
//! attachment. A binary format needs the same values without JSON's syntax: escapes resolved,
//! attachments in place, and the length of each container in front of its elements.

use std::borrow::Cow;
use std::vec;

use bytes::Bytes;

use crate::json::Scanner;
use crate::json::placeholder::{Placeholder, Placeholders};
use crate::json::unescape::unescape;

/// A part of the data of an [`Outgoing`](crate::packet::Outgoing) packet.
///
/// A container is its length, then its elements; it has no token for its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Token<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as its JSON text.
    Number(&'a str),
    /// A string or the key of an object, without escapes. Lone surrogates are replaced with U+FFFD.
    Text(Cow<'a, str>),
    /// An attachment.
    Binary(&'a [u8]),
    /// An array of so many elements, which follow.
    Array(usize),
    /// An object of so many entries, which follow: the key of each, then its value.
    Object(usize),
}

/// The data of an outgoing packet as tokens; see [`Outgoing::tokens`](crate::packet::Outgoing::tokens).
#[derive(Debug)]
pub struct Tokens<'a> {
    scanner: Scanner<'a>,
    placeholders: vec::IntoIter<Placeholder>,
    attachments: &'a [Bytes],
    /// The lengths of the containers that are still to come.
    lengths: vec::IntoIter<usize>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(data: &'a [u8], attachments: &'a [Bytes]) -> Self {
        let places =
            if attachments.is_empty() { Placeholders::default() } else { Placeholders::find(data) };
        let lengths = lengths(data, &places).into_iter();
        let placeholders = places.placeholders.into_iter();
        Self { scanner: Scanner::new(data, 0), placeholders, attachments, lengths }
    }

    #[inline]
    fn leaf(&mut self, first: u8) -> Option<Token<'a>> {
        let text = self.scanner.value().ok()?;
        match first {
            b'"' => {
                let inner = &text[1..text.len() - 1];
                let is_escaped = inner.iter().fold(false, |found, &byte| found | (byte == b'\\'));
                let inner = std::str::from_utf8(inner).ok()?;
                let text = if is_escaped { unescape(inner).into() } else { inner.into() };
                Some(Token::Text(text))
            }
            b't' => Some(Token::Bool(true)),
            b'f' => Some(Token::Bool(false)),
            b'n' => Some(Token::Null),
            _ => std::str::from_utf8(text).ok().map(Token::Number),
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let next = self.scanner.peek()?;
            let here = self.scanner.pos();
            let placeholder = self.placeholders.as_slice().first();
            if let Some(&found) = placeholder.filter(|found| found.start == here) {
                self.placeholders.next();
                self.scanner.skip_to(found.end);
                let bytes = found.num.and_then(|num| self.attachments.get(num));
                return Some(Token::Binary(bytes.map_or(&[], |bytes| bytes)));
            }
            match next {
                b'[' => {
                    self.scanner.step();
                    return self.lengths.next().map(Token::Array);
                }
                b'{' => {
                    self.scanner.step();
                    return self.lengths.next().map(Token::Object);
                }
                b']' | b'}' | b',' | b':' => self.scanner.step(),
                _ => return self.leaf(next),
            }
        }
    }
}

/// The number of elements or entries of each container that is not a placeholder, in the order in
/// which they begin.
fn lengths(data: &[u8], places: &Placeholders) -> Vec<usize> {
    let mut placeholders = places.placeholders.iter().peekable();
    let mut lengths: Vec<usize> = Vec::new();
    let mut open = Vec::new();
    let mut scanner = Scanner::new(data, 0);
    while let Some(next) = scanner.structure() {
        if let Some(found) = placeholders.next_if(|found| found.start == scanner.pos()) {
            scanner.skip_to(found.end);
            continue;
        }
        match next {
            b'[' | b'{' => {
                scanner.step();
                let is_empty = matches!(scanner.peek(), Some(b']' | b'}'));
                open.push(lengths.len());
                lengths.push(usize::from(!is_empty));
            }
            b',' => {
                if let Some(length) = open.last().and_then(|&index| lengths.get_mut(index)) {
                    *length += 1;
                }
                scanner.step();
            }
            b']' | b'}' => {
                open.pop();
                scanner.step();
            }
            _ => {
                if scanner.string().is_err() {
                    break;
                }
            }
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attachments_are_in_place_and_lengths_come_first() {
        let data = br#"["e",{"a\n":[],"b":{"_placeholder":true,"num":0}},[-1.5,true,false,null]]"#;
        let attachments = [Bytes::from_static(&[1, 2])];
        let tokens: Vec<_> = Tokens::new(data, &attachments).collect();
        let text = |text: &'static str| Token::Text(text.into());
        assert_eq!(
            tokens,
            [
                Token::Array(3),
                text("e"),
                Token::Object(2),
                text("a\n"),
                Token::Array(0),
                text("b"),
                Token::Binary(&[1, 2]),
                Token::Array(4),
                Token::Number("-1.5"),
                Token::Bool(true),
                Token::Bool(false),
                Token::Null,
            ]
        );
    }

    #[test]
    fn no_data_has_no_tokens() {
        assert_eq!(Tokens::new(b"", &[]).next(), None);
    }

    #[test]
    fn an_object_like_a_placeholder_is_an_object_without_attachments() {
        let data = br#"[{"_placeholder":true,"num":0}]"#;
        assert_eq!(Tokens::new(data, &[]).nth(1), Some(Token::Object(2)));
    }
}
