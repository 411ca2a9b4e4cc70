//! Gaussian measurements of rank one.

mod block;

use super::subset::Subset;
use super::{
    Answer, BATCH, Cost, NamedArray, Point, Question, Rows, SensingError, SensingOperator, Values, Want, Workspace, memory, write_point,
};
use crate::linalg::{Form, Matrix, View, multiply_add_into};
use crate::random::{Purpose, stream};
use block::{Room, fit, scale_rows};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use std::ops::Range;

/// Measurements whose vectors are one matrix; a part of the order of summation.
const BLOCK: usize = 128;
/// Chunks of blocks, whose sums are added in order; a part of the order of summation.
const CHUNKS: usize = 8;

/// `A(X)_i = x_iᵀ X z_i/√p` with standard normal `x_i ∈ R^m`, `z_i ∈ R^n`, all independent: `A_i = x_i z_iᵀ`, `E A*A = I`. Or, for square matrices,
/// `A_i = x_i x_iᵀ` ([`draw_symmetric`](Self::draw_symmetric)), which is biased.
///
/// Only the vectors are stored. At a factored point `X = L Rᵀ` with [`Want::Products`] an application is thin matrix products over blocks of 128
/// measurements, `O((m + n) h)` a measurement, and forms neither `X` nor `N`: with `P = X_bᵀL`, `Q = Z_bᵀR` of a block, `A(X)_i = Σ_k P_ik Q_ik/√p`,
/// `N R = Σ_b X_b diag(w) Q`, `Nᵀ L = Σ_b Z_b diag(w) P`, `w_i = (y_i − A(X)_i)/√p`. Else `N = Σ_b X_b diag(w) Z_bᵀ` costs `O(mn)` a measurement.
///
/// **Order of summation.** Products as `linalg` forms them; `Σ_k` by `k` ascending; blocks in order within each of eight chunks of blocks, whose
/// bounds the number of measurements fixes; chunks in order.
///
/// The fourth moment of `⟨x zᵀ, X⟩` is `3‖X‖_F⁴ + 6 Σσ⁴`, up to nine times the second's square (for Gaussian matrices it is three times): norms of
/// low-rank matrices are kept four times less sharply at the same `p`, and there is no restricted isometry in the ℓ₂ sense at `p ~ r(m+n)`.
#[derive(Clone, PartialEq)]
pub struct RankOne {
    rows: usize,
    cols: usize,
    measurements: usize,
    /// `1/√p`
    scale: f64,
    /// `X_b`, `m × (at most BLOCK)`.
    left: Vec<Matrix>,
    /// `Z_b`; empty where they are the same.
    right: Vec<Matrix>,
}

impl std::fmt::Debug for RankOne {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let RankOne { rows, cols, measurements, .. } = self;
        let symmetric = self.is_symmetric();
        write!(out, "RankOne {{ rows: {rows}, cols: {cols}, measurements: {measurements}, symmetric: {symmetric}, .. }}")
    }
}

impl RankOne {
    /// Draws `measurements` pairs of vectors: from stream `(seed, Purpose::Sensing, i)` first `x_i`, then `z_i`.
    ///
    /// # Errors
    /// If the shape is empty, or the ensemble does not fit into the memory that is left.
    pub fn draw(rows: usize, cols: usize, measurements: usize, seed: u64) -> Result<Self, SensingError> {
        Self::check_fits(rows, cols, measurements)?;
        let (left, right) = draw_blocks(rows, cols, measurements, seed);
        Ok(Self::assemble(rows, cols, measurements, left, right))
    }

