//! What can go wrong with files that are written.

use std::io;
use std::path::{Path, PathBuf};

/// A file or directory that cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// An operation on a path failed.
    #[error("{}: {action} failed: {source}{}", path.display(), remedy(source))]
    Io {
        /// The file or directory that was to be there.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A path is there, and is no directory.
    #[error("{}: is not a directory; choose another with --out", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// A directory holds another configuration's results.
    #[error(
        "{}: holds results of another configuration (its hash is {found}, this one's {expected}); choose another directory with --out, or \
         replace them with --force", path.display()
    )]
    OtherConfiguration {
        /// The directory.
        path: PathBuf,
        /// The beginning of the hash there.
        found: String,
        /// The beginning of this configuration's hash.
        expected: String,
    },
    /// A directory holds an interrupted run of this configuration.
    #[error("{}: holds an interrupted run of this configuration; go on with --resume, or start afresh with --force", path.display())]
    InterruptedRun {
        /// The directory.
        path: PathBuf,
    },
    /// Another process writes its results there.
    #[error("{}: another run is writing its results there; wait for it, or choose another directory with --out", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A directory holds files, but no run.
    #[error(
        "{}: holds files that are not this run's results ({example:?}, for one); choose another directory with --out, or write among them \
         with --force", path.display()
    )]
    ForeignFiles {
        /// The directory.
        path: PathBuf,
        /// One of them.
        example: String,
    },
    /// A manifest that cannot be understood.
    #[error(
        "{}: is not a manifest that this version reads: {reason}; choose another directory with --out, or replace it with --force",
        path.display()
    )]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl OutputError {
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        OutputError::Io { path: path.to_owned(), action, source }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind::*;
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => "; free some space, or choose another directory with --out",
        PermissionDenied | ReadOnlyFilesystem => "; choose a directory that you can write to with --out",
        NotFound => "; create its directory first",
        NotADirectory | IsADirectory | AlreadyExists => "; choose another path with --out",
        _ => "",
    }
}

impl OutputError {
    /// Whether nothing is wrong with the directory except that its results must not be touched.
    pub fn is_refusal(&self) -> bool {
        use OutputError as E;
        matches!(self, E::OtherConfiguration { .. } | E::InterruptedRun { .. } | E::InUse { .. } | E::ForeignFiles { .. })
    }
}
