//! The exact solution of the flow as a stepper, where one is known.

mod solution;

use super::{TheoryError, check_time};
use crate::dynamics::{Moment, Next, State, VectorField};
use crate::linalg::{Matrix, frobenius, inner};
use crate::problem::{Instance, Target};
use crate::sensing::{Answer, Question};
use crate::stepper::{Counts, Failure, StepEvent, Stepper, StepperState};
use solution::Solution;

/// Why there is no closed form.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClosedFormError {
    /// The operator is not the identity.
    #[error("closed forms are known for full observation only; use [sensing.identity]")]
    PartialObservation,
    /// The target is unknown.
    #[error("closed forms need the target, which this instance does not know")]
    NoTarget,
    /// The data are not those of the target.
    #[error("closed forms are for data without noise, these differ from the target by {relative:.1e} of its norm; set noise = 0")]
    Noise {
        /// `‖y − Y‖_F / ‖Y‖_F`
        relative: f64,
    },
    /// The initial factors are of none of the kinds that have a closed form.
    #[error(
        "no closed form is known for these initial factors: they are not balanced (‖FᵀF − GᵀG‖_F is {imbalance:.1e} of ‖Z‖_F²), nor does \
         each singular mode of the target have its own orthogonal part of them; use [init.spectral], or [init.orthogonal] with a width of at \
         most min(rows, cols)"
    )]
    InitialFactors {
        /// `‖FᵀF − GᵀG‖_F / ‖Z‖_F²`
        imbalance: f64,
    },
    /// The squares of the initial factors underflow.
    #[error("the initial factors are so small that their squares underflow; use a scale above 1e-150")]
    Underflow,
    /// A decomposition failed.
    #[error(transparent)]
    Theory(#[from] TheoryError),
}

/// The exact solution of gradient flow under full observation, at given times. Two families of initial factors have one:
///
/// * **Decoupled modes**: `F₀ = U_Y A`, `G₀ = V_Y B`, the spans of the rows `(a_i, b_i)` orthogonal for different modes: spectral initialisation, and
///   one imbalanced mode of any width. With `p = a + b`, `q = a − b` and `y` of THEORY 3.3, every mode is `a(t) ± b(t) = p√y, q/√y`: both factors are exact.
/// * **Balanced** factors, `F₀ᵀF₀ = G₀ᵀG₀`: `Z(t) = W (I + Z₀ᵀΦZ₀)^{-1/2} Q(t)` with `W`, `Φ` of THEORY 3.4. The orthogonal `Q(t)` has no closed form unless
///   the `Z₀ᵀ sym(Y)^j Z₀` commute (then `Q = I`); here it is whatever the composition of symmetric roots gives. So `FGᵀ`, `FFᵀ`, `GGᵀ` and all
///   that is invariant under `(F, G) → (FQ, GQ)` are exact, the factors themselves are defined up to a common rotation on the right.
///
/// In the symmetric model there is one for all initial factors: `U(t) = W (I + 2U₀ᵀΦU₀)^{-1/2} Q(t)` (THEORY 3.4), `UUᵀ` exact and `U` up to a rotation on
/// the right, `Q = I` where the `U₀ᵀ Y^j U₀` commute (spectral and identity initialisation).
///
/// Data that are of the kind up to `1e-12` count as such; what the exact solution leaves out is of that size and grows with the flow.
///
/// A point costs one evaluation, for the rate there. Every evaluation of a balanced solution allocates (decompositions of `h × h` matrices).
#[derive(Debug)]
pub struct ClosedForm {
    solution: Solution,
    target: Target,
    initial: State,
    loss: f64,
    times: Vec<f64>,
    steps: u64,
    /// The current point is at this index; the other one is the point before, or the next one.
    current: usize,
    points: [Point; 2],
    counts: Counts,
    phase: Phase,
    has_before: bool,
    interpolant_requested: bool,
}

