//! The first singular vectors of bidiagonal matrices, by inverse iteration.
//!
//! An eigenvector of the symmetric tridiagonal matrix with zeros on the diagonal and `α_1, β_1, α_2, …, α_n` beside it, for the eigenvalue
//! `σ`, holds the entries of `v` and `u` in turns: `Bv = σu`, `Bᵀu = σv`. Three steps of inverse iteration with orthogonalisation find it,
//! where the value is known to rounding. What comes out is checked: residuals, and orthogonality of both halves. Where a check fails
//! (values that coincide to rounding, or near zero) nothing is returned.

/// Steps of inverse iteration.
const STEPS: usize = 3;
/// What residuals, in units of the norm, and inner products may be, in units of `ε (8 + n)`: four times what residuals are where no values
/// coincide. Of clusters inverse iteration at times finds vectors that are worse than those of a whole decomposition, which is then to be
/// preferred.
const ALLOWED: f64 = 0.5;

/// `u` and `v` of one value.
pub(super) type Pair = [Vec<f64>; 2];

/// Singular vectors of the bidiagonal matrix for its largest values, which come in descending order; `None` if they are not what they
/// should be.
pub(super) fn leading_vectors(diagonal: &[f64], above: &[f64], values: &[f64]) -> Option<Vec<Pair>> {
    let side = diagonal.len();
    let mut beside = Vec::with_capacity(2 * side);
    for (a, b) in diagonal.iter().zip(above) {
        beside.extend([*a, *b]);
    }
    beside.extend(diagonal.last());
    let norm = *values.first()?;
    let tolerance = ALLOWED * (8 + side) as f64 * f64::EPSILON;
    let mut found: Vec<Vec<f64>> = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let factors = Factors::of(&beside, *value, f64::EPSILON * norm);
        let mut x = start(2 * side, index);
        for _ in 0..STEPS {
            factors.solve(&mut x);
            for _ in 0..2 {
                found.iter().for_each(|other| orthogonalise(&mut x, other));
            }
            normalise(&mut x);
        }
        found.push(x);
    }
    let pairs: Vec<Pair> = found.into_iter().map(halves).collect();
    let sound = values.iter().zip(&pairs).all(|(value, pair)| residual(diagonal, above, *value, pair) <= tolerance * norm);
    let orthonormal = (0..pairs.len()).all(|i| (0..i).all(|j| (0..2).all(|side| dot(&pairs[i][side], &pairs[j][side]).abs() <= tolerance)));
    (sound && orthonormal).then_some(pairs)
}

