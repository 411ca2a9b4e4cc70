//! Initial factors.

use super::{Instance, ProblemError, gaussian_matrix, semi_orthogonal};
use crate::config::{InitKind, InitSpec};
use crate::dynamics::State;
use crate::linalg::{Form, Matrix, multiply, thin_svd};
use crate::random::{Purpose, stream};

/// Initial factors that an instance's file brings.
#[derive(Clone, Debug, PartialEq)]
pub struct InitialFactors {
    /// `F₀`, `m × h`.
    pub f: Matrix,
    /// `G₀`, `n × h`.
    pub g: Matrix,
}

/// The initial state `Z₀ = [F₀; G₀]` of width `h` for an instance of shape `(m, n)`.
///
/// Every law draws a state at scale 1 and multiplies each of its entries by `α`, so that states of different `α` are proportional to
/// the last bit. Streams are those of [`Purpose::Initialisation`].
///
/// - Gaussian: standard normal entries, `F` from stream 0 and `G` from stream 1, column-major.
/// - Orthogonal: Haar-distributed with orthonormal columns (rows where `h` exceeds the height), same streams.
/// - Spectral: `F₀ = α U_Y Qᵀ`, `G₀ = α V_Y Qᵀ` with `Q` (`h × r`, Haar) from stream 0; then `F₀G₀ᵀ = α² U_Y V_Yᵀ` and `Λ₀ = 0`
///   (THEORY 3.2).
/// - Spectral, of the data: `F₀ = α U Σ^{1/2}`, `G₀ = α V Σ^{1/2}` with the `h` largest singular triples of `A*(y)`; no randomness.
/// - File: `α` times `factors`.
///
/// `width` may be `None` where `factors` are given, whose width it then is.
///
/// # Errors
/// No width; spectral without a target or with `h < r`; spectral of the data with `h > min(m, n)`; factors that are missing or of another shape.
pub fn initial_state(
    spec: &InitSpec,
    width: Option<usize>,
    instance: &Instance,
    factors: Option<&InitialFactors>,
) -> Result<State, ProblemError> {
    let (rows, cols) = instance.operator.shape();
    let width = width.or(factors.map(|factors| factors.f.ncols())).ok_or(ProblemError::NoWidth)?;
    let mut streams = [0, 1].map(|index| stream(spec.seed, Purpose::Initialisation, index));
    let [first, second] = &mut streams;
    let (mut f, mut g) = match spec.kind {
        InitKind::Gaussian => (gaussian_matrix(first, rows, width), gaussian_matrix(second, cols, width)),
        InitKind::Orthogonal => (semi_orthogonal(first, rows, width), semi_orthogonal(second, cols, width)),
        InitKind::Spectral => {
            let target = instance.target.as_ref().ok_or(ProblemError::NoTarget)?;
            let rank = target.rank();
            if width < rank {
                return Err(ProblemError::NarrowSpectral { width, rank });
            }
            let frame = semi_orthogonal(first, width, rank);
            (multiply(Form::RightTransposed, &target.left, &frame), multiply(Form::RightTransposed, &target.right, &frame))
        }
        InitKind::SpectralData => spectral_data(instance, width)?,
        InitKind::File => {
            let factors = factors.ok_or(ProblemError::NoFactors)?;
            check_shape("f0", &factors.f, (rows, width))?;
            check_shape("g0", &factors.g, (cols, width))?;
            (factors.f.clone(), factors.g.clone())
        }
    };
    f *= spec.scale;
    g *= spec.scale;
    Ok(State::from_factors(&f, &g))
}

/// The factors of the best approximation of `A*(y)` of rank `width`.
fn spectral_data(instance: &Instance, width: usize) -> Result<(Matrix, Matrix), ProblemError> {
    let svd = thin_svd(&instance.operator.adjoint(&instance.data)).map_err(ProblemError::DataDecomposition)?;
    let most = svd.values.len();
    if width > most {
        return Err(ProblemError::WideSpectral { width, most });
    }
    let scaled = |vectors: &Matrix| Matrix::from_fn(vectors.nrows(), width, |i, j| vectors[(i, j)] * svd.values[j].sqrt());
    Ok((scaled(&svd.left), scaled(&svd.right)))
}

fn check_shape(name: &'static str, factor: &Matrix, expected: (usize, usize)) -> Result<(), ProblemError> {
    let found = factor.shape();
    if found == expected { Ok(()) } else { Err(ProblemError::FactorShape { name, expected, found }) }
}
