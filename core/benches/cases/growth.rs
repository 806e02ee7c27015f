//! Operations of which one wants to know what they cost where there is a lot already.

use sockeye_core::{Frame, Selector, WsId};

use super::{Act, Growth};
use crate::bench_support::Hall;

const CONNECTIONS: &[usize] = &[1, 10, 100, 1_000, 10_000, 50_000];
const ROOMS: &[usize] = &[10, 100, 1_000, 10_000, 100_000];

/// All of them.
pub(crate) const GROWTHS: &[Growth] = &[
    Growth {
        name: "delivery of a broadcast, by receivers",
        sizes: CONNECTIONS,
        at_once: |receivers| receivers,
        make: deliver,
    },
    Growth { name: "echo, by connections", sizes: CONNECTIONS, at_once: |_| 1, make: echo },
    Growth { name: "heartbeat, by connections", sizes: CONNECTIONS, at_once: |_| 1, make: ping },
    Growth {
        name: "connect and close, by connections",
        sizes: CONNECTIONS,
        at_once: |_| 1,
        make: connect,
    },
    Growth {
        name: "make a room and leave it, by rooms",
        sizes: ROOMS,
        at_once: |_| 1,
        make: |rooms| join(rooms, rooms + 1),
    },
    Growth {
        name: "join a room and leave it, by rooms",
        sizes: ROOMS,
        at_once: |_| 1,
        make: |rooms| join(rooms, 0),
    },
];

fn deliver(receivers: usize) -> Act {
    let (mut hall, everybody) = (Hall::with(receivers), Selector::all());
    let payload = "x".repeat(32);
    Box::new(move || {
        hall.broadcast(&everybody, &payload);
        assert_eq!(hall.settled(), (0, receivers));
    })
}

/// Everybody in turn.
fn echo(connections: usize) -> Act {
    let mut hall = Hall::with(connections).echoing();
    let frame = Frame::from(format!(r#"42["echo","{}"]"#, "x".repeat(32)));
    let mut turns = (1..=connections as u64).cycle();
    Box::new(move || {
        hall.receive(WsId(turns.next().expect("it never ends")), frame.clone());
        assert_eq!(hall.settled(), (1, 1));
    })
}

fn ping(connections: usize) -> Act {
    let mut hall = Hall::with(connections);
    Box::new(move || {
        hall.ping();
        assert_eq!(hall.settled(), (0, 1));
    })
}

fn connect(connections: usize) -> Act {
    let mut hall = Hall::with(connections);
    Box::new(move || {
        let ws = hall.enter(Frame::from("40"));
        assert_eq!(hall.settled(), (0, 2));
        hall.leave(ws);
    })
}

/// A newcomer to a server with so many rooms, ten to a member.
fn join(rooms: usize, room: usize) -> Act {
    let mut hall = Hall::with(0);
    for first in (0..rooms).step_by(10) {
        hall.enter(Frame::from("40"));
        let id = hall.socket.expect("somebody entered");
        let mut socket = hall.server.socket(id).expect("it is connected");
        (first..first + 10).for_each(|number| socket.join(&room_name(number)));
    }
    hall.enter(Frame::from("40"));
    let (newcomer, room) = (hall.socket.expect("somebody entered"), room_name(room));
    Box::new(move || {
        let mut socket = hall.server.socket(newcomer).expect("it is connected");
        socket.join(&room);
        assert_eq!(socket.rooms().count(), 1);
        socket.leave(&room);
    })
}

fn room_name(number: usize) -> String {
    format!("room {number}")
}
