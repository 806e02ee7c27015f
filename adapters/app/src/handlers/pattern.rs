//! Which namespaces are meant, and what their names tell.

use std::str::FromStr;
use std::sync::Arc;

use super::call::{Call, FromCall};
use super::marker::Itself;
use crate::handles::socket::Socket;
use crate::state::fault::Fault;
use crate::state::values::AnyValue;

/// A pattern whose type is forgotten.
pub(crate) type Matcher = Box<dyn Fn(&str) -> Option<AnyValue> + Send + Sync>;

/// What the function of [`App::of_matching`](crate::App::of_matching) may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether a name matches",
    note = "the function returns a `bool`, or an `Option` of what it found in the name"
)]
pub trait Finding {
    /// The value that is kept, if the name matches.
    #[doc(hidden)]
    fn found(self) -> Option<AnyValue>;
}

impl Finding for bool {
    fn found(self) -> Option<AnyValue> {
        self.then(|| Arc::new(()) as AnyValue)
    }
}

impl<T: Send + Sync + 'static> Finding for Option<T> {
    fn found(self) -> Option<AnyValue> {
        Some(Arc::new(self?))
    }
}

/// Makes a pattern of a template, unless it is malformed.
pub(crate) fn template(template: &str) -> Result<Matcher, &'static str> {
    let parts = split(template)?;
    Ok(Box::new(move |name| Some(Arc::new(Params(fit(&parts, name)?)))))
}

enum Part {
    Text(String),
    Param(Arc<str>),
}

fn split(template: &str) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        let (text, behind) = rest.split_once('{').unwrap_or((rest, ""));
        if text.contains('}') {
            return Err("a closing brace has no opening one");
        }
        let opened = text.len() < rest.len();
        match parts.last() {
            Some(Part::Param(_)) if text.is_empty() && opened => {
                return Err("two parameters have nothing between them");
            }
            _ if !text.is_empty() => parts.push(Part::Text(text.to_owned())),
            _ => {}
        }
        if !opened {
            break;
        }
        let (name, behind) = behind.split_once('}').ok_or("a brace is not closed")?;
        if name.is_empty() || name.contains('{') {
            return Err("a parameter has no sound name");
        }
        parts.push(Part::Param(name.into()));
        rest = behind;
    }
    Ok(parts)
}

/// What stands for the parameters, if a name fits.
///
/// A parameter ends where the text behind it stands for the first time, and the last one where it
/// must: no name takes longer than its length for each part.
fn fit(parts: &[Part], mut name: &str) -> Option<Vec<(Arc<str>, String)>> {
    let mut found = Vec::new();
    let mut parts = parts;
    loop {
        let (param, value) = match parts {
            [] => return name.is_empty().then_some(found),
            [Part::Text(text), rest @ ..] => {
                name = name.strip_prefix(text.as_str())?;
                parts = rest;
                continue;
            }
            [Part::Param(param)] => (param, name),
            [Part::Param(param), Part::Text(text)] => (param, name.strip_suffix(text.as_str())?),
            [Part::Param(param), Part::Text(text), ..] => {
                let first = name.chars().next()?.len_utf8();
                let end = first + name[first..].find(text.as_str())?;
                (param, &name[..end])
            }
            [Part::Param(_), Part::Param(_), ..] => return None,
        };
        if value.is_empty() || value.contains('/') {
            return None;
        }
        found.push((Arc::clone(param), value.to_owned()));
        name = &name[value.len()..];
        parts = &parts[1..];
    }
}

/// What the parameters of a template stand for in the name of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(Arc<str>, String)>);

impl Params {
    /// The text that a parameter stands for; `None` if the template has none of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// What a parameter stands for, read as another type.
    #[must_use]
    pub fn parse<T: FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// All parameters, in the order of the template.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// What [`App::of_template`](crate::App::of_template) (then it is [`Params`]) or
/// [`App::of_matching`](crate::App::of_matching) found in the name of the namespace, as a parameter
/// of a handler.
#[derive(Debug)]
pub struct Captures<T>(pub Arc<T>);

impl<T> Clone for Captures<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C, T> FromCall<C, Itself> for Captures<T>
where
    C: Call<Socket = Socket>,
    T: Send + Sync + 'static,
{
    fn from_call(call: &mut C) -> Result<Self, Fault> {
        let found = call.socket().captured();
        let found = found.and_then(|found| found.downcast().ok());
        found.map(Captures).ok_or_else(|| Fault::Captures(std::any::type_name::<T>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(template: &str, name: &str) -> Option<String> {
        let found = super::template(template).expect("a sound template")(name)?;
        let params = found.downcast::<Params>().expect("the params of a template");
        Some(params.iter().map(|(name, value)| format!("{name}={value} ")).collect())
    }

    #[test]
    fn a_parameter_stands_for_anything_but_a_slash_and_nothing() {
        assert_eq!(params("/room-{id}", "/room-7").as_deref(), Some("id=7 "));
        assert_eq!(params("/room-{id}", "/room-é7").as_deref(), Some("id=é7 "));
        assert_eq!(params("/room-{id}", "/room-"), None);
        assert_eq!(params("/room-{id}", "/room-7/x"), None);
        assert_eq!(params("/room-{id}", "/rooms-7"), None);
        assert_eq!(params("/{a}-{b}", "/1-2-3").as_deref(), Some("a=1 b=2-3 "));
        assert_eq!(params("/{a}/x", "/1/x").as_deref(), Some("a=1 "));
        assert_eq!(params("/{a}/x", "/1/xx"), None);
        assert_eq!(params("/{a}-{b}-{c}-x", &format!("/{}", "a-".repeat(120))), None);
        assert_eq!(params("/{a}x", "/1xx").as_deref(), Some("a=1x "));
        assert_eq!(params("/plain", "/plain").as_deref(), Some(""));
    }

    #[test]
    fn a_malformed_template_is_told() {
        for template in ["/{", "/}", "/{}", "/{a}{b}", "/{a{b}}", "/a}{b"] {
            assert!(super::template(template).is_err(), "{template}");
        }
    }
}
