//! States, and the vector fields that drive them.

mod blocks;
mod fresh_measurements;
mod gradient_flow;
mod hessian;
mod linearisation;
mod mini_batches;
mod modified_flow;
mod state;
mod truncated_risk;

pub use blocks::Blocks;
pub use fresh_measurements::{FreshMeasurements, MOST_ROWS, MOST_STEPS};
pub use gradient_flow::{GradientFlow, ThinGradientFlow};
pub use hessian::HessianProduct;
pub use linearisation::{GradientFlowJacobian, Linearisation};
pub use mini_batches::MiniBatches;
pub use modified_flow::ModifiedFlow;
pub use state::{Shape, State};
pub use truncated_risk::TruncatedRisk;

use crate::linalg::Matrix;
use crate::sensing::{Answer, Question};

/// When a field is evaluated. Fields with jumps are smooth on numbered pieces; an evaluation at a jump belongs to the
/// piece that the step lies in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Flow time.
    pub t: f64,
    /// The piece.
    pub piece: u64,
}

/// What an evaluation needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The answer to [`VectorField::question`].
    Ask,
    /// Nothing: the rate is written.
    Rate,
}

/// What drives a step, where that is not the `N` of the instance's data.
#[derive(Clone, Copy, Debug)]
pub struct Drive<'a> {
    /// The matrix in the place of `N`, `m × n`.
    pub matrix: &'a Matrix,
    /// `A*(e)` of the step's own measurements, if they are not among the instance's.
    pub noise: Option<&'a Matrix>,
}

/// `Ż = V(t, Z)`, evaluated by questions to the operator, so that the passes of many trajectories can be shared.
///
/// The caller owns the state and the rate and passes the same ones until [`Next::Rate`] comes back.
pub trait VectorField: Send {
    /// Starts an evaluation.
    fn begin(&mut self, at: Moment, state: &State, rate: &mut State) -> Next;

    /// What is asked, after [`Next::Ask`].
    fn question<'a>(&'a self, state: &'a State) -> Question<'a>;

    /// Goes on with the answer.
    fn resume(&mut self, at: Moment, state: &State, answer: &Answer, rate: &mut State) -> Next;

    /// The answer at the state itself, of the evaluation that has just come to its rate: `last`, the one given last, unless the field went
    /// on to ask something else.
    fn answer<'a>(&'a self, last: &'a Answer) -> &'a Answer {
        last
    }

    /// What the rate of the evaluation that has just come to its end was made of, if that is not `N` of all the data: then what is recorded at a point
    /// needs another answer. `last` is the answer given last, if one was asked for.
    fn own_drive<'a>(&'a self, _last: &'a Answer) -> Option<Drive<'a>> {
        None
    }

    /// `−∇f` at the state of the evaluation that has just come to its rate: that rate, unless the field adds something to it.
    fn steepest_descent<'a>(&'a self, rate: &'a State) -> &'a State {
        rate
    }

    /// `‖∇f‖²` at the state of the evaluation that has just come to its rate.
    fn dissipation(&self, rate: &State) -> f64 {
        self.steepest_descent(rate).sum_of_squares()
    }

    /// Whether several evaluations on one piece may be under way at once: between question and answer the field keeps nothing of the state.
    /// What it says of the evaluation that has just come to its rate is about the one that did so last.
    fn interleaves(&self) -> bool {
        false
    }

    /// Where piece `piece` of the field ends (the field jumps there), if it ends.
    fn piece_end(&self, _piece: u64) -> Option<f64> {
        None
    }

    /// What the field adds to `sym(N) Z` at a state of its current piece, if it is a perturbed one; `answer` is the operator's at that state.
    fn imposed(&mut self, _t: f64, _state: &State, _answer: &Answer) -> Option<Blocks> {
        None
    }

    /// What must be kept to go on between two steps with the same bits, if the field remembers something.
    fn memory(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Goes back to what [`memory`](Self::memory) gave.
    fn restore(&mut self, _memory: &[f64]) {}

    /// Why the rate is not finite, if the field knows: a sentence for the record.
    fn complaint(&self) -> Option<String> {
        None
    }
}
