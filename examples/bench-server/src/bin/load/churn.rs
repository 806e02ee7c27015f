//! Connections that come and go.

use std::cell::Cell;
use std::rc::Rc;

use async_tungstenite::tungstenite::Message;
use smol::Task;

use crate::cases::echo;
use crate::polling::Polling;
use crate::run::Run;
use crate::session::{Failure, Session};

/// Enough to measure: a closed connection keeps its pair of ports for a minute.
const CONNECTIONS: u64 = 18_000;

/// How a session gets its WebSocket.
#[derive(Clone, Copy)]
pub(crate) enum Arrival {
    /// It begins with one.
    Straight,
    /// It begins with long-polling, on one more connection.
    Upgrade,
}

/// Opens, connects and closes, so many sessions at a time.
pub(crate) fn churn(run: &Rc<Run>, sessions: usize, arrival: Arrival) -> Vec<Task<()>> {
    let limit = match arrival {
        Arrival::Straight => CONNECTIONS,
        Arrival::Upgrade => CONNECTIONS / 2,
    };
    run.limit(limit);
    let left = Rc::new(Cell::new(limit));
    let start = |number| come_and_go(Rc::clone(run), Rc::clone(&left), arrival, number);
    (0..sessions).map(|number| run.spawn(start(number))).collect()
}

async fn come_and_go(
    run: Rc<Run>,
    left: Rc<Cell<u64>>,
    arrival: Arrival,
    number: usize,
) -> Result<(), Failure> {
    let mut count = 0;
    while !run.is_stopped() && left.get() > 0 {
        left.set(left.get() - 1);
        run.begin(1);
        let session = match arrival {
            Arrival::Straight => Session::open(run.server).await?,
            Arrival::Upgrade => upgraded(&run, number, count).await?,
        };
        session.close().await?;
        run.end();
        count += 1;
    }
    Ok(())
}

/// Opens a session that has moved to a WebSocket and had an answer there.
async fn upgraded(run: &Run, number: usize, count: usize) -> Result<Session, Failure> {
    let polling = Polling::open(run.server).await?;
    let mut session = Session::upgrade(run.server, &polling.sid).await?;
    let event = Message::text(echo(number, count, 32));
    session.send([event.clone()]).await?;
    session.expect(&event).await?;
    Ok(session)
}
