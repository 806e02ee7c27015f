//! The end of a connection whose peer may still be sending.

use std::pin::pin;
use std::time::Duration;

use smol::Timer;
use smol::future;
use smol::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How much is thrown away before the peer is left to its own devices.
const AT_MOST: usize = 4 << 20;

/// Says goodbye and throws away what the peer still sends, for a while.
///
/// A connection dropped with bytes unread is reset, and a reset destroys what was written last
/// before the peer has read it: the very words that say what was wrong.
pub(crate) async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin, patience: Duration) {
    let until_ended = async {
        if stream.close().await.is_err() {
            return;
        }
        let mut scratch = [0; 2048];
        let mut thrown_away = 0;
        while thrown_away < AT_MOST {
            match stream.read(&mut scratch).await {
                Ok(0) | Err(_) => return,
                Ok(read) => thrown_away += read,
            }
            future::yield_now().await;
        }
    };
    future::or(pin!(until_ended), late(patience)).await;
}

/// Waits for as long as that.
pub(crate) async fn late(patience: Duration) {
    Timer::after(patience).await;
}
