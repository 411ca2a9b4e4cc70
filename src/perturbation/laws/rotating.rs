//! A matrix that turns.

use super::conjugated::Conjugated;
use super::{direction, numbers};
use crate::linalg::{Form, Matrix, multiply};
use crate::perturbation::{Blocks, Circumstances, Perturbation};
use crate::problem::semi_orthogonal;
use std::f64::consts::TAU;

/// `E(t) = exp(θK) W`, `θ = 2πt/period`, `W` Gaussian over its operator norm, `K` skew with eigenvalues ±i in random orthonormal planes: one turn a
/// period, singular values and right singular vectors fixed.
///
/// With `Π` the projection onto the planes, `K² = −Π`, hence `exp(θK) = (I − Π) + cos θ Π + sin θ K`: no exponential of a matrix is formed. An odd
/// number of rows leaves one direction at rest. A single row is turned from the right.
///
/// In the symmetric model `E(t) = exp(θK) W exp(−θK)`, eigenvalues fixed, by the [conjugation](Conjugated).
pub(in crate::perturbation) struct Rotating {
    period: f64,
    blocks: Vec<Turning>,
    conjugated: Option<Conjugated>,
}

/// `(I − Π)W`, `ΠW`, `KW`.
struct Turning {
    resting: Matrix,
    cosine: Matrix,
    sine: Matrix,
}

impl Turning {
    fn draw(seed: u64, block: usize, rows: usize, cols: usize) -> Self {
        let rng = &mut numbers(seed, 0, block);
        let start = direction::gaussian(rng, rows, cols);
        if rows > 1 {
            let basis = semi_orthogonal(rng, rows, rows);
            return Turning::new(start, &basis);
        }
        let basis = semi_orthogonal(rng, cols, cols);
        let Turning { resting, cosine, sine } = Turning::new(start.transpose(), &basis);
        Turning { resting: resting.transpose(), cosine: cosine.transpose(), sine: sine.transpose() }
    }

    fn new(start: Matrix, basis: &Matrix) -> Self {
        let mut inside = multiply(Form::LeftTransposed, basis, &start);
        let paired = inside.nrows() / 2 * 2;
        let mut resting = Matrix::zeros(start.nrows(), start.ncols());
        if paired < inside.nrows() {
            resting = basis.column(paired) * inside.row(paired);
            inside.row_mut(paired).fill(0.0);
        }
        let mut turned = Matrix::zeros(inside.nrows(), inside.ncols());
        for i in (0..paired).step_by(2) {
            turned.row_mut(i).copy_from(&-inside.row(i + 1));
            turned.row_mut(i + 1).copy_from(&inside.row(i));
        }
        Turning { resting, cosine: multiply(Form::Plain, basis, &inside), sine: multiply(Form::Plain, basis, &turned) }
    }
}

impl Rotating {
    /// Blocks of the shapes of `zeros`.
    pub fn new(seed: u64, period: f64, zeros: &Blocks) -> Self {
        if let Blocks::Symmetric(zero) = zeros {
            return Rotating { period, blocks: Vec::new(), conjugated: Some(Conjugated::draw(&mut numbers(seed, 0, 0), zero.nrows())) };
        }
        let blocks = zeros.matrices().enumerate().map(|(b, block)| Turning::draw(seed, b, block.nrows(), block.ncols()));
        Rotating { period, blocks: blocks.collect(), conjugated: None }
    }
}

impl Perturbation for Rotating {
    fn evaluate(&mut self, circumstances: &Circumstances<'_>, out: &mut Blocks) {
        let angle = TAU * (circumstances.at.t / self.period).fract();
        if let (Some(conjugated), Blocks::Symmetric(out)) = (&self.conjugated, &mut *out) {
            return conjugated.write(angle, out);
        }
        let (sine, cosine) = angle.sin_cos();
        for (out, block) in out.matrices_mut().zip(&self.blocks) {
            let parts = block.resting.iter().zip(block.cosine.iter()).zip(block.sine.iter());
            out.iter_mut().zip(parts).for_each(|(out, ((rest, c), s))| *out = rest + cosine * c + sine * s);
        }
    }
}
