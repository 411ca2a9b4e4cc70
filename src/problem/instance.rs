//! The sensing instance.

use crate::linalg::{DecompositionError, Matrix, thin_svd};
use crate::sensing::SensingOperator;

/// The matrix to be recovered with its singular triples.
#[derive(Clone, Debug)]
pub struct Target {
    /// `Y`, `m × n`.
    pub matrix: Matrix,
    /// `U_Y`, `m × r`.
    pub left: Matrix,
    /// `σ₁ ≥ … ≥ σ_r > 0`.
    pub values: Vec<f64>,
    /// `V_Y`, `n × r`.
    pub right: Matrix,
}

impl Target {
    /// The target with its singular triples; `r` is the number of singular values above `mn·ε·σ₁` unless `rank` gives it.
    ///
    /// # Errors
    /// If `matrix` is not finite.
    pub fn from_matrix(matrix: Matrix, rank: Option<usize>) -> Result<Self, DecompositionError> {
        let svd = thin_svd(&matrix)?;
        let threshold = svd.values.first().copied().unwrap_or(0.0) * f64::EPSILON * matrix.len() as f64;
        let rank = rank.unwrap_or_else(|| svd.values.iter().filter(|&&s| s > threshold).count()).min(svd.values.len());
        Ok(Target {
            left: svd.left.columns(0, rank).into_owned(),
            right: svd.right.columns(0, rank).into_owned(),
            values: svd.values.iter().copied().take(rank).collect(),
            matrix,
        })
    }

    /// `r`.
    pub fn rank(&self) -> usize {
        self.values.len()
    }
}

/// One sensing instance: what the trajectories of an experiment have in common.
#[derive(Debug)]
pub struct Instance {
    /// `Y`, if it is known.
    pub target: Option<Target>,
    /// `A`.
    pub operator: Box<dyn SensingOperator>,
    /// `y = A(Y) + e`, of length `p`.
    pub data: Vec<f64>,
    /// `A*(e)`, if there is noise and it is known; zero without noise.
    pub noise_adjoint: Option<Matrix>,
}
