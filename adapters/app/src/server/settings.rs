//! The settings that people look for first.

use std::time::Duration;

use sockeye_core::engineio::Cors;
use sockeye_core::{RateLimit, RecoveryConfig};

use super::app::App;

/// Settings that most servers need, by short names. They count whatever
/// [`config`](App::config) says, before or after them; of two calls of one, the last counts. All are
/// checked when the app is served.
impl App {
    /// Allows pages of other origins to connect, by default none: [`cors`](sockeye_core::engineio::EngineConfig::cors).
    ///
    /// ```
    /// use sockeye_app::App;
    /// use sockeye_app::core::engineio::{Cors, Origins};
    ///
    /// let app = App::new().cors(Cors::new(Origins::List(vec!["https://example.com".into()])));
    /// ```
    #[must_use]
    pub fn cors(self, cors: Cors) -> Self {
        self.set(move |config| config.engine.cors = Some(cors))
    }

    /// Sets the time between two pings, by default 25 seconds, and how long a client may take to
    /// answer one before its connection ends, by default 20 seconds:
    /// [`ping_interval`](sockeye_core::engineio::EngineConfig::ping_interval), [`ping_timeout`](sockeye_core::engineio::EngineConfig::ping_timeout).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use sockeye_app::App;
    ///
    /// let app = App::new().ping(Duration::from_secs(10), Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn ping(self, interval: Duration, timeout: Duration) -> Self {
        self.set(move |config| {
            config.engine.ping_interval = interval;
            config.engine.ping_timeout = timeout;
        })
    }

    /// Sets the path of the endpoint, by default `/socket.io`: [`path`](sockeye_core::engineio::EngineConfig::path).
    #[must_use]
    pub fn path(self, path: impl Into<String>) -> Self {
        let path = path.into();
        self.set(move |config| config.engine.path = path)
    }

    /// Sets how many bytes one message or one body of a client may have: [`max_payload`](sockeye_core::engineio::EngineConfig::max_payload).
    #[must_use]
    pub fn max_payload(self, bytes: usize) -> Self {
        self.set(move |config| config.engine.max_payload = bytes)
    }

    /// Limits how many packets each client may send, by default without a limit:
    /// [`rate`](sockeye_core::ServerConfig::rate).
    #[must_use]
    pub fn rate(self, limit: RateLimit) -> Self {
        self.set(move |config| config.rate = Some(limit))
    }

    /// Keeps the sockets of clients that are away, for a while: [`recovery`](sockeye_core::ServerConfig::recovery).
    #[must_use]
    pub fn recovery(self, recovery: RecoveryConfig) -> Self {
        self.set(move |config| config.recovery = Some(recovery))
    }
}
