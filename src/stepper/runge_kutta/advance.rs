//! The phases of a step.

use super::past::{End, Through};
use super::path::node_time;
use super::trailing::{Made, Trailing};
use super::{Pace, Phase, RungeKutta};
use crate::dynamics::{Moment, Next, State, VectorField};
use crate::sensing::Answer;
use crate::stepper::combination::{combine, power_of_two};
use crate::stepper::{Failure, StepEvent};

/// The `hΛ` from which on the interpolant may go through the ends of steps: where accuracy alone rules the step, it stays below 1.
const STIFF: f64 = 2.0;

/// What the interpolants through four ends of steps and through three may differ by, over the tolerance. What the first adds to the error of the ends is of that size
/// at most; the dense output of stiff steps adds ten tolerances and more.
const MOST_DOUBT: f64 = 1.0;

impl RungeKutta {
    /// The point that the current evaluation is at.
    pub(super) fn evaluation_point(&self) -> &State {
        match self.phase {
            Phase::Stage(_) | Phase::Dense(_) => &self.stage,
            Phase::End => &self.end,
            Phase::Fresh | Phase::Standing | Phase::Initial | Phase::Entering | Phase::Failed(_) => self.current(),
        }
    }

    /// The point that was reached last.
    pub(super) fn current(&self) -> &State {
        if self.at_end { &self.end } else { &self.start }
    }

    /// Index of the slope at the point that was reached last.
    pub(super) fn current_slope(&self) -> usize {
        if self.at_end { self.tableau.stages() } else { 0 }
    }

    fn slot(&self) -> usize {
        match self.phase {
            Phase::Stage(i) => i,
            Phase::End => self.tableau.stages(),
            Phase::Dense(i) => self.tableau.stages() + 1 + i,
            Phase::Fresh | Phase::Standing | Phase::Initial | Phase::Entering | Phase::Failed(_) => 0,
        }
    }

    fn moment(&self) -> Moment {
        let t = match self.phase {
            Phase::Stage(i) => node_time(self.tableau.nodes[i], self.t, self.t_next, self.size),
            Phase::End => self.t_next,
            Phase::Dense(i) => node_time(self.tableau.dense.nodes[i], self.t_before, self.t, self.size),
            Phase::Fresh | Phase::Standing | Phase::Initial | Phase::Entering | Phase::Failed(_) => self.t,
        };
        Moment { t, piece: self.piece }
    }

    /// Whether the last step can be interpolated.
    pub(super) fn knows_interpolant(&self) -> bool {
        self.at_end && self.phase == Phase::Standing && (self.interpolant_ready || self.needs_no_slopes())
    }

    /// Whether the last step's interpolant takes no extra slopes.
    fn needs_no_slopes(&self) -> bool {
        self.smooth || self.tableau.dense.nodes.is_empty()
    }

