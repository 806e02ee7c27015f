//! The client script that the server hands out.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::http::StaticFile;

/// Which files are handed out beside the endpoint, at `/socket.io/socket.io.js` and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientFiles {
    /// Sockeye's own client, which is a part of the program.
    #[default]
    Embedded,
    /// The files of a directory, such as `node_modules/socket.io/client-dist` with the official
    /// client. They are read once, when the app is served; those of other names than
    /// `socket.io.js`, `socket.io.min.js`, `socket.io.esm.min.js`, `socket.io.msgpack.min.js` and
    /// their maps are left alone.
    Directory(PathBuf),
    /// None.
    Off,
}

const NAMES: [&str; 8] = [
    "socket.io.js",
    "socket.io.min.js",
    "socket.io.esm.min.js",
    "socket.io.msgpack.min.js",
    "socket.io.js.map",
    "socket.io.min.js.map",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js.map",
];

impl ClientFiles {
    pub(crate) fn load(&self) -> io::Result<Arc<[StaticFile]>> {
        match self {
            Self::Off => Ok(Arc::default()),
            Self::Embedded => Ok(sockeye_browser::FILES.iter().map(embedded).collect()),
            Self::Directory(directory) => {
                let files = NAMES.iter().map(|name| read(directory, name));
                let files: Vec<_> = files.collect::<io::Result<_>>()?;
                let files: Arc<[_]> = files.into_iter().flatten().collect();
                if files.is_empty() {
                    return Err(io::Error::new(io::ErrorKind::NotFound, "no client files"));
                }
                Ok(files)
            }
        }
    }
}

fn embedded(file: &'static sockeye_browser::ClientFile) -> StaticFile {
    StaticFile {
        name: file.name.into(),
        content_type: file.content_type.into(),
        etag: file.etag().into(),
        body: file.body.into(),
    }
}

/// Reads one file; `None` if there is none of this name.
fn read(directory: &Path, name: &'static str) -> io::Result<Option<StaticFile>> {
    let body = match std::fs::read(directory.join(name)) {
        Ok(body) => body,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let map = Path::new(name).extension().is_some_and(|extension| extension == "map");
    let kind = if map { "application/json" } else { "application/javascript; charset=utf-8" };
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let etag = format!("\"{:016x}\"", hasher.finish());
    let (content_type, etag) = (kind.into(), etag.into());
    Ok(Some(StaticFile { name: name.into(), content_type, etag, body: body.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_gives_the_files_of_known_names_alone() {
        let directory = std::env::temp_dir().join(format!("sockeye-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a place for the test");
        let files = ClientFiles::Directory(directory.clone());
        assert!(files.load().is_err(), "there is nothing in it");
        for name in ["socket.io.min.js", "socket.io.min.js.map", "secret.txt"] {
            std::fs::write(directory.join(name), name).expect("a place for the test");
        }
        let loaded = files.load().expect("two files are there");
        std::fs::remove_dir_all(&directory).expect("it was made for the test");
        let names: Vec<_> = loaded.iter().map(|file| (&*file.name, &*file.content_type)).collect();
        let script = "application/javascript; charset=utf-8";
        let expected = [("socket.io.min.js", script), ("socket.io.min.js.map", "application/json")];
        assert_eq!(names, expected);
        assert!(loaded[0].etag.starts_with('"') && loaded[0].etag != loaded[1].etag);
    }

    #[test]
    fn the_embedded_client_is_handed_out_by_default_and_can_be_left_out() {
        assert_eq!(ClientFiles::default().load().expect("embedded").len(), 8);
        assert_eq!(ClientFiles::Off.load().expect("nothing").len(), 0);
    }
}
