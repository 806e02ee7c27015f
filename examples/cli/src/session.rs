//! The state of things while the program runs: what happened, and what can be done about it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use smol::LocalExecutor;
use smol::channel::{Receiver, Sender, bounded};
use sockeye_smol::client::{ConnectError, Connection, DisconnectReason, Socket, Undelivered};
use sockeye_smol::{AckFailure, AckSender, EmitError};

use crate::command::{Command, full_name};
use crate::complete::Known;
use crate::json::Value;
use crate::link::{self, Asked, MAX_TOLD, Told};
use crate::machine;
use crate::options::Options;
use crate::report::{Ack, Report};
use crate::screen::Screen;
use crate::value::Arguments;

/// One run of the program.
pub(crate) struct Session {
    pub(crate) screen: Screen,
    /// What the prompt completes.
    pub(crate) known: Arc<Mutex<Known>>,
    pub(crate) current: String,
    pub(crate) timeout: Option<Duration>,
    /// How things are in each namespace.
    pub(crate) places: BTreeMap<String, Place>,
    /// Why there is no connection.
    pub(crate) fault: Option<String>,
    pub(crate) gave_up: bool,
    /// Whether the client connects again by itself.
    pub(crate) reconnects: bool,
    /// The last answer that came.
    pub(crate) answered: Option<(u64, Result<Arguments, AckFailure>)>,
    /// For scripts: the events that nobody has waited for yet.
    pub(crate) unclaimed: Option<VecDeque<(String, String, Arguments)>>,
    pub(crate) told: Receiver<Told>,
    tell: Sender<Told>,
    /// That of `/`.
    pub(crate) root: Socket,
    thread: JoinHandle<()>,
    executor: Rc<LocalExecutor<'static>>,
    auth: Option<Value>,
    answer: Option<Arguments>,
    /// The answers that the server waits for.
    pub(crate) open: BTreeMap<u32, (String, AckSender)>,
    numbers: u32,
    questions: u64,
}

/// How things are in a namespace.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    Joining,
    Joined,
    Refused(String),
    Left { reason: DisconnectReason, returns: bool },
}

/// How many answers may be owed, and how many events wait for somebody to wait for them.
const MAX_OPEN: usize = 1_000;
const MAX_UNCLAIMED: usize = 10_000;

impl Session {
    pub(crate) fn start(
        options: &Options,
        screen: Screen,
        executor: Rc<LocalExecutor<'static>>,
    ) -> Result<Self, ConnectError> {
        let (tell, told) = bounded(MAX_TOLD);
        let (socket, thread) = link::start(options, &tell)?;
        let known = Known { namespaces: options.namespaces.clone(), ..Known::default() };
        let places = options.namespaces.iter().map(|name| (name.clone(), Place::Joining));
        Ok(Self {
            screen,
            known: Arc::new(Mutex::new(known)),
            current: options.namespaces.first().cloned().unwrap_or_default(),
            timeout: options.timeout,
            places: places.collect(),
            fault: None,
            gave_up: false,
            reconnects: options.reconnect,
            answered: None,
            unclaimed: None,
            told,
            tell,
            root: socket,
            thread,
            executor,
            auth: options.auth.clone(),
            answer: options.answer.clone(),
            open: BTreeMap::new(),
            numbers: 0,
            questions: 0,
        })
    }

    /// Disconnects, after what was emitted is delivered.
    pub(crate) fn end(self) -> Result<(), Undelivered> {
        let closing = self.root.close();
        // Nobody takes what is told from now on.
        drop(self.told);
        let _ = self.thread.join();
        smol::block_on(closing)
    }

    /// Takes note of what happened, and tells of it.
    pub(crate) fn take(&mut self, told: Told) {
        match told {
            Told::Connection(connection) => self.on_connection(connection),
            Told::Connected(socket) => {
                let namespace = socket.namespace().to_owned();
                self.places.insert(namespace.clone(), Place::Joined);
                let id = socket.id().unwrap_or_default();
                let recovered = socket.is_recovered();
                self.screen.tell(&Report::Connected { namespace, id, recovered });
            }
            Told::Refused(socket, refused) => {
                let namespace = socket.namespace().to_owned();
                let data = Arguments::from(refused.data);
                let mut text = refused.message.clone();
                for value in &data.0 {
                    let _ = write!(text, " {}", machine::value(value));
                }
                self.places.insert(namespace.clone(), Place::Refused(text));
                let message = refused.message;
                self.screen.tell(&Report::Refused { namespace, message, data });
            }
            Told::Disconnected(socket, reason) => {
                let namespace = socket.namespace().to_owned();
                let returns = socket.is_active();
                self.places.insert(namespace.clone(), Place::Left { reason, returns });
                let reason = reason.to_string();
                self.screen.tell(&Report::Disconnected { namespace, reason, returns });
            }
            Told::Event { socket, name, args, ack } => {
                self.on_event(socket.namespace(), &name, args.into(), ack);
            }
            Told::Answered { asked, result, after } => {
                let Asked { number, namespace, event: name } = asked;
                let result = result.map(Arguments::from);
                self.screen.tell(&match &result {
                    Ok(args) => Report::Answer { namespace, name, args: args.clone(), after },
                    Err(error) => Report::NoAnswer { namespace, name, message: error.to_string() },
                });
                self.answered = Some((number, result));
            }
            Told::Problem(message) => self.screen.tell(&Report::Error(message)),
        }
    }

