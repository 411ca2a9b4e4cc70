//! Loading: text, overrides, deserialisation, resolution.

use super::deserialize::from_document;
use super::document::{Texts, parse_document};
use super::error::{Complaint, ConfigError, Defect, Flaw, Location};
use super::experiment::Experiment;
use super::schema::File;
use super::{overrides, render, resolve};
use std::path::Path;

/// The text of a configuration, and the name by which messages call it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// `quickstart.toml`, `<stdin>`.
    pub name: &'a str,
    /// The text.
    pub text: &'a str,
}

/// A configuration that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What to run.
    pub experiment: Experiment,
    /// The configuration with every default and every seed filled in and paths absolute, as TOML. Loading it gives an equal experiment and
    /// the same text.
    pub resolved: String,
}

/// Parses a configuration, applies overrides (`key.path=value`), and resolves it. Reads no file.
///
/// Relative paths in it are joined to `base_dir`, which itself starts at the working directory if it is relative.
///
/// ```
/// use pgflow::config::{Source, load, template};
/// let text = template("minimal").unwrap();
/// let loaded = load(Source { name: "minimal.toml", text }, &["record.horizon=5".into()], ".".as_ref())?;
/// assert_eq!(loaded.experiment.record.horizon, 5.0);
/// # Ok::<(), pgflow::config::ConfigError>(())
/// ```
///
/// # Errors
/// Every rule that is broken, with its place, the value, what is allowed, and the remedy.
pub fn load(source: Source<'_>, overrides: &[String], base_dir: &Path) -> Result<Loaded, ConfigError> {
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let mut texts = Texts::new(source.name, text);
    match load_into(&mut texts, text, overrides, base_dir) {
        Ok(loaded) => Ok(loaded),
        Err(Failure::Flaws(mut flaws)) => {
            flaws.sort_by_key(|flaw| flaw.span.as_ref().map(|span| span.start));
            Err(ConfigError { complaints: flaws.into_iter().map(|flaw| flaw.report(&texts)).collect() })
        }
        Err(Failure::Other(message)) => {
            let location = Location::File { name: source.name.to_owned(), line: 1, column: 1 };
            Err(ConfigError { complaints: vec![Complaint { location, defect: Defect::Internal(message) }] })
        }
    }
}

enum Failure {
    Flaws(Vec<Flaw>),
    Other(String),
}

impl From<Flaw> for Failure {
    fn from(flaw: Flaw) -> Self {
        Failure::Flaws(vec![flaw])
    }
}

fn load_into<'a>(texts: &mut Texts<'a>, text: &str, overrides: &'a [String], base_dir: &Path) -> Result<Loaded, Failure> {
    let mut root = parse_document(text)?;
    overrides::apply(&mut root, overrides, texts)?;
    let mut file: File = from_document(&root)?;
    let directory = if base_dir.as_os_str().is_empty() { Path::new(".") } else { base_dir };
    let base = std::path::absolute(directory)
        .map_err(|error| Failure::Other(format!("the directory {} cannot be made absolute: {error}", directory.display())))?;
    let experiment = resolve::resolve(&mut file, &base).map_err(Failure::Flaws)?;
    let resolved = render::render(&file).map_err(Failure::Other)?;
    Ok(Loaded { experiment, resolved })
}
