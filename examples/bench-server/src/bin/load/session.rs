//! One connection, spoken by hand: Engine.IO 4 and Socket.IO 5 over a WebSocket.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;

use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::protocol::WebSocketConfig;
use async_tungstenite::{WebSocketStream, client_async_with_config};
use futures_sink::Sink;
use smol::net::TcpStream;
use smol::stream::StreamExt;

use crate::dial::dial;

/// What went wrong, in words.
pub(crate) type Failure = String;

/// A connection that has joined the namespace `/`.
pub(crate) struct Session {
    stream: WebSocketStream<TcpStream>,
}

impl Session {
    /// Opens a WebSocket, then connects to the namespace with `40`.
    pub(crate) async fn open(server: SocketAddr) -> Result<Self, Failure> {
        let mut session = Self::open_stream(server, "").await?;
        session.begins_with("0{").await?;
        session.send([Message::text("40")]).await?;
        session.begins_with("40{").await?;
        Ok(session)
    }

    /// Opens a WebSocket, then moves a session there that has no GET held.
    pub(crate) async fn upgrade(server: SocketAddr, sid: &str) -> Result<Self, Failure> {
        let mut session = Self::open_stream(server, &format!("&sid={sid}")).await?;
        session.send([Message::text("2probe")]).await?;
        session.expect(&Message::text("3probe")).await?;
        session.send([Message::text("5")]).await?;
        Ok(session)
    }

    async fn open_stream(server: SocketAddr, query: &str) -> Result<Self, Failure> {
        let tcp = dial(server).await.map_err(failed("connect"))?;
        tcp.set_nodelay(true).map_err(failed("connect"))?;
        let url = format!("ws://{server}/socket.io/?EIO=4&transport=websocket{query}");
        // The library's own 128 KiB would be most of a machine's memory for thousands.
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let (stream, _) = client_async_with_config(url, tcp, Some(config))
            .await
            .map_err(failed("open a WebSocket"))?;
        Ok(Self { stream })
    }

    /// Writes all messages at once.
    pub(crate) async fn send(
        &mut self,
        messages: impl IntoIterator<Item = Message>,
    ) -> Result<(), Failure> {
        for message in messages {
            poll_fn(|cx| Pin::new(&mut self.stream).poll_ready(cx))
                .await
                .map_err(failed("send"))?;
            Pin::new(&mut self.stream).start_send(message).map_err(failed("send"))?;
        }
        poll_fn(|cx| Pin::new(&mut self.stream).poll_flush(cx)).await.map_err(failed("send"))
    }

    /// Gives the next message that is not a heartbeat; those are answered.
    pub(crate) async fn receive(&mut self) -> Result<Message, Failure> {
        loop {
            let message = self.stream.next().await.ok_or("the server closed a connection")?;
            match message.map_err(failed("receive"))? {
                Message::Text(text) if text.as_str() == "2" => {
                    self.send([Message::text("3")]).await?;
                }
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Close(_) => return Err("the server closed a WebSocket".into()),
                message @ (Message::Text(_) | Message::Binary(_) | Message::Frame(_)) => {
                    return Ok(message);
                }
            }
        }
    }

    /// Receives exactly this message.
    pub(crate) async fn expect(&mut self, expected: &Message) -> Result<(), Failure> {
        check(&self.receive().await?, expected)
    }

    /// Waits for a message, and fails when it comes.
    pub(crate) async fn expect_nothing(&mut self) -> Result<(), Failure> {
        Err(format!("nobody asked for {}", shown(&self.receive().await?)))
    }

    /// Closes the WebSocket and waits until the server has closed the connection.
    pub(crate) async fn close(mut self) -> Result<(), Failure> {
        self.stream.close(None).await.map_err(failed("close"))?;
        while let Some(message) = self.stream.next().await {
            message.map_err(failed("close"))?;
        }
        Ok(())
    }

    async fn begins_with(&mut self, start: &str) -> Result<(), Failure> {
        let message = self.receive().await?;
        if matches!(&message, Message::Text(text) if text.as_str().starts_with(start)) {
            return Ok(());
        }
        Err(format!("expected {start}…, received {}", shown(&message)))
    }
}

/// Fails unless a message is, byte for byte, the expected one.
pub(crate) fn check(message: &Message, expected: &Message) -> Result<(), Failure> {
    if message == expected {
        return Ok(());
    }
    Err(format!("expected {}, received {}", shown(expected), shown(message)))
}

/// The first part of a message, for people.
fn shown(message: &Message) -> String {
    format!("{message:?}").chars().take(100).collect()
}

/// Puts an error into words.
pub(crate) fn failed<E: std::fmt::Display>(verb: &str) -> impl Fn(E) -> Failure {
    move |error| format!("cannot {verb}: {error}")
}