    fn on_connection(&mut self, connection: Connection) {
        let report = match connection {
            Connection::Opened { transport, .. } => {
                self.fault = None;
                Report::Opened { transport: transport.as_str() }
            }
            Connection::Upgraded => Report::Upgraded,
            Connection::NotUpgraded(fault) => Report::NotUpgraded { message: fault.to_string() },
            Connection::Failed { fault, .. } => {
                let message = fault.to_string();
                self.fault = Some(message.clone());
                Report::Failed { message }
            }
            Connection::Closed { reason, fault } => {
                let message = fault.map_or_else(|| reason.to_string(), |fault| fault.to_string());
                self.fault = Some(message.clone());
                Report::Closed { message }
            }
            Connection::Reconnecting { attempt } => Report::Reconnecting { attempt },
            Connection::GaveUp => {
                self.gave_up = true;
                Report::GaveUp
            }
            other => Report::Note(format!("{other:?}")),
        };
        self.screen.tell(&report);
    }

    fn on_event(&mut self, namespace: &str, name: &str, args: Arguments, ack: Option<AckSender>) {
        let ack = ack.map(|ack| match &self.answer {
            Some(answer) => {
                ack.send(answer);
                Ack::Given
            }
            None => {
                self.numbers += 1;
                self.open.insert(self.numbers, (namespace.to_owned(), ack));
                if self.open.len() > MAX_OPEN {
                    self.open.pop_first();
                }
                Ack::Open(self.numbers)
            }
        });
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.see(name);
            known.open = self.open.keys().copied().collect();
        }
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        if let Some(unclaimed) = &mut self.unclaimed {
            unclaimed.push_back((namespace.clone(), name.clone(), args.clone()));
            if unclaimed.len() > MAX_UNCLAIMED {
                unclaimed.pop_front();
            }
        }
        self.screen.tell(&Report::Event { namespace, name, args, ack });
    }

    fn socket(&self, namespace: &str) -> Result<Socket, String> {
        let known = self.places.contains_key(namespace);
        let socket = self.root.of(namespace).filter(|_| known);
        socket.ok_or_else(|| format!("{namespace} is not joined; join {namespace}"))
    }

    /// Emits an event and has its answer told; returns the number of the question.
    pub(crate) fn ask(
        &mut self,
        namespace: &str,
        event: String,
        args: &Arguments,
        timeout: Option<Duration>,
    ) -> Result<u64, String> {
        let socket = self.socket(namespace)?;
        self.questions += 1;
        let namespace = namespace.to_owned();
        let asked = Asked { number: self.questions, namespace, event };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).see(&asked.event);
        let since = Instant::now();
        let answer = match timeout {
            Some(timeout) => socket.timeout(timeout).emit_with_ack::<()>(&asked.event, args),
            None => socket.emit_with_ack::<()>(&asked.event, args),
        };
        let tell = self.tell.clone();
        let waiting = async move {
            let result = answer.args().await;
            let _ = tell.send(Told::Answered { asked, result, after: since.elapsed() }).await;
        };
        self.executor.spawn(waiting).detach();
        Ok(self.questions)
    }

    /// Does what needs no waiting.
    pub(crate) fn perform(&mut self, namespace: String, command: Command) -> Result<(), String> {
        match command {
            Command::Emit { event, args } => {
                self.known.lock().unwrap_or_else(PoisonError::into_inner).see(&event);
                let sent = self.socket(&namespace)?.try_emit(&event, &args);
                return sent.map_err(|error: EmitError| error.to_string());
            }
            Command::Ask { event, args } => {
                self.ask(&namespace, event, &args, self.timeout)?;
            }
            Command::Answer { number, args } => {
                let (_, ack) = self.open.remove(&number).ok_or("no event of this number waits")?;
                return ack.try_send(&args).map_err(|error| error.to_string());
            }
            Command::AutoAnswer(answer) => self.answer = answer,
            Command::Join { auth } => self.join(namespace, auth)?,
            Command::Leave => self.socket(&namespace)?.disconnect(),
            Command::Use => {
                self.socket(&namespace)?;
                self.current = namespace;
            }
            Command::Status => self.tell_status(),
            Command::Help(name) => self.help(name.as_deref())?,
            Command::Wait { .. } | Command::Pause(_) => {
                return Err("only scripts wait; here all that comes is shown at once".to_owned());
            }
            Command::Quit => {}
        }
        Ok(())
    }

    fn join(&mut self, namespace: String, auth: Option<Value>) -> Result<(), String> {
        let namespace = full_name(&namespace);
        let auth = auth.or_else(|| self.auth.clone());
        if let Some(socket) = self.root.of(&namespace) {
            if let Some(auth) = auth {
                socket.set_auth(auth).map_err(|error| error.to_string())?;
            }
            if !socket.is_connected() {
                self.places.insert(namespace.clone(), Place::Joining);
                self.gave_up = false;
                socket.connect();
            }
        } else {
            let handlers = |it| link::handlers(it, &self.tell, auth.as_ref());
            self.root.open(&namespace, handlers).map_err(|error| error.to_string())?;
            self.places.insert(namespace.clone(), Place::Joining);
        }
        let names = self.places.keys().cloned().collect();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).namespaces = names;
        self.current = namespace;
        Ok(())
    }
}
