//! Singular values of bidiagonal matrices by counting.
//!
//! `±σ_i` are the eigenvalues of the symmetric tridiagonal matrix of side `2n` with zeros on the diagonal and `α_1, β_1, α_2, …, α_n`
//! beside it. Of its leading minors
//! `p_0 = 1`, `p_1 = x`, `p_i = x p_{i−1} − e²_{i−1} p_{i−2}`, as many pairs of neighbours have opposite signs as there are eigenvalues
//! above `x` (Sturm). The computed
//! signs are right for a matrix whose `e²` differ by a few units in the last place, of which singular values feel as little: what this
//! finds has the accuracy of the
//! bidiagonal form itself. Several values are enclosed at once, one a lane: by bisection, in ratio while their size is unknown, and, once
//! an interval holds one value alone, by false position on the last minor, moved towards the middle by what falls with the square of the
//! length, so that both ends close in (I. F. D. Oliveira and R. H. C. Takahashi, *An enhancement of the bisection method average performance
//! preserving minmax optimality*, 2020). The minors only tell where to look; what is known of a value comes from counts.

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
/// Goes through the minors that suffice: a third more than bisections alone would take, as every step that is none and fails is followed by
/// three, and those by which the size is found.
const MOST_ROUNDS: usize = 120;

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
    /// Lengths where the values were first alone; infinite before.
    alone: Each<f64>,
    /// Lengths before the last three steps.
    lengths: [Each<f64>; 3],
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
    fn trials(&mut self) -> Each<f64> {
        let mut trials = [0.0; TOGETHER];
        for (k, trial) in trials.iter_mut().enumerate() {
            let (low, high, least) = (self.low.at[k], self.high.at[k], 0.75 * self.resolution(k));
            let floor = if low > RESOLUTION { low } else { RESOLUTION };
            let (ratio, middle, length) = ((floor * high).sqrt(), 0.5 * (low + high), high - low);
            let single = (self.low.count[k] - self.high.count[k] == 1.0) & (self.low.raised[k] == self.high.raised[k]);
            let alone = if single & (self.alone[k] > length) { self.alone[k] } else { length };
            let alone = if alone < f64::INFINITY { alone } else { length };
            self.alone[k] = if single { alone } else { f64::INFINITY };
            let guess = low + length * (self.low.minor[k] / (self.low.minor[k] + self.high.minor[k]));
            let (shift, distance) = (length * (length / alone), (middle - guess).abs());
            let shift = if shift > least { shift } else { least };
            let guess = if shift < distance { guess + shift.copysign(middle - guess) } else { middle };
            // Far enough from both ends to enclose what is near one of them.
            let guess = if guess > low + least { guess } else { low + least };
            let guess = if guess < high - least { guess } else { high - least };
            // Three steps that are not as good as bisections give way to bisections.
            let inside = if single & (length <= 0.126 * self.lengths[2][k]) { guess } else { middle };
            *trial = if high > 16.0 * floor { ratio } else { inside };
        }
        trials
    }

    #[inline(always)]
    fn take(&mut self, ends: &Ends) {
        for k in 0..TOGETHER {
            let open = self.length(k) > self.resolution(k);
            let (below, above) = (open & (ends.count[k] > self.index[k]), open & (ends.count[k] <= self.index[k]));
            self.lengths[2][k] = self.lengths[1][k];
            self.lengths[1][k] = self.lengths[0][k];
            self.lengths[0][k] = self.length(k);
            self.low.minor[k] = if below { ends.minor[k] } else { self.low.minor[k] };
            self.high.minor[k] = if above { ends.minor[k] } else { self.high.minor[k] };
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
            alone: [f64::INFINITY; TOGETHER],
            lengths: [[f64::INFINITY; TOGETHER]; 3],
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
    use crate::linalg::{Matrix, thin_svd};

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

    #[test]
    fn values_agree_with_a_decomposition_whatever_lies_beside_them() {
        let mut state = 5_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        // Of no pattern, graded up and down, nearly equal, far apart in two groups, and split by couplings of any size.
        type Entry = fn(usize, usize) -> [f64; 2];
        let kinds: [Entry; 6] = [
            |_, _| [1.0, 1.0],
            |i, _| [0.5_f64.powi(i as i32); 2],
            |i, n| [0.3_f64.powi((n - i).min(200) as i32); 2],
            |_, _| [0.0, 1e-9],
            |i, _| if i < 3 { [1.0, 1.0] } else { [1e-7, 1e-7] },
            |i, _| [1.0, 10_f64.powi(-(i as i32 % 20))],
        ];
        for n in [1, 2, 8, 33, 50, 100] {
            for (kind, sizes) in kinds.iter().enumerate() {
                let mut entry = |i, which: usize| (next() * sizes(i, n)[which]) + if kind == 3 { [1.0, 0.0][which] } else { 0.0 };
                let diagonal: Vec<f64> = (0..n).map(|i| entry(i, 0)).collect();
                let above: Vec<f64> = (0..n - 1).map(|i| entry(i, 1)).collect();
                let whole = Matrix::from_fn(n, n, |i, j| match j.wrapping_sub(i) {
                    0 => diagonal[i],
                    1 => above[i],
                    _ => 0.0,
                });
                let expected = thin_svd(&whole).unwrap().values;
                let found = bidiagonal_singular_values(&diagonal, &above);
                let allowed = (8 + n) as f64 * f64::EPSILON * expected[0];
                assert!(found.iter().zip(&expected).all(|(x, y)| (x - y).abs() <= allowed), "{n}, {kind}: {found:?} {expected:?}");
            }
        }
    }
}
