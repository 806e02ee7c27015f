//! Scripts: one step after the other, each waited for, up to the first that fails.

use std::collections::VecDeque;
use std::future::Future;
use std::io::BufRead;
use std::time::{Duration, Instant};

use smol::Timer;
use smol::channel::{Receiver, bounded};
use smol::future::{self, FutureExt};
use sockeye_smol::{AckError, AckFailure};

use crate::args::read_file;
use crate::command::{Command, Step, parse};
use crate::failure::Failure;
use crate::options::Options;
use crate::session::{Place, Session};
use crate::value::Arguments;

/// How long anything may take, where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where steps come from.
enum Source {
    Steps(std::vec::IntoIter<Step>),
    Lines(Receiver<std::io::Result<String>>),
}

/// Carries out the steps of the command line, or those on standard input.
pub(crate) async fn run(session: &mut Session, options: Options) -> Result<(), Failure> {
    session.unclaimed = Some(VecDeque::new());
    let only_listens = options.listen && options.steps.is_empty();
    let source = if options.steps.is_empty() && !only_listens {
        Source::Lines(standard_input())
    } else {
        Source::Steps(options.steps.into_iter())
    };
    let mut script =
        Script { session, source, starting: true, patient: options.attempts.is_some() };
    for namespace in &options.namespaces {
        script.joined(namespace).await?;
    }
    script.starting = false;
    while let Some(step) = script.next().await? {
        if step.command == Command::Quit {
            return Ok(());
        }
        script.step(step).await?;
    }
    if options.listen { script.listen().await } else { Ok(()) }
}

/// Reads lines on a thread, as they are asked for.
fn standard_input() -> Receiver<std::io::Result<String>> {
    let (send, lines) = bounded(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if send.send_blocking(line).is_err() {
                return;
            }
        }
    });
    lines
}

struct Script<'a> {
    session: &'a mut Session,
    source: Source,
    /// The first connection is still to be made.
    starting: bool,
    /// It may take several attempts.
    patient: bool,
}

