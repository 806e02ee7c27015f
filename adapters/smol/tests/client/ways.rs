//! The ways to a server: proxies, streams of one's own, and another address for each attempt.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
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
    Client::new().config(quick(Config::default().transports(vec![transport])))
}

/// Reads the head of a request.
fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A proxy for those who know the password, which tells of each request, and makes tunnels to these
/// ports, or to all.
pub(crate) fn proxy(ports: Option<&'static [u16]>) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let tell = tell.clone();
            thread::spawn(move || serve(client, ports, &tell));
        }
    });
    (port, told)
}

fn serve(mut client: TcpStream, ports: Option<&[u16]>, tell: &Sender<String>) {
    const PASSWORD: &str = "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n";
    let head = head(&mut client);
    if !head.contains(PASSWORD) {
        let _ = client.write_all(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n");
        return;
    }
    let [method, target] = [0, 1].map(|index| head.split(' ').nth(index).unwrap());
    let _ = tell.send(format!("{method} {}", target.split('?').next().unwrap()));
    if method == "CONNECT" {
        let port = target.rsplit(':').next().unwrap().parse().unwrap();
        if ports.is_some_and(|ports| !ports.contains(&port)) {
            let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n");
            return;
        }
        let mut server = TcpStream::connect(target).unwrap();
        client.write_all(b"HTTP/1.1 200 Connected\r\nVia: test\r\n\r\n").unwrap();
        let (mut back, mut there) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut client, &mut there));
        let _ = std::io::copy(&mut server, &mut back);
        let _ = back.shutdown(Shutdown::Both);
        return;
    }
    // One request on a connection.
    let (authority, path) = target.strip_prefix("http://").unwrap().split_once('/').unwrap();
    assert!(head.contains(&format!("Host: {authority}\r\n")), "{head}");
    let plain = head.replacen(target, &format!("/{path}"), 1);
    let plain = plain.replace(PASSWORD, "Connection: close\r\n");
    let mut server = TcpStream::connect(authority).unwrap();
    server.write_all(plain.as_bytes()).unwrap();
    let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut client, &mut server));
    let _ = std::io::copy(&mut answers, &mut back);
    let _ = back.shutdown(Shutdown::Both);
}

fn by_way_of(port: u16) -> Connector {
    Connector::new().proxy(Proxy::new(&format!("http://user:pass@127.0.0.1:{port}")).unwrap())
}

#[test]
fn a_client_connects_by_way_of_a_proxy() {
    let host = Host::start(Kind::Own);
    let (port, requests) = proxy(None);
    let url = host.url("");
    let (get, post) = (format!("GET {url}/socket.io/"), format!("POST {url}/socket.io/"));
    let tunnel = url.replace("http://", "CONNECT ");
    for (transport, expected) in
        [(Transport::Polling, &[get, post][..]), (Transport::WebSocket, &[tunnel])]
    {
        let socket = block_on(by_way_of(port).connect(by(transport), &url)).unwrap();
        assert_eq!(block_on(socket.emit_with_ack::<u8>("ack", 7)).unwrap(), 7);
        block_on(socket.close()).unwrap();
        let told: Vec<String> = requests.try_iter().collect();
        assert!(told.iter().all(|it| expected.contains(it)), "{told:?}");
        assert!(expected.iter().all(|it| told.contains(it)), "{told:?}");
    }

    let excepted = Proxy::new(&format!("127.0.0.1:{port}")).unwrap().no_proxy("127.0.0.0/8");
    let connector = Connector::new().proxy(excepted);
    let socket = block_on(connector.connect(Client::new(), &url)).unwrap();
    block_on(socket.close()).unwrap();
    assert!(requests.try_recv().is_err());
}

