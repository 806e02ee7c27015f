//! The ways to a server: proxies, streams of one's own, and another address for each attempt.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use smol::future::block_on;
use sockeye_smol::client::{
    Attempt, Client, Config, Connect, Connection, Connector, Endpoint, Proxy, Transport,
};

use crate::host::{Host, Kind};
use crate::list::quick;

const PATIENCE: Duration = Duration::from_secs(20);

fn by(transport: Transport) -> Client {
    Client::new().config(quick(Config { transports: vec![transport], ..Config::default() }))
}

/// Reads the head of a request.
fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A proxy that makes tunnels for those who know the password, and tells of each.
fn proxy() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let head = head(&mut client);
            if !head.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n") {
                let _ = client.write_all(b"HTTP/1.1 407 Who are you\r\n\r\n");
                continue;
            }
            let target = head.split(' ').nth(1).unwrap().to_owned();
            let mut server = TcpStream::connect(&target).unwrap();
            client.write_all(b"HTTP/1.1 200 Connected\r\nVia: test\r\n\r\n").unwrap();
            let _ = tell.send(target);
            let (mut back, mut there) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut client, &mut there));
            thread::spawn(move || std::io::copy(&mut server, &mut back));
        }
    });
    (port, told)
}

#[test]
fn a_client_connects_by_way_of_a_proxy() {
    let host = Host::start(Kind::Own);
    let (port, tunnels) = proxy();
    let server = host.url("").replace("http://", "");
    let connector =
        Connector::new().proxy(Proxy::new(&format!("http://user:pass@127.0.0.1:{port}")).unwrap());
    for transport in [Transport::Polling, Transport::WebSocket] {
        let socket = block_on(connector.connect(by(transport), &host.url(""))).unwrap();
        assert_eq!(block_on(socket.emit_with_ack::<u8>("ack", 7)).unwrap(), 7);
        block_on(socket.close()).unwrap();
        assert_eq!(tunnels.recv_timeout(PATIENCE).unwrap(), server);
    }
    while tunnels.try_recv().is_ok() {}

    let excepted = Proxy::new(&format!("127.0.0.1:{port}")).unwrap().no_proxy("127.0.0.1");
    let connector = Connector::new().proxy(excepted);
    let socket = block_on(connector.connect(Client::new(), &host.url(""))).unwrap();
    block_on(socket.close()).unwrap();
    assert!(tunnels.try_recv().is_err());
}

#[test]
fn what_a_proxy_says_no_with_is_told() {
    let (port, _tunnels) = proxy();
    let connector = Connector::new().proxy(Proxy::new(&format!("127.0.0.1:{port}")).unwrap());
    for transport in [Transport::Polling, Transport::WebSocket] {
        let failed = block_on(connector.connect(by(transport), "http://localhost:1"));
        let error = failed.unwrap_err().to_string();
        assert!(error.ends_with("the proxy answers with status 407"), "{error}");
    }
}

#[test]
fn a_client_takes_any_stream() {
    let host = Host::start(Kind::Own);
    let real: u16 = host.url("").rsplit(':').next().unwrap().parse().unwrap();
    for transport in [Transport::Polling, Transport::WebSocket] {
        let (tell, told) = channel();
        let connector = Connector::new().dial(move |endpoint: Endpoint| {
            let _ = tell.send((endpoint.host().to_owned(), endpoint.port()));
            async move { smol::net::TcpStream::connect(("127.0.0.1", real)).await }
        });
        let socket = block_on(connector.connect(by(transport), "http://[::7]:7")).unwrap();
        assert_eq!(block_on(socket.emit_with_ack::<u8>("ack", 7)).unwrap(), 7);
        block_on(socket.close()).unwrap();
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), ("::7".to_owned(), 7));
    }
}

#[test]
fn each_attempt_may_go_elsewhere_with_another_query_and_other_headers() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let host = Host::start(Kind::Own);
        // The first server sends everybody away, and tells what was said to it.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let first = format!("http://{}?from=address", listener.local_addr().unwrap());
        let (tell, told) = channel();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = tell.send(head(&mut stream));
            let _ = stream.write_all(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n");
        });
        let (asked, second) = (Arc::new(AtomicU32::new(0)), host.url(""));
        let count = Arc::clone(&asked);
        let client = by(transport).attempt_with(move || {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let (first, second) = (first.clone(), second.clone());
            async move {
                match number {
                    0 => Ok(Attempt::new().address(&first).query("n", "0").header("x-n", "zero")),
                    1 => Err("nowhere to go"),
                    _ => Ok(Attempt::new().address(&second)),
                }
            }
        });
        let (fail, failed) = channel();
        let client = client.on_connection(move |it: &Connection| {
            if let Connection::Failed { fault, .. } = it {
                let _ = fail.send(fault.to_string());
            }
        });
        let socket = client.start("http://localhost:1").unwrap();
        block_on(socket.connected()).unwrap();
        let head = told.recv_timeout(PATIENCE).unwrap();
        let line = head.lines().next().unwrap();
        assert!(line.contains("?n=0&") && line.contains("&from=address"), "{line}");
        assert!(head.to_ascii_lowercase().contains("x-n: zero"), "{head}");
        assert!(failed.recv_timeout(PATIENCE).unwrap().contains("status 503"));
        assert_eq!(failed.recv_timeout(PATIENCE).unwrap(), "no attempt: nowhere to go");
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        assert_eq!(block_on(socket.emit_with_ack::<u8>("ack", 7)).unwrap(), 7);
        block_on(socket.close()).unwrap();
    }
}
