//! From an experiment to its instance.

use super::ensemble::{build_operator, footprint, kind};
use super::npz::{OperatorKind, read_instance};
use super::{InitialFactors, Instance, ProblemError, build_target, target_shape};
use crate::config::{Experiment, Factorization, Measurements, Problem, SensingSpec, TargetKind, TargetSpec};
use crate::linalg::Matrix;
use crate::random::{Purpose, stream};
use crate::sensing::available_memory;
use rand_distr::{Distribution, StandardNormal};

/// What an experiment's section on its problem makes.
#[derive(Debug)]
pub struct BuiltProblem {
    /// The instance.
    pub instance: Instance,
    /// The initial factors, if the instance's file brings them.
    pub factors: Option<InitialFactors>,
    /// How its operator is exported.
    pub kind: OperatorKind,
}

/// The instance of an experiment: target, operator, `y = A(Y) + e`, `A*(e)`.
///
/// The noise has independent entries `N(0, noise²)`, drawn in the order of the measurements from stream 0 of [`Purpose::Noise`] with the
/// seed of `[sensing.*]`. Without noise `y` is `A(Y)` to the last bit and `A*(e)` is zero.
///
/// # Errors
/// Those of [`build_target`], [`build_operator`] and [`read_instance`]. An ensemble that does not fit in memory is refused before
/// anything of its size is allocated, and, where its size does not depend on the target's numerical rank, before the target is read.
pub fn build_instance(experiment: &Experiment) -> Result<BuiltProblem, ProblemError> {
    match &experiment.problem {
        Problem::Generated { target, sensing } => {
            let (rows, cols) = target_shape(target)?;
            check_room(experiment, rows, cols)?;
            generate(target, sensing, experiment.factorization)
        }
        Problem::File(path) => {
            let arrays = read_instance(path)?;
            check_room(experiment, arrays.shape.0, arrays.shape.1)?;
            arrays.into_problem(path, experiment.factorization)
        }
    }
}

/// Refuses an experiment whose target and factors do not fit in memory, whatever its operator is. `Y`, its residual, the operator's
/// answer and the product are `m × n` each; a trajectory keeps its initial state, its state and its rate.
///
/// # Errors
/// [`ProblemError::TooLarge`]; nothing is allocated.
pub fn check_room(experiment: &Experiment, rows: usize, cols: usize) -> Result<(), ProblemError> {
    let (width, trajectories) = (experiment.width.unwrap_or(0), experiment.trajectories.len());
    let product = |factors: &[usize]| factors.iter().fold(8_u64, |product, &factor| product.saturating_mul(factor as u64));
    let height = if experiment.factorization == Factorization::Symmetric { rows } else { rows.saturating_add(cols) };
    let states = product(&[3, trajectories, height, width]);
    let needed = product(&[4, rows, cols]).saturating_add(states);
    match available_memory() {
        Some(available) if needed > available => Err(ProblemError::TooLarge { rows, cols, width, trajectories, needed, available }),
        _ => Ok(()),
    }
}

fn generate(target: &TargetSpec, sensing: &SensingSpec, factorization: Factorization) -> Result<BuiltProblem, ProblemError> {
    let (rows, cols) = target_shape(target)?;
    let known_rank = match (&target.kind, sensing.ensemble) {
        (TargetKind::Random { singular_values, .. } | TargetKind::Semidefinite { singular_values, .. }, _) => Some(singular_values.len()),
        (TargetKind::UnitColumns { rank, .. }, _) => Some(*rank),
        (TargetKind::File { rank: Some(rank), .. } | TargetKind::SemidefiniteFile { rank: Some(rank), .. }, _) => {
            Some((*rank).min(rows).min(cols))
        }
        (_, ensemble) => (!ensemble.measurements().is_some_and(Measurements::needs_rank)).then_some(1),
    };
    if let Some(rank) = known_rank {
        footprint(sensing, factorization, rows, cols, rank, 0)?;
    }
    let target = build_target(target)?;
    let operator = build_operator(sensing, factorization, rows, cols, target.rank())?;
    let mut data = operator.measure(&target.matrix);
    let noise_adjoint = if sensing.noise == 0.0 {
        Matrix::zeros(rows, cols)
    } else {
        let mut rng = stream(sensing.seed, Purpose::Noise, 0);
        let noise: Vec<f64> = data.iter().map(|_| sensing.noise * Distribution::<f64>::sample(&StandardNormal, &mut rng)).collect();
        for (value, e) in data.iter_mut().zip(&noise) {
            *value += e;
        }
        operator.adjoint(&noise)
    };
    let kind = kind(&sensing.ensemble);
    let instance = Instance { target: Some(target), operator, data, noise_adjoint: Some(noise_adjoint) };
    Ok(BuiltProblem { instance, factors: None, kind })
}
