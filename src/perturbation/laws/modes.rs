//! Matrices with fixed singular vectors.

use crate::linalg::{Form, Matrix, View, multiply_into};
use crate::problem::semi_orthogonal;
use rand::Rng;

/// `U diag(d) Vᵀ` with fixed Haar-distributed `U` (`rows × k`) and `V` (`cols × k`), `k = min(rows, cols)`. Its operator norm is `max |d_i|`.
pub(super) struct Modes {
    left: Matrix,
    right: Matrix,
    scaled: Matrix,
}

impl Modes {
    pub fn draw(rng: &mut impl Rng, rows: usize, cols: usize) -> Self {
        let count = rows.min(cols);
        let (left, right) = (semi_orthogonal(rng, rows, count), semi_orthogonal(rng, cols, count));
        Modes { scaled: left.clone(), left, right }
    }

    /// `k`
    pub fn count(&self) -> usize {
        self.left.ncols()
    }

    /// Writes the matrix with `d`. Allocates nothing.
    pub fn write(&mut self, d: impl Iterator<Item = f64>, out: &mut Matrix) {
        for ((mut scaled, column), d) in self.scaled.column_iter_mut().zip(self.left.column_iter()).zip(d) {
            scaled.zip_apply(&column, |s, u| *s = d * u);
        }
        let rows = out.nrows();
        multiply_into(out, 0, rows, 1.0, Form::RightTransposed, View::of(&self.scaled), View::of(&self.right));
    }
}
