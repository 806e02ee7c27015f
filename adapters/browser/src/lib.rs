//! The Socket.IO client for browsers, embedded: for servers to hand out beside their endpoint.
//!
//! ```
//! let file = sockeye_browser::file("socket.io.js").expect("it is one of the files");
//! assert_eq!(file.content_type, "application/javascript; charset=utf-8");
//! ```
#![forbid(unsafe_code)]

/// A file of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientFile {
    /// The last segment of its path, like `socket.io.min.js`.
    pub name: &'static str,
    /// The value of its `content-type` header.
    pub content_type: &'static str,
    /// The value of its `etag` header, with the quotes; another one whenever the content changes.
    pub etag: &'static str,
    /// What is in it.
    pub body: &'static [u8],
}

macro_rules! client_file {
    ($name:literal, $content_type:literal) => {{
        const BODY: &[u8] = include_bytes!(concat!("../dist/", $name));
        const ETAG: &[u8] = &etag(BODY);
        ClientFile {
            name: $name,
            content_type: $content_type,
            etag: match std::str::from_utf8(ETAG) {
                Ok(etag) => etag,
                Err(_) => unreachable!(),
            },
            body: BODY,
        }
    }};
}

macro_rules! script {
    ($name:literal) => {
        client_file!($name, "application/javascript; charset=utf-8")
    };
}

macro_rules! map {
    ($name:literal) => {
        client_file!($name, "application/json")
    };
}

/// All files: the client as it is written, minified, minified as a module, and their source maps.
pub const FILES: &[ClientFile] = &[
    script!("socket.io.js"),
    script!("socket.io.min.js"),
    script!("socket.io.esm.min.js"),
    map!("socket.io.js.map"),
    map!("socket.io.min.js.map"),
    map!("socket.io.esm.min.js.map"),
];

/// The file with this name, if there is one.
#[must_use]
pub fn file(name: &str) -> Option<&'static ClientFile> {
    FILES.iter().find(|file| file.name == name)
}

/// The content's 64-bit FNV-1a hash in quotes.
const fn etag(body: &[u8]) -> [u8; 18] {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < body.len() {
        hash = (hash ^ body[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    let mut etag = [b'"'; 18];
    let mut digit = 0;
    while digit < 16 {
        etag[digit + 1] = b"0123456789abcdef"[(hash >> (60 - 4 * digit) & 15) as usize];
        digit += 1;
    }
    etag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_by_its_name_and_nothing_else_is() {
        for known in FILES {
            assert_eq!(file(known.name), Some(known));
            assert!(!known.body.is_empty());
        }
        for name in
            ["", "socket.io", "constructor", "../Cargo.toml", "socket.io.js/", "SOCKET.IO.JS"]
        {
            assert_eq!(file(name), None, "{name}");
        }
    }

    #[test]
    fn etags_are_quoted_hashes_that_tell_contents_apart() {
        assert_eq!(&etag(b""), b"\"cbf29ce484222325\"");
        assert_eq!(&etag(b"a"), b"\"af63dc4c8601ec8c\"");
        for known in FILES {
            let twins = FILES.iter().filter(|other| other.etag == known.etag);
            assert_eq!(twins.count(), 1, "{}", known.name);
        }
    }
}
