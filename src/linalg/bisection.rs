//! Singular values of bidiagonal matrices by counting.
//!
//! `±σ_i` are the eigenvalues of the symmetric tridiagonal matrix of side `2n` with zeros on the diagonal and `α_1, β_1, α_2, …, α_n` beside it. Of its leading minors
//! `p_0 = 1`, `p_1 = x`, `p_i = x p_{i−1} − e²_{i−1} p_{i−2}`, as many pairs of neighbours have opposite signs as there are eigenvalues above `x` (Sturm). The computed
//! signs are right for a matrix whose `e²` differ by a few units in the last place, of which singular values feel as little: what this finds has the accuracy of the
//! bidiagonal form itself. Several values are enclosed at once, one a lane: by bisection, in ratio while their size is unknown, and, once an interval holds one value alone, by the
//! rule of false position (Illinois) on the last minor.

use super::scaled::{power_of_two, power_of_two_above};
use super::vectorised::{Job, run};

/// Values that are looked for together.
const TOGETHER: usize = 16;
/// Minors between two looks at their size. Where all is at most 1, two neighbours are at most twice and at least 1e-40 times the two before.
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

/// What is known at one end of an interval.
#[derive(Clone, Copy)]
struct End {
    at: f64,
    /// Values above it.
    count: f64,
    /// The last minor, up to a positive factor, and the number of times that it was raised.
    minor: f64,
    raised: f64,
}

/// The search for values `first ..`.
struct Search<'a> {
    squares: &'a [f64],
    first: usize,
    high: f64,
}

/// An interval that holds value number `index`.
#[derive(Clone, Copy)]
struct Interval {
    index: f64,
    low: End,
    high: End,
    /// Which end has moved last, 1 the high one.
    moved: f64,
    /// Its length before the last two steps.
    lengths: [f64; 2],
}

impl Interval {
    #[inline(always)]
    fn length(&self) -> f64 {
        self.high.at - self.low.at
    }

    #[inline(always)]
    fn is_short(&self) -> bool {
        self.length() <= self.resolution()
    }

    #[inline(always)]
    fn resolution(&self) -> f64 {
        RESOLUTION.max(f64::EPSILON * self.high.at)
    }

    /// Where to look next.
    #[inline(always)]
    fn trial(&self) -> f64 {
        let (low, high) = (self.low.at, self.high.at);
        let floor = low.max(RESOLUTION);
        if high > 16.0 * floor {
            return (floor * high).sqrt();
        }
        let single = self.low.count - self.high.count == 1.0 && self.low.raised == self.high.raised;
        // False position that does not halve twice in two steps gives way to bisection.
        if !single || self.length() > 0.25 * self.lengths[1] {
            return 0.5 * (low + high);
        }
        let (below, above) = (self.low.minor.abs(), self.high.minor.abs());
        let guess = low + (high - low) * (below / (below + above));
        // Far enough from both ends to enclose what is near one of them.
        let least = 0.75 * self.resolution();
        guess.max(low + least).min(high - least)
    }

    #[inline(always)]
    fn take(&mut self, end: End) {
        self.lengths = [self.length(), self.lengths[0]];
        if end.count > self.index {
            self.low = end;
            self.high.minor *= if self.moved < 0.0 { 0.5 } else { 1.0 };
            self.moved = -1.0;
        } else {
            self.high = end;
            self.low.minor *= if self.moved > 0.0 { 0.5 } else { 1.0 };
            self.moved = 1.0;
        }
    }
}

impl Job for Search<'_> {
    type Output = [f64; TOGETHER];

    #[inline(always)]
    fn run(self) -> [f64; TOGETHER] {
        let values = self.squares.len().div_ceil(2) as f64;
        let zero = End { at: 0.0, count: values, minor: 0.0, raised: f64::NAN };
        let most = End { at: self.high, count: 0.0, minor: 0.0, raised: f64::NAN };
        let mut intervals: [Interval; TOGETHER] = std::array::from_fn(|k| Interval {
            index: ((self.first + k) as f64).min(values - 1.0),
            low: zero,
            high: most,
            moved: 0.0,
            lengths: [f64::INFINITY; 2],
        });
        for _ in 0..MOST_ROUNDS {
            if intervals.iter().all(Interval::is_short) {
                break;
            }
            let trials = intervals.map(|interval| interval.trial());
            let ends = ends(self.squares, &trials);
            for (interval, end) in intervals.iter_mut().zip(ends) {
                if !interval.is_short() {
                    interval.take(end);
                }
            }
        }
        // Below the resolution nothing tells a value from zero.
        intervals.map(|interval| if interval.low.at == 0.0 { 0.0 } else { 0.5 * (interval.low.at + interval.high.at) })
    }
}

/// The counts and the last minors at several points.
#[inline(always)]
fn ends(squares: &[f64], at: &[f64; TOGETHER]) -> [End; TOGETHER] {
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
    std::array::from_fn(|k| End { at: at[k], count: changes[k] as f64, minor: minors[k], raised: raised[k] })
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
