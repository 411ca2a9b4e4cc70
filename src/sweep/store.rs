//! Results on disk: `DIR/results/<id>.bin`, each written whole or not at all.
//!
//! A file is [`MAGIC`], the SHA-256 of what follows, and a [`TaskResult`] in postcard's format. A file that is cut short, altered, or another
//! task's is damaged: it counts as absent and is written again.

use super::error::SweepError;
use super::plan::Task;
use super::result::TaskResult;
use crate::output::{Digest, write_atomically};
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The directory of results in that of a sweep.
pub(super) const RESULTS: &str = "results";
/// The beginning of a result; the last byte is the version of what follows.
const MAGIC: &[u8; 8] = b"pgflowT\x01";
const HEADER: usize = MAGIC.len() + 32;

/// The results of a sweep.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

/// What there is of a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// Nothing.
    Absent,
    /// Something else than its result.
    Damaged,
    /// Its result.
    Present(Box<TaskResult>),
}

/// How far a sweep is, by the names of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Tasks.
    pub total: usize,
    /// Tasks with a file.
    pub present: usize,
}

impl Store {
    /// The results in a sweep's directory.
    pub fn new(sweep: &Path) -> Self {
        Store { directory: sweep.join(RESULTS) }
    }

    fn path(&self, id: &Digest) -> PathBuf {
        self.directory.join(format!("{id}.bin"))
    }

    /// Reads what there is of a task.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn read(&self, id: &Digest) -> Result<Stored, SweepError> {
        let path = self.path(id);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(decode(&bytes, id).map_or(Stored::Damaged, |result| Stored::Present(Box::new(result)))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Stored::Absent),
            Err(source) => Err(SweepError::Read { path, source }),
        }
    }

    /// Writes a result: to a temporary file, which is synced and renamed.
    ///
    /// # Errors
    /// Writing; nothing that was there is damaged.
    pub fn write(&self, result: &TaskResult) -> Result<(), SweepError> {
        let path = self.path(&result.id);
        let body = postcard::to_stdvec(result).map_err(|error| SweepError::Directory { path: path.clone(), reason: error.to_string() })?;
        write_atomically(&path, |writer| {
            writer.write_all(MAGIC)?;
            writer.write_all(&Digest::of(&body).0)?;
            writer.write_all(&body)
        })?;
        Ok(())
    }

    /// How far a sweep is. Looks at names alone; damaged files are found by running and collecting.
    ///
    /// # Errors
    /// A directory that cannot be listed.
    pub fn status(&self, tasks: &[Task]) -> Result<Status, SweepError> {
        let failed = |source| SweepError::Read { path: self.directory.clone(), source };
        let mut names = HashSet::new();
        for entry in std::fs::read_dir(&self.directory).map_err(failed)? {
            names.insert(entry.map_err(failed)?.file_name());
        }
        let present = tasks.iter().filter(|task| names.contains(std::ffi::OsStr::new(&format!("{}.bin", task.id)))).count();
        Ok(Status { total: tasks.len(), present })
    }
}

fn decode(bytes: &[u8], id: &Digest) -> Option<TaskResult> {
    let (header, body) = bytes.split_at_checked(HEADER)?;
    let (magic, digest) = header.split_at_checked(MAGIC.len())?;
    if magic != MAGIC || digest != Digest::of(body).0 {
        return None;
    }
    postcard::from_bytes::<TaskResult>(body).ok().filter(|result| result.id == *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_altered_or_foreign_counts_as_damaged() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(RESULTS)).unwrap();
        let store = Store::new(directory.path());
        let (id, other) = (Digest::of("a"), Digest::of("b"));
        assert_eq!(store.read(&id).unwrap(), Stored::Absent);
        let result = TaskResult::failed(id, "no reason".into());
        store.write(&result).unwrap();
        assert_eq!(store.read(&id).unwrap(), Stored::Present(Box::new(result)));
        let bytes = std::fs::read(store.path(&id)).unwrap();
        std::fs::write(store.path(&other), &bytes).unwrap();
        assert_eq!(store.read(&other).unwrap(), Stored::Damaged);
        for length in 0..bytes.len() {
            std::fs::write(store.path(&id), &bytes[..length]).unwrap();
            assert_eq!(store.read(&id).unwrap(), Stored::Damaged, "{length} bytes");
        }
        for bit in 0..8 * bytes.len() {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(store.path(&id), &altered).unwrap();
            assert_eq!(store.read(&id).unwrap(), Stored::Damaged, "bit {bit}");
        }
    }
}
