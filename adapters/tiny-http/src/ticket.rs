//! How the front tells the driver about a request, in a header that no client can send.

use std::fmt;
use std::net::SocketAddr;

use tiny_http::Request;

/// The name of the header.
pub(crate) const TICKET: &str = "X-Sockeye-Ticket";

/// Which request this is, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) id: u64,
    pub(crate) peer: SocketAddr,
}

impl Ticket {
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let header = request.headers().iter().find(|header| header.field.equiv(TICKET))?;
        Self::parse(header.value.as_str())
    }

    fn parse(text: &str) -> Option<Self> {
        let (id, peer) = text.split_once(' ')?;
        Some(Self { id: id.parse().ok()?, peer: peer.parse().ok()? })
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.peer)
    }
}

#[cfg(test)]
mod tests {
    use super::Ticket;

    #[test]
    fn a_ticket_is_read_as_it_was_written() {
        for peer in ["192.0.2.7:1234", "[2001:db8::1]:80", "[::]:0"] {
            let ticket = Ticket { id: 7, peer: peer.parse().expect("an address") };
            assert_eq!(Ticket::parse(&ticket.to_string()), Some(ticket));
        }
        for unsound in ["7", "7 192.0.2.7", "x 192.0.2.7:1", ""] {
            assert_eq!(Ticket::parse(unsound), None, "{unsound:?}");
        }
    }
}
