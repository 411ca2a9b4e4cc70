//! One block of measurements: thin products with its vectors.

use crate::linalg::{Form, Matrix, View, multiply_add_into, multiply_into};
use crate::sensing::{Answer, Point, Question};

/// Buffers for one block.
pub(super) struct Room {
    pub(super) p: Matrix,
    pub(super) q: Matrix,
    /// `Xᵀ X_b`, or `X_b diag(w)`.
    image: Matrix,
    pub(super) weights: Vec<f64>,
}

impl Room {
    pub(super) fn new() -> Self {
        let empty = || Matrix::zeros(0, 0);
        Room { p: empty(), q: empty(), image: empty(), weights: Vec::new() }
    }

    /// `x_iᵀ X z_i · scale` into the weights.
    pub(super) fn products(&mut self, question: &Question<'_>, answer: &Answer, x: &Matrix, z: &Matrix, scale: f64) {
        let count = x.ncols();
        if self.weights.len() != count {
            self.weights = vec![0.0; count];
        }
        self.weights.fill(0.0);
        match question.point {
            Point::Factored { left, right } => {
                fit(&mut self.p, (count, left.ncols()));
                fit(&mut self.q, (count, left.ncols()));
                multiply_into(&mut self.p, 0, count, 1.0, Form::LeftTransposed, View::of(x), left);
                multiply_into(&mut self.q, 0, count, 1.0, Form::LeftTransposed, View::of(z), right);
                for (p, q) in self.p.as_slice().chunks_exact(count).zip(self.q.as_slice().chunks_exact(count)) {
                    for ((weight, p), q) in self.weights.iter_mut().zip(p).zip(q) {
                        *weight += p * q;
                    }
                }
            }
            Point::Dense(_) => {
                fit(&mut self.image, (z.nrows(), count));
                multiply_into(&mut self.image, 0, z.nrows(), 1.0, Form::LeftTransposed, View::of(&answer.product), View::of(x));
                let images = self.image.as_slice().chunks_exact(z.nrows()).zip(z.as_slice().chunks_exact(z.nrows()));
                for (weight, (image, z)) in self.weights.iter_mut().zip(images) {
                    *weight = image.iter().zip(z).map(|(a, b)| a * b).sum();
                }
            }
        }
        self.weights.iter_mut().for_each(|weight| *weight *= scale);
    }

    /// Adds `X_b diag(w) Z_bᵀ`.
    pub(super) fn add_outer(&mut self, x: &Matrix, z: &Matrix, sum: &mut Matrix) {
        fit(&mut self.image, x.shape());
        let columns = self.image.as_mut_slice().chunks_exact_mut(x.nrows()).zip(x.as_slice().chunks_exact(x.nrows()));
        for ((scaled, x), w) in columns.zip(&self.weights) {
            scaled.iter_mut().zip(x).for_each(|(scaled, x)| *scaled = w * x);
        }
        multiply_add_into(sum, 0, x.nrows(), 1.0, Form::RightTransposed, View::of(&self.image), View::of(z));
    }
}

/// Gives a buffer a shape; allocates only where it had another one.
pub(super) fn fit(buffer: &mut Matrix, shape: (usize, usize)) {
    if buffer.shape() != shape {
        *buffer = Matrix::zeros(shape.0, shape.1);
    }
}

/// `diag(w) · matrix`.
pub(super) fn scale_rows(matrix: &mut Matrix, weights: &[f64]) {
    for column in matrix.as_mut_slice().chunks_exact_mut(weights.len()) {
        column.iter_mut().zip(weights).for_each(|(x, w)| *x *= w);
    }
}
