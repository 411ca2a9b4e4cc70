//! From the arguments to an experiment.

use super::arguments::ConfigArguments;
use super::error::CliError;
use crate::config::{self, Loaded, Source};
use std::io::Read;
use std::path::Path;

/// Reads, overrides and resolves the configuration that the arguments name.
pub fn load(arguments: &ConfigArguments) -> Result<Loaded, CliError> {
    let path = arguments.config.as_path();
    let failed = |source| CliError::Read { path: path.to_owned(), source };
    let (name, text, base) = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        ("<stdin>".to_owned(), text, Path::new("."))
    } else {
        let text = std::fs::read_to_string(path).map_err(failed)?;
        (path.display().to_string(), text, path.parent().unwrap_or(Path::new(".")))
    };
    Ok(config::load(Source { name: &name, text: &text }, &arguments.set, base)?)
}
