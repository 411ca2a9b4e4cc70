//! What can be wrong with a problem's data.

use crate::linalg::DecompositionError;
use std::path::PathBuf;

/// A target, an ensemble, initial factors or an instance file that cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemError {
    /// The target and the factors of the trajectories alone are larger than the memory that is left.
    #[error(
        "a {rows}×{cols} target and {trajectories} pairs of factors of width {width} need at least {needed} bytes of memory, and {available} \
         bytes are available; take a smaller target, a smaller model.width, or fewer trajectories"
    )]
    TooLarge {
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
        /// `h`
        width: usize,
        /// How many trajectories there are.
        trajectories: usize,
        /// Bytes that they take at least.
        needed: u64,
        /// Bytes that are available.
        available: u64,
    },
    /// A file cannot be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file's ending names no format that is read.
    #[error("target.file = {}: its format is told by its ending, which must be .png, .csv or .npy", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A file is not what its ending says, or holds what a matrix cannot.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A cell of a table is no finite number.
    #[error("{}, line {line}, column {column}: {reason}", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A target of the symmetric model that is not square.
    #[error(
        "{origin} is {rows}×{cols}: the symmetric model recovers Y = UUᵀ, which is square; take another matrix or factorization = \"asymmetric\""
    )]
    NotSquare {
        /// What the matrix is.
        origin: String,
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
    },
    /// A target of the symmetric model that is not symmetric.
    #[error(
        "{origin} is not symmetric: two opposite entries differ by {skew:.1e}, where the largest entry is {largest:.1e}; the symmetric model recovers \
         Y = UUᵀ; take another matrix or factorization = \"asymmetric\""
    )]
    NotSymmetric {
        /// What the matrix is.
        origin: String,
        /// The largest difference between opposite entries.
        skew: f64,
        /// The largest entry.
        largest: f64,
    },
    /// A target of the symmetric model with a negative eigenvalue.
    #[error(
        "{origin} is not positive semidefinite: its eigenvalues reach from {least:.3e} to {largest:.3e}; the symmetric model recovers Y = UUᵀ, which has \
         none below zero; take another matrix or factorization = \"asymmetric\""
    )]
    NotSemidefinite {
        /// What the matrix is.
        origin: String,
        /// The smallest eigenvalue.
        least: f64,
        /// The largest eigenvalue.
        largest: f64,
    },
    /// Initial factors of the other model.
    #[error("the instance's file brings {found}, and the {model} model starts from {expected}; change the file or model.factorization")]
    OtherModel {
        /// What is there.
        found: &'static str,
        /// The model's name.
        model: &'static str,
        /// What is needed.
        expected: &'static str,
    },
    /// A rank beyond the matrix's shape.
    #[error(
        "target.rank = {rank}: {origin} is {rows}×{cols}, so its rank is from 1 to {}; change target.rank or set it to \"full\"",
        rows.min(cols)
    )]
    Rank {
        /// The rank asked for.
        rank: usize,
        /// What the matrix is.
        origin: String,
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
    },
    /// A matrix of smaller rank than was asked for.
    #[error(
        "target.rank = {rank}: {origin} has numerical rank {found} (σ_{rank}/σ₁ = {ratio:.1e}), so it has no approximation of rank exactly \
         {rank}; lower target.rank to {found} or less, or set it to \"full\""
    )]
    RankDeficient {
        /// The rank asked for.
        rank: usize,
        /// What the matrix is.
        origin: String,
        /// Number of singular values above `mn·ε·σ₁`.
        found: usize,
        /// `σ_rank/σ₁`.
        ratio: f64,
    },
    /// A target without information.
    #[error("{origin} is zero; a target needs at least one entry that is not")]
    ZeroTarget {
        /// What the matrix is.
        origin: String,
    },
    /// Singular values that are none.
    #[error("target.singular_values = {values:?}: must be positive, finite, descending, and at least one")]
    Spectrum {
        /// The values asked for.
        values: Vec<f64>,
    },
    /// A decomposition failed.
    #[error("{origin}: {source}")]
    Decomposition {
        /// What was decomposed.
        origin: String,
        /// Why.
        source: DecompositionError,
    },
    /// An ensemble that cannot be made.
    #[error(transparent)]
    Sensing(#[from] crate::sensing::SensingError),
    /// No width was given.
    #[error(
        "model.width is missing: the number of columns of the factors must be given where the instance's file brings no f0 and g0 (or u0)"
    )]
    NoWidth,
    /// Spectral initialisation without a target.
    #[error("init.spectral needs the target's singular vectors, and the instance has no target; use init.gaussian or init.orthogonal")]
    NoTarget,
    /// Spectral initialisation in factors that are too narrow.
    #[error("init.spectral needs model.width ≥ rank: width = {width}, rank = {rank}; raise model.width to {rank} or more")]
    NarrowSpectral {
        /// `h`
        width: usize,
        /// `r`
        rank: usize,
    },
    /// Spectral initialisation from data in factors that are wider than there are singular triples.
    #[error(
        "init.spectral of the data has {most} singular triples, and model.width = {width} asks for more; lower model.width to {most} or less"
    )]
    WideSpectral {
        /// `h`
        width: usize,
        /// `min(m, n)`
        most: usize,
    },
    /// The data have no decomposition.
    #[error("init.spectral of the data: the decomposition of A*(y) failed: {0}")]
    DataDecomposition(DecompositionError),
    /// Factors from a file that brings none.
    #[error(
        "the initial factors are to come from the instance's file, which brings no f0 and g0 (or u0); add them or choose an init of another kind"
    )]
    NoFactors,
    /// Factors of another shape.
    #[error("{name} is {}×{}, expected {}×{}; correct the file or model.width", found.0, found.1, expected.0, expected.1)]
    FactorShape {
        /// `f0`, `g0` or `u0`.
        name: &'static str,
        /// What is needed.
        expected: (usize, usize),
        /// What is there.
        found: (usize, usize),
    },
    /// An array that must be there.
    #[error("{}: array {array:?} is missing: {reason}", path.display())]
    MissingArray {
        /// The file.
        path: PathBuf,
        /// Its name.
        array: String,
        /// Why it is needed.
        reason: String,
    },
    /// An array that means nothing here.
    #[error("{}: array {array:?} is unknown; allowed are {allowed}", path.display())]
    UnknownArray {
        /// The file.
        path: PathBuf,
        /// Its name.
        array: String,
        /// All names.
        allowed: String,
    },
    /// An array of another shape.
    #[error("{}: array {array:?} has shape {found}, expected {expected}", path.display())]
    ArrayShape {
        /// The file.
        path: PathBuf,
        /// Its name.
        array: String,
        /// What is needed, in words.
        expected: String,
        /// What is there.
        found: String,
    },
    /// An array whose contents cannot be used.
    #[error("{}: array {array:?}: {reason}", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// Its name.
        array: String,
        /// What is wrong and what would be right.
        reason: String,
    },
}

impl ProblemError {
    /// Whether a file is at fault, rather than the configuration.
    pub fn is_input_output(&self) -> bool {
        use ProblemError as E;
        matches!(
            self,
            E::Read { .. }
                | E::Format { .. }
                | E::Cell { .. }
                | E::MissingArray { .. }
                | E::UnknownArray { .. }
                | E::ArrayShape { .. }
                | E::Array { .. }
        )
    }
}
