//! The limits of packets.

/// What may come in at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The greatest number of binary values in one packet, by default 10.
    pub attachments: usize,
    /// The greatest size in bytes of a packet with its binary values, by default 10,000,000.
    pub bytes: usize,
    /// The greatest number of arrays and objects within each other, by default 128, which is also
    /// the most that is possible. The array of an event or of an acknowledgement is the first one;
    /// a placeholder counts as an object.
    pub depth: usize,
}

impl Limits {
    /// How deep data may be that a server sends, and a client takes: 128.
    ///
    /// Those who read it with serde_json get an error for data that is deeper.
    pub const DEPTH_TO_CLIENT: usize = 128;

    /// How deep data may be that a client sends, and a server takes: 120.
    ///
    /// What a server has taken it can send on within eight more arrays or objects.
    pub const DEPTH_TO_SERVER: usize = 120;

    /// What `depth` is to those who read JSON.
    pub(super) fn levels(self) -> u32 {
        u32::try_from(self.depth).unwrap_or(u32::MAX)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { attachments: 10, bytes: 10_000_000, depth: Self::DEPTH_TO_CLIENT }
    }
}
