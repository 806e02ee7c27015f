//! The server that the clients of `tests/clients` talk to: `peer 127.0.0.1:3000`.
//!
//! It says where it listens as soon as it does; port 0 lets the system choose.

#[path = "../tests/support/peer_app.rs"]
mod peer_app;

use std::io;

use sockeye_smol::Serve;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let server = peer_app::app().bind(&*address)?;
    println!("listening on {}", server.local_addr()?);
    server.serve()
}
