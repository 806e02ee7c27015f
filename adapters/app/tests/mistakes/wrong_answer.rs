use sockeye_app::{App, Socket, events};

events! {
    pub struct Add = "add" { a: i64, b: i64 } -> i64;
}

fn main() {
    let _ = App::new().on_event(|_: Socket, Add { a, b }: Add| format!("{a} and {b}"));
}
// says: `String` does not answer this event
// says: the handler returns `i64`, a `Result` of it, or a future of either
