//! Lower bounds of restricted isometry constants, and the norm of the normal operator.

use super::{Answer, BATCH, Point, Question, SensingOperator, Workspace};
use crate::linalg::{Form, Lanczos, Matrix, View, frobenius, frobenius_squared, multiply, thin_qr};
use crate::random::{Purpose, stream};
use rand::RngExt;
use rand_distr::StandardNormal;

/// How a lower bound is searched for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RipSearch {
    /// Seed of the starting points.
    pub seed: u64,
    /// Starting points for each of the two ends, at most 16 (more are cut to that): the largest and the smallest `‖A(X)‖²/‖X‖_F²`.
    pub restarts: usize,
    /// Most passes over the measurements for one order.
    pub passes: usize,
    /// A search ends when no quotient has moved by more than this in a pass.
    pub tolerance: f64,
}

impl Default for RipSearch {
    /// Seed 0, 8 restarts, 200 passes, `1e-6`.
    fn default() -> Self {
        RipSearch { seed: 0, restarts: 8, passes: 200, tolerance: 1e-6 }
    }
}

/// A lower bound of the restricted isometry constant `δ_q`, with the matrix that attains it.
#[derive(Clone, Debug, PartialEq)]
pub struct RipLowerBound {
    /// `q`, at most `min(m, n)`.
    pub order: usize,
    /// `|‖A(X)‖² − 1|` at the maximiser: `δ_q` is at least this, up to round-off of the one product `A(X)`. It may be far below `δ_q`.
    pub value: f64,
    /// `‖A(X)‖²` at the maximiser: below 1, the lower isometry inequality is the worse one.
    pub quotient: f64,
    /// `L` (`m × q`) of the maximiser `X = L Rᵀ`, `‖X‖_F = 1`.
    pub left: Matrix,
    /// `R` (`n × q`).
    pub right: Matrix,
    /// Starting points for each end.
    pub restarts: usize,
    /// Passes over the measurements.
    pub passes: usize,
}

/// A lower bound of `δ_q`, the least δ with `(1−δ)‖X‖_F² ≤ ‖A(X)‖² ≤ (1+δ)‖X‖_F²` for all X of rank at most q.
///
/// From each random start both quotients are pushed outwards. With `M = A*A(X)` (upper end) or `M = cX − A*A(X)` (lower end) and `V` an
/// orthonormal basis of the row space of `X`, one pass makes `U = orth(M V)` and `X⁺ = U Uᵀ M / ‖UᵀM‖_F`: the rank-q projection of a power
/// step by one subspace iteration. Because `‖UᵀM‖_F ≥ ‖M V‖_F ≥ ⟨M, X⟩` and the form is convex, the upper quotient never falls; the lower one never
/// rises as long as c is at least the largest quotient on rank 2q, and c grows where it does. Problems of this kind have local maxima, hence restarts, and
/// **a lower bound is all that comes out**: no efficient algorithm is known that computes `δ_q`.
///
/// An operator of the symmetric model is searched over symmetric `X` of rank at most q, `X⁺ = U UᵀMU Uᵀ / ‖UᵀMU‖_F`: quotients need not be monotone there, but
/// what was attained is a lower bound all the same.
///
/// An order above `min(m, n)` is the same as `min(m, n)`; order 0 gives 0. Deterministic.
pub fn rip_lower_bound(operator: &dyn SensingOperator, order: usize, search: &RipSearch) -> RipLowerBound {
    rip_lower_bounds(operator, &[order], search).pop().unwrap_or_else(|| nothing(operator, search))
}

