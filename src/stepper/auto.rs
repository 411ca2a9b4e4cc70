//! DOP853 until stability limits it, then the exponential method.

use super::runge_kutta::{RungeKutta, Trailing};
use super::tableaus::DOP853;
use super::tail::Tail;
use super::{Counts, StepEvent, Stepper, StepperState};
use crate::config::ToleranceSpec;
use crate::dynamics::{Linearisation, State, VectorField};
use crate::linalg::Matrix;
use crate::sensing::{Answer, Question};
use serde::{Deserialize, Serialize};

/// `h|λ|` above which a step of DOP853 is taken to be limited by stability (its limit on the negative real axis is about 6.3).
const STIFF: f64 = 4.5;
/// Steps in a row (or more of one kind than of the other by so many) that make a switch.
const STEPS: u32 = 3;
/// Steps of DOP853 that must be left to the horizon for a switch to pay: the tail's first steps are dearer than those it saves.
const LEFT: f64 = 30.0;
/// How much dearer than DOP853, in evaluations per unit of time, the tail may be.
const DEARER: f64 = 1.15;
/// Evaluations of a step of DOP853.
const EXPLICIT_EVALUATIONS: f64 = 12.0;
/// Steps of the tail that are not judged: DOP853 leaves errors of the tolerance's size in fast modes, which the tail must damp first.
const GRACE: u32 = 10;
/// Accepted steps that the first return to DOP853 lasts at least; each further one twice as long as the one before.
const HOLD: u32 = 8;

/// An integrator that [`Auto`] switches between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Regime {
    /// DOP853.
    Dop853,
    /// The exponential Rosenbrock method.
    Exponential,
}

impl std::fmt::Display for Regime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Regime::Dop853 => "dop853",
            Regime::Exponential => "exponential",
        })
    }
}

/// A change of integrators.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    /// Flow time.
    pub t: f64,
    /// Steps made before it.
    pub step: u64,
    /// The integrator so far.
    pub from: Regime,
    /// The integrator from here on.
    pub to: Regime,
    /// The size of the last step before it.
    pub step_size: f64,
}

/// DOP853 ([`RungeKutta`]) until stability limits its steps, then the exponential Rosenbrock method ([`Tail`]), and back where that is
/// dearer.
///
/// **To the tail.** After every accepted step of DOP853 that was not cut to less than half, Hairer's estimate `h‖k₁₃ − k₁₂‖/‖Z⁺ − Z₁₂‖` of `h|λ|`
/// (the largest `|λ|` of late, see [`RungeKutta`]) raises a counter if it exceeds 4.5, and lowers it (not below 0) otherwise; at 3 the tail takes over,
/// with the last step's size, if at least thirty steps of that size are left to the horizon.
///
/// **Back**, when the tail has taken more than `1.15 · 12/h` evaluations per unit of time, `h` the last step of DOP853, in three steps in a
/// row that were not cut short; its first ten steps are not judged. DOP853 then goes on with that `h` and keeps the trajectory for at least
/// 8 accepted steps, after the next return for 16, and so on.
///
/// The field must be one that [`Tail`] takes.
#[derive(Debug)]
pub struct Auto {
    explicit: RungeKutta,
    tail: Tail,
    in_tail: bool,
    rules: Rules,
    horizon: f64,
    /// `N` at the current point.
    drive: Option<Matrix>,
    /// Whether an interpolant was asked for, which belongs to the integrator of the last step.
    interpolant_requested: bool,
    /// The number of the step that was judged last.
    judged: u64,
    switches: Vec<Switch>,
}

/// What the switching rules remember.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rules {
    /// Whether a switch is due before the next step.
    due: bool,
    stiff: u32,
    dear: u32,
    /// Steps that the tail has made since it took over.
    tail_steps: u32,
    /// Steps that DOP853 still has before the tail may take over.
    hold: u32,
    /// How long the next return to DOP853 lasts.
    next_hold: u32,
    /// `h`, the size that was last wanted of a step of DOP853.
    explicit_step: f64,
    /// The time scale near `t = 0`.
    time_scale: f64,
}

