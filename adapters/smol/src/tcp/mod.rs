//! TCP connections, and how their tasks hear of them.

#[cfg(all(target_os = "linux", not(sockeye_portable)))]
mod epoll;
#[cfg(any(not(target_os = "linux"), sockeye_portable))]
mod portable;

#[cfg(all(target_os = "linux", not(sockeye_portable)))]
pub(crate) use epoll::{Reactor, watch};
#[cfg(any(not(target_os = "linux"), sockeye_portable))]
pub(crate) use portable::{Reactor, watch};

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::rc::Rc;

    use smol::LocalExecutor;
    use smol::future::poll_once;
    use smol::io::{AsyncReadExt, AsyncWriteExt};

    use super::{Reactor, watch};
    use crate::stream::Stream;

    /// Runs a test with both ends of a connection, of which the first is watched.
    fn with_pair<F>(test: impl FnOnce(Box<dyn Stream>, TcpStream) -> F)
    where
        F: Future<Output = ()>,
    {
        let reactor = Rc::new(Reactor::new().expect("there are descriptors left"));
        let (ours, theirs) = pair();
        let ours = watch(ours, &reactor).expect("a TCP socket");
        let executor = LocalExecutor::new();
        executor.spawn(reactor.run()).detach();
        smol::block_on(executor.run(test(Box::new(ours), theirs)));
    }

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let theirs = TcpStream::connect(address).expect("somebody listens");
        (listener.accept().expect("somebody connects").0, theirs)
    }

    #[test]
    fn small_writes_are_not_held_back() {
        let reactor = Rc::new(Reactor::new().expect("there are descriptors left"));
        let (ours, _theirs) = pair();
        let same = ours.try_clone().expect("there are descriptors left");
        let _ours = watch(ours, &reactor).expect("a TCP socket");
        assert!(same.nodelay().expect("a TCP socket"));
    }

    #[test]
    fn each_arrival_is_told_whether_or_not_the_last_one_was_read_whole() {
        with_pair(async |mut ours, mut theirs| {
            let mut buffer = [0; 4];
            for (sent, pieces) in
                [("ab", &["ab"][..]), ("abcd", &["abcd"]), ("abcdef", &["abcd", "ef"])]
            {
                assert!(poll_once(ours.read(&mut buffer)).await.is_none(), "nothing is left");
                theirs.write_all(sent.as_bytes()).expect("the connection is open");
                for piece in pieces {
                    let read = ours.read(&mut buffer).await.expect("the connection is open");
                    assert_eq!(&buffer[..read], piece.as_bytes());
                }
            }
        });
    }

    #[test]
    fn an_end_right_behind_the_last_bytes_is_told() {
        with_pair(async |mut ours, mut theirs| {
            theirs.write_all(b"ab").expect("the connection is open");
            theirs.shutdown(Shutdown::Write).expect("the connection is open");
            let mut buffer = [0; 8];
            assert_eq!(ours.read(&mut buffer).await.expect("the connection is open"), 2);
            assert_eq!(ours.read(&mut buffer).await.expect("half of it is open"), 0);
            ours.write_all(b"cd").await.expect("half of it is open");
            ours.close().await.expect("half of it is open");
            let mut rest = String::new();
            theirs.read_to_string(&mut rest).expect("it ends in peace");
            assert_eq!(rest, "cd");
        });
    }

    #[test]
    fn a_write_that_is_blocked_goes_on_when_the_peer_reads() {
        with_pair(async |mut ours, mut theirs| {
            let piece = vec![7; 1 << 20];
            let mut written = 0;
            while let Some(more) = poll_once(ours.write(&piece)).await {
                written += more.expect("the connection is open");
            }
            let reading = std::thread::spawn(move || {
                let mut everything = Vec::new();
                theirs.read_to_end(&mut everything).expect("it ends in peace");
                everything.len()
            });
            written += ours.write(&piece).await.expect("the connection is open");
            drop(ours);
            assert_eq!(reading.join().expect("it reads to the end"), written);
        });
    }

    #[test]
    fn a_reset_is_told_to_who_waits_to_write() {
        with_pair(async |mut ours, theirs| {
            let piece = vec![7; 1 << 20];
            while poll_once(ours.write(&piece)).await.is_some() {}
            // Closed with bytes unread.
            drop(theirs);
            assert!(ours.write(&piece).await.is_err());
        });
    }
}
