//! Axes: a key and its values, as lists or ranges.

use crate::config::document::{Entry, Node, Value};
use crate::config::error::Flaw;
use crate::config::located::Span;
use serde::Serialize;

/// What an axis may be.
const FORMS: &str = "is no axis: write a list of values, { linear = [a, b], points = n }, { log = [a, b], points = n }, { integers = [a, b], step = s }, or \
                     a list of such ranges; keys of [sweep] that are no axes are repeats, repeat_seed, zip, filters, fit";
/// Most values of a range.
const MOST: i64 = 100_000;

/// A key that varies.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub key: String,
    pub values: Vec<Node>,
}

/// A value of an axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Parameter {
    /// An integer.
    Integer(i64),
    /// Another number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Parameter>),
}

impl Parameter {
    /// Its value, if it is a number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Parameter::Integer(value) => Some(*value as f64),
            Parameter::Number(value) => Some(*value),
            _ => None,
        }
    }
}

impl std::fmt::Display for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Parameter::Integer(value) => write!(f, "{value}"),
            Parameter::Number(value) => write!(f, "{value:?}"),
            Parameter::Boolean(value) => write!(f, "{value}"),
            Parameter::Text(value) => f.write_str(value),
            Parameter::List(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
        }
    }
}

/// The value of a node that [`check`] has let through.
pub(super) fn parameter(node: &Node) -> Parameter {
    match &node.value {
        Value::Integer(value) => Parameter::Integer(*value),
        Value::Float(value) => Parameter::Number(*value),
        Value::Boolean(value) => Parameter::Boolean(*value),
        Value::String(value) => Parameter::Text(value.clone()),
        Value::Array(values) => Parameter::List(values.iter().map(parameter).collect()),
        Value::Datetime | Value::Table(_) => Parameter::Text(String::new()),
    }
}

pub(super) fn integer(node: &Node) -> Option<i64> {
    match node.value {
        Value::Integer(value) => Some(value),
        _ => None,
    }
}

fn number(node: &Node) -> Option<f64> {
    match node.value {
        Value::Integer(value) => Some(value as f64),
        Value::Float(value) => Some(value).filter(|value| value.is_finite()),
        _ => None,
    }
}

/// A string or a list of strings, with their places.
pub(super) fn strings(key: &str, node: &Node, what: &str) -> Result<Vec<(String, Span)>, Flaw> {
    let one = |node: &Node| node.as_str().map(|text| (text.to_owned(), node.span.clone()));
    let list = match &node.value {
        Value::Array(list) if !list.is_empty() => list.iter().map(one).collect(),
        _ => one(node).map(|one| vec![one]),
    };
    list.ok_or_else(|| Flaw::value(key, &node.span, format!("must be a string or a list of strings: {what}")))
}

/// An axis as written.
pub(super) fn axis(entry: &Entry) -> Result<Axis, Flaw> {
    let key = &entry.key;
    let values = match &entry.node.value {
        Value::Table(table) if table.iter().any(|inner| matches!(inner.node.value, Value::Table(_))) => {
            let rule = "is a table of tables: keys of axes stand in quotes, such as \"init.gaussian.scale\" = [1e-2, 1e-3]";
            return Err(Flaw::presence(key.as_str(), &entry.key_span, rule));
        }
        Value::Table(_) => range(key, &entry.node)?,
        Value::Array(list) => {
            let mut values = Vec::new();
            for node in list {
                match node.value {
                    Value::Table(_) => values.extend(range(key, node)?),
                    _ => values.push(node.clone()),
                }
            }
            values
        }
        _ => return Err(Flaw::value(key.as_str(), &entry.node.span, FORMS)),
    };
    if values.is_empty() {
        return Err(Flaw::value(key.as_str(), &entry.node.span, "is an empty list: an axis needs at least one value"));
    }
    let mut seen: Vec<Parameter> = Vec::new();
    for value in &values {
        check(key, value)?;
        let parameter = parameter(value);
        if values.len() <= 2000 && seen.contains(&parameter) {
            return Err(Flaw::value(key.as_str(), &value.span, format!("has the value {parameter} twice: remove one")));
        }
        seen.push(parameter);
    }
    Ok(Axis { key: key.clone(), values })
}

fn check(key: &str, node: &Node) -> Result<(), Flaw> {
    match &node.value {
        Value::Float(value) if !value.is_finite() => Err(Flaw::value(key, &node.span, "is not finite")),
        Value::Datetime | Value::Table(_) => Err(Flaw::value(key, &node.span, FORMS)),
        Value::Array(list) => list.iter().try_for_each(|node| check(key, node)),
        _ => Ok(()),
    }
}

/// `{ linear = [a, b], points = n }`, `{ log = [a, b], points = n }`, `{ integers = [a, b], step = s }`; both ends are attained, to the last bit.
fn range(key: &str, node: &Node) -> Result<Vec<Node>, Flaw> {
    let wrong = |rule: &str| Flaw::value(key, &node.span, rule);
    let Value::Table(entries) = &node.value else { return Err(wrong(FORMS)) };
    let known = ["linear", "log", "integers", "points", "step"];
    if entries.iter().any(|entry| !known.contains(&entry.key.as_str())) {
        return Err(wrong(FORMS));
    }
    let ends = |name: &str| match node.get(name).map(|node| &node.value) {
        Some(Value::Array(ends)) => match ends.as_slice() {
            [a, b] => Some((a, b)),
            _ => None,
        },
        _ => None,
    };
    let made = |value: Value| Node { span: node.span.clone(), value };
    if let Some((first, last)) = ends("integers").filter(|_| node.get("points").is_none() && entries.len() <= 2) {
        let step = node.get("step").map_or(Some(1), integer).filter(|step| *step > 0);
        let (Some(first), Some(last), Some(step)) = (integer(first), integer(last), step) else {
            return Err(wrong("needs two integers and a positive integer step: { integers = [1, 9], step = 2 }"));
        };
        if first > last || (last.saturating_sub(first)) / step >= MOST {
            return Err(wrong("must go upwards, by at most 100000 values"));
        }
        return Ok((0..=(last - first) / step).map(|i| made(Value::Integer(first + i * step))).collect());
    }
    let points = node.get("points").and_then(integer).filter(|points| (2..=MOST).contains(points));
    let (Some(points), 2) = (points, entries.len()) else {
        return Err(wrong("needs one of linear, log and integers, with two ends, and (for linear and log) points, from 2 to 100000"));
    };
    let logarithmic = node.get("log").is_some();
    let ends = if logarithmic { ends("log") } else { ends("linear") };
    let Some((a, b)) = ends.and_then(|(a, b)| Some((number(a)?, number(b)?))).filter(|(a, b)| a != b) else {
        return Err(wrong("needs two different finite numbers as its ends, such as { log = [1e-1, 1e-8], points = 8 }"));
    };
    if logarithmic && !(a > 0.0 && b > 0.0) {
        return Err(wrong("is a range in logarithms: both ends must be positive"));
    }
    let last = points - 1;
    let value = |i: i64| {
        let s = i as f64 / last as f64;
        match i {
            0 => a,
            _ if i == last => b,
            // The nearest number of twelve digits, so that 0.001 is 0.001.
            _ if logarithmic => rounded(10f64.powf(a.log10() * (1.0 - s) + b.log10() * s)),
            _ => rounded(a * (1.0 - s) + b * s),
        }
    };
    Ok((0..points).map(|i| made(Value::Float(value(i)))).collect())
}

fn rounded(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}
