//! Rules on single values.

use crate::config::error::Flaw;
use crate::config::located::{Located, Span};
use std::path::{Path, PathBuf};

/// A positive, finite number.
pub(super) fn positive(key: &str, value: &Located<f64>) -> Result<f64, Flaw> {
    positive_at(key, &value.span, value.value)
}

/// A positive, finite number that was written at `span`.
pub(super) fn positive_at(key: &str, span: &Span, value: f64) -> Result<f64, Flaw> {
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(Flaw::value(key, span, "is out of range: it must be positive and finite"))
}

/// A finite number that is not negative.
pub(super) fn not_negative(key: &str, value: &Located<f64>) -> Result<f64, Flaw> {
    not_negative_at(key, &value.span, value.value)
}

/// A finite number that is not negative, written at `span`.
pub(super) fn not_negative_at(key: &str, span: &Span, value: f64) -> Result<f64, Flaw> {
    if value >= 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(Flaw::value(key, span, "is out of range: it must be finite and at least 0"))
}

/// Joins a path to the directory of the file and writes it back.
pub(super) fn path(key: &str, value: &mut Located<String>, base: &Path) -> Result<PathBuf, Flaw> {
    if value.is_empty() {
        return Err(Flaw::value(key, &value.span, "is not allowed: it must be the path of a file"));
    }
    let joined = base.join(&value.value);
    match joined.to_str() {
        Some(text) => value.value = text.to_owned(),
        None => return Err(Flaw::value(key, &value.span, "lies in a directory whose name is not Unicode: move the experiment")),
    }
    Ok(joined)
}

/// An optional positive number.
pub(super) fn optional_positive(key: &str, value: &Option<Located<f64>>) -> Result<Option<f64>, Flaw> {
    value.as_ref().map(|value| positive(key, value)).transpose()
}

/// An integer from `least`.
pub(super) fn at_least(key: &str, value: &Located<usize>, least: usize) -> Result<usize, Flaw> {
    if value.value >= least {
        return Ok(value.value);
    }
    Err(Flaw::value(key, &value.span, format!("is out of range: it must be at least {least}")))
}

/// A name that can be part of a path and of a table.
pub(super) fn name(key: &str, value: &Located<String>) -> Result<String, Flaw> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !value.is_empty() && value.chars().all(fits) {
        return Ok(value.value.clone());
    }
    Err(Flaw::value(key, &value.span, "is not allowed: a name is one or more of the characters A-Z, a-z, 0-9, _ and -"))
}

/// Bytes of an array, if an array of this size can exist at all.
pub(super) fn bytes(dimensions: &[usize], width: usize) -> Option<usize> {
    dimensions.iter().try_fold(width, |product, &n| product.checked_mul(n)).filter(|&bytes| isize::try_from(bytes).is_ok())
}

/// The index of the one variant that a table holds.
pub(super) fn exactly_one(key: &str, table: &Span, variants: &[(&str, Option<Span>)]) -> Result<usize, Flaw> {
    let mut held: Vec<(usize, &str, &Span)> =
        variants.iter().enumerate().filter_map(|(i, (name, span))| span.as_ref().map(|span| (i, *name, span))).collect();
    held.sort_by_key(|(_, _, span)| span.start);
    match held.as_slice() {
        [(index, _, _)] => Ok(*index),
        [] => {
            let names: Vec<String> = variants.iter().map(|(name, _)| format!("`{key}.{name}`")).collect();
            Err(Flaw::presence(key, table, format!("chooses nothing: add exactly one of the tables {}", names.join(", "))))
        }
        [(_, first, _), (_, second, span), ..] => Err(Flaw::presence(
            format!("{key}.{second}"),
            span,
            format!("cannot stand beside `{key}.{first}`: choose one and remove the other"),
        )),
    }
}

/// The span of an optional value.
pub(super) fn span_of<T>(value: &Option<Located<T>>) -> Option<Span> {
    value.as_ref().map(|value| value.span.clone())
}

/// Refuses a key that has no meaning beside another choice.
pub(super) fn absent<T>(key: &str, value: &Option<Located<T>>, reason: &str) -> Result<(), Flaw> {
    match value {
        None => Ok(()),
        Some(value) => Err(Flaw::presence(key, &value.span, format!("has no place here: {reason}"))),
    }
}
