//! The limits that hold for one packet.

/// The limits of one packet that is accepted or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum number of binary values in one packet, by default 10.
    pub attachments: usize,
    /// The maximum size in bytes of a packet with its binary values, by default 10,000,000. It holds
    /// for packets that are received.
    pub bytes: usize,
    /// The maximum number of arrays and objects within each other, by default 128; larger
    /// values have the effect of 128. The array of an event or of an acknowledgement is the first one;
    /// a placeholder counts as an object.
    pub depth: usize,
}

impl Limits {
    /// The maximum depth of data that a server sends and a client accepts: 128.
    ///
    /// serde_json does not read deeper data.
    pub const DEPTH_TO_CLIENT: usize = 128;

    /// The maximum depth of data that a client sends and a server accepts: 120.
    ///
    /// So a server can forward data within up to eight more arrays or objects.
    pub const DEPTH_TO_SERVER: usize = 120;

    /// Returns `depth` as the JSON scanner takes it.
    pub(super) fn levels(self) -> u32 {
        u32::try_from(self.depth).unwrap_or(u32::MAX)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { attachments: 10, bytes: 10_000_000, depth: Self::DEPTH_TO_CLIENT }
    }
}
