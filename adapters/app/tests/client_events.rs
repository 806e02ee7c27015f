//! What a loop over the events of a client gets.

mod common;

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use common::client::ClientWorld;
use futures_core::Stream;
use sockeye_app::client::{Client, Event, Events, Socket};

/// Begins to listen as soon as it is woken.
struct Listening {
    socket: Socket,
    events: Mutex<Option<Events>>,
}

impl Wake for Listening {
    fn wake(self: Arc<Self>) {
        *self.events.lock().expect("nobody panics") = Some(self.socket.events());
    }
}

fn next(events: &mut Events) -> Option<Event> {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(events).poll_next(&mut cx) {
        Poll::Ready(event) => event,
        Poll::Pending => None,
    }
}

#[test]
fn who_listens_once_it_is_connected_is_not_told_that_it_is() {
    let mut world = ClientWorld::new(Client::new());
    let socket = world.socket.clone();
    let listening = Arc::new(Listening { socket: socket.clone(), events: Mutex::default() });
    let mut connected = pin!(socket.connected());
    let waker = Waker::from(Arc::clone(&listening));
    assert!(connected.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let mut before = socket.events();
    world.connect();
    assert!(matches!(next(&mut before), Some(Event::Connected { recovered: false })));
    let mut events = listening.events.lock().unwrap().take().expect("it was woken");
    assert!(next(&mut events).is_none());
    world.say("41");
    assert!(matches!(next(&mut events), Some(Event::Disconnected(_))));
}
