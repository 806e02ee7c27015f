//! Nothing of an app is left once its server has ended, whichever handles are.

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Waker};

use sockeye_smol::{App, Handle, Io, Serve, Socket, State};
use support::{Bystander, TestServer, quick};

/// What the application holds for as long as its server is there.
struct Holding {
    sockets: Mutex<Vec<Socket>>,
    io: Io,
    _token: Arc<()>,
}

/// An app whose state, data and listeners hold its sockets, and whose handlers wait for ever.
fn app(token: Arc<()>) -> App {
    let app = App::new();
    let holding = Holding { sockets: Mutex::default(), io: app.io(), _token: Arc::clone(&token) };
    app.state(holding)
        .on_connect(|socket: Socket, holding: State<Holding>| async move {
            holding.sockets.lock().expect("no panic").push(socket.clone());
            let me = socket.clone();
            socket.on("echo", move |word: String| me.emit("echo", word));
            socket.set_data(socket.clone());
            assert!(!holding.io.is_empty());
            std::future::pending::<()>().await;
        })
        .on_disconnect(move || drop(Arc::clone(&token)))
}

#[test]
fn nothing_is_left_after_a_shutdown_although_its_handle_is() {
    let token = Arc::new(());
    let watch: Weak<()> = Arc::downgrade(&token);
    let server = TestServer::start(move || {
        app(token).bind("127.0.0.1:0").expect("a free port").limits(quick())
    });
    let handle: Handle = server.handle.clone();
    let (mut left, mut there) = (Bystander::new(server.address), Bystander::new(server.address));
    left.echo("hello");
    drop(left);
    there.echo("hello");
    assert_eq!(watch.strong_count(), 2);
    server.stop();
    assert_eq!(watch.strong_count(), 0);
    handle.shutdown();
}

#[test]
fn nothing_is_left_of_a_server_whose_future_is_dropped() {
    let token = Arc::new(());
    let watch: Weak<()> = Arc::downgrade(&token);
    let server = app(token).bind("127.0.0.1:0").expect("a free port");
    let handle = server.handle();
    {
        let mut running = pin!(server.run());
        assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(server);
    assert_eq!(watch.strong_count(), 0);
    handle.shutdown();
}
