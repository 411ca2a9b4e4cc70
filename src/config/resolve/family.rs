//! Families: lists expanded to members, and the members' names.

use crate::config::error::Flaw;
use crate::config::located::{Located, Span};
use crate::config::values::OneOrMany;

/// Names and values of the parameters that were written as lists.
pub(super) type Labels = Vec<(&'static str, String)>;

/// The values of one parameter, and whether they were written as a list.
pub(super) struct Axis<T> {
    pub values: Vec<T>,
    listed: bool,
}

impl<T: Clone + PartialEq> Axis<T> {
    /// A parameter that was not written.
    pub fn fixed(value: T) -> Self {
        Axis { values: vec![value], listed: false }
    }

    /// A parameter as written, each value checked.
    pub fn new(key: &str, written: &Located<OneOrMany<T>>, check: impl Fn(T, &Span) -> Result<T, Flaw>) -> Result<Self, Flaw> {
        let list = match &written.value {
            OneOrMany::One(value) => return Ok(Axis::fixed(check(value.clone(), &written.span)?)),
            OneOrMany::Many(list) => list,
        };
        if list.is_empty() {
            return Err(Flaw::value(key, &written.span, "is an empty list: a family needs at least one member"));
        }
        let mut values = Vec::with_capacity(list.len());
        for value in list {
            let checked = check(value.value.clone(), &value.span)?;
            if values.contains(&checked) {
                return Err(Flaw::value(key, &value.span, "stands twice in the list: members of a family must differ"));
            }
            values.push(checked);
        }
        Ok(Axis { values, listed: true })
    }
}

/// `gd`, or `gd[step=0.1,scale=0.001]` with the parameters that were written as lists.
pub(super) fn member_name(family: &str, labels: &[(&str, String)]) -> String {
    let listed: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if listed.is_empty() { family.to_owned() } else { format!("{family}[{}]", listed.join(",")) }
}

impl<T> Axis<T> {
    /// The values made into something else.
    pub fn map<U>(self, make: impl Fn(T) -> U) -> Axis<U> {
        Axis { values: self.values.into_iter().map(make).collect(), listed: self.listed }
    }

    /// Whether the parameter belongs into members' names.
    pub fn is_listed(&self) -> bool {
        self.listed
    }
}

/// The fewest digits that give the number back: `0.1`, `1e-6`, `7`.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:?}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
