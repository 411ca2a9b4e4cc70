//! Matrices with fixed singular vectors.

use crate::linalg::{Form, Matrix, View, multiply_into, symmetrise};
use crate::perturbation::Blocks;
use crate::problem::semi_orthogonal;
use rand::Rng;

/// `U diag(d) Vᵀ` with fixed Haar-distributed `U` (`rows × k`) and `V` (`cols × k`), `k = min(rows, cols)`. Its operator norm is `max |d_i|`. `V = U` for
/// symmetric matrices.
pub(super) struct Modes {
    left: Matrix,
    right: Matrix,
    scaled: Matrix,
    symmetric: bool,
}

impl Modes {
    /// For matrices of a shape, a block of `blocks`.
    pub fn draw(rng: &mut impl Rng, blocks: &Blocks, (rows, cols): (usize, usize)) -> Self {
        let (count, symmetric) = (rows.min(cols), blocks.is_symmetric());
        let left = semi_orthogonal(rng, rows, count);
        let right = if symmetric { left.clone() } else { semi_orthogonal(rng, cols, count) };
        Modes { scaled: left.clone(), left, right, symmetric }
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
        if self.symmetric {
            symmetrise(out);
        }
    }
}
