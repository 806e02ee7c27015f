//! The line that is being edited: what keys do to it. It knows no terminal.

/// A key, by what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Text to insert; line breaks in it become spaces.
    Text(String),
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Backspace,
    Delete,
    /// Deletes up to the begin of the line, of the word, or to the end of the line.
    CutBefore,
    CutWord,
    CutAfter,
    Older,
    Newer,
    Complete,
    Enter,
    Interrupt,
    EndOfInput,
    Clear,
    /// The terminal has another size.
    Resized,
}

/// What a key has come to, besides another look of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Edited,
    /// Several things may stand here.
    Choices(Vec<String>),
    Entered(String),
    Interrupted,
    Clear,
    Ended,
}

/// Where the text to complete begins in a line up to the cursor, and what may stand there.
pub(crate) type Completing<'a> = &'a dyn Fn(&str) -> (usize, Vec<String>);

/// A line with a cursor, and the lines before it.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    line: String,
    /// In bytes, between two characters.
    cursor: usize,
    history: Vec<String>,
    /// What of the history is shown; its length for what was typed.
    shown: usize,
    typed: String,
}

impl Editor {
    pub(crate) fn new(history: Vec<String>) -> Self {
        Self { shown: history.len(), history, ..Self::default() }
    }

    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// The line in front of the cursor.
    pub(crate) fn before(&self) -> &str {
        &self.line[..self.cursor]
    }

    pub(crate) fn press(&mut self, key: Key, complete: Completing<'_>) -> Outcome {
        let is_move = matches!(key, Key::Older | Key::Newer);
        let outcome = self.apply(key, complete);
        if !is_move {
            self.shown = self.history.len();
        }
        outcome
    }

    fn apply(&mut self, key: Key, complete: Completing<'_>) -> Outcome {
        match key {
            Key::Text(text) => {
                let text: String =
                    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                self.replace(self.cursor, &text);
            }
            Key::Left => self.cursor = self.left(),
            Key::Right => self.cursor = self.right(),
            Key::WordLeft => self.cursor = self.word_left(),
            Key::WordRight => self.cursor = self.word_right(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.line.len(),
            Key::Backspace => self.replace(self.left(), ""),
            Key::Delete => drop(self.line.drain(self.cursor..self.right())),
            Key::CutBefore => self.replace(0, ""),
            Key::CutWord => self.replace(self.word_left(), ""),
            Key::CutAfter => self.line.truncate(self.cursor),
            Key::Older => self.recall(true),
            Key::Newer => self.recall(false),
            Key::Complete => return self.complete(complete),
            Key::Enter => {
                let line = self.take();
                if !line.trim().is_empty() && self.history.last() != Some(&line) {
                    self.history.push(line.clone());
                }
                return Outcome::Entered(line);
            }
            Key::Interrupt => {
                self.take();
                return Outcome::Interrupted;
            }
            Key::EndOfInput if self.line.is_empty() => return Outcome::Ended,
            Key::EndOfInput => return self.apply(Key::Delete, complete),
            Key::Clear => return Outcome::Clear,
            Key::Resized => {}
        }
        Outcome::Edited
    }

    fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.line)
    }

    /// Puts a text in the place of what stands between there and the cursor.
    fn replace(&mut self, start: usize, text: &str) {
        self.line.replace_range(start..self.cursor, text);
        self.cursor = start + text.len();
    }

    fn left(&self) -> usize {
        self.before().char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn right(&self) -> usize {
        self.cursor + self.line[self.cursor..].chars().next().map_or(0, char::len_utf8)
    }

    fn word_left(&self) -> usize {
        let before = self.before().trim_end();
        before
            .char_indices()
            .rfind(|(_, c)| c.is_whitespace())
            .map_or(0, |(at, c)| at + c.len_utf8())
    }

    fn word_right(&self) -> usize {
        let after = &self.line[self.cursor..];
        let word = after.len() - after.trim_start().len();
        let end = after[word..].find(char::is_whitespace).map_or(after.len(), |end| word + end);
        self.cursor + end
    }

    /// Shows the next line of the history that begins like what was typed.
    fn recall(&mut self, older: bool) {
        if self.shown == self.history.len() {
            self.typed.clone_from(&self.line);
        }
        let fits = |at: &usize| self.history[*at].starts_with(&self.typed);
        let found = if older {
            (0..self.shown).rev().find(fits)
        } else {
            let last = self.history.len();
            Some((self.shown + 1..last).find(fits).unwrap_or(last))
        };
        let Some(found) = found else { return };
        self.shown = found;
        self.line.clone_from(self.history.get(found).unwrap_or(&self.typed));
        self.cursor = self.line.len();
    }

    fn complete(&mut self, complete: Completing<'_>) -> Outcome {
        let (start, choices) = complete(self.before());
        let Some(common) = choices.iter().map(String::as_str).reduce(common) else {
            return Outcome::Edited;
        };
        if choices.len() > 1 && common.len() <= self.cursor - start {
            return Outcome::Choices(choices);
        }
        let common = common.to_owned();
        self.replace(start, &common);
        Outcome::Edited
    }
}

