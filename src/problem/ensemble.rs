//! From the description of an ensemble to its operator, and what that takes.

use super::{OperatorKind, ProblemError};
use crate::config::{Ensemble, Factorization, SensingSpec, Storage};
use crate::sensing::{
    Dense, Entries, Gaussian, Hadamard, Identity, PackedSymmetric, Pauli, Rademacher, RankOne, SensingOperator, Symmetrised,
};

/// What an operator takes, before it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Footprint {
    /// `p`.
    pub measurements: usize,
    /// Bytes of the ensemble in memory, which one application reads.
    pub storage: u64,
    /// Bytes of the workspace of an application to one point, up to small change.
    pub workspace: u64,
    /// Floating-point operations of the measurements in one application to one point of the width in question (without those of `FGᵀ`,
    /// `N G` and `Nᵀ F` where they are formed).
    pub flops: f64,
}

/// What the operator of a specification takes, for targets of shape `rows × cols` and rank `rank`, and factors of width `width`.
///
/// # Errors
/// An ensemble that does not exist or does not fit in memory; nothing is allocated.
pub fn footprint(
    sensing: &SensingSpec,
    factorization: Factorization,
    rows: usize,
    cols: usize,
    rank: usize,
    width: usize,
) -> Result<Footprint, ProblemError> {
    let symmetric = factorization == Factorization::Symmetric;
    let ensemble = sensing.ensemble;
    let p = ensemble.measurements().map_or(rows.saturating_mul(cols), |measurements| measurements.count(rows, cols, rank));
    let product = |factors: &[usize]| factors.iter().fold(1_u64, |product, &factor| product.saturating_mul(factor as u64));
    let (storage, workspace, flops) = match ensemble {
        Ensemble::Identity => (0, 0, 3.0 * product(&[p]) as f64),
        Ensemble::Gaussian { storage, .. } if symmetric => {
            PackedSymmetric::check_fits(rows, p, storage)?;
            let packed = rows.saturating_mul(rows.saturating_add(1)) / 2;
            (PackedSymmetric::required_bytes(rows, p, storage), Dense::workspace_bytes(packed, 1, 1), 4.0 * product(&[p, packed]) as f64)
        }
        Ensemble::Gaussian { storage, .. } => {
            Dense::check_fits(rows, cols, p, storage)?;
            (Dense::required_bytes(rows, cols, p, storage), Dense::workspace_bytes(rows, cols, 1), 4.0 * product(&[p, rows, cols]) as f64)
        }
        Ensemble::Rademacher { .. } => {
            Rademacher::check_fits(rows, cols, p)?;
            let (storage, workspace) = (Rademacher::required_bytes(rows, cols, p), Rademacher::workspace_bytes(rows, cols, p, 1));
            (storage, workspace, 0.5 * product(&[p, rows, cols]) as f64)
        }
        Ensemble::RankOne { .. } => {
            RankOne::check_fits(rows, cols, p)?;
            let (side, thin) = (rows.saturating_add(cols), width.max(1));
            (
                RankOne::required_bytes(rows, if symmetric { 0 } else { cols }, p),
                product(&[8, 8, side, thin]),
                4.0 * product(&[p, side, thin]) as f64,
            )
        }
        Ensemble::Hadamard { .. } => {
            Hadamard::check_fits(rows, cols, p)?;
            let size = Hadamard::most_measurements(rows, cols).unwrap_or(1);
            let flops = 2.0 * size as f64 * f64::from(size.ilog2()) + 4.0 * p as f64;
            (Hadamard::required_bytes(rows, cols, p), product(&[8, size.saturating_add(p)]), flops)
        }
        Ensemble::Pauli { .. } => {
            Pauli::check_fits(rows, cols, p)?;
            let flops = 2.0 * product(&[rows, cols]) as f64 * f64::from(rows.ilog2()) + 4.0 * p as f64;
            (Pauli::required_bytes(p), product(&[8, rows, cols]).saturating_add(product(&[8, p])), flops)
        }
        Ensemble::Entries { .. } => {
            Entries::check_fits(rows, cols, p)?;
            let workspace = product(&[8, 2, rows.saturating_add(cols), width]).saturating_add(product(&[8, p]));
            (Entries::required_bytes(rows, cols, p), workspace, 6.0 * product(&[p, width]) as f64)
        }
    };
    Ok(Footprint { measurements: p, storage, workspace, flops })
}

/// Bytes of an entry of a dense ensemble's matrices; 0 where no entries are stored.
pub fn entry_bytes(ensemble: &Ensemble) -> u64 {
    match ensemble {
        Ensemble::Gaussian { storage: Storage::F64, .. } => 8,
        Ensemble::Gaussian { storage: Storage::F32, .. } => 4,
        _ => 0,
    }
}

/// The operator of a specification, for a target of shape `rows × cols` and rank `rank`; in the symmetric model, where both sides are equal, its
/// measurement matrices are symmetrised, and those of rank one are `x xᵀ`.
///
/// # Errors
/// An ensemble that does not exist or does not fit in memory.
pub fn build_operator(
    sensing: &SensingSpec,
    factorization: Factorization,
    rows: usize,
    cols: usize,
    rank: usize,
) -> Result<Box<dyn SensingOperator>, ProblemError> {
    let p = footprint(sensing, factorization, rows, cols, rank, 0)?.measurements;
    let symmetric = factorization == Factorization::Symmetric;
    let operator: Box<dyn SensingOperator> = match sensing.ensemble {
        Ensemble::Gaussian { storage, .. } if symmetric => return Ok(Box::new(PackedSymmetric::draw(rows, p, storage, sensing.seed)?)),
        Ensemble::RankOne { .. } if symmetric => Box::new(RankOne::draw_symmetric(rows, p, sensing.seed)?),
        Ensemble::Identity => Box::new(Identity::new(rows, cols)),
        Ensemble::Gaussian { storage, .. } => Box::new(Gaussian::draw(rows, cols, p, storage, sensing.seed)?),
        Ensemble::Rademacher { .. } => Box::new(Rademacher::draw(rows, cols, p, sensing.seed)?),
        Ensemble::RankOne { .. } => Box::new(RankOne::draw(rows, cols, p, sensing.seed)?),
        Ensemble::Hadamard { .. } => Box::new(Hadamard::draw(rows, cols, p, sensing.seed)?),
        Ensemble::Pauli { .. } => Box::new(Pauli::draw(rows, cols, p, sensing.seed)?),
        Ensemble::Entries { .. } => Box::new(Entries::draw(rows, cols, p, sensing.seed)?),
    };
    Ok(if symmetric { Box::new(Symmetrised::new(operator)) } else { operator })
}

/// How the ensemble's operators are exported.
pub(super) fn kind(ensemble: &Ensemble) -> OperatorKind {
    match ensemble {
        Ensemble::Identity => OperatorKind::Identity,
        Ensemble::Gaussian { .. } => OperatorKind::Dense,
        Ensemble::Rademacher { .. } => OperatorKind::Rademacher,
        Ensemble::RankOne { .. } => OperatorKind::RankOne,
        Ensemble::Hadamard { .. } => OperatorKind::Hadamard,
        Ensemble::Pauli { .. } => OperatorKind::Pauli,
        Ensemble::Entries { .. } => OperatorKind::Entries,
    }
}
