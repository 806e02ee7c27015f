//! The name of an event, the first element of its payload.

use std::fmt;

use bytes::Bytes;

use crate::json::unescape::unescape;

/// The name of an event. Each lone surrogate was replaced with U+FFFD.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Bytes);

impl Name {
    /// Creates a name, for events that did not arrive from a peer.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Bytes::copy_from_slice(name.as_bytes()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a name is cut out of valid text at character borders")
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Creates a name from a valid JSON string, with its quotes.
    pub(crate) fn from_json(string: Bytes) -> Self {
        let name = Self(string.slice(1..string.len() - 1));
        if name.0.contains(&b'\\') { Self(unescape(&name).into()) } else { name }
    }

    /// Returns a copy that keeps nothing else in memory, as a slice of what was received does.
    pub(crate) fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// Creates a name from the digits of a JSON number.
    pub(crate) const fn from_digits(digits: Bytes) -> Self {
        Self(digits)
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