impl Script<'_> {
    async fn next(&mut self) -> Result<Option<Step>, Failure> {
        loop {
            let line = match &mut self.source {
                Source::Steps(steps) => return Ok(steps.next()),
                Source::Lines(lines) => {
                    let lines = lines.clone();
                    let line = async { lines.recv().await.ok() };
                    let Some(line) = self.session.meanwhile(line).await else { return Ok(None) };
                    line.map_err(|error| Failure::usage(error.to_string()))?
                }
            };
            let step = parse(&line, &mut read_file);
            if let Some(step) =
                step.map_err(|message| Failure::usage(format!("{line}: {message}")))?
            {
                return Ok(Some(step));
            }
        }
    }

    async fn step(&mut self, step: Step) -> Result<(), Failure> {
        let namespace = step.namespace.unwrap_or_else(|| self.session.current.clone());
        let limit = self.session.timeout.unwrap_or(TIMEOUT);
        match step.command {
            Command::Wait { event, timeout } => {
                let args = self.event(&namespace, &event, timeout.unwrap_or(limit)).await?;
                self.session.screen.result(&args);
            }
            Command::Pause(time) => {
                let pause = async {
                    Timer::after(time).await;
                };
                self.session.meanwhile(pause).await;
            }
            Command::Ask { event, args } => {
                self.joined(&namespace).await?;
                let asked = self.session.ask(&namespace, event.clone(), &args, Some(limit));
                let asked = asked.map_err(Failure::usage)?;
                let args = self.answer(asked, &event, limit).await?;
                self.session.screen.result(&args);
            }
            command @ Command::Emit { .. } => {
                self.joined(&namespace).await?;
                self.session.perform(namespace, command).map_err(Failure::usage)?;
            }
            command @ Command::Join { .. } => {
                self.session.perform(namespace.clone(), command).map_err(Failure::usage)?;
                self.joined(&namespace).await?;
            }
            command @ (Command::Answer { .. }
            | Command::AutoAnswer(_)
            | Command::Leave
            | Command::Use
            | Command::Status
            | Command::Help(_)
            | Command::Quit) => {
                self.session.perform(namespace, command).map_err(Failure::usage)?;
            }
        }
        Ok(())
    }

    /// Waits until a namespace is joined.
    async fn joined(&mut self, namespace: &str) -> Result<(), Failure> {
        let hasty = self.starting && !self.patient;
        let look = |session: &mut Session| match session.places.get(namespace) {
            Some(Place::Joined) => Some(Ok(())),
            Some(Place::Joining) => {
                let fault = session.fault.as_ref().filter(|_| hasty || session.is_stuck());
                fault.map(|fault| Err(Failure::connection(format!("no connection: {fault}"))))
            }
            Some(_) | None => ended(session, namespace).map(Err),
        };
        let limit = self.session.timeout.unwrap_or(TIMEOUT);
        match self.session.until(limit, look).await {
            Some(result) => result,
            None => {
                let fault = self.session.fault.as_deref();
                let why = fault.map_or_else(|| "timeout".to_owned(), |it| format!("timeout; {it}"));
                Err(Failure::connection(format!("no connection: {why}")))
            }
        }
    }

    /// Waits for an event that nobody has waited for yet.
    async fn event(
        &mut self,
        namespace: &str,
        event: &str,
        limit: Duration,
    ) -> Result<Arguments, Failure> {
        let look = |session: &mut Session| match session.claim(namespace, event) {
            Some(args) => Some(Ok(args)),
            None => ended(session, namespace).map(Err),
        };
        let late = || Failure::timeout(format!("{event} did not come in {}", seconds(limit)));
        self.session.until(limit, look).await.unwrap_or_else(|| Err(late()))
    }

    async fn answer(
        &mut self,
        asked: u64,
        event: &str,
        limit: Duration,
    ) -> Result<Arguments, Failure> {
        let look = |session: &mut Session| {
            session.answered.take_if(|(number, _)| *number == asked).map(|(_, result)| result)
        };
        // The client itself tells when the time is up.
        let result = self.session.until(limit + TIMEOUT, look).await;
        let late = || Failure::timeout(format!("{event} was not answered in {}", seconds(limit)));
        result.ok_or_else(late)?.map_err(|error| match error {
            AckFailure::Ack(AckError::Timeout) => late(),
            AckFailure::Emit(error) => Failure::usage(format!("{event}: {error}")),
            other @ (AckFailure::Ack(_) | AckFailure::Answer(_) | _) => {
                Failure::connection(format!("{event} was not answered: {other}"))
            }
        })
    }

    /// Takes what comes, until nothing can come any more.
    async fn listen(&mut self) -> Result<(), Failure> {
        let look = |session: &mut Session| {
            let mut namespaces = session.places.keys();
            let stuck = session.is_stuck();
            let over = stuck || namespaces.all(|namespace| ended(session, namespace).is_some());
            let why = session.fault.as_deref().unwrap_or("no namespace is joined any more");
            over.then(|| Failure::connection(why.to_owned()))
        };
        match self.session.until(Duration::MAX, look).await {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

/// Why nothing can come from a namespace any more.
fn ended(session: &Session, namespace: &str) -> Option<Failure> {
    match session.places.get(namespace) {
        Some(Place::Refused(message)) => {
            Some(Failure::refused(format!("refused by {namespace}: {message}")))
        }
        Some(Place::Left { reason, returns }) if !returns || session.is_stuck() => {
            Some(Failure::connection(format!("disconnected from {namespace}: {reason}")))
        }
        Some(Place::Joining | Place::Joined | Place::Left { .. }) => None,
        None => Some(Failure::usage(format!("{namespace} is not joined; join {namespace}"))),
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

impl Session {
    /// Whether there is no connection, and there will be none.
    pub(crate) fn is_stuck(&self) -> bool {
        self.gave_up || (self.fault.is_some() && !self.reconnects)
    }

    /// Takes the first event of this name that nobody has taken.
    fn claim(&mut self, namespace: &str, event: &str) -> Option<Arguments> {
        let unclaimed = self.unclaimed.as_mut()?;
        let found = unclaimed.iter().position(|(n, name, _)| n == namespace && name == event)?;
        unclaimed.remove(found).map(|(_, _, args)| args)
    }

    /// Goes on taking what happens, until something else is done.
    pub(crate) async fn meanwhile<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = std::pin::pin!(other);
        loop {
            let told = self.told.clone();
            let told = async { told.recv().await.map_or_else(|_| None, |told| Some(Err(told))) };
            let other = async { Some(Ok(other.as_mut().await)) };
            match future::race(told, other).await {
                Some(Ok(done)) => return done,
                Some(Err(told)) => self.take(told),
                // The session itself can tell something.
                None => {}
            }
        }
    }

    /// Takes what happens, until `look` has found something or the time is up.
    async fn until<T>(
        &mut self,
        limit: Duration,
        mut look: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now().checked_add(limit);
        loop {
            if let Some(found) = look(self) {
                return Some(found);
            }
            let told = self.told.clone();
            let told = async { told.recv().await.ok() };
            let late = async {
                match deadline {
                    Some(deadline) => {
                        Timer::at(deadline).await;
                        None
                    }
                    None => future::pending().await,
                }
            };
            self.take(told.or(late).await?);
        }
    }
}
