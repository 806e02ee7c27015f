//! A server with a fixed behaviour, for test suites to be pointed at.
//!
//! The environment variable `CONTRACT` chooses what it does: `a` is what the protocol suites of
//! the Socket.IO project expect, `b` (the default) a little of everything for real clients of many
//! versions, `c` what the suites of the JavaScript clients expect.

mod clients;
mod probes;
mod protocol;
mod time;

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
    let address = ("0.0.0.0", number("PORT", 3000));
    let server = match std::env::var("CONTRACT").as_deref() {
        Ok("a") => protocol::app().bind(address)?,
        Ok("b") | Err(_) => probes::app().bind(address)?,
        Ok("c") => clients::app().bind(address)?,
        Ok(_) => return Err(std::io::Error::other("CONTRACT must be a, b or c")),
    };
    println!("listening on {}", server.local_addr()?);
    server.serve()
}

/// A number of the environment's.
fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// A switch of the environment's: on if it is `1`.
fn flag(name: &str, default: bool) -> bool {
    std::env::var(name).map_or(default, |value| value == "1")
}
