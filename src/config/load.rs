//! Loading: text, overrides, deserialisation, resolution.

use super::deserialize::from_document;
use super::document::{Node, Texts, parse_document};
use super::error::{Complaint, ConfigError, Defect, Flaw};
use super::experiment::Experiment;
use super::schema::File;
use super::{overrides, render, resolve};
use std::path::{Path, PathBuf};

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
    load_into(&mut texts, text, overrides, base_dir).map_err(|failure| failure.report(&texts))
}

/// Why a configuration does not load.
pub(super) enum Failure {
    Flaws(Vec<Flaw>),
    Other(String),
}

impl Failure {
    /// As the user sees it, in the order of the file.
    pub fn report(self, texts: &Texts<'_>) -> ConfigError {
        match self {
            Failure::Flaws(mut flaws) => {
                flaws.sort_by_key(|flaw| flaw.span.as_ref().map(|span| span.start));
                ConfigError { complaints: flaws.into_iter().map(|flaw| flaw.report(texts)).collect() }
            }
            Failure::Other(message) => {
                ConfigError { complaints: vec![Complaint { location: texts.locate(&(0..0)), defect: Defect::Internal(message) }] }
            }
        }
    }
}

impl From<Flaw> for Failure {
    fn from(flaw: Flaw) -> Self {
        Failure::Flaws(vec![flaw])
    }
}

fn load_into<'a>(texts: &mut Texts<'a>, text: &str, overrides: &'a [String], base_dir: &Path) -> Result<Loaded, Failure> {
    let mut root = parse_document(text)?;
    overrides::apply(&mut root, overrides, texts)?;
    if let Some(sweep) = root.get("sweep") {
        let rule = "makes many experiments of one: write `pgflow sweep plan CONFIG -o DIR` and `pgflow sweep run DIR`, or remove the table";
        return Err(Flaw::presence("sweep", &sweep.span, rule).into());
    }
    let base = absolute(base_dir)?;
    load_document(&root, &base)
}

/// The directory at which relative paths start.
pub(super) fn absolute(base_dir: &Path) -> Result<PathBuf, Failure> {
    let directory = if base_dir.as_os_str().is_empty() { Path::new(".") } else { base_dir };
    std::path::absolute(directory)
        .map_err(|error| Failure::Other(format!("the directory {} cannot be made absolute: {error}", directory.display())))
}

/// A document without a sweep, resolved. `base` is absolute.
pub(super) fn load_document(root: &Node, base: &Path) -> Result<Loaded, Failure> {
    let mut file: File = from_document(root)?;
    let experiment = resolve::resolve(&mut file, base).map_err(Failure::Flaws)?;
    let resolved = render::render(&file).map_err(Failure::Other)?;
    Ok(Loaded { experiment, resolved })
}
