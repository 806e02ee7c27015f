//! Where in a stream of frames a peer is.

/// Watches a stream of WebSocket frames go by, from one frame's beginning to another's.
///
/// Between two messages there is nothing to remember, so that who waits for the next one needs no
/// memory for it. Whether frames are valid is for others to say.
#[derive(Debug, Default)]
pub(crate) struct Boundaries {
    head: [u8; 14],
    /// How many bytes of the head have come, until the frame has come whole.
    filled: u8,
    /// How many bytes of the payload are still to come.
    left: u64,
    /// A message has begun that more frames belong to.
    fragmented: bool,
    /// How many bytes have come since it last stood between two messages.
    unfinished: usize,
}

impl Boundaries {
    /// Whether neither a frame nor a message is unfinished.
    pub(crate) const fn is_between_messages(&self) -> bool {
        self.filled == 0 && !self.fragmented
    }

    /// How many bytes have come of what is unfinished, with the control frames amid a message.
    pub(crate) const fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Watches some bytes; says how many messages end in them, control frames included.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) -> usize {
        let mut messages = 0;
        let mut unfinished = self.unfinished.saturating_add(bytes.len());
        while !bytes.is_empty() {
            if self.left == 0 {
                let filled = usize::from(self.filled);
                let missing = length(&self.head[..filled]) - filled;
                let (more, rest) = bytes.split_at(missing.min(bytes.len()));
                self.head[filled..filled + more.len()].copy_from_slice(more);
                self.filled += more.len() as u8;
                bytes = rest;
                let head = &self.head[..usize::from(self.filled)];
                if head.len() < length(head) {
                    continue;
                }
                self.left = payload(head);
            }
            let taken = usize::try_from(self.left).map_or(bytes.len(), |it| it.min(bytes.len()));
            self.left -= taken as u64;
            bytes = &bytes[taken..];
            if self.left == 0 {
                let (is_last, is_control) = (self.head[0] & 0x80 != 0, self.head[0] & 0x08 != 0);
                messages += usize::from(is_last || is_control);
                self.fragmented = if is_control { self.fragmented } else { !is_last };
                self.filled = 0;
                unfinished = if self.fragmented { unfinished } else { bytes.len() };
            }
        }
        self.unfinished = unfinished;
        messages
    }
}

/// The length of a head, as far as its first bytes tell.
const fn length(head: &[u8]) -> usize {
    if head.len() < 2 {
        return 2;
    }
    let extended = match head[1] & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if head[1] & 0x80 == 0 { 0 } else { 4 };
    2 + extended + mask
}

/// The length of the payload behind a head that is complete.
fn payload(head: &[u8]) -> u64 {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    match head[1] & 0x7f {
        126 => number(&head[2..4]),
        127 => number(&head[2..10]),
        short => u64::from(short),
    }
}

#[cfg(test)]
mod tests {
    use super::Boundaries;

    /// The opcode with its flags, the bytes that tell the length, a mask if there is one.
    fn frame(first: u8, second: &[u8], payload: usize) -> Vec<u8> {
        let mut frame = vec![first];
        frame.extend(second);
        frame.resize(frame.len() + payload, 7);
        frame
    }

    fn masked(first: u8, payload: u8) -> Vec<u8> {
        frame(first, &[0x80 | payload, 1, 2, 3, 4], usize::from(payload))
    }

    /// How many bytes from the front end between two messages.
    fn clean_ends(stream: &[u8]) -> Vec<usize> {
        let mut boundaries = Boundaries::default();
        let ends = 1..=stream.len();
        ends.filter(|&end| {
            let ended = boundaries.pass(&stream[end - 1..end]);
            assert!(ended == 1 || !boundaries.is_between_messages());
            boundaries.is_between_messages()
        })
        .collect()
    }

    #[test]
    fn every_kind_of_length_ends_where_its_payload_does() {
        for (frame, len) in [
            (masked(0x81, 0), 6),
            (masked(0x81, 125), 131),
            (frame(0x82, &[126, 0, 200], 200), 204),
            (frame(0x82, &[0x80 | 126, 0x01, 0x00, 1, 2, 3, 4], 256), 264),
            (frame(0x82, &[127, 0, 0, 0, 0, 0, 1, 0, 0], 65_536), 65_546),
        ] {
            assert_eq!(frame.len(), len);
            assert_eq!(clean_ends(&frame), [len]);
        }
    }

    #[test]
    fn a_message_of_several_frames_ends_with_its_last_one() {
        let stream = [masked(0x01, 3), masked(0x00, 2), masked(0x80, 1), masked(0x81, 1)].concat();
        assert_eq!(clean_ends(&stream), [9 + 8 + 7, 9 + 8 + 7 + 7]);
    }

    #[test]
    fn a_ping_amid_a_message_does_not_end_it() {
        let stream = [masked(0x01, 3), masked(0x89, 4), masked(0x80, 1)].concat();
        assert_eq!(clean_ends(&stream), [9 + 10 + 7]);
    }

    #[test]
    fn it_does_not_matter_how_the_stream_is_cut() {
        let stream: Vec<u8> = [masked(0x81, 20), frame(0x82, &[126, 0, 200], 200)].concat();
        for cut in 0..stream.len() {
            let mut boundaries = Boundaries::default();
            let ended = boundaries.pass(&stream[..cut]) + boundaries.pass(&stream[cut..]);
            assert_eq!(ended, 2, "cut at {cut}");
            assert!(boundaries.is_between_messages(), "cut at {cut}");
        }
    }

    #[test]
    fn a_ping_amid_a_message_does_not_hide_how_much_of_it_has_come() {
        let (first, ping, more) = (masked(0x01, 3), masked(0x89, 2), masked(0x00, 1));
        let mut boundaries = Boundaries::default();
        let mut unfinished = |bytes: &[u8]| {
            boundaries.pass(bytes);
            boundaries.unfinished()
        };
        assert_eq!(unfinished(&ping), 0);
        assert_eq!(unfinished(&ping[..5]), 5);
        assert_eq!(unfinished(&ping[5..]), 0);
        assert_eq!(unfinished(&first), 9);
        assert_eq!(unfinished(&ping), 17);
        assert_eq!(unfinished(&[&more[..], &ping].concat()), 32);
        let last = masked(0x80, 1);
        assert_eq!(unfinished(&[&last[..], &ping, &first[..4]].concat()), 4);
    }

    #[test]
    fn a_length_that_nothing_can_have_does_no_harm() {
        let mut boundaries = Boundaries::default();
        boundaries.pass(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]);
        boundaries.pass(&[0; 1000]);
        assert!(!boundaries.is_between_messages());
    }
}
