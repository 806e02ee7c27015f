//! Messages for whoever runs the server, by way of the feature `log`.

/// Logs a warning with the feature `log`, and does nothing without it.
macro_rules! warning {
    ($($argument:tt)+) => {{
        #[cfg(feature = "log")]
        ::log::warn!($($argument)+);
        #[cfg(not(feature = "log"))]
        let _ = format_args!($($argument)+);
    }};
}

/// Logs an error with the feature `log`, and does nothing without it.
macro_rules! error {
    ($($argument:tt)+) => {{
        #[cfg(feature = "log")]
        ::log::error!($($argument)+);
        #[cfg(not(feature = "log"))]
        let _ = format_args!($($argument)+);
    }};
}

pub(crate) use {error, warning};
