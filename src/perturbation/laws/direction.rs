//! Matrices of operator norm one.

use crate::config::Direction;
use crate::linalg::{
    DecompositionError, Form, Matrix, multiply, operator_norm, operator_norm_symmetric, symmetric_eigen, symmetrise, thin_svd,
};
use crate::problem::gaussian_matrix;
use rand::{Rng, RngExt};

/// A Gaussian matrix over its operator norm.
pub(super) fn gaussian(rng: &mut impl Rng, rows: usize, cols: usize) -> Matrix {
    let mut matrix = gaussian_matrix(rng, rows, cols);
    matrix /= operator_norm(&matrix);
    matrix
}

/// The symmetric part of a Gaussian matrix over its operator norm.
pub(super) fn symmetric_gaussian(rng: &mut impl Rng, side: usize) -> Matrix {
    let mut matrix = gaussian_matrix(rng, side, side);
    symmetrise(&mut matrix);
    matrix /= operator_norm_symmetric(&matrix);
    matrix
}

/// A symmetric direction of a kind: the symmetric part of a Gaussian matrix over its operator norm; its polar factor `P sign(Λ) Pᵀ`, whose
/// eigenvalues are ±1; or `±uuᵀ`, both signs equally likely.
///
/// # Errors
/// If the eigen-decomposition does not converge.
pub(super) fn draw_symmetric(direction: Direction, rng: &mut impl Rng, side: usize) -> Result<Matrix, DecompositionError> {
    let mut matrix = match direction {
        Direction::Gaussian => symmetric_gaussian(rng, side),
        Direction::Flat => {
            let eigen = symmetric_eigen(&symmetric_gaussian(rng, side))?;
            let signed = Matrix::from_fn(side, side, |i, j| eigen.vectors[(i, j)] * eigen.values[j].signum());
            multiply(Form::RightTransposed, &signed, &eigen.vectors)
        }
        Direction::RankOne => {
            let u = gaussian(rng, side, 1);
            multiply(Form::RightTransposed, &u, &u) * if rng.random::<bool>() { 1.0 } else { -1.0 }
        }
    };
    symmetrise(&mut matrix);
    Ok(matrix)
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