/// What two texts begin with.
fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.char_indices().zip(b.chars()).take_while(|((_, a), b)| a == b);
    let end = same.last().map_or(0, |((at, c), _)| at + c.len_utf8());
    &a[..end]
}

#[cfg(test)]
mod tests {
    use super::{Editor, Key, Outcome};

    /// Presses keys; shows the line with the cursor as `|`.
    fn after(editor: &mut Editor, keys: &[Key]) -> String {
        for key in keys {
            editor.press(key.clone(), &|_| (0, Vec::new()));
        }
        let before = editor.before();
        format!("{before}|{}", &editor.line()[before.len()..])
    }

    fn text(text: &str) -> Key {
        Key::Text(text.to_owned())
    }

    #[test]
    fn text_is_inserted_and_deleted_where_the_cursor_is() {
        let mut editor = Editor::default();
        assert_eq!(
            after(&mut editor, &[text("a\u{e9}\u{65e5}"), Key::Left, text("x")]),
            "a\u{e9}x|\u{65e5}"
        );
        assert_eq!(after(&mut editor, &[Key::Backspace, Key::Backspace]), "a|\u{65e5}");
        assert_eq!(after(&mut editor, &[Key::Delete, Key::Delete, Key::Right]), "a|");
        assert_eq!(after(&mut editor, &[Key::Home, Key::Left, Key::Backspace]), "|a");
        assert_eq!(after(&mut editor, &[Key::End, text("b\nc\t")]), "ab c |");
        assert_eq!(after(&mut editor, &[Key::Home, Key::EndOfInput]), "|b c ");
    }

    #[test]
    fn words_and_ends_are_cut() {
        let mut editor = Editor::default();
        assert_eq!(after(&mut editor, &[text("one two  three"), Key::WordLeft]), "one two  |three");
        assert_eq!(after(&mut editor, &[Key::CutWord]), "one |three");
        assert_eq!(after(&mut editor, &[Key::WordRight, Key::Home, Key::WordRight]), "one| three");
        assert_eq!(after(&mut editor, &[Key::CutBefore]), "| three");
        assert_eq!(after(&mut editor, &[Key::Right, Key::CutAfter]), " |");
    }

    #[test]
    fn earlier_lines_come_back_if_they_begin_alike() {
        let mut editor = Editor::new(vec!["emit a".to_owned(), "join b".to_owned()]);
        editor.press(text("emit c"), &|_| (0, Vec::new()));
        let entered = editor.press(Key::Enter, &|_| (0, Vec::new()));
        assert_eq!(entered, Outcome::Entered("emit c".to_owned()));
        assert_eq!(after(&mut editor, &[Key::Older, Key::Older]), "join b|");
        assert_eq!(after(&mut editor, &[Key::Newer, Key::Newer, Key::Newer]), "|");
        assert_eq!(after(&mut editor, &[text("em"), Key::Older, Key::Older]), "emit a|");
        assert_eq!(after(&mut editor, &[Key::Older]), "emit a|");
        assert_eq!(after(&mut editor, &[Key::Newer, Key::Newer]), "em|");
    }

    #[test]
    fn what_is_sure_is_completed_and_else_choices_are_shown() {
        let choices = |line: &str| {
            let all = ["emit ", "emit-ack "].map(str::to_owned);
            (0, all.into_iter().filter(|it| it.starts_with(line)).collect())
        };
        let mut editor = Editor::default();
        editor.press(text("e"), &choices);
        assert_eq!(editor.press(Key::Complete, &choices), Outcome::Edited);
        assert_eq!(editor.line(), "emit");
        let both = vec!["emit ".to_owned(), "emit-ack ".to_owned()];
        assert_eq!(editor.press(Key::Complete, &choices), Outcome::Choices(both));
        editor.press(text("-"), &choices);
        editor.press(Key::Complete, &choices);
        assert_eq!(editor.line(), "emit-ack ");
        assert_eq!(editor.press(Key::Complete, &|_| (0, Vec::new())), Outcome::Edited);
    }

    #[test]
    fn input_ends_on_an_empty_line_alone() {
        let mut editor = Editor::new(Vec::new());
        let none = |_: &str| (0, Vec::new());
        editor.press(text("x"), &none);
        assert_eq!(editor.press(Key::Interrupt, &none), Outcome::Interrupted);
        assert_eq!(editor.press(Key::EndOfInput, &none), Outcome::Ended);
    }
}
