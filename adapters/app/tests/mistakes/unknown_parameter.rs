struct Opaque;

fn main() {
    let _ = sockeye_app::App::new().on("e", |_: Opaque| {});
}
// says: this is no handler for a `EventCall`
// says: its parameters have their types written out
