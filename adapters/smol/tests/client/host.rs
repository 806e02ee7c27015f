//! Servers for clients: our own, and the official one.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use sockeye_smol::{Handle, Serve};

use crate::app::app;

/// Which server it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Own,
    Official,
}

/// A server that is running.
pub(crate) struct Host {
    kind: Kind,
    port: u16,
    running: Option<Running>,
}

enum Running {
    Own(Handle, JoinHandle<()>),
    Official(Child),
}

impl Host {
    pub(crate) fn start(kind: Kind) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let mut host = Self { kind, port, running: None };
        host.resume();
        host
    }

    pub(crate) fn url(&self, rest: &str) -> String {
        format!("http://127.0.0.1:{}{rest}", self.port)
    }

    /// Ends the server, and all connections with it.
    pub(crate) fn stop(&mut self) {
        match self.running.take() {
            Some(Running::Own(handle, thread)) => {
                handle.shutdown();
                thread.join().expect("the server does not panic");
            }
            Some(Running::Official(mut child)) => {
                child.kill().expect("the server can be killed");
                child.wait().expect("the server ends");
            }
            None => {}
        }
    }

    /// Starts the server again, on the same port.
    pub(crate) fn resume(&mut self) {
        self.running = Some(match self.kind {
            Kind::Own => own(self.port),
            Kind::Official => official(self.port),
        });
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

fn own(port: u16) -> Running {
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let server = app().bind(("127.0.0.1", port)).expect("the port is free");
        tell.send(server.handle()).expect("somebody waits");
        server.serve().expect("the server runs");
    });
    Running::Own(told.recv().expect("the server starts"), thread)
}

fn official(port: u16) -> Running {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official");
    let installed = folder.join("node_modules/socket.io").exists();
    assert!(installed, "the official server is missing: run `npm ci` in {}", folder.display());
    let mut child = Command::new("node")
        .arg(folder.join("server.mjs"))
        .arg(port.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node.js is installed");
    let output = child.stdout.take().expect("its output is piped");
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).expect("it says where it listens");
    assert!(line.starts_with("listening"), "{line}");
    Running::Official(child)
}
