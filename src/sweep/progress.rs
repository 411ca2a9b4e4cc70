//! How far running shards are: `DIR/progress/<host>-<process>-<start>.json`, one small file a process, which nobody else writes.
//!
//! A process rewrites its file every ten seconds or so, whole, and removes it at its end. There are no locks: on a shared file system all that can go wrong
//! is that a file is seen late, and that one stays behind when its process is killed. Whoever reads takes files for dead whose last change is
//! [`STALE`] ago; clocks of machines that differ by less than a minute do not matter. Nothing but `status` looks at these files.

use crate::output::{OutputError, write_atomically};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The directory of progress in that of a sweep.
const PROGRESS: &str = "progress";
/// After this long without a change a process counts as dead: some rewritings, and a minute for what shared file systems remember of files.
pub const STALE: Duration = Duration::from_secs(120);
/// After this long what a dead process left is removed.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// How far a process is with its shard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShardProgress {
    /// The machine's name.
    pub host: String,
    /// The process's number there.
    pub process: u32,
    /// Its shard, `K/N`.
    pub shard: String,
    /// Tasks that it had to do.
    pub pending: usize,
    /// Tasks that it has done.
    pub done: usize,
    /// Of these, without trajectories.
    pub failed: usize,
    /// Tasks under way.
    pub running: usize,
    /// Seconds since it began.
    pub elapsed: f64,
    /// Seconds that are left by the pace so far, once there is one.
    pub left: Option<f64>,
}

impl ShardProgress {
    /// The time left, given the part of the work that is done.
    pub fn seconds_left(elapsed: f64, part: f64) -> Option<f64> {
        // The first hundredth is start-up.
        (0.01..=1.0).contains(&part).then(|| elapsed * (1.0 - part) / part)
    }
}

/// The file of this process; `started` tells processes of one number apart.
pub fn progress_path(sweep: &Path, host: &str, process: u32, started: Duration) -> PathBuf {
    let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    sweep.join(PROGRESS).join(format!("{host}-{process}-{}.json", started.as_millis()))
}

/// Writes how far a process is, and makes the directory if it is not there.
///
/// # Errors
/// Writing; a run goes on without.
pub fn write_progress(path: &Path, progress: &ShardProgress) -> Result<(), OutputError> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(|source| OutputError::Io { path: directory.to_owned(), action: "making it", source })?;
    }
    write_atomically(path, |writer| {
        serde_json::to_writer(&mut *writer, progress)?;
        writer.write_all(b"\n")
    })
}

/// Removes the file of a process that ends, and what processes left that died long ago. What cannot be removed stays.
pub fn remove_progress(path: &Path) {
    let _ = std::fs::remove_file(path);
    let Some(entries) = path.parent().and_then(|directory| std::fs::read_dir(directory).ok()) else { return };
    for entry in entries.flatten() {
        if age(&entry.path()).is_some_and(|age| age > FORGOTTEN) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn age(path: &Path) -> Option<Duration> {
    let changed = std::fs::metadata(path).ok()?.modified().ok()?;
    // A file from the future, by another machine's clock, is new.
    Some(SystemTime::now().duration_since(changed).unwrap_or_default())
}

/// What running processes say, in the order of their files' names; dead ones are left out, and files that cannot be read.
pub fn read_progress(sweep: &Path) -> Vec<ShardProgress> {
    let Ok(entries) = std::fs::read_dir(sweep.join(PROGRESS)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json") && age(path).is_some_and(|age| age < STALE));
    paths.sort();
    paths.iter().filter_map(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn living_processes_are_seen_dead_ones_are_not() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read_progress(directory.path()).is_empty());
        let path = |process| progress_path(directory.path(), "node.1", process, Duration::from_millis(5));
        let progress = ShardProgress { host: "node1".into(), process: 7, shard: "0/2".into(), pending: 9, ..ShardProgress::default() };
        write_progress(&path(7), &progress).unwrap();
        write_progress(&path(8), &progress).unwrap();
        assert!(path(7).ends_with("progress/node1-7-5.json"));
        assert_eq!(read_progress(directory.path()), [progress.clone(), progress.clone()]);
        let backdate = |process, by| {
            let file = std::fs::File::options().write(true).open(path(process)).unwrap();
            file.set_modified(SystemTime::now() - by).unwrap();
        };
        backdate(7, 2 * STALE);
        assert_eq!(read_progress(directory.path()).len(), 1);
        remove_progress(&path(8));
        assert!(!path(8).exists() && path(7).exists());
        backdate(7, 2 * FORGOTTEN);
        remove_progress(&path(8));
        assert!(!path(7).exists());
        std::fs::write(path(9), "{").unwrap();
        assert!(read_progress(directory.path()).is_empty());
    }

    #[test]
    fn time_left_is_told_once_there_is_a_pace() {
        assert_eq!(ShardProgress::seconds_left(10.0, 0.0), None);
        assert_eq!(ShardProgress::seconds_left(10.0, 0.25), Some(30.0));
        assert_eq!(ShardProgress::seconds_left(10.0, 1.0), Some(0.0));
    }
}
