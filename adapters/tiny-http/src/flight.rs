//! Requests on their way through tiny_http, and clients that have gone meanwhile.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// How many requests may be on their way: fewer than connections may wait in the queue of a
/// socket, and a bound for the queue of tiny_http, which has none.
const ROOM: usize = 64;

/// What the front and the driver have to tell each other about requests.
#[derive(Debug, Default)]
pub(crate) struct Flight(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Handed on by the front, not yet seen by the driver; and whether the client has gone.
    under_way: BTreeMap<u64, bool>,
    /// Seen by the driver, and the client has gone since.
    gone: Vec<u64>,
    /// The front has more than there is room for.
    crowded: bool,
    /// Bodies that nobody has taken yet.
    bodies: BTreeMap<u64, Cargo>,
    /// Whose bodies were brought since the driver last asked.
    brought: Vec<u64>,
}

/// What has become of the body of a request that goes to the machine, which is told of the request
/// before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cargo {
    Whole(Bytes),
    TooLarge,
    /// It took too long.
    Late,
}

/// What the driver learns about a request that has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) gone: bool,
    /// The front waits for the room that is there now.
    pub(crate) wanted: bool,
}

impl Flight {
    /// Whether there is room for this request, which is then on its way.
    pub(crate) fn depart(&self, id: u64) -> bool {
        let mut state = self.lock();
        let room = state.under_way.len() < ROOM;
        if room {
            state.under_way.insert(id, false);
        } else {
            state.crowded = true;
        }
        room
    }

    /// Notes that the driver has got a request. Of one that is not expected any more, the client
    /// has gone.
    pub(crate) fn arrive(&self, id: u64) -> Arrival {
        let mut state = self.lock();
        let gone = state.under_way.remove(&id).unwrap_or(true);
        Arrival { gone, wanted: std::mem::take(&mut state.crowded) }
    }

    /// Notes that nobody waits for the answer any more.
    pub(crate) fn leave(&self, id: u64) {
        let mut state = self.lock();
        match state.under_way.get_mut(&id) {
            Some(gone) => *gone = true,
            None => state.gone.push(id),
        }
    }

    /// Takes a request back; says whether it was still on its way.
    pub(crate) fn take_back(&self, id: u64) -> bool {
        self.lock().under_way.remove(&id).is_some()
    }

    /// Brings a body.
    pub(crate) fn bring(&self, id: u64, body: Cargo) {
        let mut state = self.lock();
        state.bodies.insert(id, body);
        state.brought.push(id);
    }

    /// Takes the body of a request, if it is there.
    pub(crate) fn take_body(&self, id: u64) -> Option<Cargo> {
        self.lock().bodies.remove(&id)
    }

    /// The requests whose bodies were brought, since this was last asked.
    pub(crate) fn take_brought(&self) -> Vec<u64> {
        std::mem::take(&mut self.lock().brought)
    }

    /// Those whose clients have gone, since this was last asked.
    pub(crate) fn take_gone(&self) -> Vec<u64> {
        std::mem::take(&mut self.lock().gone)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrival, Cargo, Flight, ROOM};

    #[test]
    fn a_client_that_goes_is_told_of_once_before_or_after_the_arrival() {
        let flight = Flight::default();
        assert!(flight.depart(1) && flight.depart(2));
        flight.leave(1);
        assert_eq!(flight.arrive(1), Arrival { gone: true, wanted: false });
        assert_eq!(flight.arrive(2), Arrival { gone: false, wanted: false });
        assert!(flight.take_gone().is_empty());
        flight.leave(2);
        assert_eq!(flight.take_gone(), [2]);
        assert!(flight.take_gone().is_empty());
    }

    #[test]
    fn only_so_many_are_on_their_way() {
        let flight = Flight::default();
        let room = u64::try_from(ROOM).expect("a small number");
        assert!((0..room).all(|id| flight.depart(id)));
        assert!(!flight.depart(room));
        assert!(flight.arrive(0).wanted, "somebody waits");
        assert!(flight.depart(room));
        assert!(!flight.arrive(1).wanted);
    }

    #[test]
    fn a_body_is_taken_once() {
        let flight = Flight::default();
        flight.bring(1, Cargo::TooLarge);
        flight.bring(2, Cargo::Whole("body".into()));
        assert_eq!(flight.take_brought(), [1, 2]);
        assert!(flight.take_brought().is_empty());
        assert_eq!(flight.take_body(2), Some(Cargo::Whole("body".into())));
        assert_eq!(flight.take_body(2), None);
        assert_eq!(flight.take_body(1), Some(Cargo::TooLarge));
    }

    #[test]
    fn what_was_taken_back_counts_as_gone() {
        let flight = Flight::default();
        assert!(flight.depart(1));
        assert!(flight.take_back(1));
        assert!(!flight.take_back(1));
        assert!(flight.arrive(1).gone);
    }
}
