//! Shares of what all clients have in common, for each address, so that one address does not use up
//! what others need.

use std::collections::{BTreeMap, BTreeSet};

use crate::engineio::server::Address;
use crate::socketio::server::membership::Number;

/// The saved sockets by address, in the order in which they were saved.
#[derive(Debug, Default)]
pub(super) struct AwayByAddress {
    places: BTreeSet<(Address, u64)>,
    counts: BTreeMap<Address, usize>,
}

impl AwayByAddress {
    /// Adds a socket; returns the place of the oldest one of its address if these are more than
    /// `limit` now. Sockets of clients without an address have no limit.
    pub(super) fn add(&mut self, address: Address, place: u64, limit: usize) -> Option<u64> {
        self.places.insert((address, place));
        let count = self.counts.entry(address).or_default();
        *count += 1;
        let is_over = *count > limit && address != Address::Unknown;
        let mut own = self.places.range((address, 0)..=(address, u64::MAX));
        own.next().filter(|_| is_over).map(|(_, place)| *place)
    }

    pub(super) fn remove(&mut self, address: Address, place: u64) {
        if self.places.remove(&(address, place)) {
            subtract(&mut self.counts, address);
        }
    }
}

/// The number of things of each address.
#[derive(Debug, Default)]
pub(super) struct CountByAddress(BTreeMap<Address, usize>);

impl CountByAddress {
    /// Adds one, unless its address has `limit` of them; returns whether it was added. Clients
    /// without an address have no limit.
    pub(super) fn add(&mut self, address: Address, limit: usize) -> bool {
        let count = self.0.entry(address).or_default();
        let may = *count < limit || address == Address::Unknown;
        *count += usize::from(may);
        may
    }

    pub(super) fn remove(&mut self, address: Address) {
        subtract(&mut self.0, address);
    }
}

fn subtract(counts: &mut BTreeMap<Address, usize>, address: Address) {
    if let Some(count) = counts.get_mut(&address) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&address);
        }
    }
}

/// The bytes of packets in the log that are for single sockets, by their addresses.
#[derive(Debug, Default)]
pub(super) struct DirectByAddress {
    by_address: BTreeMap<Address, Direct>,
    /// The number of the packet from which on addresses are dropped again.
    look_next: Number,
}

#[derive(Debug)]
struct Direct {
    /// The first packet that was counted.
    since: Number,
    bytes: usize,
}

impl DirectByAddress {
    /// Counts a packet with the number `next`; returns the bytes of the address since the packets
    /// before `first` were dropped, 0 without an address.
    pub(super) fn add(
        &mut self,
        address: Address,
        bytes: usize,
        first: Number,
        next: Number,
    ) -> usize {
        if address == Address::Unknown {
            return 0;
        }
        let direct = self.by_address.entry(address).or_insert(Direct { since: next, bytes: 0 });
        if direct.since < first {
            *direct = Direct { since: next, bytes: 0 };
        }
        direct.bytes = direct.bytes.saturating_add(bytes);
        direct.bytes
    }

    /// Drops the addresses whose packets were all dropped. All of them are looked at only when as
    /// many packets were logged since the last time.
    pub(super) fn forget_before(&mut self, first: Number, next: Number) {
        if first == next {
            // Nothing is logged any more.
            self.by_address.clear();
        }
        if next < self.look_next {
            return;
        }
        self.by_address.retain(|_, direct| direct.since >= first);
        self.look_next = next + self.by_address.len() as Number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_dropped_with_their_packets_but_not_looked_at_each_time() {
        let mut direct = DirectByAddress::default();
        for n in 0..10 {
            direct.add(Address::V4(n), 100, 1, u64::from(n) + 1);
        }
        direct.forget_before(1, 11);
        direct.forget_before(6, 12);
        assert_eq!(direct.by_address.len(), 10);
        direct.forget_before(6, 21);
        assert_eq!(direct.by_address.len(), 5);
        direct.forget_before(22, 22);
        assert!(direct.by_address.is_empty());
    }
}
