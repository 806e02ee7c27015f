//! What the prompt proposes when Tab is pressed.

use std::collections::BTreeSet;

use crate::command::COMMANDS;
use crate::print::{json_text, quoted};

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) events: BTreeSet<String>,
    pub(crate) namespaces: Vec<String>,
    /// The numbers of the answers that the server waits for.
    pub(crate) open: Vec<u32>,
}

const MAX_EVENTS: usize = 1_000;

impl Known {
    /// Remembers the name of an event.
    pub(crate) fn see(&mut self, event: &str) {
        if self.events.len() < MAX_EVENTS && !self.events.contains(event) {
            self.events.insert(event.to_owned());
        }
    }
}

/// Gives the names in a folder, of folders with a slash at their end.
pub(crate) type ListFolder<'a> = &'a dyn Fn(&str) -> Vec<String>;

/// Finds where the text to complete begins in a line up to the cursor, and what may stand there.
pub(crate) fn complete(line: &str, known: &Known, folder: ListFolder<'_>) -> (usize, Vec<String>) {
    if let Some(found) = file(line, folder) {
        return found;
    }
    let mut before = line.trim_start();
    if before.starts_with('/') {
        let Some(end) = before.find(char::is_whitespace) else {
            return (line.len() - before.len(), fitting(before, known.namespaces.iter().cloned()));
        };
        before = before[end..].trim_start();
    }
    let Some(end) = before.find(char::is_whitespace) else {
        let names = COMMANDS.iter().map(|entry| format!("{} ", entry.name));
        return (line.len() - before.len(), fitting(before, names));
    };
    let (command, rest) = before.split_at(end);
    let word = rest.trim_start();
    let found = match command {
        "emit" | "emit-ack" | "ask" | "wait" => {
            fitting(word, known.events.iter().map(|name| format!("{} ", quoted(name))))
        }
        "join" | "leave" | "use" => fitting(word, known.namespaces.iter().cloned()),
        "answer" => fitting(word, known.open.iter().map(|number| format!("{number} "))),
        "auto-answer" => fitting(word, ["off".to_owned()].into_iter()),
        "help" => fitting(word, COMMANDS.iter().map(|entry| entry.name.to_owned())),
        _ => Vec::new(),
    };
    (line.len() - word.len(), found)
}

fn fitting(begin: &str, all: impl Iterator<Item = String>) -> Vec<String> {
    all.filter(|name| name.starts_with(begin)).collect()
}

/// The names of files, if the cursor is behind an `@` where a value may stand.
fn file(line: &str, folder: ListFolder<'_>) -> Option<(usize, Vec<String>)> {
    let at = line.rfind('@')?;
    let (before, name) = (&line[..at], &line[at + 1..]);
    let opens = |c: char| c.is_whitespace() || matches!(c, '[' | ':' | ',' | '{');
    if !before.ends_with(opens) {
        return None;
    }
    let is_quoted = name.starts_with('"');
    let name = name.strip_prefix('"').unwrap_or(name);
    if name.contains(['"', '\\']) || (!is_quoted && name.contains(char::is_whitespace)) {
        return None;
    }
    let (path, begin) = name.rfind('/').map_or(("", name), |slash| name.split_at(slash + 1));
    let mut names = fitting(begin, folder(path).into_iter());
    names.retain(|name| !name.starts_with('.') || begin.starts_with('.'));
    names.sort();
    let names = names.into_iter().map(|name| {
        let full = format!("{path}{name}");
        let needs_quotes =
            is_quoted || full.contains(|c: char| c.is_whitespace() || ",]}\"'".contains(c));
        match needs_quotes {
            // More follows in a folder.
            true if full.ends_with('/') => format!("\"{full}"),
            true => json_text(&full),
            false => full,
        }
    });
    Some((at + 1, names.collect()))
}

#[cfg(test)]
mod tests {
    use super::{Known, complete};

    fn known() -> Known {
        let mut known = Known {
            namespaces: vec!["/".to_owned(), "/chat".to_owned()],
            open: vec![3, 12],
            ..Known::default()
        };
        ["message", "mess up", "other"].iter().for_each(|name| known.see(name));
        known
    }

    fn folder(path: &str) -> Vec<String> {
        let names: &[&str] = match path {
            "" => &["b.png", "a b.png", "sub/", ".hidden", "my files/"],
            "sub/" => &["c.png"],
            _ => &[],
        };
        names.iter().map(ToString::to_string).collect()
    }

    fn completed(line: &str) -> Vec<String> {
        let (start, found) = complete(line, &known(), &folder);
        found.into_iter().map(|it| format!("{}{it}", &line[..start])).collect()
    }

    #[test]
    fn commands_are_completed_also_behind_a_namespace() {
        assert_eq!(completed("e"), ["emit ", "emit-ack "]);
        assert_eq!(completed(" /chat an"), [" /chat answer "]);
        assert_eq!(completed("/c"), ["/chat"]);
        assert_eq!(completed("xyz"), [""; 0]);
    }

    #[test]
    fn names_that_were_seen_are_completed() {
        assert_eq!(completed("emit mes"), ["emit message "]);
        assert_eq!(completed("ask \"m"), ["ask \"mess up\" "]);
        assert_eq!(completed("leave /c"), ["leave /chat"]);
        assert_eq!(completed("answer "), ["answer 3 ", "answer 12 "]);
        assert_eq!(completed("help sta"), ["help status"]);
    }

    #[test]
    fn files_are_completed_behind_an_at_sign() {
        assert_eq!(completed("emit e 1 @b"), ["emit e 1 @b.png"]);
        assert_eq!(completed("emit e [@a"), ["emit e [@\"a b.png\""]);
        assert_eq!(completed("emit e {\"x\":@\"my"), ["emit e {\"x\":@\"my files/"]);
        assert_eq!(completed("emit e @sub/"), ["emit e @sub/c.png"]);
        assert_eq!(completed("emit e @.h"), ["emit e @.hidden"]);
        assert_eq!(completed("emit e @").len(), 4);
        assert_eq!(completed("emit e a@b"), [""; 0]);
    }
}
