//! How to do things, by subject.
//!
//! | Chapter | What it answers |
//! |---|---|
//! | [`from_javascript`] | What is the name here of what I know from Node? |
//! | [`rooms`] | How do I reach some clients and not others? |
//! | [`acks`] | How do I get an answer, or give one? |
//! | [`middleware`] | How do I decide who gets in, and which events get through? |
//! | [`recovery`] | What becomes of a client that loses its connection for a moment? |
//! | [`backpressure`] | What if one side is faster than the other? |
//! | [`lifetimes`] | What runs where, and what keeps what alive? |
//! | [`typed_events`] | How do I share the types of events between both sides? |
//! | [`clients`] | How do I write a client? |
//! | [`going_public`] | What should I look at before strangers can reach my server? |
//! | [`operation`] | How do I watch a server, end it, and replace it? |

#[doc = include_str!("acks.md")]
pub mod acks {}
#[doc = include_str!("backpressure.md")]
pub mod backpressure {}
#[doc = include_str!("clients.md")]
pub mod clients {}
#[doc = include_str!("from_javascript.md")]
pub mod from_javascript {}
#[doc = include_str!("going_public.md")]
pub mod going_public {}
#[doc = include_str!("lifetimes.md")]
pub mod lifetimes {}
#[doc = include_str!("middleware.md")]
pub mod middleware {}
#[doc = include_str!("operation.md")]
pub mod operation {}
#[doc = include_str!("recovery.md")]
pub mod recovery {}
#[doc = include_str!("rooms.md")]
pub mod rooms {}
#[doc = include_str!("typed_events.md")]
pub mod typed_events {}
