//! Random signs, one bit each.

mod kernel;

use super::subset::Subset;
use super::{
    Answer, Cost, NamedArray, Question, SensingError, SensingOperator, Values, Want, Workspace, assert_about_all, memory, write_point,
};
use crate::linalg::Matrix;
use crate::random::{Purpose, stream};
use crate::sensing::dense::run;
use kernel::{BLOCK, Signs, Sums, WORD};
use rand::Rng;
use rayon::prelude::*;

/// Points that one pass over the signs serves at most.
const TOGETHER: usize = 8;
/// Numbers that a thread packs at a time.
const SHARE: usize = 1 << 13;

/// `A(X)_i = Σ_jk ±X_jk/√p` with independent signs, each as likely as the other. The ensemble takes two bits an entry, one in either order, and is never
/// expanded.
///
/// **Order of summation.** `Σ ±X_jk` over the column-major entries by groups of eight, groups ascending from +0, each group
/// `((±x₀ ± x₁) + (±x₂ ± x₃)) + ((±x₄ ± x₅) + (±x₆ ± x₇))`, times `1/√p`. An entry of `A*(v)` is the same sum of `±v_i/√p` over `i`. The same for every batch.
#[derive(Clone, PartialEq)]
pub struct Rademacher {
    rows: usize,
    cols: usize,
    measurements: usize,
    /// `1/√p`
    scale: f64,
    /// A row a measurement.
    signs: Signs,
    /// A row an entry.
    transposed: Signs,
    portable: bool,
}

impl std::fmt::Debug for Rademacher {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Rademacher { rows, cols, measurements, .. } = self;
        write!(out, "Rademacher {{ rows: {rows}, cols: {cols}, measurements: {measurements}, .. }}")
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
        let refused = || SensingError::Allocation { needed: Self::required_bytes(rows, cols, measurements) };
        let mut signs = Signs::positive(measurements, length).ok_or_else(refused)?;
        let mut transposed = Signs::positive(length, measurements).ok_or_else(refused)?;
        let (groups, words) = (signs.groups(), signs.words_mut());
        words.par_chunks_mut(BLOCK * groups).enumerate().for_each_init(
            || vec![0_u64; length.div_ceil(64)],
            |plain, (nth, block)| {
                let height = block.len() / groups;
                for within in 0..height {
                    fill(nth * BLOCK + within, plain);
                    if let (Some(last), 1..) = (plain.last_mut(), length % 64) {
                        *last &= (1 << (length % 64)) - 1;
                    }
                    for (group, words) in block.chunks_exact_mut(height).enumerate() {
                        words[within] = (plain[group / 2] >> (WORD * (group % 2))) as u32;
                    }
                }
            },
        );
        let block = BLOCK * transposed.groups();
        transposed.words_mut().par_chunks_mut(block).enumerate().for_each(|(nth, out)| signs.transpose_block(nth, out));
        let scale = 1.0 / (measurements as f64).sqrt();
        Ok(Rademacher { rows, cols, measurements, scale, signs, transposed, portable: false })
    }

    /// Whether such an ensemble can be had: nothing is allocated.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn check_fits(rows: usize, cols: usize, measurements: usize) -> Result<(), SensingError> {
        memory::check("rademacher", [measurements, rows, cols], Self::required_bytes(rows, cols, measurements))
    }

    /// Bytes that the ensemble takes: `2 mn` bits a measurement, `mn` and `p` each rounded up to a multiple of 32. Saturates.
    pub fn required_bytes(rows: usize, cols: usize, measurements: usize) -> u64 {
        let length = rows.saturating_mul(cols);
        4_u64.saturating_mul((Signs::length(measurements, length) as u64).saturating_add(Signs::length(length, measurements) as u64))
    }

    /// Bytes that a workspace takes once it has seen a batch of that many questions. Saturates.
    pub fn workspace_bytes(rows: usize, cols: usize, measurements: usize, batch: usize) -> u64 {
        let numbers = (rows as u64).saturating_mul(cols as u64).saturating_add(measurements as u64).saturating_add(2 * WORD as u64);
        numbers.saturating_mul(8 * lanes(batch) as u64)
    }

    /// The same operator without the processor's vector instructions: slower, the same bits.
    pub fn portable(self) -> Self {
        Rademacher { portable: true, ..self }
    }

    /// Whether entry `k`, column-major, of measurement `i` is −1.
    fn is_negative(&self, i: usize, k: usize) -> bool {
        self.signs.is_negative(i, k)
    }

    /// `Σ ±x` for every row of signs, of numbers (column)(point), into `out`, (row)(point).
    fn sums<const P: usize>(&self, signs: &Signs, numbers: &[f64], out: &mut [f64]) {
        let groups = signs.groups();
        // Blocks share their tables as far as their sums stay in the first-level cache and no thread goes idle.
        let blocks = out.len().div_ceil(BLOCK * P);
        let together = (blocks / (4 * rayon::current_num_threads())).clamp(1, TOGETHER / P) * BLOCK;
        let parts = signs.words().par_chunks(together * groups).zip(out.par_chunks_mut(together * P));
        parts.for_each(|(words, out)| run(Sums::<P> { words, groups, numbers, out }, self.portable));
    }

    /// Answers at most `P` questions.
    fn answer_together<const P: usize>(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], buffers: &mut Buffers) {
        questions.par_iter().zip(answers.par_iter_mut()).for_each(|(question, answer)| write_point(&question.point, &mut answer.product));
        let (numbers, weights) = buffers.of(self.signs.groups() * WORD * P, self.transposed.groups() * WORD * P);
        pack::<P>(answers, numbers);
        let count = self.measurements * P;
        weights[count..].fill(0.0);
        self.sums::<P>(&self.signs, numbers, &mut weights[..count]);
        for answer in answers.iter_mut() {
            answer.residual_norm_squared = 0.0;
            answer.given = Want::Matrix;
        }
        for (row, y) in weights.chunks_exact_mut(P).zip(y) {
            for ((weight, question), answer) in row.iter_mut().zip(questions).zip(answers.iter_mut()) {
                let product = self.scale * *weight;
                let residual = if question.data { y - product } else { -product };
                answer.residual_norm_squared += residual * residual;
                *weight = self.scale * residual;
            }
        }
        let sums = &mut numbers[..self.rows * self.cols * P];
        self.sums::<P>(&self.transposed, weights, sums);
        answers.par_iter_mut().enumerate().for_each(|(q, answer)| {
            answer.matrix.as_mut_slice().iter_mut().zip(sums.chunks_exact(P)).for_each(|(out, sums)| *out = sums[q]);
        });
    }
}

