//! A server with a fixed behaviour, for test suites to be pointed at.
//!
//! `CONTRACT=a` is what the protocol suites of the Socket.IO project expect.

mod protocol;

use std::process::ExitCode;

use sockeye_smol::Serve;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sockeye-conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> std::io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000_u16);
    let server = protocol::app().bind(("0.0.0.0", port))?;
    println!("listening on {}", server.local_addr()?);
    server.serve()
}
