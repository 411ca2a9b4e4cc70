//! Initial factors.

use super::{Instance, ProblemError, gaussian_matrix, semi_orthogonal};
use crate::config::{InitKind, InitSpec};
use crate::dynamics::State;
use crate::linalg::{Form, Matrix, multiply, symmetric_eigen, thin_svd};
use crate::random::{Purpose, stream};

/// Initial factors that an instance's file brings.
#[derive(Clone, Debug, PartialEq)]
pub enum InitialFactors {
    /// Of the asymmetric model.
    Pair {
        /// `F₀`, `m × h`.
        f: Matrix,
        /// `G₀`, `n × h`.
        g: Matrix,
    },
    /// `U₀`, `d × h`, of the symmetric model.
    Symmetric(Matrix),
}

impl InitialFactors {
    /// `h`
    pub fn width(&self) -> usize {
        match self {
            InitialFactors::Pair { f: factor, .. } | InitialFactors::Symmetric(factor) => factor.ncols(),
        }
    }

    /// Rows and columns of the product.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            InitialFactors::Pair { f, g } => (f.nrows(), g.nrows()),
            InitialFactors::Symmetric(u) => (u.nrows(), u.nrows()),
        }
    }
}

/// The initial state `Z₀ = [F₀; G₀]` of width `h` for an instance of shape `(m, n)`, or `Z₀ = U₀` (`d × h`) where the operator is one of the symmetric
/// model.
///
/// Every law draws a state at scale 1 and multiplies each of its entries by `α`, so that states of different `α` are proportional to
/// the last bit. Streams are those of [`Purpose::Initialisation`].
///
/// - Gaussian: standard normal entries, `F` (or `U`) from stream 0 and `G` from stream 1, column-major.
/// - Orthogonal: Haar-distributed with orthonormal columns (rows where `h` exceeds the height), same streams.
/// - Identity: ones on the diagonal, zeros elsewhere: the first `h` columns of the identity, and columns of zeros where `h` exceeds the height.
/// - Spectral: `F₀ = α U_Y Qᵀ`, `G₀ = α V_Y Qᵀ` with `Q` (`h × r`, Haar) from stream 0; then `F₀G₀ᵀ = α² U_Y V_Yᵀ` and `Λ₀ = 0`
///   (THEORY 3.2); `U₀ = α U_Y Qᵀ`.
/// - Spectral, of the data: `F₀ = α U Σ^{1/2}`, `G₀ = α V Σ^{1/2}` with the `h` largest singular triples of `A*(y)`; `U₀ = α V Λ^{1/2}` with its `h`
///   largest eigenvalues, zeros in the place of negative ones; no randomness.
/// - File: `α` times `factors`.
///
/// `width` may be `None` where `factors` are given, whose width it then is.
///
/// # Errors
/// No width; spectral without a target or with `h < r`; spectral of the data with `h > min(m, n)`; factors that are missing, of another shape or
/// of the other model.
pub fn initial_state(
    spec: &InitSpec,
    width: Option<usize>,
    instance: &Instance,
    factors: Option<&InitialFactors>,
) -> Result<State, ProblemError> {
    let (rows, cols) = instance.operator.shape();
    let symmetric = instance.operator.is_symmetric();
    let width = width.or(factors.map(InitialFactors::width)).ok_or(ProblemError::NoWidth)?;
    let mut streams = [0, 1].map(|index| stream(spec.seed, Purpose::Initialisation, index));
    let [first, second] = &mut streams;
    // The symmetric model's only factor is the left one.
    let pair = |left: Matrix, right: &mut dyn FnMut() -> Matrix| (left, (!symmetric).then(right));
    let (mut left, right) = match spec.kind {
        InitKind::Gaussian => pair(gaussian_matrix(first, rows, width), &mut || gaussian_matrix(second, cols, width)),
        InitKind::Orthogonal => pair(semi_orthogonal(first, rows, width), &mut || semi_orthogonal(second, cols, width)),
        InitKind::Identity => pair(Matrix::identity(rows, width), &mut || Matrix::identity(cols, width)),
        InitKind::Spectral => {
            let target = instance.target.as_ref().ok_or(ProblemError::NoTarget)?;
            let rank = target.rank();
            if width < rank {
                return Err(ProblemError::NarrowSpectral { width, rank });
            }
            let frame = semi_orthogonal(first, width, rank);
            let turned = |basis: &Matrix| multiply(Form::RightTransposed, basis, &frame);
            pair(turned(&target.left), &mut || turned(&target.right))
        }
        InitKind::SpectralData if symmetric => (spectral_data_symmetric(instance, width)?, None),
        InitKind::SpectralData => {
            let (left, right) = spectral_data(instance, width)?;
            (left, Some(right))
        }
        InitKind::File => match (factors.ok_or(ProblemError::NoFactors)?, symmetric) {
            (InitialFactors::Pair { f, g }, false) => {
                check_shape("f0", f, (rows, width))?;
                check_shape("g0", g, (cols, width))?;
                (f.clone(), Some(g.clone()))
            }
            (InitialFactors::Symmetric(u), true) => {
                check_shape("u0", u, (rows, width))?;
                (u.clone(), None)
            }
            (InitialFactors::Pair { .. }, true) => {
                return Err(ProblemError::OtherModel { found: "f0 and g0", model: "symmetric", expected: "u0" });
            }
            (InitialFactors::Symmetric(_), false) => {
                return Err(ProblemError::OtherModel { found: "u0", model: "asymmetric", expected: "f0 and g0" });
            }
        },
    };
    left *= spec.scale;
    Ok(match right {
        Some(right) => State::from_factors(&left, &(right * spec.scale)),
        None => State::from_symmetric_factor(left),
    })
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

/// The factor of the best positive semidefinite approximation of `A*(y)` of rank at most `width`.
fn spectral_data_symmetric(instance: &Instance, width: usize) -> Result<Matrix, ProblemError> {
    let eigen = symmetric_eigen(&instance.operator.adjoint(&instance.data)).map_err(ProblemError::DataDecomposition)?;
    let most = eigen.values.len();
    if width > most {
        return Err(ProblemError::WideSpectral { width, most });
    }
    // Eigenvalues ascend.
    Ok(Matrix::from_fn(most, width, |i, j| eigen.vectors[(i, most - 1 - j)] * eigen.values[most - 1 - j].max(0.0).sqrt()))
}

fn check_shape(name: &'static str, factor: &Matrix, expected: (usize, usize)) -> Result<(), ProblemError> {
    let found = factor.shape();
    if found == expected { Ok(()) } else { Err(ProblemError::FactorShape { name, expected, found }) }
}
