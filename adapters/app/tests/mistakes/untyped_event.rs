use sockeye_app::{App, Socket};

fn main() {
    let _ = App::new().on_event(|_: Socket, text: String| drop(text));
}
// says: `String` is not a typed event
// says: typed events are defined with `events!`, or by implementing `TypedEvent`
