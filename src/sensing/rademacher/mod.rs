//! Random signs, one bit each.

mod kernel;
mod lanes;

use super::subset::Subset;
use super::{
    Answer, Cost, NamedArray, Question, SensingError, SensingOperator, Values, Want, Workspace, assert_about_all, memory, write_point,
};
use crate::linalg::Matrix;
use crate::random::{Purpose, stream};
use kernel::{BLOCK, BackProjection, PACKET, SPAN, Signs, Sums, WORDS, run};
use rand::Rng;
use rayon::prelude::*;
use std::ops::Range;

/// Points that one pass over the signs serves; more would only cost workspace, as arithmetic is what takes the time.
const TOGETHER: usize = 8;

/// `A(X)_i = Σ_jk ±X_jk/√p` with independent signs, each as likely as the other; the ensemble takes one bit an entry and is never expanded.
///
/// **Order of summation.** `Σ ±X_jk` over the column-major entries in four lanes (lane `l` the terms `4k + l`, `k` ascending, from +0; then
/// `(l₀ + l₂) + (l₁ + l₃)`), times `1/√p`. An entry of `A*(v)` adds `±v_i/√p` from +0, `i` ascending. The same for every batch.
#[derive(Clone, PartialEq)]
pub struct Rademacher {
    rows: usize,
    cols: usize,
    measurements: usize,
    /// `1/√p`
    scale: f64,
    /// Rows as [`kernel`] lays them out.
    words: Vec<u64>,
    portable: bool,
}

impl std::fmt::Debug for Rademacher {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Rademacher { rows, cols, measurements, .. } = self;
        write!(out, "Rademacher {{ rows: {rows}, cols: {cols}, measurements: {measurements}, .. }}")
    }
}

/// Every fourth bit of a word, from the lowest, as 16 bits.
fn every_fourth(word: u64) -> u64 {
    let mut x = word & 0x1111_1111_1111_1111;
    x = (x | x >> 3) & 0x0303_0303_0303_0303;
    x = (x | x >> 6) & 0x000f_000f_000f_000f;
    x = (x | x >> 12) & 0x0000_00ff_0000_00ff;
    (x | x >> 24) & 0xffff
}

/// Lays out the signs of a row, bit `k % 64` of word `k / 64` for entry `k`.
fn lay_out(plain: &[u64], row: &mut [u64]) {
    for (plain, packet) in plain.chunks(WORDS).zip(row.chunks_exact_mut(WORDS)) {
        for (l, word) in packet.iter_mut().enumerate() {
            let bits = plain.iter().enumerate().fold(0, |bits, (nth, plain)| bits | every_fourth(plain >> l) << (16 * nth));
            *word = bits.reverse_bits();
        }
    }
}

impl Rademacher {
    /// Draws `measurements` matrices of shape `rows × cols`.
    ///
    /// The signs of matrix `i` are the bits of the 64-bit numbers of stream `(seed, Purpose::Sensing, i)`, the lowest first, in column-major
    /// order; a set bit is −.
    ///
    /// # Errors
    /// If the shape is empty, or the ensemble does not fit into the memory that is left.
    pub fn draw(rows: usize, cols: usize, measurements: usize, seed: u64) -> Result<Self, SensingError> {
        Self::build(rows, cols, measurements, |i, plain| {
            let mut bits = stream(seed, Purpose::Sensing, i as u64);
            plain.iter_mut().for_each(|word| *word = bits.next_u64());
        })
    }

    /// The ensemble of given signs: byte `b` of measurement `i` is `packed[i · ⌈mn/8⌉ + b]`, its top bit first, for the entries in row-major order;
    /// a set bit is −. (`numpy.packbits` of `A < 0`, matrix by matrix.)
    ///
    /// # Errors
    /// If there are not `measurements · ⌈mn/8⌉` bytes; as [`draw`](Self::draw) otherwise.
    pub fn from_packed(rows: usize, cols: usize, measurements: usize, packed: &[u8]) -> Result<Self, SensingError> {
        let bytes = rows.saturating_mul(cols).div_ceil(8);
        let expected = bytes.saturating_mul(measurements);
        if packed.len() != expected {
            return Err(SensingError::EntryCount { expected, found: packed.len() });
        }
        Self::build(rows, cols, measurements, |i, plain| {
            plain.fill(0);
            let signs = &packed[i * bytes..][..bytes];
            for row in 0..rows {
                for col in 0..cols {
                    let (from, to) = (row * cols + col, col * rows + row);
                    plain[to / 64] |= u64::from(signs[from / 8] >> (7 - from % 8) & 1) << (to % 64);
                }
            }
        })
    }

