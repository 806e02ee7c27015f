//! The session-affinity cookie for load balancers.

use crate::error::ConfigError;
use crate::io::is_token;
use crate::setters::setters;

/// A cookie with the id of the session, set by the answer to a handshake over long-polling, for
/// load balancers. The server never reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cookie {
    /// Its name, by default `io`.
    pub name: String,
    /// For which paths it is, by default `/`.
    pub path: Option<String>,
    /// For which domain it is, by default the host alone.
    pub domain: Option<String>,
    /// Whether scripts can't read it, by default true.
    pub http_only: bool,
    /// Whether it is sent over TLS alone, by default false.
    pub secure: bool,
    /// Whether it is sent along from pages of other sites, by default `Lax`.
    pub same_site: Option<SameSite>,
    /// The time in seconds after which browsers drop it; by default when the browser is closed.
    pub max_age: Option<u32>,
}

setters!(Cookie {
    into name: String,
    into path: Option<String>,
    into domain: Option<String>,
    http_only: bool,
    secure: bool,
    into same_site: Option<SameSite>,
    into max_age: Option<u32>,
});

/// Which requests from pages of other sites carry a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Only those from pages of the same site.
    Strict,
    /// Also those of a user who follows a link.
    Lax,
    /// All. Browsers refuse such a cookie unless it is [`secure`](Cookie::secure).
    None,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "io".to_owned(),
            path: Some("/".to_owned()),
            domain: None,
            http_only: true,
            secure: false,
            same_site: Some(SameSite::Lax),
            max_age: None,
        }
    }
}

impl Cookie {
    pub(in crate::engineio) fn validate(&self) -> Result<(), ConfigError> {
        let fault = |problem| Err(ConfigError { field: "cookie", problem });
        if !is_token(&self.name) {
            return fault("the name must be of letters, digits and a few signs");
        }
        let is_plain =
            |text: &String| text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b';');
        if !self.path.iter().chain(&self.domain).all(is_plain) {
            return fault("path and domain must hold no semicolon or control character");
        }
        if self.same_site == Some(SameSite::None) && !self.secure {
            return fault("browsers refuse SameSite=None without Secure");
        }
        Ok(())
    }

    /// The value of a `set-cookie` header.
    pub(in crate::engineio) fn header(&self, sid: &str) -> String {
        let mut header = format!("{}={sid}", self.name);
        let mut attribute = |name: &str, value: &str| {
            header.push_str("; ");
            header.push_str(name);
            header.push_str(value);
        };
        if let Some(seconds) = self.max_age {
            attribute("Max-Age=", &seconds.to_string());
        }
        if let Some(domain) = &self.domain {
            attribute("Domain=", domain);
        }
        if let Some(path) = &self.path {
            attribute("Path=", path);
        }
        if self.http_only {
            attribute("HttpOnly", "");
        }
        if self.secure {
            attribute("Secure", "");
        }
        match self.same_site {
            Some(SameSite::Strict) => attribute("SameSite=", "Strict"),
            Some(SameSite::Lax) => attribute("SameSite=", "Lax"),
            Some(SameSite::None) => attribute("SameSite=", "None"),
            None => {}
        }
        header
    }
}