impl Rules {
    fn new() -> Self {
        Rules { due: false, stiff: 0, dear: 0, tail_steps: 0, hold: 0, next_hold: HOLD, explicit_step: 0.0, time_scale: 0.0 }
    }

    /// After a step of DOP853 that was not cut to less than half, with the size that was wanted of it and the time that is left.
    fn judge_explicit(&mut self, size: f64, stiffness: f64, left: f64) {
        self.explicit_step = size;
        if self.hold > 0 {
            self.hold -= 1;
            return;
        }
        self.stiff = if stiffness > STIFF { self.stiff + 1 } else { self.stiff.saturating_sub(1) };
        self.due = self.stiff >= STEPS && left >= LEFT * size;
    }

    /// After a step of the tail.
    fn judge_tail(&mut self, size: f64, whole: bool, evaluations: u64) {
        self.tail_steps += 1;
        if self.tail_steps > GRACE && whole {
            let dear = evaluations as f64 / size > DEARER * EXPLICIT_EVALUATIONS / self.explicit_step;
            self.dear = if dear { self.dear + 1 } else { 0 };
            self.due = self.dear >= STEPS;
        }
    }

    fn memory(&self) -> [f64; 8] {
        let count = f64::from;
        let due = f64::from(u8::from(self.due));
        let counts = [self.stiff, self.dear, self.tail_steps, self.hold, self.next_hold].map(count);
        [due, counts[0], counts[1], counts[2], counts[3], counts[4], self.explicit_step, self.time_scale]
    }

    fn restore(memory: [f64; 8]) -> Self {
        let [due, stiff, dear, tail_steps, hold, next_hold, explicit_step, time_scale] = memory;
        let [stiff, dear, tail_steps, hold, next_hold] = [stiff, dear, tail_steps, hold, next_hold].map(|count| count as u32);
        Rules { due: due != 0.0, stiff, dear, tail_steps, hold, next_hold, explicit_step, time_scale }
    }
}

impl Auto {
    /// Both integrators to one tolerance.
    pub fn new(tolerance: ToleranceSpec, initial: State, horizon: f64) -> Self {
        Auto {
            explicit: RungeKutta::adaptive(&DOP853, tolerance, initial.clone(), horizon),
            tail: Tail::exponential(tolerance, initial, horizon),
            in_tail: false,
            rules: Rules::new(),
            horizon,
            drive: None,
            interpolant_requested: false,
            judged: 0,
            switches: Vec::new(),
        }
    }

    /// Cuts steps at these times, which must ascend.
    pub fn with_exact_times(mut self, times: Vec<f64>) -> Self {
        self.explicit = self.explicit.with_exact_times(times.clone());
        self.tail = self.tail.with_exact_times(times);
        self
    }

    /// For a field that is not gradient flow.
    pub fn with_jacobian(mut self, jacobian: Box<dyn Linearisation>) -> Self {
        self.tail = self.tail.with_jacobian(jacobian);
        self
    }

    fn active(&self) -> &dyn Stepper {
        if self.in_tail { &self.tail } else { &self.explicit }
    }

    fn active_mut(&mut self) -> &mut dyn Stepper {
        if self.in_tail { &mut self.tail } else { &mut self.explicit }
    }

    /// At a point that a step has just reached.
    fn judge(&mut self) {
        if self.in_tail {
            let (size, whole) = self.tail.last_step();
            self.rules.judge_tail(size, whole, self.tail.evaluations_of_last_step());
        } else if let Some((size, stiffness)) = self.explicit.stiffness() {
            self.rules.judge_explicit(size, stiffness, self.horizon - self.explicit.t());
        }
    }