/// Lower bounds for several orders, in that order. The maximiser of each order is a starting point of the next larger one, so that the bounds
/// do not decrease in the order.
pub fn rip_lower_bounds(operator: &dyn SensingOperator, orders: &[usize], search: &RipSearch) -> Vec<RipLowerBound> {
    let (rows, cols) = operator.shape();
    let mut sorted: Vec<usize> = orders.iter().map(|order| (*order).min(rows).min(cols)).collect();
    let asked = sorted.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let mut pass = Pass::new(operator);
    let mut found: Vec<RipLowerBound> = Vec::new();
    for order in sorted {
        let bound = if order == 0 { nothing(operator, search) } else { climb(&mut pass, order, search, found.last()) };
        found.push(bound);
    }
    asked.iter().filter_map(|order| found.iter().find(|bound| bound.order == *order).cloned()).collect()
}

/// The bound of order 0.
fn nothing(operator: &dyn SensingOperator, search: &RipSearch) -> RipLowerBound {
    let (rows, cols) = operator.shape();
    let (left, right) = (Matrix::zeros(rows, 0), Matrix::zeros(cols, 0));
    RipLowerBound { order: 0, value: 0.0, quotient: 1.0, left, right, restarts: search.restarts.clamp(1, BATCH / 2), passes: 0 }
}

/// The operator with buffers for questions without data.
struct Pass<'a> {
    operator: &'a dyn SensingOperator,
    data: Vec<f64>,
    work: Workspace,
    answers: Vec<Answer>,
}

impl<'a> Pass<'a> {
    fn new(operator: &'a dyn SensingOperator) -> Self {
        Pass { operator, data: vec![0.0; operator.measurements()], work: operator.workspace(), answers: Vec::new() }
    }

    /// One pass for at most [`BATCH`] points; answers hold `−A*A(X)`.
    fn ask(&mut self, points: &[Point<'_>]) -> &[Answer] {
        let (rows, cols) = self.operator.shape();
        while self.answers.len() < points.len() {
            self.answers.push(Answer::new(rows, cols));
        }
        let questions: Vec<Question<'_>> = points.iter().map(|point| Question::normal(*point)).collect();
        let answers = &mut self.answers[..points.len()];
        self.operator.answer(&self.data, &questions, answers, &mut self.work);
        answers
    }
}

/// One ascent.
struct Climber {
    upward: bool,
    left: Matrix,
    right: Matrix,
    quotient: f64,
    /// `c` of the lower end.
    shift: f64,
    settled: bool,
    /// Whether `X` stays symmetric.
    symmetric: bool,
}

impl Climber {
    fn random(upward: bool, operator: &dyn SensingOperator, order: usize, seed: u64, index: u64) -> Self {
        let (shape, symmetric) = (operator.shape(), operator.is_symmetric());
        let mut rng = stream(seed, Purpose::Rip, index);
        let mut draw = |rows| Matrix::from_fn(rows, order, |_, _| rng.sample(StandardNormal));
        let (left, mut right) = (draw(shape.0), draw(shape.1));
        if symmetric {
            // Signs of its own for the start's eigenvalues.
            right = Matrix::from_fn(shape.0, order, |i, j| left[(i, j)] * right[(0, j)].signum());
        }
        Climber::at(upward, left, right, symmetric)
    }

    fn at(upward: bool, left: Matrix, mut right: Matrix, symmetric: bool) -> Self {
        let norm = frobenius(&multiply(Form::RightTransposed, &left, &right));
        right /= norm;
        Climber { upward, left, right, quotient: if upward { 0.0 } else { f64::INFINITY }, shift: 2.0, settled: false, symmetric }
    }

