//! Sensing operators: `A: R^{m×n} → R^p`, isotropic in expectation (`E A*A = I`).
//!
//! Everything that drives a trajectory is a [`Question`] to the operator, and one pass over the measurements answers a
//! whole batch of them. The bits of an answer depend on the instance and the point alone: not on the batch, nor on the
//! number of threads.

mod dense;
mod entries;
mod error;
mod gaussian;
mod hadamard;
mod identity;
mod memory;
mod pauli;
mod rademacher;
mod rank_one;
mod rip;
mod sampled_transform;
mod subset;
mod symmetric;
mod walsh_hadamard;

pub use dense::Dense;
pub use entries::Entries;
pub use error::SensingError;
pub use gaussian::Gaussian;
pub use hadamard::Hadamard;
pub use identity::Identity;
pub use memory::available_memory;
pub use pauli::Pauli;
pub use rademacher::Rademacher;
pub use rank_one::RankOne;
pub use rip::{NormalNorm, RipLowerBound, RipSearch, normal_operator_norm, rip_lower_bound, rip_lower_bounds};
pub use symmetric::{PackedSymmetric, Symmetrised};
pub use walsh_hadamard::walsh_hadamard;

use crate::linalg::{Matrix, View};
use subset::Subset;

/// The most questions that one application answers together.
pub const BATCH: usize = 32;

/// Where the operator is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Point<'a> {
    /// `X = L Rᵀ`, `L` of shape `m × h`, `R` of shape `n × h`.
    Factored {
        /// `L`
        left: View<'a>,
        /// `R`
        right: View<'a>,
    },
    /// `X` itself, `m × n`.
    Dense(&'a Matrix),
}

/// Which measurements a question is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rows<'a> {
    /// All of them.
    All,
    /// Some of them, each sum over which is multiplied by a weight: `w Σ_{i∈S} (y_i − ⟨M_i, X⟩) M_i`. With `w = p/|S|` and a random `S` its
    /// expectation is that of all.
    Subset {
        /// `S`, ascending.
        indices: &'a [usize],
        /// `w`
        weight: f64,
    },
    /// Those whose value at the point is at most a limit: `Σ_{⟨M_i, X⟩ ≤ limit} (y_i − ⟨M_i, X⟩) M_i`, the truncated risk of quadratic networks.
    AtMost {
        /// The limit on `⟨M_i, X⟩`, which includes the factor `1/√p`.
        limit: f64,
    },
}

/// One application of the normal operator.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The matrix `X` that it is applied to.
    pub point: Point<'a>,
    /// `true`: `A*(y − A(X))`; `false`: `−A*A(X)`, as in Hessian–vector products.
    pub data: bool,
    /// The measurements that it is about.
    pub rows: Rows<'a>,
    /// What the answer is for.
    pub want: Want,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// `N` and `X`.
    Matrix,
    /// `N R` and `Nᵀ L` at a factored point `X = L Rᵀ`, which some operators have without forming `N` or `X`
    /// ([`SensingOperator::offers_products`]). A wish: other operators, and any operator at a dense point, give the matrix.
    Products,
}

impl<'a> Question<'a> {
    /// `A*(y − A(L Rᵀ))`.
    pub fn residual(left: View<'a>, right: View<'a>) -> Self {
        Question { point: Point::Factored { left, right }, data: true, rows: Rows::All, want: Want::Matrix }
    }

    /// `−A*A(X)`.
    pub fn normal(point: Point<'a>) -> Self {
        Question { point, data: false, rows: Rows::All, want: Want::Matrix }
    }

    /// The same at a matrix, answered by a matrix.
    pub(crate) fn at<'b>(self, x: &'b Matrix) -> Question<'b>
    where
        'a: 'b,
    {
        Question { point: Point::Dense(x), want: Want::Matrix, ..self }
    }

    /// The same about some of the measurements.
    pub fn about(self, rows: Rows<'a>) -> Self {
        Question { rows, ..self }
    }
}

/// What an application gives back; a buffer that is reused.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// `N = A*(y − A(X))`, `m × n` (or `−A*A(X)`).
    pub matrix: Matrix,
    /// `X`, `m × n`, as it was applied.
    pub product: Matrix,
    /// `‖y − A(X)‖²` (or `‖A(X)‖²`).
    pub residual_norm_squared: f64,
    /// Whether `matrix` and `product` hold the answer, or `products` does. Then the other two are NaN.
    pub given: Want,
    /// `[N R; Nᵀ L]`, `(m + n) × h`, if it is what was given.
    pub products: Matrix,
}

impl Answer {
    /// A buffer for answers about `rows × cols` matrices.
    pub fn new(rows: usize, cols: usize) -> Self {
        let zeros = || Matrix::zeros(rows, cols);
        Answer { matrix: zeros(), product: zeros(), residual_norm_squared: 0.0, given: Want::Matrix, products: Matrix::zeros(0, 0) }
    }

    /// Makes this an answer by products, `rows × width` in all, which the caller writes into the matrix that comes back. Allocates only
    /// where the size was another one before.
    pub(crate) fn give_products(&mut self, rows: usize, width: usize) -> &mut Matrix {
        self.matrix.fill(f64::NAN);
        self.product.fill(f64::NAN);
        self.given = Want::Products;
        if self.products.shape() != (rows, width) {
            self.products = Matrix::zeros(rows, width);
        }
        &mut self.products
    }
}

