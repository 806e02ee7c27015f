//! The options of one emit.

use crate::setters::setters;

/// The options of one emit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmitOptions {
    /// Whether the event is for a client that is ready to receive now, and dropped otherwise; by
    /// default false.
    pub volatile: bool,
    /// Whether answers of long-polling that hold it may be compressed, by default true.
    pub compress: bool,
}

setters!(EmitOptions { volatile: bool, compress: bool });

impl Default for EmitOptions {
    fn default() -> Self {
        Self { volatile: false, compress: true }
    }
}
