//! The reference for acknowledgements: who owes what to whom (M2).

use std::collections::{BTreeMap, BTreeSet};

use sockeye_core::{AckError, AckId, SocketId};

use super::model::{Kind, Message, Tag, index};

/// An answer that a client waits for.
#[derive(Debug)]
struct Asked {
    tag: Tag,
    /// When it stops waiting, by its clock.
    until: Option<u64>,
}

/// The answers to a broadcast.
#[derive(Debug)]
struct Gathering {
    tag: Tag,
    targets: BTreeSet<SocketId>,
    until: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Acks {
    by_client: BTreeMap<(usize, AckId), Asked>,
    by_server: BTreeMap<AckId, (Asked, SocketId)>,
    gatherings: BTreeMap<AckId, Gathering>,
    /// Who has answered what; the server is nobody.
    answered: BTreeSet<(Tag, Option<usize>)>,
    pub(crate) settled: u64,
}

impl Acks {
    pub(crate) fn client_asks(&mut self, client: usize, ack: AckId, tag: Tag, until: Option<u64>) {
        let before = self.by_client.insert((client, ack), Asked { tag, until });
        assert!(before.is_none(), "M2: ids are used once");
    }

    pub(crate) fn server_asks(
        &mut self,
        socket: SocketId,
        ack: AckId,
        tag: Tag,
        until: Option<u64>,
    ) {
        let before = self.by_server.insert(ack, (Asked { tag, until }, socket));
        assert!(before.is_none(), "M2: ids are used once");
    }

    pub(crate) fn server_asks_all(
        &mut self,
        targets: BTreeSet<SocketId>,
        ack: AckId,
        tag: Tag,
        until: Option<u64>,
    ) {
        let before = self.gatherings.insert(ack, Gathering { tag, targets, until });
        assert!(before.is_none(), "M2: ids are used once");
    }

    pub(crate) fn answers(&mut self, tag: Tag, by: Option<usize>) {
        self.answered.insert((tag, by));
    }

    /// A client learns what became of a question; returns which one it was.
    pub(crate) fn client_learns(
        &mut self,
        client: usize,
        ack: AckId,
        result: Result<Tag, AckError>,
        now: u64,
    ) -> Tag {
        let asked = self.by_client.remove(&(client, ack));
        let Asked { tag, until } = asked.expect("M2: each question is settled once");
        self.settle(tag, None, result, until, now);
        tag
    }

    pub(crate) fn server_learns(
        &mut self,
        socket: SocketId,
        client: Option<usize>,
        ack: AckId,
        result: Result<Tag, AckError>,
        now: u64,
    ) {
        let asked = self.by_server.remove(&ack).expect("M2: each question is settled once");
        assert_eq!(asked.1, socket, "M2: the answer is given by who was asked");
        self.settle(asked.0.tag, client, result, asked.0.until, now);
    }

    fn settle(
        &mut self,
        tag: Tag,
        by: Option<usize>,
        result: Result<Tag, AckError>,
        until: Option<u64>,
        now: u64,
    ) {
        self.settled += 1;
        match result {
            Ok(answer) => {
                assert_eq!(answer, tag, "M2: the answer is one to this question");
                assert!(self.answered.contains(&(tag, by)), "M2: somebody has given this answer");
            }
            Err(AckError::Timeout) => {
                assert!(until.is_some_and(|until| until <= now), "M2: the time is up");
            }
            Err(_) => {}
        }
    }

    /// The answers to a broadcast are in; each with who gave it.
    pub(crate) fn gathers(
        &mut self,
        ack: AckId,
        answers: &[(SocketId, Option<usize>, Tag)],
        lost: usize,
        late: usize,
        now: u64,
    ) {
        self.settled += 1;
        let gathering = self.gatherings.remove(&ack).expect("M2: each broadcast is settled once");
        let Gathering { tag, targets, until } = gathering;
        assert_eq!(answers.len() + lost + late, targets.len(), "M2: everybody counts");
        let who: BTreeSet<_> = answers.iter().map(|(socket, _, _)| *socket).collect();
        assert!(who.len() == answers.len() && who.is_subset(&targets), "M2: each answers once");
        for &(_, by, answer) in answers {
            assert_eq!(answer, tag, "M2: the answer is one to this question");
            assert!(by.is_none() || self.answered.contains(&(tag, by)), "M2: it was given");
        }
        assert!(late == 0 || until.is_some_and(|until| until <= now), "M2: the time is up");
    }

    /// Nothing that a client has sent on a connection is owed to it after the end of that.
    pub(crate) fn check_client_owes_nothing(
        &self,
        client: usize,
        namespace: usize,
        messages: &[Message],
    ) {
        for (_, asked) in self.by_client.iter().filter(|(key, _)| key.0 == client) {
            let message = &messages[index(asked.tag)];
            let settled = message.namespace != namespace || message.kind == Kind::Retried;
            assert!(settled, "M2: question {} is settled before the end", asked.tag);
        }
    }

    pub(crate) fn check_server_owed_nothing(&self, socket: SocketId) {
        let owed = self.by_server.values().any(|(_, debtor)| *debtor == socket);
        assert!(!owed, "M2: what a socket owes is settled before its end");
    }

    pub(crate) fn restart(&mut self) {
        self.by_server.clear();
        self.gatherings.clear();
    }

    /// How many broadcasts wait for answers.
    pub(crate) fn gathering(&self) -> usize {
        self.gatherings.len()
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.by_client.is_empty() && self.by_server.is_empty() && self.gatherings.is_empty()
    }

    /// Nobody waits for an answer any more.
    pub(crate) fn check_settled(&self) {
        assert!(self.by_client.is_empty(), "M2: still waiting: {:?}", self.by_client);
        assert!(self.by_server.is_empty(), "M2: still waiting: {:?}", self.by_server);
        assert!(self.gatherings.is_empty(), "M2: still waiting: {:?}", self.gatherings);
    }
}
