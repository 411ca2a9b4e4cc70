//! From questions to answers: packing, the kernel on each chunk of measurements, sums over chunks.
//!
//! There are [`CHUNKS`] chunks, whose bounds the number of measurements fixes; each yields its part of `N` and of the loss, and the
//! parts are added in the order of the chunks ([`Sum`]). Threads share the work, not the sums.

use super::buffer::Buffer;
use super::kernel::{BackProjection, Normal, PADDING, Products, Rows, SLAB, Scratch, packed_at, run, span};
use super::simd::Entry;
use super::sum::{Part, Sum};
use crate::sensing::{Answer, BATCH, Question, Want, write_point};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Chunks of measurements, a part of the order of summation.
pub(super) const CHUNKS: usize = 8;
/// Chunks begin at multiples of this, so that the kernel's tiles fill them; a part of the order of summation.
const UNIT: usize = 12;
/// Answers that are written side by side: so many that what they are read from lies in whole runs, so few that each is written as a stream.
const TOGETHER: usize = 8;

/// The measurements of chunk `c`.
fn chunk(measurements: usize, c: usize) -> Range<usize> {
    let units = measurements.div_ceil(UNIT);
    let bound = |c: usize| (c * units / CHUNKS * UNIT).min(measurements);
    bound(c)..bound(c + 1)
}

/// Entries of an ensemble, `measurements` rows that begin `stride` apart, `length` entries and then zeros.
pub(super) struct Ensemble<E: Entry> {
    pub(super) entries: Buffer<E>,
    pub(super) length: usize,
    pub(super) stride: usize,
    pub(super) measurements: usize,
}

/// What is kept between applications; grows with the largest batch seen.
pub(super) struct Buffers {
    /// The points, packed.
    pub(super) points: Buffer<f64>,
    /// Each chunk's part of `N`.
    pub(super) partial: Buffer<f64>,
    chunks: [Scratch; CHUNKS],
}

impl Buffers {
    pub(super) fn new() -> Self {
        Buffers { points: Buffer::empty(), partial: Buffer::empty(), chunks: std::array::from_fn(|_| Scratch::new()) }
    }
}

/// The f64 numbers of [`Buffers`] after a batch, but for those of single blocks of rows.
pub(super) fn workspace_numbers(length: usize, batch: usize) -> u64 {
    let stride = length.saturating_add(2 * PADDING) as u64;
    stride.saturating_mul((CHUNKS as u64 + 1).saturating_mul(batch.min(BATCH) as u64))
}

