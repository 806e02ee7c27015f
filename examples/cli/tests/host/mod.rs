//! A server to talk to, in a thread.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use serde_json::value::RawValue;
use sockeye_smol::core::engineio::Handshake;
use sockeye_smol::{Ack, App, Args, Auth, Handle, Namespace, Refusal, Serve, Socket};

pub(crate) struct Host {
    address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    pub(crate) fn start() -> Self {
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let server = app().bind(("127.0.0.1", 0)).expect("there is a free port");
            let address = server.local_addr().expect("it is bound");
            tell.send((address, server.handle())).expect("somebody waits");
            server.serve().expect("the server runs");
        });
        let (address, handle) = told.recv().expect("the server starts");
        Self { address, handle, thread: Some(thread) }
    }

    pub(crate) fn url(&self, rest: &str) -> String {
        format!("http://{}{rest}", self.address)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

fn app() -> App {
    let told = |namespace: Namespace| {
        namespace
            .on_connect(|socket: Socket, auth: Auth<Box<RawValue>>| socket.emit("auth", auth.0))
    };
    App::new().of("/auth", told).of("/", events).of("/chat", events).of("/secret", |namespace| {
        events(namespace).middleware(|auth: Auth<HashMap<String, String>>| {
            if auth.0.get("token").is_some_and(|token| token == "let me in") {
                return Ok(());
            }
            Err(Refusal::new("not authorized").with_data(HashMap::from([("code", 7)])))
        })
    })
}

fn events(namespace: Namespace) -> Namespace {
    namespace
        .on_connect(|socket: Socket| socket.emit("hello", socket.namespace()))
        .on("echo", |socket: Socket, args: Args| socket.emit("echo", args))
        .on("add", |a: i64, b: i64| Ack(a + b))
        .on("say", |args: Args| Ack(args))
        .on("where", |socket: Socket| Ack(socket.namespace().to_owned()))
        .on("handshake", |it: Arc<Handshake>| {
            Ack((it.header("x-key").map(str::to_owned), it.query("from"), it.query("k")))
        })
        .on("swallow", || ())
        .on("kick me", |socket: Socket| socket.disconnect(false))
        .on("ask me", |socket: Socket, args: Args| async move {
            let answer = socket.emit_with_ack::<()>("question", args).args().await?;
            socket.emit("answered", answer);
            Ok::<_, sockeye_smol::AckFailure>(())
        })
}
