//! Filters: `"model.width >= 2*target.rank"`. A point stays if every filter holds.
//!
//! A filter compares two products of numbers and axes by one of `<= >= == != < >`.

use super::axis::{Parameter, strings};
use crate::config::document::Entry;
use crate::config::error::Flaw;

const OPERATORS: [&str; 6] = ["<=", ">=", "==", "!=", "<", ">"];

/// A condition on the parameters of a point.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    left: Vec<Factor>,
    operator: &'static str,
    right: Vec<Factor>,
}

#[derive(Clone, Debug)]
enum Factor {
    Constant(Parameter),
    Axis(usize),
}

impl Filter {
    /// Whether a point stays. Numbers are compared as numbers, anything else for equality.
    pub fn keeps(&self, parameters: &[Parameter]) -> bool {
        let (left, right) = (value(&self.left, parameters), value(&self.right, parameters));
        if let (Some(a), Some(b)) = (left.as_ref().and_then(Parameter::number), right.as_ref().and_then(Parameter::number)) {
            return match self.operator {
                "<=" => a <= b,
                ">=" => a >= b,
                "==" => a == b,
                "!=" => a != b,
                "<" => a < b,
                _ => a > b,
            };
        }
        match self.operator {
            "==" => left == right,
            "!=" => left != right,
            _ => false,
        }
    }
}

fn value(factors: &[Factor], parameters: &[Parameter]) -> Option<Parameter> {
    let get = |factor: &Factor| match factor {
        Factor::Constant(value) => Some(value.clone()),
        Factor::Axis(place) => parameters.get(*place).cloned(),
    };
    match factors {
        [one] => get(one),
        _ => factors.iter().map(|factor| get(factor)?.number()).product::<Option<f64>>().map(Parameter::Number),
    }
}

/// Filters as written; `keys` are the axes, and `repeat`.
pub(super) fn filters(entry: Option<&Entry>, keys: &[&str]) -> Result<Vec<Filter>, Flaw> {
    let Some(entry) = entry else { return Ok(Vec::new()) };
    let list = strings("filters", &entry.node, "conditions such as \"model.width >= 2*target.rank\"")?;
    list.iter().map(|(text, span)| parse(text, keys).map_err(|rule| Flaw::value("filters", span, rule))).collect()
}

fn parse(text: &str, keys: &[&str]) -> Result<Filter, String> {
    let found = OPERATORS.iter().filter_map(|operator| text.find(operator).map(|place| (place, *operator)));
    let Some((place, operator)) = found.min_by_key(|(place, operator)| (*place, std::cmp::Reverse(operator.len()))) else {
        return Err(format!("compares nothing: write one of {} between two products of numbers and axes", OPERATORS.join(" ")));
    };
    let (left, right) = (text.get(..place).unwrap_or_default(), text.get(place + operator.len()..).unwrap_or_default());
    Ok(Filter { left: product(left, keys)?, operator, right: product(right, keys)? })
}

fn product(text: &str, keys: &[&str]) -> Result<Vec<Factor>, String> {
    text.split('*').map(|factor| parse_factor(factor.trim(), keys)).collect()
}

fn parse_factor(text: &str, keys: &[&str]) -> Result<Factor, String> {
    if let Some(place) = keys.iter().position(|key| *key == text) {
        return Ok(Factor::Axis(place));
    }
    if let Some(quoted) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Ok(Factor::Constant(Parameter::Text(quoted.to_owned())));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Factor::Constant(Parameter::Number(number))),
        _ => Err(format!("has {text:?} where a number, a string in single quotes or an axis belongs; the axes are {}", keys.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_axes_and_numbers_are_compared() {
        let keys = ["model.width", "target.rank", "kind"];
        let point = |width: i64, rank: i64| vec![Parameter::Integer(width), Parameter::Integer(rank), Parameter::Text("a".into())];
        let keeps = |text: &str, width, rank| parse(text, &keys).unwrap().keeps(&point(width, rank));
        assert!(keeps("model.width >= 2*target.rank", 4, 2) && !keeps("model.width >= 2*target.rank", 3, 2));
        assert!(keeps("model.width != target.rank", 4, 2) && !keeps("model.width < 1e0", 1, 2));
        assert!(keeps("kind == 'a'", 1, 1) && !keeps("kind == 'b'", 1, 1) && !keeps("kind < 3", 1, 1));
        assert!(parse("model.width", &keys).is_err() && parse("model.widht > 3", &keys).is_err() && parse("1 < ", &keys).is_err());
    }
}
