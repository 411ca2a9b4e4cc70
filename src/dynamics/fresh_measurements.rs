//! The field of descent with new measurements at every step.

use super::{Drive, Moment, Next, State, VectorField};
use crate::linalg::{Form, Matrix, multiply_into, symmetrise};
use crate::random::{Purpose, stream};
use crate::sensing::{Answer, Question};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

/// Parts that the rows of one step are divided into; a part of the order of summation.
const PARTS: usize = 8;
/// A step's rows have the streams `step · 2^ROW_BITS + row`.
const ROW_BITS: u32 = 24;
/// The most rows that a step can have.
pub const MOST_ROWS: usize = 1 << ROW_BITS;
/// The most steps whose rows have streams of their own.
pub const MOST_STEPS: u64 = 1 << (64 - ROW_BITS);

/// `Ḟ = N_k G`, `Ġ = N_kᵀ F` with `N_k = A_k*(y_k − A_k(FGᵀ)) = A_k*A_k(R) + A_k*(e_k)`, `y_k = A_k(Y) + e_k`, and a Gaussian operator `A_k` of `p` measurements
/// that belongs to piece `k`, step `k` of a descent, alone. It asks nothing: it knows the target.
///
/// Row `i` of step `k` comes from stream `k·2²⁴ + i` of [`Purpose::Fresh`]: `mn` standard normal numbers in column-major order, each divided by `√p`, then the
/// number that the noise's standard deviation multiplies. A row is drawn, used for its residual `⟨row, R⟩ + e` and for its part of `N_k`, and dropped.
/// The rows make eight parts, which are added in their order, whatever the number of threads. Nothing is allocated after construction.
/// In the symmetric model the measurements are symmetrised ones.
/// (THEORY 2.1: the changing measurement matrices of W23.)
#[derive(Debug)]
pub struct FreshMeasurements {
    seed: u64,
    measurements: usize,
    noise: f64,
    target: Matrix,
    /// `R = Y − FGᵀ`
    residual: Matrix,
    parts: Vec<Part>,
    /// `N_k`
    drive: Matrix,
    /// `A_k*(e_k)`
    noise_adjoint: Matrix,
}

/// What some of the rows add.
#[derive(Clone, Debug)]
struct Part {
    row: Vec<f64>,
    drive: Vec<f64>,
    noise: Vec<f64>,
}

impl FreshMeasurements {
    /// New measurements of `target` at every step, `measurements` of them (at most [`MOST_ROWS`]), with noise of standard deviation `noise`.
    pub fn new(seed: u64, measurements: usize, noise: f64, target: Matrix) -> Self {
        let (rows, cols) = target.shape();
        let zeros = || Matrix::zeros(rows, cols);
        let numbers = || vec![0.0; rows * cols];
        let part = Part { row: numbers(), drive: numbers(), noise: numbers() };
        FreshMeasurements {
            seed,
            measurements,
            noise,
            residual: zeros(),
            parts: vec![part; PARTS],
            drive: zeros(),
            noise_adjoint: zeros(),
            target,
        }
    }

    /// Writes `N_k` and `A_k*(e_k)` at the residual.
    fn measure(&mut self, step: u64) {
        let (seed, noise, count) = (self.seed, self.noise, self.measurements);
        let (scale, first) = ((count as f64).sqrt(), step << ROW_BITS);
        let residual = self.residual.as_slice();
        self.parts.par_iter_mut().enumerate().with_max_len(1).for_each(|(c, part)| {
            part.drive.fill(0.0);
            part.noise.fill(0.0);
            for i in c * count / PARTS..(c + 1) * count / PARTS {
                let mut normals = stream(seed, Purpose::Fresh, first + i as u64);
                for entry in &mut part.row {
                    let normal: f64 = normals.sample(StandardNormal);
                    *entry = normal / scale;
                }
                let e = if noise == 0.0 { 0.0 } else { noise * normals.sample::<f64, _>(StandardNormal) };
                add_scaled(&mut part.drive, dot(&part.row, residual) + e, &part.row);
                if e != 0.0 {
                    add_scaled(&mut part.noise, e, &part.row);
                }
            }
        });
        self.drive.fill(0.0);
        self.noise_adjoint.fill(0.0);
        for part in &self.parts {
            add_scaled(self.drive.as_mut_slice(), 1.0, &part.drive);
            add_scaled(self.noise_adjoint.as_mut_slice(), 1.0, &part.noise);
        }
    }
}

fn add_scaled(sum: &mut [f64], factor: f64, row: &[f64]) {
    sum.iter_mut().zip(row).for_each(|(sum, entry)| *sum += factor * entry);
}

/// `Σ aᵢ bᵢ` in eight interleaved sums.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_lanes, b_lanes) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_lanes.remainder().iter().zip(b_lanes.remainder()).map(|(x, y)| x * y).sum();
    let mut sums = [0.0; 8];
    for (a, b) in a_lanes.zip(b_lanes) {
        for ((sum, x), y) in sums.iter_mut().zip(a).zip(b) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f64>() + rest
}

impl VectorField for FreshMeasurements {
    fn begin(&mut self, at: Moment, state: &State, rate: &mut State) -> Next {
        let rows = state.shape().rows();
        multiply_into(&mut self.residual, 0, rows, -1.0, Form::RightTransposed, state.left(), state.right());
        self.residual += &self.target;
        self.measure(at.piece);
        if state.shape().is_symmetric() {
            // ⟨A, R⟩ sees the symmetric part of A alone, so the sums are those of symmetrised measurements but for this.
            symmetrise(&mut self.drive);
            symmetrise(&mut self.noise_adjoint);
        }
        state.drive_into(1.0, &self.drive, rate);
        Next::Rate
    }

    /// Never asked.
    fn question<'a>(&'a self, state: &'a State) -> Question<'a> {
        Question::residual(state.left(), state.right())
    }

    fn resume(&mut self, _at: Moment, state: &State, _answer: &Answer, rate: &mut State) -> Next {
        state.drive_into(1.0, &self.drive, rate);
        Next::Rate
    }

    fn own_drive<'a>(&'a self, _last: &'a Answer) -> Option<Drive<'a>> {
        Some(Drive { matrix: &self.drive, noise: Some(&self.noise_adjoint) })
    }

    /// Not known: the loss is another one at every step.
    fn dissipation(&self, _rate: &State) -> f64 {
        f64::NAN
    }
}
