//! Which exact solution initial factors have, and its evaluation.

use super::ClosedFormError;
use crate::dynamics::State;
use crate::linalg::{Form, Matrix, View, frobenius, inner, multiply};
use crate::problem::Target;
use crate::theory::TheoryError;
use crate::theory::modes::imbalanced_growth;
use crate::theory::riccati::Riccati;

/// What may be lost to rounding before factors count as not balanced, or as not along decoupled modes; relative.
const TOLERANCE: f64 = 1e-12;

/// The exact solution of one of the two families.
#[derive(Debug)]
pub(super) enum Solution {
    Modes(Vec<Mode>),
    Riccati(Riccati),
}

/// `p = a + b`, `q = a − b` of one mode at `t = 0`, columns of length `h`.
#[derive(Debug)]
pub(super) struct Mode {
    sum: Matrix,
    difference: Matrix,
}

impl Solution {
    /// The family that initial factors belong to.
    ///
    /// # Errors
    /// If it is neither of them.
    pub fn of(target: &Target, initial: &State) -> Result<Self, ClosedFormError> {
        if initial.shape().is_symmetric() {
            return Ok(Solution::Riccati(Riccati::new(&target.matrix, 1.0)?));
        }
        if let Some(modes) = decoupled(target, initial)? {
            return Ok(Solution::Modes(modes));
        }
        let [left, right] = [initial.left(), initial.right()].map(|factor| multiply(Form::LeftTransposed, factor, factor));
        let imbalance = frobenius(&(left - right)) / initial.sum_of_squares();
        // Also true of NaN.
        let balanced = imbalance <= TOLERANCE;
        if !balanced {
            return Err(ClosedFormError::InitialFactors { imbalance });
        }
        Ok(Solution::Riccati(Riccati::balanced(&target.matrix)?))
    }

    /// Of the initial factors: what [`advance`](Self::advance) moves along. Empty for modes, which are known at all times.
    pub fn coordinates(&self, initial: &State) -> Matrix {
        match self {
            Solution::Modes(_) => Matrix::zeros(0, 0),
            Solution::Riccati(riccati) => riccati.coordinates(initial.matrix()),
        }
    }

    /// The state at `to`, from the coordinates at `from`, which move along.
    pub fn advance(&self, target: &Target, coordinates: &mut Matrix, from: f64, to: f64, out: &mut State) -> Result<(), TheoryError> {
        match self {
            Solution::Modes(modes) => {
                out.as_mut_slice().fill(0.0);
                for (i, mode) in modes.iter().enumerate() {
                    mode.add(target, i, to, out);
                }
            }
            Solution::Riccati(riccati) => {
                riccati.advance(coordinates, to - from)?;
                out.matrix_mut().copy_from(&riccati.factor(coordinates));
            }
        }
        Ok(())
    }
}

impl Mode {
    fn add(&self, target: &Target, i: usize, t: f64, out: &mut State) {
        let (rows, cols, width) = (out.shape().rows(), out.shape().cols(), out.shape().width());
        let (a, b) = (inner(&self.sum, &self.sum), inner(&self.difference, &self.difference));
        let root = imbalanced_growth(target.values[i], a, b, t).sqrt();
        for j in 0..width {
            // Without a sum the growth overflows in the end, while the sum stays zero.
            let sum = if a == 0.0 { 0.0 } else { 0.5 * self.sum[j] * root };
            let difference = 0.5 * self.difference[j] / root;
            for row in 0..rows {
                out.matrix_mut()[(row, j)] += target.left[(row, i)] * (sum + difference);
            }
            for row in 0..cols {
                out.matrix_mut()[(rows + row, j)] += target.right[(row, i)] * (sum - difference);
            }
        }
    }
}

/// The initial modes, if each has its own orthogonal part of the factors and nothing is left over.
fn decoupled(target: &Target, initial: &State) -> Result<Option<Vec<Mode>>, ClosedFormError> {
    let diagonal = Matrix::from_fn(target.left.nrows(), target.rank(), |i, j| target.left[(i, j)] * target.values[j]);
    let rest = &target.matrix - multiply(Form::RightTransposed, &diagonal, &target.right);
    let (left, right) = (&target.left, &target.right);
    // Rows of the factors in the target's singular bases, as columns.
    let mut a = multiply(Form::LeftTransposed, initial.left(), left);
    let mut b = multiply(Form::LeftTransposed, initial.right(), right);
    let outside =
        |factor: View<'_>, basis: &Matrix, part: &Matrix| frobenius(&(factor.to_matrix() - multiply(Form::RightTransposed, basis, part)));
    let left_over = outside(initial.left(), left, &a).hypot(outside(initial.right(), right, &b));
    let exact = frobenius(&rest) <= TOLERANCE * frobenius(&target.matrix) && left_over <= TOLERANCE * initial.norm();
    if !exact {
        return Ok(None);
    }
    if !orthogonal_spans(&a, &b) {
        // Modes that are not in use are left with rounding errors, which point anywhere.
        drop_rounding(&mut a, &mut b, initial.norm());
        if !orthogonal_spans(&a, &b) {
            return Ok(None);
        }
    }
    let mode = |i: usize| {
        let (a, b) = (a.columns(i, 1).into_owned(), b.columns(i, 1).into_owned());
        Mode { sum: &a + &b, difference: a - b }
    };
    let modes: Vec<Mode> = (0..target.rank()).map(mode).collect();
    let underflows = |x: &Matrix| frobenius(x) > 0.0 && inner(x, x) < f64::MIN_POSITIVE;
    if modes.iter().any(|mode| underflows(&mode.sum)) { Err(ClosedFormError::Underflow) } else { Ok(Some(modes)) }
}

/// Zeroes the modes that are within rounding of zero, measured by the whole state.
fn drop_rounding(a: &mut Matrix, b: &mut Matrix, size: f64) {
    for i in 0..a.ncols() {
        if a.column(i).norm().hypot(b.column(i).norm()) <= 16.0 * f64::EPSILON * size {
            a.column_mut(i).fill(0.0);
            b.column_mut(i).fill(0.0);
        }
    }
}

/// Whether `span(a_i, b_i)` and `span(a_j, b_j)` are orthogonal for all `i ≠ j`.
fn orthogonal_spans(a: &Matrix, b: &Matrix) -> bool {
    let size = |i: usize| a.column(i).norm().hypot(b.column(i).norm());
    let product = |x: &Matrix, i: usize, y: &Matrix, j: usize| x.column(i).dot(&y.column(j)).abs();
    (0..a.ncols()).all(|i| {
        (0..a.ncols()).filter(|&j| j != i).all(|j| {
            let largest = product(a, i, a, j).max(product(b, i, b, j)).max(product(a, i, b, j));
            largest <= TOLERANCE * size(i) * size(j)
        })
    })
}
