//! How clients are run and ended, and what they say when they cannot connect.

use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Duration;

use smol::future::{self, block_on};
use sockeye_smol::client::{
    Client, Config, Connect, ConnectError, Connection, ConnectionFault, Connector, Socket,
    TransportFault,
};
use sockeye_smol::events;

use crate::host::{Host, Kind};
use crate::list::quick;

events! {
    /// Comes back as it was sent.
    #[derive(Debug, PartialEq)]
    pub struct Echo = "echo" { text: String, n: u8 };

    /// Comes back as an answer.
    pub struct Ask = "ack" { n: u8 } -> u8;
}

#[test]
fn a_definition_of_an_event_serves_both_sides() {
    let host = Host::start(Kind::Own);
    let (tell, told) = channel();
    let client = Client::new().on_event(move |_: Socket, echo: Echo| {
        let _ = tell.send(echo);
    });
    let socket = block_on(client.connect(&host.url(""))).unwrap();
    socket.emit_event(Echo { text: "x".to_owned(), n: 1 });
    let echo = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(echo, Echo { text: "x".to_owned(), n: 1 });
    assert_eq!(block_on(socket.ask(Ask { n: 7 })).unwrap(), 7);
    block_on(socket.close()).unwrap();
}

#[test]
fn a_client_runs_on_an_executor_of_ones_own() {
    let host = Host::start(Kind::Own);
    let (socket, driver) = Connector::new().build(Client::new(), &host.url("")).unwrap();
    let talking = async {
        socket.connected().await.unwrap();
        assert_eq!(socket.emit_with_ack::<u8>("ack", 1).await.unwrap(), 1);
        socket.close().await.unwrap();
    };
    block_on(future::zip(driver.run(), talking));
}

#[test]
fn who_waits_for_a_client_whose_driver_is_dropped_is_told() {
    let host = Host::start(Kind::Own);
    let (socket, driver) = Connector::new().build(Client::new(), &host.url("")).unwrap();
    let never = socket.emit_with_ack::<u8>("swallow", 1);
    block_on(future::or(driver.run(), async {
        socket.connected().await.unwrap();
    }));
    assert!(block_on(never).is_err());
    assert!(block_on(socket.connected()).is_err());
    assert!(socket.try_emit("e", ()).is_err());
}

#[test]
fn a_client_that_nobody_waits_for_any_more_does_not_stay() {
    // Somebody who accepts, and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::new();
    let impatient = async {
        smol::Timer::after(Duration::from_millis(100)).await;
    };
    block_on(future::or(impatient, async {
        let never = client.connect(&url).await;
        panic!("{never:?}");
    }));
    let (mut stream, _) = listener.accept().unwrap();
    let mut heard = Vec::new();
    // Ends when the client is gone.
    std::io::Read::read_to_end(&mut stream, &mut heard).unwrap();
    assert!(heard.starts_with(b"GET /socket.io/?"));
}

#[test]
fn a_server_that_is_not_there_is_an_error_that_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = block_on(Client::new().connect(&url)).unwrap_err();
    let ConnectError::Failed(ConnectionFault::Transport(TransportFault::Network { .. })) = &error
    else {
        panic!("{error:?}");
    };
    let text = error.to_string();
    assert!(text.starts_with("no connection: polling: Connection refused"), "{text}");
}

#[test]
fn an_answer_that_is_an_error_is_told_with_its_status() {
    let host = Host::start(Kind::Own);
    let client = Client::new().config(Config::default().path("/nowhere"));
    let error = block_on(client.connect(&host.url(""))).unwrap_err();
    assert_eq!(error.to_string(), "no connection: polling: status 404");
}

#[test]
fn attempts_are_told_and_come_to_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (tell, told) = channel();
    let config = Config::default().reconnection_attempts(Some(2));
    let client = Client::new().config(quick(config)).on_connection(move |it: &Connection| {
        let _ = tell.send(match it {
            Connection::Failed { attempt, .. } => format!("failed {attempt}"),
            Connection::Reconnecting { attempt } => format!("attempt {attempt}"),
            other @ (Connection::GaveUp | _) => format!("{other:?}"),
        });
    });
    let socket = client.start(&url).unwrap();
    assert!(block_on(socket.connected()).is_err());
    let told: Vec<_> =
        (0..6).map(|_| told.recv_timeout(Duration::from_secs(10)).unwrap()).collect();
    let expected = ["failed 0", "attempt 1", "failed 1", "attempt 2", "failed 2", "GaveUp"];
    assert_eq!(told, expected);
    block_on(socket.close()).unwrap();
}

#[test]
fn what_cannot_work_is_an_error_before_anything_is_done() {
    let errors = [
        (Client::new(), "localhost"),
        (Client::new(), "http://localhost/a,b"),
        (Client::new().auth("no object"), "http://localhost"),
        (Client::new().config(Config::default().transports(Vec::new())), "http://localhost"),
    ];
    for (client, url) in errors {
        assert!(client.start(url).is_err(), "{url}");
    }
}
