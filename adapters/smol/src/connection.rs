//! One connection from its first byte to its last.

use std::rc::Rc;

use smol::io::{AsyncRead, AsyncWrite};

use crate::conversation;
use crate::hub::Hub;
use crate::link::Link;
use crate::peer::Peer;
use crate::seats::Seat;
use crate::websocket;

/// Serves a stream; ends it at once if there are too many.
pub(crate) async fn serve<S>(hub: Rc<Hub>, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(seat) = Seat::take(&hub) {
        seat.occupy(speak(hub, stream, peer)).await;
    }
}

async fn speak<S>(hub: Rc<Hub>, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let link = Link::new(stream, hub.limits.get().write_timeout);
    // Most connections become WebSockets and live long: they need not keep room for HTTP.
    let handover = Box::pin(conversation::serve(&hub, link, peer)).await;
    if let Some(handover) = handover {
        websocket::serve(handover).await;
    }
}
