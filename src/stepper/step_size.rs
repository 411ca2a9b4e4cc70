//! How long the steps of an adaptive method are.

use super::Failure;
use super::controller::{Control, Controller, LEAST_REMEMBERED_ERROR, initial_step};

/// A step is stretched to a time that it must not pass if it would end within this part of its length before it (Hairer).
const STRETCH: f64 = 1.01;

/// So many steps before such a time are made alike: none is tiny, and none is added. Besides, a step inside the stability region damps what steps at
/// its boundary have left in fast modes.
const ALIKE: f64 = 3.0;

/// What a step keeps of the largest rate of the linearised field that was seen before it.
const MEMORY: f64 = 0.97;

/// A step that is cut to less than this part of the wanted one says little about it.
const TELLING: f64 = 0.5;

/// Steps that come this near to the limit of stability count as limited by it.
const NEAR: f64 = 0.9;

/// Steps of this part of the time scale are below the resolution of time.
const RESOLUTION: f64 = 16.0 * f64::EPSILON;

/// An attempt: where it ends, and its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Attempt {
    pub t_next: f64,
    pub size: f64,
}

/// Step sizes by a [`Controller`], cut at times that must not be passed; the step that was wanted is remembered across a cut.
///
/// **Times that must not be passed.** A step that would end within 1 % of its length before one is stretched to it; if at most three steps are left to
/// it, they are made alike.
///
/// **Stability.** Of a method that estimates `h|λ|` on the way, the largest `|λ|` is remembered, `Λ⁺ = max(|λ|, 0.97 Λ)`, and no step is longer than
/// `limit/Λ`: otherwise steps grow across the boundary of stability until the errors of fast modes reject one.
#[derive(Debug)]
pub(super) struct StepSize {
    controller: Controller,
    /// The step that the controller wants next; 0 before the first.
    proposal: f64,
    /// The first step's size, the time scale near `t = 0`.
    time_scale: f64,
    /// What underflow would be blamed on.
    cause: Failure,
    /// The size that was wanted of the attempt.
    wanted: f64,
    /// Whether the attempt has at least that size.
    whole: bool,
    /// The largest `h|λ|` that is wanted.
    stability_limit: f64,
    /// `Λ`, the largest `|λ|` that is remembered.
    largest_rate: f64,
}

impl StepSize {
    /// Before the first step.
    pub fn new(control: Control, stability_limit: f64) -> Self {
        StepSize {
            controller: Controller::new(control),
            proposal: 0.0,
            time_scale: 0.0,
            cause: Failure::Underflow,
            wanted: 0.0,
            whole: true,
            stability_limit,
            largest_rate: 0.0,
        }
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
        let size = match remaining / self.proposal {
            _ if cut => remaining,
            left if left < ALIKE => remaining / (left / STRETCH).ceil(),
            _ => self.proposal,
        };
        self.wanted = self.proposal;
        self.whole = size >= self.wanted;
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

    /// After [`accept`](Self::accept), with the step's estimate of `h|λ|`: keeps the next step within the limit of stability. Gives the
    /// size that was wanted of the step and its `hΛ`, unless the step was cut to less than half of it.
    pub fn keep_stable(&mut self, size: f64, estimate: f64) -> Option<(f64, f64)> {
        let rate = estimate / size;
        self.largest_rate = (MEMORY * self.largest_rate).max(if rate.is_finite() { rate } else { 0.0 });
        if self.largest_rate > 0.0 {
            self.proposal = self.proposal.min(self.stability_limit / self.largest_rate);
        }
        (size >= TELLING * self.wanted).then_some((self.wanted, self.wanted * self.largest_rate))
    }

    /// Whether stability rather than accuracy limits steps with this `hΛ`.
    pub fn is_near_limit(&self, stiffness: f64) -> bool {
        stiffness > NEAR * self.stability_limit
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
    pub fn memory(&self) -> [f64; 5] {
        let non_finite = f64::from(u8::from(self.cause == Failure::NonFinite));
        [self.proposal, self.time_scale, self.controller.previous_error(), non_finite, self.largest_rate]
    }

    /// Returns to what [`memory`](Self::memory) gave.
    pub fn restore(&mut self, memory: [f64; 5]) {
        [self.proposal, self.time_scale, self.largest_rate] = [memory[0], memory[1], memory[4]];
        self.controller.restore(memory[2]);
        self.cause = if memory[3] == 0.0 { Failure::Underflow } else { Failure::NonFinite };
    }
}

/// What [`StepSize::memory`] gives where a step of this size is wanted next, and nothing else is known.
pub(super) fn memory_of_step(proposal: f64, time_scale: f64) -> Vec<f64> {
    vec![proposal, time_scale, LEAST_REMEMBERED_ERROR, 0.0, 0.0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stepper::tableaus::DOP853;

    /// Sizes of the steps to a limit, whatever the error.
    fn sizes(proposal: f64, limit: f64) -> Vec<f64> {
        let mut steps = StepSize::new(DOP853.control, f64::INFINITY);
        let (mut t, mut sizes) = (0.0, Vec::new());
        while t < limit {
            steps.restore([proposal, 1e-3, 1.0, 0.0, 0.0]);
            let attempt = steps.attempt(t, limit).unwrap();
            assert_eq!(steps.is_whole(), attempt.size >= proposal);
            t = attempt.t_next;
            sizes.push(attempt.size);
        }
        assert_eq!(t, limit, "to the bit");
        sizes
    }

    #[test]
    fn the_last_steps_before_a_time_are_alike_and_not_more_than_before() {
        for limit in [0.3, 1.0, 1.005, 1.1, 1.9, 2.01, 2.1, 2.9, 3.3, 7.05, 1e3 / 7.0] {
            let found = sizes(1.0, limit);
            let plain = (limit / STRETCH).ceil().max((limit - 0.01_f64).ceil());
            assert!(found.len() as f64 <= plain.max(1.0), "{limit}: {found:?}");
            let last = found.len().saturating_sub(2);
            assert!(found[last..].iter().all(|size| (size - found[last]).abs() < 1e-12 * limit), "{limit}: {found:?}");
            assert!(found.iter().all(|&size| size <= STRETCH && (size >= 0.5 || size == limit)), "{limit}: {found:?}");
        }
    }

    #[test]
    fn steps_stay_within_the_limit_of_stability_and_forget_it() {
        let mut steps = StepSize::new(DOP853.control, 6.0);
        steps.restore([1.0, 1e-3, 1.0, 0.0, 0.0]);
        let mut t = 0.0;
        let mut step = |estimate: &dyn Fn(f64) -> f64| {
            let attempt = steps.attempt(t, 1e9).unwrap();
            t = attempt.t_next;
            steps.accept(attempt.size, 1e-9);
            steps.keep_stable(attempt.size, estimate(attempt.size));
            steps.attempt(t, 1e9).unwrap().size
        };
        // A rate of 20 allows steps of 0.3; so it does for a while after nothing is seen of it any more.
        assert_eq!(step(&|size| 20.0 * size), 6.0 / 20.0);
        let after: Vec<f64> = (0..40).map(|_| step(&|_| 0.0)).collect();
        assert!((after[0] - 0.3 / MEMORY).abs() < 1e-12 && (after[39] - 0.3 / MEMORY.powi(40)).abs() < 1e-9, "{after:?}");
        // What is not a number says nothing.
        assert!(step(&|_| f64::NAN) > after[39] && step(&|_| f64::INFINITY) > after[39]);
    }
}
