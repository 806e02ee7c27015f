//! What the network carries, when it arrives.

use std::collections::VecDeque;

use sockeye_core::client::Input as ToClient;
use sockeye_core::{Headers, Input as ToServer, Request, RequestId, WsId};

use super::World;
use super::net::{Arrival, To};

impl World {
    pub(crate) fn arrive(&mut self, key: u64, arrival: Arrival) {
        match arrival {
            Arrival::Request
            | Arrival::Body(_)
            | Arrival::Aborted
            | Arrival::Upgrade
            | Arrival::ServerFrame(_)
            | Arrival::ServerClosed(_)
            | Arrival::ServerDrained => self.arrive_at_server(key, arrival),
            Arrival::Response(_)
            | Arrival::Failed
            | Arrival::Opened
            | Arrival::Refused(_)
            | Arrival::ClientFrame(_)
            | Arrival::ClientClosed(_)
            | Arrival::ClientDrained => {
                let client = self.net.link(key).client;
                let node = &mut self.nodes[client];
                if node.asleep || !node.inbox.is_empty() {
                    return node.inbox.push_back((key, arrival));
                }
                self.arrive_at_client(key, arrival);
            }
        }
    }

    fn arrive_at_server(&mut self, key: u64, arrival: Arrival) {
        let now = self.now();
        let first = self.net.link(key).copy_of;
        if first.is_some_and(|first| !self.net.link(first).open[To::Server as usize]) {
            return;
        }
        let link = self.net.link(key);
        if link.dead[To::Server as usize] && !arrival.is_end() {
            return;
        }
        match arrival {
            Arrival::Request | Arrival::Upgrade => link.open[To::Server as usize] = true,
            _ if !link.open[To::Server as usize] => return,
            Arrival::ServerFrame(_) if link.paused => return link.unread.push_back(arrival),
            // Nobody looks at the end of a stream before what comes before it.
            Arrival::ServerClosed(_) if link.paused && !link.dead[To::Server as usize] => {
                return link.unread.push_back(arrival);
            }
            _ => {}
        }
        let (req, ws) = (RequestId(key), WsId(key));
        match arrival {
            Arrival::Request | Arrival::Upgrade => {
                let (method, websocket) = (link.method, link.websocket);
                let target = link.target.clone();
                let given = std::mem::take(&mut link.headers);
                let headers = headers(&given);
                let request = Request {
                    method,
                    target: &target,
                    headers: &headers,
                    remote: None,
                    secure: false,
                };
                let input = if websocket {
                    ToServer::Upgrade { ws, request }
                } else {
                    ToServer::Request { req, request }
                };
                self.server.handle(input, now);
            }
            Arrival::Body(body) => self.server.handle(ToServer::Body { req, body }, now),
            Arrival::Aborted => {
                link.open[To::Server as usize] = false;
                self.server.handle(ToServer::Aborted { req }, now);
            }
            Arrival::ServerFrame(frame) => {
                let sid = link.sid.clone().expect("the handshake comes first");
                self.net.wire.on_arrival(&sid, &frame);
                self.server.handle(ToServer::Frame { ws, frame }, now);
            }
            Arrival::ServerClosed(cause) => {
                link.open[To::Server as usize] = false;
                self.server.handle(ToServer::Closed { ws, cause }, now);
            }
            Arrival::ServerDrained => {
                link.busy[To::Client as usize] = false;
                self.server.handle(ToServer::Drained { ws }, now);
            }
            other => unreachable!("nothing for the server: {other:?}"),
        }
    }

    fn arrive_at_client(&mut self, key: u64, arrival: Arrival) {
        let link = self.net.link(key);
        let client = link.client;
        let lost = link.dead[To::Client as usize] && !arrival.is_end();
        // What was written is of no interest to the network.
        let lost = lost && !matches!(arrival, Arrival::ClientDrained);
        if lost || !link.open[To::Client as usize] {
            return;
        }
        let (req, ws) = (RequestId(link.id), WsId(link.id));
        let open = &mut link.open[To::Client as usize];
        let input = match arrival {
            Arrival::Response(response) => {
                *open = false;
                self.net.end_exchange(key, response.status != 200);
                ToClient::Response { req, response }
            }
            Arrival::Failed => {
                *open = false;
                self.net.end_exchange(key, true);
                ToClient::Failed { req, message: "connection reset".to_owned() }
            }
            Arrival::Opened => {
                link.opened = true;
                ToClient::Opened { ws }
            }
            Arrival::Refused(response) => {
                *open = false;
                ToClient::Refused { ws, response }
            }
            Arrival::ClientFrame(frame) => ToClient::Frame { ws, frame },
            Arrival::ClientClosed(cause) => {
                *open = false;
                let message = "connection reset".to_owned();
                ToClient::Closed { ws, cause, code: None, message }
            }
            Arrival::ClientDrained => {
                link.busy[To::Server as usize] = false;
                ToClient::Drained { ws }
            }
            other => unreachable!("nothing for the client: {other:?}"),
        };
        let now = self.client_now(client);
        self.nodes[client].client.handle(input, now);
    }

    /// Hands over what has come for a client while it slept.
    pub(crate) fn catch_up(&mut self, client: usize) -> bool {
        if self.nodes[client].asleep {
            return false;
        }
        let Some((key, arrival)) = self.nodes[client].inbox.pop_front() else { return false };
        self.arrive_at_client(key, arrival);
        true
    }

    /// Lets the server read what it did not while it was paused.
    pub(crate) fn read_on(&mut self) {
        while let Some(key) = self.net.resumed.pop() {
            while let Some(arrival) = self.next_unread(key) {
                self.arrive_at_server(key, arrival);
                self.settle();
            }
        }
    }

    fn next_unread(&mut self, key: u64) -> Option<Arrival> {
        let link = self.net.link(key);
        if link.paused {
            return None;
        }
        let unread: &mut VecDeque<_> = &mut link.unread;
        unread.pop_front()
    }
}

fn headers(headers: &Headers) -> Vec<(&str, &[u8])> {
    headers.iter().map(|(name, value)| (&**name, value.as_bytes())).collect()
}
