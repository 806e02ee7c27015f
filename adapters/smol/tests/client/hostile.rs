//! A server that sends what it should not: the client says what is wrong, and tries again.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use smol::future::block_on;
use sockeye_smol::client::{Client, Config, Connect, Connection, Transport};

use crate::list::quick;

const OPEN: &str = r#"0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;

/// A server that answers each connection in the same way; returns its address.
fn server(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            answer(stream);
        }
    });
    url
}

/// Reads the head of a request; returns what stands in one of its headers.
fn head(stream: &mut TcpStream, name: &str) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
    line.and_then(|line| line.split_once(": "))
        .map(|(_, value)| value.to_owned())
        .unwrap_or_default()
}

fn whole(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// What a client says about a server, and that it tries again.
fn verdict(transport: Transport, url: &str) -> String {
    let (tell, told) = channel();
    let config = Config::default()
        .transports(vec![transport])
        .timeout(Duration::from_millis(500))
        .max_incoming(100_000);
    let client = Client::new().config(quick(config)).on_connection(move |it: &Connection| {
        let _ = match it {
            Connection::Failed { fault, .. } => tell.send(fault.to_string()),
            Connection::Closed { fault: Some(fault), .. } => tell.send(fault.to_string()),
            Connection::Reconnecting { attempt } => tell.send(format!("attempt {attempt}")),
            Connection::Opened { .. } | Connection::Closed { .. } | _ => Ok(()),
        };
    });
    let socket = client.start(url).unwrap();
    let wait = || told.recv_timeout(Duration::from_secs(5));
    let fault = wait().unwrap_or_else(|_| "nothing is wrong".to_owned());
    let then = wait().unwrap_or_default();
    block_on(socket.close()).unwrap();
    if then == "attempt 1" { fault } else { format!("{fault}, and then {then:?}") }
}

#[test]
fn answers_over_long_polling_that_make_no_sense_are_told() {
    let long_header = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let answers: Vec<(Vec<u8>, &str)> = vec![
        (b"what?\r\n\r\n".to_vec(), "polling: "),
        (Vec::new(), "polling: "),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0{".to_vec(), "polling: "),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n".to_vec(), "polling: "),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n0{".to_vec(),
            "polling: ",
        ),
        (long_header.into_bytes(), "polling: "),
        (whole(&"x".repeat(100_001)), "polling: the answer is longer than 100000 bytes"),
        (
            b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "polling: status 302",
        ),
        (whole(""), "malformed data"),
        (whole("0"), "unusable handshake"),
        (whole("0{}"), "unusable handshake"),
        (whole(&OPEN.replace("25000", "0")), "unusable handshake"),
        (whole("2probe"), "unusable handshake"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe".to_vec(), "malformed data"),
    ];
    for (answer, expected) in answers {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(40)]).into_owned();
        let url = server(move |mut stream| {
            head(&mut stream, "host");
            let _ = stream.write_all(&answer);
            let _ = stream.shutdown(std::net::Shutdown::Both);
        });
        let told = verdict(Transport::Polling, &url);
        assert!(told.starts_with(expected), "{shown:?}: {told}");
    }
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let held = std::sync::Mutex::new(Vec::new());
    let url = server(move |stream| held.lock().unwrap().push(stream));
    assert_eq!(verdict(Transport::Polling, &url), "timeout");
    assert_eq!(verdict(Transport::WebSocket, &url), "timeout");
}

