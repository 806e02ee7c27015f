//! The client over real connections, against our own server and the official one.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "what is not expected fails the test")]

mod app;
mod ending;
mod host;
mod hostile;
mod list;
mod own;
mod spelling;
#[cfg(feature = "tls")]
mod tls;
mod ways;

/// One test for each server.
macro_rules! against_both {
    ($($name:ident),* $(,)?) => {
        mod own_server {
            $(#[test]
            fn $name() {
                crate::list::$name(crate::host::Kind::Own);
            })*
        }

        mod official_server {
            $(#[test]
            fn $name() {
                crate::list::$name(crate::host::Kind::Official);
            })*
        }
    };
}

against_both!(
    a_client_connects_by_each_transport,
    a_client_upgrades,
    a_client_may_offer_subprotocols,
    values_come_back_as_they_were_sent,
    values_come_back_in_acknowledgements,
    a_server_gets_its_answers,
    many_events_keep_their_order,
    several_namespaces_share_a_connection,
    a_namespace_can_be_joined_later,
    what_is_told_at_connect_may_be_asked_anew,
    a_client_that_is_refused_learns_why,
    a_client_that_is_removed_stays_so_until_it_connects_again,
    a_client_comes_back_to_a_server_that_was_away,
    a_client_that_was_cut_off_gets_what_it_has_missed,
    an_answer_that_does_not_come_is_an_error,
    a_socket_can_be_listened_to_in_a_loop,
    a_client_that_is_closed_is_gone,
    what_was_emitted_before_the_end_arrives,
    what_was_emitted_before_the_last_handle_was_dropped_arrives,
    a_client_that_is_detached_goes_on_without_handles,
);
