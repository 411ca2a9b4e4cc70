//! How long steps are.

use crate::stepper::Failure;
use crate::stepper::local_error::LocalError;
use crate::stepper::step_size::{Attempt, StepSize};
use crate::stepper::tableaus::Embedded;

/// A fixed step is stretched (or a time met) within this part of its length: it absorbs the rounding of `horizon/step`.
const FIXED_SLACK: f64 = 1e-9;

/// How step sizes are chosen.
#[derive(Debug)]
pub(super) enum Pace {
    Adaptive(Box<Adaptive>),
    Fixed(Fixed),
}

#[derive(Debug)]
pub(super) struct Adaptive {
    pub embedded: Embedded,
    pub error: LocalError,
    pub steps: StepSize,
}

impl Adaptive {
    pub(super) fn new(embedded: Embedded, error: LocalError) -> Self {
        Adaptive { embedded, error, steps: StepSize::new(embedded.control, embedded.stability_limit) }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed {
    step: f64,
    /// Grid points passed: the next is `(grid + 1) · step`.
    grid: u64,
    /// Whether the attempt ends at the next grid point.
    to_grid: bool,
}

impl Fixed {
    pub(super) fn new(step: f64) -> Self {
        Fixed { step, grid: 0, to_grid: false }
    }

    pub(super) fn attempt(&mut self, t: f64, limit: f64) -> Result<Attempt, Failure> {
        let (here, there) = (self.grid as f64 * self.step, (self.grid + 1) as f64 * self.step);
        let slack = FIXED_SLACK * self.step;
        let t_next = if there + slack >= limit { limit } else { there };
        self.to_grid = there <= t_next + slack;
        // On the grid the size is the step itself, without the rounding of a difference of times.
        let size = if t == here && t_next == there { self.step } else { t_next - t };
        let attempt = Attempt { t_next, size };
        if attempt.size > 0.0 && attempt.t_next > t { Ok(attempt) } else { Err(Failure::Underflow) }
    }

    pub(super) fn accept(&mut self) {
        self.grid += u64::from(self.to_grid);
    }
}

impl Pace {
    pub(super) fn attempt(&mut self, t: f64, limit: f64) -> Result<Attempt, Failure> {
        match self {
            Pace::Adaptive(adaptive) => adaptive.steps.attempt(t, limit),
            Pace::Fixed(fixed) => fixed.attempt(t, limit),
        }
    }

    /// The numbers that the next step depends on.
    pub(super) fn memory(&self) -> [f64; 5] {
        match self {
            Pace::Adaptive(adaptive) => adaptive.steps.memory(),
            Pace::Fixed(fixed) => [fixed.grid as f64, 0.0, 0.0, 0.0, 0.0],
        }
    }

    pub(super) fn restore(&mut self, memory: [f64; 5]) {
        match self {
            Pace::Adaptive(adaptive) => adaptive.steps.restore(memory),
            Pace::Fixed(fixed) => fixed.grid = memory[0] as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_steps_end_at_the_limit_and_keep_their_grid() {
        let mut fixed = Fixed::new(0.1);
        let mut t = 0.0;
        let mut times = Vec::new();
        for limit in [0.25, 0.25, 0.25, 0.7, 0.7, 0.7, 0.7, 0.7] {
            let attempt = fixed.attempt(t, limit).unwrap();
            fixed.accept();
            t = attempt.t_next;
            times.push((t * 1e9).round() / 1e9);
        }
        assert_eq!(times, [0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7]);
        assert_eq!(t, 0.7);
        assert_eq!(fixed.grid, 7);
    }

    #[test]
    fn steps_that_cannot_advance_fail() {
        for step in [0.0, -1.0, f64::NAN] {
            assert_eq!(Fixed::new(step).attempt(0.0, 1.0), Err(Failure::Underflow));
        }
        let mut tiny = Fixed { step: 1e-20, grid: 10_000_000_000_000_000_000, to_grid: false };
        assert_eq!(tiny.attempt(0.1, 2.0), Err(Failure::Underflow));
    }
}
