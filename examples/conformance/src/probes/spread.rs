//! A list whose elements are the arguments of an event.

use serde::ser::{Serialize, SerializeTuple, Serializer};
use sockeye_smol::core::Value;

pub(crate) struct Spread(pub(crate) Vec<Value>);

impl Serialize for Spread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for value in &self.0 {
            tuple.serialize_element(value)?;
        }
        tuple.end()
    }
}
