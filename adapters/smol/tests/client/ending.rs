//! The end of a client: what was emitted before it arrives.

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use smol::future::block_on;
use sockeye_smol::client::{
    Client, Config, Connect, Connector, Event, Socket, Transport, Undelivered,
};

use crate::host::{Host, Kind};
use crate::list::{quick, ways};

const PATIENCE: Duration = Duration::from_secs(20);

fn by(transports: &[Transport]) -> Client {
    Client::new().config(quick(Config::default().transports(transports.to_vec())))
}

/// Who hears what others tell, and how they leave.
fn watcher(host: &Host) -> (Socket, Receiver<String>) {
    let (tell, told) = channel();
    let tell_too = tell.clone();
    let client = by(&[Transport::WebSocket]).of("/watched", move |namespace| {
        namespace
            .on("told", move |n: u32| drop(tell.send(n.to_string())))
            .on("gone", move |reason: String| drop(tell_too.send(reason)))
    });
    (block_on(client.connect(&host.url("/watched"))).unwrap(), told)
}

/// What the watcher hears of one client.
fn heard(told: &Receiver<String>) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        let next = told.recv_timeout(PATIENCE).expect("the client leaves in the end");
        let is_last = next.starts_with(char::is_alphabetic);
        heard.push(next);
        if is_last {
            return heard;
        }
    }
}

fn assert_all_arrived(told: &Receiver<String>, count: u32, how: &str) {
    let mut expected: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    expected.push("client namespace disconnect".to_owned());
    assert_eq!(heard(told), expected, "{how}");
}

pub(crate) fn what_was_emitted_before_the_end_arrives(kind: Kind) {
    let host = Host::start(kind);
    let (watcher, told) = watcher(&host);
    for way in ways() {
        for count in [1, 2, 20, 50] {
            let socket = block_on(by(&way).connect(&host.url("/watched"))).unwrap();
            (0..count).for_each(|n| socket.emit("tell", n));
            block_on(socket.close()).unwrap();
            assert_all_arrived(&told, count, &format!("{way:?}"));

            let socket = by(&way).start(&host.url("/watched")).unwrap();
            (0..count).for_each(|n| socket.emit("tell", n));
            block_on(socket.close()).unwrap();
            assert_all_arrived(&told, count, &format!("{way:?}, before it is connected"));
        }
    }
    block_on(watcher.close()).unwrap();
}

pub(crate) fn what_was_emitted_before_the_last_handle_was_dropped_arrives(kind: Kind) {
    let host = Host::start(kind);
    let (_watcher, told) = watcher(&host);
    for way in ways() {
        let socket = block_on(by(&way).connect(&host.url("/watched"))).unwrap();
        let other = socket.clone();
        drop(socket);
        assert!(other.is_connected());
        (0..5).for_each(|n| other.emit("tell", n));
        drop(other);
        assert_all_arrived(&told, 5, &format!("{way:?}"));

        let events = block_on(by(&way).connect(&host.url("/watched"))).unwrap().events();
        std::thread::sleep(Duration::from_millis(50));
        assert!(told.try_recv().is_err(), "who listens keeps the connection");
        drop(events);
        assert_all_arrived(&told, 0, &format!("{way:?}"));
    }
}

pub(crate) fn a_client_that_is_detached_goes_on_without_handles(kind: Kind) {
    let host = Host::start(kind);
    let (watcher, told) = watcher(&host);
    let (tell, heard) = channel();
    let client = by(&[Transport::WebSocket]).of("/watched", |namespace| {
        namespace.on("told", move |socket: Socket, n: u32| {
            let _ = tell.send(n);
            if n == 2 {
                drop(socket.close());
            }
        })
    });
    block_on(client.connect(&host.url("/watched"))).unwrap().detach();
    for n in 0..3 {
        watcher.emit("tell", n);
        assert_eq!(heard.recv_timeout(PATIENCE), Ok(n));
    }
    assert_all_arrived(&told, 0, "closed by a handler");
}

#[test]
fn acknowledgements_that_nobody_takes_keep_no_connection() {
    let host = Host::start(Kind::Own);
    let (tell, gone) = channel();
    let client = by(&[Transport::WebSocket]).on_disconnect(move || {
        let _ = tell.send(());
    });
    let socket = block_on(client.connect(&host.url(""))).unwrap();
    let mut events = socket.events();
    socket.emit("ask me", 1);
    let asks = |event: &Event| matches!(event, Event::Received { ack: Some(_), .. });
    let first = block_on(smol::stream::StreamExt::find(&mut events, asks));
    assert!(first.is_some());
    socket.emit("ask me", 2);
    assert_eq!(block_on(socket.emit_with_ack::<u8>("ack", 1)).unwrap(), 1);
    drop((first, events, socket));
    gone.recv_timeout(PATIENCE).expect("the client leaves");
}

#[test]
fn what_cannot_be_delivered_is_an_error_when_the_time_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let silent = by(&[Transport::Polling]).start(&url).unwrap();
    silent.emit("e", 1);
    let begun = Instant::now();
    let ended = block_on(silent.close_within(Duration::from_millis(200)));
    assert_eq!(ended, Err(Undelivered));
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(block_on(silent.close()), Err(Undelivered), "it has ended already");
    // Nothing has to be delivered, so nothing is waited for.
    let idle = by(&[Transport::Polling]).start(&url).unwrap();
    assert_eq!(block_on(idle.close_within(Duration::from_secs(3600))), Ok(()));

    let (mut stream, _) = listener.accept().unwrap();
    let _ = stream.write_all(b"HTTP/1.1 500 No\r\n\r\n");
    let _ = stream.shutdown(Shutdown::Both);
}

#[test]
fn who_waits_for_the_end_of_a_client_that_was_never_run_is_told() {
    let (socket, driver) = Connector::new().build(Client::new(), "http://localhost:1").unwrap();
    socket.emit("e", 1);
    drop(driver);
    assert_eq!(block_on(socket.close()), Err(Undelivered));
    assert!(block_on(socket.connected()).is_err());
}

#[test]
fn a_handler_that_waits_for_the_end_goes_on_behind_it() {
    let host = Host::start(Kind::Own);
    let (tell, told) = channel();
    let client = by(&[Transport::WebSocket]).on_connect(move |socket: Socket| {
        let tell = tell.clone();
        async move {
            let _ = tell.send(socket.close().await);
        }
    });
    client.start(&host.url("")).unwrap().detach();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Ok(())));
}
