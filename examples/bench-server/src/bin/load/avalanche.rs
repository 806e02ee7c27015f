//! Everybody is cut off at once, and comes back as clients of Socket.IO do.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_tungstenite::tungstenite::Message;
use smol::{Timer, future};

use crate::cases::echo;
use crate::process::Processes;
use crate::run::Run;
use crate::session::{Failure, Session};

/// How long an attempt may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take until everybody is back.
const LIMIT: Duration = Duration::from_secs(120);
/// How often the memory of the server is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long everybody is back before that is looked at for the last time.
const QUIET: Duration = Duration::from_secs(1);

/// What was measured.
pub(crate) struct Avalanche {
    /// How long the last one was away.
    pub(crate) time: Duration,
    /// CPU time that the server took from the cut until then.
    pub(crate) server: Duration,
    /// How many attempts to come back failed.
    pub(crate) failed: u64,
    /// Resident memory of the server: before the cut, at most, and in the end.
    pub(crate) resident: [u64; 3],
}

/// Cuts all sessions off, and waits until each is back and had an answer.
pub(crate) async fn avalanche(
    run: &Rc<Run>,
    server: &Processes,
    sessions: Vec<Session>,
) -> Result<Avalanche, Failure> {
    let (connections, failed) = (sessions.len(), Rc::new(Cell::new(0)));
    let (before, cpu, since) = (server.resident()?, server.cpu()?, Instant::now());
    run.begin(connections);
    drop(sessions);
    let come_back = |number| run.spawn(come_back(Rc::clone(run), Rc::clone(&failed), number));
    let _tasks: Vec<_> = (0..connections).map(come_back).collect();
    let mut peak = before;
    while run.missing() > 0 {
        run.wait(LOOK).await?;
        peak = peak.max(server.resident()?);
        if since.elapsed() > LIMIT {
            return Err(format!("{} did not come back", run.missing()));
        }
    }
    let (time, server_cpu) = (since.elapsed(), server.cpu()? - cpu);
    run.wait(QUIET).await?;
    let resident = [before, peak, server.resident()?];
    Ok(Avalanche { time, server: server_cpu, failed: failed.get(), resident })
}

async fn come_back(run: Rc<Run>, failed: Rc<Cell<u64>>, number: usize) -> Result<(), Failure> {
    let mut attempt = 0;
    let mut session = loop {
        Timer::after(delay(attempt)).await;
        let late = async {
            Timer::after(PATIENCE).await;
            Err("it took too long".into())
        };
        match future::or(Session::open(run.server), late).await {
            Ok(session) => break session,
            Err(_) => failed.set(failed.get() + 1),
        }
        attempt += 1;
    };
    let echo = Message::text(echo(number, 0, 32));
    session.send([echo.clone()]).await?;
    session.expect(&echo).await?;
    run.end();
    session.expect_nothing().await
}

/// A second or so, twice as long each time, up to five seconds: the defaults of socket.io-client.
fn delay(attempt: i32) -> Duration {
    let spread = 0.5 + fastrand::f64();
    Duration::from_secs_f64((2_f64.powi(attempt) * spread).min(5.0))
}
