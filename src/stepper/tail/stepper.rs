//! [`Stepper`] for the methods for long tails.

use super::{Phase, Tail};
use crate::dynamics::{State, VectorField};
use crate::sensing::{Answer, Question};
use crate::stepper::{Counts, StepEvent, Stepper, StepperState};

impl Tail {
    fn knows_interpolant(&self) -> bool {
        self.at_end && self.phase == Phase::Standing
    }

    fn theta(&self, t: f64) -> f64 {
        (t - self.t_before) / (self.t - self.t_before)
    }
}

impl Stepper for Tail {
    fn poll(&mut self, field: &mut dyn VectorField, answer: Option<&Answer>) -> StepEvent {
        match (self.evaluates(), answer) {
            (true, Some(answer)) => self.take(field, answer),
            (true, None) => StepEvent::Ask,
            (false, _) => self.set_out(field),
        }
    }

    fn question<'a>(&'a self, field: &'a dyn VectorField) -> Question<'a> {
        match self.phase {
            Phase::Product => self.jacobian.question(),
            Phase::Stage => field.question(self.scheme.stage_point()),
            Phase::End => field.question(&self.ends.end),
            Phase::Fresh | Phase::Standing | Phase::Initial | Phase::Failed(_) => field.question(self.state()),
        }
    }

    fn t(&self) -> f64 {
        self.t
    }

    fn t_before(&self) -> f64 {
        self.t_before
    }

    fn step(&self) -> u64 {
        self.steps
    }

    fn state(&self) -> &State {
        if self.at_end { &self.ends.end } else { &self.ends.start }
    }

    fn rate(&self) -> &State {
        if self.at_end { &self.ends.end_rate } else { &self.ends.start_rate }
    }

    fn dissipation(&self) -> f64 {
        self.dissipation
    }

    fn finished(&self) -> bool {
        self.t >= self.horizon
    }

    fn request_interpolant(&mut self) {
        self.interpolant_requested = true;
    }

    fn interpolate(&self, t: f64, out: &mut State) -> f64 {
        if t >= self.t {
            out.as_mut_slice().copy_from_slice(self.state().as_slice());
            return self.dissipation;
        }
        if !self.knows_interpolant() {
            // Loud rather than plausible.
            out.as_mut_slice().fill(f64::NAN);
            return f64::NAN;
        }
        if t <= self.t_before {
            out.as_mut_slice().copy_from_slice(self.ends.start.as_slice());
            return self.dissipation_before;
        }
        self.scheme.interpolate(self.theta(t), self.size, &self.ends, out);
        self.dissipation_before + self.scheme.dissipated(self.theta(t), self.size, &self.ends)
    }

    fn interpolate_rate(&self, t: f64, out: &mut State) {
        if self.knows_interpolant() {
            self.scheme.interpolate_rate(self.theta(t).clamp(0.0, 1.0), self.size, &self.ends, out);
        } else {
            out.as_mut_slice().fill(f64::NAN);
        }
    }

    fn counts(&self) -> Counts {
        self.counts
    }

    fn save(&self) -> StepperState {
        let mut memory = self.steps_to_come.memory().to_vec();
        memory.extend(self.scheme.memory());
        StepperState {
            t: self.t,
            step: self.steps,
            piece: 0,
            state: self.state().clone(),
            rate: self.rate().clone(),
            dissipation: self.dissipation,
            dissipation_rate: if self.at_end { self.ends.end_square } else { self.ends.start_square },
            counts: self.counts,
            previous: None,
            drive: self.drive.clone(),
            switches: Vec::new(),
            memory,
            past: Vec::new(),
        }
    }

    fn restore(&mut self, saved: StepperState) {
        let (pace, scheme) = saved.memory.split_at(saved.memory.len().min(5));
        let number = |i: usize| pace.get(i).copied().unwrap_or(0.0);
        self.steps_to_come.restore([number(0), number(1), number(2), number(3), number(4)]);
        self.scheme.restore(scheme);
        (self.t, self.t_before, self.steps) = (saved.t, saved.t, saved.step);
        (self.dissipation, self.dissipation_before) = (saved.dissipation, saved.dissipation);
        self.counts = saved.counts;
        self.evaluations_before = saved.counts.evaluations;
        self.ends.start_square = saved.dissipation_rate;
        (self.ends.start, self.ends.start_rate) = (saved.state, saved.rate);
        if saved.drive.is_some() {
            self.drive = saved.drive;
        }
        self.at_end = false;
        self.phase = Phase::Standing;
        self.interpolant_requested = false;
    }
}
