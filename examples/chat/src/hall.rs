//! Who is where, and what was said last in each room.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::SystemTime;

use serde::Serialize;
use sockeye_smol::{Bytes, Socket};

/// Rooms that are there from the beginning, and stay when the last one leaves.
const ROOMS: [&str; 3] = ["Lobby", "Music", "Rust"];
const MAX_ROOMS: usize = 100;
const MAX_NAME: usize = 24;
const MAX_ROOM_NAME: usize = 32;
const MAX_TEXT: usize = 2_000;
const MAX_PICTURE: usize = 700_000;
/// How much of a room is kept for those who enter. An answer holds at most ten binary values.
const KEPT_ENTRIES: usize = 50;
const KEPT_PICTURES: usize = 5;

/// The people and the rooms.
pub(crate) struct Hall {
    people: HashMap<String, Person>,
    rooms: BTreeMap<String, VecDeque<Entry>>,
    entries: u64,
}

struct Person {
    name: String,
    room: Option<String>,
}

/// An answer to the page: what it asked for, or why not.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Answer<T> {
    Done(T),
    Refused { error: String },
}

#[derive(Serialize)]
pub(crate) struct Arrival {
    name: String,
    rooms: Vec<RoomInfo>,
}

#[derive(Serialize)]
pub(crate) struct RoomInfo {
    name: String,
    people: usize,
}

#[derive(Serialize)]
pub(crate) struct Room {
    pub(crate) room: String,
    pub(crate) people: Vec<String>,
    history: Vec<Entry>,
}

/// Somebody left a room.
#[derive(Serialize)]
pub(crate) struct Left {
    name: String,
    people: Vec<String>,
    #[serde(skip)]
    pub(crate) room: String,
}

/// When something was said, and its number among all that was.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Stamp {
    id: u64,
    /// Milliseconds since 1970.
    at: u64,
}

/// What was said in a room. Cloning one copies no picture.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Entry {
    Message {
        #[serde(flatten)]
        stamp: Stamp,
        from: String,
        text: String,
    },
    Picture {
        #[serde(flatten)]
        stamp: Stamp,
        from: String,
        name: String,
        #[serde(rename = "type")]
        kind: String,
        data: Bytes,
    },
}

/// Something new in a room.
pub(crate) struct Post {
    pub(crate) room: String,
    pub(crate) entry: Entry,
}

#[derive(Serialize)]
pub(crate) struct Whisper {
    #[serde(flatten)]
    pub(crate) stamp: Stamp,
    from: String,
    to: String,
    text: String,
}

impl Default for Hall {
    fn default() -> Self {
        let rooms = ROOMS.iter().map(|room| ((*room).to_owned(), VecDeque::new())).collect();
        Self { people: HashMap::new(), rooms, entries: 0 }
    }
}

impl Hall {
    pub(crate) fn sign_in(&mut self, socket: &Socket, name: &str) -> Result<Arrival, String> {
        check(name, MAX_NAME, "A name")?;
        let others = self.people.iter().filter(|(id, _)| *id != socket.id());
        if others.into_iter().any(|(_, person)| person.name.to_lowercase() == name.to_lowercase()) {
            return Err(format!("Somebody here is called {name} already."));
        }
        let person = Person { name: name.to_owned(), room: None };
        self.people.entry(socket.id().to_owned()).or_insert(person).name = name.to_owned();
        Ok(Arrival { name: name.to_owned(), rooms: self.rooms() })
    }

    /// Returns whom the socket has left, if it was in a room, and what it finds in the new one.
    pub(crate) fn enter(
        &mut self,
        socket: &Socket,
        room: &str,
    ) -> Result<(Option<Left>, Room), String> {
        check(room, MAX_ROOM_NAME, "The name of a room")?;
        if !self.people.contains_key(socket.id()) {
            return Err("Sign in first.".to_owned());
        }
        if !self.rooms.contains_key(room) && self.rooms.len() >= MAX_ROOMS {
            return Err("There are too many rooms.".to_owned());
        }
        let left = self.step_out(socket);
        let history = self.rooms.entry(room.to_owned()).or_default().iter().cloned().collect();
        if let Some(person) = self.people.get_mut(socket.id()) {
            person.room = Some(room.to_owned());
        }
        let people = self.people_in(room);
        Ok((left, Room { room: room.to_owned(), people, history }))
    }

