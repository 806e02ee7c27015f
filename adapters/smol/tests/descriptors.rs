//! Running out of descriptors. One test, for it takes those of the whole process.

mod support;

use std::fs::File;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use support::client::{open, poll, poll_head, post, sid_of};
use support::{Bystander, TestServer, Wire};

#[test]
fn a_server_goes_on_when_there_are_descriptors_again() {
    let limit = Rlimit { current: Some(256), maximum: Some(256) };
    setrlimit(Resource::Nofile, limit).expect("fewer are always allowed");
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let mut held = Wire::connect(server.address);
    held.send(poll_head(&format!("&sid={sid}")));

    // The clients need descriptors as well: with one to spare, there is none for the server.
    for spare in 0..8 {
        let mut taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        taken.truncate(taken.len().saturating_sub(spare));
        let mut crowd: Vec<_> = (0..4).filter_map(|_| Wire::try_connect(server.address)).collect();
        assert_eq!(crowd.is_empty(), spare == 0);
        crowd.iter_mut().for_each(|wire| wire.try_send(poll_head("")));
        bystander.echo("who is there is served");
        thread::sleep(Duration::from_millis(100));
        drop(taken);
        for wire in &mut crowd {
            assert_eq!(wire.answer().status, 200, "with {spare} to spare");
        }
        drop(crowd);
        sid_of(&poll(server.address, ""));
    }

    // What was held meanwhile was not lost.
    let word = r#"42["echo","still held"]"#;
    assert_eq!(post(server.address, &sid, word).text(), "ok");
    assert_eq!(held.answer().text(), word);
}
