//! The options of one emit.

/// The options of one emit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmitOptions {
    /// Whether the event is for a client that is ready to receive now, and dropped otherwise; by
    /// default false.
    pub volatile: bool,
    /// Whether answers of long-polling that hold it may be compressed, by default true.
    pub compress: bool,
}

impl Default for EmitOptions {
    fn default() -> Self {
        Self { volatile: false, compress: true }
    }
}
