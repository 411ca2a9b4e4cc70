//! The two ends of a symmetric matrix's spectrum, without the rest of it.
//!
//! The matrix is brought to tridiagonal form `T = tridiag(e, d, e)` by reflections. `T − xI` is negative definite exactly where all pivots
//! `q_1 = d_1 − x`, `q_i = d_i − x − e²_{i−1}/q_{i−1}` are negative, so that the largest eigenvalue is found by section, several trial values `x` at once
//! (W. Kahan, *Accurate eigenvalues of a symmetric tri-diagonal matrix*, 1966). The pivots' signs are right for a matrix whose entries differ from
//! those of `T` by a few units in the last place, so the error is a modest multiple of `ε‖T‖`, that of the reduction. All values by QR iterations
//! take twice as long at size 50, three times as long at size 100.

use super::{Matrix, View};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::tridiag::{tridiag_in_place, tridiag_in_place_scratch};
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::{Mat, Par};

/// Trial values in one go through the pivots: what hides the latency of divisions.
const TRIALS: usize = 8;
/// Sections that suffice: each leaves a ninth of the interval, or at worst two numbers next to each other.
const MOST_SECTIONS: usize = 40;

/// The lowest and the highest eigenvalue of a finite symmetric matrix whose entries are of moderate size; only the lower triangle is read.
/// `None` of an empty one.
pub(super) fn extreme_eigenvalues_of_scaled(s: &Matrix) -> Option<(f64, f64)> {
    let tridiagonal = Tridiagonal::of(s);
    let highest = tridiagonal.highest()?;
    Some((-tridiagonal.negated().highest()?, highest))
}

/// The highest eigenvalue alone.
pub(super) fn highest_eigenvalue_of_scaled(s: &Matrix) -> Option<f64> {
    Tridiagonal::of(s).highest()
}

/// `tridiag(e, d, e)`, `e` by its squares.
struct Tridiagonal {
    diagonal: Vec<f64>,
    squares: Vec<f64>,
}

impl Tridiagonal {
    fn of(s: &Matrix) -> Self {
        let n = s.nrows();
        if n < 2 {
            return Tridiagonal { diagonal: s.iter().copied().collect(), squares: vec![] };
        }
        let mut reduced: Mat<f64> = View::of(s).as_faer().to_owned();
        let mut reflections = Mat::<f64>::zeros(recommended_block_size::<f64>(n, n), n - 1);
        let mut memory = MemBuffer::new(tridiag_in_place_scratch::<f64>(n, Par::Seq, Default::default()));
        tridiag_in_place(reduced.as_mut(), reflections.as_mut(), Par::Seq, MemStack::new(&mut memory), Default::default());
        let diagonal = (0..n).map(|i| reduced[(i, i)]).collect();
        let squares = (1..n).map(|i| reduced[(i, i - 1)].powi(2)).collect();
        Tridiagonal { diagonal, squares }
    }

    /// Of the negative of the matrix.
    fn negated(mut self) -> Self {
        self.diagonal.iter_mut().for_each(|d| *d = -*d);
        self
    }

    /// The largest eigenvalue: at least every entry of the diagonal, at most the right end of every Gershgorin interval.
    fn highest(&self) -> Option<f64> {
        let n = self.diagonal.len();
        let mut low = self.diagonal.iter().copied().reduce(f64::max)?;
        let off = |i: usize| self.squares.get(i).map_or(0.0, |square| square.sqrt());
        let right = |i: usize| self.diagonal[i] + off(i) + if i > 0 { off(i - 1) } else { 0.0 };
        let mut high = (0..n).map(right).fold(low, f64::max);
        let scale = self.diagonal.iter().fold(high.abs(), |scale, d| scale.max(d.abs()));
        // A bound that rounding has moved inwards must still hold.
        high += 4.0 * f64::EPSILON * scale;
        let resolution = 0.5 * f64::EPSILON * scale;
        for _ in 0..MOST_SECTIONS {
            if high - low <= resolution {
                break;
            }
            let trials: [f64; TRIALS] = std::array::from_fn(|k| low + (high - low) * ((k + 1) as f64 / (TRIALS + 1) as f64));
            let above = self.lie_above(&trials);
            let (before_low, before_high) = (low, high);
            for (trial, above) in trials.into_iter().zip(above) {
                if above {
                    high = high.min(trial);
                } else {
                    low = low.max(trial);
                }
            }
            if high <= low || (low, high) == (before_low, before_high) {
                break;
            }
        }
        Some(0.5 * (low + high))
    }

