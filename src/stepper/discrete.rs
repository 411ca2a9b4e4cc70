//! Methods with a fixed step, on the grid `t_k = kη`.

use super::{Counts, Failure, StepEvent, Stepper, StepperState};
use crate::dynamics::{Moment, Next, State, VectorField};
use crate::linalg::Matrix;
use crate::sensing::{Answer, Question};
use std::fmt::Debug;

/// Where a step sets out.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    /// `k`
    pub step: u64,
    /// `η`
    pub step_size: f64,
    /// `Z_k`
    pub state: &'a State,
    /// `V(Z_k)`
    pub rate: &'a State,
    /// `N_k`, for updates that need it.
    pub drive: Option<&'a Matrix>,
}

/// What [`Update::prepare`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// The next point.
    Point,
    /// Another point, at which the field is wanted; [`Update::complete`] follows.
    Evaluate,
    /// Nothing: there is no next point.
    Impossible,
    /// Nothing: what the step divides by is singular.
    Singular,
}

/// How one point follows from another: all that distinguishes one discrete method from another.
pub trait Update: Send + Debug {
    /// Whether a step needs the matrix `N_k`, not only the rate.
    fn needs_drive(&self) -> bool {
        false
    }

    /// Whether a step needs the point before.
    fn needs_previous(&self) -> bool {
        false
    }

    /// Writes `Z_{k+1}`, or a point where the field is wanted first. `out` holds `Z_{k−1}` when it comes (`Z_0` for `k = 0`).
    fn prepare(&mut self, from: &Departure<'_>, out: &mut State) -> Prepared;

    /// Turns the point that was evaluated, with the field there, into `Z_{k+1}`.
    fn complete(&mut self, _step_size: f64, _rate: &State, _out: &mut State) {}

    /// The point `since` after `t_k`, before `t_{k+1}`; called only for the step that was made last.
    ///
    /// Default: linear between the points.
    fn interpolate(&self, from: &Departure<'_>, end: &State, since: f64, out: &mut State) {
        let fraction = since / from.step_size;
        for ((out, z), end) in out.as_mut_slice().iter_mut().zip(from.state.as_slice()).zip(end.as_slice()) {
            *out = z + fraction * (end - z);
        }
    }
}

/// A method with a fixed step η: points at `t_k = kη`, `K = ⌊horizon/η · (1 + 1e-9)⌋` steps.
///
/// The rate at a point is evaluated before the point is announced: `K + 1` evaluations, and those that the update asks for besides. The
/// dissipation `∫ ‖∇f‖² ds` has Euler's weights, `Σ η ‖∇f(Z_k)‖²`, whatever the update. A state or rate that is not finite is a failure, and the
/// point before it remains the last. A step that is not positive makes no steps.
///
/// Step `k` is piece `k` of the field: one whose steps differ ([`MiniBatches`](crate::dynamics::MiniBatches)) knows by it which one it is evaluated for.
///
/// Nothing is allocated after construction, except by [`save`](Stepper::save) and where an [`Update`] says so.
#[derive(Debug)]
pub struct Discrete {
    update: Box<dyn Update>,
    step_size: f64,
    last_step: u64,
    steps: u64,
    /// The current point and its rate are at this index; the other one holds the point before, or the one that is being evaluated.
    current: usize,
    states: [State; 2],
    rates: [State; 2],
    /// `N` at the current point, for updates that need it. NaN where the field has not asked for it.
    drive: Option<Matrix>,
    /// `‖∇f(Z_k)‖²` at the current point and at the one before.
    squares: [f64; 2],
    dissipation: f64,
    dissipation_before: f64,
    counts: Counts,
    phase: Phase,
    /// Whether the step that led to the current point is known.
    has_before: bool,
    interpolant_requested: bool,
}

/// What is being evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing yet.
    Fresh,
    /// The rate at the initial point.
    Initial,
    /// Nothing: the stepper stands at a point.
    Standing,
    /// The rate that the update wants before the next point.
    Between,
    /// The rate at the next point.
    Next,
    /// Nothing any more.
    Failed(Failure),
}