    /// `fill(i, plain)` writes the signs of matrix `i`, bit `k % 64` of word `k / 64` for entry `k`; what it writes beyond them is dropped.
    fn build(rows: usize, cols: usize, measurements: usize, fill: impl Fn(usize, &mut [u64]) + Sync) -> Result<Self, SensingError> {
        Self::check_fits(rows, cols, measurements)?;
        let length = rows * cols;
        let row_words = length.div_ceil(PACKET) * WORDS;
        let needed = Self::required_bytes(rows, cols, measurements);
        let mut words = Vec::new();
        words.try_reserve_exact(row_words * measurements).map_err(|_| SensingError::Allocation { needed })?;
        words.resize(row_words * measurements, 0);
        words.par_chunks_mut(row_words).enumerate().for_each_init(
            || vec![0_u64; length.div_ceil(64)],
            |plain, (i, row)| {
                fill(i, plain);
                if let (Some(last), 1..) = (plain.last_mut(), length % 64) {
                    *last &= (1 << (length % 64)) - 1;
                }
                lay_out(plain, row);
            },
        );
        let scale = 1.0 / (measurements as f64).sqrt();
        Ok(Rademacher { rows, cols, measurements, scale, words, portable: false })
    }

    /// Whether such an ensemble can be had: nothing is allocated.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn check_fits(rows: usize, cols: usize, measurements: usize) -> Result<(), SensingError> {
        memory::check("rademacher", [measurements, rows, cols], Self::required_bytes(rows, cols, measurements))
    }

    /// Bytes that the ensemble takes: `mn` bits a measurement, `mn` rounded up to a multiple of 256. Saturates.
    pub fn required_bytes(rows: usize, cols: usize, measurements: usize) -> u64 {
        let row = (rows as u64).saturating_mul(cols as u64).div_ceil(PACKET as u64);
        row.saturating_mul(8 * WORDS as u64).saturating_mul(measurements as u64)
    }

    /// Bytes that a workspace takes once it has seen a batch of that many questions. Saturates.
    pub fn workspace_bytes(rows: usize, cols: usize, measurements: usize, batch: usize) -> u64 {
        let point = (rows as u64).saturating_mul(cols as u64).saturating_add(PACKET as u64).saturating_add(measurements as u64);
        point.saturating_mul(8 * batch.min(TOGETHER) as u64)
    }

    /// The same operator without the processor's vector instructions: slower, the same bits.
    pub fn portable(self) -> Self {
        Rademacher { portable: true, ..self }
    }

    fn packets(&self) -> usize {
        (self.rows * self.cols).div_ceil(PACKET)
    }

    fn signs(&self, which: Range<usize>) -> Signs<'_> {
        let row = self.packets() * WORDS;
        Signs { words: &self.words[which.start * row..which.end * row], packets: self.packets() }
    }

    /// Whether entry `k`, column-major, of measurement `i` is −1.
    fn is_negative(&self, i: usize, k: usize) -> bool {
        let (packet, within) = (i * self.packets() + k / PACKET, k % PACKET);
        self.words[packet * WORDS + within % 4] >> (63 - within / 4) & 1 == 1
    }

    /// `Σ ±x` into `sums`, (row)(point), for points that `point(q)` gives.
    fn sums<'x>(&self, batch: usize, point: impl Fn(usize) -> &'x [f64] + Sync, points: &mut [f64], sums: &mut [f64]) {
        points.par_chunks_mut(SPAN * PACKET * batch).enumerate().for_each(|(nth, span)| {
            let length = span.len() / batch;
            for (q, packed) in span.chunks_exact_mut(length).enumerate() {
                let x = point(q).get(nth * SPAN * PACKET..).unwrap_or_default();
                let x = &x[..x.len().min(length)];
                packed[..x.len()].copy_from_slice(x);
                packed[x.len()..].fill(0.0);
            }
        });
        let points = &*points;
        sums.par_chunks_mut(BLOCK * batch).enumerate().for_each(|(nth, out)| {
            let signs = self.signs(nth * BLOCK..nth * BLOCK + out.len() / batch);
            run(Sums { signs, points, batch, out }, self.portable);
        });
    }

    /// `Σ ±w` for weights (row)(point), into `out`, laid out as points are.
    fn back_project(&self, batch: usize, weights: &[f64], out: &mut [f64]) {
        let signs = self.signs(0..self.measurements);
        out.par_chunks_mut(SPAN * PACKET * batch).enumerate().with_max_len(1).for_each(|(nth, out)| {
            run(BackProjection { signs, first: nth * SPAN, weights, batch, out }, self.portable);
        });
    }

    /// Answers at most [`TOGETHER`] questions.
    fn answer_together(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], buffers: &mut Buffers) {
        let batch = questions.len();
        questions.par_iter().zip(answers.par_iter_mut()).for_each(|(question, answer)| write_point(&question.point, &mut answer.product));
        buffers.make_room(batch * self.packets() * PACKET, batch * self.measurements);
        let points = &mut buffers.points[..batch * self.packets() * PACKET];
        let weights = &mut buffers.weights[..batch * self.measurements];
        self.sums(batch, |q| answers[q].product.as_slice(), points, weights);
        for answer in answers.iter_mut() {
            answer.residual_norm_squared = 0.0;
            answer.given = Want::Matrix;
        }
        for (row, y) in weights.chunks_exact_mut(batch).zip(y) {
            for ((weight, question), answer) in row.iter_mut().zip(questions).zip(answers.iter_mut()) {
                let product = self.scale * *weight;
                let residual = if question.data { y - product } else { -product };
                answer.residual_norm_squared += residual * residual;
                *weight = self.scale * residual;
            }
        }
        self.back_project(batch, weights, points);
        answers.par_iter_mut().enumerate().for_each(|(q, answer)| unpack(points, batch, q, answer.matrix.as_mut_slice()));
    }
}

