//! What the network carries, when it arrives.

use std::time::Instant;

use sockeye_core::client::{Client, Input as ToClient};
use sockeye_core::{Headers, Input as ToServer, Request, RequestId, Server, WsId};

use super::net::{Arrival, Net};

impl Net {
    pub(crate) fn deliver(
        &mut self,
        arrival: Arrival,
        client: &mut Client,
        server: &mut Server,
        now: Instant,
    ) {
        match arrival {
            Arrival::Request(..)
            | Arrival::Body(..)
            | Arrival::Aborted(_)
            | Arrival::Upgrade(..)
            | Arrival::ServerFrame(..)
            | Arrival::ServerClosed(..)
            | Arrival::ServerDrained(_) => self.deliver_to_server(arrival, server, now),
            _ => self.deliver_to_client(arrival, client, now),
        }
    }

    fn deliver_to_server(&mut self, arrival: Arrival, server: &mut Server, now: Instant) {
        match arrival {
            Arrival::Request(id, fetch) => {
                self.links.get_mut(&id).expect("a known link").server = true;
                self.bodies.insert(id, fetch.body);
                let headers = headers(&fetch.headers);
                let request = request(fetch.method, &fetch.target, &headers);
                server.handle(ToServer::Request { req: RequestId(id), request }, now);
            }
            Arrival::Upgrade(id, target, given) => {
                self.links.get_mut(&id).expect("a known link").server = true;
                let headers = headers(&given);
                let request = request("GET", &target, &headers);
                server.handle(ToServer::Upgrade { ws: WsId(id), request }, now);
            }
            Arrival::Body(id, body) if self.serves(id) => {
                server.handle(ToServer::Body { req: RequestId(id), body }, now);
            }
            Arrival::Aborted(id) if self.serves(id) => {
                self.conclude(id);
                server.handle(ToServer::Aborted { req: RequestId(id) }, now);
            }
            Arrival::ServerFrame(id, frame) if self.serves(id) => {
                server.handle(ToServer::Frame { ws: WsId(id), frame }, now);
            }
            Arrival::ServerClosed(id, cause) if self.serves(id) => {
                self.conclude(id);
                server.handle(ToServer::Closed { ws: WsId(id), cause }, now);
            }
            Arrival::ServerDrained(id) if self.serves(id) => {
                self.links.get_mut(&id).expect("a known link").server_busy = false;
                server.handle(ToServer::Drained { ws: WsId(id) }, now);
            }
            _ => {}
        }
    }

    fn serves(&self, id: u64) -> bool {
        self.links.get(&id).is_some_and(|link| link.server)
    }

    fn deliver_to_client(&mut self, arrival: Arrival, client: &mut Client, now: Instant) {
        let id = match &arrival {
            Arrival::Response(id, _)
            | Arrival::Failed(id)
            | Arrival::Opened(id)
            | Arrival::Refused(id, _)
            | Arrival::ClientFrame(id, _)
            | Arrival::ClientClosed(id, _)
            | Arrival::ClientDrained(id)
            | Arrival::Pong(id) => *id,
            other => panic!("nothing for the client: {other:?}"),
        };
        let Some(link) = self.links.get_mut(&id).filter(|link| link.client) else { return };
        let (req, ws) = (RequestId(id), WsId(id));
        let input = match arrival {
            Arrival::Response(_, response) => {
                link.client = false;
                self.forget(id);
                if response.status != 200 {
                    self.fail(id);
                }
                ToClient::Response { req, response }
            }
            Arrival::Failed(_) => {
                link.client = false;
                self.forget(id);
                self.fail(id);
                ToClient::Failed { req, message: "connection reset".to_owned() }
            }
            Arrival::Opened(_) => {
                link.opened = true;
                ToClient::Opened { ws }
            }
            Arrival::Refused(_, response) => {
                link.client = false;
                ToClient::Refused { ws, response }
            }
            Arrival::ClientFrame(_, frame) => ToClient::Frame { ws, frame },
            Arrival::ClientClosed(_, cause) => {
                link.client = false;
                let message = "connection reset".to_owned();
                ToClient::Closed { ws, cause, code: None, message }
            }
            Arrival::ClientDrained(_) => {
                link.client_busy = false;
                ToClient::Drained { ws }
            }
            Arrival::Pong(_) => ToClient::Pong { ws },
            other => panic!("nothing for the client: {other:?}"),
        };
        client.handle(input, now);
    }

    fn fail(&mut self, id: u64) {
        if let Some(session) = self.session(id) {
            session.failed = true;
        }
    }
}

fn headers(headers: &Headers) -> Vec<(&str, &[u8])> {
    headers.iter().map(|(name, value)| (&**name, value.as_bytes())).collect()
}

fn request<'a>(
    method: &'a str,
    target: &'a str,
    headers: &'a [(&'a str, &'a [u8])],
) -> Request<'a> {
    Request { method, target, headers, remote: None, secure: false }
}
