//! The normal operator on a few rows, gathered from anywhere in the ensemble.
//!
//! Inner products and back-projection have the lanes of the kernel on chunks. A subset of fewer than [`LARGE`] rows is one chunk, a larger one
//! [`CHUNKS`], whose parts are added in their order: its size alone fixes the order of summation.

use super::apply::{Buffers, CHUNKS, Ensemble, add_chunks};
use super::kernel::{Gathered, run};
use super::simd::Entry;
use crate::sensing::{Answer, Want};
use rayon::prelude::*;

/// The least number of rows that are shared among threads; a part of the order of summation.
const LARGE: usize = 64;

impl<E: Entry> Ensemble<E> {
    /// `w Σ (y_i − ⟨M_i, X⟩) M_i` over the rows, `X` the answer's product; without `y`, `−w Σ ⟨M_i, X⟩ M_i`.
    pub(super) fn answer_subset(
        &self,
        y: Option<&[f64]>,
        indices: &[usize],
        weight: f64,
        answer: &mut Answer,
        buffers: &mut Buffers,
        portable: bool,
    ) {
        assert!(indices.iter().all(|&i| i < self.measurements), "a row that the ensemble does not have");
        let chunks = if indices.len() < LARGE { 1 } else { CHUNKS };
        let point = buffers.points.grow(self.stride);
        point[..self.length].copy_from_slice(answer.product.as_slice());
        point[self.length..].fill(0.0);
        let (point, partial) = (&*point, buffers.partial.grow(chunks * self.stride));
        let mut squares = [0.0; CHUNKS];
        let part = |c: usize, partial: &mut [f64], squares: &mut f64| {
            let indices = &indices[c * indices.len() / chunks..(c + 1) * indices.len() / chunks];
            let (entries, stride) = (&self.entries[..], self.stride);
            run(Gathered { entries, stride, indices, point, y, weight, partial, squares }, portable);
        };
        match chunks {
            1 => part(0, partial, &mut squares[0]),
            _ => {
                let parts = partial.par_chunks_mut(self.stride).zip(&mut squares).enumerate();
                parts.with_max_len(1).for_each(|(c, (partial, squares))| part(c, partial, squares));
                add_chunks(partial, self.stride);
            }
        }
        answer.given = Want::Matrix;
        answer.matrix.as_mut_slice().copy_from_slice(&partial[..self.length]);
        answer.residual_norm_squared = weight * squares.iter().sum::<f64>();
    }
}
