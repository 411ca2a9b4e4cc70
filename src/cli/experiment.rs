//! From the arguments to an experiment.

use super::arguments::ConfigArguments;
use super::error::CliError;
use crate::config::{self, Loaded, Source};
use std::io::Read;
use std::path::Path;

/// Reads, overrides and resolves the configuration that the arguments name.
pub fn load(arguments: &ConfigArguments) -> Result<Loaded, CliError> {
    let (name, text) = read(&arguments.config)?;
    Ok(config::load(Source { name: &name, text: &text }, &arguments.set, base(&arguments.config))?)
}

/// Where relative paths of a configuration start.
pub fn base(path: &Path) -> &Path {
    if path == Path::new("-") { Path::new(".") } else { path.parent().unwrap_or(Path::new(".")) }
}

/// A configuration's name in messages, and its text.
pub fn read(path: &Path) -> Result<(String, String), CliError> {
    let failed = |source| CliError::Read { path: path.to_owned(), source };
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(("<stdin>".to_owned(), text));
    }
    Ok((path.display().to_string(), std::fs::read_to_string(path).map_err(failed)?))
}