/// Copies point `q` of a packed buffer out.
fn unpack(packed: &[f64], batch: usize, q: usize, out: &mut [f64]) {
    let spans = packed.chunks(SPAN * PACKET * batch);
    for (out, span) in out.chunks_mut(SPAN * PACKET).zip(spans) {
        let length = span.len() / batch;
        out.copy_from_slice(&span[q * length..][..out.len()]);
    }
}

/// What is kept between applications.
#[derive(Default)]
struct Buffers {
    /// The points, and then what is projected back.
    points: Vec<f64>,
    /// Sums, and then the weights of measurements: (measurement)(point).
    weights: Vec<f64>,
}

impl Buffers {
    fn make_room(&mut self, points: usize, weights: usize) {
        for (buffer, length) in [(&mut self.points, points), (&mut self.weights, weights)] {
            if buffer.len() < length {
                buffer.resize(length, 0.0);
            }
        }
    }
}

impl Rademacher {
    /// Number `k` of measurement `i`, column by column.
    fn entry(&self, i: usize, k: usize) -> f64 {
        if self.is_negative(i, k) { -self.scale } else { self.scale }
    }
}

impl SensingOperator for Rademacher {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn measurements(&self) -> usize {
        self.measurements
    }

    fn workspace(&self) -> Workspace {
        Box::new(Buffers::default())
    }

    /// The workspace grows with the largest batch; after that nothing is allocated here.
    ///
    /// # Panics
    /// If there are not as many answers as questions, or a length or shape does not fit.
    fn answer(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], work: &mut Workspace) {
        assert_about_all(questions);
        assert_eq!(y.len(), self.measurements, "the length of y is the number of measurements");
        assert_eq!(questions.len(), answers.len(), "as many answers as questions");
        if !work.is::<Buffers>() {
            *work = self.workspace();
        }
        let Some(buffers) = work.downcast_mut::<Buffers>() else { return };
        for (questions, answers) in questions.chunks(TOGETHER).zip(answers.chunks_mut(TOGETHER)) {
            self.answer_together(y, questions, answers, buffers);
        }
    }

    /// By the measurements asked for and no others, entry by entry. Gives the matrix.
    fn answer_subset(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer, _work: &mut Workspace) {
        if let Some(subset) = Subset::begin(question, y, answer) {
            subset.by_numbers(answer, |i, k| self.entry(i, k));
        }
    }

    fn measure(&self, x: &Matrix) -> Vec<f64> {
        assert_eq!(x.shape(), self.shape(), "the shape of X is the operator's");
        let (mut points, mut sums) = (vec![0.0; self.packets() * PACKET], vec![0.0; self.measurements]);
        self.sums(1, |_| x.as_slice(), &mut points, &mut sums);
        sums.iter_mut().for_each(|sum| *sum *= self.scale);
        sums
    }

    fn adjoint(&self, v: &[f64]) -> Matrix {
        assert_eq!(v.len(), self.measurements, "the length of v is the number of measurements");
        let weights: Vec<f64> = v.iter().map(|v| self.scale * v).collect();
        let mut sums = vec![0.0; self.packets() * PACKET];
        self.back_project(1, &weights, &mut sums);
        Matrix::from_column_slice(self.rows, self.cols, &sums[..self.rows * self.cols])
    }

    fn cost(&self, batch: usize) -> Cost {
        let entries = self.rows as f64 * self.cols as f64 * self.measurements as f64;
        Cost { bytes: 2.0 * self.storage_bytes() as f64, flops: 2.0 * entries * batch as f64 }
    }

    fn storage_bytes(&self) -> u64 {
        Self::required_bytes(self.rows, self.cols, self.measurements)
    }

    /// `sign_bits`, `(p, ⌈mn/8⌉)`, as [`from_packed`](Rademacher::from_packed) takes them.
    fn arrays(&self) -> Option<Vec<NamedArray<'_>>> {
        let (length, bytes) = (self.rows * self.cols, (self.rows * self.cols).div_ceil(8));
        let byte = move |i: usize, b: usize| {
            (8 * b..length.min(8 * b + 8)).fold(0_u8, |byte, at| {
                let negative = self.is_negative(i, at % self.cols * self.rows + at / self.cols);
                byte | u8::from(negative) << (7 - at % 8)
            })
        };
        let values = (0..self.measurements).flat_map(move |i| (0..bytes).map(move |b| byte(i, b)));
        Some(vec![NamedArray { name: "sign_bits", shape: vec![self.measurements, bytes], values: Values::Bytes(Box::new(values)) }])
    }

    fn row(&self, i: usize) -> Matrix {
        Matrix::from_iterator(self.rows, self.cols, (0..self.rows * self.cols).map(|k| self.entry(i, k)))
    }
}