    /// Where the last step began and where it ended.
    pub(super) fn step_start(&self) -> End<'_> {
        End { t: self.t_before, state: &self.start, rate: &self.slopes[0], dissipation: self.dissipation_before, square: self.squares[0] }
    }

    fn step_end(&self) -> End<'_> {
        let last = self.tableau.stages();
        End { t: self.t, state: &self.end, rate: &self.slopes[last], dissipation: self.dissipation, square: self.squares[last] }
    }

    /// The interpolant through the ends of the last steps.
    pub(super) fn through(&self) -> Option<Through<'_>> {
        self.past.as_ref()?.through(self.step_start(), self.step_end())
    }

    /// Remembers where the last step began.
    fn remember_start(&mut self) {
        if let Some(mut past) = self.past.take() {
            past.push(self.step_start());
            self.past = Some(past);
        }
        self.smooth = false;
    }

    /// Whether an evaluation is under way.
    pub(super) fn evaluates(&self) -> bool {
        !matches!(self.phase, Phase::Fresh | Phase::Standing | Phase::Failed(_))
    }

    /// When and where the phase evaluates, and where the slope goes.
    fn parts(&mut self) -> (Moment, &State, &mut State) {
        let (at, slot) = (self.moment(), self.slot());
        let point = match self.phase {
            Phase::Stage(_) | Phase::Dense(_) => &self.stage,
            Phase::End => &self.end,
            Phase::Fresh | Phase::Standing | Phase::Initial | Phase::Entering | Phase::Failed(_) => &self.start,
        };
        (at, point, &mut self.slopes[slot])
    }

    /// Starts the evaluation that the phase names.
    pub(super) fn begin(&mut self, field: &mut dyn VectorField) -> Next {
        let (at, point, slope) = self.parts();
        field.begin(at, point, slope)
    }

    /// Goes on with it.
    pub(super) fn resume(&mut self, field: &mut dyn VectorField, answer: &Answer) -> Next {
        let (at, point, slope) = self.parts();
        field.resume(at, point, answer, slope)
    }

    /// From a standing point: chooses what to evaluate next, unless there is nothing.
    pub(super) fn set_out(&mut self, field: &dyn VectorField) -> Option<StepEvent> {
        match self.phase {
            Phase::Failed(failure) => return Some(StepEvent::Failed(failure)),
            Phase::Fresh => {
                self.phase = Phase::Initial;
                return None;
            }
            _ => {}
        }
        if self.interpolant_requested {
            self.prepare_dense(if self.interpolant_ready || self.smooth { self.tableau.dense.nodes.len() } else { 0 })
        } else if self.t >= self.horizon {
            Some(StepEvent::Arrived)
        } else {
            self.begin_step(field)
        }
    }

    /// After an evaluation: the event that it leads to, or the next phase.
    pub(super) fn evaluated(&mut self, field: &dyn VectorField) -> Option<StepEvent> {
        let (slot, phase) = (self.slot(), self.phase);
        match phase {
            Phase::Dense(_) => self.counts.dense_evaluations += 1,
            _ => self.counts.evaluations += 1,
        }
        self.squares[slot] = field.dissipation(&self.slopes[slot]);
        let finite = self.slopes[slot].is_finite();
        match (phase, finite) {
            (Phase::Initial, true) => {
                self.phase = Phase::Standing;
                Some(StepEvent::Arrived)
            }
            (Phase::Entering, true) => self.begin_step(field),
            (Phase::Stage(i), true) => self.prepare_stage(field, i + 1),
            (Phase::End, true) => self.finish(field),
            (Phase::Dense(i), true) => self.prepare_dense(i + 1),
            (Phase::Stage(_) | Phase::End, false) => self.reject(field, f64::NAN),
            (_, false) => self.fail(Failure::NonFinite),
            (Phase::Fresh | Phase::Standing | Phase::Failed(_), true) => None,
        }
    }

    fn fail(&mut self, failure: Failure) -> Option<StepEvent> {
        self.phase = Phase::Failed(failure);
        Some(StepEvent::Failed(failure))
    }

    /// Makes the current point the start of a step, on the right piece.
    fn begin_step(&mut self, field: &dyn VectorField) -> Option<StepEvent> {
        if self.at_end {
            self.remember_start();
            let last = self.tableau.stages();
            std::mem::swap(&mut self.start, &mut self.end);
            self.slopes.swap(0, last);
            self.squares.swap(0, last);
            self.at_end = false;
        }
        self.interpolant_ready = false;
        if field.piece_end(self.piece).is_some_and(|end| end <= self.t) {
            self.piece += 1;
            if let Some(past) = &mut self.past {
                past.clear();
            }
            self.phase = Phase::Entering;
            return None;
        }
        if let Pace::Adaptive(adaptive) = &mut self.pace
            && adaptive.steps.needs_first_step()
        {
            adaptive.steps.set_first_step(self.start.norm(), self.slopes[0].norm(), self.horizon);
        }
        self.begin_attempt(field)
    }

    /// Hands the last step over to be completed apart, unless it needs no more slopes, the trajectory or its piece ends here, or the field
    /// has one evaluation at a time.
    pub(super) fn hand_over(&mut self, field: &dyn VectorField) -> bool {
        let stands = self.at_end && self.phase == Phase::Standing && !self.interpolant_requested;
        let misses = !self.interpolant_ready && !self.needs_no_slopes();
        let goes_on = self.t < self.horizon && field.piece_end(self.piece).is_none_or(|end| end > self.t);
        if !(stands && misses && goes_on && field.interleaves()) {
            return false;
        }
        self.remember_start();
        let (tableau, shape, last) = (self.tableau, self.start.shape(), self.tableau.stages());
        let dissipation = [self.dissipation_before, self.dissipation];
        let made = Made { piece: self.piece, from: self.t_before, to: self.t, size: self.size, dissipation };
        let trailing = self.trailing.get_or_insert_with(|| Box::new(Trailing::new(tableau, shape)));
        trailing.take(made, &mut self.start, &mut self.end, &mut self.slopes, &mut self.squares);
        // The next step begins at its end, with the slope there.
        self.start.as_mut_slice().copy_from_slice(trailing.end().as_slice());
        self.slopes[0].as_mut_slice().copy_from_slice(trailing.slopes[last].as_slice());
        self.squares[0] = trailing.squares[last];
        self.at_end = false;
        true
    }

    /// The first time after the current one that a step must not pass.
    fn limit(&self, field: &dyn VectorField) -> f64 {
        let next = self.exact_times.partition_point(|&time| time <= self.t);
        let exact = self.exact_times.get(next).copied().unwrap_or(f64::INFINITY);
        let piece = field.piece_end(self.piece).unwrap_or(f64::INFINITY);
        self.horizon.min(exact).min(piece)
    }

    fn begin_attempt(&mut self, field: &dyn VectorField) -> Option<StepEvent> {
        match self.pace.attempt(self.t, self.limit(field)) {
            Ok(attempt) => {
                (self.t_next, self.size) = (attempt.t_next, attempt.size);
                self.prepare_stage(field, 1)
            }
            Err(failure) => self.fail(failure),
        }
    }

    /// The point of stage `i`; after the last one the end of the step, whose slope is computed unless the error estimate, where it can
    /// do without that slope, rejects.
    fn prepare_stage(&mut self, field: &dyn VectorField, i: usize) -> Option<StepEvent> {
        if let Some(row) = self.tableau.coupling.get(i) {
            combine(&mut self.stage, Some(&self.start), self.size, row, &self.slopes);
            self.phase = Phase::Stage(i);
            return None;
        }
        combine(&mut self.end, Some(&self.start), self.size, self.tableau.weights, &self.slopes);
        self.phase = Phase::End;
        if self.estimates_before_end() {
            self.estimate();
            if !self.acceptable() {
                return self.reject(field, self.error);
            }
        }
        None
    }

    fn estimates_before_end(&self) -> bool {
        matches!(&self.pace, Pace::Adaptive(adaptive) if adaptive.embedded.error.len() <= self.tableau.stages())
    }

    /// Measures the attempt's error. A fixed step's is 0, or NaN at an end that is not finite.
    fn estimate(&mut self) {
        self.error = match &mut self.pace {
            Pace::Adaptive(adaptive) => adaptive.error.ratio(&adaptive.embedded.error, self.size, &self.slopes, &self.start, &self.end),
            Pace::Fixed(_) if self.end.is_finite() => 0.0,
            Pace::Fixed(_) => f64::NAN,
        };
    }

    /// Not the negation of `error > 1`: an error that is not a number must reject.
    fn acceptable(&self) -> bool {
        self.error <= 1.0
    }

    /// The end of the step and its slope are known.
    fn finish(&mut self, field: &dyn VectorField) -> Option<StepEvent> {
        if !self.estimates_before_end() {
            self.estimate();
        }
        if self.acceptable() { self.arrive() } else { self.reject(field, self.error) }
    }

    fn reject(&mut self, field: &dyn VectorField, error: f64) -> Option<StepEvent> {
        self.counts.rejected += 1;
        match &mut self.pace {
            Pace::Adaptive(adaptive) => {
                adaptive.steps.reject(self.size, error);
                self.begin_attempt(field)
            }
            Pace::Fixed(_) => self.fail(Failure::NonFinite),
        }
    }

    fn arrive(&mut self) -> Option<StepEvent> {
        let estimate = self.estimate_stiffness();
        match &mut self.pace {
            Pace::Adaptive(adaptive) => {
                let steps = &mut adaptive.steps;
                steps.accept(self.size, self.error);
                self.stiffness = steps.keep_stable(self.size, estimate);
                let limited = self.stiffness.is_some_and(|(_, stiffness)| steps.is_near_limit(stiffness));
                self.stability_limited += u64::from(limited);
            }
            Pace::Fixed(fixed) => fixed.accept(),
        }
        let mean: f64 = self.tableau.weights.iter().zip(&self.squares).map(|(b, square)| b * square).sum();
        self.dissipation_before = self.dissipation;
        self.dissipation += self.size * mean;
        (self.t_before, self.t) = (self.t, self.t_next);
        self.at_end = true;
        self.steps += 1;
        self.counts.accepted += 1;
        self.phase = Phase::Standing;
        // Where the dense output costs nothing, it is as accurate.
        let stiff = !self.tableau.dense.nodes.is_empty() && self.stiffness.is_some_and(|(_, stiffness)| stiffness >= STIFF);
        self.smooth = stiff && self.doubt().is_some_and(|doubt| doubt <= MOST_DOUBT);
        Some(StepEvent::Arrived)
    }

    /// The interpolant's through the ends of the last steps: its difference to that through one end less, over the tolerance.
    fn doubt(&mut self) -> Option<f64> {
        let through = self.past.as_ref()?.through(
            End { t: self.t_before, state: &self.start, rate: &self.slopes[0], dissipation: 0.0, square: 0.0 },
            End { t: self.t, state: &self.end, rate: &self.slopes[self.tableau.stages()], dissipation: 0.0, square: 0.0 },
        )?;
        let Pace::Adaptive(adaptive) = &mut self.pace else { return None };
        Some(adaptive.error.ratio_of(&through.doubt(), &through.states(), &self.start, &self.end))
    }

    /// Hairer's estimate of `h|λ|` from the two slopes at the end of the step, of adaptive methods.
    fn estimate_stiffness(&self) -> f64 {
        let Pace::Adaptive(_) = &self.pace else { return 0.0 };
        let last = self.tableau.stages();
        let [slopes, points] = [distance(&self.slopes[last], &self.slopes[last - 1]), distance(&self.end, &self.stage)];
        if points > 0.0 { self.size * (slopes / points) } else { 0.0 }
    }

    /// The point of extra slope `i` of the interpolant, or the interpolant.
    fn prepare_dense(&mut self, i: usize) -> Option<StepEvent> {
        match self.tableau.dense.coupling.get(i) {
            Some(row) if self.at_end => {
                combine(&mut self.stage, Some(&self.start), self.size, row, &self.slopes);
                self.phase = Phase::Dense(i);
                None
            }
            _ => {
                self.phase = Phase::Standing;
                (self.interpolant_requested, self.interpolant_ready) = (false, true);
                Some(StepEvent::Interpolant)
            }
        }
    }
}

/// `‖a − b‖_F`, safe against underflow and overflow of the squares.
fn distance(a: &State, b: &State) -> f64 {
    let differences = || a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a - b);
    let unit = power_of_two(differences().fold(0.0, |largest: f64, x| largest.max(x.abs())));
    unit * differences().map(|x| (x / unit).powi(2)).sum::<f64>().sqrt()
}
