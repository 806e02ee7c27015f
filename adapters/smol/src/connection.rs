//! One connection from its first byte to its last.

use std::rc::Rc;

use crate::conversation;
use crate::hub::Hub;
use crate::link::Link;
use crate::peer::Peer;
use crate::seats::Seat;
use crate::stream::Stream;
use crate::websocket::{self, Socket};

/// Serves a stream; ends it at once if there are too many.
///
/// Each phase has a box of its own: most connections become WebSockets and live long, and they
/// need not keep room for HTTP.
pub(crate) async fn serve<S>(hub: Rc<Hub>, stream: S, peer: Peer)
where
    S: Stream + 'static,
{
    let Some(seat) = Seat::take(&hub) else { return };
    let link = Link::new(stream, Rc::clone(&hub));
    let handover = seat.occupy(Box::pin(conversation::serve(&hub, link, peer))).await;
    let Some(handover) = handover.flatten() else { return };
    seat.occupy(Box::pin(websocket::serve(Socket::open(handover)))).await;
}
