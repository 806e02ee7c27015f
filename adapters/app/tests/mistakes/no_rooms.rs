fn join(socket: &sockeye_app::Socket) {
    socket.join(7);
}

fn main() {
    let _ = join;
}
// says: `{integer}` names no rooms
// says: rooms are named by a `&str` or `String`, or by an array, slice or `Vec` of them
