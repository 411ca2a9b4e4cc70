//! The two ends of a symmetric matrix's spectrum, without the rest of it.
//!
//! The matrix is brought to tridiagonal form `T = tridiag(e, d, e)` by reflections. `xI − T` is positive definite exactly where all
//! leading minors
//! `p_0 = 1`, `p_1 = x − d_1`, `p_i = (x − d_i) p_{i−1} − e²_{i−1} p_{i−2}` are positive, so that the largest eigenvalue is enclosed by
//! section, several trial values `x` at once: first around where Laguerre's iteration on `p_n` ends, which from the right of all roots, all of
//! them real, goes to the largest one without passing it, at third order where it is simple; then evenly. The iteration only tells where to look.
//! The computed minors are those of a matrix whose `x − d_i` and `e²_i` differ by a few units in the last place, so
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
/// Sections that suffice: all but the first leave a seventeenth of the interval, or at worst two numbers next to each other.
const MOST_SECTIONS: usize = 40;
/// Steps of the iteration, of which four to seven reach a simple root; where that is not enough, sections do the rest.
const MOST_STEPS: usize = 12;
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
        let mut trials = trials_around(laguerre(&tridiagonal, low, high), low, high);
        for _ in 0..MOST_SECTIONS {
            let least = least_minors(&tridiagonal, &trials);
            let (before_low, before_high) = (low, high);
            for (trial, least) in trials.into_iter().zip(least) {
                if least > 0.0 {
                    high = high.min(trial);
                } else {
                    low = low.max(trial);
                }
            }
            if high - low <= 0.25 * f64::EPSILON || (low, high) == (before_low, before_high) {
                break;
            }
            trials = std::array::from_fn(|k| low + (high - low) * ((k + 1) as f64 / (TRIALS + 1) as f64));
        }
        0.5 * (low + high)
    }
}

/// Trial values on both sides of a guess, each four times as far away as the one before.
#[inline(always)]
fn trials_around(guess: f64, low: f64, high: f64) -> [f64; TRIALS] {
    let mut distance = 0.125 * f64::EPSILON;
    let mut trials = [0.0; TRIALS];
    for pair in trials.as_chunks_mut::<2>().0 {
        *pair = [guess - distance, guess + distance].map(|trial| trial.max(low).min(high));
        distance *= 4.0;
    }
    trials
}

/// Where Laguerre's iteration from the upper bound on comes to rest.
#[inline(always)]
fn laguerre(tridiagonal: &Tridiagonal, low: f64, high: f64) -> f64 {
    let degree = tridiagonal.diagonal.len() as f64;
    let mut x = high;
    for _ in 0..MOST_STEPS {
        let [p, first, second] = derivatives(tridiagonal, x);
        let (g, h) = (first / p, (first / p).powi(2) - second / p);
        // Real roots leave nothing negative under the root but rounding.
        let step = degree / (g + ((degree - 1.0) * (degree * h - g * g)).max(0.0).sqrt());
        // Beyond the root by rounding, or not a number.
        if p <= 0.0 || step.is_nan() {
            break;
        }
        x = (x - step).max(low);
        if step <= 0.25 * f64::EPSILON {
            break;
        }
    }
    x
}

/// The last minor and its first two derivatives, up to a positive factor.
#[inline(always)]
fn derivatives(tridiagonal: &Tridiagonal, x: f64) -> [f64; 3] {
    let (mut now, mut before) = ([1.0, 0.0, 0.0], [0.0; 3]);
    let Tridiagonal { diagonal, squares } = tridiagonal;
    let mut coupling = 0.0;
    for (stretch, diagonal) in diagonal.chunks(STRETCH).enumerate() {
        let squares = squares.iter().skip(stretch * STRETCH).chain([&0.0]);
        for (diagonal, square) in diagonal.iter().zip(squares) {
            let difference = x - diagonal;
            let next = [
                difference.mul_add(now[0], -(coupling * before[0])),
                difference.mul_add(now[1], now[0] - coupling * before[1]),
                difference.mul_add(now[2], 2.0 * now[1] - coupling * before[2]),
            ];
            (before, now) = (now, next);
            coupling = *square;
        }
        let size = now[0].abs().max(before[0].abs());
        let factor = if size < SMALL { RAISE } else { 1.0 };
        let factor = if size > LARGE { LOWER } else { factor };
        (now, before) = (now.map(|x| x * factor), before.map(|x| x * factor));
    }
    now
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

    #[test]
    fn roots_that_nearly_coincide() {
        // J. H. Wilkinson's matrices, of whose two highest eigenvalues the difference is far below rounding at sides above 21, alone and
        // beside copies of themselves, which have the same eigenvalues.
        let wilkinson = |side: usize| {
            Matrix::from_fn(side, side, |i, j| match i.abs_diff(j) {
                0 => (i as f64 - (side / 2) as f64).abs(),
                1 => 1.0,
                _ => 0.0,
            })
        };
        for side in [21, 41, 101] {
            for copies in [1, 3] {
                let block = wilkinson(side);
                let s = Matrix::from_fn(
                    copies * side,
                    copies * side,
                    |i, j| if i / side == j / side { block[(i % side, j % side)] } else { 0.0 },
                );
                let all = symmetric_eigen(&block).unwrap().values;
                let (lowest, highest) = extremes(&s).unwrap();
                let allowed = (8 + side) as f64 * f64::EPSILON * all[side - 1];
                assert!((highest - all[side - 1]).abs() <= allowed && (lowest - all[0]).abs() <= allowed, "{side}: {lowest} {highest}");
            }
        }
        assert!((extremes(&wilkinson(21)).unwrap().1 - 10.746_194_182_903_393).abs() <= 1e-14);
    }

    #[test]
    fn the_search_ends_where_the_minors_change_sign() {
        // Of tridiagonal matrices of any grading: below what is found some minor is not positive, above it all are.
        let mut state = 11_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        for side in [1, 2, 5, 40, 130] {
            for grade in [1.0, 0.9, 0.3, 1e-3] {
                for shift in [0.0, 1.0, -1.0] {
                    let size = |i: usize| f64::powi(grade, i as i32);
                    let diagonal: Vec<f64> = (0..side).map(|i| shift + next() * size(i)).collect();
                    let squares: Vec<f64> = (1..side).map(|i| (next() * size(i)).powi(2)).collect();
                    let form = Tridiagonal { diagonal, squares };
                    let found = form.highest().unwrap();
                    let bound = 4.0 * f64::EPSILON * (1.0 + shift.abs());
                    let least = least_minors(&form, &std::array::from_fn(|k| if k % 2 == 0 { found - bound } else { found + bound }));
                    assert!(least[0] <= 0.0 && least[1] > 0.0, "{side}, {grade}, {shift}: {found} {least:?}");
                }
            }
        }
    }
}
