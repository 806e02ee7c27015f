//! The Socket.IO client for browsers, embedded for servers to hand out.
//!
//! A server answers `GET /socket.io/socket.io.js`, and the requests for the other [`FILES`], with
//! what [`file()`] returns:
//!
//! ```
//! let client = sockeye_browser::file("socket.io.min.js").expect("a known name");
//! assert_eq!(client.content_type, "application/javascript; charset=utf-8");
//! assert!(client.etag().starts_with('"'));
//! ```

#![forbid(unsafe_code)]

/// One file of the client, as built by `npm run build`.
#[derive(Clone, Copy, Debug)]
pub struct ClientFile {
    /// The last segment of the URL it is served under, for example `socket.io.js`.
    pub name: &'static str,
    /// The value of the `Content-Type` header.
    pub content_type: &'static str,
    /// The content, UTF-8 and not compressed.
    pub body: &'static [u8],
    etag: [u8; ETAG_LEN],
}

impl ClientFile {
    /// Returns the value of the `ETag` header, quotes included.
    ///
    /// It is a strong validator: a hash of the content, the same in every build of that content.
    pub fn etag(&self) -> &str {
        std::str::from_utf8(&self.etag).expect("hexadecimal digits and quotes are ASCII")
    }
}

/// All files of the client: four bundles, each with its source map. The one with `msgpack` in its
/// name speaks to servers that take packets in MessagePack.
pub static FILES: [ClientFile; 8] = [
    script("socket.io.js", include_bytes!("../dist/socket.io.js")),
    map("socket.io.js.map", include_bytes!("../dist/socket.io.js.map")),
    script("socket.io.min.js", include_bytes!("../dist/socket.io.min.js")),
    map("socket.io.min.js.map", include_bytes!("../dist/socket.io.min.js.map")),
    script("socket.io.esm.min.js", include_bytes!("../dist/socket.io.esm.min.js")),
    map("socket.io.esm.min.js.map", include_bytes!("../dist/socket.io.esm.min.js.map")),
    script("socket.io.msgpack.min.js", include_bytes!("../dist/socket.io.msgpack.min.js")),
    map("socket.io.msgpack.min.js.map", include_bytes!("../dist/socket.io.msgpack.min.js.map")),
];

/// Returns the file of exactly that name, or `None` if the client has no such file.
pub fn file(name: &str) -> Option<&'static ClientFile> {
    FILES.iter().find(|file| file.name == name)
}

const fn script(name: &'static str, body: &'static [u8]) -> ClientFile {
    ClientFile {
        name,
        content_type: "application/javascript; charset=utf-8",
        body,
        etag: etag(body),
    }
}

const fn map(name: &'static str, body: &'static [u8]) -> ClientFile {
    ClientFile { name, content_type: "application/json", body, etag: etag(body) }
}

const ETAG_LEN: usize = 18;

const fn etag(body: &[u8]) -> [u8; ETAG_LEN] {
    let hash = fnv1a(body);
    let mut etag = [b'"'; ETAG_LEN];
    let mut digit = 0;
    while digit < 16 {
        etag[1 + digit] = b"0123456789abcdef"[(hash >> (60 - 4 * digit)) as usize & 15];
        digit += 1;
    }
    etag
}

/// The 64-bit FNV-1a hash.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_has_the_published_values() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn every_file_is_found_by_its_exact_name() {
        for expected in &FILES {
            let found = file(expected.name).expect("listed");
            assert_eq!(found.body, expected.body);
        }
        for name in
            ["", "socket.io", "socket.io.JS", "/socket.io.js", "socket.io.js?x", "package.json"]
        {
            assert!(file(name).is_none(), "{name:?}");
        }
    }

    #[test]
    fn content_types_follow_the_extension() {
        for file in &FILES {
            let expected = if file.name.ends_with(".map") {
                "application/json"
            } else {
                "application/javascript; charset=utf-8"
            };
            assert_eq!(file.content_type, expected, "{}", file.name);
        }
    }

    #[test]
    fn etags_are_quoted_and_differ() {
        for (i, file) in FILES.iter().enumerate() {
            let tag = file.etag();
            assert_eq!((tag.len(), &tag[..1], &tag[17..]), (18, "\"", "\""));
            assert!(tag[1..17].bytes().all(|byte| byte.is_ascii_hexdigit()), "{tag}");
            assert!(FILES[..i].iter().all(|other| other.etag() != tag), "{tag}");
        }
    }

    #[test]
    fn bundles_are_text_that_points_to_its_map() {
        for file in FILES.iter().filter(|file| !file.name.ends_with(".map")) {
            let text = std::str::from_utf8(file.body).expect("UTF-8");
            assert!(text.starts_with("/*! sockeye-client "), "{}", file.name);
            let reference = format!("//# sourceMappingURL={}.map", file.name);
            assert!(text.trim_end().ends_with(&reference), "{}", file.name);
        }
    }
}
