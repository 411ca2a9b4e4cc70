//! Points between steps that wait for the operator's answer, and the integral of the perturbation's norm.

use super::record::Row;
use crate::dynamics::{Drive, State};
use crate::linalg::Matrix;
use crate::observe::Curvature;
use crate::sensing::Question;
use serde::{Deserialize, Serialize};

/// Nodes and weights of the Gauss–Legendre rule of three points on `[0, 1]`: exact for polynomials of degree 5.
pub(super) const GAUSS: [(f64, f64); 3] =
    [(0.112_701_665_379_258_31, 5.0 / 18.0), (0.5, 8.0 / 18.0), (0.887_298_334_620_741_7, 5.0 / 18.0)];

/// A point that waits for the operator's answer there.
pub(super) struct Pending {
    pub step: Option<u64>,
    pub t: f64,
    pub state: State,
    pub dissipation: f64,
    /// What the field remembered when the point was taken; empty where nobody looks at what is imposed.
    pub memory: Vec<f64>,
    pub purpose: Purpose,
    /// What drives the step that begins there, if it is a matrix of its own.
    pub drive: Option<Box<OwnDrive>>,
    /// The search that asks, for [`Purpose::Curvature`].
    pub search: Option<Box<Curvature>>,
    /// The rate of the interpolant, for [`Purpose::Error`].
    pub rate: Option<Box<State>>,
}

impl Pending {
    /// What is asked at the point.
    pub fn question(&self) -> Question<'_> {
        match &self.search {
            Some(search) => search.question(),
            None => Question::residual(self.state.left(), self.state.right()),
        }
    }
}

/// A [`Drive`], kept.
pub(super) struct OwnDrive {
    matrix: Matrix,
    noise: Option<Matrix>,
}

impl OwnDrive {
    /// A copy.
    pub fn new(drive: &Drive<'_>) -> Box<Self> {
        Box::new(OwnDrive { matrix: drive.matrix.clone(), noise: drive.noise.cloned() })
    }

    /// What was kept.
    pub fn get(&self) -> Drive<'_> {
        Drive { matrix: &self.matrix, noise: self.noise.as_ref() }
    }
}

/// What a point is taken for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Purpose {
    /// A row of the tables.
    Record,
    /// The curvature there, for a row of the tables that is made already.
    Curvature { row: usize },
    /// What is imposed on a flow there, as a defect of the interval that ends at `until`.
    Imposed { until: f64 },
    /// The defect of the interpolant, on a step that ends at `until`.
    Error { until: f64 },
    /// A node of the quadrature of `∫‖𝓔‖dt` over an interval that ends at `end`.
    Quadrature { end: f64, weight: f64 },
}

/// `∫‖𝓔‖dt`, interval by interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Integral {
    /// End of an interval, and what it adds.
    parts: Vec<(f64, f64)>,
    /// Up to where nodes have been taken.
    pub until: f64,
}

impl Integral {
    /// Adds to the interval that ends at `end`. A value that is not known is NaN, and makes the integral from there on unknown.
    pub fn add(&mut self, end: f64, value: f64) {
        match self.parts.last_mut() {
            Some((last, sum)) if *last == end => *sum += value,
            _ => self.parts.push((end, value)),
        }
    }

    /// Writes the integral up to each row's time into column `index`. The rows are in the order of time.
    pub fn fill(&self, rows: &mut [Row], index: usize) {
        let mut parts = self.parts.clone();
        parts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut sum, mut next) = (0.0, 0);
        for row in rows {
            while let Some((_, value)) = parts.get(next).filter(|(end, _)| *end <= row.t) {
                sum += value;
                next += 1;
            }
            row.values[index] = Some(sum).filter(|sum: &f64| sum.is_finite());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_exact_to_degree_five() {
        for degree in 0..6 {
            let sum: f64 = GAUSS.iter().map(|(node, weight)| weight * node.powi(degree)).sum();
            assert!((sum - 1.0 / f64::from(degree + 1)).abs() < 1e-15, "degree {degree}");
        }
    }

    #[test]
    fn rows_get_what_has_ended_by_their_time() {
        let mut integral = Integral::default();
        for (end, value) in [(1.0, 0.5), (1.0, 0.25), (2.0, 1.0), (3.0, f64::NAN)] {
            integral.add(end, value);
        }
        let mut rows: Vec<Row> = [0.0, 1.0, 1.5, 2.0, 3.0].map(|t| Row { step: None, t, values: vec![None] }).into();
        integral.fill(&mut rows, 0);
        let values: Vec<_> = rows.iter().map(|row| row.values[0]).collect();
        assert_eq!(values, [Some(0.0), Some(0.75), Some(0.75), Some(1.75), None]);
    }
}
