//! Typed events: one type for the name, the arguments and the answer of an event.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::args::ArgError;
use crate::args::Args;

/// An event whose name, arguments and answer are defined by one type, for both sides.
///
/// [`events!`](crate::events) defines such types. A type that implements this by hand serializes as
/// a tuple if the event has several arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a typed event",
    note = "typed events are defined with `events!`, or by implementing `TypedEvent`"
)]
pub trait TypedEvent: Serialize + Sized + 'static {
    /// The name of the event.
    const NAME: &'static str;

    /// The answer of the receiver; `()` for events without an acknowledgement or with an empty one.
    type Answer: Serialize + DeserializeOwned + 'static;

    /// Reads the event from its arguments.
    ///
    /// # Errors
    ///
    /// If the arguments do not fit the fields.
    fn from_args(args: &Args) -> Result<Self, ArgError>;
}

/// Defines typed events: structs whose fields are the arguments, in their order.
///
/// The type behind `->` is the answer of the receiver; without it, there is none. Attributes are
/// kept, and the fields are public.
///
/// ```
/// use sockeye_core::TypedEvent;
///
/// sockeye_core::events! {
///     /// A line of the chat.
///     #[derive(Debug, PartialEq)]
///     pub struct ChatMessage = "chat message" { text: String };
///
///     /// Asks for a sum.
///     pub struct Add = "add" { a: i64, b: i64 } -> i64;
///
///     pub struct Ping = "ping" {};
/// }
///
/// assert_eq!(ChatMessage::NAME, "chat message");
/// let args = sockeye_core::Args::of(&ChatMessage { text: "hi".to_owned() })?;
/// assert_eq!(ChatMessage::from_args(&args)?.text, "hi");
///
/// let wrong = sockeye_core::Args::of(&(1, "two"))?;
/// let error = Add::from_args(&wrong).err().map(|error| error.to_string());
/// assert!(error.is_some_and(|error| error.starts_with("argument 1, field `b`: invalid type")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! events {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis struct $event:ident = $name:literal {
            $($(#[$note:meta])* $field:ident: $type:ty),* $(,)?
        } $(-> $answer:ty)?;
    )*) => {$(
        $(#[$attribute])*
        $visibility struct $event {
            $(
                $(#[$note])*
                #[allow(missing_docs)]
                pub $field: $type,
            )*
        }

        impl $crate::__private::Serialize for $event {
            fn serialize<S: $crate::__private::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                use $crate::__private::SerializeTuple as _;
                let fields: &[&str] = &[$(stringify!($field)),*];
                #[allow(unused_mut)]
                let mut tuple = serializer.serialize_tuple(fields.len())?;
                $(tuple.serialize_element(&self.$field)?;)*
                tuple.end()
            }
        }

        impl $crate::TypedEvent for $event {
            const NAME: &'static str = $name;
            type Answer = $crate::__answer!($($answer)?);

            #[allow(unused_variables, unused_mut)]
            fn from_args(args: &$crate::Args) -> ::core::result::Result<Self, $crate::ArgError> {
                let mut args = args.clone();
                $(let $field = args.shift().map_err(|error| error.in_field(stringify!($field)))?;)*
                ::core::result::Result::Ok(Self { $($field),* })
            }
        }
    )*};
}

/// The type of the answer of an event; `()` if it has none.
#[doc(hidden)]
#[macro_export]
macro_rules! __answer {
    () => {
        ()
    };
    ($answer:ty) => {
        $answer
    };
}
