//! The phases of a step.

use super::scheme::Task;
use super::{Phase, Tail};
use crate::dynamics::{Moment, Next, VectorField};
use crate::sensing::Answer;
use crate::stepper::{Failure, StepEvent};

impl Tail {
    /// Whether an evaluation or a product is under way.
    pub(super) fn evaluates(&self) -> bool {
        !matches!(self.phase, Phase::Fresh | Phase::Standing | Phase::Failed(_))
    }

    fn moment(&self) -> Moment {
        let t = match self.phase {
            Phase::Stage => self.t + self.scheme.node() * self.size,
            Phase::End => self.t_next,
            _ => self.t,
        };
        Moment { t, piece: 0 }
    }

    /// From a standing point, or at the very beginning.
    pub(super) fn set_out(&mut self, field: &mut dyn VectorField) -> StepEvent {
        match self.phase {
            Phase::Failed(failure) => StepEvent::Failed(failure),
            Phase::Fresh => {
                self.phase = Phase::Initial;
                self.begin_evaluation(field).unwrap_or_else(|| self.evaluated(field, None))
            }
            _ if self.interpolant_requested => {
                self.interpolant_requested = false;
                StepEvent::Interpolant
            }
            _ if self.t >= self.horizon => StepEvent::Arrived,
            _ => {
                let task = self.begin_step();
                self.go_on(field, task)
            }
        }
    }

    /// Takes an answer.
    pub(super) fn take(&mut self, field: &mut dyn VectorField, answer: &Answer) -> StepEvent {
        if self.phase == Phase::Product {
            let task = self.multiplied(Some(answer));
            return self.go_on(field, task);
        }
        let at = self.moment();
        let next = match self.phase {
            Phase::Stage => {
                let (point, rate) = self.scheme.stage();
                field.resume(at, point, answer, rate)
            }
            Phase::End => field.resume(at, &self.ends.end, answer, &mut self.ends.end_rate),
            _ => field.resume(at, &self.ends.start, answer, &mut self.ends.start_rate),
        };
        match next {
            Next::Ask => StepEvent::Ask,
            Next::Rate => self.evaluated(field, Some(answer)),
        }
    }

    /// Starts the evaluation that the phase names; what it comes to if that is not a rate.
    fn begin_evaluation(&mut self, field: &mut dyn VectorField) -> Option<StepEvent> {
        let at = self.moment();
        let next = match self.phase {
            Phase::Stage => {
                let (point, rate) = self.scheme.stage();
                field.begin(at, point, rate)
            }
            Phase::End => field.begin(at, &self.ends.end, &mut self.ends.end_rate),
            _ => field.begin(at, &self.ends.start, &mut self.ends.start_rate),
        };
        (next == Next::Ask).then_some(StepEvent::Ask)
    }

    /// Does what the scheme needs until an answer is wanted or a point is reached.
    fn go_on(&mut self, field: &mut dyn VectorField, first: Task) -> StepEvent {
        let mut task = first;
        loop {
            task = match task {
                Task::Product => {
                    self.phase = Phase::Product;
                    match self.jacobian.aim(self.scheme.direction()) {
                        Next::Ask => return StepEvent::Ask,
                        Next::Rate => self.multiplied(None),
                    }
                }
                Task::Rate | Task::End => {
                    self.phase = if task == Task::Rate { Phase::Stage } else { Phase::End };
                    if let Some(event) = self.begin_evaluation(field) {
                        return event;
                    }
                    match self.rated(field, None) {
                        Ok(event) => return event,
                        Err(task) => task,
                    }
                }
                Task::Size => match self.begin_attempt() {
                    Ok(task) => task,
                    Err(failure) => return self.fail(failure),
                },
                Task::Shorten(size) => {
                    self.counts.rejected += 1;
                    self.steps_to_come.shorten(size);
                    self.prepare(true)
                }
                Task::Reject => self.reject(f64::NAN),
                Task::Impossible => return self.fail(Failure::NonFinite),
            }
        }
    }

    fn fail(&mut self, failure: Failure) -> StepEvent {
        // The point that was reached last is the start of the step that failed.
        self.phase = Phase::Failed(failure);
        StepEvent::Failed(failure)
    }

    fn begin_step(&mut self) -> Task {
        if self.at_end {
            let ends = &mut self.ends;
            std::mem::swap(&mut ends.start, &mut ends.end);
            std::mem::swap(&mut ends.start_rate, &mut ends.end_rate);
            ends.start_square = ends.end_square;
            self.at_end = false;
        }
        self.evaluations_before = self.counts.evaluations;
        let (norm, rate) = (self.ends.start.norm(), self.ends.start_rate.norm());
        self.allowed = self.tolerance.rtol * norm + self.tolerance.atol;
        if self.steps_to_come.needs_first_step() {
            self.steps_to_come.set_first_step(norm, rate, self.horizon);
        }
        self.jacobian.move_to(&self.ends.start, self.drive.as_ref());
        self.prepare(false)
    }