#[derive(Clone, Debug)]
struct Point {
    state: State,
    rate: State,
    /// `Zᵀ` in the eigenbasis of `sym(Y)` (`Uᵀ` in that of `Y`); empty for decoupled modes.
    coordinates: Matrix,
    dissipation: f64,
    /// `‖∇f‖²`
    square: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Fresh,
    Initial,
    Standing,
    Next,
    Failed(Failure),
}

impl ClosedForm {
    /// The solution from `initial`.
    ///
    /// # Errors
    /// Where there is none, and why.
    pub fn new(instance: &Instance, initial: &State) -> Result<Self, ClosedFormError> {
        if !instance.operator.is_identity() {
            return Err(ClosedFormError::PartialObservation);
        }
        let target = instance.target.clone().ok_or(ClosedFormError::NoTarget)?;
        let size = frobenius(&target.matrix);
        let data = Matrix::from_column_slice(target.matrix.nrows(), target.matrix.ncols(), &instance.data);
        let relative = frobenius(&(data - &target.matrix)) / size;
        if relative > 1e-14 {
            return Err(ClosedFormError::Noise { relative });
        }
        let solution = Solution::of(&target, initial)?;
        let coordinates = solution.coordinates(initial);
        let rate = State::zeros(initial.shape());
        let point = Point { state: initial.clone(), rate, coordinates, dissipation: 0.0, square: 0.0 };
        Ok(ClosedForm {
            solution,
            loss: loss(&target, initial),
            target,
            initial: initial.clone(),
            times: Vec::new(),
            steps: 0,
            current: 0,
            points: [point.clone(), point],
            counts: Counts::default(),
            phase: Phase::Fresh,
            has_before: false,
            interpolant_requested: false,
        })
    }

    /// With points at these times, which must ascend, besides `t = 0`.
    pub fn at_times(mut self, times: Vec<f64>) -> Self {
        self.times = times.into_iter().filter(|t| *t > 0.0).collect();
        self
    }

    /// `Z(t)`.
    ///
    /// # Errors
    /// A time that is negative or not finite; a decomposition that fails.
    pub fn evaluate(&self, t: f64) -> Result<State, TheoryError> {
        check_time(t)?;
        if t == 0.0 {
            return Ok(self.initial.clone());
        }
        let mut coordinates = self.solution.coordinates(&self.initial);
        let mut out = State::zeros(self.initial.shape());
        self.solution.advance(&self.target, &mut coordinates, 0.0, t, &mut out)?;
        Ok(out)
    }

    fn time(&self, step: u64) -> f64 {
        usize::try_from(step).ok().and_then(|step| step.checked_sub(1)).and_then(|i| self.times.get(i)).copied().unwrap_or(0.0)
    }

    fn evaluation(&self) -> (u64, usize) {
        if self.phase == Phase::Next { (self.steps + 1, 1 - self.current) } else { (self.steps, self.current) }
    }

    fn fail(&mut self) -> StepEvent {
        self.has_before = false;
        self.phase = Phase::Failed(Failure::NonFinite);
        StepEvent::Failed(Failure::NonFinite)
    }

    /// Writes the next point over the one before.
    fn prepare_next(&mut self) -> Result<(), TheoryError> {
        let (from, to) = (self.time(self.steps), self.time(self.steps + 1));
        let [first, second] = &mut self.points;
        let (here, there) = if self.current == 0 { (&*first, second) } else { (&*second, first) };
        self.has_before = false;
        self.phase = Phase::Next;
        there.coordinates.clone_from(&here.coordinates);
        self.solution.advance(&self.target, &mut there.coordinates, from, to, &mut there.state)?;
        there.dissipation = self.loss - loss(&self.target, &there.state);
        Ok(())
    }

    fn evaluated(&mut self, field: &dyn VectorField) -> StepEvent {
        self.counts.evaluations += 1;
        let (_, index) = self.evaluation();
        let point = &mut self.points[index];
        if !point.rate.is_finite() || !point.state.is_finite() {
            return self.fail();
        }
        point.square = field.dissipation(&point.rate);
        if self.phase == Phase::Next {
            self.current = index;
            self.steps += 1;
            self.counts.accepted += 1;
            self.has_before = true;
        }
        self.phase = Phase::Standing;
        StepEvent::Arrived
    }
}

