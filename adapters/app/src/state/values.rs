//! Values of the application whose types are not known here.

use std::any::{Any, TypeId};
use std::sync::Arc;

/// A value of the application's whose type is not known here.
pub(crate) type AnyValue = Arc<dyn Any + Send + Sync>;

/// The values that handlers get as `State`, one of each type.
#[derive(Default)]
pub(crate) struct States(Vec<AnyValue>);

impl States {
    /// Adds a value, in place of the last one of its type.
    pub(crate) fn set<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0.retain(|other| !other.is::<T>());
        self.0.push(Arc::new(value));
    }

    pub(crate) fn get(&self, id: TypeId) -> Option<&AnyValue> {
        self.0.iter().find(|value| (***value).type_id() == id)
    }
}