    /// A step from `−A*A(X)`, with the quotient at `X`.
    fn step(&mut self, answer: &Answer, quotient: f64, search: &RipSearch, highest: f64) {
        let moved = (quotient - self.quotient).abs();
        if !self.upward && quotient > self.quotient {
            self.shift *= 1.5;
        }
        self.shift = self.shift.max(1.1 * highest);
        self.settled = moved <= search.tolerance;
        self.quotient = quotient;
        let mut m = -&answer.matrix;
        if !self.upward {
            m = &answer.product * self.shift - m;
        }
        let basis = thin_qr(&self.right).0;
        let left = thin_qr(&multiply(Form::Plain, &m, &basis)).0;
        let mut right = multiply(Form::LeftTransposed, &m, &left);
        if self.symmetric {
            right = multiply(Form::Plain, &left, &multiply(Form::LeftTransposed, &left, &right));
        }
        let norm = frobenius(&right);
        // An upper end with A(X) = 0 has nowhere to go.
        if norm.is_finite() && norm > 0.0 {
            (self.left, self.right) = (left, right / norm);
        } else {
            self.settled = true;
        }
    }
}

fn climb(pass: &mut Pass<'_>, order: usize, search: &RipSearch, smaller: Option<&RipLowerBound>) -> RipLowerBound {
    let restarts = search.restarts.clamp(1, BATCH / 2);
    let mut climbers = Vec::new();
    for index in 0..restarts {
        let seeded = smaller.filter(|smaller| index == 0 && smaller.order > 0);
        for upward in [true, false] {
            climbers.push(match seeded {
                Some(smaller) => {
                    let pad = |factor: &Matrix| factor.clone().resize_horizontally(order, 0.0);
                    Climber::at(upward, pad(&smaller.left), pad(&smaller.right), pass.operator.is_symmetric())
                }
                None => Climber::random(upward, pass.operator, order, search.seed, index as u64),
            });
        }
    }
    let mut best = nothing(pass.operator, search);
    (best.order, best.value) = (order, f64::NEG_INFINITY);
    let mut highest = 1.0_f64;
    while best.passes < search.passes.max(1) {
        let points: Vec<Point<'_>> =
            climbers.iter().map(|c| Point::Factored { left: View::of(&c.left), right: View::of(&c.right) }).collect();
        let answers = pass.ask(&points);
        best.passes += 1;
        for (climber, answer) in climbers.iter_mut().zip(answers) {
            // Both sums run over the entries in the same order where A is the identity: the quotient is then 1 to the last bit.
            let quotient = answer.residual_norm_squared / frobenius_squared(&answer.product);
            highest = highest.max(quotient);
            let value = (quotient - 1.0).abs();
            if value > best.value {
                (best.value, best.quotient) = (value, quotient);
                (best.left, best.right) = (climber.left.clone(), climber.right.clone());
            }
            climber.step(answer, quotient, search, highest);
        }
        if best.passes > 1 && climbers.iter().all(|climber| climber.settled) {
            break;
        }
    }
    best
}

/// The norm of the normal operator, `‖A*A‖ = ‖A‖²`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalNorm {
    /// At or below `‖A*A‖`, converged to `tolerance`.
    pub value: f64,
    /// Residual of its eigenvector: an eigenvalue lies within this distance.
    pub residual: f64,
    /// Passes over the measurements.
    pub passes: usize,
}

/// `‖A*A‖` by Lanczos iteration from a random start, to a relative tolerance, in at most 200 passes; `None` if it has not converged.
pub fn normal_operator_norm(operator: &dyn SensingOperator, tolerance: f64, seed: u64) -> Option<NormalNorm> {
    let (rows, cols) = operator.shape();
    let mut rng = stream(seed, Purpose::Rip, u64::MAX);
    let start: Vec<f64> = (0..rows * cols).map(|_| rng.sample(StandardNormal)).collect();
    let mut lanczos = Lanczos::with_limits(&start, tolerance, Lanczos::DIMENSION);
    let mut pass = Pass::new(operator);
    while !lanczos.is_finished() {
        let point = Matrix::from_column_slice(rows, cols, lanczos.direction());
        let image = pass.ask(&[Point::Dense(&point)]).first().map(|answer| -&answer.matrix)?;
        lanczos.supply(image.as_slice());
    }
    lanczos.extremes()?;
    let greatest = lanczos.estimates()?.greatest;
    Some(NormalNorm { value: greatest.value, residual: greatest.residual, passes: lanczos.dimension() })
}
