//! The line that is being edited as a terminal shows it, with what is printed above it.

use std::io::Write;

use crossterm::event::{
    DisableBracketedPaste, EnableBracketedPaste, Event, KeyCode, KeyEvent, KeyEventKind,
    KeyModifiers,
};
use crossterm::{execute, terminal};
use unicode_width::UnicodeWidthChar;

use crate::editor::Key;

/// A terminal whose keys come one by one, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Terminal {
    /// In which row of those that the line takes the cursor is.
    row: usize,
}

impl Terminal {
    pub(crate) fn open() -> std::io::Result<Self> {
        terminal::enable_raw_mode()?;
        let _ = execute!(std::io::stdout(), EnableBracketedPaste);
        Ok(Self::default())
    }

    /// Shows text above the line, and the line anew.
    pub(crate) fn show(&mut self, above: &str, prompt: &Prompt, line: &str, cursor: usize) {
        let columns = terminal::size().ok().filter(|(columns, _)| *columns > 1);
        let columns = columns.map_or(80, |(columns, _)| columns.into());
        let text = self.drawn(above, prompt, line, cursor, columns);
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn drawn(
        &mut self,
        above: &str,
        prompt: &Prompt,
        line: &str,
        cursor: usize,
        columns: usize,
    ) -> String {
        let mut out = self.erased();
        out += &above.replace('\n', "\r\n");
        out += &prompt.styled;
        out += line;
        let start = place((0, 0), &prompt.plain, columns);
        let at = place(start, &line[..cursor], columns);
        let end = place(at, &line[cursor..], columns);
        if end.1 == 0 && end.0 > 0 {
            // The terminal waits at the end of the row until more is written.
            out += "\r\n";
        }
        out += &up(end.0 - at.0);
        out += "\r";
        if at.1 > 0 {
            out += &format!("\x1b[{}C", at.1);
        }
        self.row = at.0;
        out
    }

    /// Leaves the line as it is, and goes to the next one.
    pub(crate) fn leave(&mut self, prompt: &Prompt, line: &str) {
        self.show("", prompt, line, line.len());
        self.row = 0;
        let _ = std::io::stdout().write_all(b"\r\n");
    }

    pub(crate) fn clear(&mut self) {
        self.row = 0;
        let _ = std::io::stdout().write_all(b"\x1b[H\x1b[2J");
    }

    /// What removes the line from the screen.
    fn erased(&self) -> String {
        format!("\r{}\x1b[J", up(self.row))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = execute!(std::io::stdout(), DisableBracketedPaste);
        let _ = terminal::disable_raw_mode();
    }
}

/// A prompt, and how it is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prompt {
    pub(crate) plain: String,
    pub(crate) styled: String,
}

fn up(rows: usize) -> String {
    if rows > 0 { format!("\x1b[{rows}A") } else { String::new() }
}

/// Row and column behind a text.
fn place(start: (usize, usize), text: &str, columns: usize) -> (usize, usize) {
    text.chars().fold(start, |(row, column), c| {
        let width = c.width().unwrap_or(0);
        match column + width {
            end if end > columns => (row + 1, width),
            end if end == columns => (row + 1, 0),
            end => (row, end),
        }
    })
}

