//! The target `Y`.

use super::file::{matrix_shape, read_matrix};
use super::{ProblemError, Target, semi_orthogonal, semidefinite_target, symmetric_target};
use crate::config::{Coherence, TargetKind, TargetSpec};
use crate::linalg::{DecompositionError, Form, Matrix, multiply, thin_svd};
use crate::random::{Purpose, stream, without_replacement};

/// The target that a specification describes.
///
/// - Random: `Y = U diag(σ) Vᵀ` with Haar-distributed `U` (`m × r`, stream 0 of [`Purpose::Target`]) and `V` (`n × r`, stream 1); the
///   triples kept are exactly those that `Y` was made of. [Coherent](Coherence::Coherent) ones are Haar-distributed on `r` rows and `r` columns
///   that are drawn without replacement (streams 2 and 3), and zero elsewhere.
/// - From a file (formats: [`read_matrix`](super::read_matrix)): the [best approximation](best_approximation) of the given rank over its
///   `σ₁`, or without a rank the matrix as it is, whose rank is then the number of singular values above `mn·ε·σ₁`.
/// - Of the symmetric model: `Y = U diag(σ) Uᵀ` with Haar-distributed `U` (stream 0); `Y = U*U*ᵀ` with normalised Gaussian columns (stream 0); or a
///   [symmetric positive semidefinite](semidefinite_target) matrix from a file.
///
/// # Errors
/// Singular values that are none, a rank beyond the shape or beyond the matrix's numerical rank, a zero matrix, a file that cannot
/// be read.
pub fn build_target(spec: &TargetSpec) -> Result<Target, ProblemError> {
    match &spec.kind {
        TargetKind::Random { rows, cols, singular_values, coherence } => random(spec.seed, (*rows, *cols), singular_values, *coherence),
        TargetKind::File { path, rank } => {
            let origin = path.display().to_string();
            let matrix = read_matrix(path, &|rows, cols| rank.map_or(Ok(()), |rank| check_rank(rank, rows, cols, &origin)))?;
            match rank {
                Some(rank) => best_approximation(&matrix, *rank, &origin),
                None => as_it_is(matrix, &origin),
            }
        }
        TargetKind::Semidefinite { side, singular_values } => {
            check_spectrum(singular_values)?;
            check_rank(singular_values.len(), *side, *side, "the random target")?;
            Ok(symmetric_target::random(spec.seed, *side, singular_values))
        }
        TargetKind::UnitColumns { side, rank } => {
            check_rank(*rank, *side, *side, "the random target")?;
            symmetric_target::unit_columns(spec.seed, *side, *rank).map_err(|source| decomposition("the random target", source))
        }
        TargetKind::SemidefiniteFile { path, rank } => {
            let origin = path.display().to_string();
            semidefinite_target(read_matrix(path, &|_, _| Ok(()))?, *rank, &origin)
        }
    }
}

/// The shape `(m, n)` of the target, without computing it; of a file only the header is read, except for `.csv`.
///
/// # Errors
/// A file that cannot be read.
pub fn target_shape(spec: &TargetSpec) -> Result<(usize, usize), ProblemError> {
    match &spec.kind {
        TargetKind::Random { rows, cols, .. } => Ok((*rows, *cols)),
        TargetKind::Semidefinite { side, .. } | TargetKind::UnitColumns { side, .. } => Ok((*side, *side)),
        TargetKind::File { path, .. } | TargetKind::SemidefiniteFile { path, .. } => matrix_shape(path),
    }
}

