//! Matrices of operator norm one.

use crate::config::Direction;
use crate::linalg::{DecompositionError, Form, Matrix, multiply, operator_norm, thin_svd};
use crate::problem::gaussian_matrix;
use rand::Rng;

/// A Gaussian matrix over its operator norm.
pub(super) fn gaussian(rng: &mut impl Rng, rows: usize, cols: usize) -> Matrix {
    let mut matrix = gaussian_matrix(rng, rows, cols);
    matrix /= operator_norm(&matrix);
    matrix
}

/// A direction of a kind: the Gaussian one; its polar factor `UVᵀ`, whose singular values are all one; or `uvᵀ` with uniform unit vectors.
///
/// # Errors
/// If the singular value decomposition does not converge.
pub(super) fn draw(direction: Direction, rng: &mut impl Rng, rows: usize, cols: usize) -> Result<Matrix, DecompositionError> {
    Ok(match direction {
        Direction::Gaussian => gaussian(rng, rows, cols),
        Direction::Flat => {
            let svd = thin_svd(&gaussian_matrix(rng, rows, cols))?;
            multiply(Form::RightTransposed, &svd.left, &svd.right)
        }
        Direction::RankOne => {
            let (u, v) = (gaussian(rng, rows, 1), gaussian(rng, cols, 1));
            multiply(Form::RightTransposed, &u, &v)
        }
    })
}
