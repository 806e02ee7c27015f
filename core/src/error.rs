//! The error of a configuration, in either protocol and role.

use thiserror::Error;

/// Why a configuration is invalid.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{field}: {problem}")]
pub struct ConfigError {
    /// The invalid field.
    pub field: &'static str,
    /// Why its value is invalid.
    pub problem: &'static str,
}
