//! Products with the Hessian of the loss, by questions to the operator.

use super::State;
use crate::linalg::Matrix;
use crate::sensing::{Answer, Point, Question};

/// Products with `∇²f` and with its Gauss–Newton part `JᵀJ` at a point, one question a product.
///
/// With `f(F,G) = ½‖A(FGᵀ) − y‖²`, `N = A*(y − A(FGᵀ))` and a direction `δ = [δF; δG]`, the differential of `X = FGᵀ` is
/// `X' = δF Gᵀ + F δGᵀ`. The question is `D = −A*A(X')` (no data), and
///
/// `∇²f δ = −[D G + N δG; Dᵀ F + Nᵀ δF]`, `JᵀJ δ = −[D G; Dᵀ F]`, `J δ = A(X')`.
///
/// In the symmetric model, with `f(U) = ¼‖A(UUᵀ) − y‖²` and `X' = δU Uᵀ + U δUᵀ`: `∇²f δ = −(D U + N δU)`, `JᵀJ δ = −D U`, `J δ = A(X')/√2`.
///
/// It holds a copy of the point, so that an observer may keep asking after the trajectory has moved on. Order of calls:
/// [`aim`](Self::aim), [`question`](Self::question), then a product with the answer. (THEORY 3.7.)
///
/// # Panics
/// Every method panics where a length or shape does not fit the point's.
#[derive(Clone, Debug)]
pub struct HessianProduct {
    state: State,
    drive: Matrix,
    direction: State,
    tangent: Matrix,
    scratch: State,
    other: Matrix,
}

impl HessianProduct {
    /// Products at the state `Z`, where `drive` is `N`. The direction is zero until it is [aimed](Self::aim).
    pub fn new(state: &State, drive: &Matrix) -> Self {
        let (rows, cols) = (state.shape().rows(), state.shape().cols());
        assert_eq!(drive.shape(), (rows, cols), "N has the shape of FGᵀ");
        let zeros = State::zeros(state.shape());
        HessianProduct {
            state: state.clone(),
            drive: drive.clone(),
            direction: zeros.clone(),
            tangent: Matrix::zeros(rows, cols),
            scratch: zeros,
            other: Matrix::zeros(rows, cols),
        }
    }

    /// Moves to another point of the same shape. Allocates nothing.
    pub fn move_to(&mut self, state: &State, drive: &Matrix) {
        self.state.matrix_mut().copy_from(state.matrix());
        self.drive.copy_from(drive);
    }

    /// `N` at the point.
    pub fn drive(&self) -> &Matrix {
        &self.drive
    }

    /// Length of directions, `(m + n) h`.
    pub fn len(&self) -> usize {
        self.state.as_slice().len()
    }

    /// Whether there is no direction at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets the direction δ, column-major in `[δF; δG]`.
    pub fn aim(&mut self, direction: &[f64]) {
        self.direction.as_mut_slice().copy_from_slice(direction);
        self.state.tangent_into(&self.direction, &mut self.other, &mut self.tangent);
    }

    /// `δF Gᵀ + F δGᵀ`, `m × n`.
    pub fn tangent(&self) -> &Matrix {
        &self.tangent
    }

    /// What is asked: `−A*A(δF Gᵀ + F δGᵀ)`.
    pub fn question(&self) -> Question<'_> {
        Question::normal(Point::Dense(&self.tangent))
    }

    /// `∇²f δ` from the answer.
    pub fn hessian(&mut self, answer: &Answer, out: &mut [f64]) {
        self.gauss_newton(answer, out);
        self.direction.drive_into(-1.0, &self.drive, &mut self.scratch);
        out.iter_mut().zip(self.scratch.as_slice()).for_each(|(out, x)| *out += x);
    }

    /// `JᵀJ δ` from the answer.
    pub fn gauss_newton(&mut self, answer: &Answer, out: &mut [f64]) {
        self.state.drive_into(-1.0, &answer.matrix, &mut self.scratch);
        out.copy_from_slice(self.scratch.as_slice());
    }
}
