//! A directory of our own, for a socket that nobody else can reach.

use std::fs::{DirBuilder, read_dir, remove_dir_all};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// How often another name is tried when somebody has taken one.
const ATTEMPTS: u32 = 8;
/// What the names of all such directories begin with.
const PREFIX: &str = "sockeye-tiny-http-";
/// The name of the socket.
const SOCKET: &str = "http";

/// A directory that only this user can enter; it is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn new() -> io::Result<Self> {
        let place = std::env::temp_dir();
        sweep(&place);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let number = RandomState::new().hash_one(std::process::id());
            let path = place.join(format!("{PREFIX}{number:016x}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && attempts < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where the socket is to be.
    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join(SOCKET)
    }
}

/// Removes what servers that were killed have left.
fn sweep(place: &Path) {
    let Ok(entries) = read_dir(place) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let left = UnixStream::connect(entry.path().join(SOCKET));
        // Those of other users cannot even be looked at. Should a socket be so new that nobody
        // listens yet, its server notices and makes another one.
        if left.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            let _ = remove_dir_all(entry.path());
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::Home;

    #[test]
    fn nobody_else_can_enter_and_nothing_is_left() {
        let home = Home::new().expect("there is a place for temporary files");
        let mode = home.0.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let path = home.0.clone();
        drop(home);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_server_left_is_removed_and_what_is_in_use_is_not() {
        let new = || Home::new().expect("there is a place for temporary files");
        let (used, left) = (new(), new());
        let _listener = UnixListener::bind(used.socket()).expect("a new socket");
        drop(UnixListener::bind(left.socket()).expect("a new socket"));
        let other = new();
        assert!(used.socket().exists() && other.0.exists());
        assert!(!left.0.exists());
    }
}
