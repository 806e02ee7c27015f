//! WebSocket frames as bytes.

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl Opcode {
    pub const CONTINUATION: Self = Self(0);
    pub const TEXT: Self = Self(1);
    pub const BINARY: Self = Self(2);
    pub const CLOSE: Self = Self(8);
    pub const PING: Self = Self(9);
    pub const PONG: Self = Self(10);
}

/// A frame, sound unless told otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: Opcode,
    pub payload: Vec<u8>,
    pub last: bool,
    pub masked: bool,
    /// The three reserved bits.
    pub reserved: u8,
    /// The length that the header announces, if it is not that of the payload.
    pub announced: Option<u64>,
}

impl Frame {
    pub fn new(opcode: Opcode, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref().to_vec();
        Self { opcode, payload, last: true, masked: true, reserved: 0, announced: None }
    }

    pub fn text(payload: impl AsRef<[u8]>) -> Self {
        Self::new(Opcode::TEXT, payload)
    }

    /// A part of a message that is not the last.
    pub fn part(self) -> Self {
        Self { last: false, ..self }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let first = u8::from(self.last) << 7 | self.reserved << 4 | self.opcode.0;
        let mut bytes = vec![first];
        let length = self.announced.unwrap_or(self.payload.len() as u64);
        let mask_bit = u8::from(self.masked) << 7;
        match length {
            0..126 => bytes.push(mask_bit | u8::try_from(length).expect("below 126")),
            126..=0xffff => {
                bytes.push(mask_bit | 126);
                bytes.extend(u16::try_from(length).expect("two bytes").to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 127);
                bytes.extend(length.to_be_bytes());
            }
        }
        if self.masked {
            let mask = [0x12, 0x34, 0x56, 0x78];
            bytes.extend(mask);
            bytes
                .extend(self.payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}
