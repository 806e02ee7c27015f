//! Who is where, and what was said last in each room.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::SystemTime;

use serde::Serialize;
use sockeye_app::Bytes;

use crate::names::Name;

/// Rooms that are there from the beginning, and stay when the last one leaves.
const ROOMS: [&str; 3] = ["Lobby", "Music", "Rust"];
const MAX_ROOMS: usize = 100;
const MAX_NAME: usize = 24;
const MAX_ROOM_NAME: usize = 32;
const MAX_TEXT: usize = 2_000;
const MAX_PICTURE: usize = 700_000;
const MAX_PICTURE_NAME: usize = 100;
/// How much of a room is kept for those who enter. An answer holds at most ten binary values.
const KEPT_ENTRIES: usize = 50;
const KEPT_PICTURES: usize = 2;
/// How many bytes of pictures are kept in all rooms together.
const KEPT_PICTURE_BYTES: usize = 32 << 20;

/// The people and the rooms.
pub(crate) struct Hall {
    /// By the ids of their sockets.
    people: HashMap<String, Person>,
    /// What the names of the people look like, and whose they are.
    looks: HashMap<String, String>,
    rooms: BTreeMap<String, Place>,
    entries: u64,
    picture_bytes: usize,
}

struct Person {
    name: Name,
    room: Option<String>,
}

struct Place {
    name: Name,
    people: BTreeSet<String>,
    said: VecDeque<Entry>,
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

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct RoomInfo {
    name: String,
    /// Nothing if the room is gone.
    people: Option<usize>,
}

#[derive(Serialize)]
pub(crate) struct Room {
    pub(crate) room: String,
    people: BTreeSet<String>,
    /// What was said last; for those who were here already, without pictures.
    history: Vec<Entry>,
}

/// Somebody went from one room to another, from none, or out.
pub(crate) struct Move {
    pub(crate) name: String,
    pub(crate) left: Option<String>,
    /// The rooms in which there are other numbers of people now.
    pub(crate) changed: Vec<RoomInfo>,
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
        let place = |room: &str| {
            let name = Name::new(room, MAX_ROOM_NAME, "The name of a room").ok()?;
            Some((room.to_owned(), Place::new(name)))
        };
        Self {
            people: HashMap::new(),
            looks: HashMap::new(),
            rooms: ROOMS.into_iter().filter_map(place).collect(),
            entries: 0,
            picture_bytes: 0,
        }
    }
}

impl Hall {
    /// Gives a socket a name that does not look like that of anybody else. It may ask again for the
    /// name that it has, in case that it did not get the answer.
    pub(crate) fn sign_in(&mut self, id: &str, name: &str) -> Result<Arrival, String> {
        let name = Name::new(name, MAX_NAME, "A name")?;
        let text = name.as_str().to_owned();
        match self.people.get(id) {
            Some(person) if person.name.as_str() != text => {
                return Err(format!("You are called {} already.", person.name.as_str()));
            }
            Some(_) => {}
            None => {
                if name.looks().iter().any(|look| self.looks.contains_key(look)) {
                    return Err(format!("Somebody here is called {text}, or nearly so."));
                }
                let looks = name.looks().iter().map(|look| (look.clone(), id.to_owned()));
                self.looks.extend(looks);
                self.people.insert(id.to_owned(), Person { name, room: None });
            }
        }
        let rooms = self.rooms.iter().map(|(name, place)| place.info(name)).collect();
        Ok(Arrival { name: text, rooms })
    }

