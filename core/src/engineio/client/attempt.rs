//! What one attempt to connect overrides of the configuration.
//!
//! An application that is asked before each attempt can choose another server, or a new token.

use std::fmt;
use std::sync::Arc;

use crate::engineio::client::config::check_headers;
use crate::error::ConfigError;
use crate::io::Headers;

/// Where one attempt to connect goes and what is sent along, as far as it is not what the
/// [`Config`](crate::client::Config) says; for the whole life of the connection that comes of it.
#[derive(Clone, Default)]
pub struct Attempt {
    /// Handed to the driver as it is.
    pub(super) address: Option<Arc<str>>,
    /// In place of [`Config::query`](super::Config::query).
    pub(super) query: Option<Vec<(String, String)>>,
    /// In place of [`Config::extra_headers`](super::Config::extra_headers).
    pub(super) headers: Option<Headers>,
}

impl Attempt {
    /// Makes an attempt as the [`Config`](crate::client::Config) says.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the address of the server, in the form that the driver understands.
    #[must_use]
    pub fn address(mut self, address: &str) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Adds a pair to the query of each request; with the first one, the pairs of
    /// [`Config::query`](crate::client::Config::query) are left out.
    #[must_use]
    pub fn query(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.get_or_insert_default().push((key.into(), value.into()));
        self
    }

    /// Adds a header to each request and WebSocket handshake; with the first one,
    /// [`Config::extra_headers`](crate::client::Config::extra_headers) are left out.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let header = (name.into().into(), value.into().into());
        self.headers.get_or_insert_default().push(header);
        self
    }

    /// Checks that the headers can be sent.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        self.headers.as_ref().map_or(Ok(()), check_headers)
    }
}

/// Shows no secrets, which queries and headers often hold.
impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("address", &self.address).finish_non_exhaustive()
    }
}
