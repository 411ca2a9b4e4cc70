//! Singular values of bidiagonal matrices by counting.
//!
//! `±σ_i` are the eigenvalues of the symmetric tridiagonal matrix of side `2n` with zeros on the diagonal and `α_1, β_1, α_2, …, α_n`
//! beside it. Of its leading minors
//! `p_0 = 1`, `p_1 = x`, `p_i = x p_{i−1} − e²_{i−1} p_{i−2}`, as many pairs of neighbours have opposite signs as there are eigenvalues
//! above `x` (Sturm). The computed
//! signs are right for a matrix whose `e²` differ by a few units in the last place, of which singular values feel as little: what this
//! finds has the accuracy of the
//! bidiagonal form itself. Several values are enclosed at once, one a lane: by bisection, in ratio while their size is unknown, and, once
//! an interval holds one value alone, by the
//! rule of false position (Illinois) on the last minor.

use super::scaled::{power_of_two, power_of_two_above};
use super::vectorised::{Job, run};

/// Values that are looked for together.
const TOGETHER: usize = 16;
/// Minors between two looks at their size. Where all is at most 1, two neighbours are at most twice and at least 1e-40 times the two
/// before.
const STRETCH: usize = 4;
/// Two minors in a row below this are raised, by more than a stretch can lower them.
const SMALL: f64 = power_of_two(-100);
const RAISE: f64 = power_of_two(300);
/// Beyond this many values products of minors might overflow.
pub(super) const MOST_VALUES: usize = 256;
/// Stands for smaller squares, so that no two minors in a row vanish. Its root is far below rounding.
const LEAST_SQUARE: f64 = 1e-40;
/// How short an interval is short enough, of values at most 1, and beside a relative ε.
const RESOLUTION: f64 = 0.125 * f64::EPSILON;
/// Goes through the minors that suffice by bisections alone.
const MOST_ROUNDS: usize = 90;

/// The singular values, descending, of the bidiagonal matrix with entries of moderate size.
pub(super) fn bidiagonal_singular_values(diagonal: &[f64], above: &[f64]) -> Vec<f64> {
    let (mut bound, mut before) = (0.0_f64, 0.0);
    for (a, b) in diagonal.iter().zip(above.iter().chain([&0.0])) {
        // Two neighbours bound the sum of a row.
        bound = bound.max(before + a.abs()).max(a.abs() + b.abs());
        before = b.abs();
    }
    let mut values = vec![0.0; diagonal.len()];
    if bound == 0.0 {
        return values;
    }
    let unit = power_of_two_above(bound);
    let square = |x: &f64| (x / unit).powi(2).max(LEAST_SQUARE);
    let mut squares = Vec::with_capacity(2 * diagonal.len());
    for (a, b) in diagonal.iter().zip(above) {
        squares.extend([square(a), square(b)]);
    }
    squares.extend(diagonal.last().map(square));
    for (group, values) in values.chunks_mut(TOGETHER).enumerate() {
        let found = run(Search { squares: &squares, first: group * TOGETHER, high: bound / unit * (1.0 + 4.0 * f64::EPSILON) });
        values.iter_mut().zip(found).for_each(|(value, found)| *value = found * unit);
    }
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// A number for each value.
type Each<T> = [T; TOGETHER];

/// What is known at one end of each interval.
#[derive(Clone, Copy)]
struct Ends {
    at: Each<f64>,
    /// Values above it.
    count: Each<f64>,
    /// The last minor in absolute value, up to a positive factor, and the number of times that it was raised.
    minor: Each<f64>,
    raised: Each<f64>,
}

/// The search for values `first ..`.
struct Search<'a> {
    squares: &'a [f64],
    first: usize,
    high: f64,
}

/// Intervals that hold one wanted value each. What is done with them has no branches, so that it is done to several at once.
struct Intervals {
    /// Numbers of the values.
    index: Each<f64>,
    low: Ends,
    high: Ends,
    /// Which end has moved last: 1 the high one, −1 the low one.
    moved: Each<f64>,
    /// Lengths before the last step and before the one before.
    lengths: [Each<f64>; 2],
}