    /// Draws `A_i = x_i x_iᵀ` for `side × side` matrices, `x_i` from stream `(seed, Purpose::Sensing, i)`.
    ///
    /// **Biased**: `E A*A(X) = X + Xᵀ + tr(X) I`, which is `2X + tr(X) I` for symmetric `X`. It is what quadratic networks measure.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn draw_symmetric(side: usize, measurements: usize, seed: u64) -> Result<Self, SensingError> {
        Self::check_fits(side, side, measurements)?;
        let (left, _) = draw_blocks(side, 0, measurements, seed);
        Ok(Self::assemble(side, side, measurements, left, Vec::new()))
    }

    /// The ensemble of given vectors, `x_i` the rows of `left` (`p × m`) and `z_i` those of `right` (`p × n`); without `right`, `z_i = x_i`.
    ///
    /// # Errors
    /// If the numbers of rows differ, or a number is not finite; as [`draw`](Self::draw) otherwise.
    pub fn from_vectors(left: &Matrix, right: Option<&Matrix>) -> Result<Self, SensingError> {
        let (measurements, rows) = left.shape();
        let cols = right.map_or(rows, Matrix::ncols);
        if let Some(right) = right.filter(|right| right.nrows() != measurements) {
            return Err(SensingError::EntryCount { expected: measurements * cols, found: right.len() });
        }
        Self::check_fits(rows, cols, measurements)?;
        for (vectors, side) in std::iter::once((left, 0)).chain(right.map(|right| (right, 1))) {
            if let Some(at) = vectors.iter().position(|x| !x.is_finite()) {
                let (measurement, k) = (at % measurements, at / measurements);
                let (row, col) = if side == 0 { (k, 0) } else { (0, k) };
                return Err(SensingError::NotFinite { measurement, row, col });
            }
        }
        let blocks = |vectors: &Matrix| -> Vec<Matrix> {
            block_bounds(measurements).map(|which| vectors.rows(which.start, which.len()).transpose()).collect()
        };
        Ok(Self::assemble(rows, cols, measurements, blocks(left), right.map(blocks).unwrap_or_default()))
    }

    fn assemble(rows: usize, cols: usize, measurements: usize, left: Vec<Matrix>, right: Vec<Matrix>) -> Self {
        RankOne { rows, cols, measurements, scale: 1.0 / (measurements as f64).sqrt(), left, right }
    }

    /// Whether such an ensemble can be had: nothing is allocated.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn check_fits(rows: usize, cols: usize, measurements: usize) -> Result<(), SensingError> {
        memory::check("rank_one", [measurements, rows, cols], Self::required_bytes(rows, cols, measurements))
    }

    /// Bytes that the vectors take: `8 p (m + n)`, the symmetric ones half of it. Saturates.
    pub fn required_bytes(rows: usize, cols: usize, measurements: usize) -> u64 {
        (rows as u64).saturating_add(cols as u64).saturating_mul(8).saturating_mul(measurements as u64)
    }

    /// Whether `A_i = x_i x_iᵀ`.
    pub fn is_symmetric(&self) -> bool {
        self.right.is_empty()
    }

    /// `x_i`, without a factor.
    pub fn left(&self, i: usize) -> &[f64] {
        column(&self.left, i)
    }

    /// `z_i`, without a factor.
    pub fn right(&self, i: usize) -> &[f64] {
        column(self.right_blocks(), i)
    }

    fn right_blocks(&self) -> &[Matrix] {
        if self.is_symmetric() { &self.left } else { &self.right }
    }

    /// The blocks of chunk `c`.
    fn chunk(&self, c: usize) -> Range<usize> {
        let blocks = self.left.len();
        c * blocks / CHUNKS..(c + 1) * blocks / CHUNKS
    }

    /// Answers what concerns the blocks of chunk `c`; the parts are in the buffers then.
    fn answer_chunk(&self, c: usize, y: &[f64], questions: &[Question<'_>], answers: &[Answer], chunk: &mut Chunk) {
        let (m, n) = (self.rows, self.cols);
        for (question, part) in questions.iter().zip(&mut chunk.parts) {
            part.squares = 0.0;
            let shape = if wants_products(question) { (m + n, width(question)) } else { (m, n) };
            fit(&mut part.sum, shape);
            part.sum.fill(0.0);
        }
        for b in self.chunk(c) {
            let (x, z) = (&self.left[b], &self.right_blocks()[b]);
            let y = &y[b * BLOCK..][..x.ncols()];
            let room = &mut chunk.rooms[usize::from(x.ncols() < BLOCK)];
            for ((question, answer), part) in questions.iter().zip(answers).zip(&mut chunk.parts) {
                room.products(question, answer, x, z, self.scale);
                let limit = if let Rows::AtMost { limit } = question.rows { limit } else { f64::INFINITY };
                for (weight, y) in room.weights.iter_mut().zip(y) {
                    let residual = if question.data { y - *weight } else { -*weight };
                    let residual = if *weight > limit { 0.0 } else { residual };
                    part.squares += residual * residual;
                    *weight = self.scale * residual;
                }
                if wants_products(question) {
                    scale_rows(&mut room.q, &room.weights);
                    scale_rows(&mut room.p, &room.weights);
                    multiply_add_into(&mut part.sum, 0, m, 1.0, Form::Plain, View::of(x), View::of(&room.q));
                    multiply_add_into(&mut part.sum, m, n, 1.0, Form::Plain, View::of(z), View::of(&room.p));
                } else {
                    room.add_outer(x, z, &mut part.sum);
                }
            }
        }
    }
}

