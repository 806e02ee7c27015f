//! The WebSockets of all clients, read and written without waiting.

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use sockeye_core::{CloseCause, Frame, Frames, Input, Request, WsId};
use tungstenite::error::ProtocolError;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error as WsError, Message};

use crate::accept::{Accepted, Socket, accept_all};

/// How many clients are accepted in a turn, and how many messages of each are read.
const BURST: usize = 32;

pub(crate) struct WebSockets {
    accepted: Receiver<Accepted>,
    clients: BTreeMap<WsId, Client>,
    next_id: u64,
    /// What is left to do in this turn.
    turn: VecDeque<Step>,
}

struct Client {
    socket: Socket,
    is_paused: bool,
}

enum Step {
    Accept(Box<Accepted>),
    /// Writes what waits.
    Flush(WsId),
    /// Reads one message, and then as many more.
    Read(WsId, usize),
    /// Reports that the connection has ended.
    End(WsId, CloseCause),
}

impl WebSockets {
    pub(crate) fn new(listener: TcpListener) -> Self {
        let accepted = accept_all(listener);
        Self { accepted, clients: BTreeMap::new(), next_id: 1, turn: VecDeque::new() }
    }

    /// Waits for a new client, but no longer than this, and begins a turn.
    pub(crate) fn wait(&mut self, timeout: Duration) {
        let first = self.accepted.recv_timeout(timeout).ok();
        let accepted = first.into_iter().chain(self.accepted.try_iter()).take(BURST);
        self.turn.extend(accepted.map(Box::new).map(Step::Accept));
        self.turn.extend(self.clients.keys().map(|&ws| Step::Flush(ws)));
    }

    /// Feeds the next input of this turn. Returns whether there was one.
    pub(crate) fn poll(&mut self, mut feed: impl FnMut(Input<'_>)) -> bool {
        while let Some(step) = self.turn.pop_front() {
            match step {
                Step::Accept(accepted) => {
                    let Accepted { target, headers, socket } = *accepted;
                    let ws = WsId(self.next_id);
                    self.next_id += 1;
                    let remote = socket.get_ref().tcp.peer_addr().ok();
                    self.clients.insert(ws, Client { socket, is_paused: false });
                    let headers: Vec<_> =
                        headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                    let (method, headers) = ("GET", &*headers);
                    let request =
                        Request { method, target: &target, headers, remote, secure: false };
                    feed(Input::Upgrade { ws, request });
                    return true;
                }
                Step::Flush(ws) => {
                    let Some(client) = self.clients.get_mut(&ws) else { continue };
                    self.turn.push_front(Step::Read(ws, BURST - 1));
                    if client.socket.flush().is_ok() {
                        feed(Input::Drained { ws });
                        return true;
                    }
                }
                Step::Read(ws, more) => {
                    let Some(frame) = self.read(ws) else { continue };
                    if more > 0 {
                        self.turn.push_front(Step::Read(ws, more - 1));
                    }
                    if let Some(frame) = frame {
                        feed(Input::Frame { ws, frame });
                        return true;
                    }
                }
                Step::End(ws, cause) => {
                    feed(Input::Closed { ws, cause });
                    return true;
                }
            }
        }
        false
    }

    /// Reads a message; the inner `None` stands for a Ping and the like.
    fn read(&mut self, ws: WsId) -> Option<Option<Frame>> {
        let client = self.clients.get_mut(&ws).filter(|client| !client.is_paused)?;
        match client.socket.read() {
            Ok(Message::Text(text)) => Some(Some(Frame::Text(text.into()))),
            Ok(Message::Binary(data)) => Some(Some(Frame::Binary(data))),
            Ok(_) => Some(None),
            Err(WsError::Io(error)) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => {
                self.fail(ws, &error);
                None
            }
        }
    }

    /// Writes messages. What cannot be written yet waits in the socket, up to a limit.
    pub(crate) fn send(&mut self, ws: WsId, frames: Frames) {
        let Some(client) = self.clients.get_mut(&ws) else { return };
        for frame in frames {
            let binary = || Message::binary(frame.bytes().clone());
            match client.socket.write(frame.as_text().map_or_else(binary, Message::text)) {
                Ok(()) => {}
                Err(WsError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return self.fail(ws, &error),
            }
        }
    }

    /// Drops a WebSocket that has ended.
    fn fail(&mut self, ws: WsId, error: &WsError) {
        let reset = ProtocolError::ResetWithoutClosingHandshake;
        let Some(mut client) = self.clients.remove(&ws) else { return };
        let cause = if matches!(error, WsError::Capacity(_)) {
            let too_large = CloseFrame { code: CloseCode::Size, reason: "".into() };
            let _ = client.socket.close(Some(too_large));
            CloseCause::TooLarge
        } else if matches!(error, WsError::ConnectionClosed)
            || matches!(error, WsError::Protocol(error) if *error == reset)
        {
            CloseCause::Peer
        } else {
            CloseCause::Error
        };
        self.turn.push_front(Step::End(ws, cause));
    }

    /// Sets the maximum size of a message in bytes.
    pub(crate) fn set_limit(&mut self, ws: WsId, limit: usize) {
        let Some(client) = self.clients.get_mut(&ws) else { return };
        client.socket.set_config(|config| {
            config.max_message_size = Some(limit);
            config.max_frame_size = Some(limit);
        });
    }

    pub(crate) fn pause(&mut self, ws: WsId, is_paused: bool) {
        if let Some(client) = self.clients.get_mut(&ws) {
            client.is_paused = is_paused;
        }
    }

    pub(crate) fn close(&mut self, ws: WsId) {
        if let Some(mut client) = self.clients.remove(&ws) {
            let _ = client.socket.close(None);
        }
    }
}
