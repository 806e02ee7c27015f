//! What the arguments of the program say.

use std::time::Duration;

use sockeye_smol::client::Transport;

use crate::command::Step;
use crate::json::Value;
use crate::value::Arguments;

/// How to connect, what to do, and how to tell of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// Scheme, host, port and query.
    pub(crate) url: String,
    /// The first one is the current one.
    pub(crate) namespaces: Vec<String>,
    pub(crate) auth: Option<Value>,
    pub(crate) transports: Vec<Transport>,
    pub(crate) upgrade: bool,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) path: Option<String>,
    pub(crate) query: Vec<(String, String)>,
    /// The address of a proxy instead of those of the environment; empty for none.
    pub(crate) proxy: Option<String>,
    pub(crate) cookies: bool,
    pub(crate) msgpack: bool,
    pub(crate) reconnect: bool,
    /// How many attempts to connect there are after the first one.
    pub(crate) attempts: Option<u32>,
    /// How long each thing that is waited for may take.
    pub(crate) timeout: Option<Duration>,
    pub(crate) answer: Option<Arguments>,
    pub(crate) steps: Vec<Step>,
    /// Go on listening after the steps.
    pub(crate) listen: bool,
    pub(crate) json: bool,
    pub(crate) verbose: bool,
    pub(crate) color: Color,
    pub(crate) history: bool,
}

/// Whether to print in colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: String::new(),
            namespaces: Vec::new(),
            auth: None,
            transports: Vec::new(),
            upgrade: true,
            headers: Vec::new(),
            path: None,
            query: Vec::new(),
            proxy: None,
            cookies: false,
            msgpack: false,
            reconnect: true,
            attempts: None,
            timeout: None,
            answer: None,
            steps: Vec::new(),
            listen: false,
            json: false,
            verbose: false,
            color: Color::Auto,
            history: true,
        }
    }
}
