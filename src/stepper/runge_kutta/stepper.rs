//! [`Stepper`] for Runge–Kutta methods.

use super::path::Path;
use super::{Phase, RungeKutta, Trailing};
use crate::dynamics::{Next, State, VectorField};
use crate::sensing::{Answer, Question};
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
        self.path().interpolate(t, out)
    }

    fn interpolate_rate(&self, t: f64, out: &mut State) {
        match self.knows_interpolant() {
            true => self.path().rate(t, out),
            false => out.as_mut_slice().fill(f64::NAN),
        }
    }

    fn trail(&mut self, field: &dyn VectorField) -> bool {
        self.hand_over(field)
    }

    fn trailing(&self) -> Option<&Trailing> {
        self.trailing.as_deref()
    }

    fn trailing_mut(&mut self) -> Option<&mut Trailing> {
        self.trailing.as_deref_mut()
    }

    fn counts(&self) -> Counts {
        let apart = self.trailing.as_ref().map_or(0, |trailing| trailing.evaluations());
        Counts { dense_evaluations: self.counts.dense_evaluations + apart, ..self.counts }
    }

    fn stability_limited_steps(&self) -> u64 {
        self.stability_limited
    }

    fn save(&self) -> StepperState {
        let mut memory = self.pace.memory().to_vec();
        memory.push(self.stability_limited as f64);
        let past = self.past.as_ref().map_or_else(Vec::new, |past| past.save(self.at_end.then(|| self.step_start())));
        StepperState {
            t: self.t,
            step: self.steps,
            piece: self.piece,
            state: self.state().clone(),
            rate: self.rate().clone(),
            dissipation: self.dissipation,
            dissipation_rate: self.squares[self.current_slope()],
            counts: self.counts(),
            previous: None,
            drive: None,
            switches: Vec::new(),
            memory,
            past,
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
        self.trailing = None;
        self.smooth = false;
        if let Some(past) = &mut self.past {
            past.restore(&saved.past);
        }
    }
}

impl RungeKutta {
    /// The last step, as long as no other has begun.
    fn path(&self) -> Path<'_> {
        Path {
            tableau: self.tableau,
            from: self.t_before,
            to: self.t,
            size: self.size,
            start: &self.start,
            end: &self.end,
            slopes: &self.slopes,
            squares: &self.squares,
            dissipation: [self.dissipation_before, self.dissipation],
            through: if self.smooth { self.through() } else { None },
        }
    }
}