    /// Hands the point over to the other integrator.
    fn switch(&mut self) {
        let mut saved = self.active().save();
        let rules = &mut self.rules;
        let (from, to) = if self.in_tail { (Regime::Exponential, Regime::Dop853) } else { (Regime::Dop853, Regime::Exponential) };
        let step_size = if self.in_tail { self.tail.last_step().0 } else { rules.explicit_step };
        self.switches.push(Switch { t: saved.t, step: saved.step, from, to, step_size });
        if !self.in_tail {
            rules.time_scale = saved.memory.get(1).copied().unwrap_or(0.0);
        }
        saved.memory = crate::stepper::step_size::memory_of_step(rules.explicit_step, rules.time_scale);
        (rules.due, rules.stiff, rules.dear, rules.tail_steps) = (false, 0, 0, 0);
        if self.in_tail {
            (rules.hold, rules.next_hold) = (rules.next_hold, rules.next_hold.saturating_mul(2));
            self.explicit.restore(saved);
        } else {
            saved.drive = self.drive.clone();
            self.tail.restore(saved);
        }
        self.in_tail = !self.in_tail;
    }
}

impl Stepper for Auto {
    fn poll(&mut self, field: &mut dyn VectorField, answer: Option<&Answer>) -> StepEvent {
        if self.rules.due && answer.is_none() && !self.interpolant_requested && !self.finished() {
            self.switch();
        }
        let event = self.active_mut().poll(field, answer);
        match event {
            StepEvent::Arrived => {
                if let Some(answer) = answer {
                    let drive = &field.answer(answer).matrix;
                    match &mut self.drive {
                        Some(kept) => kept.copy_from(drive),
                        None => self.drive = Some(drive.clone()),
                    }
                }
                if self.step() != self.judged {
                    self.judged = self.step();
                    self.judge();
                }
            }
            StepEvent::Interpolant => self.interpolant_requested = false,
            StepEvent::Ask | StepEvent::Failed(_) => {}
        }
        event
    }

    fn question<'a>(&'a self, field: &'a dyn VectorField) -> Question<'a> {
        self.active().question(field)
    }

    fn t(&self) -> f64 {
        self.active().t()
    }

    fn t_before(&self) -> f64 {
        self.active().t_before()
    }

    fn step(&self) -> u64 {
        self.active().step()
    }

    fn state(&self) -> &State {
        self.active().state()
    }

    fn rate(&self) -> &State {
        self.active().rate()
    }

    fn dissipation(&self) -> f64 {
        self.active().dissipation()
    }

    fn finished(&self) -> bool {
        self.active().finished()
    }

    fn request_interpolant(&mut self) {
        self.interpolant_requested = true;
        self.active_mut().request_interpolant();
    }

    fn interpolate(&self, t: f64, out: &mut State) -> f64 {
        self.active().interpolate(t, out)
    }

    fn interpolate_rate(&self, t: f64, out: &mut State) {
        self.active().interpolate_rate(t, out);
    }

    fn trail(&mut self, field: &dyn VectorField) -> bool {
        // Before a change of integrators the step is completed first: the counts go over with the point.
        !self.rules.due && !self.in_tail && self.explicit.trail(field)
    }

    fn trailing(&self) -> Option<&Trailing> {
        self.explicit.trailing()
    }

    fn trailing_mut(&mut self) -> Option<&mut Trailing> {
        self.explicit.trailing_mut()
    }

    fn counts(&self) -> Counts {
        self.active().counts()
    }

    fn switches(&self) -> &[Switch] {
        &self.switches
    }

    fn save(&self) -> StepperState {
        let mut saved = self.active().save();
        saved.drive = self.drive.clone();
        let own = std::iter::once(f64::from(u8::from(self.in_tail))).chain(self.rules.memory());
        saved.memory = own.chain(saved.memory).collect();
        StepperState { switches: self.switches.clone(), ..saved }
    }

    fn restore(&mut self, mut saved: StepperState) {
        if let Some((&[in_tail, ref rules @ ..], memory)) = saved.memory.split_first_chunk::<9>() {
            self.in_tail = in_tail != 0.0;
            self.rules = Rules::restore(*rules);
            saved.memory = memory.to_vec();
        }
        self.switches = std::mem::take(&mut saved.switches);
        self.judged = saved.step;
        self.interpolant_requested = false;
        if saved.drive.is_some() {
            self.drive = saved.drive.clone();
        }
        self.active_mut().restore(saved);
    }
}
