//! What the kernel knows of the server: CPU time and memory.

use std::fs;
use std::time::Duration;

/// Ticks in a second of the times in `/proc`, on all of Linux.
const TICKS: u32 = 100;

/// A process and all its descendants.
pub(crate) struct Processes {
    ids: Vec<u32>,
}

impl Processes {
    /// Finds the descendants that there are at this moment.
    pub(crate) fn of(root: u32) -> Self {
        let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|id| Some((id, stat(id, 4)?)))
            .collect();
        let mut ids = vec![root];
        let mut at = 0;
        while let Some(&parent) = ids.get(at) {
            ids.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
            at += 1;
        }
        Self { ids }
    }

    /// The CPU time of all threads, user's and system's, ended ones included.
    ///
    /// # Errors
    ///
    /// If a process is gone.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        let mut ticks = 0;
        for &id in &self.ids {
            ticks += stat(id, 14).zip(stat(id, 15)).map(|(u, s)| u + s).ok_or_else(gone)?;
        }
        Ok(Duration::from_secs(ticks.into()) / TICKS)
    }

    /// The memory that is resident, in bytes.
    ///
    /// # Errors
    ///
    /// If a process is gone.
    pub(crate) fn resident(&self) -> Result<u64, String> {
        let mut kib = 0;
        for id in &self.ids {
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let number = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
            kib += number.ok_or_else(gone)?;
        }
        Ok(kib * 1024)
    }
}

/// A field of `/proc/PID/stat`, counted from one as in proc(5).
fn stat(id: u32, field: usize) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is a name in parentheses, with whatever is in it.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(field - 3)?.parse().ok()
}

fn gone() -> String {
    "the server is gone".into()
}