/// Points that are treated together if there are so many.
fn lanes(batch: usize) -> usize {
    match batch {
        0 | 1 => 1,
        2..=4 => 4,
        _ => TOGETHER,
    }
}

/// The points as (column)(point), with zeros for what is missing.
fn pack<const P: usize>(answers: &[Answer], numbers: &mut [f64]) {
    numbers.par_chunks_mut(SHARE * P).enumerate().for_each(|(nth, numbers)| {
        numbers.fill(0.0);
        for (q, answer) in answers.iter().enumerate() {
            let x = answer.product.as_slice().get(nth * SHARE..).unwrap_or_default();
            numbers.chunks_exact_mut(P).zip(x).for_each(|(numbers, x)| numbers[q] = *x);
        }
    });
}

/// What is kept between applications.
#[derive(Default)]
struct Buffers {
    /// The points, and then what is projected back: (column)(point).
    numbers: Vec<f64>,
    /// Sums, and then the weights of measurements: (measurement)(point).
    weights: Vec<f64>,
}

impl Buffers {
    /// The first so many of each.
    fn of(&mut self, numbers: usize, weights: usize) -> (&mut [f64], &mut [f64]) {
        for (buffer, length) in [(&mut self.numbers, numbers), (&mut self.weights, weights)] {
            if buffer.len() < length {
                buffer.resize(length, 0.0);
            }
        }
        (&mut self.numbers[..numbers], &mut self.weights[..weights])
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
            match lanes(questions.len()) {
                1 => self.answer_together::<1>(y, questions, answers, buffers),
                4 => self.answer_together::<4>(y, questions, answers, buffers),
                _ => self.answer_together::<TOGETHER>(y, questions, answers, buffers),
            }
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
        let mut numbers = x.as_slice().to_vec();
        numbers.resize(self.signs.groups() * WORD, 0.0);
        let mut sums = vec![0.0; self.measurements];
        self.sums::<1>(&self.signs, &numbers, &mut sums);
        sums.iter_mut().for_each(|sum| *sum *= self.scale);
        sums
    }

    fn adjoint(&self, v: &[f64]) -> Matrix {
        assert_eq!(v.len(), self.measurements, "the length of v is the number of measurements");
        let mut weights: Vec<f64> = v.iter().map(|v| self.scale * v).collect();
        weights.resize(self.transposed.groups() * WORD, 0.0);
        let mut sum = Matrix::zeros(self.rows, self.cols);
        self.sums::<1>(&self.transposed, &weights, sum.as_mut_slice());
        sum
    }

    /// Table look-ups replace most additions: two for eight entries and a point.
    fn cost(&self, batch: usize) -> Cost {
        let entries = self.rows as f64 * self.cols as f64 * self.measurements as f64;
        Cost { bytes: self.storage_bytes() as f64, flops: 0.5 * entries * batch as f64 }
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