/// `½‖Y − FGᵀ‖_F²`, or `¼‖Y − UUᵀ‖_F²`.
fn loss(target: &Target, state: &State) -> f64 {
    let residual = &target.matrix - state.product();
    state.shape().loss_factor() * inner(&residual, &residual)
}

impl Stepper for ClosedForm {
    fn poll(&mut self, field: &mut dyn VectorField, answer: Option<&Answer>) -> StepEvent {
        match self.phase {
            Phase::Failed(failure) => return StepEvent::Failed(failure),
            Phase::Standing if self.interpolant_requested => {
                self.interpolant_requested = false;
                return StepEvent::Interpolant;
            }
            Phase::Standing if self.finished() => return StepEvent::Arrived,
            Phase::Standing => {
                if self.prepare_next().is_err() {
                    return self.fail();
                }
            }
            Phase::Fresh => self.phase = Phase::Initial,
            Phase::Initial | Phase::Next if answer.is_none() => return StepEvent::Ask,
            Phase::Initial | Phase::Next => {}
        }
        let (step, index) = self.evaluation();
        let at = Moment { t: self.time(step), piece: 0 };
        let Point { state, rate, .. } = &mut self.points[index];
        let next = match answer {
            Some(answer) => field.resume(at, state, answer, rate),
            None => field.begin(at, state, rate),
        };
        if next == Next::Ask { StepEvent::Ask } else { self.evaluated(field) }
    }

    fn question<'a>(&'a self, field: &'a dyn VectorField) -> Question<'a> {
        field.question(&self.points[self.evaluation().1].state)
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
        &self.points[self.current].state
    }

    fn rate(&self) -> &State {
        &self.points[self.current].rate
    }

    fn dissipation(&self) -> f64 {
        self.points[self.current].dissipation
    }

    fn finished(&self) -> bool {
        self.steps >= self.times.len() as u64
    }

    fn request_interpolant(&mut self) {
        self.interpolant_requested = true;
    }

    fn interpolate(&self, t: f64, out: &mut State) -> f64 {
        let (here, before) = (&self.points[self.current], &self.points[1 - self.current]);
        if t >= self.t() {
            out.as_mut_slice().copy_from_slice(here.state.as_slice());
            return here.dissipation;
        }
        if self.has_before && t <= self.t_before() {
            out.as_mut_slice().copy_from_slice(before.state.as_slice());
            return before.dissipation;
        }
        let mut coordinates = before.coordinates.clone();
        if !self.has_before || self.solution.advance(&self.target, &mut coordinates, self.t_before(), t, out).is_err() {
            // Loud rather than plausible.
            out.as_mut_slice().fill(f64::NAN);
            return f64::NAN;
        }
        self.loss - loss(&self.target, out)
    }

    fn counts(&self) -> Counts {
        self.counts
    }

    fn save(&self) -> StepperState {
        let point = &self.points[self.current];
        StepperState {
            t: self.t(),
            step: self.steps,
            piece: 0,
            state: point.state.clone(),
            rate: point.rate.clone(),
            dissipation: point.dissipation,
            dissipation_rate: point.square,
            previous: None,
            drive: None,
            switches: Vec::new(),
            counts: self.counts,
            memory: point.coordinates.as_slice().to_vec(),
            past: Vec::new(),
        }
    }

    fn restore(&mut self, saved: StepperState) {
        self.steps = saved.step;
        self.counts = saved.counts;
        let point = &mut self.points[self.current];
        (point.state, point.rate) = (saved.state, saved.rate);
        (point.dissipation, point.square) = (saved.dissipation, saved.dissipation_rate);
        if point.coordinates.len() == saved.memory.len() {
            point.coordinates.copy_from_slice(&saved.memory);
        }
        self.phase = Phase::Standing;
        (self.has_before, self.interpolant_requested) = (false, false);
    }
}
