//! What goes on, in numbers.

use sockeye_core::{Counts, Totals};

/// What goes on in a server at one moment; see [`Io::snapshot`](crate::Io::snapshot).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// What there is: sessions, sockets, rooms, bytes that wait.
    pub counts: Counts,
    /// What there was so far, and how often each limit was reached.
    pub totals: Totals,
    /// Handlers for events that are waiting for something.
    pub handlers: usize,
    /// How often so far a handler was not called because what a client sent does not fit its
    /// parameters.
    pub argument_errors: u64,
}

#[cfg(feature = "metrics")]
impl Snapshot {
    /// Hands the figures to the recorder of the `metrics` crate.
    pub(crate) fn publish(&self) {
        use metrics::{counter, gauge};
        let Self { counts, totals, handlers, argument_errors } = self;
        let gauges = [
            ("sockeye_sessions", counts.engine.sessions),
            ("sockeye_sessions_unused", counts.engine.unused),
            ("sockeye_handshake_bytes", counts.engine.handshakes),
            ("sockeye_websockets", counts.engine.websockets),
            ("sockeye_sockets", counts.sockets),
            ("sockeye_rooms", counts.rooms),
            ("sockeye_away", counts.away),
            ("sockeye_acks_pending", counts.acks),
            ("sockeye_buffered_bytes", counts.engine.buffered),
            ("sockeye_recovery_bytes", counts.logged),
            ("sockeye_handlers", *handlers),
        ];
        for (name, value) in gauges {
            #[allow(clippy::cast_precision_loss, reason = "gauges are floating-point numbers")]
            gauge!(name).set(value as f64);
        }
        let counters = [
            ("sockeye_sessions_total", totals.engine.sessions),
            ("sockeye_messages_in_total", totals.engine.messages_in),
            ("sockeye_bytes_in_total", totals.engine.bytes_in),
            ("sockeye_messages_out_total", totals.engine.messages_out),
            ("sockeye_bytes_out_total", totals.engine.bytes_out),
            ("sockeye_sessions_refused_total", totals.engine.sessions_refused),
            ("sockeye_addresses_refused_total", totals.engine.addresses_refused),
            ("sockeye_origins_refused_total", totals.engine.origins_refused),
            ("sockeye_sessions_unused_ended_total", totals.engine.unused_ended),
            ("sockeye_too_large_total", totals.engine.too_large),
            ("sockeye_overflows_total", totals.engine.overflows),
            ("sockeye_volatile_dropped_total", totals.engine.dropped),
            ("sockeye_emits_refused_total", totals.refused),
            ("sockeye_throttled_total", totals.throttled),
            ("sockeye_pauses_total", totals.engine.pauses),
            ("sockeye_violations_total", totals.violations),
            ("sockeye_acks_refused_total", totals.acks_refused),
            ("sockeye_argument_errors_total", *argument_errors),
        ];
        for (name, value) in counters {
            counter!(name).absolute(value);
        }
    }
}