#[test]
fn an_answer_that_trickles_is_given_up() {
    let url = server(|mut stream| {
        thread::spawn(move || {
            head(&mut stream, "host");
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
            while stream.write_all(b"0").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
    });
    assert_eq!(verdict(Transport::Polling, &url), "timeout");
}

/// Completes the handshake of a WebSocket, and sends bytes.
fn websocket(frames: Vec<u8>) -> String {
    // Stays until the client has left.
    websocket_then(frames, |mut stream| drop(stream.read_to_end(&mut Vec::new())))
}

/// The same, and then goes on in another way.
fn websocket_then(frames: Vec<u8>, then: fn(TcpStream)) -> String {
    server(move |mut stream| {
        use async_tungstenite::tungstenite::handshake::derive_accept_key;
        let key = head(&mut stream, "sec-websocket-key");
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-accept: {accept}\r\n\r\n"
        );
        let _ = stream.write_all(answer.as_bytes());
        let _ = stream.write_all(&frames);
        thread::spawn(move || then(stream));
    })
}

fn text(message: &str) -> Vec<u8> {
    let mut frame = vec![0x81, u8::try_from(message.len()).expect("a short message")];
    frame.extend_from_slice(message.as_bytes());
    frame
}

#[test]
fn frames_that_make_no_sense_are_told() {
    let open = text(OPEN);
    let after_open = |frames: &[u8]| [&open[..], frames].concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        // A frame with a mask, which only clients use; reserved bits; an unknown kind.
        (vec![0x81, 0x81, 1, 2, 3, 4, b'0' ^ 1], "websocket: "),
        (vec![0xf1, 0x00], "websocket: "),
        (vec![0x83, 0x00], "websocket: "),
        // Longer than anything may be.
        (vec![0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "websocket: "),
        // No UTF-8; the rest of a message without its beginning.
        (vec![0x81, 2, 0xff, 0xfe], "websocket: "),
        (vec![0x80, 0x00], "websocket: "),
        // Closed with a code of its own.
        (vec![0x88, 4, 0x0f, 0xa0, b'n', b'o'], "websocket: closed, code 4000: no"),
        (text("9"), "malformed data"),
        (text("0null"), "unusable handshake"),
        (after_open(&text("4x")), "malformed packet"),
        (after_open(&text("42[]")), "malformed packet"),
        (after_open(&text("1")), "the server closed the session"),
    ];
    for (frames, expected) in cases {
        let shown = format!("{:?}", &frames[frames.len().saturating_sub(12)..]);
        let told = verdict(Transport::WebSocket, &websocket(frames));
        assert!(told.starts_with(expected), "{shown}: {told}");
    }
}

#[test]
fn a_handshake_that_is_not_of_a_websocket_is_told() {
    let url = server(|mut stream| {
        head(&mut stream, "host");
        let _ = stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
            connection: upgrade\r\nsec-websocket-accept: guessed\r\n\r\n",
        );
    });
    let told = verdict(Transport::WebSocket, &url);
    assert!(told.starts_with("websocket: "), "{told}");
    let body = r#"{"code":5,"message":"Unsupported protocol version"}"#;
    let refusal =
        format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let url = server(move |mut stream| {
        head(&mut stream, "host");
        let _ = stream.write_all(refusal.as_bytes());
    });
    let told = verdict(Transport::WebSocket, &url);
    assert!(told.starts_with("websocket: status 400"), "{told}");
}

#[test]
fn a_client_waits_for_the_rest_of_a_message_without_being_lost() {
    // A message in pieces, with a ping between them, and then nothing.
    let open = OPEN.as_bytes();
    let mut frames = vec![0x01, u8::try_from(open.len() - 1).unwrap()];
    frames.extend_from_slice(&open[..open.len() - 1]);
    frames.extend_from_slice(&[0x89, 1, b'x']);
    frames.extend_from_slice(&[0x80, 1, open[open.len() - 1]]);
    frames.extend_from_slice(&text(r#"40{"sid":"me"}"#));
    let url = websocket(frames);
    let config = Config::default().transports(vec![Transport::WebSocket]);
    let socket = block_on(Client::new().config(config).connect(&url)).unwrap();
    assert_eq!(socket.id().as_deref(), Some("me"));
    block_on(socket.close()).unwrap();
}

#[test]
fn who_sends_pieces_of_a_message_without_end_is_silent_and_given_up() {
    let open = text(&OPEN.replace("25000", "300").replace("20000", "200"));
    // A message that begins; what is continued has no bytes.
    let url = websocket_then([&open[..], &[0x01, 0]].concat(), |mut stream| {
        while stream.write_all(&[0; 64 * 1024]).is_ok() {}
    });
    // Silence is no fault of a kind of its own; the next attempt follows it.
    let told = verdict(Transport::WebSocket, &url);
    assert!(told.starts_with("attempt 1"), "{told}");
}
