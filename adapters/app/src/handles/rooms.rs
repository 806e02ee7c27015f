//! One room or several.

use sockeye_core::Room;

/// What names rooms: a `&str` or `String`, or a list of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no rooms",
    note = "rooms are named by a `&str` or `String`, or by an array, slice or `Vec` of them"
)]
pub trait IntoRooms {
    /// Hands each name over.
    #[doc(hidden)]
    fn for_each(&self, act: &mut dyn FnMut(&str));
}

/// The names, so that a conversion of the application's does not run under a lock.
pub(crate) fn names(rooms: &impl IntoRooms) -> Vec<Room> {
    let mut names = Vec::new();
    rooms.for_each(&mut |room| names.push(Room::from(room)));
    names
}

macro_rules! one {
    ($($type:ty),*) => {
        $(impl IntoRooms for $type {
            fn for_each(&self, act: &mut dyn FnMut(&str)) {
                act(self);
            }
        })*
    };
}

one!(&str, String, &String, std::sync::Arc<str>, &std::sync::Arc<str>);

impl<T: AsRef<str>> IntoRooms for &[T] {
    fn for_each(&self, act: &mut dyn FnMut(&str)) {
        self.iter().for_each(|room| act(room.as_ref()));
    }
}

impl<T: AsRef<str>, const N: usize> IntoRooms for [T; N] {
    fn for_each(&self, act: &mut dyn FnMut(&str)) {
        self.iter().for_each(|room| act(room.as_ref()));
    }
}

impl<T: AsRef<str>> IntoRooms for Vec<T> {
    fn for_each(&self, act: &mut dyn FnMut(&str)) {
        self.iter().for_each(|room| act(room.as_ref()));
    }
}

impl<T: AsRef<str>> IntoRooms for &Vec<T> {
    fn for_each(&self, act: &mut dyn FnMut(&str)) {
        self.iter().for_each(|room| act(room.as_ref()));
    }
}
