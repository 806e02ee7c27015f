//! Bytes that wait to be written.

use std::io::{self, ErrorKind, Write};

/// What is left over of more than this is given back to the system.
const KEPT: usize = 4 * 1024;

/// Bytes that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
}

impl Outgoing {
    pub(crate) const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, written: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// How many bytes are kept, written or not.
    pub(crate) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Where more is to be put.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        // What was written long ago need not be kept.
        if self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        &mut self.bytes
    }

    /// Has everything written once more, and gives it back.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes as much as it can; says how much that was.
    pub(crate) fn write(&mut self, mut stream: impl Write) -> io::Result<usize> {
        let before = self.written;
        while !self.is_empty() {
            match stream.write(&self.bytes[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.written - before)
    }

    /// Forgets what was written, and where it was.
    pub(crate) fn tidy(&mut self) {
        if self.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
            self.written = 0;
        }
    }
}
