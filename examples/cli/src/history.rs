//! The commands of former sessions, in a file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file to which each command is added when it is given, for the eyes of its owner only.
#[derive(Debug, Default)]
pub(crate) struct History {
    file: Option<File>,
}

/// How many commands are kept. The file has twice as many before it is shortened.
const MOST: usize = 1_000;

impl History {
    /// Opens the file, if there can be one; gives also what is in it.
    pub(crate) fn open() -> (Self, Vec<String>) {
        path().map_or_else(Default::default, |path| Self::at(&path))
    }

    fn at(path: &Path) -> (Self, Vec<String>) {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let all: Vec<String> = text.lines().map(str::to_owned).collect();
        let last = all[all.len().saturating_sub(MOST)..].to_vec();
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut history = Self { file: options.open(path).ok() };
        if all.len() > 2 * MOST {
            history.file = history.file.filter(|file| file.set_len(0).is_ok());
            last.iter().for_each(|line| history.add(line));
        }
        (history, last)
    }

    pub(crate) fn add(&mut self, line: &str) {
        if let Some(file) = &mut self.file {
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }
}

fn path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("sockeye-cli").join("history"))
}

#[cfg(test)]
mod tests {
    use super::{History, MOST};

    #[test]
    fn commands_are_kept_and_the_file_stays_small() {
        let folder = std::env::temp_dir().join(format!("sockeye-cli-{}", std::process::id()));
        let path = folder.join("history");
        let (mut history, former) = History::at(&path);
        assert!(former.is_empty());
        (0..=2 * MOST).for_each(|n| history.add(&n.to_string()));
        let (_, former) = History::at(&path);
        assert_eq!((former.len(), former[MOST - 1].as_str()), (MOST, "2000"));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), MOST);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
