//! The commands of former sessions, in a file.

use std::fs::OpenOptions;
use std::path::PathBuf;

use reedline::{FileBackedHistory, HISTORY_SIZE, History};

/// Opens the history, in a file for the eyes of its owner only. Without one it ends with the
/// session.
pub(crate) fn open() -> Option<Box<dyn History>> {
    let path = path()?;
    std::fs::create_dir_all(path.parent()?).ok()?;
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path).ok()?;
    let history = FileBackedHistory::with_file(HISTORY_SIZE, path).ok()?;
    Some(Box::new(history))
}

fn path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("sockeye-cli").join("history"))
}
