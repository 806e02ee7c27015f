//! The server that the clients of `tests/clients` talk to: `peer 127.0.0.1:3000`.
//!
//! It says where it listens as soon as it does; port 0 lets the system choose. A second argument
//! limits how much clients may send: with `delay` more has to wait, with `disconnect` it ends the
//! connection. A line `retire 500` on its standard input sends everybody away within 500 ms.

#[path = "../tests/support/features_app.rs"]
mod features_app;
#[path = "../tests/support/peer_app.rs"]
mod peer_app;

use std::io;
use std::time::Duration;

use sockeye_smol::{Handle, OnExceeded, Serve};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let app = match std::env::args().nth(2).as_deref() {
        Some("delay") => features_app::rated(OnExceeded::Delay),
        Some("disconnect") => features_app::rated(OnExceeded::Disconnect),
        _ => features_app::add(peer_app::app()),
    };
    let server = app.bind(&*address)?;
    println!("listening on {}", server.local_addr()?);
    let handle = server.handle();
    std::thread::spawn(move || obey(&handle));
    server.serve()
}

fn obey(handle: &Handle) {
    for line in io::stdin().lines().map_while(Result::ok) {
        let time = line.strip_prefix("retire ").and_then(|time| time.parse().ok());
        if let Some(time) = time {
            handle.retire(Duration::from_millis(time));
        }
    }
}
