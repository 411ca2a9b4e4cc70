//! The two ends of a symmetric matrix's spectrum, without the rest of it.
//!
//! The matrix is brought to tridiagonal form `T = tridiag(e, d, e)` by reflections. `xI − T` is positive definite exactly where all
//! leading minors
//! `p_0 = 1`, `p_1 = x − d_1`, `p_i = (x − d_i) p_{i−1} − e²_{i−1} p_{i−2}` are positive, so that the largest eigenvalue is found by
//! section, several trial
//! values `x` at once. The computed minors are those of a matrix whose `x − d_i` and `e²_i` differ by a few units in the last place, so
//! their signs are
//! right for a matrix near `T`, and the error is a modest multiple of `ε‖T‖`, that of the reduction. (W. Kahan, *Accurate eigenvalues of a
//! symmetric
//! tri-diagonal matrix*, 1966, for the pivots `p_i/p_{i−1}`, which take divisions.) Minors are scaled by powers of two on the way.

use super::panels::Panels;
use super::scaled::{power_of_two, power_of_two_above};
use super::tridiagonal::Tridiagonal;
use super::vectorised::{Job, run};

/// Trial values in one go through the minors: what hides the latency of products.
const TRIALS: usize = 16;
/// Sections that suffice: each leaves a seventeenth of the interval, or at worst two numbers next to each other.
const MOST_SECTIONS: usize = 40;
/// Minors between two looks at their size. Where `‖T‖ ≤ 1`, a positive one is between 1e-18 and 3 times the one before.
const STRETCH: usize = 4;
/// Two minors in a row below the first are raised, above the second lowered, each by more than a stretch can take them the other way.
const SMALL: f64 = power_of_two(-100);
const RAISE: f64 = power_of_two(300);
const LARGE: f64 = power_of_two(200);
const LOWER: f64 = power_of_two(-200);

/// The lowest and the highest eigenvalue of a finite symmetric matrix (both triangles) whose entries are of moderate size. `None` of an
/// empty one.
pub(super) fn extreme_eigenvalues_of_scaled(s: Panels) -> Option<(f64, f64)> {
    let tridiagonal = Tridiagonal::reduce(s);
    let highest = tridiagonal.highest()?;
    Some((-tridiagonal.negated().highest()?, highest))
}

/// The highest eigenvalue alone.
pub(super) fn highest_eigenvalue_of_scaled(s: Panels) -> Option<f64> {
    Tridiagonal::reduce(s).highest()
}

impl Tridiagonal {
    /// Of the negative of the matrix.
    fn negated(mut self) -> Self {
        self.diagonal.iter_mut().for_each(|d| *d = -*d);
        self
    }

    /// The largest eigenvalue: at least every entry of the diagonal, at most the right end of every Gershgorin interval.
    fn highest(&self) -> Option<f64> {
        let Tridiagonal { diagonal, squares } = self;
        let low = diagonal.iter().copied().reduce(f64::max)?;
        let (mut high, mut bound, mut before) = (low, 0.0, 0.0);
        for (d, square) in diagonal.iter().zip(squares.iter().chain([&0.0])) {
            let off = square.sqrt();
            (high, bound) = (f64::max(high, d + (before + off)), f64::max(bound, d.abs() + (before + off)));
            before = off;
        }
        if bound == 0.0 {
            return Some(0.0);
        }
        let unit = power_of_two_above(bound);
        let inverse = 1.0 / unit;
        let diagonal = diagonal.iter().map(|d| d * inverse).collect();
        let squares = squares.iter().map(|square| square * inverse * inverse).collect();
        // A bound that rounding has moved inwards must still hold.
        let high = high * inverse + 4.0 * f64::EPSILON;
        Some(run(Sections { tridiagonal: Tridiagonal { diagonal, squares }, low: low * inverse, high }) * unit)
    }
}

/// The search for the highest eigenvalue between two bounds, for `‖T‖ ≤ 1`.
struct Sections {
    tridiagonal: Tridiagonal,
    low: f64,
    high: f64,
}

impl Job for Sections {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Sections { tridiagonal, mut low, mut high } = self;
        for _ in 0..MOST_SECTIONS {
            if high - low <= 0.25 * f64::EPSILON {
                break;
            }
            let trials: [f64; TRIALS] = std::array::from_fn(|k| low + (high - low) * ((k + 1) as f64 / (TRIALS + 1) as f64));
            let least = least_minors(&tridiagonal, &trials);
            let (before_low, before_high) = (low, high);
            for (trial, least) in trials.into_iter().zip(least) {
                if least > 0.0 {
                    high = high.min(trial);
                } else {
                    low = low.max(trial);
                }
            }
            if high <= low || (low, high) == (before_low, before_high) {
                break;
            }
        }
        0.5 * (low + high)
    }
}

/// For each trial value the least of the leading minors, up to positive factors.
#[inline(always)]
fn least_minors(tridiagonal: &Tridiagonal, trials: &[f64; TRIALS]) -> [f64; TRIALS] {
    let (mut minors, mut before, mut least) = ([1.0; TRIALS], [0.0; TRIALS], [f64::INFINITY; TRIALS]);
    let Tridiagonal { diagonal, squares } = tridiagonal;
    let mut coupling = 0.0;
    for (stretch, diagonal) in diagonal.chunks(STRETCH).enumerate() {
        let squares = squares.iter().skip(stretch * STRETCH).chain([&0.0]);
        for (diagonal, square) in diagonal.iter().zip(squares) {
            for k in 0..TRIALS {
                let minor = (trials[k] - diagonal).mul_add(minors[k], -(coupling * before[k]));
                before[k] = minors[k];
                minors[k] = minor;
                least[k] = if minor < least[k] { minor } else { least[k] };
            }
            coupling = *square;
        }
        for k in 0..TRIALS {
            let size = if minors[k].abs() > before[k].abs() { minors[k].abs() } else { before[k].abs() };
            let factor = if size < SMALL { RAISE } else { 1.0 };
            let factor = if size > LARGE { LOWER } else { factor };
            minors[k] *= factor;
            before[k] *= factor;
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{Matrix, symmetric_eigen};

    fn extremes(s: &Matrix) -> Option<(f64, f64)> {
        extreme_eigenvalues_of_scaled(Panels::of_symmetric(s, (1.0, 1.0)))
    }

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
                let (lowest, highest) = extremes(&s).unwrap();
                let norm = all[0].abs().max(all[n - 1].abs());
                // Reductions and iterations both have errors of a modest multiple of nε‖S‖.
                let allowed = (8 + n) as f64 * f64::EPSILON * norm;
                assert!(
                    (lowest - all[0]).abs() <= allowed && (highest - all[n - 1]).abs() <= allowed,
                    "{n}, {seed}: {lowest} {highest} {all:?}"
                );
                assert_eq!(highest_eigenvalue_of_scaled(Panels::of_symmetric(&s, (1.0, 1.0))), Some(highest));
            }
        }
    }

    #[test]
    fn special_matrices() {
        assert_eq!(extremes(&Matrix::zeros(0, 0)), None);
        // Of many equal eigenvalues all minors are tiny near them.
        for n in [1, 2, 9, 50, 200] {
            assert_eq!(extremes(&Matrix::zeros(n, n)), Some((0.0, 0.0)));
            let (lowest, highest) = extremes(&(Matrix::identity(n, n) * 1.5)).unwrap();
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
        let (lowest, highest) = extremes(&s).unwrap();
        assert!((lowest - exact(1)).abs() <= 1e-15 * 4.0 && (highest - exact(n)).abs() <= 1e-15 * 4.0, "{lowest} {highest}");
    }
}
