//! How a trajectory advances: methods that ask for what they need of the vector field.
//!
//! A [`Stepper`] owns its state and its memory, and neither the field nor the operator: it hands out questions, so that one pass over the
//! measurements can answer those of many trajectories. [`build`] makes the stepper of an experiment's method, [`drive`] runs one by itself.

mod auto;
mod build;
mod cayley;
mod combination;
pub mod controller;
mod discrete;
mod drive;
mod exponential;
mod gradient_descent;
mod krylov;
mod local_error;
mod momentum;
mod nesterov;
mod projected_descent;
mod quadratic_network;
mod runge_kutta;
mod scaled_descent;
mod singular_step;
mod spectral_step;
mod step_size;
mod symmetric_step;
pub mod tableaus;
mod tail;

pub use auto::{Auto, Regime, Switch};
pub use build::{build, method_name};
pub use cayley::Cayley;
pub use discrete::{Departure, Discrete, Prepared, Update};
pub use drive::{Solo, drive};
pub use exponential::Exponential;
pub use gradient_descent::GradientDescent;
pub use momentum::Momentum;
pub use nesterov::Nesterov;
pub use projected_descent::ProjectedDescent;
pub use quadratic_network::QuadraticNetwork;
pub use runge_kutta::{RungeKutta, StepEnd, Trailing};
pub use scaled_descent::ScaledDescent;
pub use tail::Tail;

use crate::dynamics::{State, VectorField};
use crate::linalg::Matrix;
use crate::sensing::{Answer, Question};
use serde::{Deserialize, Serialize};

/// What a stepper came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StepEvent {
    /// It needs the answer to [`Stepper::question`].
    Ask,
    /// It stands at a point of the trajectory (the initial one first), with the rate there evaluated; the answer at this point
    /// is what the field makes of the one just given ([`VectorField::answer`]).
    Arrived,
    /// The interpolant of the last step is ready.
    Interpolant,
    /// It cannot go on.
    Failed(Failure),
}

/// Why a stepper cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Failure {
    /// A rate or a state is not finite, and smaller steps do not help.
    #[error("the vector field or the state stopped being finite, and smaller steps do not help")]
    NonFinite,
    /// The step size fell below the resolution of time.
    #[error("the step size fell below the resolution of time")]
    Underflow,
    /// A Gram matrix that the step divides by is singular to working precision.
    #[error("a Gram matrix of the factors is singular to working precision")]
    Singular,
}

/// Counts, deterministic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Accepted steps.
    pub accepted: u64,
    /// Rejected steps.
    pub rejected: u64,
    /// Evaluations of the field for stepping (without those for interpolants).
    pub evaluations: u64,
    /// Evaluations for interpolants.
    pub dense_evaluations: u64,
}

/// Everything that a stepper needs to go on from a point of the trajectory with the same bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepperState {
    /// Flow time.
    pub t: f64,
    /// Steps made.
    pub step: u64,
    /// The piece of the field.
    pub piece: u64,
    /// `Z(t)`.
    pub state: State,
    /// `V(t, Z(t))`.
    pub rate: State,
    /// `∫₀ᵗ ‖∇f‖² ds`.
    pub dissipation: f64,
    /// `‖∇f(Z(t))‖²`.
    pub dissipation_rate: f64,
    /// The point before, for methods whose next step depends on it.
    pub previous: Option<State>,
    /// `N` at the point, for methods that need the matrix itself.
    pub drive: Option<Matrix>,
    /// Counts so far.
    pub counts: Counts,
    /// Changes of integrators so far.
    pub switches: Vec<Switch>,
    /// The method's own numbers (proposed step, controller memory, …), in an order that the method fixes.
    pub memory: Vec<f64>,
    /// Where the steps before began, for methods whose interpolant goes through there; the latest first.
    pub past: Vec<StepEnd>,
}

/// A method that advances a state, by questions.
///
/// Call [`poll`](Self::poll) with `None` to begin the next step (or the initial evaluation, or an interpolant that was requested);
/// whenever it returns [`StepEvent::Ask`], poll again with the answer. The field must be the same one, in the same state, every time.
///
/// During a step, everything but [`question`](Self::question) still speaks of the point that was reached last; so it does after a failure.
/// At the end of the trajectory and after a failure, polls repeat the last event.
pub trait Stepper: Send {
    /// Goes on.
    fn poll(&mut self, field: &mut dyn VectorField, answer: Option<&Answer>) -> StepEvent;

    /// What is asked, after [`StepEvent::Ask`].
    fn question<'a>(&'a self, field: &'a dyn VectorField) -> Question<'a>;

    /// Time of the point that was reached last.
    fn t(&self) -> f64;

    /// Time of the point before it.
    fn t_before(&self) -> f64;

    /// Number of steps made.
    fn step(&self) -> u64;

    /// The point that was reached last.
    fn state(&self) -> &State;

    /// The field there.
    fn rate(&self) -> &State;

    /// `∫₀ᵗ ‖∇f‖² ds` to the last point, by the method's own weights, with the field's word for `‖∇f‖²` ([`VectorField::dissipation`]).
    fn dissipation(&self) -> f64;

    /// Whether the last step's end is the end of the trajectory.
    fn finished(&self) -> bool;

    /// Asks for the interpolant of the last step: the next polls compute it and end with [`StepEvent::Interpolant`]. It lives until the
    /// next step begins.
    fn request_interpolant(&mut self);

    /// `Z(t)` for `t` in the last step, into `out`; returns the dissipation integral up to `t`. At both ends it gives the points themselves, to
    /// the bit; times outside count as the nearer end. Without an interpolant (none was requested, a step is under way, or the
    /// stepper was restored here) everything before the last point is NaN.
    fn interpolate(&self, t: f64, out: &mut State) -> f64;

    /// `Ż(t)` of the interpolant for `t` in the last step, into `out`. NaN where there is no interpolant (as for
    /// [`interpolate`](Self::interpolate)) and for methods whose interpolants are not differentiated.
    fn interpolate_rate(&self, _t: f64, out: &mut State) {
        out.as_mut_slice().fill(f64::NAN);
    }

    /// Lets the last step trail: its interpolant is completed apart, by [`trailing_mut`](Self::trailing_mut), while the next polls make the
    /// next step. Both ask at once then; each round the trailing step is to take its answer first. Returns whether it does; where it does
    /// not (the interpolant costs no evaluations or is known, the trajectory or a piece of the field ends here, the field [has one
    /// evaluation at a time](VectorField::interleaves), or the method does not offer it),
    /// [`request_interpolant`](Self::request_interpolant) is the way. A step that trailed before is given up.
    ///
    /// The stepper itself has no interpolant then, as after [`restore`](Self::restore).
    fn trail(&mut self, _field: &dyn VectorField) -> bool {
        false
    }

    /// The step that was the last to trail.
    fn trailing(&self) -> Option<&Trailing> {
        None
    }

    /// The same, to be completed.
    fn trailing_mut(&mut self) -> Option<&mut Trailing> {
        None
    }

    /// Counts so far.
    fn counts(&self) -> Counts;

    /// Accepted steps whose size stability seems to have limited, not accuracy: the trajectory is right, but slow to compute. 0 for
    /// methods with a fixed step.
    fn stability_limited_steps(&self) -> u64 {
        0
    }

    /// Changes of integrators so far, of methods that choose between several.
    fn switches(&self) -> &[Switch] {
        &[]
    }

    /// To be called at a point of the trajectory, between steps.
    fn save(&self) -> StepperState;

    /// Returns to a saved point of a trajectory of the same method and shape.
    fn restore(&mut self, saved: StepperState);
}
