//! Deviations between trajectories at common times.

use super::record::ComparisonRow;
use crate::dynamics::State;
use crate::linalg::{Form, Matrix, View, frobenius, multiply, operator_norm, symmetrise};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// A state that some comparisons wait for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// Step number, for discrete steppers.
    pub step: Option<u64>,
    /// Flow time.
    pub t: f64,
    /// `Z`.
    pub state: Arc<State>,
}

/// One reference and one other trajectory; a state waits until its partner at the same time has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pair {
    reference: String,
    other: String,
    from_reference: VecDeque<Waiting>,
    from_other: VecDeque<Waiting>,
    rows: Vec<ComparisonRow>,
}

impl Pair {
    /// A pair by the names of its trajectories.
    pub fn new(reference: &str, other: &str) -> Self {
        Pair {
            reference: reference.into(),
            other: other.into(),
            from_reference: VecDeque::new(),
            from_other: VecDeque::new(),
            rows: vec![],
        }
    }

    /// Takes a state of one side; if the other side has been at that time, their deviation becomes a row.
    pub fn take(&mut self, is_reference: bool, new: Waiting) {
        let (mine, theirs) = match is_reference {
            true => (&mut self.from_reference, &mut self.from_other),
            false => (&mut self.from_other, &mut self.from_reference),
        };
        // Both come nearly in the order of time, so that the partner is near the front.
        let Some(partner) = theirs.iter().position(|waiting| waiting.t == new.t).and_then(|at| theirs.remove(at)) else {
            mine.push_back(new);
            return;
        };
        let (reference, other) = if is_reference { (new, partner) } else { (partner, new) };
        self.rows.push(self.row(&reference, &other));
    }

    fn row(&self, reference: &Waiting, other: &Waiting) -> ComparisonRow {
        let difference = product_difference(&reference.state, &other.state);
        ComparisonRow {
            reference: self.reference.clone(),
            trajectory: self.other.clone(),
            step: other.step,
            t: other.t,
            product_deviation: frobenius(&difference),
            product_deviation_op: operator_norm(&difference),
            factor_deviation: factor_difference(&reference.state, &other.state).map(|d| frobenius(&d)),
            bound: None,
            bound_first_order: None,
        }
    }

    /// The rows so far, in the order of time.
    pub fn sorted_rows(&self) -> Vec<ComparisonRow> {
        let mut rows = self.rows.clone();
        rows.sort_by(|a, b| a.t.total_cmp(&b.t));
        rows
    }
}

/// `Z' − Z`, where the shapes agree.
fn factor_difference(a: &State, b: &State) -> Option<Matrix> {
    (a.shape() == b.shape()).then(|| b.matrix() - a.matrix())
}

/// `F'G'ᵀ − FGᵀ`. With equal widths it is computed as `δF Gᵀ + F' δGᵀ`, which keeps the relative accuracy of a small difference.
fn product_difference(a: &State, b: &State) -> Matrix {
    match factor_difference(a, b) {
        Some(difference) => {
            let (rows, cols) = (a.shape().rows(), a.shape().cols());
            let mut out = multiply(Form::RightTransposed, View::of_rows(&difference, 0, rows), a.right())
                + multiply(Form::RightTransposed, b.left(), View::of_rows(&difference, difference.nrows() - cols, cols));
            if a.shape().is_symmetric() {
                symmetrise(&mut out);
            }
            out
        }
        None => b.product() - a.product(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(seed: f64, width: usize) -> State {
        let f = Matrix::from_fn(4, width, |i, j| (seed + (i * 7 + j * 3) as f64).sin());
        let g = Matrix::from_fn(3, width, |i, j| (seed * 2.0 + (i * 5 + j) as f64).cos());
        State::from_factors(&f, &g)
    }

    #[test]
    fn deviations_are_those_of_the_products() {
        for widths in [(2, 2), (2, 5)] {
            let (a, b) = (state(0.3, widths.0), state(1.1, widths.1));
            let direct = b.product() - a.product();
            let mut pair = Pair::new("a", "b");
            pair.take(false, Waiting { step: Some(4), t: 0.5, state: Arc::new(b.clone()) });
            assert!(pair.sorted_rows().is_empty());
            pair.take(true, Waiting { step: None, t: 0.5, state: Arc::new(a.clone()) });
            let row = &pair.sorted_rows()[0];
            assert!((row.product_deviation - direct.norm()).abs() < 1e-14);
            assert!((row.product_deviation_op - operator_norm(&direct)).abs() < 1e-14);
            assert_eq!((row.step, row.t), (Some(4), 0.5));
            assert_eq!(row.factor_deviation.is_some(), widths.0 == widths.1);
        }
    }

    #[test]
    fn a_tiny_deviation_keeps_its_digits() {
        let a = state(0.3, 3);
        let mut b = a.clone();
        let direction = state(2.0, 3);
        let eps = 2f64.powi(-44);
        for (x, d) in b.as_mut_slice().iter_mut().zip(direction.as_slice()) {
            *x += eps * d;
        }
        // What was really added, after rounding.
        let added = State::from_factors(&(b.left().to_matrix() - a.left().to_matrix()), &(b.right().to_matrix() - a.right().to_matrix()));
        let exact = multiply(Form::RightTransposed, added.left(), a.right()) + multiply(Form::RightTransposed, b.left(), added.right());
        let mut pair = Pair::new("a", "b");
        pair.take(true, Waiting { step: None, t: 0.0, state: Arc::new(a) });
        pair.take(false, Waiting { step: None, t: 0.0, state: Arc::new(b) });
        assert!((pair.sorted_rows()[0].product_deviation / exact.norm() - 1.0).abs() < 1e-12);
    }
}