/// The best approximation of rank `rank` to `matrix` in every unitarily invariant norm (Eckart and Young), divided by its `σ₁`:
/// `Y = U_r diag(σ_i/σ₁) V_rᵀ`. `origin` names the matrix in messages.
///
/// # Errors
/// A rank that is 0 or beyond the shape; a matrix with fewer than `rank` singular values above `mn·ε·σ₁`, or that is not finite.
pub fn best_approximation(matrix: &Matrix, rank: usize, origin: &str) -> Result<Target, ProblemError> {
    check_rank(rank, matrix.nrows(), matrix.ncols(), origin)?;
    let svd = thin_svd(matrix).map_err(|source| decomposition(origin, source))?;
    let largest = svd.values.first().copied().unwrap_or(0.0);
    if largest == 0.0 {
        return Err(ProblemError::ZeroTarget { origin: origin.to_owned() });
    }
    let threshold = largest * f64::EPSILON * matrix.len() as f64;
    let found = svd.values.iter().filter(|&&value| value > threshold).count();
    if found < rank {
        let ratio = svd.values[rank - 1] / largest;
        return Err(ProblemError::RankDeficient { rank, origin: origin.to_owned(), found, ratio });
    }
    let values = svd.values.iter().take(rank).map(|value| value / largest).collect();
    Ok(from_triples(svd.left.columns(0, rank).into_owned(), values, svd.right.columns(0, rank).into_owned()))
}

fn random(seed: u64, (rows, cols): (usize, usize), values: &[f64], coherence: Coherence) -> Result<Target, ProblemError> {
    check_spectrum(values)?;
    check_rank(values.len(), rows, cols, "the random target")?;
    let (left, right) = match coherence {
        Coherence::Incoherent => {
            let vectors = |side, height| semi_orthogonal(&mut stream(seed, Purpose::Target, side), height, values.len());
            (vectors(0, rows), vectors(1, cols))
        }
        Coherence::Coherent => (concentrated(seed, 0, rows, values.len()), concentrated(seed, 1, cols, values.len())),
    };
    Ok(from_triples(left, values.to_vec(), right))
}

/// Orthonormal columns supported on `rank` coordinates: a Haar-distributed `rank × rank` matrix (stream `side`) on coordinates drawn without
/// replacement (stream `2 + side`).
fn concentrated(seed: u64, side: u64, height: usize, rank: usize) -> Matrix {
    let block = semi_orthogonal(&mut stream(seed, Purpose::Target, side), rank, rank);
    let coordinates = without_replacement(&mut stream(seed, Purpose::Target, 2 + side), rank, height);
    let mut vectors = Matrix::zeros(height, rank);
    for (from, &to) in coordinates.iter().enumerate() {
        vectors.row_mut(to as usize).copy_from(&block.row(from));
    }
    vectors
}

fn check_spectrum(values: &[f64]) -> Result<(), ProblemError> {
    let positive = values.iter().all(|value| value.is_finite() && *value > 0.0);
    if values.is_empty() || !positive || values.windows(2).any(|pair| pair[0] < pair[1]) {
        return Err(ProblemError::Spectrum { values: values.to_vec() });
    }
    Ok(())
}

fn as_it_is(matrix: Matrix, origin: &str) -> Result<Target, ProblemError> {
    let target = Target::from_matrix(matrix, None).map_err(|source| decomposition(origin, source))?;
    if target.rank() == 0 { Err(ProblemError::ZeroTarget { origin: origin.to_owned() }) } else { Ok(target) }
}

fn from_triples(left: Matrix, values: Vec<f64>, right: Matrix) -> Target {
    let mut scaled = left.clone();
    for (mut column, value) in scaled.column_iter_mut().zip(&values) {
        column *= *value;
    }
    Target { matrix: multiply(Form::RightTransposed, &scaled, &right), left, values, right }
}

fn check_rank(rank: usize, rows: usize, cols: usize, origin: &str) -> Result<(), ProblemError> {
    if (1..=rows.min(cols)).contains(&rank) {
        return Ok(());
    }
    Err(ProblemError::Rank { rank, origin: origin.to_owned(), rows, cols })
}

fn decomposition(origin: &str, source: DecompositionError) -> ProblemError {
    ProblemError::Decomposition { origin: origin.to_owned(), source }
}
