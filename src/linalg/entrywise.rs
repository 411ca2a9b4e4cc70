//! Passes over the entries of a state, by vector instructions where the processor has them, with the same bits where it has not: what is not fused in the text is not fused.

use super::vectorised::{Job, WIDTH, ZERO, run};

/// Whether every number is finite.
pub fn all_finite(x: &[f64]) -> bool {
    /// Numbers between two looks at what was found.
    const STRETCH: usize = 64 * WIDTH;
    struct Finite<'a>(&'a [f64]);
    impl Job for Finite<'_> {
        type Output = bool;
        #[inline(always)]
        fn run(self) -> bool {
            self.0.chunks(STRETCH).all(|stretch| stretch.iter().fold(true, |finite, x| finite & (x.abs() <= f64::MAX)))
        }
    }
    run(Finite(x))
}

/// `Σ xᵢ²`: eight interleaved sums of rounded squares, added one to the next, and last the sum of those that are left over.
pub fn sum_of_squares(x: &[f64]) -> f64 {
    struct Squares<'a>(&'a [f64]);
    impl Job for Squares<'_> {
        type Output = f64;
        #[inline(always)]
        fn run(self) -> f64 {
            let (chunks, rest) = self.0.as_chunks::<WIDTH>();
            let lanes = chunks.iter().fold(ZERO, |lanes, x| std::array::from_fn(|l| lanes[l] + x[l] * x[l]));
            lanes.iter().sum::<f64>() + rest.iter().map(|x| x * x).sum::<f64>()
        }
    }
    run(Squares(x))
}

/// `out = base + factor · direction`, the product rounded before the sum.
///
/// # Panics
/// If the lengths differ.
pub fn add_scaled(out: &mut [f64], base: &[f64], factor: f64, direction: &[f64]) {
    struct Add<'a>(&'a mut [f64], &'a [f64], f64, &'a [f64]);
    impl Job for Add<'_> {
        type Output = ();
        #[inline(always)]
        fn run(self) {
            let Add(out, base, factor, direction) = self;
            for ((out, base), direction) in out.iter_mut().zip(base).zip(direction) {
                *out = base + factor * direction;
            }
        }
    }
    assert!(out.len() == base.len() && out.len() == direction.len(), "three vectors of one length");
    run(Add(out, base, factor, direction));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(length: usize, seed: u64) -> Vec<f64> {
        (0..length as u64).map(|i| ((i * 2_654_435_761 + seed * 40_503) % 1009) as f64 / 7.0 - 71.3).collect()
    }

    #[test]
    fn vectors_have_the_bits_of_plain_loops() {
        for length in (0..20).chain([511, 512, 513, 1000]) {
            let (x, v) = (numbers(length, 1), numbers(length, 2));
            let mut lanes = [0.0; 8];
            let whole = length / 8 * 8;
            (0..whole).for_each(|i| lanes[i % 8] += x[i] * x[i]);
            let (mut squares, mut rest) = (-0.0, -0.0);
            lanes.iter().for_each(|lane| squares += lane);
            (whole..length).for_each(|i| rest += x[i] * x[i]);
            assert_eq!(sum_of_squares(&x).to_bits(), f64::to_bits(squares + rest), "{length}");
            let mut out = vec![f64::NAN; length];
            add_scaled(&mut out, &x, 0.3, &v);
            assert!((0..length).all(|i| out[i].to_bits() == (x[i] + 0.3 * v[i]).to_bits()), "{length}");
        }
    }

    #[test]
    fn one_number_that_is_not_finite_is_found_anywhere() {
        for length in [1, 7, 8, 511, 512, 513, 1025] {
            let mut x = numbers(length, 3);
            (x[0], x[length / 2]) = (f64::MAX, -f64::MAX);
            assert!(all_finite(&x));
            for bad in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                for at in [0, length / 2, length - 1] {
                    let kept = std::mem::replace(&mut x[at], bad);
                    assert!(!all_finite(&x), "{bad} at {at} of {length}");
                    x[at] = kept;
                }
            }
        }
        assert!(all_finite(&[]));
    }
}
