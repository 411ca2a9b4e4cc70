//! What `collect --fit` fits: lines through `(log x, log y)` of columns of the collected table.

use crate::config::document::{Entry, Node, Value};
use crate::config::error::Flaw;
use serde::Serialize;

/// A fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// The column of `x`: a parameter or a result.
    pub x: String,
    /// The column of `y`.
    pub y: String,
    /// The family of trajectories that is looked at; all if absent.
    pub trajectory: Option<String>,
    /// Least `x` that is used.
    pub x_min: Option<f64>,
    /// Largest `x` that is used.
    pub x_max: Option<f64>,
    /// A limit on `y`: the probability of staying below it is wanted, instead of a slope.
    pub below: Option<f64>,
    /// Axes that move with `x`, if it is an axis.
    pub along: Vec<String>,
}

/// Fits as written: a table or a list of tables.
pub(super) fn fits(entry: Option<&Entry>) -> Result<Vec<Fit>, Flaw> {
    let Some(entry) = entry else { return Ok(Vec::new()) };
    match &entry.node.value {
        Value::Array(list) => list.iter().map(fit).collect(),
        _ => Ok(vec![fit(&entry.node)?]),
    }
}

fn fit(node: &Node) -> Result<Fit, Flaw> {
    let rule = "must be { x = COLUMN, y = COLUMN }, and perhaps trajectory = FAMILY, x_min = NUMBER, x_max = NUMBER, below = NUMBER";
    let wrong = || Flaw::value("fit", &node.span, rule);
    let Value::Table(entries) = &node.value else { return Err(wrong()) };
    if entries.iter().any(|entry| !["x", "y", "trajectory", "x_min", "x_max", "below"].contains(&entry.key.as_str())) {
        return Err(wrong());
    }
    let text = |key: &str| match node.get(key) {
        Some(node) => node.as_str().map(|text| Some(text.to_owned())).ok_or_else(wrong),
        None => Ok(None),
    };
    let number = |key: &str| match node.get(key).map(|node| &node.value) {
        Some(Value::Integer(value)) => Ok(Some(*value as f64)),
        Some(Value::Float(value)) => Ok(Some(*value)),
        Some(_) => Err(wrong()),
        None => Ok(None),
    };
    let (x, y) = (text("x")?.ok_or_else(wrong)?, text("y")?.ok_or_else(wrong)?);
    Ok(Fit {
        x,
        y,
        trajectory: text("trajectory")?,
        x_min: number("x_min")?,
        x_max: number("x_max")?,
        below: number("below")?,
        along: Vec::new(),
    })
}
