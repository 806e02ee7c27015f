//! Names of headers in requests, as they are written.

use std::io::Read;
use std::net::TcpListener;

use sockeye_smol::client::{Client, Config, Connect, Transport};

/// The names in the first request that a client makes.
fn names(transport: Transport) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config = Config::default()
        .transports(vec![transport])
        .extra_headers(vec![
            ("Authorization".into(), "Bearer x".into()),
            ("X-Request-ID".into(), "7".into()),
            ("x-lower".into(), "8".into()),
        ])
        .protocols(vec!["a".to_owned()]);
    let socket = Client::new().config(config).start(&url).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    smol::block_on(socket.close()).unwrap();
    let head = String::from_utf8(head).unwrap();
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let mut names: Vec<String> = lines.map(|(name, _)| name.to_owned()).collect();
    names.sort();
    names
}

#[test]
fn names_are_written_as_the_rfcs_do_and_those_of_the_application_as_it_did() {
    let own = ["Authorization", "X-Request-ID", "x-lower"];
    let mut expected = [&own[..], &["Accept", "Host", "User-Agent"]].concat();
    expected.sort_unstable();
    assert_eq!(names(Transport::Polling), expected);
    let upgrade = [
        "Connection",
        "Host",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Version",
        "Upgrade",
        "User-Agent",
    ];
    let mut expected = [&own[..], &upgrade].concat();
    expected.sort_unstable();
    assert_eq!(names(Transport::WebSocket), expected);
}
