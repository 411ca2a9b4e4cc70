//! Questions about a few measurements, without a pass over all.

use super::{Answer, Question, Rows, Want, write_point};
use crate::linalg::{Matrix, inner};

/// The answer about the measurements whose value is at most a limit, by `A` and its adjoint.
pub(super) fn truncated(
    y: &[f64],
    question: &Question<'_>,
    limit: f64,
    answer: &mut Answer,
    measure: impl Fn(&Matrix) -> Vec<f64>,
    adjoint: impl Fn(&[f64]) -> Matrix,
) {
    write_point(&question.point, &mut answer.product);
    let mut residual = measure(&answer.product);
    for (value, y) in residual.iter_mut().zip(y) {
        let difference = if question.data { y - *value } else { -*value };
        *value = if *value > limit { 0.0 } else { difference };
    }
    answer.given = Want::Matrix;
    answer.matrix.copy_from(&adjoint(&residual));
    answer.residual_norm_squared = residual.iter().map(|r| r * r).sum();
}

/// Some of the measurements, what their sums are multiplied by, and the data.
#[derive(Clone, Copy)]
pub(super) struct Subset<'a> {
    indices: &'a [usize],
    weight: f64,
    y: Option<&'a [f64]>,
}

impl<'a> Subset<'a> {
    /// The subset that a question is about, if it is about one. `X` is written into the answer, whose sums begin at zero.
    pub(super) fn begin(question: &Question<'a>, y: &'a [f64], answer: &mut Answer) -> Option<Self> {
        let Rows::Subset { indices, weight } = question.rows else { return None };
        write_point(&question.point, &mut answer.product);
        answer.given = Want::Matrix;
        answer.matrix.fill(0.0);
        Some(Subset { indices, weight, y: question.data.then_some(y) })
    }

    /// Adds one measurement after the other, in the order of the indices: `product(i, X)` is `⟨M_i, X⟩`, `add(i, w, N)` adds `w M_i`.
    fn sum(&self, answer: &mut Answer, product: impl Fn(usize, &Matrix) -> f64, add: impl Fn(usize, f64, &mut Matrix)) {
        let mut squares = 0.0;
        for &i in self.indices {
            let residual = self.y.map_or(0.0, |y| y[i]) - product(i, &answer.product);
            squares += residual * residual;
            add(i, self.weight * residual, &mut answer.matrix);
        }
        answer.residual_norm_squared = self.weight * squares;
    }

    /// Through whole measurement matrices.
    pub(super) fn by_rows(&self, answer: &mut Answer, row: impl Fn(usize) -> Matrix) {
        let mut squares = 0.0;
        for &i in self.indices {
            let row = row(i);
            let residual = self.y.map_or(0.0, |y| y[i]) - inner(&row, &answer.product);
            squares += residual * residual;
            let factor = self.weight * residual;
            answer.matrix.as_mut_slice().iter_mut().zip(row.as_slice()).for_each(|(sum, entry)| *sum += factor * entry);
        }
        answer.residual_norm_squared = self.weight * squares;
    }

    /// Through single entries, `scale` each: measurement `i` is that at place `at(i)`, counted column by column.
    pub(super) fn by_entries(&self, answer: &mut Answer, scale: f64, at: impl Fn(usize) -> usize) {
        let product = |i: usize, x: &Matrix| scale * x.as_slice()[at(i)];
        self.sum(answer, product, |i, weight, n| n.as_mut_slice()[at(i)] += scale * weight);
    }

    /// Through entries that are computed: `entry(i, k)` is number `k` of measurement `i`, column by column.
    pub(super) fn by_numbers(&self, answer: &mut Answer, entry: impl Fn(usize, usize) -> f64) {
        let product = |i: usize, x: &Matrix| x.as_slice().iter().enumerate().map(|(k, x)| entry(i, k) * x).sum();
        self.sum(answer, product, |i, weight, n| {
            n.as_mut_slice().iter_mut().enumerate().for_each(|(k, sum)| *sum += weight * entry(i, k));
        });
    }

    /// Through vectors: measurement `i` is `scale · x zᵀ`.
    pub(super) fn by_vectors<'v>(&self, answer: &mut Answer, scale: f64, vectors: impl Fn(usize) -> (&'v [f64], &'v [f64])) {
        let product = |i: usize, matrix: &Matrix| {
            let (x, z) = vectors(i);
            let column = |column: &[f64]| column.iter().zip(x).map(|(entry, x)| entry * x).sum::<f64>();
            scale * matrix.as_slice().chunks_exact(x.len()).zip(z).map(|(entries, z)| z * column(entries)).sum::<f64>()
        };
        self.sum(answer, product, |i, weight, n| {
            let (x, z) = vectors(i);
            for (entries, z) in n.as_mut_slice().chunks_exact_mut(x.len()).zip(z) {
                let factor = scale * weight * z;
                entries.iter_mut().zip(x).for_each(|(sum, x)| *sum += factor * x);
            }
        });
    }
}
