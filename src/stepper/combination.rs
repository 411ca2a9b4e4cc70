//! Linear combinations of slopes.

use crate::dynamics::State;
use std::borrow::Borrow;

const BLOCK: usize = 256;

/// `out = base + scale · Σ_j weights[j] · slopes[j]`, in an order of summation that depends on nothing; without `base`, it is zero.
/// Slopes of weight zero are not read. Allocates nothing.
pub(super) fn combine<S: Borrow<State>>(out: &mut State, base: Option<&State>, scale: f64, weights: &[f64], slopes: &[S]) {
    let mut sum = [0.0; BLOCK];
    for (block, out) in out.as_mut_slice().chunks_mut(BLOCK).enumerate() {
        let first = block * BLOCK;
        let sum = &mut sum[..out.len()];
        sum.fill(0.0);
        for (weight, slope) in weights.iter().zip(slopes).filter(|(weight, _)| **weight != 0.0) {
            for (sum, k) in sum.iter_mut().zip(&slope.borrow().as_slice()[first..]) {
                *sum += weight * k;
            }
        }
        match base {
            Some(base) => {
                for ((out, base), sum) in out.iter_mut().zip(&base.as_slice()[first..]).zip(sum) {
                    *out = base + scale * *sum;
                }
            }
            None => {
                for (out, sum) in out.iter_mut().zip(sum) {
                    *out = scale * *sum;
                }
            }
        }
    }
}

/// The largest power of two that is at most `norm`, and normal; 1 if `norm` is 0.
pub(super) fn power_of_two(norm: f64) -> f64 {
    if norm > 0.0 { norm.log2().floor().clamp(-1022.0, 1023.0).exp2() } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Matrix;

    fn state(entries: usize, f: impl Fn(usize) -> f64) -> State {
        State::from_factors(&Matrix::from_fn(entries, 1, |i, _| f(i)), &Matrix::zeros(0, 1))
    }

    #[test]
    fn combines_past_block_ends_and_skips_zero_weights() {
        let size = 2 * BLOCK + 3;
        let (base, k1, k3) = (state(size, |i| i as f64), state(size, |i| 2.0 * i as f64), state(size, |_| 1.0));
        let poison = state(size, |_| f64::NAN);
        let mut out = state(size, |_| f64::NAN);
        combine(&mut out, Some(&base), 0.5, &[1.0, 0.0, 4.0], &[k1, poison, k3]);
        assert!((0..size).all(|i| out.as_slice()[i] == 2.0 * i as f64 + 2.0));
    }

    #[test]
    fn squares_and_powers() {
        assert_eq!(state(21, |i| i as f64).sum_of_squares(), 2870.0);
        assert!(state(9, |i| if i == 3 { f64::NAN } else { 0.0 }).sum_of_squares().is_nan());
        assert_eq!(power_of_two(5.0), 4.0);
        assert_eq!(power_of_two(2f64.powi(-301) * 1.5), 2f64.powi(-301));
        assert_eq!(power_of_two(0.0), 1.0);
        assert_eq!(power_of_two(1.5 * 2f64.powi(-1000)), 2f64.powi(-1000));
    }
}
