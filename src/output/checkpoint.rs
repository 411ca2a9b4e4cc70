//! The container of `checkpoint.bin`.
//!
//! | bytes | are |
//! |---|---|
//! | 8 | `PGFLOWCP` |
//! | 4 | version of the container and its contents, little-endian |
//! | 32 | SHA-256 of the configuration |
//! | 8 | length of the payload, little-endian |
//! | … | the payload in postcard's format; floating-point numbers keep every bit |
//! | 32 | SHA-256 of all bytes before |

use super::{Digest, OutputError, write_atomically};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The version that this build writes and reads; to be raised whenever the payload's types change, because the payload does not
/// describe itself.
pub const CHECKPOINT_VERSION: u32 = 8;

const MAGIC: &[u8; 8] = b"PGFLOWCP";
const HEADER: usize = 8 + 4 + 32 + 8;
const CHECKSUM: usize = 32;

/// A checkpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{}: is not a checkpoint of pgflow; start afresh with --force", path.display())]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
    },
    /// Another version of pgflow wrote it.
    #[error(
        "{}: has version {found}, this pgflow reads version {CHECKPOINT_VERSION}; resume with the pgflow that wrote it, or start afresh \
         with --force", path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// It belongs to another configuration.
    #[error(
        "{}: belongs to another configuration (its hash is {found}, this one's {expected}); resume with the configuration it was written \
         for, or start afresh with --force", path.display()
    )]
    OtherConfiguration {
        /// The file.
        path: PathBuf,
        /// The beginning of its hash.
        found: String,
        /// The beginning of this configuration's hash.
        expected: String,
    },
    /// Its bytes are not those that were written.
    #[error("{}: is damaged ({reason}); start afresh with --force", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// It cannot be written.
    #[error("{}: the state cannot be encoded: {reason}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] OutputError),
}

/// Writes a checkpoint, whole or not at all.
///
/// # Errors
/// [`CheckpointError::Encode`], [`CheckpointError::Write`].
pub fn save_checkpoint<T: Serialize>(path: &Path, configuration: &Digest, payload: &T) -> Result<(), CheckpointError> {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&CHECKPOINT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&configuration.0);
    bytes.extend_from_slice(&[0; 8]);
    let mut bytes = postcard::to_extend(payload, bytes)
        .map_err(|error| CheckpointError::Encode { path: path.to_owned(), reason: error.to_string() })?;
    let length = (bytes.len() - HEADER) as u64;
    bytes[HEADER - 8..HEADER].copy_from_slice(&length.to_le_bytes());
    let checksum = Digest::of(&bytes);
    write_atomically(path, |writer| writer.write_all(&bytes).and_then(|()| writer.write_all(&checksum.0)))?;
    Ok(())
}

/// Reads a checkpoint that was written for a configuration.
///
/// # Errors
/// In this order: it cannot be read, is no checkpoint, has another version, is damaged, belongs to another configuration.
pub fn load_checkpoint<T: DeserializeOwned>(path: &Path, configuration: &Digest) -> Result<T, CheckpointError> {
    let bytes = read(path)?;
    let (found, payload) = verify(path, &bytes)?;
    if found != *configuration {
        let (found, expected) = (found.short(), configuration.short());
        return Err(CheckpointError::OtherConfiguration { path: path.to_owned(), found, expected });
    }
    match postcard::take_from_bytes(payload) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(damaged(path, format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(damaged(path, format!("its payload is not of this version: {error}"))),
    }
}

/// The hash of the configuration that a checkpoint belongs to.
///
/// # Errors
/// As [`load_checkpoint`], without the comparison.
pub fn checkpoint_configuration(path: &Path) -> Result<Digest, CheckpointError> {
    verify(path, &read(path)?).map(|(found, _)| found)
}

fn read(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    std::fs::read(path).map_err(|source| CheckpointError::Read { path: path.to_owned(), source })
}

fn damaged(path: &Path, reason: impl Into<String>) -> CheckpointError {
    CheckpointError::Damaged { path: path.to_owned(), reason: reason.into() }
}

/// The configuration's hash and the payload of a checkpoint whose checksum is right.
fn verify<'a>(path: &Path, bytes: &'a [u8]) -> Result<(Digest, &'a [u8]), CheckpointError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| CheckpointError::NotACheckpoint { path: path.to_owned() })?;
    let short = || damaged(path, "it is cut short");
    let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let found = u32::from_le_bytes(*version);
    if found != CHECKPOINT_VERSION {
        return Err(CheckpointError::OtherVersion { path: path.to_owned(), found });
    }
    let (configuration, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let (payload, checksum) = rest.split_last_chunk::<CHECKSUM>().ok_or_else(short)?;
    if payload.len() as u64 != u64::from_le_bytes(*length) {
        return Err(damaged(path, "its length is not the one that it names"));
    }
    if Digest::of(&bytes[..bytes.len() - CHECKSUM]).0 != *checksum {
        return Err(damaged(path, "its checksum is wrong"));
    }
    Ok((Digest(*configuration), payload))
}
