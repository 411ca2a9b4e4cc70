//! The directory of a run.

use super::atomic::TEMPORARY;
use super::manifest::Status;
use super::{Digest, MANIFEST_SCHEMA, OutputError, checkpoint_configuration, write_atomically};
use super::{write_comparison, write_snapshots, write_spectrum, write_trajectories, write_vectors};
use crate::simulation::RunRecord;
use serde::Deserialize;
use std::fs::File;
#[cfg(unix)]
use std::fs::TryLockError;
use std::path::{Path, PathBuf};

/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// Name of the resolved configuration.
pub const CONFIG: &str = "config.toml";
/// Name of the table of observables.
pub const TRAJECTORIES: &str = "trajectories.csv";
/// Name of the table of singular values.
pub const SPECTRUM: &str = "spectrum.csv";
/// Name of the table of deviations.
pub const COMPARISON: &str = "comparison.csv";
/// Name of the factors' archive.
pub const SNAPSHOTS: &str = "snapshots.npz";
/// Name of the singular vectors.
pub const VECTORS: &str = "vectors.npz";
/// Name of the checkpoint.
pub const CHECKPOINT: &str = "checkpoint.bin";
/// Name of the report.
pub const REPORT: &str = "report.html";
/// The folder of the figures.
pub const FIGURES: &str = "figures";

/// Every file that a run writes into its directory.
const RESULTS: [&str; 9] = [MANIFEST, CONFIG, TRAJECTORIES, SPECTRUM, COMPARISON, SNAPSHOTS, VECTORS, CHECKPOINT, REPORT];

/// Endings of a figure's files.
const FIGURE_ENDINGS: [&str; 4] = ["svg", "png", "csv", "tex"];

/// Removes the figures of a run or a sweep: files of a figure's endings beside an SVG of the same name. Other files stay.
///
/// # Errors
/// A folder that cannot be read, or a file that cannot be removed.
pub fn clear_figures(directory: &Path) -> Result<(), OutputError> {
    let folder = directory.join(FIGURES);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(OutputError::io(&folder, "reading the directory", source)),
    };
    for entry in entries {
        let path = entry.map_err(|source| OutputError::io(&folder, "reading the directory", source))?.path();
        if path.extension().is_none_or(|ending| ending != "svg") {
            continue;
        }
        // The drawing last: as long as it is there, what belongs to it is known.
        for file in FIGURE_ENDINGS.iter().rev().map(|ending| path.with_extension(ending)) {
            match std::fs::remove_file(&file) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(OutputError::io(&file, "removing an old figure", source));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// What to do about results that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Refuse what is not a finished run of the same configuration.
    Protect,
    /// Go on from an interrupted run of the same configuration; where there is none, begin (`--resume`).
    Resume,
    /// Replace every result, leave other files alone (`--force`).
    Replace,
}

/// `runs/<name>`.
pub fn default_directory(name: &str) -> PathBuf {
    Path::new("runs").join(name)
}

/// A directory that a run may write to, and no other run as long as this lives.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// Holds the lock; released when the process ends, however it ends.
    _lock: Option<File>,
}

/// As much of a manifest as tells whose results these are; further fields may be of any version.
#[derive(Deserialize)]
struct Owner {
    schema_version: u32,
    config_hash: Digest,
    status: Status,
}