/// Buffers that an operator keeps between applications; each operator makes its own kind.
pub type Workspace = Box<dyn std::any::Any + Send>;

/// What one application costs, for `pgflow check`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Bytes of the measurement ensemble that one application reads.
    pub bytes: f64,
    /// Floating-point operations of one application to the whole batch.
    pub flops: f64,
}

/// An array that tells a structured operator, for files.
pub struct NamedArray<'a> {
    /// Its name.
    pub name: &'static str,
    /// The lengths of its dimensions.
    pub shape: Vec<usize>,
    /// Its entries in row-major order.
    pub values: Values<'a>,
}

/// Entries of a [`NamedArray`], one after another.
pub enum Values<'a> {
    /// Numbers.
    Floats(Box<dyn Iterator<Item = f64> + 'a>),
    /// Indices.
    Integers(Box<dyn Iterator<Item = i64> + 'a>),
    /// Bytes.
    Bytes(Box<dyn Iterator<Item = u8> + 'a>),
}

/// A linear map `A: R^{m×n} → R^p` with its adjoint.
pub trait SensingOperator: Send + Sync + std::fmt::Debug {
    /// `(m, n)`.
    fn shape(&self) -> (usize, usize);

    /// Whether it is full observation: `A(X)` are the entries of `X`, column-major.
    fn is_identity(&self) -> bool {
        false
    }

    /// Whether [`Want::Products`] is cheaper to answer than [`Want::Matrix`], and is answered.
    fn offers_products(&self) -> bool {
        false
    }

    /// Whether it is an operator of the symmetric model: its measurement matrices, and all that it answers, are symmetric.
    fn is_symmetric(&self) -> bool {
        false
    }

    /// `p`, the length of `y`.
    fn measurements(&self) -> usize;

    /// Buffers for [`answer`](Self::answer), for batches of up to [`BATCH`] questions.
    fn workspace(&self) -> Workspace;

    /// Answers up to [`BATCH`] questions about all measurements ([`Rows::All`]) in one pass; `answers[i]` belongs to `questions[i]`. `y` is the
    /// data, of length `p`. Allocates nothing.
    fn answer(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], work: &mut Workspace);

    /// Answers a question about some of the measurements ([`Rows::Subset`]) by looking at these alone; what the answer holds is
    /// `N_S = w Σ_{i∈S} (y_i − ⟨M_i, X⟩) M_i`, `X` and `w Σ_{i∈S} (y_i − ⟨M_i, X⟩)²`. What it gives is the matrix, whatever is wanted. Questions of
    /// other kinds go to [`answer_one`](Self::answer_one).
    ///
    /// Default: through [`row`](Self::row), which makes a matrix for each measurement.
    fn answer_subset(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer, _work: &mut Workspace) {
        if let Some(subset) = Subset::begin(question, y, answer) {
            subset.by_rows(answer, |i| self.row(i));
        }
    }

    /// Whether [`answer`](Self::answer) knows [`Rows::AtMost`].
    fn truncates(&self) -> bool {
        false
    }

    /// Answers one question of any kind, apart from a batch.
    fn answer_one(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer, work: &mut Workspace) {
        match question.rows {
            Rows::AtMost { limit } if !self.truncates() => {
                subset::truncated(y, question, limit, answer, |x| self.measure(x), |v| self.adjoint(v));
            }
            Rows::All | Rows::AtMost { .. } => self.answer(y, std::slice::from_ref(question), std::slice::from_mut(answer), work),
            Rows::Subset { .. } => self.answer_subset(y, question, answer, work),
        }
    }

    /// `A(X)`, of length `p`.
    fn measure(&self, x: &Matrix) -> Vec<f64>;

    /// `A*(v)`, `m × n`.
    fn adjoint(&self, v: &[f64]) -> Matrix;

    /// The cost of one application to a batch.
    fn cost(&self, batch: usize) -> Cost;

    /// Bytes that the ensemble occupies in memory.
    fn storage_bytes(&self) -> u64;

    /// The arrays that a structured operator is told by in a file, from which it can be made again with the same bits.
    fn arrays(&self) -> Option<Vec<NamedArray<'_>>> {
        None
    }

    /// Measurement `i` as an `m × n` matrix that includes the factor `1/√p`: `A(X)_i = ⟨row, X⟩`.
    fn row(&self, i: usize) -> Matrix;
}

/// For operators whose batches know questions about all measurements alone.
///
/// # Panics
/// If another one is among them: answered as if it were about all, it would be a plausible number.
fn assert_about_all(questions: &[Question<'_>]) {
    assert!(
        questions.iter().all(|question| question.rows == Rows::All),
        "questions about some of the measurements are answered one by one"
    );
}

/// Writes the matrix that a question is about into `out`.
pub(crate) fn write_point(point: &Point<'_>, out: &mut Matrix) {
    use crate::linalg::{Form, multiply_into};
    match point {
        Point::Factored { left, right } => {
            let rows = out.nrows();
            multiply_into(out, 0, rows, 1.0, Form::RightTransposed, *left, *right);
        }
        Point::Dense(x) => out.copy_from(x),
    }
}
