//! Explicit Runge–Kutta methods by questions: adaptive with an embedded estimate, or with a fixed step.
//!
//! Both share the evaluation of a step. `k_{s+1} = V(t + h, z⁺)` is always computed before a point is announced: it is the rate there
//! and the first slope of the next step.

mod advance;
mod pace;
mod past;
mod path;
mod stepper;
mod trailing;

use super::local_error::LocalError;
use super::tableaus::{Embedded, Tableau};
use super::{Counts, Failure};
use crate::config::ToleranceSpec;
use crate::dynamics::State;
use pace::{Adaptive, Fixed, Pace};
use past::Past;
pub use past::StepEnd;
pub use trailing::Trailing;

/// An explicit Runge–Kutta method on its way along a trajectory that starts at `t = 0`.
///
/// **Steps** end exactly (to the bit) at the horizon, at requested times and at the ends of the field's pieces; one that would end within 1
/// % of its length before such a time is stretched to it, and the last three before it are made alike. The step that the controller wanted is
/// remembered across a cut. At the end of a piece the point is announced with the rate on its left; the next step starts by evaluating the rate on its
/// right.
///
/// **Error control** (adaptive): see [`ToleranceSpec`] and [`Controller`](super::controller::Controller). A rate, state or error estimate
/// that is not finite rejects the step, which is tried again at a fifth of its size. When the size falls to `16ε` of the time (or of the
/// first step's size, if that is larger) the stepper fails: [`Failure::NonFinite`] if values that were not finite brought it there, else
/// [`Failure::Underflow`]. A **fixed** step is not tried again.
///
/// **Dissipation** is `∫ ‖V‖² ds`, for gradient flow `∫ ‖∇f‖² ds`: an additional component of the system, with the method's own weights
/// (and those of its dense output), which takes no part in error control.
///
/// **Stability**: `‖k_{s+1} − k_s‖/‖z⁺ − Z_s‖` estimates the largest rate `|λ|` that the step has met, for nothing. The largest one, remembered as
/// `Λ⁺ = max(|λ|, 0.97 Λ)`, keeps `hΛ` within the pair's limit. Steps that come within a tenth of it and were not cut to less than half are counted
/// ([`Stepper::stability_limited_steps`](super::Stepper::stability_limited_steps)).
///
/// **Stiff steps** are interpolated through the points and rates at the last four ends of steps instead of by the dense output, without extra slopes
/// (`past.rs`): where `hΛ ≥ 2` and that is smooth enough.
///
/// Nothing is allocated after construction, except by [`save`](super::Stepper::save) and by the first step that
/// [trails](super::Stepper::trail).
#[derive(Debug)]
pub struct RungeKutta {
    tableau: &'static Tableau,
    pace: Pace,
    horizon: f64,
    exact_times: Vec<f64>,
    phase: Phase,
    /// Whether the current point is the end of a step that this stepper has made (then `end` holds it), or `start`.
    at_end: bool,
    interpolant_requested: bool,
    interpolant_ready: bool,
    t: f64,
    t_before: f64,
    /// Where the attempt ends, its size, and its error over the tolerance. The size remains that of the last step at its end.
    t_next: f64,
    size: f64,
    error: f64,
    piece: u64,
    steps: u64,
    start: State,
    stage: State,
    end: State,
    slopes: Vec<State>,
    /// `‖k_i‖²`
    squares: Vec<f64>,
    dissipation: f64,
    dissipation_before: f64,
    counts: Counts,
    stability_limited: u64,
    /// The size `h` that was wanted of the last step, and `hΛ`, unless it was cut to less than half.
    stiffness: Option<(f64, f64)>,
    /// Ends of the steps before, of adaptive methods; and whether the last step is interpolated through them.
    past: Option<Box<Past>>,
    smooth: bool,
    /// The last step that was to trail.
    trailing: Option<Box<Trailing>>,
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
    /// The rate at the current point, on the piece that begins there.
    Entering,
    /// The slope with this index, at a stage.
    Stage(usize),
    /// The slope at the end of the step.
    End,
    /// An extra slope of the dense output, counted from 0.
    Dense(usize),
    /// Nothing any more.
    Failed(Failure),
}

impl RungeKutta {
    /// An adaptive method.
    pub fn adaptive(embedded: &Embedded, tolerance: ToleranceSpec, initial: State, horizon: f64) -> Self {
        let error = LocalError::new(tolerance, initial.shape());
        RungeKutta::new(embedded.tableau, Pace::Adaptive(Box::new(Adaptive::new(*embedded, error))), initial, horizon)
    }

    /// A method with a fixed step: points at `k · step`, and at the horizon, where the last step is cut (a remainder below `1e-9 · step` is
    /// joined to the step before). Cuts elsewhere do not move the grid. A step that is not positive fails as
    /// [`Failure::Underflow`].
    pub fn fixed(tableau: &'static Tableau, step: f64, initial: State, horizon: f64) -> Self {
        RungeKutta::new(tableau, Pace::Fixed(Fixed::new(step)), initial, horizon)
    }

    /// Cuts steps at these times, which must ascend.
    pub fn with_exact_times(mut self, times: Vec<f64>) -> Self {
        self.exact_times = times;
        self
    }

    /// The size `h` that was wanted of the last step, and `hΛ`; `None` for a step that was cut to less than half, and of methods with fixed steps.
    pub(super) fn stiffness(&self) -> Option<(f64, f64)> {
        self.stiffness
    }

    fn new(tableau: &'static Tableau, pace: Pace, initial: State, horizon: f64) -> Self {
        let zeros = || State::zeros(initial.shape());
        let past = matches!(pace, Pace::Adaptive(_)).then(|| Box::new(Past::new(initial.shape())));
        RungeKutta {
            tableau,
            pace,
            horizon,
            exact_times: Vec::new(),
            phase: Phase::Fresh,
            at_end: false,
            interpolant_requested: false,
            interpolant_ready: false,
            t: 0.0,
            t_before: 0.0,
            t_next: 0.0,
            size: 0.0,
            error: 0.0,
            piece: 0,
            steps: 0,
            stage: zeros(),
            end: zeros(),
            slopes: (0..tableau.slopes()).map(|_| zeros()).collect(),
            squares: vec![0.0; tableau.slopes()],
            start: initial,
            dissipation: 0.0,
            dissipation_before: 0.0,
            counts: Counts::default(),
            stability_limited: 0,
            stiffness: None,
            past,
            smooth: false,
            trailing: None,
        }
    }
}
