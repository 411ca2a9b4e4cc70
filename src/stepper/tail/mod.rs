//! Methods for the long tail of a gradient flow, where the spectrum is real and an explicit Runge–Kutta step would be limited by stability.

mod advance;
mod chebyshev;
mod rosenbrock;
mod scheme;
mod stepper;
#[cfg(test)]
mod tests;

use super::step_size::StepSize;
use super::{Counts, Failure};
use crate::config::ToleranceSpec;
use crate::dynamics::{GradientFlowJacobian, Linearisation, State};
use crate::linalg::Matrix;
use chebyshev::Chebyshev;
use rosenbrock::Rosenbrock;
use scheme::{Ends, Scheme, Step};

/// An adaptive one-step method that needs products with the field's Jacobian, on its way along a trajectory that starts at `t = 0`.
/// Products are questions like any others, and count as evaluations.
///
/// The field must be autonomous and smooth, with a symmetric Jacobian: gradient flow, unless [another Jacobian](Self::with_jacobian) is
/// given.
///
/// **Steps** end exactly (to the bit) at the horizon and at requested times; one that would end within 1 % of its length before such a time
/// is stretched to it. The step that the controller wanted is remembered across a cut.
///
/// **Error control**: a step is accepted if `‖err‖_F ≤ rtol·max(‖Z_n‖_F, ‖Z_{n+1}‖_F) + atol`. A rate, state, product or error estimate
/// that is not finite rejects the step; when its size falls to `16ε` of the time (or of the first step's size, if that is larger) the
/// stepper fails: [`Failure::NonFinite`] if values that were not finite brought it there, else [`Failure::Underflow`]. A product at the
/// point itself that is not finite fails at once.
///
/// The **interpolant** costs no evaluations.
#[derive(Debug)]
pub struct Tail {
    scheme: Box<dyn Scheme>,
    jacobian: Box<dyn Linearisation>,
    tolerance: ToleranceSpec,
    steps_to_come: StepSize,
    horizon: f64,
    exact_times: Vec<f64>,
    phase: Phase,
    /// Whether the current point is the end of a step that this stepper has made (the end of `ends`), or its start.
    at_end: bool,
    interpolant_requested: bool,
    t: f64,
    t_before: f64,
    t_next: f64,
    /// The attempt's size; at a point, the last step's.
    size: f64,
    steps: u64,
    ends: Ends,
    /// `rtol ‖Z_n‖_F + atol` at the start.
    allowed: f64,
    /// `N` at the current point, if evaluations there get an answer.
    drive: Option<Matrix>,
    image: Vec<f64>,
    dissipation: f64,
    dissipation_before: f64,
    counts: Counts,
    /// Evaluations when the last step began.
    evaluations_before: u64,
}

/// What is being evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing yet.
    Fresh,
    /// Nothing: the stepper stands at a point.
    Standing,
    /// The rate at the initial point.
    Initial,
    /// A product at the start of the step.
    Product,
    /// The rate at a stage.
    Stage,
    /// The rate at the end of the step.
    End,
    /// Nothing any more.
    Failed(Failure),
}

impl Tail {
    /// The stabilised method of order 2 of Sommeijer, Shampine and Verwer (*RKC: an explicit solver for parabolic PDEs*, J. Comput. Appl.
    /// Math. 88, 1998), controlled to a tenth of the tolerance, with a cubic Hermite interpolant.
    pub fn rkc2(tolerance: ToleranceSpec, initial: State, horizon: f64) -> Self {
        let scheme = Chebyshev::new(&initial);
        let tolerance = ToleranceSpec { rtol: chebyshev::SHARE * tolerance.rtol, atol: chebyshev::SHARE * tolerance.atol, ..tolerance };
        Tail::new(Box::new(scheme), tolerance, initial, horizon)
    }

    /// The exponential Rosenbrock method of order 4 with two stages (`exprb42` of Luan, *Fourth-order two-stage explicit exponential
    /// integrators for time-dependent PDEs*, Appl. Numer. Math. 112, 2017), its φ-functions by Lanczos iteration, with its own formula for
    /// the dense output.
    pub fn exponential(tolerance: ToleranceSpec, initial: State, horizon: f64) -> Self {
        let scheme = Rosenbrock::new(&initial);
        Tail::new(Box::new(scheme), tolerance, initial, horizon)
    }

    /// Cuts steps at these times, which must ascend.
    pub fn with_exact_times(mut self, times: Vec<f64>) -> Self {
        self.exact_times = times;
        self
    }

    /// For a field that is not gradient flow.
    pub fn with_jacobian(mut self, jacobian: Box<dyn Linearisation>) -> Self {
        self.jacobian = jacobian;
        self
    }

    fn new(scheme: Box<dyn Scheme>, tolerance: ToleranceSpec, initial: State, horizon: f64) -> Self {
        let zeros = || State::zeros(initial.shape());
        Tail {
            jacobian: Box::new(GradientFlowJacobian::new(&initial)),
            tolerance,
            steps_to_come: StepSize::new(scheme.control(), f64::INFINITY),
            scheme,
            horizon,
            exact_times: Vec::new(),
            phase: Phase::Fresh,
            at_end: false,
            interpolant_requested: false,
            t: 0.0,
            t_before: 0.0,
            t_next: 0.0,
            size: 0.0,
            steps: 0,
            image: vec![0.0; initial.as_slice().len()],
            ends: Ends { start_rate: zeros(), start_square: 0.0, end: zeros(), end_rate: zeros(), end_square: 0.0, start: initial },
            allowed: 0.0,
            drive: None,
            dissipation: 0.0,
            dissipation_before: 0.0,
            counts: Counts::default(),
            evaluations_before: 0,
        }
    }

    /// Evaluations that the last step took, rejected attempts included.
    pub(super) fn evaluations_of_last_step(&self) -> u64 {
        self.counts.evaluations - self.evaluations_before
    }

    /// The size of the last step, and whether it was the one that the controller wanted.
    pub(super) fn last_step(&self) -> (f64, bool) {
        (self.size, self.steps_to_come.is_whole())
    }

    fn step(&mut self) -> (&mut dyn Scheme, Step<'_>) {
        (self.scheme.as_mut(), Step { size: self.size, tolerance: self.allowed, ends: &mut self.ends })
    }
}
