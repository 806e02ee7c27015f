//! The delay before the next attempt to connect: exponential backoff with jitter, as in the
//! official client.

use std::time::Duration;

use crate::id::IdGenerator;
use crate::socketio::client::config::Config;

/// The attempts since the last connection that was stable.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// How many; the next delay is the first one times two to the power of this.
    pub(super) attempts: u32,
}

impl Backoff {
    /// Begins with the first delay again.
    pub(super) const fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Counts one more attempt; returns how long to wait before it.
    ///
    /// The delay is randomized after it was limited: otherwise the delays of all clients would soon
    /// be the limit, and they would return at once.
    pub(super) fn next(&mut self, config: &Config, generator: &mut IdGenerator) -> Duration {
        let doubled = 2_u32.checked_pow(self.attempts).unwrap_or(u32::MAX);
        self.attempts = self.attempts.saturating_add(1);
        let delay = config.reconnection_delay.saturating_mul(doubled);
        let delay = delay.min(config.reconnection_delay_max);
        let deviation = config.randomization_factor * (2.0 * generator.fraction() - 1.0);
        let seconds = delay.as_secs_f64() * (1.0 + deviation);
        Duration::try_from_secs_f64(seconds).unwrap_or(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit() {
        let config = Config { randomization_factor: 0.0, ..Config::default() };
        let (mut backoff, mut generator) = (Backoff::default(), IdGenerator::new([1; 32], 0));
        let delays: Vec<_> =
            (0..5).map(|_| backoff.next(&config, &mut generator).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 5, 5]);
        backoff.attempts = u32::MAX;
        assert_eq!(backoff.next(&config, &mut generator).as_secs(), 5);
        backoff.reset();
        assert_eq!(backoff.next(&config, &mut generator).as_secs(), 1);
    }

    #[test]
    #[cfg_attr(miri, ignore = "statistics take hours there")]
    fn the_greatest_delay_is_spread_over_its_whole_range() {
        let config = Config::default();
        let delays: Vec<_> = (0..200)
            .map(|seed| {
                let mut backoff = Backoff { attempts: 10 };
                backoff.next(&config, &mut IdGenerator::new([seed; 32], 0)).as_secs_f64()
            })
            .collect();
        assert!(delays.iter().all(|delay| (2.5..=7.5).contains(delay)));
        for start in [2.5, 3.5, 4.5, 5.5, 6.5] {
            let near = delays.iter().filter(|&&delay| (start..start + 1.0).contains(&delay));
            assert!((15..=70).contains(&near.count()), "evenly spread");
        }
    }
}
