//! The prompt: lines are edited on a thread of their own, and what happens is printed above them.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reedline::{
    ColumnarMenu, Completer, DefaultHinter, Emacs, ExternalPrinter, KeyCode, KeyModifiers,
    MenuBuilder, Prompt, PromptEditMode, PromptHistorySearch, Reedline, ReedlineEvent,
    ReedlineMenu, Signal, Span, Suggestion, default_emacs_keybindings,
};
use smol::channel::{Receiver, Sender, bounded};
use unicode_width::UnicodeWidthStr;

use crate::args::{at_home, read_file};
use crate::command::{Command, parse};
use crate::complete::{Known, complete};
use crate::failure::Failure;
use crate::history;
use crate::link::MAX_TOLD;
use crate::print::plain;
use crate::report::Report;
use crate::session::Session;

/// Reads commands until there are no more.
pub(crate) async fn run(session: &mut Session, keep_history: bool) -> Result<(), Failure> {
    let (ask, asked) = bounded(1);
    let (send, lines) = bounded(1);
    let printer = ExternalPrinter::new(MAX_TOLD);
    session.screen.set_above(above(printer.clone()));
    let editor =
        editor(Arc::clone(&session.known), printer, session.screen.paint().0, keep_history);
    std::thread::spawn(move || {
        if let Err(error) = edit(editor, &asked, &send) {
            let _ = send.send_blocking(Err(error.to_string()));
        }
    });
    session.screen.tell(&Report::Note("help shows what can be done; Tab completes".to_owned()));
    loop {
        let _ = ask.send(session.current.clone()).await;
        let line = async { lines.recv().await.ok() };
        let Some(line) = session.meanwhile(line).await else { return Ok(()) };
        let line = line.map_err(Failure::unforeseen)?;
        let done = match parse(&line, &mut read_file) {
            Ok(None) => Ok(()),
            Ok(Some(step)) if step.command == Command::Quit => return Ok(()),
            Ok(Some(step)) => {
                let namespace = step.namespace.unwrap_or_else(|| session.current.clone());
                session.perform(namespace, step.command)
            }
            Err(message) => Err(message),
        };
        if let Err(message) = done {
            session.screen.tell(&Report::Error(message));
        }
    }
}

/// Prints on a thread: the printer waits for the editor, which may be waiting for the session.
fn above(printer: ExternalPrinter<String>) -> Box<dyn FnMut(String) + Send> {
    let (send, lines) = bounded::<String>(MAX_TOLD);
    std::thread::spawn(move || {
        while let Ok(text) = lines.recv_blocking() {
            let columns = crossterm::terminal::size().map_or(80, |(columns, _)| columns);
            let _ = printer.print(measured(&text, columns.into()));
        }
    });
    Box::new(move |line| {
        let _ = send.send_blocking(line);
    })
}

/// Adds to each line that takes several rows as many that only go back by one: the editor counts
/// one row a line, and would write over the rest.
fn measured(text: &str, columns: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        out += line;
        out.push('\n');
        let rows = width(line).div_ceil(columns.max(1));
        out.extend((1..rows).map(|_| "\x1b[A\n"));
    }
    out
}

/// How many columns a line takes, without what colours it.
fn width(line: &str) -> usize {
    let mut parts = line.split("\x1b[");
    let first = parts.next().map_or(0, UnicodeWidthStr::width);
    let colored = parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text).width());
    first + colored.sum::<usize>()
}

fn editor(
    known: Arc<Mutex<Known>>,
    printer: ExternalPrinter<String>,
    colors: bool,
    keep_history: bool,
) -> Reedline {
    let menu = ColumnarMenu::default().with_name("completion").with_marker("");
    let mut keys = default_emacs_keybindings();
    let open = ReedlineEvent::Menu("completion".to_owned());
    let complete = ReedlineEvent::UntilFound(vec![open, ReedlineEvent::MenuNext]);
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, complete);
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    let mut editor = Reedline::create()
        .with_external_printer(printer)
        .with_poll_interval(Duration::from_millis(30))
        .with_ansi_colors(colors)
        .use_bracketed_paste(true)
        .with_completer(Box::new(Assistant(known)))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_history_exclusion_prefix(Some(" ".to_owned()))
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
        .with_edit_mode(Box::new(Emacs::new(keys)));
    if colors {
        // Without colours it could not be told from what was typed.
        editor = editor.with_hinter(Box::new(DefaultHinter::default()));
    }
    match keep_history.then(history::open).flatten() {
        Some(history) => editor.with_history(history),
        None => editor,
    }
}

/// Edits a line whenever one is asked for.
fn edit(
    mut editor: Reedline,
    asked: &Receiver<String>,
    send: &Sender<Result<String, String>>,
) -> std::io::Result<()> {
    while let Ok(namespace) = asked.recv_blocking() {
        let prompt = Place(format!("{}> ", plain(&namespace)));
        let line = loop {
            match editor.read_line(&prompt)? {
                Signal::Success(line) => break line,
                Signal::CtrlD => return Ok(()),
                // The line is given up.
                Signal::CtrlC | _ => {}
            }
        };
        if send.send_blocking(Ok(line)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// The current namespace as a prompt.
struct Place(String);

impl Prompt for Place {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        Cow::Owned(format!("(search: {}) ", search.term))
    }
}

/// What completes lines.
struct Assistant(Arc<Mutex<Known>>);

impl Completer for Assistant {
    fn complete(&mut self, line: &str, cursor: usize) -> Vec<Suggestion> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, found) = complete(&line[..cursor], &known, &list_folder);
        let suggestion = |text: String| {
            // A space follows what is complete.
            let value = text.trim_end().to_owned();
            let append_whitespace = text.ends_with(' ');
            Suggestion {
                value,
                append_whitespace,
                span: Span::new(start, cursor),
                ..Suggestion::default()
            }
        };
        found.into_iter().map(suggestion).collect()
    }
}

/// The names in a folder, of folders with a slash at their end.
fn list_folder(path: &str) -> Vec<String> {
    let folder = if path.is_empty() { PathBuf::from(".") } else { at_home(path) };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        let mut name = entry.file_name().into_string().ok()?;
        if entry.path().is_dir() {
            name.push('/');
        }
        Some(name)
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::measured;

    #[test]
    fn lines_that_take_several_rows_are_counted_as_such() {
        assert_eq!(measured("abcd\n\nab", 4), "abcd\n\nab\n");
        assert_eq!(measured("abcde", 4), "abcde\n\x1b[A\n");
        assert_eq!(
            measured("\u{65e5}\u{672c}\u{8a9e}ab", 4),
            "\u{65e5}\u{672c}\u{8a9e}ab\n\x1b[A\n"
        );
        assert_eq!(measured("\x1b[1;36mab\x1b[0mcd", 4), "\x1b[1;36mab\x1b[0mcd\n");
        assert_eq!(measured(&"x".repeat(9), 4).matches("\x1b[A").count(), 2);
    }
}
