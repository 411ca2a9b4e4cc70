//! Gradient flow of the factored least-squares loss.

use super::{Moment, Next, State, VectorField};
use crate::sensing::{Answer, Question, Want};

/// `Ḟ = N G`, `Ġ = Nᵀ F` with `N = A*(y − A(FGᵀ))`: the negative gradient of `½‖A(FGᵀ) − y‖²`. In the symmetric
/// model `U̇ = N U`, the negative gradient of `¼‖A(UUᵀ) − y‖²`. One question an evaluation.
#[derive(Clone, Copy, Debug, Default)]
pub struct GradientFlow;

impl VectorField for GradientFlow {
    fn begin(&mut self, _at: Moment, _state: &State, _rate: &mut State) -> Next {
        Next::Ask
    }

    fn question<'a>(&'a self, state: &'a State) -> Question<'a> {
        Question::residual(state.left(), state.right())
    }

    fn interleaves(&self) -> bool {
        true
    }

    fn resume(&mut self, _at: Moment, state: &State, answer: &Answer, rate: &mut State) -> Next {
        state.drive_into(1.0, &answer.matrix, rate);
        Next::Rate
    }
}

/// [`GradientFlow`] that asks for `N G` and `Nᵀ F` (`N U` in the symmetric model) alone ([`Want::Products`]): for operators that offer them, and methods that need nothing
/// else of the answer. Where a matrix comes all the same, the products are formed from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThinGradientFlow;

impl VectorField for ThinGradientFlow {
    fn begin(&mut self, _at: Moment, _state: &State, _rate: &mut State) -> Next {
        Next::Ask
    }

    fn question<'a>(&'a self, state: &'a State) -> Question<'a> {
        Question { want: Want::Products, ..Question::residual(state.left(), state.right()) }
    }

    fn interleaves(&self) -> bool {
        true
    }

    fn resume(&mut self, at: Moment, state: &State, answer: &Answer, rate: &mut State) -> Next {
        match answer.given {
            Want::Matrix => GradientFlow.resume(at, state, answer, rate),
            Want::Products => {
                // `N U` alone in the symmetric model, whose answers hold it twice.
                let height = rate.shape().height();
                rate.matrix_mut().copy_from(&answer.products.rows(0, height));
                Next::Rate
            }
        }
    }
}