impl Intervals {
    #[inline(always)]
    fn resolution(&self, k: usize) -> f64 {
        let relative = f64::EPSILON * self.high.at[k];
        if relative > RESOLUTION { relative } else { RESOLUTION }
    }

    #[inline(always)]
    fn length(&self, k: usize) -> f64 {
        self.high.at[k] - self.low.at[k]
    }

    #[inline(always)]
    fn all_short(&self) -> bool {
        let mut short = true;
        for k in 0..TOGETHER {
            short &= self.length(k) <= self.resolution(k);
        }
        short
    }

    /// Where to look next.
    #[inline(always)]
    fn trials(&self) -> Each<f64> {
        let mut trials = [0.0; TOGETHER];
        for (k, trial) in trials.iter_mut().enumerate() {
            let (low, high, least) = (self.low.at[k], self.high.at[k], 0.75 * self.resolution(k));
            let floor = if low > RESOLUTION { low } else { RESOLUTION };
            let (ratio, middle) = ((floor * high).sqrt(), 0.5 * (low + high));
            let guess = low + (high - low) * (self.low.minor[k] / (self.low.minor[k] + self.high.minor[k]));
            // Far enough from both ends to enclose what is near one of them.
            let guess = if guess > low + least { guess } else { low + least };
            let guess = if guess < high - least { guess } else { high - least };
            // False position that does not quarter in two steps gives way to bisection.
            let single = (self.low.count[k] - self.high.count[k] == 1.0) & (self.low.raised[k] == self.high.raised[k]);
            let inside = if single & (self.length(k) <= 0.25 * self.lengths[1][k]) { guess } else { middle };
            *trial = if high > 16.0 * floor { ratio } else { inside };
        }
        trials
    }

    #[inline(always)]
    fn take(&mut self, ends: &Ends) {
        for k in 0..TOGETHER {
            let open = self.length(k) > self.resolution(k);
            let (below, above) = (open & (ends.count[k] > self.index[k]), open & (ends.count[k] <= self.index[k]));
            self.lengths[1][k] = self.lengths[0][k];
            self.lengths[0][k] = self.length(k);
            // An end that stays twice weighs half.
            let high_weight = if below & (self.moved[k] < 0.0) { 0.5 } else { 1.0 };
            let low_weight = if above & (self.moved[k] > 0.0) { 0.5 } else { 1.0 };
            self.moved[k] = if below { -1.0 } else { 1.0 };
            self.low.minor[k] = if below { ends.minor[k] } else { self.low.minor[k] * low_weight };
            self.high.minor[k] = if above { ends.minor[k] } else { self.high.minor[k] * high_weight };
            self.low.at[k] = if below { ends.at[k] } else { self.low.at[k] };
            self.high.at[k] = if above { ends.at[k] } else { self.high.at[k] };
            self.low.count[k] = if below { ends.count[k] } else { self.low.count[k] };
            self.high.count[k] = if above { ends.count[k] } else { self.high.count[k] };
            self.low.raised[k] = if below { ends.raised[k] } else { self.low.raised[k] };
            self.high.raised[k] = if above { ends.raised[k] } else { self.high.raised[k] };
        }
    }
}

