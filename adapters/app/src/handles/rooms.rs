//! One room or several.

use sockeye_core::Room;

/// What names rooms: a `&str`, `String` or [`Room`], or an array, slice or `Vec` of them. What an
/// iterator yields is to be collected into a `Vec` first.
///
/// The names are read before anything of the server is locked, so a conversion of the
/// application's may ask the server.
///
/// ```
/// # fn example(io: sockeye_app::Io, socket: sockeye_app::Socket) {
/// let room = format!("game-{}", 7);
/// socket.join(&room);
/// io.to(&room).emit("joined", socket.id());
/// io.to(["red", "blue"]).except(socket.rooms()).emit("news", 1);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no rooms",
    note = "rooms are named by a `&str` or `String`, or by an array, slice or `Vec` of them"
)]
pub trait IntoRooms {
    /// Hands each name over.
    #[doc(hidden)]
    fn for_each(self, act: &mut dyn FnMut(Room));
}

/// The names, so that a conversion of the application's does not run under a lock.
pub(crate) fn names(rooms: impl IntoRooms) -> Vec<Room> {
    let mut names = Vec::new();
    rooms.for_each(&mut |room| names.push(room));
    names
}

macro_rules! one {
    ($($type:ty: $room:ident => $name:expr),* $(,)?) => {
        $(impl IntoRooms for $type {
            fn for_each(self, act: &mut dyn FnMut(Room)) {
                let $room = self;
                act($name);
            }
        })*
    };
}

one! {
    &str: room => Room::from(room),
    &&str: room => Room::from(*room),
    String: room => Room::from(room),
    &String: room => Room::from(room.as_str()),
    Room: room => room,
    &Room: room => Room::clone(room),
}

macro_rules! several {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {
        $(impl<T: AsRef<str>, $($generics)*> IntoRooms for $type {
            fn for_each(self, act: &mut dyn FnMut(Room)) {
                self.iter().for_each(|room| act(Room::from(room.as_ref())));
            }
        })*
    };
}

several! {
    [] &[T],
    [const N: usize] [T; N],
    [const N: usize] &[T; N],
    [] Vec<T>,
    [] &Vec<T>,
}
