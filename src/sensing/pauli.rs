//! Pauli measurements.

use super::sampled_transform::{self, SampledTransform};
use super::walsh_hadamard::transform_blocks;
use super::{Answer, Cost, NamedArray, Question, SensingError, SensingOperator, Values, Workspace, memory};
use crate::linalg::Matrix;
use crate::random::{Purpose, stream, without_replacement};
use rayon::prelude::*;

/// Shifts whose diagonals are gathered together: a tile of so many rows and columns fills whole cache lines.
const TILE: usize = 8;
/// Strings are numbered by 32 bits.
const LARGEST_SIDE: usize = 1 << 15;

/// `A(X)_i = √(d/p) ⟨W_i, X⟩` for `d × d` matrices, `d = 2^q`, with `p` of the `d²` tensor products of `q` of the real matrices `I`, `σ_x`, `σ_z` and
/// `σ_x σ_z = −iσ_y`, sampled without replacement. They are orthogonal, of norm `√d`, hence `E A*A = I`; each has operator norm 1, the least that a matrix of
/// its norm can have, so that no matrix of low rank is like them.
///
/// With shift `s` and phase `z`, two numbers of `q` bits, `W[j, j ⊕ s] = (−1)^{popcount(j & z)}`, zero elsewhere: `⟨W, X⟩` is entry `z` of the
/// Walsh–Hadamard transform of the diagonal `X[j, j ⊕ s]`, and an application costs `O(d² log d)` whatever `p` is.
///
/// **Order of summation.** The levels of the transform by ascending distance, there and back.
#[derive(Clone, PartialEq)]
pub struct Pauli {
    side: usize,
    /// `√(d/p)`
    scale: f64,
    /// `s d + z` of each measurement.
    strings: Vec<u32>,
    portable: bool,
}

impl std::fmt::Debug for Pauli {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Pauli { side, .. } = self;
        write!(out, "Pauli {{{{ side: {side}, measurements: {}, .. }}}}", self.measurements())
    }
}

impl Pauli {
    /// Draws the strings from stream `(seed, Purpose::Sensing, 0)`; they are in the order of `s d + z`.
    ///
    /// # Errors
    /// If the shape is not square or its side no power of two, there are fewer strings, or the operator does not fit into the memory that is left.
    pub fn draw(rows: usize, cols: usize, measurements: usize, seed: u64) -> Result<Self, SensingError> {
        Self::check_fits(rows, cols, measurements)?;
        let strings = without_replacement(&mut stream(seed, Purpose::Sensing, 0), measurements, rows * rows);
        Ok(Self::assemble(rows, strings))
    }

    /// The operator of given shifts and phases, each below the side.
    ///
    /// # Errors
    /// If one of them is not; as [`draw`](Self::draw) otherwise.
    pub fn from_strings(side: usize, strings: &[(usize, usize)]) -> Result<Self, SensingError> {
        Self::check_fits(side, side, strings.len())?;
        if let Some(measurement) = strings.iter().position(|&(shift, phase)| shift >= side || phase >= side) {
            let (shift, phase) = strings[measurement];
            return Err(SensingError::BadIndex { measurement, index: shift.max(phase), size: side });
        }
        Ok(Self::assemble(side, strings.iter().map(|&(shift, phase)| (shift * side + phase) as u32).collect()))
    }

    fn assemble(side: usize, strings: Vec<u32>) -> Self {
        Pauli { side, scale: (side as f64 / strings.len() as f64).sqrt(), strings, portable: false }
    }

    /// Whether such an operator can be had: nothing is allocated.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn check_fits(rows: usize, cols: usize, measurements: usize) -> Result<(), SensingError> {
        let ensemble = "pauli";
        if !Self::fits_shape(rows, cols) {
            return Err(SensingError::NoPauliShape { rows, cols });
        }
        let Some(most) = Self::most_measurements(rows, cols) else { return Err(SensingError::TooManyEntries { ensemble, rows, cols }) };
        if measurements > most {
            return Err(SensingError::TooMany { ensemble, measurements, most, rows, cols });
        }
        let needed = Self::required_bytes(measurements).saturating_add(8 * most as u64);
        memory::check(ensemble, [measurements, rows, cols], needed)
    }

    /// Whether matrices of this shape have Pauli measurements.
    pub fn fits_shape(rows: usize, cols: usize) -> bool {
        rows == cols && rows.is_power_of_two()
    }

    /// Strings, `d²`; nothing for matrices whose entries are too many.
    pub fn most_measurements(rows: usize, cols: usize) -> Option<usize> {
        (rows <= LARGEST_SIDE && cols <= LARGEST_SIDE).then(|| rows * cols)
    }

    /// Bytes that the strings take.
    pub fn required_bytes(measurements: usize) -> u64 {
        (measurements as u64).saturating_mul(4)
    }

    /// The same operator without the processor's vector instructions: slower, the same bits.
    pub fn portable(self) -> Self {
        Pauli { portable: true, ..self }
    }

    /// Shift and phase of each measurement.
    pub fn strings(&self) -> impl ExactSizeIterator<Item = (usize, usize)> {
        self.strings.iter().map(|&string| (string as usize / self.side, string as usize % self.side))
    }
}

