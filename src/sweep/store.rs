//! Results on disk: `DIR/results/<id>.bin`, or `<id>.failed` of a task without trajectories, each written whole or not at all.
//!
//! A file is [`MAGIC`], the SHA-256 of what follows, and a [`TaskResult`] in postcard's format, which begins with the id. A file that is cut short,
//! altered, or another task's is damaged: it counts as absent and is written again. Where both files are there and whole, the result counts: the failure
//! is that of an earlier try.

use super::error::SweepError;
use super::plan::Task;
use super::result::TaskResult;
use crate::output::{Digest, write_atomically};
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The directory of results in that of a sweep.
pub(super) const RESULTS: &str = "results";
/// What names of results end with, and those of failures.
const DONE: &str = "bin";
const FAILED: &str = "failed";
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

/// What there is of a task, without the result itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// Something else than its result.
    Damaged,
    /// Its result.
    Done,
    /// Why it failed.
    Failed,
}

/// How far a sweep is, by the names of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Tasks.
    pub total: usize,
    /// Tasks with a result.
    pub done: usize,
    /// Tasks that failed.
    pub failed: usize,
}

impl Store {
    /// The results in a sweep's directory.
    ///
    /// # Errors
    /// If there is no directory for results: a file system that is not mounted must not look like a sweep that has not begun.
    pub fn open(sweep: &Path) -> Result<Self, SweepError> {
        let directory = sweep.join(RESULTS);
        if directory.is_dir() { Ok(Store { directory }) } else { Err(SweepError::Vanished { path: directory }) }
    }

    fn path(&self, id: &Digest, failed: bool) -> PathBuf {
        self.directory.join(format!("{id}.{}", if failed { FAILED } else { DONE }))
    }

    fn bytes(&self, id: &Digest, failed: bool) -> Result<Option<Vec<u8>>, SweepError> {
        let path = self.path(id, failed);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SweepError::Read { path, source }),
        }
    }

    /// Reads what there is of a task.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn read(&self, id: &Digest) -> Result<Stored, SweepError> {
        let mut found = Stored::Absent;
        for failed in [false, true] {
            if let Some(bytes) = self.bytes(id, failed)? {
                match decode(&bytes, id).filter(|result| result.failure.is_some() == failed) {
                    Some(result) => return Ok(Stored::Present(Box::new(result))),
                    None => found = Stored::Damaged,
                }
            }
        }
        Ok(found)
    }

    /// Looks at what there is of a task: the checksum, and whose it is.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn find(&self, id: &Digest) -> Result<Found, SweepError> {
        let mut found = Found::Absent;
        for failed in [false, true] {
            if let Some(bytes) = self.bytes(id, failed)? {
                match body(&bytes).and_then(|body| postcard::take_from_bytes::<Digest>(body).ok()) {
                    Some((owner, _)) if owner == *id => return Ok(if failed { Found::Failed } else { Found::Done }),
                    _ => found = Found::Damaged,
                }
            }
        }
        Ok(found)
    }

    /// Writes a result: to a temporary file, which is synced and renamed. A result takes the place of a failure.
    ///
    /// # Errors
    /// Writing; nothing that was there is damaged.
    pub fn write(&self, result: &TaskResult) -> Result<(), SweepError> {
        let failed = result.failure.is_some();
        let path = self.path(&result.id, failed);
        let body = postcard::to_stdvec(result).map_err(|error| SweepError::Directory { path: path.clone(), reason: error.to_string() })?;
        write_atomically(&path, |writer| {
            writer.write_all(MAGIC)?;
            writer.write_all(&Digest::of(&body).0)?;
            writer.write_all(&body)
        })?;
        if !failed {
            // If it stays, for whatever reason, the result counts nevertheless.
            let _ = std::fs::remove_file(self.path(&result.id, true));
        }
        Ok(())
    }

    /// How far a sweep is. Looks at names alone; damaged files are found by running and collecting.
    ///
    /// # Errors
    /// A directory that cannot be listed.
    pub fn status(&self, tasks: &[Task]) -> Result<Status, SweepError> {
        let problem = |source| SweepError::Read { path: self.directory.clone(), source };
        let mut names = HashSet::new();
        for entry in std::fs::read_dir(&self.directory).map_err(problem)? {
            names.insert(entry.map_err(problem)?.file_name());
        }
        let mut status = Status { total: tasks.len(), ..Status::default() };
        for task in tasks {
            let has = |ending: &str| names.contains(std::ffi::OsStr::new(&format!("{}.{ending}", task.id)));
            if has(DONE) {
                status.done += 1;
            } else if has(FAILED) {
                status.failed += 1;
            }
        }
        Ok(status)
    }
}

