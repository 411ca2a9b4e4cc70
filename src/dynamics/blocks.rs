//! What a perturbation adds to the flow, by its form.

use super::{Shape, State};
use crate::config::Form;
use crate::linalg::{Form as Product, Matrix, View, largest, multiply_into, operator_norm, operator_norm_symmetric};

/// A perturbation's blocks, by its form (THEORY 2.1).
#[derive(Clone, Debug, PartialEq)]
pub enum Blocks {
    /// One `E` (`m × n`) for both factors: `Ḟ = (N+E)G`, `Ġ = (N+E)ᵀF`.
    Shared(Matrix),
    /// `Ḟ = (N+E₁)G`, `Ġ = (N+E₂)ᵀF`, both `m × n`.
    TwoSided(Matrix, Matrix),
    /// `Ż = sym(N)Z + P`, `P = [P_F; P_G]`, `(m+n) × h`.
    Additive(Matrix),
    /// `Ż = (sym(N) + 𝓔)Z`, `𝓔 = [[D_F, E₁],[E₂ᵀ, D_G]]`, `(m+n) × (m+n)`.
    Lifted(Matrix),
    /// The symmetric model's one symmetric `E` (`d × d`): `U̇ = (N+E)U`.
    Symmetric(Matrix),
}

impl Blocks {
    /// Zero blocks of a form, for states of a shape. In the symmetric model the shared and the lifted form are one (and the two-sided one, which is refused before).
    pub fn zeros(form: Form, shape: Shape) -> Self {
        let product = || Matrix::zeros(shape.rows(), shape.cols());
        match form {
            Form::Additive => Blocks::Additive(Matrix::zeros(shape.height(), shape.width())),
            _ if shape.is_symmetric() => Blocks::Symmetric(product()),
            Form::Shared => Blocks::Shared(product()),
            Form::TwoSided => Blocks::TwoSided(product(), product()),
            Form::Lifted => Blocks::Lifted(Matrix::zeros(shape.height(), shape.height())),
        }
    }

    /// Whether the blocks are a symmetric matrix.
    pub fn is_symmetric(&self) -> bool {
        matches!(self, Blocks::Symmetric(_))
    }

    /// The matrices.
    pub fn matrices_mut(&mut self) -> impl Iterator<Item = &mut Matrix> {
        let (first, second) = match self {
            Blocks::Shared(a) | Blocks::Additive(a) | Blocks::Lifted(a) | Blocks::Symmetric(a) => (a, None),
            Blocks::TwoSided(a, b) => (a, Some(b)),
        };
        std::iter::once(first).chain(second)
    }

    /// The matrices.
    pub fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let (first, second) = match self {
            Blocks::Shared(a) | Blocks::Additive(a) | Blocks::Lifted(a) | Blocks::Symmetric(a) => (a, None),
            Blocks::TwoSided(a, b) => (a, Some(b)),
        };
        std::iter::once(first).chain(second)
    }

    /// `‖𝓔‖_op` (additive: `‖P‖_op`).
    pub fn norm(&self) -> f64 {
        match self {
            Blocks::Symmetric(e) => operator_norm_symmetric(e),
            _ => largest(self.matrices().map(operator_norm)),
        }
    }

    /// What the perturbation adds to the rate at a state: `𝓔 Z`, or `P`.
    pub fn rate(&self, state: &State) -> State {
        let mut rate = State::zeros(state.shape());
        let (rows, cols) = (state.left().nrows(), state.right().nrows());
        if let Blocks::Symmetric(e) = self {
            state.drive_into(1.0, e, &mut rate);
            return rate;
        }
        let mut sides = |left: &Matrix, right: &Matrix| {
            multiply_into(rate.matrix_mut(), 0, rows, 1.0, Product::Plain, View::of(left), state.right());
            multiply_into(rate.matrix_mut(), rows, cols, 1.0, Product::LeftTransposed, View::of(right), state.left());
        };
        match self {
            Blocks::Shared(e) | Blocks::Symmetric(e) => sides(e, e),
            Blocks::TwoSided(first, second) => sides(first, second),
            Blocks::Additive(p) => rate.matrix_mut().copy_from(p),
            Blocks::Lifted(e) => {
                multiply_into(rate.matrix_mut(), 0, rows + cols, 1.0, Product::Plain, View::of(e), View::of(state.matrix()))
            }
        }
        rate
    }

    /// `‖sym(X) + 𝓔‖_op` (`‖X + E‖_op` in the symmetric model) for an `m × n` matrix `X`; `None` for the additive form, which no matrix stands for.
    pub fn norm_with(&self, x: &Matrix) -> Option<f64> {
        match self {
            Blocks::Shared(e) => Some(operator_norm(&(x + e))),
            Blocks::Symmetric(e) => Some(operator_norm_symmetric(&(x + e))),
            Blocks::TwoSided(first, second) => Some(operator_norm(&(x + first)).max(operator_norm(&(x + second)))),
            Blocks::Lifted(e) => {
                let (rows, cols) = x.shape();
                let mut sum = e.clone();
                sum.view_mut((0, rows), (rows, cols)).zip_apply(x, |entry, x| *entry += x);
                sum.view_mut((rows, 0), (cols, rows)).zip_apply(&x.transpose(), |entry, x| *entry += x);
                Some(operator_norm(&sum))
            }
            Blocks::Additive(_) => None,
        }
    }
}