    fn prepare(&mut self, again: bool) -> Task {
        self.size = 0.0;
        let (scheme, step) = self.step();
        scheme.prepare(&step, again)
    }

    fn begin_attempt(&mut self) -> Result<Task, Failure> {
        let next = self.exact_times.partition_point(|&time| time <= self.t);
        let limit = self.exact_times.get(next).map_or(self.horizon, |time| time.min(self.horizon));
        let attempt = self.steps_to_come.attempt_at_most(self.t, limit, self.scheme.largest_step())?;
        (self.t_next, self.size) = (attempt.t_next, attempt.size);
        let (scheme, mut step) = self.step();
        Ok(scheme.attempt(&mut step))
    }

    fn multiplied(&mut self, answer: Option<&Answer>) -> Task {
        self.counts.evaluations += 1;
        let mut image = std::mem::take(&mut self.image);
        self.jacobian.image(answer, &mut image);
        let (scheme, mut step) = self.step();
        let task = scheme.multiplied(&mut step, &mut image);
        self.image = image;
        task
    }

    /// After an evaluation.
    fn evaluated(&mut self, field: &mut dyn VectorField, answer: Option<&Answer>) -> StepEvent {
        match self.rated(field, answer) {
            Ok(event) => event,
            Err(task) => self.go_on(field, task),
        }
    }

    /// After an evaluation: the event that it leads to, or what is needed next.
    fn rated(&mut self, field: &dyn VectorField, answer: Option<&Answer>) -> Result<StepEvent, Task> {
        self.counts.evaluations += 1;
        match self.phase {
            Phase::Stage => {
                let (_, rate) = self.scheme.stage();
                let (finite, square) = (rate.is_finite(), field.dissipation(rate));
                if !finite {
                    return Err(Task::Reject);
                }
                let (scheme, mut step) = self.step();
                Err(scheme.evaluated(&mut step, square))
            }
            Phase::End => self.finish(field, answer),
            _ => {
                self.ends.start_square = field.dissipation(&self.ends.start_rate);
                if !self.ends.start_rate.is_finite() {
                    return Ok(self.fail(Failure::NonFinite));
                }
                self.keep_drive(field, answer);
                self.phase = Phase::Standing;
                Ok(StepEvent::Arrived)
            }
        }
    }

    fn keep_drive(&mut self, field: &dyn VectorField, answer: Option<&Answer>) {
        if let Some(answer) = answer {
            let drive = &field.answer(answer).matrix;
            match &mut self.drive {
                Some(kept) => kept.copy_from(drive),
                None => self.drive = Some(drive.clone()),
            }
        }
    }

    /// The end of the step and its rate are known.
    fn finish(&mut self, field: &dyn VectorField, answer: Option<&Answer>) -> Result<StepEvent, Task> {
        let end_norm = self.ends.end.norm();
        let finite = self.ends.end_rate.is_finite() && end_norm.is_finite();
        let (scheme, step) = self.step();
        let error = if finite { scheme.error(&step) } else { f64::NAN };
        let allowed = self.allowed.max(self.tolerance.rtol * end_norm + self.tolerance.atol);
        let ratio = if error == 0.0 { 0.0 } else { error / allowed };
        // Not the negation of `ratio > 1`: an error that is not a number must reject.
        if ratio <= 1.0 { Ok(self.arrive(field, answer, ratio)) } else { Err(self.reject(ratio)) }
    }

    fn reject(&mut self, ratio: f64) -> Task {
        self.counts.rejected += 1;
        let size = self.size;
        self.steps_to_come.reject(size, ratio);
        self.prepare(true)
    }

    fn arrive(&mut self, field: &dyn VectorField, answer: Option<&Answer>, ratio: f64) -> StepEvent {
        self.steps_to_come.accept(self.size, ratio);
        self.keep_drive(field, answer);
        self.ends.end_square = field.dissipation(&self.ends.end_rate);
        self.dissipation_before = self.dissipation;
        self.dissipation += self.scheme.dissipated(1.0, self.size, &self.ends);
        (self.t_before, self.t) = (self.t, self.t_next);
        self.at_end = true;
        self.steps += 1;
        self.counts.accepted += 1;
        self.phase = Phase::Standing;
        StepEvent::Arrived
    }
}
