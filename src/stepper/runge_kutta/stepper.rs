//! [`Stepper`] for Runge–Kutta methods.

use super::{Phase, RungeKutta};
use crate::dynamics::{Next, State, VectorField};
use crate::sensing::{Answer, Question};
use crate::stepper::combination::combine;
use crate::stepper::{Counts, StepEvent, Stepper, StepperState};

impl Stepper for RungeKutta {
    fn poll(&mut self, field: &mut dyn VectorField, answer: Option<&Answer>) -> StepEvent {
        let mut next = match (self.evaluates(), answer) {
            (true, Some(answer)) => self.resume(field, answer),
            (true, None) => return StepEvent::Ask,
            (false, _) => match self.set_out(field) {
                Some(event) => return event,
                None => self.begin(field),
            },
        };
        loop {
            if next == Next::Ask {
                return StepEvent::Ask;
            }
            if let Some(event) = self.evaluated(field) {
                return event;
            }
            next = self.begin(field);
        }
    }

    fn question<'a>(&'a self, field: &'a dyn VectorField) -> Question<'a> {
        field.question(self.evaluation_point())
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
        self.current()
    }

    fn rate(&self) -> &State {
        &self.slopes[self.current_slope()]
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
            out.as_mut_slice().copy_from_slice(self.current().as_slice());
            return self.dissipation;
        }
        if !self.knows_interpolant() {
            // Loud rather than plausible.
            out.as_mut_slice().fill(f64::NAN);
            return f64::NAN;
        }
        if t <= self.t_before {
            out.as_mut_slice().copy_from_slice(self.start.as_slice());
            return self.dissipation_before;
        }
        let weights = self.tableau.dense_weights((t - self.t_before) / (self.t - self.t_before));
        combine(out, Some(&self.start), self.size, &weights, &self.slopes);
        let mean: f64 = weights.iter().zip(&self.squares).map(|(w, square)| w * square).sum();
        self.dissipation_before + self.size * mean
    }

    fn interpolate_rate(&self, t: f64, out: &mut State) {
        if !self.knows_interpolant() {
            out.as_mut_slice().fill(f64::NAN);
            return;
        }
        let theta = ((t - self.t_before) / (self.t - self.t_before)).clamp(0.0, 1.0);
        combine(out, None, 1.0, &self.tableau.dense_rate_weights(theta), &self.slopes);
    }

    fn counts(&self) -> Counts {
        self.counts
    }

    fn stability_limited_steps(&self) -> u64 {
        self.stability_limited
    }

    fn save(&self) -> StepperState {
        let mut memory = self.pace.memory().to_vec();
        memory.push(self.stability_limited as f64);
        StepperState {
            t: self.t,
            step: self.steps,
            piece: self.piece,
            state: self.state().clone(),
            rate: self.rate().clone(),
            dissipation: self.dissipation,
            dissipation_rate: self.squares[self.current_slope()],
            counts: self.counts,
            previous: None,
            drive: None,
            switches: Vec::new(),
            memory,
        }
    }

    fn restore(&mut self, saved: StepperState) {
        let number = |i: usize| saved.memory.get(i).copied().unwrap_or(0.0);
        self.pace.restore([number(0), number(1), number(2), number(3), number(4)]);
        self.stability_limited = number(5) as u64;
        (self.t, self.t_before, self.piece, self.steps) = (saved.t, saved.t, saved.piece, saved.step);
        (self.dissipation, self.dissipation_before) = (saved.dissipation, saved.dissipation);
        self.counts = saved.counts;
        self.squares[0] = saved.dissipation_rate;
        self.start = saved.state;
        self.slopes[0] = saved.rate;
        self.at_end = false;
        self.phase = Phase::Standing;
        (self.interpolant_requested, self.interpolant_ready) = (false, false);
    }
}
