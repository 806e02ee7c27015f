//! One session, spoken by hand: Engine.IO 4 and Socket.IO 5 over long-polling.

use std::net::SocketAddr;

use crate::http::Http;
use crate::session::Failure;

/// Where sessions begin.
const TARGET: &str = "/socket.io/?EIO=4&transport=polling";

/// A session that has joined the namespace `/`.
pub(crate) struct Polling {
    /// What the server calls it.
    pub(crate) sid: String,
    target: String,
    gets: Http,
    /// Without a connection of their own, there are none while a GET is held.
    posts: Option<Http>,
}

impl Polling {
    /// Opens a session, then connects to the namespace with `40`, all on one TCP connection.
    pub(crate) async fn open(server: SocketAddr) -> Result<Self, Failure> {
        let mut gets = Http::open(server).await?;
        gets.get(TARGET).await?;
        let open = gets.answer().await?;
        let sid = open.strip_prefix("0{").and_then(|open| open.split_once(r#""sid":""#));
        let sid = sid.and_then(|(_, rest)| rest.split_once('"'));
        let sid = sid.ok_or_else(|| unexpected("0{…", open))?.0.to_owned();
        let target = format!("{TARGET}&sid={sid}");
        let mut session = Self { sid, target, gets, posts: None };
        session.send("40").await?;
        session.ask().await?;
        session.receive("40{…", |packet| packet.starts_with("40{")).await?;
        Ok(session)
    }

    /// The same, and one more TCP connection for POSTs.
    pub(crate) async fn open_both(server: SocketAddr) -> Result<Self, Failure> {
        let mut session = Self::open(server).await?;
        session.posts = Some(Http::open(server).await?);
        Ok(session)
    }

    /// Begins a GET, for the next packets.
    pub(crate) async fn ask(&mut self) -> Result<(), Failure> {
        self.gets.get(&self.target).await
    }

    /// Sends a packet with a POST.
    pub(crate) async fn send(&mut self, packet: &str) -> Result<(), Failure> {
        let http = self.posts.as_mut().unwrap_or(&mut self.gets);
        http.post(&self.target, packet).await?;
        match http.answer().await? {
            "ok" => Ok(()),
            other => Err(unexpected("ok", other)),
        }
    }

    /// Ends a GET with exactly this packet.
    pub(crate) async fn expect(&mut self, expected: &str) -> Result<(), Failure> {
        self.receive(expected, |packet| packet == expected).await
    }

    /// Waits for a packet, and fails when it comes.
    pub(crate) async fn expect_nothing(&mut self) -> Result<(), Failure> {
        self.receive("nothing", |_| false).await
    }

    /// Ends a GET with one packet and heartbeats; those are answered.
    async fn receive(
        &mut self,
        expected: &str,
        is_expected: impl Fn(&str) -> bool,
    ) -> Result<(), Failure> {
        loop {
            let (mut received, mut pings) = (false, 0);
            for packet in self.gets.answer().await?.split('\x1e') {
                match packet {
                    "2" => pings += 1,
                    packet if !received && is_expected(packet) => received = true,
                    packet => return Err(unexpected(expected, packet)),
                }
            }
            for _ in 0..pings {
                self.send("3").await?;
            }
            if received {
                return Ok(());
            }
            self.ask().await?;
        }
    }
}

fn unexpected(expected: &str, received: &str) -> Failure {
    format!("expected {expected}, received {received:.100}")
}