    /// Returns what the socket finds in the room, and what its coming has changed: nothing if it was
    /// there already.
    pub(crate) fn enter(&mut self, id: &str, room: &str) -> Result<(Room, Option<Move>), String> {
        let wanted = Name::new(room, MAX_ROOM_NAME, "The name of a room")?;
        let person = self.people.get(id).ok_or("Sign in first.")?;
        let (name, room) = (person.name.as_str().to_owned(), wanted.as_str().to_owned());
        let is_there = person.room.as_ref() == Some(&room);
        if !self.rooms.contains_key(&room) {
            if let Some(other) = self.rooms.values().find(|place| place.name.looks_like(&wanted)) {
                return Err(format!("There is a room called {} already.", other.name.as_str()));
            }
            if self.rooms.len() >= MAX_ROOMS {
                return Err("There are too many rooms.".to_owned());
            }
        }
        let mut step = (!is_there).then(|| self.step_out(id)).flatten();
        let place = self.rooms.entry(room.clone()).or_insert_with(|| Place::new(wanted));
        if let Some(step) = &mut step {
            place.people.insert(name);
            step.changed.push(place.info(&room));
        }
        let people = place.people.clone();
        // Whoever asks again may not have got the answer, or may want to make work.
        let is_new = |entry: &&Entry| !(is_there && entry.is_picture());
        let history = place.said.iter().filter(is_new).cloned().collect();
        if let Some(person) = self.people.get_mut(id) {
            person.room = Some(room.clone());
        }
        Ok((Room { room, people, history }, step))
    }

    /// Forgets a socket; returns what that has changed, if it was somebody.
    pub(crate) fn leave(&mut self, id: &str) -> Option<Move> {
        let step = self.step_out(id)?;
        let person = self.people.remove(id)?;
        person.name.looks().iter().for_each(|look| drop(self.looks.remove(look)));
        Some(step)
    }

    /// Adds what a socket says to the room it is in.
    pub(crate) fn post(
        &mut self,
        id: &str,
        entry: impl FnOnce(Stamp, String) -> Result<Entry, String>,
    ) -> Result<Post, String> {
        let (from, room) = self.place(id).ok_or("Enter a room first.")?;
        let entry = entry(self.stamp(), from)?;
        let place = self.rooms.get_mut(&room).ok_or("Enter a room first.")?;
        place.said.push_back(entry.clone());
        self.picture_bytes += entry.picture_bytes();
        if place.said.len() > KEPT_ENTRIES {
            let oldest = place.said.pop_front();
            self.picture_bytes -= oldest.map_or(0, |entry| entry.picture_bytes());
        }
        if place.said.iter().filter(|entry| entry.is_picture()).count() > KEPT_PICTURES {
            self.picture_bytes -= place.drop_oldest_picture();
        }
        while self.picture_bytes > KEPT_PICTURE_BYTES {
            let with_pictures = self.rooms.values_mut().filter(|place| place.oldest().is_some());
            let Some(place) = with_pictures.min_by_key(|place| place.oldest()) else { break };
            self.picture_bytes -= place.drop_oldest_picture();
        }
        Ok(Post { room, entry })
    }

    /// Returns the id of the addressee's socket with what it is to get.
    pub(crate) fn whisper(
        &mut self,
        id: &str,
        to: &str,
        text: &str,
    ) -> Result<(String, Whisper), String> {
        let from = self.people.get(id).ok_or("Sign in first.")?.name.as_str().to_owned();
        let text = checked_text(text)?;
        let to = Name::new(to, MAX_NAME, "A name")?;
        let addressee = to.looks().iter().find_map(|look| self.looks.get(look)).filter(|id| {
            self.people.get(*id).is_some_and(|person| person.name.as_str() == to.as_str())
        });
        let to = to.as_str().to_owned();
        let addressee = addressee.cloned().ok_or_else(|| format!("{to} is not here any more."))?;
        Ok((addressee, Whisper { stamp: self.stamp(), from, to, text }))
    }

    /// The name and the room of a socket, once it has both.
    pub(crate) fn place(&self, id: &str) -> Option<(String, String)> {
        let person = self.people.get(id)?;
        Some((person.name.as_str().to_owned(), person.room.clone()?))
    }

    fn step_out(&mut self, id: &str) -> Option<Move> {
        let person = self.people.get_mut(id)?;
        let (name, left) = (person.name.as_str().to_owned(), person.room.take());
        let mut changed = Vec::new();
        if let Some((room, place)) =
            left.as_ref().and_then(|room| Some((room, self.rooms.get_mut(room)?)))
        {
            place.people.remove(&name);
            let mut info = place.info(room);
            if place.people.is_empty() && !ROOMS.contains(&room.as_str()) {
                info.people = None;
                self.picture_bytes -= place.said.iter().map(Entry::picture_bytes).sum::<usize>();
                self.rooms.remove(room);
            }
            changed.push(info);
        }
        Some(Move { name, left, changed })
    }