/// What a key does, if anything.
#[allow(clippy::wildcard_enum_match_arm, reason = "most keys do nothing")]
pub(crate) fn key(event: Event) -> Option<Key> {
    match event {
        Event::Key(KeyEvent { code, modifiers, kind, .. }) if kind != KeyEventKind::Release => {
            let control = modifiers.contains(KeyModifiers::CONTROL);
            let alt = modifiers.contains(KeyModifiers::ALT);
            let by_word = control || alt;
            Some(match code {
                KeyCode::Char(c) if control && !alt => return control_key(c),
                KeyCode::Char('b') if alt => Key::WordLeft,
                KeyCode::Char('f') if alt => Key::WordRight,
                KeyCode::Char(c) => Key::Text(c.to_string()),
                KeyCode::Left if by_word => Key::WordLeft,
                KeyCode::Right if by_word => Key::WordRight,
                KeyCode::Left => Key::Left,
                KeyCode::Right => Key::Right,
                KeyCode::Home => Key::Home,
                KeyCode::End => Key::End,
                KeyCode::Backspace if by_word => Key::CutWord,
                KeyCode::Backspace => Key::Backspace,
                KeyCode::Delete => Key::Delete,
                KeyCode::Up => Key::Older,
                KeyCode::Down => Key::Newer,
                KeyCode::Tab => Key::Complete,
                KeyCode::Enter => Key::Enter,
                _ => return None,
            })
        }
        Event::Paste(text) => Some(Key::Text(text)),
        Event::Resize(..) => Some(Key::Resized),
        Event::Key(_) | Event::Mouse(_) | Event::FocusGained | Event::FocusLost => None,
    }
}

fn control_key(c: char) -> Option<Key> {
    Some(match c {
        'a' => Key::Home,
        'b' => Key::Left,
        'c' => Key::Interrupt,
        'd' => Key::EndOfInput,
        'e' => Key::End,
        'f' => Key::Right,
        'h' => Key::Backspace,
        'j' | 'm' => Key::Enter,
        'k' => Key::CutAfter,
        'l' => Key::Clear,
        'n' => Key::Newer,
        'p' => Key::Older,
        'u' => Key::CutBefore,
        'w' => Key::CutWord,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

    use super::{Key, Prompt, Terminal, key, place};

    #[test]
    fn wide_characters_do_not_stand_across_the_edge() {
        assert_eq!(place((0, 0), "abc", 4), (0, 3));
        assert_eq!(place((0, 0), "abcd", 4), (1, 0));
        assert_eq!(place((0, 0), "abc\u{65e5}d", 4), (1, 3));
        assert_eq!(place((0, 0), "e\u{301}", 4), (0, 1));
    }

    #[test]
    fn the_line_is_drawn_again_below_what_is_printed() {
        let mut terminal = Terminal::default();
        let prompt = Prompt { plain: "> ".to_owned(), styled: "> ".to_owned() };
        assert_eq!(terminal.drawn("", &prompt, "abc", 1, 10), "\r\x1b[J> abc\r\x1b[3C");
        let told = terminal.drawn("told\n", &prompt, "abcdefghij", 10, 10);
        assert_eq!(told, "\r\x1b[Jtold\r\n> abcdefghij\r\x1b[2C");
        let left = terminal.drawn("", &prompt, "abcdefghij", 0, 10);
        assert_eq!(left, "\r\x1b[1A\x1b[J> abcdefghij\x1b[1A\r\x1b[2C");
        let full = terminal.drawn("", &prompt, "abcdefgh", 8, 10);
        assert_eq!(full, "\r\x1b[J> abcdefgh\r\n\r");
    }

    #[test]
    fn keys_do_what_they_do_elsewhere() {
        let pressed = |code, modifiers| key(Event::Key(KeyEvent::new(code, modifiers)));
        let control = |c| pressed(KeyCode::Char(c), KeyModifiers::CONTROL);
        assert_eq!(control('a'), Some(Key::Home));
        assert_eq!(control('x'), None);
        assert_eq!(pressed(KeyCode::Left, KeyModifiers::ALT), Some(Key::WordLeft));
        let upper = pressed(KeyCode::Char('A'), KeyModifiers::SHIFT);
        assert_eq!(upper, Some(Key::Text("A".to_owned())));
        // AltGr, as Windows has it.
        let at = pressed(KeyCode::Char('@'), KeyModifiers::CONTROL | KeyModifiers::ALT);
        assert_eq!(at, Some(Key::Text("@".to_owned())));
        assert_eq!(key(Event::Paste("a b".to_owned())), Some(Key::Text("a b".to_owned())));
    }
}
