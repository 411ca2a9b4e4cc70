//! The flow under a perturbation.

use super::{Blocks, Bound, Circumstances, Perturbation};
use crate::config::Form;
use crate::dynamics::{Moment, Next, Shape, State, VectorField};
use crate::linalg::{Form as Product, Matrix, View, multiply_into};
use crate::sensing::{Answer, Question};

/// `Ż = (sym(N) + 𝓔(t, Z)) Z` with `𝓔` of a law, or `Ż = sym(N) Z + P(t, Z)`. One question an evaluation.
pub struct PerturbedFlow {
    law: Box<dyn Perturbation>,
    /// `None`: the law's blocks are taken as they are.
    bound: Option<Bound>,
    /// `Y`, if it is known.
    target: Option<Matrix>,
    residual: Matrix,
    blocks: Blocks,
    /// `N + E₁`, `N + E₂`.
    driven: [Matrix; 2],
    product: State,
    /// `−∇f = sym(N) Z`
    descent: State,
    piece: Option<u64>,
}

impl PerturbedFlow {
    /// The flow of states of a shape under a law.
    pub fn new(law: Box<dyn Perturbation>, form: Form, bound: Option<Bound>, target: Option<Matrix>, shape: Shape) -> Self {
        let (rows, cols) = (shape.rows(), shape.cols());
        let blocks = Blocks::zeros(form, shape);
        let driven = [Matrix::zeros(rows, cols), Matrix::zeros(rows, cols)];
        PerturbedFlow {
            law,
            bound,
            target,
            residual: Matrix::zeros(rows, cols),
            blocks,
            driven,
            product: State::zeros(shape),
            descent: State::zeros(shape),
            piece: None,
        }
    }

    /// The blocks of the perturbation at a moment, scaled by the bound.
    pub fn perturbation(&mut self, at: Moment, state: &State, answer: &Answer) -> &Blocks {
        if let Some(target) = &self.target {
            self.residual.copy_from(target);
            self.residual -= &answer.product;
        }
        let residual = self.target.is_some().then_some(&self.residual);
        let circumstances = Circumstances { at, state, drive: &answer.matrix, residual };
        if self.piece != Some(at.piece) {
            self.law.enter(&circumstances);
            self.piece = Some(at.piece);
        }
        self.law.evaluate(&circumstances, &mut self.blocks);
        if let Some(bound) = self.bound {
            let size = bound.value(&circumstances);
            self.blocks.matrices_mut().for_each(|matrix| *matrix *= size);
        }
        &self.blocks
    }
}

impl VectorField for PerturbedFlow {
    fn begin(&mut self, _at: Moment, _state: &State, _rate: &mut State) -> Next {
        Next::Ask
    }

    fn question<'a>(&'a self, state: &'a State) -> Question<'a> {
        Question::residual(state.left(), state.right())
    }

    fn resume(&mut self, at: Moment, state: &State, answer: &Answer, rate: &mut State) -> Next {
        self.perturbation(at, state, answer);
        let [left, right] = &mut self.driven;
        left.copy_from(&answer.matrix);
        right.copy_from(&answer.matrix);
        match &self.blocks {
            Blocks::Shared(e) => {
                *left += e;
                *right += e;
            }
            Blocks::TwoSided(first, second) => {
                *left += first;
                *right += second;
            }
            Blocks::Symmetric(e) => *left += e,
            Blocks::Additive(_) | Blocks::Lifted(_) => {}
        }
        state.drive_into(1.0, &answer.matrix, &mut self.descent);
        let rows = state.shape().rows();
        multiply_into(rate.matrix_mut(), 0, rows, 1.0, Product::Plain, View::of(left), state.right());
        if let Shape::Factors { cols, .. } = state.shape() {
            multiply_into(rate.matrix_mut(), rows, cols, 1.0, Product::LeftTransposed, View::of(right), state.left());
        }
        match &self.blocks {
            Blocks::Additive(p) => *rate.matrix_mut() += p,
            Blocks::Lifted(e) => {
                let height = state.shape().height();
                multiply_into(self.product.matrix_mut(), 0, height, 1.0, Product::Plain, View::of(e), View::of(state.matrix()));
                *rate.matrix_mut() += self.product.matrix();
            }
            Blocks::Shared(_) | Blocks::TwoSided(..) | Blocks::Symmetric(_) => {}
        }
        Next::Rate
    }

    fn steepest_descent<'a>(&'a self, _rate: &'a State) -> &'a State {
        &self.descent
    }

    /// Within a piece a law is a function of the circumstances.
    fn interleaves(&self) -> bool {
        true
    }

    fn piece_end(&self, piece: u64) -> Option<f64> {
        self.law.piece_end(piece)
    }

    fn imposed(&mut self, t: f64, state: &State, answer: &Answer) -> Option<Blocks> {
        let at = Moment { t, piece: self.piece.unwrap_or(0) };
        Some(self.perturbation(at, state, answer).clone())
    }

    fn memory(&self) -> Vec<f64> {
        // The piece first: pieces are counted, and a count is exact in an f64 far beyond any run.
        std::iter::once(self.piece.map_or(-1.0, |piece| piece as f64)).chain(self.law.memory()).collect()
    }

    fn restore(&mut self, memory: &[f64]) {
        if let Some((&piece, law)) = memory.split_first() {
            self.piece = (piece >= 0.0).then_some(piece as u64);
            self.law.restore(law);
        }
    }

    fn complaint(&self) -> Option<String> {
        self.law.complaint()
    }
}
