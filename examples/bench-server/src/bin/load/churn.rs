//! Connections that come and go.

use std::cell::Cell;
use std::rc::Rc;

use smol::Task;

use crate::run::Run;
use crate::session::{Failure, Session};

/// Enough to measure: a closed connection keeps its pair of ports for a minute.
const SESSIONS: u64 = 18_000;

/// Opens, connects and closes, on so many connections at a time.
pub(crate) fn churn(run: &Rc<Run>, connections: usize) -> Vec<Task<()>> {
    run.limit(SESSIONS);
    let left = Rc::new(Cell::new(SESSIONS));
    (0..connections).map(|_| run.spawn(sessions(Rc::clone(run), Rc::clone(&left)))).collect()
}

async fn sessions(run: Rc<Run>, left: Rc<Cell<u64>>) -> Result<(), Failure> {
    while !run.is_stopped() && left.get() > 0 {
        left.set(left.get() - 1);
        run.begin(1);
        Session::open(run.server).await?.close().await?;
        run.end();
    }
    Ok(())
}
