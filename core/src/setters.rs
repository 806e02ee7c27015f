//! Methods that set the fields of a configuration, one after the other.

/// For each field, adds a method of the same name that sets it and returns the configuration. A
/// field after `into` takes whatever converts into its type, as `&str` does into `String` and a
/// value into an `Option`.
macro_rules! setters {
    ($config:ident { $($fields:tt)* }) => {
        /// Methods that set one field each.
        impl $config {
            $crate::setters::setter! { $config $($fields)* }
        }
    };
}

macro_rules! setter {
    ($config:ident) => {};
    ($config:ident into $field:ident: $type:ty $(, $($rest:tt)*)?) => {
        #[doc = concat!("Sets [`", stringify!($field), "`](field@", stringify!($config), "::", stringify!($field), ").")]
        #[must_use]
        pub fn $field(mut self, $field: impl Into<$type>) -> Self {
            self.$field = $field.into();
            self
        }
        $crate::setters::setter! { $config $($($rest)*)? }
    };
    ($config:ident $field:ident: $type:ty $(, $($rest:tt)*)?) => {
        #[doc = concat!("Sets [`", stringify!($field), "`](field@", stringify!($config), "::", stringify!($field), ").")]
        #[must_use]
        #[allow(clippy::missing_const_for_fn, reason = "not all of them could be")]
        pub fn $field(mut self, $field: $type) -> Self {
            self.$field = $field;
            self
        }
        $crate::setters::setter! { $config $($($rest)*)? }
    };
}

pub(crate) use {setter, setters};