    /// For each trial value whether all eigenvalues lie below it.
    fn lie_above(&self, trials: &[f64; TRIALS]) -> [bool; TRIALS] {
        /// What stands for a pivot that vanishes, squares over which stay finite: entries are of moderate size.
        const LEAST: f64 = 1e-290;
        let mut pivots = [1.0; TRIALS];
        let mut worst = [f64::NEG_INFINITY; TRIALS];
        let couplings = std::iter::once(&0.0).chain(&self.squares);
        for (diagonal, square) in self.diagonal.iter().zip(couplings) {
            for k in 0..TRIALS {
                let pivot = diagonal - trials[k] - square / pivots[k];
                pivots[k] = if pivot.abs() < LEAST { LEAST } else { pivot };
                worst[k] = if pivots[k] > worst[k] { pivots[k] } else { worst[k] };
            }
        }
        worst.map(|worst| worst < 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::symmetric_eigen;

    fn symmetric(n: usize, seed: u64, scale: impl Fn(usize) -> f64) -> Matrix {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let a = Matrix::from_fn(n, n, |i, j| next() * scale(i) * scale(j));
        &a + a.transpose()
    }

    #[test]
    fn the_ends_of_the_spectrum_agree_with_the_whole_of_it() {
        for n in [1, 2, 3, 7, 8, 30, 61, 100] {
            for seed in 0..10 {
                let grade = [1.0, 0.5, 1e-3][seed as usize % 3];
                let s = symmetric(n, seed, |i| f64::powi(grade, i.min(40) as i32));
                let all = symmetric_eigen(&s).unwrap().values;
                let (lowest, highest) = extreme_eigenvalues_of_scaled(&s).unwrap();
                let norm = all[0].abs().max(all[n - 1].abs());
                // Reductions and iterations both have errors of a modest multiple of nε‖S‖.
                let allowed = (8 + n) as f64 * f64::EPSILON * norm;
                assert!(
                    (lowest - all[0]).abs() <= allowed && (highest - all[n - 1]).abs() <= allowed,
                    "{n}, {seed}: {lowest} {highest} {all:?}"
                );
                assert_eq!(highest_eigenvalue_of_scaled(&s), Some(highest));
            }
        }
    }

    #[test]
    fn special_matrices() {
        assert_eq!(extreme_eigenvalues_of_scaled(&Matrix::zeros(0, 0)), None);
        for n in [1, 2, 9] {
            assert_eq!(extreme_eigenvalues_of_scaled(&Matrix::zeros(n, n)), Some((0.0, 0.0)));
            let (lowest, highest) = extreme_eigenvalues_of_scaled(&(Matrix::identity(n, n) * 1.5)).unwrap();
            assert!((lowest - 1.5).abs() <= 4.0 * f64::EPSILON && (highest - 1.5).abs() <= 4.0 * f64::EPSILON);
        }
        // The second differences: 2 − 2cos(kπ/(n + 1)).
        let n = 40;
        let s = Matrix::from_fn(n, n, |i, j| {
            if i == j {
                2.0
            } else if i.abs_diff(j) == 1 {
                -1.0
            } else {
                0.0
            }
        });
        let exact = |k: usize| 2.0 - 2.0 * (std::f64::consts::PI * k as f64 / (n + 1) as f64).cos();
        let (lowest, highest) = extreme_eigenvalues_of_scaled(&s).unwrap();
        assert!((lowest - exact(1)).abs() <= 1e-15 * 4.0 && (highest - exact(n)).abs() <= 1e-15 * 4.0, "{lowest} {highest}");
    }
}
