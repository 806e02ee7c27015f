use sockeye_app::{AckSender, App, Socket};

fn main() {
    let _ = App::new().on_connect(|_: Socket, _: AckSender| {});
}
// says: this is no handler for a `ConnectCall`
