//! What can be wrong with a configuration, and where.

use super::document::Texts;
use super::located::Span;

/// Where a problem lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the file (or on standard input).
    File {
        /// The name to show.
        name: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// In an override, given as it was written.
    Override(String),
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Location::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Location::Override(text) => write!(f, "in --set {text}"),
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// The text is not TOML.
    #[error("invalid TOML: {0}")]
    Syntax(String),
    /// A key that does not exist here.
    #[error("unknown key `{key}` in {table}: {}allowed keys are {}", suggest(.nearest, '`'), join(.allowed))]
    UnknownKey {
        /// The key as written.
        key: String,
        /// The table that it stands in, in words.
        table: String,
        /// The nearest key that exists.
        nearest: Option<String>,
        /// All keys that exist here.
        allowed: Vec<String>,
    },
    /// A name that is not among those allowed.
    #[error("`{key}` = {value} is not allowed: {}allowed values are {}", suggest(.nearest, '"'), quote(.allowed))]
    UnknownValue {
        /// The key with its path.
        key: String,
        /// The value as written.
        value: String,
        /// The nearest value that is allowed.
        nearest: Option<String>,
        /// All values that are allowed.
        allowed: Vec<String>,
    },
    /// A value of another type than the key's.
    #[error("`{key}`{} is {found}, but it must be {expected}", equals(.value))]
    WrongType {
        /// The key with its path.
        key: String,
        /// The value as written; empty for tables.
        value: String,
        /// The type of the value.
        found: String,
        /// The type of the key.
        expected: String,
    },
    /// A key that must be there is not.
    #[error("`{key}` is missing: {remedy}")]
    Missing {
        /// The key with its path.
        key: String,
        /// What to write.
        remedy: String,
    },
    /// A value outside its range, or in conflict with another one.
    #[error("`{key}`{} {rule}", equals(.value))]
    Invalid {
        /// The key with its path.
        key: String,
        /// The value as written; empty for tables.
        value: String,
        /// The rule that it breaks, and the remedy.
        rule: String,
    },
    /// An override that cannot be applied.
    #[error("{0}")]
    Override(String),
    /// A point of a sweep that is no experiment.
    #[error("at the sweep's point {index} ({point}): {defect}")]
    Point {
        /// Which, counted from 0 in the order of the plan.
        index: usize,
        /// Its parameters.
        point: String,
        /// What is wrong there.
        defect: Box<Defect>,
    },
    /// The surroundings are at fault, not the text.
    #[error("{0}")]
    Internal(String),
}

/// A problem with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {defect}")]
pub struct Complaint {
    /// Where.
    pub location: Location,
    /// What.
    pub defect: Defect,
}

/// A configuration that is refused, with every problem that was found: one line each, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub complaints: Vec<Complaint>,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, complaint) in self.complaints.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{complaint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

fn join(names: &[String]) -> String {
    names.join(", ")
}

fn quote(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn suggest(nearest: &Option<String>, mark: char) -> String {
    nearest.as_ref().map(|name| format!("did you mean {mark}{name}{mark}? ")).unwrap_or_default()
}

fn equals(value: &str) -> String {
    if value.is_empty() { String::new() } else { format!(" = {value}") }
}

/// The name nearest to `name`, if one is near: at most a third of the letters differ.
pub(super) fn nearest(name: &str, candidates: impl IntoIterator<Item = impl AsRef<str>>) -> Option<String> {
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.as_ref().to_lowercase()), candidate.as_ref().to_owned()))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count().max(3)) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A problem before the texts are at hand: a position and what is wrong there.
#[derive(Clone, Debug)]
pub(super) struct Flaw {
    /// Where, once it is known.
    pub span: Option<Span>,
    /// The key's path; segments of tables in arrays are in brackets.
    pub path: Vec<String>,
    /// What.
    pub kind: Kind,
}

/// What is wrong, see [`Defect`].
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Syntax(String),
    UnknownKey { key: String, allowed: Vec<String> },
    UnknownValue { name: String, allowed: Vec<String> },
    WrongType { found: String, expected: String },
    Missing { remedy: String },
    Invalid { rule: String, show: bool },
    Override(String),
}

impl Flaw {
    pub fn at(span: Span, kind: Kind) -> Self {
        Flaw { span: Some(span), path: Vec::new(), kind }
    }

    /// `key = value` breaks a rule; the value is shown as it was written.
    pub fn value(key: impl Into<String>, span: &Span, rule: impl Into<String>) -> Self {
        Flaw { span: Some(span.clone()), path: vec![key.into()], kind: Kind::Invalid { rule: rule.into(), show: true } }
    }

    /// The presence of a key or table breaks a rule.
    pub fn presence(key: impl Into<String>, span: &Span, rule: impl Into<String>) -> Self {
        Flaw { span: Some(span.clone()), path: vec![key.into()], kind: Kind::Invalid { rule: rule.into(), show: false } }
    }

    /// A key is absent from the table at `span`.
    pub fn missing(key: impl Into<String>, span: &Span, remedy: impl Into<String>) -> Self {
        Flaw { span: Some(span.clone()), path: vec![key.into()], kind: Kind::Missing { remedy: remedy.into() } }
    }

    /// A name is not among those that exist.
    pub fn unknown(key: impl Into<String>, span: &Span, name: &str, allowed: Vec<String>) -> Self {
        Flaw { span: Some(span.clone()), path: vec![key.into()], kind: Kind::UnknownValue { name: name.to_owned(), allowed } }
    }

    /// Adds the position, unless a more precise one is known.
    pub fn located(mut self, span: &Span) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self
    }

    /// Puts a segment before the path.
    pub fn within(mut self, segment: String) -> Self {
        self.path.insert(0, segment);
        self
    }

    fn key(&self) -> String {
        let mut key = String::new();
        for segment in &self.path {
            if !key.is_empty() && !segment.starts_with('[') {
                key.push('.');
            }
            key.push_str(segment);
        }
        key
    }

    /// The problem as the user sees it.
    pub fn report(self, texts: &Texts<'_>) -> Complaint {
        let span = self.span.clone().unwrap_or(0..0);
        let (key, value) = (self.key(), texts.excerpt(&span));
        let defect = match self.kind {
            Kind::Syntax(message) => Defect::Syntax(message),
            Kind::Override(message) => Defect::Override(message),
            Kind::UnknownKey { key: name, allowed } => {
                let table = if key.is_empty() { "the top level".to_owned() } else { format!("`{key}`") };
                Defect::UnknownKey { nearest: nearest(&name, &allowed), key: name, table, allowed }
            }
            Kind::UnknownValue { name, allowed } => Defect::UnknownValue { nearest: nearest(&name, &allowed), key, value, allowed },
            Kind::WrongType { found, expected } => {
                let value = if found == "a table" || found == "an array of tables" { String::new() } else { value };
                Defect::WrongType { key, value, found, expected }
            }
            Kind::Missing { remedy } => Defect::Missing { key, remedy },
            Kind::Invalid { rule, show } => Defect::Invalid { key, value: if show { value } else { String::new() }, rule },
        };
        Complaint { location: texts.locate(&span), defect }
    }
}
