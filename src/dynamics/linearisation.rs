//! Products with a field's Jacobian, by questions to the operator.

use super::{HessianProduct, Next, State};
use crate::linalg::Matrix;
use crate::sensing::{Answer, Question};

/// Products `J δ` with the symmetric Jacobian `J = ∂V/∂Z` of an autonomous field at a point.
///
/// Order of calls: [`move_to`](Self::move_to), [`aim`](Self::aim), then [`image`](Self::image), with the answer to
/// [`question`](Self::question) if one was wanted.
pub trait Linearisation: Send + std::fmt::Debug {
    /// Moves to a point. `drive` is `N` there, if the field's evaluation at the point got an answer.
    fn move_to(&mut self, state: &State, drive: Option<&Matrix>);

    /// Sets the direction δ; whether an answer is wanted for its image.
    fn aim(&mut self, direction: &[f64]) -> Next;

    /// What is asked, after [`Next::Ask`].
    fn question(&self) -> Question<'_>;

    /// Writes `J δ`.
    fn image(&mut self, answer: Option<&Answer>, out: &mut [f64]);
}

/// The Jacobian of [`GradientFlow`](super::GradientFlow): `J = −∇²f`, one question a product ([`HessianProduct`]).
#[derive(Debug)]
pub struct GradientFlowJacobian {
    products: HessianProduct,
}

impl GradientFlowJacobian {
    /// For states of this one's shape.
    pub fn new(state: &State) -> Self {
        let drive = Matrix::zeros(state.shape().rows(), state.shape().cols());
        GradientFlowJacobian { products: HessianProduct::new(state, &drive) }
    }
}

impl Linearisation for GradientFlowJacobian {
    fn move_to(&mut self, state: &State, drive: Option<&Matrix>) {
        match drive {
            Some(drive) => self.products.move_to(state, drive),
            // Loud rather than plausible: the images are NaN.
            None => {
                let (rows, cols) = (state.shape().rows(), state.shape().cols());
                self.products.move_to(state, &Matrix::from_element(rows, cols, f64::NAN));
            }
        }
    }

    fn aim(&mut self, direction: &[f64]) -> Next {
        self.products.aim(direction);
        Next::Ask
    }

    fn question(&self) -> Question<'_> {
        self.products.question()
    }

    fn image(&mut self, answer: Option<&Answer>, out: &mut [f64]) {
        match answer {
            Some(answer) => self.products.hessian(answer, out),
            None => out.fill(f64::NAN),
        }
        out.iter_mut().for_each(|x| *x = -*x);
    }
}