impl Job for Search<'_> {
    type Output = Each<f64>;

    #[inline(always)]
    fn run(self) -> Each<f64> {
        let values = self.squares.len().div_ceil(2) as f64;
        let unknown = |at: f64, count: f64| Ends {
            at: [at; TOGETHER],
            count: [count; TOGETHER],
            minor: [1.0; TOGETHER],
            raised: [f64::NAN; TOGETHER],
        };
        let mut intervals = Intervals {
            index: std::array::from_fn(|k| ((self.first + k) as f64).min(values - 1.0)),
            low: unknown(0.0, values),
            high: unknown(self.high, 0.0),
            moved: [0.0; TOGETHER],
            lengths: [[f64::INFINITY; TOGETHER]; 2],
        };
        for _ in 0..MOST_ROUNDS {
            if intervals.all_short() {
                break;
            }
            let ends = ends(self.squares, &intervals.trials());
            intervals.take(&ends);
        }
        // Below the resolution nothing tells a value from zero.
        std::array::from_fn(|k| match intervals.low.at[k] == 0.0 {
            true => 0.0,
            false => 0.5 * (intervals.low.at[k] + intervals.high.at[k]),
        })
    }
}

/// The counts and the last minors at several points.
#[inline(always)]
fn ends(squares: &[f64], at: &Each<f64>) -> Ends {
    let (mut minors, mut before) = (*at, [1.0; TOGETHER]);
    let (mut changes, mut raised) = ([0_u64; TOGETHER], [0.0; TOGETHER]);
    for stretch in squares.chunks(STRETCH) {
        for square in stretch {
            for k in 0..TOGETHER {
                let minor = at[k].mul_add(minors[k], -(square * before[k]));
                changes[k] += (minor.to_bits() ^ minors[k].to_bits()) >> 63;
                before[k] = minors[k];
                minors[k] = minor;
            }
        }
        for k in 0..TOGETHER {
            let size = if minors[k].abs() > before[k].abs() { minors[k].abs() } else { before[k].abs() };
            let factor = if size < SMALL { RAISE } else { 1.0 };
            minors[k] *= factor;
            before[k] *= factor;
            raised[k] += if size < SMALL { 1.0 } else { 0.0 };
        }
    }
    Ends { at: *at, count: changes.map(|count| count as f64), minor: minors.map(f64::abs), raised }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_known_in_closed_form() {
        // The bidiagonal matrix of ones: its values are 2 cos(kπ/(2n + 1)).
        for n in [1, 2, 3, 16, 17, 50, 100, 256] {
            let found = bidiagonal_singular_values(&vec![1.0; n], &vec![1.0; n - 1]);
            for (k, value) in found.iter().enumerate() {
                let exact = 2.0 * (std::f64::consts::PI * (k + 1) as f64 / (2 * n + 1) as f64).cos();
                assert!((value - exact).abs() < 4.0 * f64::EPSILON, "{n}, {k}: {value} {exact}");
            }
        }
    }

    #[test]
    fn many_values_near_rounding_do_not_disturb_one_that_is_not() {
        for n in [9, 65, 256] {
            let tiny: Vec<f64> = (0..n).map(|k| 1e-17 * (1.0 + k as f64 / n as f64)).collect();
            let mut diagonal = tiny.clone();
            diagonal[n / 2] = 1.0;
            for above in [tiny[1..].to_vec(), vec![0.0; n - 1]] {
                let found = bidiagonal_singular_values(&diagonal, &above);
                assert!((found[0] - 1.0).abs() <= f64::EPSILON && found[1] <= 2.0 * f64::EPSILON, "{n}: {found:?}");
            }
        }
    }

    #[test]
    fn diagonal_matrices_keep_their_entries_and_zeros_are_zero() {
        let diagonal: Vec<f64> = (0..40).map(|k| (-0.7_f64).powi(k) * if k % 7 == 6 { 0.0 } else { 1.3 }).collect();
        let mut sorted: Vec<f64> = diagonal.iter().map(|x| x.abs()).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let found = bidiagonal_singular_values(&diagonal, &[0.0; 39]);
        assert!(found.iter().zip(&sorted).all(|(x, y)| (x - y).abs() <= f64::EPSILON && (*x == 0.0) == (*y == 0.0)), "{found:?}");
        assert_eq!(bidiagonal_singular_values(&[0.0; 3], &[0.0; 2]), [0.0; 3]);
        assert!(bidiagonal_singular_values(&[], &[]).is_empty());
    }
}
