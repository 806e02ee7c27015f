//! The server as a process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    pub(crate) url: String,
}

impl Server {
    /// Starts it on a port, a free one for 0.
    pub(crate) fn start(port: u16, options: &[(&str, &str)]) -> Self {
        let release = "../../../../target/release/sockeye-conformance";
        let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(release);
        let program = std::env::var_os("CONFORMANCE_SERVER").map_or(built, PathBuf::from);
        let mut process = Command::new(&program)
            .env("CONTRACT", "b")
            .env("PORT", port.to_string())
            .envs(options.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}; build it, or set CONFORMANCE_SERVER", program.display())
            });
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().expect("it is piped"));
        said.read_line(&mut line).expect("it says where it listens");
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.expect("an address ends in a port");
        Self { process, port, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