impl RunDirectory {
    /// Makes a directory ready for a run of the configuration with the given hash, creating it if need be.
    ///
    /// | the directory | `Protect` | `Resume` | `Replace` |
    /// |---|---|---|---|
    /// | is absent or empty | used | used | used |
    /// | holds a finished run of this configuration | used: its files are overwritten, with the same bytes | used | results removed |
    /// | holds an interrupted run of this configuration | refused | used | results removed |
    /// | holds a run of another configuration | refused | refused | results removed |
    /// | holds other files only | refused | refused | used |
    ///
    /// Whose results they are is told by `manifest.json`, or, where a run was killed before it could write one, by `checkpoint.bin`.
    /// Files that no run writes are never touched, except temporary files left by a killed run.
    ///
    /// A directory that another process has made ready and not yet given up is refused in any case.
    ///
    /// # Errors
    /// The refusals above, and directories that cannot be read or made.
    pub fn prepare(path: &Path, configuration: &Digest, existing: Existing) -> Result<Self, OutputError> {
        let mut directory = RunDirectory { path: path.to_owned(), _lock: None };
        // Says first what is wrong with a path that is no directory.
        directory.names()?;
        std::fs::create_dir_all(path).map_err(|source| OutputError::io(path, "creating the directory", source))?;
        directory._lock = lock(path)?;
        let names = directory.names()?;
        let has = |name: &str| names.iter().any(|other| other == name);
        if existing != Existing::Replace {
            let owner = directory.owner(has(MANIFEST), has(CHECKPOINT))?;
            directory.check(owner, configuration, existing, &names)?;
        }
        let stale = |name: &str| existing == Existing::Replace && RESULTS.contains(&name);
        for name in names.iter().filter(|name| is_temporary(name) || stale(name)) {
            let file = path.join(name);
            std::fs::remove_file(&file).map_err(|source| OutputError::io(&file, "removing an old result", source))?;
        }
        if existing == Existing::Replace {
            clear_figures(path)?;
        }
        Ok(directory)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes the tables, and the snapshots if some trajectory has them.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_record(&self, record: &RunRecord) -> Result<(), OutputError> {
        write_atomically(&self.file(TRAJECTORIES), |writer| write_trajectories(record, writer))?;
        write_atomically(&self.file(SPECTRUM), |writer| write_spectrum(record, writer))?;
        write_atomically(&self.file(COMPARISON), |writer| write_comparison(record, writer))?;
        if record.trajectories.iter().any(|trajectory| trajectory.snapshots.is_some()) {
            write_atomically(&self.file(SNAPSHOTS), |writer| write_snapshots(record, writer))?;
        }
        if record.trajectories.iter().any(|trajectory| trajectory.vectors.is_some()) {
            write_atomically(&self.file(VECTORS), |writer| write_vectors(record, writer))?;
        }
        Ok(())
    }

    /// Removes the checkpoint of a run that has come to its end.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn remove_checkpoint(&self) -> Result<(), OutputError> {
        let file = self.file(CHECKPOINT);
        match std::fs::remove_file(&file) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(OutputError::io(&file, "removing", source)),
            _ => Ok(()),
        }
    }

    /// The names of what it holds; none if it is absent.
    fn names(&self) -> Result<Vec<String>, OutputError> {
        let path = &self.path;
        let failed = |source| OutputError::io(path, "reading the directory", source);
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
            Ok(metadata) if !metadata.is_dir() => return Err(OutputError::NotADirectory { path: path.clone() }),
            Ok(_) => {}
        }
        let entries = std::fs::read_dir(path).map_err(failed)?;
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// Whose results it holds, and whether they are finished (also where a full disk kept them from being written whole).
    fn owner(&self, has_manifest: bool, has_checkpoint: bool) -> Result<Option<(Digest, Status)>, OutputError> {
        if has_manifest {
            let path = self.file(MANIFEST);
            let text = std::fs::read(&path).map_err(|source| OutputError::io(&path, "reading", source))?;
            let owner: Owner =
                serde_json::from_slice(&text).map_err(|error| OutputError::Manifest { path: path.clone(), reason: error.to_string() })?;
            if owner.schema_version > MANIFEST_SCHEMA {
                let reason = format!("schema_version is {}, expected at most {MANIFEST_SCHEMA}", owner.schema_version);
                return Err(OutputError::Manifest { path, reason });
            }
            return Ok(Some((owner.config_hash, owner.status)));
        }
        // A checkpoint that cannot be read tells nothing; loading it says why.
        let from_checkpoint = || checkpoint_configuration(&self.file(CHECKPOINT)).ok().map(|found| (found, Status::Interrupted));
        // The resolved configuration is written before the tables; its digest is the configuration's.
        let from_configuration = || std::fs::read(self.file(CONFIG)).ok().map(|text| (Digest::of(text), Status::Completed));
        Ok(if has_checkpoint { from_checkpoint() } else { None }.or_else(from_configuration))
    }

    fn check(
        &self,
        owner: Option<(Digest, Status)>,
        configuration: &Digest,
        existing: Existing,
        names: &[String],
    ) -> Result<(), OutputError> {
        let path = self.path.clone();
        let resume = existing == Existing::Resume;
        match owner {
            Some((found, _)) if found != *configuration => {
                Err(OutputError::OtherConfiguration { path, found: found.short(), expected: configuration.short() })
            }
            Some((_, Status::Interrupted)) if !resume => Err(OutputError::InterruptedRun { path }),
            Some(_) => Ok(()),
            None => match names.iter().find(|name| !is_temporary(name)) {
                Some(example) => Err(OutputError::ForeignFiles { path, example: example.clone() }),
                None => Ok(()),
            },
        }
    }
}

/// An exclusive lock on the directory itself, so that nothing has to be left in it. `None` where the system has no such locks: a run
/// is not refused for that.
#[cfg(unix)]
fn lock(path: &Path) -> Result<Option<File>, OutputError> {
    let directory = File::open(path).map_err(|source| OutputError::io(path, "opening the directory", source))?;
    match directory.try_lock() {
        Ok(()) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => Err(OutputError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

#[cfg(not(unix))]
fn lock(_path: &Path) -> Result<Option<File>, OutputError> {
    Ok(None)
}

fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1)
}
