//! Running out of descriptors. One test, for it takes those of the whole process.

mod support;

use std::fs::File;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use support::client::{open, poll_head};
use support::{Bystander, TestServer, Wire, eventually};

#[test]
fn a_server_goes_on_when_there_are_descriptors_again() {
    let limit = Rlimit { current: Some(256), maximum: Some(256) };
    setrlimit(Resource::Nofile, limit).expect("fewer are always allowed");
    let server = TestServer::new();
    let address = server.address;
    let sid = open(address);
    let mut held = Wire::connect(address);
    held.send(poll_head(&format!("&sid={sid}")));

    // With each of these numbers something else cannot be had: one for the connection, for what
    // leads to tiny_http, for its end of that, or for its copy.
    for spare in 0..8 {
        let mut taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        taken.truncate(taken.len().saturating_sub(spare));
        let mut crowd: Vec<_> = (0..4).filter_map(|_| Wire::try_connect(address)).collect();
        for wire in &mut crowd {
            wire.try_send(poll_head(""));
        }
        std::thread::sleep(Duration::from_millis(50));
        drop(taken);
        for wire in &mut crowd {
            assert_eq!(wire.answer().status, 200, "with {spare} to spare");
        }
        drop(crowd);
        eventually("it is served", || Wire::try_connect(address).is_some());
        Bystander::new(address).assert_works();
    }

    // What was held meanwhile was not lost.
    let word = r#"42["echo","still held"]"#;
    assert_eq!(support::client::post(address, &sid, word).text(), "ok");
    assert_eq!(held.answer().text(), word);
}
