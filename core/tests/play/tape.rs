//! Bytes as decisions, one after the other; when there are none left, they are all zero.

/// What is left of the bytes.
pub(super) struct Tape<'a>(&'a [u8]);

impl<'a> Tape<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(super) const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below this one.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    pub(super) fn flip(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// One of these.
    pub(super) fn pick<'b, T: ?Sized>(&mut self, choices: &[&'b T]) -> &'b T {
        choices[self.below(choices.len())]
    }

    /// A few bytes as they are, with their number in front.
    pub(super) fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }
}

/// Pieces of packets, from which nearly valid ones are made.
pub(super) const PIECES: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "2probe",
    "40",
    "41",
    "42",
    "43",
    "44",
    "45",
    "46",
    "1-",
    "2-",
    "/admin,",
    "/secret,",
    "/,",
    "7",
    "[\"e\"]",
    "[\"e\",1]",
    "[]",
    "{}",
    "\"x\"",
    "é",
    " ",
    "[\"e\",{\"_placeholder\":true,\"num\":0}]",
    "{\"sid\":\"s\"}",
    "{\"token\":1}",
    "\x1e",
    "bAAAA",
    "{\"sid\":\"s\",\"pid\":\"p\"}",
    "{\"message\":\"m\",\"data\":1}",
    "[\"e\",\"Q7xMeEQ\"]",
];

/// A packet, often a valid one.
pub(super) fn packet(tape: &mut Tape<'_>) -> String {
    match tape.byte() {
        0..=63 => "42[\"e\",1]".to_owned(),
        64..=95 => "40".to_owned(),
        96..=111 => format!("42{}[\"e\",{{\"a\":[true]}}]", tape.below(9)),
        112..=127 => format!("43{}[\"answer\"]", tape.below(9)),
        128..=143 => "451-[\"e\",{\"_placeholder\":true,\"num\":0}]".to_owned(),
        144..=159 => "3".to_owned(),
        _ => {
            let count = tape.below(5);
            (0..count).map(|_| tape.pick(PIECES)).collect()
        }
    }
}