/// Numbers between ½ and 1½ without a pattern, the same ones always.
fn start(length: usize, index: usize) -> Vec<f64> {
    let mut state = index as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        0.5 + (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..length).map(|_| next()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn orthogonalise(x: &mut [f64], other: &[f64]) {
    let along = dot(x, other);
    x.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
}

/// To unit length. What comes is of any size.
fn normalise(x: &mut [f64]) {
    let largest = x.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    x.iter_mut().for_each(|x| *x /= largest);
    let norm = dot(x, x).sqrt();
    x.iter_mut().for_each(|x| *x /= norm);
}

/// `v₁, u₁, v₂, u₂, …` as `u` and `v`, each of unit length.
fn halves(x: Vec<f64>) -> Pair {
    let mut pair = [1, 0].map(|first| x.iter().skip(first).step_by(2).copied().collect::<Vec<f64>>());
    pair.iter_mut().for_each(|half| normalise(half));
    pair
}

/// `max(‖Bv − σu‖, ‖Bᵀu − σv‖)`; NaN, which is at most nothing, if an entry is.
fn residual(diagonal: &[f64], above: &[f64], value: f64, [u, v]: &Pair) -> f64 {
    let before = |x: &[f64], i: usize| if i > 0 { above[i - 1] * x[i - 1] } else { 0.0 };
    let behind = |x: &[f64], i: usize| if i < above.len() { above[i] * x[i + 1] } else { 0.0 };
    let squares = (0..diagonal.len()).fold([0.0, 0.0], |[left, right], i| {
        let (below, above) = (diagonal[i] * v[i] + behind(v, i) - value * u[i], diagonal[i] * u[i] + before(u, i) - value * v[i]);
        [left + below * below, right + above * above]
    });
    super::largest(squares).sqrt()
}

/// `T − σI = P L U` with row exchanges: `U` has two diagonals above its own.
struct Factors {
    /// `1/u_ii`, `u_{i,i+1}`, `u_{i,i+2}`.
    upper: Vec<[f64; 3]>,
    /// The multiplier of each step, and whether rows were exchanged.
    lower: Vec<(f64, bool)>,
}

impl Factors {
    /// A pivot below `least` is replaced by it.
    fn of(beside: &[f64], value: f64, least: f64) -> Self {
        let size = beside.len() + 1;
        let coupling = |i: usize| beside.get(i).copied().unwrap_or(0.0);
        let (mut upper, mut lower) = (Vec::with_capacity(size), Vec::with_capacity(size));
        let inverse = |pivot: f64| 1.0 / if pivot.abs() < least { least } else { pivot };
        // What is left of row i: its entries i and i + 1.
        let (mut here, mut next) = (-value, coupling(0));
        for i in 0..size - 1 {
            let below = [coupling(i), -value, coupling(i + 1)];
            if here.abs() >= below[0].abs() {
                let pivot = inverse(here);
                let factor = below[0] * pivot;
                upper.push([pivot, next, 0.0]);
                lower.push((factor, false));
                (here, next) = (below[1] - factor * next, below[2]);
            } else {
                let pivot = inverse(below[0]);
                let factor = here * pivot;
                upper.push([pivot, below[1], below[2]]);
                lower.push((factor, true));
                (here, next) = (next - factor * below[1], -factor * below[2]);
            }
        }
        upper.push([inverse(here), 0.0, 0.0]);
        Factors { upper, lower }
    }

    fn solve(&self, x: &mut [f64]) {
        for (i, (factor, exchanged)) in self.lower.iter().enumerate() {
            if *exchanged {
                x.swap(i, i + 1);
            }
            x[i + 1] -= factor * x[i];
        }
        let (mut first, mut second) = (0.0, 0.0);
        for (x, [inverse, one, two]) in x.iter_mut().zip(&self.upper).rev() {
            *x = (*x - one * first - two * second) * inverse;
            (first, second) = (*x, first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bisection::bidiagonal_singular_values;
    use super::*;

    #[test]
    fn vectors_of_the_matrix_of_ones() {
        // Its right singular vectors are cos((2j + 1)kπ/(4n + 2)) with odd k = 2i + 1 … by the recurrence, checked through residuals.
        for side in [2, 9, 50, 200] {
            let (diagonal, above) = (vec![1.0; side], vec![1.0; side - 1]);
            let values = bidiagonal_singular_values(&diagonal, &above);
            let count = side.div_ceil(4);
            let pairs = leading_vectors(&diagonal, &above, &values[..count]).unwrap();
            assert_eq!(pairs.len(), count);
            for (value, pair) in values.iter().zip(&pairs) {
                assert!(residual(&diagonal, &above, *value, pair) < 1e-14);
            }
        }
    }

    #[test]
    fn equal_values_have_orthogonal_vectors_or_none() {
        let diagonal = [1.0, 1.0, 1.0, 0.5, 0.25, 0.1, 0.1, 0.0];
        for above in [[0.0; 7], [1e-17; 7], [1e-9; 7]] {
            let values = bidiagonal_singular_values(&diagonal, &above);
            for count in 1..8 {
                if let Some(pairs) = leading_vectors(&diagonal, &above, &values[..count]) {
                    for i in 0..count {
                        assert!((0..i).all(|j| dot(&pairs[i][0], &pairs[j][0]).abs() < 1e-13));
                        assert!(residual(&diagonal, &above, values[i], &pairs[i]) < 1e-14);
                    }
                }
            }
        }
    }
}
