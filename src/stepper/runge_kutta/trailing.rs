//! A step that was made, whose dense output is completed beside the steps that follow.

use super::path::{Path, node_time};
use crate::dynamics::{Moment, Next, Shape, State, VectorField};
use crate::sensing::{Answer, Question};
use crate::stepper::combination::combine;
use crate::stepper::tableaus::Tableau;
use crate::stepper::{Failure, StepEvent};

/// A finished step that [trails](crate::stepper::Stepper::trail) behind its stepper: the extra slopes of its interpolant are evaluated
/// while the next step is under way, so that the questions of both can share passes over the measurements. The numbers are those of
/// [`request_interpolant`](crate::stepper::Stepper::request_interpolant), to the bit.
///
/// It has its own copy of the step, as large as the stepper, made once.
#[derive(Debug)]
pub struct Trailing {
    tableau: &'static Tableau,
    piece: u64,
    from: f64,
    to: f64,
    size: f64,
    start: State,
    end: State,
    stage: State,
    pub(super) slopes: Vec<State>,
    pub(super) squares: Vec<f64>,
    dissipation: [f64; 2],
    /// Slopes that are known.
    known: usize,
    /// Evaluations of all steps that have trailed.
    evaluations: u64,
}

/// What a stepper tells of the step that is to trail.
pub(super) struct Made {
    pub piece: u64,
    pub from: f64,
    pub to: f64,
    pub size: f64,
    pub dissipation: [f64; 2],
}

impl Trailing {
    pub(super) fn new(tableau: &'static Tableau, shape: Shape) -> Self {
        let zeros = || State::zeros(shape);
        Trailing {
            tableau,
            piece: 0,
            from: 0.0,
            to: 0.0,
            size: 0.0,
            start: zeros(),
            end: zeros(),
            stage: zeros(),
            slopes: (0..tableau.slopes()).map(|_| zeros()).collect(),
            squares: vec![0.0; tableau.slopes()],
            dissipation: [0.0; 2],
            known: 0,
            evaluations: 0,
        }
    }

    /// Takes a step over, by exchange: what it held before is left in `start`, `end`, `slopes` and `squares`.
    pub(super) fn take(&mut self, made: Made, start: &mut State, end: &mut State, slopes: &mut Vec<State>, squares: &mut Vec<f64>) {
        (self.piece, self.from, self.to, self.size) = (made.piece, made.from, made.to, made.size);
        self.dissipation = made.dissipation;
        std::mem::swap(&mut self.start, start);
        std::mem::swap(&mut self.end, end);
        std::mem::swap(&mut self.slopes, slopes);
        std::mem::swap(&mut self.squares, squares);
        self.known = self.tableau.stages() + 1;
    }

    /// The end of the step.
    pub(super) fn end(&self) -> &State {
        &self.end
    }

    /// Evaluations of all steps that have trailed here.
    pub(super) fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Goes on: with `None` at first, then with the answer to [`question`](Self::question), until [`StepEvent::Interpolant`] (the
    /// interpolant is ready) or [`StepEvent::Failed`] (a slope is not finite).
    pub fn poll(&mut self, field: &mut dyn VectorField, answer: Option<&Answer>) -> StepEvent {
        let mut next = match answer {
            Some(answer) => {
                let (at, stage, slope) = self.parts();
                field.resume(at, stage, answer, slope)
            }
            None if self.is_complete() => return StepEvent::Interpolant,
            None => self.begin(field),
        };
        while next == Next::Rate {
            self.evaluations += 1;
            self.squares[self.known] = field.dissipation(&self.slopes[self.known]);
            if !self.slopes[self.known].is_finite() {
                return StepEvent::Failed(Failure::NonFinite);
            }
            self.known += 1;
            if self.is_complete() {
                return StepEvent::Interpolant;
            }
            next = self.begin(field);
        }
        StepEvent::Ask
    }

    /// What is asked, after [`StepEvent::Ask`].
    pub fn question<'a>(&'a self, field: &'a dyn VectorField) -> Question<'a> {
        field.question(&self.stage)
    }

    fn is_complete(&self) -> bool {
        self.known == self.tableau.slopes()
    }

    fn begin(&mut self, field: &mut dyn VectorField) -> Next {
        let row = self.tableau.dense.coupling[self.known - self.tableau.stages() - 1];
        combine(&mut self.stage, Some(&self.start), self.size, row, &self.slopes);
        let (at, stage, slope) = self.parts();
        field.begin(at, stage, slope)
    }

    fn parts(&mut self) -> (Moment, &State, &mut State) {
        let node = self.tableau.dense.nodes[self.known - self.tableau.stages() - 1];
        let t = node_time(node, self.from, self.to, self.size);
        (Moment { t, piece: self.piece }, &self.stage, &mut self.slopes[self.known])
    }

    /// Time of the step's end.
    pub fn t(&self) -> f64 {
        self.to
    }

    /// Time of its beginning.
    pub fn t_before(&self) -> f64 {
        self.from
    }

    /// As [`Stepper::interpolate`](crate::stepper::Stepper::interpolate), once the interpolant is ready; NaN inside the step before.
    pub fn interpolate(&self, t: f64, out: &mut State) -> f64 {
        if !self.is_complete() && t > self.from && t < self.to {
            out.as_mut_slice().fill(f64::NAN);
            return f64::NAN;
        }
        self.path().interpolate(t, out)
    }

    /// As [`Stepper::interpolate_rate`](crate::stepper::Stepper::interpolate_rate), once the interpolant is ready; NaN before.
    pub fn interpolate_rate(&self, t: f64, out: &mut State) {
        match self.is_complete() {
            true => self.path().rate(t, out),
            false => out.as_mut_slice().fill(f64::NAN),
        }
    }

    fn path(&self) -> Path<'_> {
        let Trailing { tableau, from, to, size, ref start, ref end, ref slopes, ref squares, dissipation, .. } = *self;
        Path { tableau, from, to, size, start, end, slopes, squares, dissipation, through: None }
    }
}
