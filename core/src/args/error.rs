//! The error of reading an argument.

use std::fmt;

use thiserror::Error;

/// Why an argument could not be read: it is missing, or does not fit the type.
#[derive(Debug, Error)]
#[error("argument {index}{}: {problem}", FieldSuffix(.path))]
pub struct ArgError {
    index: usize,
    /// The position of the error within the argument; empty for the argument itself.
    path: String,
    problem: Problem,
}

/// Displays a path behind the number of the argument.
struct FieldSuffix<'a>(&'a str);

impl fmt::Display for FieldSuffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", field `{}`", self.0) }
    }
}

#[derive(Debug, Error)]
enum Problem {
    #[error("missing")]
    Missing,
    #[error("{0}")]
    Mismatch(String),
}

/// The greatest length of a part of an error, in bytes. Errors of serde quote data of the peer.
const LIMIT: usize = 200;

fn shorten(mut text: String) -> String {
    if text.len() > LIMIT {
        let end = (0..=LIMIT).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

impl ArgError {
    pub(crate) const fn missing(index: usize) -> Self {
        Self { index, path: String::new(), problem: Problem::Missing }
    }

    pub(crate) fn mismatch(index: usize, error: &serde_json::Error, path: Option<String>) -> Self {
        // `.` is the value itself, `?` a part that could not be named.
        let path = path.filter(|path| path != "." && !path.contains('?')).unwrap_or_default();
        let problem = Problem::Mismatch(shorten(error.to_string()));
        Self { index, path: shorten(path), problem }
    }

    /// Returns the same error with the name of a field in front of its path; for
    /// [`events!`](crate::events) alone.
    #[doc(hidden)]
    #[must_use]
    pub fn in_field(mut self, name: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => name.to_owned(),
            path if path.starts_with('[') => format!("{name}{path}"),
            path => format!("{name}.{path}"),
        };
        self
    }

    /// Returns the position of the error within the argument, such as `user.tags[2]`; empty for the
    /// argument itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the number of the argument, counted from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Returns whether the argument is missing.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self.problem, Problem::Missing)
    }
}
