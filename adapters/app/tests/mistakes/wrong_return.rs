fn main() {
    let _ = sockeye_app::App::new().on("add", |a: i64, b: i64| a + b);
}
// says: this is no handler for a `EventCall`
// says: it returns `()`, `Ack(value)`, a `Result` of one of them, or a future of these