    fn stamp(&mut self) -> Stamp {
        self.entries += 1;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Stamp { id: self.entries, at: u64::try_from(since.as_millis()).unwrap_or(u64::MAX) }
    }
}

impl Place {
    const fn new(name: Name) -> Self {
        Self { name, people: BTreeSet::new(), said: VecDeque::new() }
    }

    fn info(&self, name: &str) -> RoomInfo {
        RoomInfo { name: name.to_owned(), people: Some(self.people.len()) }
    }

    /// The number of the oldest picture.
    fn oldest(&self) -> Option<u64> {
        self.said.iter().find(|entry| entry.is_picture()).map(|entry| entry.stamp().id)
    }

    /// Returns how many bytes it had.
    fn drop_oldest_picture(&mut self) -> usize {
        let oldest = self.said.iter().position(Entry::is_picture);
        oldest.and_then(|index| self.said.remove(index)).map_or(0, |entry| entry.picture_bytes())
    }
}

impl Entry {
    pub(crate) fn text(stamp: Stamp, from: String, text: &str) -> Result<Self, String> {
        Ok(Self::Message { stamp, from, text: checked_text(text)? })
    }

    pub(crate) fn picture(
        stamp: Stamp,
        from: String,
        name: &str,
        kind: String,
        data: Bytes,
    ) -> Result<Self, String> {
        if !["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&kind.as_str()) {
            return Err("This is no picture.".to_owned());
        }
        if data.is_empty() || data.len() > MAX_PICTURE {
            return Err("This picture is too large.".to_owned());
        }
        let name = name.chars().take(MAX_PICTURE_NAME).collect();
        Ok(Self::Picture { stamp, from, name, kind, data })
    }

    pub(crate) const fn stamp(&self) -> Stamp {
        match self {
            Self::Message { stamp, .. } | Self::Picture { stamp, .. } => *stamp,
        }
    }

    const fn picture_bytes(&self) -> usize {
        match self {
            Self::Message { .. } => 0,
            Self::Picture { data, .. } => data.len(),
        }
    }

    const fn is_picture(&self) -> bool {
        matches!(self, Self::Picture { .. })
    }
}

