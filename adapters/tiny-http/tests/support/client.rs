//! Clients that behave.

use std::net::SocketAddr;

use super::wire::{Answer, Wire};

/// A client whom nothing done by others may disturb.
pub struct Bystander {
    address: SocketAddr,
    sid: String,
    /// Its connections, one for each direction.
    polls: Wire,
    posts: Wire,
}

impl Bystander {
    pub fn new(address: SocketAddr) -> Self {
        let sid = open(address);
        let (polls, posts) = (Wire::connect(address), Wire::connect(address));
        Self { address, sid, polls, posts }
    }

    /// Sends an event and reads its echo.
    pub fn echo(&mut self, word: &str) {
        let packet = format!(r#"42["echo","{word}"]"#);
        // A connection that was idle for long may have been closed.
        self.posts = Wire::connect(self.address);
        self.posts.send(post_head(&self.sid, &format!("Content-Length: {}\r\n", packet.len())));
        self.posts.send(&packet);
        assert_eq!(self.posts.answer().text(), "ok");
        self.polls = Wire::connect(self.address);
        loop {
            self.polls.send(poll_head(&format!("&sid={}", self.sid)));
            let answer = self.polls.answer();
            let mut packets =
                answer.text().split('\u{1e}').filter(|it| *it == "2" || it.contains("echo"));
            match packets.next() {
                None => {}
                Some("2") => assert_eq!(post(self.address, &self.sid, "3").text(), "ok"),
                Some(packet_back) => return assert_eq!(packet_back, packet),
            }
        }
    }

    /// Fails unless this session, and a new one, work.
    pub fn assert_works(&mut self) {
        self.echo("still here");
        Self::new(self.address).echo("newcomer");
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

/// Opens a session, joined to the main namespace; gives its id.
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

/// Whether a session is there, without taking part in it: a method that no session knows is
/// refused in either case, but not with the same words.
pub fn session_exists(address: SocketAddr, sid: &str) -> bool {
    let mut wire = Wire::connect(address);
    let head = poll_head(&format!("&sid={sid}"));
    wire.send(head.replacen("GET", "PUT", 1));
    let answer = wire.answer();
    assert_eq!(answer.status, 400, "{answer:?}");
    !answer.text().contains("Session ID unknown")
}