#[test]
fn a_client_stays_with_polling_where_a_proxy_makes_tunnels_for_tls_alone() {
    let host = Host::start(Kind::Own);
    let (port, requests) = proxy(Some(&[443]));
    let (tell, told) = channel();
    let client = Client::new().on_connection(move |it: &Connection| {
        if let Connection::NotUpgraded(fault) = it {
            let _ = tell.send(fault.to_string());
        }
    });
    let socket = block_on(by_way_of(port).connect(client, &host.url(""))).unwrap();
    let fault = told.recv_timeout(PATIENCE).unwrap();
    assert!(fault.ends_with("the proxy answers with status 403"), "{fault}");
    assert_eq!(block_on(socket.emit_with_ack::<u8>("ack", 7)).unwrap(), 7);
    assert_eq!(socket.transport(), Some("polling"));
    block_on(socket.close()).unwrap();
    assert!(requests.try_iter().any(|it| it.starts_with("CONNECT ")));
}

/// Runs in a process of its own, with proxies in its environment.
#[test]
fn the_environment_names_the_proxy() {
    const NAME: &str = "ways::the_environment_names_the_proxy";
    if let Ok(urls) = std::env::var("SOCKEYE_TEST_URLS") {
        let connector = Connector::new().proxy(Proxy::from_env());
        for url in urls.split(' ') {
            let socket = block_on(connector.connect(Client::new(), url)).unwrap();
            assert_eq!(block_on(socket.emit_with_ack::<u8>("ack", 7)).unwrap(), 7);
            block_on(socket.close()).unwrap();
        }
        return;
    }
    let (plain, excepted) = (Host::start(Kind::Own), Host::start(Kind::Own));
    let (port, requests) = proxy(None);
    let mut command = Command::new(std::env::current_exe().unwrap());
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    let but = excepted.url("").replace("http://", "");
    command.env("HTTP_PROXY", format!("http://user:pass@127.0.0.1:{port}"));
    command.env("no_proxy", format!("example.com, {but}"));
    command.env("SOCKEYE_TEST_URLS", format!("{} {}", plain.url(""), excepted.url("")));
    #[cfg(feature = "tls")]
    let (secure, _) = crate::tls::serve();
    #[cfg(feature = "tls")]
    command
        .env("HTTPS_PROXY", format!("user:pass@127.0.0.1:{port}"))
        .env("SSL_CERT_FILE", crate::tls::FILE)
        .env(
            "SOCKEYE_TEST_URLS",
            format!("{} {} https://localhost:{}", plain.url(""), excepted.url(""), secure.port()),
        );
    let output = command.args([NAME, "--exact", "--nocapture"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told: Vec<String> = requests.try_iter().collect();
    let get = format!("GET {}/socket.io/", plain.url(""));
    assert!(told.contains(&get) && !told.iter().any(|it| it.contains(&but)), "{told:?}");
    #[cfg(feature = "tls")]
    assert!(told.contains(&format!("CONNECT localhost:{}", secure.port())), "{told:?}");
}

#[test]
fn what_a_proxy_says_no_with_is_told() {
    let (port, _requests) = proxy(None);
    let connector = Connector::new().proxy(Proxy::new(&format!("127.0.0.1:{port}")).unwrap());
    for transport in [Transport::Polling, Transport::WebSocket] {
        let failed = block_on(connector.connect(by(transport), "http://localhost:1"));
        let error = failed.unwrap_err().to_string();
        assert!(error.ends_with("the proxy answers with status 407"), "{error}");
    }
}

#[test]
fn a_proxy_that_is_not_there_or_says_nothing_is_told_apart_from_the_server() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let [mute_port, closed_port] =
        [&mute, &closed].map(|listener| listener.local_addr().unwrap().port());
    drop(closed);
    for transport in [Transport::Polling, Transport::WebSocket] {
        let failed = block_on(by_way_of(closed_port).connect(by(transport), "http://localhost:1"));
        let error = failed.unwrap_err().to_string();
        assert!(error.contains("the proxy cannot be reached: "), "{error}");
        let config =
            Config::default().transports(vec![transport]).timeout(Duration::from_millis(100));
        let client = Client::new().config(config);
        let error = block_on(by_way_of(mute_port).connect(client, "http://localhost:1"));
        assert!(error.unwrap_err().to_string().ends_with("timeout"));
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