    pub(crate) fn leave(&mut self, socket: &Socket) -> Option<Left> {
        let left = self.step_out(socket);
        self.people.remove(socket.id());
        left
    }

    /// Adds what the socket says to the room it is in.
    pub(crate) fn post(
        &mut self,
        socket: &Socket,
        entry: impl FnOnce(Stamp, String) -> Result<Entry, String>,
    ) -> Result<Post, String> {
        let (from, room) = self.place(socket).ok_or("Enter a room first.")?;
        let entry = entry(self.stamp(), from)?;
        let kept = self.rooms.entry(room.clone()).or_default();
        kept.push_back(entry.clone());
        if kept.len() > KEPT_ENTRIES {
            kept.pop_front();
        }
        if kept.iter().filter(|entry| entry.is_picture()).count() > KEPT_PICTURES {
            let oldest = kept.iter().position(Entry::is_picture);
            oldest.and_then(|index| kept.remove(index));
        }
        Ok(Post { room, entry })
    }

    /// Returns the id of the addressee's socket with what it is to get.
    pub(crate) fn whisper(
        &mut self,
        socket: &Socket,
        to: &str,
        text: &str,
    ) -> Result<(String, Whisper), String> {
        let from = self.people.get(socket.id()).ok_or("Sign in first.")?.name.clone();
        let text = checked_text(text)?;
        let addressee = self.people.iter().find(|(_, person)| person.name == to);
        let (id, _) = addressee.ok_or_else(|| format!("{to} is not here any more."))?;
        let id = id.clone();
        Ok((id, Whisper { stamp: self.stamp(), from, to: to.to_owned(), text }))
    }

    pub(crate) fn rooms(&self) -> Vec<RoomInfo> {
        let info =
            |name: &String| RoomInfo { name: name.clone(), people: self.people_in(name).len() };
        self.rooms.keys().map(info).collect()
    }

    pub(crate) fn name(&self, socket: &Socket) -> String {
        self.people.get(socket.id()).map(|person| person.name.clone()).unwrap_or_default()
    }

    /// The name and the room of the socket, once it has both.
    pub(crate) fn place(&self, socket: &Socket) -> Option<(String, String)> {
        let person = self.people.get(socket.id())?;
        Some((person.name.clone(), person.room.clone()?))
    }

    fn step_out(&mut self, socket: &Socket) -> Option<Left> {
        let person = self.people.get_mut(socket.id())?;
        let (name, room) = (person.name.clone(), person.room.take()?);
        let people = self.people_in(&room);
        if people.is_empty() && !ROOMS.contains(&room.as_str()) {
            self.rooms.remove(&room);
        }
        Some(Left { name, people, room })
    }

    fn people_in(&self, room: &str) -> Vec<String> {
        let here = self.people.values().filter(|person| person.room.as_deref() == Some(room));
        let mut names: Vec<_> = here.map(|person| person.name.clone()).collect();
        names.sort_by_key(|name| name.to_lowercase());
        names
    }

    fn stamp(&mut self) -> Stamp {
        self.entries += 1;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Stamp { id: self.entries, at: u64::try_from(since.as_millis()).unwrap_or(u64::MAX) }
    }
}

impl Entry {
    pub(crate) fn text(stamp: Stamp, from: String, text: &str) -> Result<Self, String> {
        Ok(Self::Message { stamp, from, text: checked_text(text)? })
    }

    pub(crate) fn picture(
        stamp: Stamp,
        from: String,
        name: String,
        kind: String,
        data: Bytes,
    ) -> Result<Self, String> {
        if !["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&kind.as_str()) {
            return Err("This is no picture.".to_owned());
        }
        if data.is_empty() || data.len() > MAX_PICTURE {
            return Err("This picture is too large.".to_owned());
        }
        let name = name.chars().take(100).collect();
        Ok(Self::Picture { stamp, from, name, kind, data })
    }

    pub(crate) const fn stamp(&self) -> Stamp {
        match self {
            Self::Message { stamp, .. } | Self::Picture { stamp, .. } => *stamp,
        }
    }

    const fn is_picture(&self) -> bool {
        matches!(self, Self::Picture { .. })
    }
}

fn checked_text(text: &str) -> Result<String, String> {
    check(text, MAX_TEXT, "A message").map(|()| text.to_owned())
}

fn check(text: &str, limit: usize, what: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("{what} must not be empty."));
    }
    if text.chars().count() > limit {
        return Err(format!("{what} has at most {limit} characters."));
    }
    Ok(())
}
