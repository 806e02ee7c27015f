//! The app that the tests talk to.

use sockeye_smol::App;

/// Events that do what they are called.
pub fn app() -> App {
    App::new()
}

/// The same, but it wants an answer to its pings almost at once.
pub fn impatient_app() -> App {
    let mut app = App::new();
    app.config.engine.ping_interval = std::time::Duration::from_millis(50);
    app.config.engine.ping_timeout = std::time::Duration::from_millis(200);
    app
}
