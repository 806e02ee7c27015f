//! The clients.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use smol::{LocalExecutor, Timer};

use crate::pipe::{Pipe, Stream};

const REQUEST: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: crowd\r\n\
    connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const ECHO: &str = r#"42["echo","thirty-two bytes of some payload"]"#;
const NEWS: &str = r#"42["broadcast","thirty-two bytes of some payload"]"#;

/// How many connections are being opened at the same time.
const OPENING: usize = 100;
/// How often it is looked whether something is done.
const LOOK: Duration = Duration::from_millis(10);
/// How often it is looked whether pings are late.
const WATCH: Duration = Duration::from_secs(1);
/// How long what was asked for may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing, or what went wrong, in words.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// All clients.
pub(crate) struct Crowd {
    executor: LocalExecutor<'static>,
    size: usize,
    clients: RefCell<Vec<Rc<Client>>>,
    heartbeats: Cell<usize>,
    deliveries: Cell<usize>,
    echoes: Cell<usize>,
    failure: RefCell<Option<String>>,
}

struct Client {
    to_server: Pipe,
    from_server: Pipe,
    /// When it had a ping, or entered.
    pinged: Cell<Instant>,
}

impl Crowd {
    /// Nobody has come yet.
    pub(crate) fn new(size: usize) -> Rc<Self> {
        Rc::new(Self {
            executor: LocalExecutor::new(),
            size,
            clients: RefCell::new(Vec::with_capacity(size)),
            heartbeats: Cell::new(0),
            deliveries: Cell::new(0),
            echoes: Cell::new(0),
            failure: RefCell::new(None),
        })
    }

    /// Drives everything on this thread, until `main` is done.
    pub(crate) fn block_on<T>(&self, main: impl Future<Output = T>) -> T {
        smol::block_on(self.executor.run(main))
    }

    /// Lets something go on beside; when it fails, all does.
    pub(crate) fn spawn(self: &Rc<Self>, work: impl Future<Output = Outcome> + 'static) {
        let crowd = Rc::downgrade(self);
        let noted = async move {
            if let (Err(failure), Some(crowd)) = (work.await, crowd.upgrade()) {
                crowd.failure.borrow_mut().get_or_insert(failure);
            }
        };
        self.executor.spawn(noted).detach();
    }

    /// Lets so many more come, whose streams are to be served.
    pub(crate) async fn open(
        self: &Rc<Self>,
        count: usize,
        mut serve: impl FnMut(Stream),
    ) -> Outcome {
        let mut left = count;
        while left > 0 {
            let coming: Vec<_> = (0..left.min(OPENING))
                .map(|_| {
                    let client = Rc::new(Client::new());
                    serve(client.stream());
                    let enters = Rc::clone(&client);
                    (client, self.executor.spawn(async move { enters.enter().await }))
                })
                .collect();
            left -= coming.len();
            for (client, entering) in coming {
                entering.await?;
                self.clients.borrow_mut().push(Rc::clone(&client));
                self.spawn(Rc::clone(self).listen(client));
            }
        }
        Ok(())
    }

    async fn listen(self: Rc<Self>, client: Rc<Client>) -> Outcome {
        loop {
            let count = match &*client.from_server.hear().await? {
                "2" => {
                    client.pinged.set(Instant::now());
                    client.to_server.say("3");
                    &self.heartbeats
                }
                NEWS => &self.deliveries,
                ECHO => &self.echoes,
                other => return Err(format!("nobody asked for {other}")),
            };
            count.set(count.get() + 1);
        }
    }

    /// Does nothing for a while but see that everybody gets pings in time.
    pub(crate) async fn rest(&self, time: Duration, patience: Duration) -> Outcome {
        let since = Instant::now();
        while since.elapsed() < time {
            Timer::after(WATCH.min(time.saturating_sub(since.elapsed()))).await;
            self.check()?;
            let late = |client: &Rc<Client>| client.pinged.get().elapsed() > patience;
            match self.clients.borrow().iter().filter(|&client| late(client)).count() {
                0 => {}
                missing => return Err(format!("{missing} had no ping in time")),
            }
        }
        Ok(())
    }

    /// Waits until something is done.
    pub(crate) async fn until(&self, done: impl Fn(&Self) -> bool) -> Outcome {
        let since = Instant::now();
        while !done(self) {
            Timer::after(LOOK).await;
            self.check()?;
            if since.elapsed() > PATIENCE {
                return Err("something never came".into());
            }
        }
        Ok(())
    }

    /// Lets one of them send to all.
    pub(crate) fn broadcast(&self) {
        self.clients.borrow().iter().take(1).for_each(|client| client.to_server.say(NEWS));
    }

    /// Lets each of them send to itself.
    pub(crate) fn echo(&self) {
        self.clients.borrow().iter().for_each(|client| client.to_server.say(ECHO));
    }

    fn check(&self) -> Outcome {
        self.failure.borrow().clone().map_or(Ok(()), Err)
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn heartbeats(&self) -> usize {
        self.heartbeats.get()
    }

    pub(crate) fn deliveries(&self) -> usize {
        self.deliveries.get()
    }

    pub(crate) fn echoes(&self) -> usize {
        self.echoes.get()
    }
}

impl Client {
    fn new() -> Self {
        let pinged = Cell::new(Instant::now());
        Self { to_server: Pipe::default(), from_server: Pipe::default(), pinged }
    }

    /// The other end.
    fn stream(&self) -> Stream {
        Stream { read: self.to_server.clone(), write: self.from_server.clone() }
    }

    /// Opens a WebSocket, then connects to the namespace.
    async fn enter(&self) -> Outcome {
        self.to_server.write(REQUEST.as_bytes());
        begins(&self.from_server.head().await?, "HTTP/1.1 101")?;
        begins(&self.from_server.hear().await?, "0{")?;
        self.to_server.say("40");
        begins(&self.from_server.hear().await?, "40{")?;
        self.pinged.set(Instant::now());
        Ok(())
    }
}

fn begins(text: &str, start: &str) -> Outcome {
    if text.starts_with(start) {
        return Ok(());
    }
    Err(format!("expected {start}…, received {text}"))
}