impl<E: Entry> Ensemble<E> {
    fn rows(&self, which: Range<usize>) -> Rows<'_, E> {
        Rows::new(&self.entries[which.start * self.stride..which.end * self.stride], self.stride)
    }

    /// Entries of row `i`.
    pub(super) fn row(&self, i: usize) -> impl Iterator<Item = f64> {
        self.entries[i * self.stride..][..self.length].iter().map(|entry| entry.to_f64())
    }

    /// Answers at most [`BATCH`] questions.
    pub(super) fn answer(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], buffers: &mut Buffers, portable: bool) {
        let batch = questions.len();
        let size = batch * self.stride;
        questions.par_iter().zip(answers.par_iter_mut()).for_each(|(question, answer)| write_point(&question.point, &mut answer.product));
        let points = buffers.points.grow(size);
        self.pack(answers, points);
        let mut data = [false; BATCH];
        data.iter_mut().zip(questions).for_each(|(data, question)| *data = question.data);
        let (points, data) = (&*points, &data[..batch]);
        let partial = buffers.partial.grow(CHUNKS * size).chunks_exact_mut(size);
        let parts = partial.zip(&mut buffers.chunks).map(|(sums, scratch)| {
            scratch.reserve(batch);
            Part { sums, squares: [0.0; BATCH], scratch }
        });
        let sum = Sum::new(parts.collect());
        let next = AtomicUsize::new(0);
        // Each takes the next chunk there is, so that a part's turn has come, as good as always, when it is done.
        (0..rayon::current_num_threads().min(CHUNKS)).into_par_iter().with_max_len(1).for_each(|_| {
            while let Some(c) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|c| *c < CHUNKS)
                && let Some(mut part) = sum.part()
            {
                let which = chunk(self.measurements, c);
                let (rows, y) = (self.rows(which.clone()), &y[which]);
                let Part { sums: partial, squares, scratch } = &mut part;
                Normal { rows, points, data, y, partial, squares: &mut squares[..batch], scratch }.run(portable);
                sum.add(c, part);
            }
        });
        let (total, squares) = sum.total();
        answers.par_chunks_mut(TOGETHER).enumerate().for_each(|(nth, answers)| {
            for (answer, square) in answers.iter_mut().zip(&squares[nth * TOGETHER..]) {
                (answer.given, answer.residual_norm_squared) = (Want::Matrix, *square);
            }
            unpack(total, batch, nth * TOGETHER, answers);
        });
    }

    /// Packs the products of the answers, with zeros up to the stride.
    fn pack(&self, answers: &[Answer], points: &mut [f64]) {
        let (batch, span) = (answers.len(), span(answers.len()));
        points.par_chunks_mut(span * batch).enumerate().for_each(|(nth, packed)| {
            let length = packed.len() / batch;
            for (q, answer) in answers.iter().enumerate() {
                let columns = answer.product.as_slice().get(nth * span..).unwrap_or_default();
                let (fours, mut rest) = columns[..length.min(columns.len())].as_chunks::<4>();
                for (k, four) in fours.iter().enumerate() {
                    packed[packed_at(batch, q, 4 * k, length)..][..4].copy_from_slice(four);
                }
                for k in (4 * fours.len()..length).step_by(4) {
                    let to = &mut packed[packed_at(batch, q, k, length)..][..4];
                    to.fill(0.0);
                    to[..rest.len()].copy_from_slice(rest);
                    rest = &[];
                }
            }
        });
    }

    /// `A(X)`, each inner product with the bits that [`answer`](Self::answer) subtracts from `y`.
    pub(super) fn measure(&self, x: &[f64], portable: bool) -> Vec<f64> {
        /// Rows for a thread at a time.
        const SHARE: usize = 32;
        let mut point = vec![0.0; self.stride];
        point[..self.length].copy_from_slice(x);
        let mut products = vec![0.0; self.measurements];
        products.par_chunks_mut(SHARE).enumerate().for_each(|(nth, out)| {
            let rows = self.rows(nth * SHARE..nth * SHARE + out.len());
            run(Products { rows, point: &point, out }, portable);
        });
        products
    }

    /// `A*(v)`, with the bits of [`answer`](Self::answer) to a question whose residual is `v`.
    pub(super) fn adjoint(&self, v: &[f64], portable: bool) -> Vec<f64> {
        let mut partial = vec![0.0; CHUNKS * self.stride];
        partial.par_chunks_mut(self.stride).enumerate().with_max_len(1).for_each(|(c, partial)| {
            let which = chunk(self.measurements, c);
            let weights = &v[which.clone()];
            run(BackProjection { rows: self.rows(which), weights, partial }, portable);
        });
        add_chunks(&mut partial, self.stride);
        partial.truncate(self.length);
        partial
    }
}

/// Writes the sums of the points from `first` on into the matrices of their answers.
fn unpack(total: &[f64], batch: usize, first: usize, answers: &mut [Answer]) {
    let (slabs, _) = total.as_chunks::<SLAB>();
    for (nth, slabs) in slabs.chunks_exact(batch).enumerate() {
        for (answer, slab) in answers.iter_mut().zip(&slabs[first..]) {
            let columns = answer.matrix.as_mut_slice().get_mut(nth * SLAB..).unwrap_or_default();
            match columns.first_chunk_mut::<SLAB>() {
                Some(columns) => *columns = *slab,
                None => columns.copy_from_slice(&slab[..columns.len()]),
            }
        }
    }
}

/// Adds the parts, `size` numbers each, to the first: `((0 + 1) + 2) + …`, number by number.
pub(super) fn add_chunks(partial: &mut [f64], size: usize) {
    /// Numbers that a thread adds at a time.
    const SHARE: usize = 2048;
    let (sums, others) = partial.split_at_mut(size);
    sums.par_chunks_mut(SHARE).enumerate().for_each(|(nth, sums)| {
        for other in others.chunks_exact(size) {
            for (sum, x) in sums.iter_mut().zip(&other[nth * SHARE..]) {
                *sum += x;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_measurements_evenly() {
        for p in (1..300).chain([600, 1500, 4999, 5000]) {
            let chunks: Vec<_> = (0..CHUNKS).map(|c| chunk(p, c)).collect();
            assert_eq!((chunks[0].start, chunks[CHUNKS - 1].end), (0, p));
            assert!(chunks.windows(2).all(|pair| pair[0].end == pair[1].start));
            let full = &chunks[..CHUNKS - 1];
            let (least, most) = (full.iter().map(Range::len).min().unwrap(), chunks.iter().map(Range::len).max().unwrap());
            assert!(most <= least + UNIT, "{p}: {chunks:?}");
        }
    }

    /// The bounds are a part of the order of summation: another split is another number.
    #[test]
    fn bounds_are_what_they_were() {
        let bounds = |p| (0..CHUNKS).map(|c| chunk(p, c).end).collect::<Vec<_>>();
        assert_eq!(bounds(600), [72, 144, 216, 300, 372, 444, 516, 600]);
        assert_eq!(bounds(7), [0, 0, 0, 0, 0, 0, 0, 7]);
    }
}
