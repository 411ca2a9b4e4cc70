//! Files that are there whole or not at all.

use super::OutputError;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What writes into the temporary file; it can seek.
pub type AtomicWriter<'a> = BufWriter<&'a mut File>;

/// Beginning and end of the names of temporary files.
pub(super) const TEMPORARY: (&str, &str) = (".pgflow-", ".tmp");

/// Writes a file whole or not at all: `write` fills a temporary file in the same directory, which is flushed, synced, and renamed to
/// `path`, replacing what was there; then the directory is synced. After an error `path` is as it was and the temporary file is gone.
///
/// # Errors
/// [`OutputError::Io`], with the step that failed.
pub fn write_atomically<F>(path: &Path, write: F) -> Result<(), OutputError>
where
    F: FnOnce(&mut AtomicWriter<'_>) -> io::Result<()>,
{
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let failed = |action| move |source| OutputError::io(path, action, source);
    let mut temporary = create(directory).map_err(failed("creating a temporary file beside it"))?;
    let mut writer = BufWriter::with_capacity(1 << 16, temporary.as_file_mut());
    write(&mut writer).and_then(|()| writer.flush()).map_err(failed("writing"))?;
    drop(writer);
    temporary.as_file().sync_all().map_err(failed("syncing"))?;
    temporary.persist(path).map_err(|error| OutputError::io(path, "renaming the temporary file", error.error))?;
    sync_directory(directory).map_err(failed("syncing its directory"))
}

fn create(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Results are for colleagues too: the usual mode, less the user's umask.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}
