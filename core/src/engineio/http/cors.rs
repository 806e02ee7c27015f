//! Cross-origin resource sharing.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::ConfigError;
use crate::io::{Headers, Request, Response, is_header_value, is_valid_header};
use crate::setters::setters;

/// The policy of cross-origin resource sharing.
///
/// Its headers are on every answer below the path of the endpoint, errors included.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cors {
    /// The origins whose pages may read answers.
    pub origins: Origins,
    /// Whether requests may carry cookies, by default false. Not together with [`Origins::Any`].
    pub credentials: bool,
    /// The methods that a preflight allows, by default `GET,HEAD,PUT,PATCH,POST,DELETE`.
    pub methods: Cow<'static, str>,
    /// The headers that a preflight allows, separated by commas; by default those it asks for.
    pub allowed_headers: Option<String>,
    /// The headers of answers that pages may read, separated by commas; by default none.
    pub exposed_headers: Option<String>,
    /// The time in seconds for which browsers may cache the answer to a preflight; by default it is
    /// left out.
    pub max_age: Option<u32>,
}

setters!(Cors {
    origins: Origins,
    credentials: bool,
    into methods: Cow<'static, str>,
    into allowed_headers: Option<String>,
    into exposed_headers: Option<String>,
    into max_age: Option<u32>,
});

impl Cors {
    /// Allows pages of these origins.
    #[must_use]
    pub const fn new(origins: Origins) -> Self {
        Self {
            origins,
            credentials: false,
            methods: Cow::Borrowed("GET,HEAD,PUT,PATCH,POST,DELETE"),
            allowed_headers: None,
            exposed_headers: None,
            max_age: None,
        }
    }

    pub(in crate::engineio) fn validate(&self) -> Result<(), ConfigError> {
        let fault = |problem| Err(ConfigError { field: "cors", problem });
        if self.credentials && matches!(self.origins, Origins::Any) {
            return fault("credentials must not be allowed for any origin");
        }
        let Self { methods, allowed_headers, exposed_headers, .. } = self;
        let lists = [Some(&**methods), allowed_headers.as_deref(), exposed_headers.as_deref()];
        if !lists.into_iter().flatten().chain(self.origins.literals()).all(is_header_value) {
            return fault("must hold no control characters");
        }
        Ok(())
    }

    /// Returns the headers that every answer to this request gets. The server adds them to its own;
    /// this is for answers that a driver gives by itself.
    #[must_use]
    pub fn headers(&self, request: &Request<'_>) -> Headers {
        let mut headers = Headers::new();
        self.add(request, &mut headers);
        headers.retain(|(name, value)| is_valid_header(name, value));
        headers
    }

    /// The headers that every answer to this request gets, not checked yet.
    pub(in crate::engineio) fn add(&self, request: &Request<'_>, headers: &mut Headers) {
        let origin = request.header("origin");
        if let Some(allowed) = self.origins.answer(origin) {
            push(headers, "Access-Control-Allow-Origin", allowed);
        }
        if !matches!(self.origins, Origins::Any) {
            push(headers, "Vary", Cow::Borrowed("Origin"));
        }
        if self.credentials {
            push(headers, "Access-Control-Allow-Credentials", Cow::Borrowed("true"));
        }
        if let Some(exposed) = &self.exposed_headers {
            push(headers, "Access-Control-Expose-Headers", Cow::Owned(exposed.clone()));
        }
    }

    /// The answer to a preflight.
    pub(in crate::engineio) fn preflight(&self, request: &Request<'_>) -> Response {
        let mut response = Response::empty(204);
        let headers = &mut response.headers;
        push(headers, "Access-Control-Allow-Methods", self.methods.clone());
        if let Some(allowed) = &self.allowed_headers {
            push(headers, "Access-Control-Allow-Headers", Cow::Owned(allowed.clone()));
        } else if let Some(wanted) = request.header("access-control-request-headers") {
            push(headers, "Vary", Cow::Borrowed("Access-Control-Request-Headers"));
            if is_header_value(wanted) {
                push(headers, "Access-Control-Allow-Headers", Cow::Owned(wanted.to_owned()));
            }
        }
        if let Some(seconds) = self.max_age {
            push(headers, "Access-Control-Max-Age", Cow::Owned(seconds.to_string()));
        }
        response
    }
}

/// A set of origins, like `https://example.com`. They are compared as they are written: scheme,
/// host in lower case, and a port that is not the default one.
#[derive(Clone)]
pub enum Origins {
    /// Any origin: `*`. Pages of any origin may then open WebSockets, too, with the cookies of the
    /// user: with cookies as authentication, name the origins.
    Any,
    /// These origins.
    List(Vec<String>),
    /// Always this one, whatever the origin of the request; browsers refuse the others.
    Fixed(String),
    /// The origins for which this holds. The function must depend on its argument alone.
    Matching(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Origins {
    /// Whether an origin is in the set.
    #[must_use]
    pub fn contains(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::List(list) => list.iter().any(|known| known == origin),
            Self::Fixed(known) => known == origin,
            Self::Matching(holds) => holds(origin),
        }
    }

    /// The value of `Access-Control-Allow-Origin` for an origin; `None` if it is not in the set.
    fn answer(&self, origin: Option<&str>) -> Option<Cow<'static, str>> {
        match self {
            Self::Any => Some(Cow::Borrowed("*")),
            Self::Fixed(known) => Some(Cow::Owned(known.clone())),
            Self::List(_) | Self::Matching(_) => {
                let origin = origin.filter(|origin| self.contains(origin))?;
                Some(Cow::Owned(origin.to_owned()))
            }
        }
    }

    fn literals(&self) -> impl Iterator<Item = &str> {
        let list = match self {
            Self::List(list) => list.as_slice(),
            Self::Fixed(origin) => std::slice::from_ref(origin),
            Self::Any | Self::Matching(_) => &[],
        };
        list.iter().map(String::as_str)
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("Any"),
            Self::List(list) => f.debug_tuple("List").field(list).finish(),
            Self::Fixed(origin) => f.debug_tuple("Fixed").field(origin).finish(),
            Self::Matching(_) => f.write_str("Matching(..)"),
        }
    }
}

fn push(headers: &mut Headers, name: &'static str, value: Cow<'static, str>) {
    headers.push((Cow::Borrowed(name), value));
}

/// Headers are bytes; an origin that contains control characters is invalid.
pub(in crate::engineio) fn has_valid_origin(request: &Request<'_>) -> bool {
    let valid =
        |value: &[u8]| value.iter().all(|&byte| byte == b'\t' || byte >= b' ' && byte != 0x7f);
    let mut headers = request.headers.iter();
    headers.all(|(name, value)| !name.eq_ignore_ascii_case("origin") || valid(value))
}
