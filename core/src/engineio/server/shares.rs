//! The number of sessions of each address, and the sessions that were not used yet.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::id::SessionId;

/// The address that sessions are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Address {
    /// The address of the client is not known.
    Unknown,
    V4(u32),
    /// The first 64 bits of an IPv6 address: in most networks a client can choose the rest.
    V6(u64),
}

impl Address {
    pub(crate) fn new(address: Option<IpAddr>) -> Self {
        match address {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::V4(address.into()),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
        }
    }
}

/// The sessions and undecided handshakes of all addresses.
///
/// A session is unused from its handshake over long-polling until its client sends a second
/// request.
#[derive(Default)]
pub(super) struct Shares {
    shares: BTreeMap<Address, Share>,
    /// The unused sessions of each address, the oldest one first, with the sizes of the handshakes
    /// that are kept for them.
    unused: BTreeMap<(Address, SessionId), usize>,
    /// The addresses that have unused sessions, ordered by how many; of those that have as many,
    /// that with the oldest one comes last.
    by_unused: BTreeSet<(usize, Reverse<SessionId>, Address)>,
    unused_bytes: usize,
    /// The sizes of all handshakes that are kept.
    pub(super) handshakes: usize,
}

#[derive(Default)]
struct Share {
    /// The number of sessions and undecided handshakes.
    sessions: usize,
    unused: usize,
    /// The oldest unused session.
    oldest: Option<SessionId>,
}

impl Shares {
    /// The number of sessions and undecided handshakes of an address.
    pub(super) fn sessions(&self, address: Address) -> usize {
        self.shares.get(&address).map_or(0, |share| share.sessions)
    }

    /// The number of unused sessions.
    pub(super) fn unused(&self) -> usize {
        self.unused.len()
    }

    /// The sizes of the handshakes that are kept for unused sessions.
    pub(super) const fn unused_bytes(&self) -> usize {
        self.unused_bytes
    }

    pub(super) fn enter(&mut self, address: Address) {
        self.shares.entry(address).or_default().sessions += 1;
    }

    pub(super) fn leave(&mut self, address: Address) {
        if let Some(share) = self.shares.get_mut(&address) {
            share.sessions -= 1;
            if share.sessions == 0 {
                self.shares.remove(&address);
            }
        }
    }

    /// Notes that a session is unused.
    pub(super) fn add_unused(&mut self, address: Address, session: SessionId, bytes: usize) {
        self.unused.insert((address, session), bytes);
        self.unused_bytes += bytes;
        self.rank(address, |count| count + 1);
    }

    /// Notes that a session is used, or has ended.
    pub(super) fn remove_unused(&mut self, address: Address, session: SessionId) {
        if let Some(bytes) = self.unused.remove(&(address, session)) {
            self.unused_bytes -= bytes;
            self.rank(address, |count| count - 1);
        }
    }

    /// Changes how many unused sessions an address has, and its place among all addresses with it.
    fn rank(&mut self, address: Address, change: impl FnOnce(usize) -> usize) {
        let Some(share) = self.shares.get_mut(&address) else { return };
        if let Some(oldest) = share.oldest {
            self.by_unused.remove(&(share.unused, Reverse(oldest), address));
        }
        share.unused = change(share.unused);
        let first = (address, SessionId { serial: 0, index: 0 });
        let oldest = self.unused.range(first..).next().map(|(key, _)| *key);
        share.oldest = oldest.filter(|(of, _)| *of == address).map(|(_, session)| session);
        if let Some(oldest) = share.oldest {
            self.by_unused.insert((share.unused, Reverse(oldest), address));
        }
    }

    /// The unused session that is ended first: the oldest one of the address that has most of them,
    /// so that no address displaces the sessions of others. Where several have as many, the oldest
    /// of all.
    pub(super) fn first_to_go(&self) -> Option<SessionId> {
        self.by_unused.last().map(|(_, Reverse(session), _)| *session)
    }

    /// The same, if its address has at least two more unused sessions than this one: ending one for
    /// a client of this address evens them out.
    pub(super) fn first_to_go_for(&self, address: Address) -> Option<SessionId> {
        let (most, Reverse(session), _) = *self.by_unused.last()?;
        let own = self.shares.get(&address).map_or(0, |share| share.unused);
        (most >= own + 2).then_some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn session(serial: u64) -> SessionId {
        SessionId { serial, index: 0 }
    }

    fn with_unused(sessions: &[(u32, u64)]) -> Shares {
        let mut shares = Shares::default();
        for &(address, serial) in sessions {
            shares.enter(Address::V4(address));
            shares.add_unused(Address::V4(address), session(serial), 10);
        }
        shares
    }

    #[test]
    fn the_oldest_session_of_the_address_with_most_of_them_goes_first() {
        let mut shares = with_unused(&[(1, 1), (2, 2), (2, 3), (2, 4), (1, 5)]);
        assert_eq!((shares.unused(), shares.unused_bytes()), (5, 50));

        assert_eq!(shares.first_to_go(), Some(session(2)));
        shares.remove_unused(Address::V4(2), session(2));
        shares.remove_unused(Address::V4(2), session(3));
        assert_eq!(shares.first_to_go(), Some(session(1)));
        shares.remove_unused(Address::V4(1), session(1));
        shares.remove_unused(Address::V4(1), session(1));
        shares.remove_unused(Address::V4(1), session(5));
        assert_eq!(shares.first_to_go(), Some(session(4)));
        shares.remove_unused(Address::V4(2), session(4));
        assert_eq!(shares.first_to_go(), None);
        assert_eq!((shares.unused(), shares.unused_bytes()), (0, 0));
        assert!(shares.by_unused.is_empty());
    }

    #[test]
    fn of_addresses_that_have_as_many_the_one_with_the_oldest_session_goes_first() {
        let mut shares = with_unused(&[(2, 1), (9, 2), (1, 3), (9, 4), (2, 5), (1, 6)]);
        for (address, serial) in [(2, 1), (9, 2), (1, 3), (9, 4), (2, 5), (1, 6)] {
            assert_eq!(shares.first_to_go(), Some(session(serial)));
            shares.remove_unused(Address::V4(address), session(serial));
        }
        let shares = with_unused(&[(1, 3), (3, 1), (2, 2)]);
        assert_eq!(shares.first_to_go(), Some(session(1)));
        assert_eq!(shares.by_unused.len(), 3);
    }

    #[test]
    fn a_session_is_given_up_for_another_address_only_if_that_evens_them_out() {
        let shares = with_unused(&[(1, 1), (2, 2), (2, 3), (3, 4), (3, 5), (3, 6)]);
        for (address, goes) in [(1, true), (2, false), (3, false), (4, true)] {
            let first = shares.first_to_go_for(Address::V4(address));
            assert_eq!(first, goes.then_some(session(4)), "{address}");
        }
        let shares = with_unused(&[(1, 1), (2, 2)]);
        assert_eq!(shares.first_to_go_for(Address::Unknown), None);
    }

    #[test]
    fn nothing_remains_of_an_address_that_has_no_session() {
        let mut shares = with_unused(&[(1, 1), (1, 2)]);
        assert_eq!(shares.sessions(Address::V4(1)), 2);
        for serial in [1, 2] {
            shares.remove_unused(Address::V4(1), session(serial));
            shares.leave(Address::V4(1));
        }
        assert_eq!(shares.sessions(Address::V4(1)), 0);
        assert!(shares.shares.is_empty());
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let address = |text: &str| Address::new(Some(text.parse().expect("an address")));
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::9"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
        assert_ne!(address("0.0.0.0"), Address::new(None));
    }
}
