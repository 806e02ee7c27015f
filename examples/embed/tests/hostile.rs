//! What peers may do to the example without harm to others.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket, client};

/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(10);

struct Example {
    child: Child,
    address: String,
}

impl Example {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sockeye-embed"))
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { child, address }
    }

    /// Opens a connection that has joined the main namespace.
    fn connect(&self) -> WebSocket<TcpStream> {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a valid timeout");
        let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", self.address);
        let (mut socket, _) = client(url, stream).expect("it shakes hands");
        assert!(text(&mut socket).starts_with("0{"));
        socket.send(Message::text("40")).expect("it reads");
        assert!(text(&mut socket).starts_with("40{"));
        socket
    }

    fn assert_works(&self) {
        let mut socket = self.connect();
        let event = r#"42["still","here"]"#;
        socket.send(Message::text(event)).expect("it reads");
        assert_eq!(text(&mut socket), event);
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(socket: &mut WebSocket<TcpStream>) -> String {
    socket.read().expect("it answers").into_text().expect("it is text").to_string()
}

#[test]
fn a_message_over_the_limit_is_refused_with_1009() {
    let example = Example::start();
    let mut socket = example.connect();
    // The head of a frame of 1,000,001 bytes, and nothing of them.
    let head = [0x81, 0xff, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x41, 1, 2, 3, 4];
    socket.get_mut().write_all(&head).expect("it reads");
    let Message::Close(Some(close)) = socket.read().expect("it answers") else {
        panic!("a Close frame comes first");
    };
    assert_eq!(u16::from(close.code), 1009);
    example.assert_works();
}

#[test]
fn a_page_of_another_host_that_has_cookies_is_hung_up_on() {
    let example = Example::start();
    let stream = TcpStream::connect(&example.address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", example.address);
    let mut request = url.into_client_request().expect("an address");
    for (name, value) in [("origin", "https://evil.example"), ("cookie", "session=1")] {
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    let (mut socket, _) = client(request, stream).expect("it shakes hands");

    assert!(matches!(socket.read(), Ok(Message::Close(_))), "nothing is said before");
    example.assert_works();
}
