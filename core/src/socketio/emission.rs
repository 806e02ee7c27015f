//! The options of one emit.

/// How an event is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emission {
    /// Whether it may be dropped for a client that is not ready to receive, by default false.
    pub volatile: bool,
    /// Whether answers of long-polling that hold it may be compressed, by default true.
    pub compress: bool,
}

impl Default for Emission {
    fn default() -> Self {
        Self { volatile: false, compress: true }
    }
}
