//! The modified flow of gradient descent.

use super::{Moment, Next, Shape, State, VectorField};
use crate::linalg::Matrix;
use crate::sensing::{Answer, Point, Question};

/// `Ż = −∇f − (η/2) ∇²f ∇f = −∇(f + (η/4)‖∇f‖²)`: the flow that gradient descent of step η follows to second order (THEORY 3.6).
///
/// Two questions an evaluation. The first gives `N` and `[D_F; D_G] = −∇f = [NG; NᵀF]`. The second, about the matrix `D_F Gᵀ + F D_Gᵀ` and
/// without the data, gives the change `Ṅ = −A*A(D_F Gᵀ + F D_Gᵀ)` of `N` along `−∇f`, hence
///
/// `∇²f ∇f = [ṄG + N D_G; ṄᵀF + Nᵀ D_F]`.
#[derive(Debug)]
pub struct ModifiedFlow {
    step: f64,
    /// What the first question gave.
    answer: Answer,
    /// `−∇f`
    descent: State,
    /// `D_F Gᵀ + F D_Gᵀ`
    direction: Matrix,
    direction_part: Matrix,
    rate_part: State,
    asked: Asked,
}

/// The question that an answer is awaited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Residual,
    Curvature,
}

impl ModifiedFlow {
    /// The modified flow of descent with step `η = step`, for states of a shape.
    pub fn new(step: f64, shape: Shape) -> Self {
        let (rows, cols) = (shape.rows(), shape.cols());
        ModifiedFlow {
            step,
            answer: Answer::new(rows, cols),
            descent: State::zeros(shape),
            direction: Matrix::zeros(rows, cols),
            direction_part: Matrix::zeros(rows, cols),
            rate_part: State::zeros(shape),
            asked: Asked::Residual,
        }
    }

    /// Keeps the answer about the residual, and forms the direction that the second question is about.
    fn take_residual(&mut self, state: &State, answer: &Answer) {
        self.answer.matrix.copy_from(&answer.matrix);
        self.answer.product.copy_from(&answer.product);
        self.answer.residual_norm_squared = answer.residual_norm_squared;
        state.drive_into(1.0, &self.answer.matrix, &mut self.descent);
        state.tangent_into(&self.descent, &mut self.direction_part, &mut self.direction);
    }
}

impl VectorField for ModifiedFlow {
    fn begin(&mut self, _at: Moment, _state: &State, _rate: &mut State) -> Next {
        self.asked = Asked::Residual;
        Next::Ask
    }

    fn question<'a>(&'a self, state: &'a State) -> Question<'a> {
        match self.asked {
            Asked::Residual => Question::residual(state.left(), state.right()),
            Asked::Curvature => Question::normal(Point::Dense(&self.direction)),
        }
    }

    fn resume(&mut self, _at: Moment, state: &State, answer: &Answer, rate: &mut State) -> Next {
        if self.asked == Asked::Residual {
            self.take_residual(state, answer);
            self.asked = Asked::Curvature;
            return Next::Ask;
        }
        state.drive_into(1.0, &answer.matrix, rate);
        self.descent.drive_into(1.0, &self.answer.matrix, &mut self.rate_part);
        let parts = self.descent.as_slice().iter().zip(self.rate_part.as_slice());
        for (rate, (descent, part)) in rate.as_mut_slice().iter_mut().zip(parts) {
            *rate = descent - 0.5 * self.step * (*rate + part);
        }
        Next::Rate
    }

    fn answer<'a>(&'a self, _last: &'a Answer) -> &'a Answer {
        &self.answer
    }

    fn steepest_descent<'a>(&'a self, _rate: &'a State) -> &'a State {
        &self.descent
    }
}
