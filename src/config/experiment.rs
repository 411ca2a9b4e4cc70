//! A validated experiment: what resolution makes of a configuration file. Every rule that the file alone can decide holds.

use super::method::Method;
use std::path::PathBuf;

/// An experiment, families expanded, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Its name; the default output directory is `runs/<name>`.
    pub name: String,
    /// The seed that sections without a seed of their own use.
    pub seed: u64,
    /// Where the instance comes from.
    pub problem: Problem,
    /// How the unknown matrix is factored.
    pub factorization: Factorization,
    /// `h`; absent only where the instance's file brings initial factors.
    pub width: Option<usize>,
    /// What is recorded.
    pub record: Record,
    /// The trajectories, in the order of the file, family members in the order of their lists.
    pub trajectories: Vec<TrajectorySpec>,
    /// The comparisons, with family names expanded to members.
    pub comparisons: Vec<ComparisonSpec>,
}

/// How the unknown matrix is factored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Factorization {
    /// `X = FGᵀ`, loss `½‖A(X) − y‖²`.
    #[default]
    Asymmetric,
    /// `X = UUᵀ`, loss `¼‖A(X) − y‖²`: a square, positive semidefinite target, symmetrised measurements.
    Symmetric,
}

/// Where the instance comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// Drawn from seeds.
    Generated {
        /// `Y`
        target: TargetSpec,
        /// `A` and the noise.
        sensing: SensingSpec,
    },
    /// Read from an `.npz` file.
    File(PathBuf),
}

/// The target.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetSpec {
    /// The seed of its singular vectors.
    pub seed: u64,
    /// What it is.
    pub kind: TargetKind,
}

/// What the target is.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetKind {
    /// Haar-distributed singular vectors.
    Random {
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
        /// `σ₁ ≥ … ≥ σ_r > 0`; the length is the rank.
        singular_values: Vec<f64>,
        /// How the singular vectors are spread.
        coherence: Coherence,
    },
    /// A matrix from a PNG, CSV or .npy file.
    File {
        /// The file, relative paths already joined to the configuration's directory.
        path: PathBuf,
        /// The rank of the best approximation, scaled to `σ₁ = 1`; `None`: the matrix as it is.
        rank: Option<usize>,
    },
    /// Positive semidefinite with Haar-distributed eigenvectors, for the symmetric model.
    Semidefinite {
        /// `d`
        side: usize,
        /// `σ₁ ≥ … ≥ σ_r > 0`; the length is the rank.
        singular_values: Vec<f64>,
    },
    /// `U*U*ᵀ` with independent Gaussian unit columns, for the symmetric model.
    UnitColumns {
        /// `d`
        side: usize,
        /// `r`
        rank: usize,
    },
    /// A symmetric positive semidefinite matrix from a PNG, CSV or .npy file, for the symmetric model.
    SemidefiniteFile {
        /// The file, relative paths already joined to the configuration's directory.
        path: PathBuf,
        /// The rank of the best approximation, scaled to `σ₁ = 1`; `None`: the matrix as it is.
        rank: Option<usize>,
    },
}

/// How the singular vectors of a random target are spread over the coordinates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coherence {
    /// Haar-distributed: over all of them.
    #[default]
    Incoherent,
    /// Over `r` rows and `r` columns alone, drawn at random: the largest coherence that there is.
    Coherent,
}

/// The measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct SensingSpec {
    /// The seed of the measurement matrices and of the noise.
    pub seed: u64,
    /// Standard deviation of `e` in `y = A(Y) + e`.
    pub noise: f64,
    /// The ensemble.
    pub ensemble: Ensemble,
}

/// The ensemble of measurement matrices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ensemble {
    /// Independent standard normal entries, over `√p`.
    Gaussian {
        /// How many.
        measurements: Measurements,
        /// What the entries are stored as.
        storage: Storage,
    },
    /// Independent signs, over `√p`, one bit each.
    Rademacher {
        /// How many.
        measurements: Measurements,
    },
    /// Pairs of Gaussian vectors, `x zᵀ` over `√p`.
    RankOne {
        /// How many.
        measurements: Measurements,
    },
    /// Rows of a randomised Walsh–Hadamard transform, sampled without replacement, over `√p`.
    Hadamard {
        /// How many.
        measurements: Measurements,
    },
    /// Real Pauli matrices, sampled without replacement.
    Pauli {
        /// How many.
        measurements: Measurements,
    },
    /// Single entries, sampled without replacement.
    Entries {
        /// How many.
        measurements: Measurements,
    },
    /// Full observation.
    Identity,
}

