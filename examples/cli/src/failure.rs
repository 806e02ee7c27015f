//! How the program ends when not all is well.

use std::process::ExitCode;

/// Why a script ends before its end.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure {
    code: u8,
    pub(crate) message: String,
}

impl Failure {
    /// Nothing that the program knows.
    pub(crate) fn unforeseen(message: String) -> Self {
        Self { code: 1, message }
    }

    /// The program was not used as it can be.
    pub(crate) fn usage(message: String) -> Self {
        Self { code: 2, message }
    }

    /// There is no connection, or not any more.
    pub(crate) fn connection(message: String) -> Self {
        Self { code: 3, message }
    }

    /// The server lets nobody in.
    pub(crate) fn refused(message: String) -> Self {
        Self { code: 4, message }
    }

    /// Something did not come in time.
    pub(crate) fn timeout(message: String) -> Self {
        Self { code: 5, message }
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}
