//! Messages to many: one connection of each group sends, and all receive.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use async_tungstenite::tungstenite::Message;
use smol::Task;
use smol::channel::{Receiver, Sender, bounded};

use crate::cases::{Event, payload};
use crate::run::Run;
use crate::session::{Failure, Session, check};

/// The size of payloads in bytes.
const SIZE: usize = 32;

/// Connections that receive the same messages.
struct Group {
    run: Rc<Run>,
    event: Event,
    number: usize,
    members: usize,
    /// What is being delivered.
    expected: RefCell<Message>,
    /// How many have not received it.
    missing: Cell<usize>,
    /// Tells the one who sends that nobody misses it.
    delivered: Sender<()>,
}

/// Puts connections into groups of so many, and lets the first of each send.
pub(crate) async fn deliver(
    run: &Rc<Run>,
    mut sessions: Vec<Session>,
    event: Event,
    members: usize,
) -> Result<Vec<Task<()>>, Failure> {
    let mut tasks = Vec::with_capacity(sessions.len());
    let mut senders = Vec::new();
    while !sessions.is_empty() {
        let mut joining = sessions.split_off(sessions.len().saturating_sub(members));
        let (delivered, all) = bounded(1);
        let group = Rc::new(Group {
            run: Rc::clone(run),
            event,
            number: senders.len(),
            members: joining.len(),
            expected: RefCell::new(Message::text("")),
            missing: Cell::new(0),
            delivered,
        });
        for session in &mut joining {
            group.join(session).await?;
        }
        let first = joining.swap_remove(0);
        tasks.extend(joining.into_iter().map(|it| run.spawn(receive(Rc::clone(&group), it))));
        senders.push((group, first, all));
    }
    tasks.extend(senders.into_iter().map(|(group, first, all)| run.spawn(send(group, first, all))));
    Ok(tasks)
}

async fn send(group: Rc<Group>, mut session: Session, all: Receiver<()>) -> Result<(), Failure> {
    let mut count = 0;
    while !group.run.is_stopped() {
        let request = group.next(count);
        count += 1;
        session.send([request]).await?;
        group.take(&session.receive().await?)?;
        all.recv().await.map_err(|error| error.to_string())?;
    }
    session.expect_nothing().await
}

async fn receive(group: Rc<Group>, mut session: Session) -> Result<(), Failure> {
    loop {
        group.take(&session.receive().await?)?;
    }
}

impl Group {
    async fn join(&self, session: &mut Session) -> Result<(), Failure> {
        match self.event {
            Event::Broadcast => Ok(()),
            Event::Room => {
                let join = format!(r#"420["join","room {}"]"#, self.number);
                session.send([Message::text(join)]).await?;
                session.expect(&Message::text("430[]")).await
            }
        }
    }

    /// Prepares everybody for a message, and gives what asks the server for it.
    fn next(&self, count: usize) -> Message {
        let payload = payload(self.number, count, SIZE);
        let (request, answer) = match self.event {
            Event::Broadcast => {
                let event = format!(r#"42["broadcast","{payload}"]"#);
                (event.clone(), event)
            }
            Event::Room => (
                format!(r#"42["room","room {}","{payload}"]"#, self.number),
                format!(r#"42["room","{payload}"]"#),
            ),
        };
        *self.expected.borrow_mut() = Message::text(answer);
        self.missing.set(self.members);
        self.run.begin(self.members);
        Message::text(request)
    }

    /// Counts a delivery to one of the members.
    fn take(&self, message: &Message) -> Result<(), Failure> {
        check(message, &self.expected.borrow())?;
        let left = self.missing.get().checked_sub(1).ok_or("a message was delivered twice")?;
        self.missing.set(left);
        self.run.end();
        if left == 0 {
            self.delivered.try_send(()).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