impl Ensemble {
    /// How many measurements are asked for, if it does not fix that itself.
    pub fn measurements(&self) -> Option<Measurements> {
        match *self {
            Ensemble::Gaussian { measurements, .. }
            | Ensemble::Rademacher { measurements }
            | Ensemble::RankOne { measurements }
            | Ensemble::Hadamard { measurements }
            | Ensemble::Pauli { measurements }
            | Ensemble::Entries { measurements } => Some(measurements),
            Ensemble::Identity => None,
        }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Ensemble::Gaussian { .. } => "gaussian",
            Ensemble::Rademacher { .. } => "rademacher",
            Ensemble::RankOne { .. } => "rank_one",
            Ensemble::Hadamard { .. } => "hadamard",
            Ensemble::Pauli { .. } => "pauli",
            Ensemble::Entries { .. } => "entries",
            Ensemble::Identity => "identity",
        }
    }
}

/// The number of measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measurements {
    /// `p`.
    Count(usize),
    /// `p = ⌈oversampling · r (m + n − r)⌉`.
    Oversampling(f64),
    /// The integer nearest to `fraction · mn`, at least 1.
    Fraction(f64),
}

impl Measurements {
    /// Whether `p` depends on the rank.
    pub fn needs_rank(self) -> bool {
        matches!(self, Measurements::Oversampling(_))
    }

    /// `p` for a target of shape `rows × cols` and rank `rank`.
    pub fn count(self, rows: usize, cols: usize, rank: usize) -> usize {
        match self {
            Measurements::Count(p) => p,
            Measurements::Oversampling(factor) => (factor * (rank * (rows + cols - rank)) as f64).ceil() as usize,
            Measurements::Fraction(fraction) => ((fraction * (rows * cols) as f64).round() as usize).max(1),
        }
    }
}

/// What entries of a dense ensemble are stored as; arithmetic is f64 always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// 8 bytes.
    F64,
    /// 4 bytes: the ensemble *is* the rounded entries.
    F32,
}

/// An initialisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InitSpec {
    /// Its seed.
    pub seed: u64,
    /// Its law.
    pub kind: InitKind,
    /// `α`.
    pub scale: f64,
}

/// The law of the initial factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitKind {
    /// Entries `N(0, α²)`.
    Gaussian,
    /// `α` times Haar-distributed matrices with orthonormal columns (rows, where the factor is wider than high).
    Orthogonal,
    /// Ones on the diagonals, times `α`: the first columns of the identity.
    Identity,
    /// `F₀ = α U_Y Qᵀ`, `G₀ = α V_Y Qᵀ`: every mode starts at `s₀ = α²`, balanced.
    Spectral,
    /// `F₀ = α U Σ^{1/2}`, `G₀ = α V Σ^{1/2}` of the top `h` singular triples of `A*(y)`.
    SpectralData,
    /// The factors that the instance's file brings; `α` multiplies them.
    File,
}

/// What is recorded, and when a trajectory ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Flow time at which trajectories end.
    pub horizon: f64,
    /// Number of recording times, both ends included.
    pub samples: usize,
    /// How they are spread.
    pub spacing: Spacing,
    /// Whether flows cut their steps at recording times.
    pub exact_times: bool,
    /// Whether factors are kept at every sample.
    pub snapshots: bool,
    /// How many singular vectors of `FGᵀ` are kept of each side at every sample.
    pub singular_vectors: usize,
    /// Names of the columns, in order, `default` expanded.
    pub observables: Vec<String>,
    /// When to stop early.
    pub stop: Stop,
}

/// How recording times are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spacing {
    /// `t_j = horizon · j / (samples − 1)`.
    Linear,
    /// 0, then geometric from `first` to the horizon.
    Logarithmic {
        /// The first positive time.
        first: f64,
    },
}

/// Stop rules; each acts after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stop {
    /// Converged when `‖R‖_F/‖Y‖_F` is at most this.
    pub relative_error: Option<f64>,
    /// Converged when `‖A(FGᵀ) − y‖/‖y‖` is at most this.
    pub train_error: Option<f64>,
    /// Converged when `‖∇f‖_F` is at most this.
    pub gradient_norm: Option<f64>,
    /// Diverged when `‖Z‖_F` exceeds this.
    pub factor_norm: Option<f64>,
    /// Most evaluations of the field for stepping.
    pub evaluations: Option<u64>,
    /// Most seconds of wall-clock time, for the whole run.
    pub wall_seconds: Option<f64>,
}

/// One trajectory.
#[derive(Clone, Debug, PartialEq)]
pub struct TrajectorySpec {
    /// Its name, unique: the family's, with the member's parameters (`gd[step=0.1]`).
    pub name: String,
    /// The name in the file.
    pub family: String,
    /// How it starts.
    pub init: InitSpec,
    /// How it advances.
    pub method: Method,
    /// The tolerance of the cross-check, where one is asked for.
    pub cross_check: Option<f64>,
    /// Whether the numerical error of the flow is bounded.
    pub certify: bool,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparisonSpec {
    /// Name of the reference trajectory.
    pub reference: String,
    /// Names of the others.
    pub against: Vec<String>,
    /// Whether deviations are bounded a posteriori.
    pub bound: bool,
}
