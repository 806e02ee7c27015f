//! The sockets whose clients may return: a bounded table, by key and in the order of their
//! disconnection.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::engineio::server::Address;
use crate::id::Sid;
use crate::socketio::server::membership::{Membership, Number};
use crate::socketio::server::names::Namespace;
use crate::socketio::server::quotas::AwayByAddress;

/// The smallest share of the table that an address may fill, in sockets.
const MIN_SHARE: usize = 1_000;

/// A disconnected socket whose client may return.
#[derive(Debug)]
pub(super) struct SavedSession {
    pub(super) sid: Sid,
    pub(super) address: Address,
    pub(super) namespace: Namespace,
    /// The first packet that is for the socket.
    pub(super) since: Number,
    pub(super) membership: Membership,
}

/// The sockets whose clients may return.
#[derive(Debug, Default)]
pub(super) struct SavedSessions {
    by_pid: BTreeMap<Sid, (u64, SavedSession)>,
    /// The keys of the clients, in the order in which the sockets were saved.
    expiry_queue: BTreeMap<u64, (Instant, Sid)>,
    by_address: AwayByAddress,
    /// The number of saved sockets of each namespace.
    namespaces: BTreeMap<Namespace, usize>,
    /// The number of sockets that were saved so far.
    saved: u64,
}

impl SavedSessions {
    /// Saves a socket under the key of its client. Returns the id of the one that was dropped to
    /// make room: the oldest of its address if that has more than its share of `limit`, else the
    /// oldest of all.
    pub(super) fn insert(
        &mut self,
        pid: Sid,
        session: SavedSession,
        limit: usize,
        now: Instant,
    ) -> Option<Sid> {
        self.saved += 1;
        let place = self.saved;
        self.expiry_queue.insert(place, (now, pid.clone()));
        *self.namespaces.entry(Namespace::clone(&session.namespace)).or_default() += 1;
        let share = (limit / 4).max(MIN_SHARE);
        let oldest = self.by_address.add(session.address, place, share);
        self.by_pid.insert(pid, (place, session));
        if let Some((_, pid)) = oldest.and_then(|place| self.expiry_queue.get(&place)).cloned() {
            return self.remove(pid.as_str()).map(|(_, session)| session.sid);
        }
        if self.by_pid.len() > limit { self.pop_oldest() } else { None }
    }

    /// Removes the socket that is saved under a key. Returns it with the key as it was stored.
    pub(super) fn remove(&mut self, pid: &str) -> Option<(Sid, SavedSession)> {
        let (pid, (place, session)) = self.by_pid.remove_entry(pid)?;
        self.expiry_queue.remove(&place);
        self.by_address.remove(session.address, place);
        if let Some(count) = self.namespaces.get_mut(&session.namespace) {
            *count -= 1;
            if *count == 0 {
                self.namespaces.remove(&session.namespace);
            }
        }
        Some((pid, session))
    }

    /// Removes the socket that was saved first; returns its id.
    pub(super) fn pop_oldest(&mut self) -> Option<Sid> {
        let (_, (_, pid)) = self.expiry_queue.first_key_value()?;
        let pid = pid.clone();
        self.remove(pid.as_str()).map(|(_, session)| session.sid)
    }

    /// When the oldest of them was saved.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.expiry_queue.first_key_value().map(|(_, (at, _))| *at)
    }

    /// The namespace, if a socket of it is saved.
    pub(super) fn namespace(&self, name: &str) -> Option<Namespace> {
        self.namespaces.get_key_value(name).map(|(name, _)| Namespace::clone(name))
    }

    pub(super) fn len(&self) -> usize {
        self.by_pid.len()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "some instant to begin with")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn session(name: &str) -> SavedSession {
        SavedSession {
            sid: Sid::new(name),
            address: Address::Unknown,
            namespace: Namespace::from("/"),
            since: 0,
            membership: Membership::default(),
        }
    }

    #[test]
    fn a_key_restores_its_socket_once() {
        let (mut saved, now) = (SavedSessions::default(), Instant::now());
        assert_eq!(saved.insert(Sid::new("key"), session("a"), 10, now), None);
        assert_eq!(saved.namespace("/").as_deref(), Some("/"));
        let (pid, restored) = saved.remove("key").expect("it is saved");
        assert_eq!((pid.as_str(), restored.sid.as_str()), ("key", "a"));
        assert!(saved.remove("key").is_none());
        assert_eq!((saved.len(), saved.oldest(), saved.namespace("/")), (0, None, None));
    }

    #[test]
    fn the_oldest_socket_makes_room_for_a_new_one() {
        let (mut saved, now) = (SavedSessions::default(), Instant::now());
        for (index, key) in ["a", "b", "c"].into_iter().enumerate() {
            let at = now + Duration::from_secs(index as u64);
            let dropped = saved.insert(Sid::new(key), session(key), 2, at);
            assert_eq!(dropped.as_ref().map(Sid::as_str), (key == "c").then_some("a"));
        }
        assert_eq!((saved.len(), saved.oldest()), (2, Some(now + Duration::from_secs(1))));
        assert_eq!(saved.pop_oldest().as_ref().map(Sid::as_str), Some("b"));
    }

    #[test]
    fn an_address_displaces_its_own_sockets_first() {
        let (mut saved, now) = (SavedSessions::default(), Instant::now());
        let address = Address::new(Some([192, 0, 2, 1].into()));
        saved.insert(Sid::new("other"), session("other"), 100_000, now);
        for index in 0..=MIN_SHARE {
            let session = SavedSession { address, ..session(&index.to_string()) };
            let key = Sid::new(&format!("key{index}"));
            let dropped = saved.insert(key, session, 2 * MIN_SHARE, now);
            assert_eq!(dropped.is_some(), index == MIN_SHARE);
        }
        assert!(saved.remove("other").is_some() && saved.remove("key0").is_none());
    }
}
