//! Messages and their answers, each connection for itself.

use std::rc::Rc;

use async_tungstenite::tungstenite::Message;
use smol::Task;

use crate::cases::{Exchange, echo, payload};
use crate::polling::Polling;
use crate::run::Run;
use crate::session::Session;

/// Starts exchanges on all connections.
pub(crate) fn exchange(
    run: &Rc<Run>,
    sessions: Vec<Session>,
    exchange: Exchange,
    size: usize,
    in_flight: usize,
) -> Vec<Task<()>> {
    let start = |(connection, mut session): (usize, Session)| {
        let shared = Rc::clone(run);
        run.spawn(async move {
            let mut count = 0;
            while !shared.is_stopped() {
                let burst = count..count + in_flight;
                count = burst.end;
                shared.begin(in_flight);
                let requests = burst.clone().flat_map(|i| exchange.request(connection, i, size));
                session.send(requests).await?;
                for i in burst {
                    for part in exchange.answer(connection, i, size) {
                        session.expect(&part).await?;
                    }
                    shared.end();
                }
            }
            session.expect_nothing().await
        })
    };
    sessions.into_iter().enumerate().map(start).collect()
}

/// Starts exchanges of events of 32 bytes on all sessions, each of which always has a GET held.
pub(crate) fn poll(run: &Rc<Run>, sessions: Vec<Polling>) -> Vec<Task<()>> {
    let start = |(number, mut session): (usize, Polling)| {
        let shared = Rc::clone(run);
        run.spawn(async move {
            session.ask().await?;
            let mut count = 0;
            while !shared.is_stopped() {
                let event = echo(number, count, 32);
                count += 1;
                shared.begin(1);
                session.send(&event).await?;
                session.expect(&event).await?;
                shared.end();
                session.ask().await?;
            }
            session.expect_nothing().await
        })
    };
    sessions.into_iter().enumerate().map(start).collect()
}

impl Exchange {
    fn request(self, connection: usize, count: usize, size: usize) -> Vec<Message> {
        let payload = || payload(connection, count, size);
        match self {
            Self::Echo => vec![Message::text(echo(connection, count, size))],
            Self::Ack => vec![Message::text(format!(r#"42{count}["ack","{}"]"#, payload()))],
            Self::Binary => vec![
                Message::text(r#"451-["bin",{"_placeholder":true,"num":0}]"#),
                // No text, so that it could not pass for one.
                Message::binary(payload().bytes().map(|byte| !byte).collect::<Vec<_>>()),
            ],
        }
    }

    fn answer(self, connection: usize, count: usize, size: usize) -> Vec<Message> {
        match self {
            Self::Echo | Self::Binary => self.request(connection, count, size),
            Self::Ack => {
                let payload = payload(connection, count, size);
                vec![Message::text(format!(r#"43{count}["{payload}"]"#))]
            }
        }
    }
}