impl Discrete {
    /// Steps of size `η = step_size` from `initial`.
    pub fn new(update: impl Update + 'static, step_size: f64, initial: State, horizon: f64) -> Self {
        let (rows, cols) = (initial.shape().rows(), initial.shape().cols());
        let zeros = State::zeros(initial.shape());
        let steps = if step_size > 0.0 { (horizon / step_size * (1.0 + 1e-9)).floor() } else { 0.0 };
        Discrete {
            drive: update.needs_drive().then(|| Matrix::zeros(rows, cols)),
            update: Box::new(update),
            step_size,
            last_step: steps as u64,
            steps: 0,
            current: 0,
            states: [initial.clone(), initial],
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
        match self.phase {
            Phase::Between | Phase::Next => (self.steps + 1, self.other()),
            Phase::Fresh | Phase::Initial | Phase::Standing | Phase::Failed(_) => (self.steps, self.current),
        }
    }

    fn fail(&mut self, failure: Failure) -> StepEvent {
        self.has_before = false;
        self.phase = Phase::Failed(failure);
        StepEvent::Failed(failure)
    }

    /// Writes the next point, or the one that the update wants evaluated, over the one before; or says why there is none.
    fn prepare_next(&mut self) -> Option<Failure> {
        let [first, second] = &mut self.states;
        let (from, to) = if self.current == 0 { (&*first, second) } else { (&*second, first) };
        let (rate, drive) = (&self.rates[self.current], self.drive.as_ref());
        let departure = Departure { step: self.steps, step_size: self.step_size, state: from, rate, drive };
        let prepared = self.update.prepare(&departure, to);
        self.has_before = false;
        self.phase = if prepared == Prepared::Evaluate { Phase::Between } else { Phase::Next };
        match prepared {
            Prepared::Point | Prepared::Evaluate => None,
            Prepared::Impossible => Some(Failure::NonFinite),
            Prepared::Singular => Some(Failure::Singular),
        }
    }

    /// Starts the evaluation that the phase names.
    fn begin(&mut self, field: &mut dyn VectorField) -> StepEvent {
        loop {
            let (step, index) = self.evaluation();
            let at = Moment { t: self.time(step), piece: step };
            match field.begin(at, &self.states[index], &mut self.rates[index]) {
                Next::Ask => return StepEvent::Ask,
                Next::Rate => {
                    if let Some(event) = self.evaluated(field, None) {
                        return event;
                    }
                }
            }
        }
    }

    fn resume(&mut self, field: &mut dyn VectorField, answer: &Answer) -> StepEvent {
        let (step, index) = self.evaluation();
        let at = Moment { t: self.time(step), piece: step };
        match field.resume(at, &self.states[index], answer, &mut self.rates[index]) {
            Next::Ask => StepEvent::Ask,
            Next::Rate => match self.evaluated(field, Some(answer)) {
                Some(event) => event,
                None => self.begin(field),
            },
        }
    }

    /// After an evaluation: the event that it leads to, or nothing if another one follows.
    fn evaluated(&mut self, field: &dyn VectorField, answer: Option<&Answer>) -> Option<StepEvent> {
        self.counts.evaluations += 1;
        let (_, index) = self.evaluation();
        if !self.rates[index].is_finite() || !self.states[index].is_finite() {
            return Some(self.fail(Failure::NonFinite));
        }
        if self.phase == Phase::Between {
            self.update.complete(self.step_size, &self.rates[index], &mut self.states[index]);
            self.phase = Phase::Next;
            return None;
        }
        if self.phase == Phase::Next {
            self.dissipation_before = self.dissipation;
            self.dissipation += self.step_size * self.squares[self.current];
            self.current = index;
            self.steps += 1;
            self.counts.accepted += 1;
            self.has_before = true;
        }
        self.squares[self.current] = field.dissipation(&self.rates[index]);
        match (&mut self.drive, answer) {
            (Some(drive), Some(answer)) => drive.copy_from(&field.answer(answer).matrix),
            (Some(drive), None) => drive.fill(f64::NAN),
            (None, _) => {}
        }
        self.phase = Phase::Standing;
        Some(StepEvent::Arrived)
    }
}

impl Stepper for Discrete {
    fn poll(&mut self, field: &mut dyn VectorField, answer: Option<&Answer>) -> StepEvent {
        match self.phase {
            Phase::Failed(failure) => return StepEvent::Failed(failure),
            Phase::Standing if self.interpolant_requested => {
                self.interpolant_requested = false;
                return StepEvent::Interpolant;
            }
            Phase::Standing if self.finished() => return StepEvent::Arrived,
            Phase::Standing => {
                if let Some(failure) = self.prepare_next() {
                    return self.fail(failure);
                }
            }
            Phase::Fresh => self.phase = Phase::Initial,
            Phase::Initial | Phase::Between | Phase::Next => {
                return answer.map_or(StepEvent::Ask, |answer| self.resume(field, answer));
            }
        }
        self.begin(field)
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
        if t >= self.t() {
            out.as_mut_slice().copy_from_slice(self.state().as_slice());
            return self.dissipation;
        }
        if !self.has_before {
            // Loud rather than plausible.
            out.as_mut_slice().fill(f64::NAN);
            return f64::NAN;
        }
        let (before, since) = (self.other(), (t - self.t_before()).max(0.0));
        let (state, rate) = (&self.states[before], &self.rates[before]);
        let from = Departure { step: self.steps - 1, step_size: self.step_size, state, rate, drive: None };
        self.update.interpolate(&from, self.state(), since, out);
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
            dissipation_rate: self.squares[self.current],
            previous: self.update.needs_previous().then(|| self.states[self.other()].clone()),
            drive: self.drive.clone(),
            switches: Vec::new(),
            counts: self.counts,
            memory: Vec::new(),
            past: Vec::new(),
        }
    }

    fn restore(&mut self, saved: StepperState) {
        let other = self.other();
        self.steps = saved.step;
        self.squares[self.current] = saved.dissipation_rate;
        self.states[self.current] = saved.state;
        self.rates[self.current] = saved.rate;
        if let Some(previous) = saved.previous {
            self.states[other] = previous;
        }
        if saved.drive.is_some() {
            self.drive = saved.drive;
        }
        (self.dissipation, self.dissipation_before) = (saved.dissipation, saved.dissipation);
        self.counts = saved.counts;
        self.phase = Phase::Standing;
        (self.has_before, self.interpolant_requested) = (false, false);
    }
}
