//! Gradient descent.

use super::combination::sum_of_squares;
use super::{Counts, Failure, StepEvent, Stepper, StepperState};
use crate::dynamics::{Moment, Next, State, VectorField};
use crate::sensing::{Answer, Question};

/// Gradient descent `Z_{k+1} = Z_k + η V(Z_k)`, `V = −∇f`, with time `t_k = kη`, for `K = ⌊horizon/η · (1 + 1e-9)⌋` steps.
///
/// The rate at a point is evaluated before the point is announced: `K + 1` evaluations. Between points it interpolates linearly,
/// `Z_k + (t − t_k) V(Z_k)`. The dissipation `∫ ‖V‖² ds` is `Σ η ‖V(Z_k)‖²`. A state or rate that is not finite is a failure, and the
/// point before it remains the last. A step that is not positive makes no steps.
#[derive(Debug)]
pub struct GradientDescent {
    step_size: f64,
    last_step: u64,
    steps: u64,
    /// The current point and its rate are at this index; the other one holds the point before, or the one that is being evaluated.
    current: usize,
    states: [State; 2],
    rates: [State; 2],
    /// `‖V(Z_k)‖²` at the current point and at the one before.
    squares: [f64; 2],
    dissipation: f64,
    dissipation_before: f64,
    counts: Counts,
    phase: Phase,
    /// Whether the point before the current one is known.
    has_before: bool,
    interpolant_requested: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Fresh,
    Initial,
    Standing,
    Next,
    Failed(Failure),
}

impl GradientDescent {
    /// Descent from `initial` with step `η = step_size`.
    pub fn new(step_size: f64, initial: State, horizon: f64) -> Self {
        let zeros = State::zeros(initial.shape());
        let steps = if step_size > 0.0 { (horizon / step_size * (1.0 + 1e-9)).floor() } else { 0.0 };
        GradientDescent {
            step_size,
            last_step: steps as u64,
            steps: 0,
            current: 0,
            states: [initial, zeros.clone()],
            rates: [zeros.clone(), zeros],
            squares: [0.0; 2],
            dissipation: 0.0,
            dissipation_before: 0.0,
            counts: Counts::default(),
            phase: Phase::Fresh,
            has_before: false,
            interpolant_requested: false,
        }
    }

    fn other(&self) -> usize {
        1 - self.current
    }

    fn time(&self, step: u64) -> f64 {
        step as f64 * self.step_size
    }

    /// The step and the index that the evaluation under way belongs to.
    fn evaluation(&self) -> (u64, usize) {
        if self.phase == Phase::Next { (self.steps + 1, self.other()) } else { (self.steps, self.current) }
    }

    fn fail(&mut self) -> StepEvent {
        self.has_before = false;
        self.phase = Phase::Failed(Failure::NonFinite);
        StepEvent::Failed(Failure::NonFinite)
    }

    /// Writes the next point over the one before.
    fn prepare_next(&mut self) {
        let [first, second] = &mut self.states;
        let (from, to) = if self.current == 0 { (&*first, second) } else { (&*second, first) };
        let rate = self.rates[self.current].as_slice();
        for ((out, z), v) in to.as_mut_slice().iter_mut().zip(from.as_slice()).zip(rate) {
            *out = z + self.step_size * v;
        }
        self.has_before = false;
        self.phase = Phase::Next;
    }

    fn evaluated(&mut self) -> StepEvent {
        self.counts.evaluations += 1;
        let (_, index) = self.evaluation();
        let square = sum_of_squares(&self.rates[index]);
        if !(square.is_finite() || self.rates[index].is_finite()) || !self.states[index].is_finite() {
            return self.fail();
        }
        if self.phase == Phase::Next {
            self.dissipation_before = self.dissipation;
            self.dissipation += self.step_size * self.squares[self.current];
            self.current = index;
            self.steps += 1;
            self.counts.accepted += 1;
            self.has_before = true;
        }
        self.squares[self.current] = square;
        self.phase = Phase::Standing;
        StepEvent::Arrived
    }
}

impl Stepper for GradientDescent {
    fn poll(&mut self, field: &mut dyn VectorField, answer: Option<&Answer>) -> StepEvent {
        match self.phase {
            Phase::Failed(failure) => return StepEvent::Failed(failure),
            Phase::Standing if self.interpolant_requested => {
                self.interpolant_requested = false;
                return StepEvent::Interpolant;
            }
            Phase::Standing if self.finished() => return StepEvent::Arrived,
            Phase::Standing => self.prepare_next(),
            Phase::Fresh => self.phase = Phase::Initial,
            Phase::Initial | Phase::Next => {
                let Some(answer) = answer else { return StepEvent::Ask };
                let (step, index) = self.evaluation();
                let at = Moment { t: self.time(step), piece: 0 };
                return match field.resume(at, &self.states[index], answer, &mut self.rates[index]) {
                    Next::Ask => StepEvent::Ask,
                    Next::Rate => self.evaluated(),
                };
            }
        }
        let (step, index) = self.evaluation();
        let at = Moment { t: self.time(step), piece: 0 };
        match field.begin(at, &self.states[index], &mut self.rates[index]) {
            Next::Ask => StepEvent::Ask,
            Next::Rate => self.evaluated(),
        }
    }

    fn question<'a>(&'a self, field: &'a dyn VectorField) -> Question<'a> {
        field.question(&self.states[self.evaluation().1])
    }

    fn t(&self) -> f64 {
        self.time(self.steps)
    }

    fn t_before(&self) -> f64 {
        self.time(self.steps.saturating_sub(u64::from(self.has_before)))
    }

    fn step(&self) -> u64 {
        self.steps
    }

    fn state(&self) -> &State {
        &self.states[self.current]
    }

    fn rate(&self) -> &State {
        &self.rates[self.current]
    }

    fn dissipation(&self) -> f64 {
        self.dissipation
    }

    fn finished(&self) -> bool {
        self.steps >= self.last_step
    }

    fn request_interpolant(&mut self) {
        self.interpolant_requested = true;
    }

    fn interpolate(&self, t: f64, out: &mut State) -> f64 {
        let out = out.as_mut_slice();
        if t >= self.t() {
            out.copy_from_slice(self.state().as_slice());
            return self.dissipation;
        }
        if !self.has_before {
            // Loud rather than plausible.
            out.fill(f64::NAN);
            return f64::NAN;
        }
        let (before, since) = (self.other(), (t - self.t_before()).max(0.0));
        for ((out, z), v) in out.iter_mut().zip(self.states[before].as_slice()).zip(self.rates[before].as_slice()) {
            *out = z + since * v;
        }
        self.dissipation_before + since * self.squares[before]
    }

    fn counts(&self) -> Counts {
        self.counts
    }

    fn save(&self) -> StepperState {
        StepperState {
            t: self.t(),
            step: self.steps,
            piece: 0,
            state: self.state().clone(),
            rate: self.rate().clone(),
            dissipation: self.dissipation,
            counts: self.counts,
            memory: Vec::new(),
        }
    }

    fn restore(&mut self, saved: StepperState) {
        self.steps = saved.step;
        self.squares[self.current] = sum_of_squares(&saved.rate);
        self.states[self.current] = saved.state;
        self.rates[self.current] = saved.rate;
        (self.dissipation, self.dissipation_before) = (saved.dissipation, saved.dissipation);
        self.counts = saved.counts;
        self.phase = Phase::Standing;
        (self.has_before, self.interpolant_requested) = (false, false);
    }
}
