//! How long the steps of an adaptive method are.

use super::Failure;
use super::controller::{Control, Controller, LEAST_REMEMBERED_ERROR, initial_step};

/// A step is stretched to a time that it must not pass if it would end within this part of its length before it (Hairer).
const STRETCH: f64 = 1.01;

/// Steps of this part of the time scale are below the resolution of time.
const RESOLUTION: f64 = 16.0 * f64::EPSILON;

/// An attempt: where it ends, and its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Attempt {
    pub t_next: f64,
    pub size: f64,
}

/// Step sizes by a [`Controller`], cut at times that must not be passed; the step that was wanted is remembered across a cut.
#[derive(Debug)]
pub(super) struct StepSize {
    controller: Controller,
    /// The step that the controller wants next; 0 before the first.
    proposal: f64,
    /// The first step's size, the time scale near `t = 0`.
    time_scale: f64,
    /// What underflow would be blamed on.
    cause: Failure,
    /// Whether the attempt has at least the wanted size.
    whole: bool,
}

impl StepSize {
    /// Before the first step.
    pub fn new(control: Control) -> Self {
        let controller = Controller::new(control);
        StepSize { controller, proposal: 0.0, time_scale: 0.0, cause: Failure::Underflow, whole: true }
    }

    /// Whether [`set_first_step`](Self::set_first_step) is to be called before the next attempt.
    pub fn needs_first_step(&self) -> bool {
        self.proposal == 0.0
    }

    /// Chooses the first step ([`initial_step`]).
    pub fn set_first_step(&mut self, state_norm: f64, rate_norm: f64, horizon: f64) {
        self.proposal = initial_step(state_norm, rate_norm, horizon);
        self.time_scale = self.proposal;
    }

    /// The next attempt from `t`, not beyond `limit`.
    ///
    /// # Errors
    /// A step below the resolution of time: what brought it there.
    pub fn attempt(&mut self, t: f64, limit: f64) -> Result<Attempt, Failure> {
        self.attempt_at_most(t, limit, f64::INFINITY)
    }

    /// The same with steps of at most a size, which the method itself limits; such a step counts as whole.
    pub fn attempt_at_most(&mut self, t: f64, limit: f64, largest: f64) -> Result<Attempt, Failure> {
        self.proposal = if self.proposal > largest { largest } else { self.proposal };
        // Also false for a proposal that is not a number.
        let resolved = self.proposal > RESOLUTION * t.abs().max(self.time_scale);
        if !resolved {
            return Err(self.cause);
        }
        let remaining = limit - t;
        let cut = STRETCH * self.proposal >= remaining;
        let size = if cut { remaining } else { self.proposal };
        self.whole = size >= self.proposal;
        Ok(Attempt { t_next: if cut { limit } else { t + size }, size })
    }

    /// After an accepted step of a size, with its error over the tolerance.
    pub fn accept(&mut self, size: f64, error: f64) {
        if !self.controller.has_rejected() {
            self.cause = Failure::Underflow;
        }
        let next = self.controller.accept(size, error, self.whole);
        self.proposal = if self.whole { next } else { next.max(self.proposal) };
    }

    /// After a rejected one.
    pub fn reject(&mut self, size: f64, error: f64) {
        self.cause = if error.is_finite() { Failure::Underflow } else { Failure::NonFinite };
        self.proposal = self.controller.reject(size, error);
    }

    /// Makes the next attempt one of this size: the method cannot make the one that was wanted.
    pub fn shorten(&mut self, size: f64) {
        self.cause = Failure::Underflow;
        self.proposal = size;
    }

    /// Whether the attempt has at least the size that was wanted.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// The numbers that the next step depends on.
    pub fn memory(&self) -> [f64; 4] {
        let non_finite = f64::from(u8::from(self.cause == Failure::NonFinite));
        [self.proposal, self.time_scale, self.controller.previous_error(), non_finite]
    }

    /// Returns to what [`memory`](Self::memory) gave.
    pub fn restore(&mut self, memory: [f64; 4]) {
        [self.proposal, self.time_scale] = [memory[0], memory[1]];
        self.controller.restore(memory[2]);
        self.cause = if memory[3] == 0.0 { Failure::Underflow } else { Failure::NonFinite };
    }
}

/// What [`StepSize::memory`] gives where a step of this size is wanted next, and nothing else is known.
pub(super) fn memory_of_step(proposal: f64, time_scale: f64) -> Vec<f64> {
    vec![proposal, time_scale, LEAST_REMEMBERED_ERROR, 0.0]
}
