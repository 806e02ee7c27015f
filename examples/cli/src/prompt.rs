//! The prompt: what happens is printed above the line that is being edited.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::PoisonError;

use smol::channel::{Receiver, bounded};

use crate::args::{at_home, read_file};
use crate::command::{Command, parse};
use crate::complete::complete;
use crate::editor::{Editor, Key, Outcome};
use crate::failure::Failure;
use crate::history::History;
use crate::print::{Tone, plain};
use crate::report::Report;
use crate::session::Session;
use crate::terminal::{self, Prompt, Terminal};

/// What is on the screen, for the one who prints and the one who edits.
struct View {
    terminal: Terminal,
    prompt: Prompt,
    editor: Editor,
}

impl View {
    fn show(&mut self, above: &str) {
        let (line, cursor) = (self.editor.line(), self.editor.before().len());
        self.terminal.show(above, &self.prompt, line, cursor);
    }
}

/// Reads commands until there are no more.
pub(crate) async fn run(session: &mut Session, keep_history: bool) -> Result<(), Failure> {
    let (mut history, former) = if keep_history { History::open() } else { Default::default() };
    let terminal = Terminal::open().map_err(|error| Failure::unforeseen(error.to_string()))?;
    let (prompt, editor) = (Prompt::default(), Editor::new(former));
    let view = Rc::new(RefCell::new(View { terminal, prompt, editor }));
    let above = Rc::clone(&view);
    session.screen.set_above(Some(Box::new(move |text| above.borrow_mut().show(text))));
    session.screen.tell(&Report::Note("help shows what can be done; Tab completes".to_owned()));
    let keys = keys();
    let result = loop {
        let line = match edited(session, &view, &keys).await {
            Ok(Some(line)) => line,
            Ok(None) => break Ok(()),
            Err(failure) => break Err(failure),
        };
        if !line.is_empty() && !line.starts_with(' ') {
            history.add(&line);
        }
        if perform(session, &line) {
            break Ok(());
        }
    };
    // The terminal is as it was when nobody holds it any more.
    session.screen.set_above(None);
    result
}

/// Does what a line says; returns whether it was the last one.
fn perform(session: &mut Session, line: &str) -> bool {
    let done = match parse(line, &mut read_file) {
        Ok(None) => Ok(()),
        Ok(Some(step)) if step.command == Command::Quit => return true,
        Ok(Some(step)) => {
            let namespace = step.namespace.unwrap_or_else(|| session.current.clone());
            session.perform(namespace, step.command)
        }
        Err(message) => Err(message),
    };
    if let Err(message) = done {
        session.screen.tell(&Report::Error(message));
    }
    false
}

/// Reads keys on a thread, for as long as somebody takes them.
fn keys() -> Receiver<std::io::Result<Key>> {
    let (send, keys) = bounded(100);
    std::thread::spawn(move || {
        loop {
            let key = crossterm::event::read().map(terminal::key).transpose();
            let Some(key) = key else { continue };
            let is_last = key.is_err();
            if send.send_blocking(key).is_err() || is_last {
                return;
            }
        }
    });
    keys
}

/// Edits one line; `None` if there are no more.
async fn edited(
    session: &mut Session,
    view: &RefCell<View>,
    keys: &Receiver<std::io::Result<Key>>,
) -> Result<Option<String>, Failure> {
    let name = plain(&session.current);
    let styled = format!("{}> ", session.screen.paint().over(Tone::Name, &name));
    view.borrow_mut().prompt = Prompt { plain: format!("{name}> "), styled };
    let known = std::sync::Arc::clone(&session.known);
    let propose = |line: &str| {
        let known = known.lock().unwrap_or_else(PoisonError::into_inner);
        complete(line, &known, &list_folder)
    };
    loop {
        view.borrow_mut().show("");
        let Ok(key) = session.meanwhile(keys.recv()).await else { return Ok(None) };
        let key = key.map_err(|error| Failure::unforeseen(error.to_string()))?;
        let View { terminal, prompt, editor } = &mut *view.borrow_mut();
        let before = editor.line().to_owned();
        match editor.press(key, &propose) {
            Outcome::Edited => {}
            Outcome::Choices(choices) => {
                let text = format!("{}\n", choices.join("  "));
                terminal.show(&text, prompt, editor.line(), editor.before().len());
            }
            Outcome::Clear => terminal.clear(),
            Outcome::Interrupted => terminal.leave(prompt, &before),
            Outcome::Entered(line) => {
                terminal.leave(prompt, &line);
                *prompt = Prompt::default();
                return Ok(Some(line));
            }
            Outcome::Ended => {
                terminal.leave(prompt, "");
                *prompt = Prompt::default();
                return Ok(None);
            }
        }
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
