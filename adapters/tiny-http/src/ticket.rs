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
    pub(crate) body: Arrived,
}

/// What has become of the body of a request. The machine is told of requests whose body has not
/// come, too; then there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    Whole,
    TooLarge,
    /// It was cut short, or took too long.
    Broken,
}

const MARKS: [(Arrived, &str); 3] =
    [(Arrived::Whole, "whole"), (Arrived::TooLarge, "large"), (Arrived::Broken, "broken")];

impl Ticket {
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let header = request.headers().iter().find(|header| header.field.equiv(TICKET))?;
        Self::parse(header.value.as_str())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (id, peer, mark) = (parts.next()?, parts.next()?, parts.next()?);
        let body = MARKS.iter().find(|(_, name)| *name == mark)?.0;
        Some(Self { id: id.parse().ok()?, peer: peer.parse().ok()?, body })
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = MARKS.iter().find(|(body, _)| *body == self.body).map_or("", |(_, name)| name);
        write!(f, "{} {} {mark}", self.id, self.peer)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrived, Ticket};

    #[test]
    fn a_ticket_is_read_as_it_was_written() {
        for (peer, body) in [
            ("192.0.2.7:1234", Arrived::Whole),
            ("[2001:db8::1]:80", Arrived::TooLarge),
            ("[::]:0", Arrived::Broken),
        ] {
            let ticket = Ticket { id: 7, peer: peer.parse().expect("an address"), body };
            assert_eq!(Ticket::parse(&ticket.to_string()), Some(ticket));
        }
        assert_eq!(Ticket::parse("7 192.0.2.7:1234"), None);
    }
}
