//! Clients that behave.

use std::net::SocketAddr;

use super::frames::Frame;
use super::wire::{Answer, Wire};

/// A client on a WebSocket of its own, whom nothing done by others may disturb.
pub struct Bystander {
    pub wire: Wire,
}

impl Bystander {
    pub fn new(address: SocketAddr) -> Self {
        Self::over(Wire::connect(address))
    }

    /// Opens a session on a connection that is there.
    pub fn over(mut wire: Wire) -> Self {
        wire.shake_hands("");
        assert!(wire.text().starts_with("0{"), "the session opens");
        wire.send_frame(&Frame::text("40"));
        // An impatient server may ask for a sign of life first.
        let joined = next_but(&mut wire, "2");
        assert!(joined.starts_with("40{"), "the namespace lets everybody in");
        Self { wire }
    }

    /// Sends an event and reads its echo.
    pub fn echo(&mut self, word: &str) {
        let event = format!(r#"42["echo","{word}"]"#);
        self.wire.send_frame(&Frame::text(&event));
        assert_eq!(self.text(), event);
    }

    /// Reads the next text that does not tell of somebody who left: others may leave at any time.
    pub fn text(&mut self) -> String {
        next_but(&mut self.wire, r#"42["left""#)
    }

    /// Waits until somebody has left; gives the reason.
    pub fn hears_leave(&mut self) -> String {
        let text = self.wire.text();
        let fields: Vec<&str> = text.split('"').collect();
        assert_eq!((fields[0], fields[1]), ("42[", "left"), "{text}");
        fields[5].to_owned()
    }

    /// Fails unless this connection, and a new one, work.
    pub fn assert_works(&mut self) {
        self.echo("still here");
        let address = self.wire.address.expect("a connection by TCP");
        Self::new(address).echo("newcomer");
    }
}

/// Reads the next text that does not begin like this.
fn next_but(wire: &mut Wire, noise: &str) -> String {
    loop {
        let text = wire.text();
        if !text.starts_with(noise) {
            return text;
        }
    }
}

/// Asks with GET on a connection of its own.
pub fn poll(address: SocketAddr, query: &str) -> Answer {
    let mut wire = Wire::connect(address);
    wire.send(poll_head(query));
    wire.answer()
}

/// The head of a poll.
pub fn poll_head(query: &str) -> String {
    format!("GET /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// Posts on a connection of its own.
pub fn post(address: SocketAddr, sid: &str, body: impl AsRef<[u8]>) -> Answer {
    let mut wire = Wire::connect(address);
    wire.send(post_head(sid, &format!("Content-Length: {}\r\n", body.as_ref().len())));
    wire.try_send(body);
    wire.answer()
}

/// The head of a POST, with these headers for its framing.
pub fn post_head(sid: &str, framing: &str) -> String {
    format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: test\r\n\
         Content-Type: text/plain;charset=UTF-8\r\n{framing}\r\n"
    )
}

/// Opens a session by long-polling, joined to the main namespace; gives its id.
pub fn open(address: SocketAddr) -> String {
    let sid = sid_of(&poll(address, ""));
    assert_eq!(post(address, &sid, "40").text(), "ok");
    let joined = poll(address, &format!("&sid={sid}"));
    assert!(joined.text().starts_with("40{"), "{joined:?}");
    sid
}

/// The session id in the answer to a handshake.
pub fn sid_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let rest = answer.text().split_once(r#""sid":""#).expect("a sid").1;
    rest.split_once('"').expect("the end of the sid").0.to_owned()
}

/// Whether a session is there, without taking part in it: a request that lacks the headers of a
/// handshake is refused in either case, but not with the same words.
pub fn session_exists(address: SocketAddr, sid: &str) -> bool {
    let mut wire = Wire::connect(address);
    wire.send(format!(
        "GET /socket.io/?EIO=4&transport=websocket&sid={sid} HTTP/1.1\r\nHost: test\r\n\r\n"
    ));
    let answer = wire.answer();
    assert_eq!(answer.status, 400, "{answer:?}");
    !answer.text().contains("Session ID unknown")
}
