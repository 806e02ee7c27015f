//! What can be asked of the session itself: how things are, and what can be done.

use std::fmt::Write as _;

use sockeye_smol::client::Socket;

use crate::command::COMMANDS;
use crate::report::Report;
use crate::session::{Place, Session};

impl Session {
    pub(crate) fn tell_status(&mut self) {
        for (namespace, place) in &self.places {
            let socket = self.root.of(namespace);
            let mut state = match place {
                Place::Joining => match &self.fault {
                    Some(fault) => format!("connecting, so far in vain: {fault}"),
                    None => "connecting".to_owned(),
                },
                Place::Joined => {
                    let socket = socket.as_ref();
                    let id = socket.and_then(Socket::id).unwrap_or_default();
                    let transport = socket.and_then(Socket::transport).unwrap_or("nothing");
                    format!("connected by {transport}, id {id}")
                }
                Place::Refused(message) => format!("refused: {message}"),
                Place::Left { reason, .. } => format!("disconnected: {reason}"),
            };
            let buffered = socket.map_or(0, |socket| socket.buffered());
            if buffered > 0 {
                let _ = write!(state, ", {buffered} events wait to be sent");
            }
            let (namespace, current) = (namespace.clone(), *namespace == self.current);
            self.screen.tell(&Report::Status { namespace, state, current });
        }
        for (number, (namespace, _)) in &self.open {
            let text = format!("  an event in {namespace} wants an answer: answer {number} ...");
            self.screen.tell(&Report::Note(text));
        }
    }

    pub(crate) fn help(&mut self, name: Option<&str>) -> Result<(), String> {
        let mut shown =
            COMMANDS.iter().filter(|entry| name.is_none_or(|it| it == entry.name)).peekable();
        if shown.peek().is_none() {
            return Err(format!("there is no command {}", name.unwrap_or_default()));
        }
        for entry in shown {
            let usage = format!("{} {}", entry.name, entry.takes);
            self.screen.tell(&Report::Note(format!("  {usage:<30} {}", entry.does)));
        }
        if name.is_none() {
            self.screen.tell(&Report::Note(HINTS.to_owned()));
        }
        Ok(())
    }
}

const HINTS: &str = "
  ARG is JSON, a word, or @FILE for the content of a file as binary, also within JSON:
      emit \"chat message\" hello 42 {\"a\": [true, @picture.png]} @\"my file\"
  /NAMESPACE in front of a command has it done there; alone, it makes it the current one.";