/// Whether an answer is by products.
fn wants_products(question: &Question<'_>) -> bool {
    question.want == Want::Products && matches!(question.point, Point::Factored { .. })
}

fn width(question: &Question<'_>) -> usize {
    match question.point {
        Point::Factored { left, .. } => left.ncols(),
        Point::Dense(_) => 0,
    }
}

fn column(blocks: &[Matrix], i: usize) -> &[f64] {
    let (block, within) = (&blocks[i / BLOCK], i % BLOCK);
    &block.as_slice()[within * block.nrows()..][..block.nrows()]
}

fn block_bounds(measurements: usize) -> impl Iterator<Item = Range<usize>> {
    (0..measurements).step_by(BLOCK).map(move |start| start..(start + BLOCK).min(measurements))
}

fn draw_blocks(rows: usize, cols: usize, measurements: usize, seed: u64) -> (Vec<Matrix>, Vec<Matrix>) {
    let bounds: Vec<_> = block_bounds(measurements).collect();
    let draw = |which: Range<usize>| {
        let (mut left, mut right) = (Matrix::zeros(rows, which.len()), Matrix::zeros(cols, which.len()));
        for (within, i) in which.enumerate() {
            let mut normals = stream(seed, Purpose::Sensing, i as u64);
            for x in left.column_mut(within).iter_mut().chain(right.column_mut(within).iter_mut()) {
                *x = normals.sample(StandardNormal);
            }
        }
        (left, right)
    };
    bounds.into_par_iter().map(draw).unzip()
}

/// What is kept between applications.
struct Buffers {
    chunks: Vec<Chunk>,
}

/// Buffers of a chunk of blocks.
struct Chunk {
    /// One a question.
    parts: Vec<Part>,
    /// For whole blocks, and for the last one.
    rooms: [Room; 2],
}

/// A chunk's part of an answer.
struct Part {
    sum: Matrix,
    squares: f64,
}

impl SensingOperator for RankOne {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn offers_products(&self) -> bool {
        true
    }

    fn truncates(&self) -> bool {
        true
    }

    fn measurements(&self) -> usize {
        self.measurements
    }

    fn workspace(&self) -> Workspace {
        let chunk = || Chunk { parts: Vec::new(), rooms: [Room::new(), Room::new()] };
        Box::new(Buffers { chunks: (0..CHUNKS).map(|_| chunk()).collect() })
    }

