//! Subsampled randomised Walsh–Hadamard transform.

use super::sampled_transform::{self, SampledTransform};
use super::subset::Subset;
use super::walsh_hadamard::transform;
use super::{Answer, Cost, NamedArray, Question, SensingError, SensingOperator, Values, Workspace, memory};
use crate::linalg::Matrix;
use crate::random::{Purpose, stream, without_replacement};
use rand::Rng;
use rayon::prelude::*;

/// Numbers that a thread signs at a time.
const SHARE: usize = 1 << 14;
/// Rows of the transform are numbered by 32 bits.
const MOST_ENTRIES: u64 = 1 << 31;

/// `A(X) = (1/√p) S H D vec X`: the column-major entries of `X` times random signs `D`, padded with zeros to `N = 2^q ≥ mn` numbers, their
/// Walsh–Hadamard transform (`H_jk = (−1)^{popcount(j & k)}`, `HᵀH = N I`), and `p` of its rows, sampled without replacement.
///
/// `E SᵀS = (p/N) I`, hence `E A*A = D Hᵀ H D/N = I`. Every `A_i` has entries ±1/√p, and an application costs `O(N log N)` whatever `p` is.
///
/// **Order of summation.** The levels of the transform by ascending distance; `y_i − A(X)_i` with `1/√p` as a factor of the sum; the adjoint
/// by the same transform of the residuals, times `1/√p` each.
#[derive(Clone, PartialEq)]
pub struct Hadamard {
    rows: usize,
    cols: usize,
    /// `N`
    size: usize,
    /// `1/√p`
    scale: f64,
    /// Row of the transform of each measurement.
    indices: Vec<u32>,
    /// Bit `k % 64` of word `k / 64` is set where entry `k` is negated.
    negative: Vec<u64>,
    portable: bool,
}

impl std::fmt::Debug for Hadamard {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Hadamard { rows, cols, .. } = self;
        write!(out, "Hadamard {{{{ rows: {rows}, cols: {cols}, measurements: {}, .. }}}}", self.measurements())
    }
}

impl Hadamard {
    /// Draws the signs (the bits of the 64-bit numbers of stream `(seed, Purpose::Sensing, 0)`, the lowest first; a set bit is −) and the rows of
    /// the transform (stream 1; ascending).
    ///
    /// # Errors
    /// If the shape is empty, the transform has fewer rows, or the operator does not fit into the memory that is left.
    pub fn draw(rows: usize, cols: usize, measurements: usize, seed: u64) -> Result<Self, SensingError> {
        Self::check_fits(rows, cols, measurements)?;
        let length = rows * cols;
        let mut bits = stream(seed, Purpose::Sensing, 0);
        let mut negative: Vec<u64> = (0..length.div_ceil(64)).map(|_| bits.next_u64()).collect();
        if let (Some(last), 1..) = (negative.last_mut(), length % 64) {
            *last &= (1 << (length % 64)) - 1;
        }
        let indices = without_replacement(&mut stream(seed, Purpose::Sensing, 1), measurements, length.next_power_of_two());
        Ok(Self::assemble(rows, cols, indices, negative))
    }

    /// The operator of given rows of the transform, one a measurement, and signs: `negative` says of each entry, column-major, whether it is negated.
    ///
    /// # Errors
    /// If `negative` is not `mn` long, or a row is beyond the transform's; as [`draw`](Self::draw) otherwise.
    pub fn from_parts(rows: usize, cols: usize, indices: &[usize], negative: &[bool]) -> Result<Self, SensingError> {
        Self::check_fits(rows, cols, indices.len())?;
        let (expected, size) = (rows * cols, (rows * cols).next_power_of_two());
        if negative.len() != expected {
            return Err(SensingError::EntryCount { expected, found: negative.len() });
        }
        if let Some(measurement) = indices.iter().position(|&index| index >= size) {
            return Err(SensingError::BadIndex { measurement, index: indices[measurement], size });
        }
        let word = |bits: &[bool]| bits.iter().enumerate().fold(0, |word, (k, &bit)| word | u64::from(bit) << k);
        let negative = negative.chunks(64).map(word).collect();
        Ok(Self::assemble(rows, cols, indices.iter().map(|&index| index as u32).collect(), negative))
    }

    fn assemble(rows: usize, cols: usize, indices: Vec<u32>, negative: Vec<u64>) -> Self {
        let (size, scale) = ((rows * cols).next_power_of_two(), 1.0 / (indices.len() as f64).sqrt());
        Hadamard { rows, cols, size, scale, indices, negative, portable: false }
    }

