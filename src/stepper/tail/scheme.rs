//! What a method for long tails has to say.

use crate::dynamics::State;
use crate::stepper::controller::Control;

/// What a [`Scheme`] needs next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Task {
    /// `J` times [`Scheme::direction`].
    Product,
    /// The field at [`Scheme::stage`].
    Rate,
    /// A step size: everything that does not depend on it is done.
    Size,
    /// The field at the end of the step, which is written.
    End,
    /// Another, shorter attempt, of this size.
    Shorten(f64),
    /// Another, shorter attempt: something is not finite.
    Reject,
    /// An end: something is not finite whatever the size.
    Impossible,
}

/// Both ends of a step.
#[derive(Debug)]
pub(super) struct Ends {
    /// `Z_n`
    pub start: State,
    /// `V(Z_n)`
    pub start_rate: State,
    /// `‖V(Z_n)‖²`
    pub start_square: f64,
    /// `Z_{n+1}`
    pub end: State,
    /// `V(Z_{n+1})`
    pub end_rate: State,
    /// `‖V(Z_{n+1})‖²`
    pub end_square: f64,
}

/// The step under way: its start is known, its end to be written.
pub(super) struct Step<'a> {
    /// `h`; 0 while there is none.
    pub size: f64,
    /// The tolerance of the step's error, in the norm of the factors, as far as it is known at the beginning: `rtol ‖Z_n‖_F + atol`.
    pub tolerance: f64,
    /// Its ends.
    pub ends: &'a mut Ends,
}

/// A one-step method for autonomous fields with a symmetric Jacobian, as a state machine: each call says what is needed next.
pub(super) trait Scheme: Send + std::fmt::Debug {
    /// Step size control.
    fn control(&self) -> Control;

    /// At a new point, or (`again`) at the same one after a rejected attempt: what is needed before there is a step size.
    fn prepare(&mut self, step: &Step<'_>, again: bool) -> Task;

    /// The largest step that the method can make from here.
    fn largest_step(&self) -> f64 {
        f64::INFINITY
    }

    /// Begins an attempt.
    fn attempt(&mut self, step: &mut Step<'_>) -> Task;

    /// After [`Task::Product`].
    fn direction(&self) -> &[f64];

    /// Takes the image of the direction, which may be written over.
    fn multiplied(&mut self, step: &mut Step<'_>, image: &mut [f64]) -> Task;

    /// After [`Task::Rate`]: the point, and where the rate goes.
    fn stage(&mut self) -> (&State, &mut State);

    /// The point alone.
    fn stage_point(&self) -> &State;

    /// At which fraction of the step the stage lies.
    fn node(&self) -> f64;

    /// Takes the rate at the stage, which is finite, and its square.
    fn evaluated(&mut self, step: &mut Step<'_>, square: f64) -> Task;

    /// The norm of the error estimate, once the rate at the end is known.
    fn error(&mut self, step: &Step<'_>) -> f64;

    /// `Z(t_n + θh)` in the last step, of size `h`, for `0 < θ < 1`.
    fn interpolate(&self, theta: f64, size: f64, ends: &Ends, out: &mut State);

    /// `Ż(t_n + θh)` of the interpolant.
    fn interpolate_rate(&self, theta: f64, size: f64, ends: &Ends, out: &mut State);

    /// `∫ ‖V‖² dt` over the first part `θ` of the last step, `0 < θ ≤ 1`.
    fn dissipated(&self, theta: f64, size: f64, ends: &Ends) -> f64;

    /// What must be kept to go on between two steps with the same bits.
    fn memory(&self) -> Vec<f64>;

    /// Goes back to what [`memory`](Self::memory) gave.
    fn restore(&mut self, memory: &[f64]);
}