fn checked_text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("A message must not be empty.".to_owned());
    }
    if text.chars().nth(MAX_TEXT).is_some() {
        return Err(format!("A message has at most {MAX_TEXT} characters."));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hall with these people in the lobby; the ids of their sockets are their names.
    fn lobby(names: &[&str]) -> Hall {
        let mut hall = Hall::default();
        for name in names {
            hall.sign_in(name, name).expect("a name that nobody has");
            hall.enter(name, "Lobby").expect("a room that is there");
        }
        hall
    }

    fn counts(step: &Move) -> Vec<(&str, Option<usize>)> {
        step.changed.iter().map(|room| (room.name.as_str(), room.people)).collect()
    }

    fn show_picture(hall: &mut Hall, id: &str, size: usize) {
        let picture = |stamp, from| {
            Entry::picture(stamp, from, "a.png", "image/png".to_owned(), vec![0; size].into())
        };
        hall.post(id, picture).expect("a picture of a size that is allowed");
    }

    #[test]
    fn who_enters_the_room_that_they_are_in_changes_nothing() {
        let mut hall = lobby(&["Ada", "Bob"]);
        show_picture(&mut hall, "Bob", 1_000);
        hall.post("Bob", |stamp, from| Entry::text(stamp, from, "Look!")).expect("a short text");

        let (room, step) = hall.enter("Ada", " Lobby ").expect("a room that is there");

        assert!(step.is_none());
        assert_eq!(room.history.len(), 1, "pictures are not sent again");
        assert_eq!(room.people.into_iter().collect::<Vec<_>>(), ["Ada", "Bob"]);
    }

    #[test]
    fn a_move_tells_of_the_rooms_that_it_changes_and_no_others() {
        let mut hall = lobby(&["Ada", "Bob"]);

        let (_, step) = hall.enter("Ada", "Quiet").expect("a new room");
        let step = step.expect("a move");
        assert_eq!((step.name.as_str(), step.left.as_deref()), ("Ada", Some("Lobby")));
        assert_eq!(counts(&step), [("Lobby", Some(1)), ("Quiet", Some(1))]);

        let step = hall.leave("Ada").expect("she was there");
        assert_eq!(step.left.as_deref(), Some("Quiet"));
        assert_eq!(counts(&step), [("Quiet", None)]);
        let step = hall.leave("Bob").expect("he was there");
        assert_eq!(counts(&step), [("Lobby", Some(0))]);
        assert!(hall.leave("Bob").is_none());
        assert!(hall.people.is_empty() && hall.looks.is_empty());
        assert_eq!(hall.rooms.len(), ROOMS.len());
    }

    #[test]
    fn names_that_look_like_one_that_is_there_are_refused() {
        let mut hall = lobby(&["Alice"]);

        for name in ["alice", "AIice", "\u{410}lice", "Al\u{200b}ice"] {
            assert!(hall.sign_in("other", name).is_err(), "{name}");
        }
        assert!(hall.sign_in("other", "Alicia").is_ok());
        assert!(hall.enter("other", "L0bby").is_err(), "a room that looks like another one");
        assert!(hall.sign_in("Alice", "Alice").is_ok(), "the answer may have been lost");
        assert!(hall.sign_in("Alice", "Somebody else").is_err());
        hall.leave("Alice");
        assert!(hall.sign_in("Alice again", "alice").is_ok());
    }

    #[test]
    fn what_is_said_is_bounded_and_so_is_what_is_kept() {
        let mut hall = lobby(&["Ada"]);
        let mut say =
            |text: &str| hall.post("Ada", |stamp, from| Entry::text(stamp, from, text)).is_ok();

        assert!(!say(" "));
        assert!(!say(&"a".repeat(MAX_TEXT + 1)));
        assert!((0..2 * KEPT_ENTRIES).all(|_| say(&"a".repeat(MAX_TEXT))));
        assert_eq!(hall.rooms["Lobby"].said.len(), KEPT_ENTRIES);
        assert!(hall.post("stranger", |stamp, from| Entry::text(stamp, from, "hi")).is_err());
        assert!(hall.enter("stranger", "Lobby").is_err());
    }

    #[test]
    fn pictures_are_kept_up_to_a_number_in_a_room_and_to_a_size_in_all() {
        let people: Vec<_> = (0..30).map(|number| format!("Person number {number}")).collect();
        let mut hall = lobby(&people.iter().map(String::as_str).collect::<Vec<_>>());
        for (number, person) in people.iter().enumerate() {
            hall.enter(person, &format!("Room number {number}")).expect("a new room");
            for _ in 0..=KEPT_PICTURES {
                show_picture(&mut hall, person, MAX_PICTURE);
            }
        }
        let kept = |hall: &Hall| {
            let said = hall.rooms.values().flat_map(|place| &place.said);
            said.map(Entry::picture_bytes).sum::<usize>()
        };
        let all = kept(&hall);
        assert!(all <= KEPT_PICTURE_BYTES && all + MAX_PICTURE > KEPT_PICTURE_BYTES, "{all}");
        assert_eq!(hall.picture_bytes, all);
        let newest = hall.rooms["Room number 29"].said.len();
        assert_eq!((newest, hall.rooms["Room number 0"].said.len()), (KEPT_PICTURES, 0));

        people.iter().for_each(|person| drop(hall.leave(person)));
        assert_eq!((hall.picture_bytes, kept(&hall)), (0, 0));
    }

    #[test]
    fn a_whisper_reaches_who_has_the_very_name() {
        let mut hall = lobby(&["Ada", "Bob"]);

        let (id, whisper) = hall.whisper("Ada", "Bob", "hi").expect("he is there");
        assert_eq!((id.as_str(), whisper.from.as_str()), ("Bob", "Ada"));
        assert!(hall.whisper("Ada", "bob", "hi").is_err());
        assert!(hall.whisper("Ada", "Cleo", "hi").is_err());
        assert!(hall.whisper("stranger", "Bob", "hi").is_err());
    }
}