/// What a whole file holds behind its checksum.
fn body(bytes: &[u8]) -> Option<&[u8]> {
    let (header, body) = bytes.split_at_checked(HEADER)?;
    let (magic, digest) = header.split_at_checked(MAGIC.len())?;
    (magic == MAGIC && digest == Digest::of(body).0).then_some(body)
}

fn decode(bytes: &[u8], id: &Digest) -> Option<TaskResult> {
    postcard::from_bytes::<TaskResult>(body(bytes)?).ok().filter(|result| result.id == *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(id: Digest) -> TaskResult {
        TaskResult { id, failure: None, columns: vec!["loss".into()], trajectories: vec![] }
    }

    #[test]
    fn what_is_cut_altered_or_foreign_counts_as_damaged() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(Store::open(directory.path()), Err(SweepError::Vanished { .. })));
        std::fs::create_dir(directory.path().join(RESULTS)).unwrap();
        let store = Store::open(directory.path()).unwrap();
        let (id, other) = (Digest::of("a"), Digest::of("b"));
        assert_eq!((store.read(&id).unwrap(), store.find(&id).unwrap()), (Stored::Absent, Found::Absent));
        store.write(&result(id)).unwrap();
        assert_eq!((store.read(&id).unwrap(), store.find(&id).unwrap()), (Stored::Present(Box::new(result(id))), Found::Done));
        let path = store.path(&id, false);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(store.path(&other, false), &bytes).unwrap();
        assert_eq!((store.read(&other).unwrap(), store.find(&other).unwrap()), (Stored::Damaged, Found::Damaged));
        let damaged = |bytes: &[u8], what: &str| {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!((store.read(&id).unwrap(), store.find(&id).unwrap()), (Stored::Damaged, Found::Damaged), "{what}");
        };
        for length in 0..bytes.len() {
            damaged(&bytes[..length], &format!("{length} bytes"));
        }
        for bit in 0..8 * bytes.len() {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            damaged(&altered, &format!("bit {bit}"));
        }
    }

    #[test]
    fn a_result_takes_the_place_of_a_failure_and_never_the_other_way() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(RESULTS)).unwrap();
        let (store, id) = (Store::open(directory.path()).unwrap(), Digest::of("a"));
        let task = Task { index: 0, id, instance: 0, cost: crate::sweep::Cost::default(), parameters: serde_json::Value::Null };
        let status = |done, failed| Status { total: 1, done, failed };
        let failure = TaskResult::failed(id, "no reason".into());
        store.write(&failure).unwrap();
        assert_eq!((store.read(&id).unwrap(), store.find(&id).unwrap()), (Stored::Present(Box::new(failure.clone())), Found::Failed));
        assert_eq!(store.status(std::slice::from_ref(&task)).unwrap(), status(0, 1));
        store.write(&result(id)).unwrap();
        assert!(!store.path(&id, true).exists());
        assert_eq!(store.status(std::slice::from_ref(&task)).unwrap(), status(1, 0));
        // A slower process that failed comes late.
        store.write(&failure).unwrap();
        assert_eq!((store.read(&id).unwrap(), store.find(&id).unwrap()), (Stored::Present(Box::new(result(id))), Found::Done));
        assert_eq!(store.status(std::slice::from_ref(&task)).unwrap(), status(1, 0));
    }
}