    /// Whether such an operator can be had: nothing is allocated.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn check_fits(rows: usize, cols: usize, measurements: usize) -> Result<(), SensingError> {
        let ensemble = "hadamard";
        let Some(most) = Self::most_measurements(rows, cols) else { return Err(SensingError::TooManyEntries { ensemble, rows, cols }) };
        if measurements > most {
            return Err(SensingError::TooMany { ensemble, measurements, most, rows, cols });
        }
        let needed = Self::required_bytes(rows, cols, measurements).saturating_add(8 * most as u64);
        memory::check(ensemble, [measurements, rows, cols], needed)
    }

    /// Rows of the transform, `N`; nothing for matrices whose entries are too many.
    pub fn most_measurements(rows: usize, cols: usize) -> Option<usize> {
        rows.checked_mul(cols).filter(|&length| length as u64 <= MOST_ENTRIES).map(usize::next_power_of_two)
    }

    /// Bytes that the signs and the numbers of the rows take. Saturates.
    pub fn required_bytes(rows: usize, cols: usize, measurements: usize) -> u64 {
        let signs = (rows as u64).saturating_mul(cols as u64).div_ceil(64).saturating_mul(8);
        signs.saturating_add((measurements as u64).saturating_mul(4))
    }

    /// The same operator without the processor's vector instructions: slower, the same bits.
    pub fn portable(self) -> Self {
        Hadamard { portable: true, ..self }
    }

    fn is_negative(&self, k: usize) -> bool {
        self.negative[k / 64] >> (k % 64) & 1 == 1
    }

    /// `out = D x`, and zeros after it.
    fn sign_into(&self, x: &[f64], out: &mut [f64]) {
        out.par_chunks_mut(SHARE).enumerate().for_each(|(nth, out)| {
            let x = x.get(nth * SHARE..).unwrap_or_default();
            let x = &x[..x.len().min(out.len())];
            let (signed, padding) = out.split_at_mut(x.len());
            let words = &self.negative[(nth * SHARE / 64).min(self.negative.len())..];
            for ((out, x), word) in signed.chunks_mut(64).zip(x.chunks(64)).zip(words) {
                for (k, (out, x)) in out.iter_mut().zip(x).enumerate() {
                    *out = f64::from_bits(x.to_bits() ^ (word >> k << 63));
                }
            }
            padding.fill(0.0);
        });
    }

    /// Number `k` of measurement `i`, column by column.
    fn entry(&self, i: usize, k: usize) -> f64 {
        let negative = ((self.indices[i] as usize & k).count_ones() % 2 == 1) != self.is_negative(k);
        if negative { -self.scale } else { self.scale }
    }
}

impl SampledTransform for Hadamard {
    fn size(&self) -> usize {
        self.size
    }

    fn taken(&self) -> &[u32] {
        &self.indices
    }

    fn scale(&self) -> f64 {
        self.scale
    }

    /// `x ← H D x`, padded.
    fn forward(&self, x: &[f64], buffer: &mut [f64]) {
        self.sign_into(x, buffer);
        transform(buffer, self.portable);
    }

    /// `out = D Hᵀ Sᵀ w`, `w` as the weights of the measurements give them.
    fn backward(&self, weights: impl Iterator<Item = f64>, buffer: &mut [f64], out: &mut [f64]) {
        buffer.par_chunks_mut(SHARE).for_each(|part| part.fill(0.0));
        for (&index, weight) in self.indices.iter().zip(weights) {
            buffer[index as usize] += weight;
        }
        transform(buffer, self.portable);
        self.sign_into(&buffer[..out.len()], out);
    }
}

impl SensingOperator for Hadamard {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn measurements(&self) -> usize {
        self.indices.len()
    }

    fn workspace(&self) -> Workspace {
        sampled_transform::workspace(self)
    }

    /// Question after question, each shared among the threads. Allocates nothing.
    ///
    /// # Panics
    /// If there are not as many answers as questions, or a length or shape does not fit.
    fn answer(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], work: &mut Workspace) {
        sampled_transform::answer(self, y, questions, answers, work);
    }

    /// By the measurements asked for and no others, entry by entry. Gives the matrix.
    fn answer_subset(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer, _work: &mut Workspace) {
        if let Some(subset) = Subset::begin(question, y, answer) {
            subset.by_numbers(answer, |i, k| self.entry(i, k));
        }
    }

    fn measure(&self, x: &Matrix) -> Vec<f64> {
        sampled_transform::measure(self, x)
    }

    fn adjoint(&self, v: &[f64]) -> Matrix {
        sampled_transform::adjoint(self, v)
    }

    fn cost(&self, batch: usize) -> Cost {
        Cost { bytes: self.storage_bytes() as f64, flops: self.flops(self.size.ilog2(), batch) }
    }

    fn storage_bytes(&self) -> u64 {
        Self::required_bytes(self.rows, self.cols, self.indices.len())
    }

    /// `indices`, the rows of the transform, and `signs`, `(m, n)`, ±1.
    fn arrays(&self) -> Option<Vec<NamedArray<'_>>> {
        let indices = self.indices.iter().map(|&index| i64::from(index));
        let entries = (0..self.rows).flat_map(move |i| (0..self.cols).map(move |j| j * self.rows + i));
        let signs = entries.map(move |k| if self.is_negative(k) { -1 } else { 1 });
        Some(vec![
            NamedArray { name: "indices", shape: vec![self.indices.len()], values: Values::Integers(Box::new(indices)) },
            NamedArray { name: "signs", shape: vec![self.rows, self.cols], values: Values::Integers(Box::new(signs)) },
        ])
    }

    fn row(&self, i: usize) -> Matrix {
        Matrix::from_iterator(self.rows, self.cols, (0..self.rows * self.cols).map(|k| self.entry(i, k)))
    }
}