impl SampledTransform for Pauli {
    fn size(&self) -> usize {
        self.side * self.side
    }

    fn taken(&self) -> &[u32] {
        &self.strings
    }

    fn scale(&self) -> f64 {
        self.scale
    }

    /// `⟨W, X⟩` for all strings.
    fn forward(&self, x: &[f64], buffer: &mut [f64]) {
        let side = self.side;
        let tile = TILE.min(side);
        buffer.par_chunks_mut(tile * side).enumerate().for_each(|(nth, diagonals)| {
            for j in (0..side).step_by(tile) {
                for (within, diagonal) in diagonals.chunks_exact_mut(side).enumerate() {
                    let shift = nth * tile + within;
                    for (k, out) in diagonal[j..j + tile].iter_mut().enumerate() {
                        *out = x[((j + k) ^ shift) * side + j + k];
                    }
                }
            }
        });
        transform_blocks(buffer, side, self.portable);
    }

    /// `Σ w W`, the weights at the places of their strings.
    fn backward(&self, weights: impl Iterator<Item = f64>, buffer: &mut [f64], out: &mut [f64]) {
        let side = self.side;
        let tile = TILE.min(side);
        buffer.par_chunks_mut(side).for_each(|part| part.fill(0.0));
        for (&string, weight) in self.strings.iter().zip(weights) {
            buffer[string as usize] += weight;
        }
        transform_blocks(buffer, side, self.portable);
        let buffer = &*buffer;
        out.par_chunks_mut(tile * side).enumerate().for_each(|(nth, columns)| {
            for j in (0..side).step_by(tile) {
                for (within, column) in columns.chunks_exact_mut(side).enumerate() {
                    let col = nth * tile + within;
                    for (k, out) in column[j..j + tile].iter_mut().enumerate() {
                        *out = buffer[((j + k) ^ col) * side + j + k];
                    }
                }
            }
        });
    }
}

impl SensingOperator for Pauli {
    fn shape(&self) -> (usize, usize) {
        (self.side, self.side)
    }

    fn measurements(&self) -> usize {
        self.strings.len()
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

    fn measure(&self, x: &Matrix) -> Vec<f64> {
        sampled_transform::measure(self, x)
    }

    fn adjoint(&self, v: &[f64]) -> Matrix {
        sampled_transform::adjoint(self, v)
    }

    fn cost(&self, batch: usize) -> Cost {
        Cost { bytes: self.storage_bytes() as f64, flops: self.flops(self.side.ilog2(), batch) }
    }

    fn storage_bytes(&self) -> u64 {
        Self::required_bytes(self.strings.len())
    }

    /// `shifts` and `phases`, `(p)` each.
    fn arrays(&self) -> Option<Vec<NamedArray<'_>>> {
        let shape = vec![self.strings.len()];
        let shifts = self.strings().map(|(shift, _)| shift as i64);
        let phases = self.strings().map(|(_, phase)| phase as i64);
        Some(vec![
            NamedArray { name: "shifts", shape: shape.clone(), values: Values::Integers(Box::new(shifts)) },
            NamedArray { name: "phases", shape, values: Values::Integers(Box::new(phases)) },
        ])
    }

    fn row(&self, i: usize) -> Matrix {
        let (shift, phase) = (self.strings[i] as usize / self.side, self.strings[i] as usize % self.side);
        let mut matrix = Matrix::zeros(self.side, self.side);
        for j in 0..self.side {
            matrix[(j, j ^ shift)] = if (j & phase).count_ones() % 2 == 0 { self.scale } else { -self.scale };
        }
        matrix
    }
}