    /// The workspace grows with the largest batch, and takes the shapes of what is asked; while these stay the same, nothing is allocated here.
    ///
    /// # Panics
    /// If there are not as many answers as questions, or a length or shape does not fit.
    fn answer(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], work: &mut Workspace) {
        assert_eq!(y.len(), self.measurements, "the length of y is the number of measurements");
        assert_eq!(questions.len(), answers.len(), "as many answers as questions");
        let known = questions.iter().all(|question| !matches!(question.rows, Rows::Subset { .. }));
        assert!(known, "questions about some of the measurements are answered one by one");
        if !work.is::<Buffers>() {
            *work = self.workspace();
        }
        let Some(buffers) = work.downcast_mut::<Buffers>() else { return };
        for (questions, answers) in questions.chunks(BATCH).zip(answers.chunks_mut(BATCH)) {
            self.answer_together(y, questions, answers, buffers);
        }
    }

    /// By the measurements asked for and no others. Gives the matrix.
    fn answer_subset(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer, _work: &mut Workspace) {
        if let Some(subset) = Subset::begin(question, y, answer) {
            subset.by_vectors(answer, self.scale, |i| (self.left(i), self.right(i)));
        }
    }

    fn measure(&self, x: &Matrix) -> Vec<f64> {
        assert_eq!(x.shape(), self.shape(), "the shape of X is the operator's");
        let (question, answer) = (Question::normal(Point::Dense(x)), Answer { product: x.clone(), ..Answer::new(0, 0) });
        let blocks = self.left.par_iter().zip(self.right_blocks());
        let measured = blocks.flat_map_iter(|(x, z)| {
            let mut room = Room::new();
            room.products(&question, &answer, x, z, self.scale);
            room.weights
        });
        measured.collect()
    }

    fn adjoint(&self, v: &[f64]) -> Matrix {
        assert_eq!(v.len(), self.measurements, "the length of v is the number of measurements");
        let part = |c: usize| {
            let (mut sum, mut room) = (Matrix::zeros(self.rows, self.cols), Room::new());
            for b in self.chunk(c) {
                let (x, z) = (&self.left[b], &self.right_blocks()[b]);
                room.weights = v[b * BLOCK..][..x.ncols()].iter().map(|v| self.scale * v).collect();
                room.add_outer(x, z, &mut sum);
            }
            sum
        };
        let parts: Vec<Matrix> = (0..CHUNKS).into_par_iter().map(part).collect();
        parts.iter().fold(Matrix::zeros(self.rows, self.cols), |sum, part| sum + part)
    }

    /// At dense points; with [`Want::Products`] it is `4 p (m + n) h` operations a point.
    fn cost(&self, batch: usize) -> Cost {
        let entries = self.rows as f64 * self.cols as f64 * self.measurements as f64;
        Cost { bytes: self.storage_bytes() as f64, flops: 4.0 * entries * batch as f64 }
    }

    fn storage_bytes(&self) -> u64 {
        let cols = if self.is_symmetric() { 0 } else { self.cols };
        Self::required_bytes(self.rows, cols, self.measurements)
    }

    /// `left`, `(p, m)`, and `right`, `(p, n)`, which symmetric measurements go without.
    fn arrays(&self) -> Option<Vec<NamedArray<'_>>> {
        let mut arrays = vec![self.vectors("left", &self.left, self.rows)];
        if !self.is_symmetric() {
            arrays.push(self.vectors("right", &self.right, self.cols));
        }
        Some(arrays)
    }

    fn row(&self, i: usize) -> Matrix {
        let (x, z) = (self.left(i), self.right(i));
        Matrix::from_fn(self.rows, self.cols, |j, k| self.scale * (x[j] * z[k]))
    }
}

impl RankOne {
    /// Vectors of length `length` as an array, a row a measurement.
    fn vectors<'a>(&self, name: &'static str, blocks: &'a [Matrix], length: usize) -> NamedArray<'a> {
        let values = blocks.iter().flat_map(|block| block.as_slice().iter().copied());
        NamedArray { name, shape: vec![self.measurements, length], values: Values::Floats(Box::new(values)) }
    }

    /// Answers at most [`BATCH`] questions.
    fn answer_together(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], buffers: &mut Buffers) {
        questions.par_iter().zip(answers.par_iter_mut()).for_each(|(question, answer)| {
            if wants_products(question) {
                answer.give_products(self.rows + self.cols, width(question)).fill(0.0);
            } else {
                write_point(&question.point, &mut answer.product);
                answer.given = Want::Matrix;
                answer.matrix.fill(0.0);
            }
            answer.residual_norm_squared = 0.0;
        });
        for chunk in &mut buffers.chunks {
            while chunk.parts.len() < questions.len() {
                chunk.parts.push(Part { sum: Matrix::zeros(0, 0), squares: 0.0 });
            }
        }
        let asked = &*answers;
        buffers.chunks.par_iter_mut().enumerate().with_max_len(1).for_each(|(c, chunk)| self.answer_chunk(c, y, questions, asked, chunk));
        let chunks = &buffers.chunks;
        answers.par_iter_mut().enumerate().for_each(|(q, answer)| {
            for part in chunks.iter().map(|chunk| &chunk.parts[q]) {
                answer.residual_norm_squared += part.squares;
                let sum = if answer.given == Want::Products { &mut answer.products } else { &mut answer.matrix };
                *sum += &part.sum;
            }
        });
    }
}
