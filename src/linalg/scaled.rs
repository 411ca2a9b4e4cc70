//! Scaling by powers of two, so that squares and Gram matrices neither overflow nor underflow.

use super::vectorised::largest_entry;
use super::{DecompositionError, Matrix, View};

/// The power of two that brings the largest entry of a matrix into `[1, 2)`. Exact, except that entries below `2^-1022` of the largest may
/// lose bits.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    exponent: i32,
}

impl Scale {
    /// That of `a`.
    ///
    /// # Errors
    /// If an entry is not finite.
    pub fn of(a: View<'_>) -> Result<Self, DecompositionError> {
        let mut largest = 0.0_f64;
        for part in a.parts() {
            largest = largest.max(largest_entry(part).ok_or(DecompositionError::NotFinite)?);
        }
        Ok(Scale { exponent: if largest == 0.0 { 0 } else { binary_exponent(largest) } })
    }

    /// `2^-exponent`, in two parts.
    pub fn factors(self) -> (f64, f64) {
        halves(-self.exponent)
    }

    /// The exponent of the power of two.
    pub fn exponent(self) -> i32 {
        self.exponent
    }

    /// A quantity of degree one in the matrix, of the original instead of the scaled one.
    pub fn restore(self, value: f64) -> f64 {
        times_power_of_two(value, self.exponent)
    }
}

/// A scaled copy of a matrix.
pub(super) struct Scaled {
    /// `2^-exponent · A`
    pub matrix: Matrix,
    /// What was divided out.
    pub scale: Scale,
}

impl Scaled {
    /// Scales a copy of `a`.
    ///
    /// # Errors
    /// If an entry is not finite.
    pub fn of(a: View<'_>) -> Result<Self, DecompositionError> {
        let (scale, mut matrix) = (Scale::of(a)?, a.to_matrix());
        if scale.exponent != 0 {
            let (first, second) = scale.factors();
            matrix.as_mut_slice().iter_mut().for_each(|x| *x = *x * first * second);
        }
        Ok(Scaled { matrix, scale })
    }

    /// A quantity of degree one in the matrix, of the original instead of the scaled one.
    pub fn restore(&self, value: f64) -> f64 {
        self.scale.restore(value)
    }
}

/// `value · 2^exponent` for `|exponent| < 4000`: rounded at most once, and only where the result is subnormal.
pub(super) fn times_power_of_two(value: f64, exponent: i32) -> f64 {
    // Splitting in four keeps every power representable; a value that is zero or infinite on the way stays so.
    let (a, b) = (exponent / 2, exponent - exponent / 2);
    let ((a1, a2), (b1, b2)) = (halves(a), halves(b));
    value * a1 * a2 * b1 * b2
}

/// `⌊log₂ x⌋` of a positive finite number.
fn binary_exponent(x: f64) -> i32 {
    const TWO_TO_54: f64 = 18_014_398_509_481_984.0;
    if x < f64::MIN_POSITIVE { binary_exponent(x * TWO_TO_54) - 54 } else { ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023 }
}

/// The least power of two above a number from `2^-1022` to `2^1022`.
pub(super) fn power_of_two_above(x: f64) -> f64 {
    f64::from_bits(((1024 + binary_exponent(x)) as u64) << 52)
}

/// `2^exponent`, a normal number.
pub(super) const fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// Two powers of two whose product is `2^exponent`, for `|exponent| ≤ 2044`.
fn halves(exponent: i32) -> (f64, f64) {
    let power = |e: i32| f64::from_bits(((1023 + e) as u64) << 52);
    (power(exponent / 2), power(exponent - exponent / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_entry_lands_in_one_to_two_and_comes_back_exactly() {
        for largest in [5e-324, 3e-320, 1e-308, 1e-200, 0.75, 1.0, 3.0, 1e200, f64::MAX] {
            let scaled = Scaled::of(View::of(&Matrix::from_row_slice(1, 2, &[-largest, largest / 2.0]))).unwrap();
            let top = -scaled.matrix[(0, 0)];
            assert!((1.0..2.0).contains(&top), "{largest} became {top}");
            assert_eq!(scaled.restore(top), largest);
        }
    }

    #[test]
    fn powers_beyond_the_range_overflow_and_underflow_honestly() {
        assert_eq!(times_power_of_two(1.0, 2000), f64::INFINITY);
        assert_eq!(times_power_of_two(1.0, -2000), 0.0);
        assert_eq!(times_power_of_two(1.5, -1074), 1e-323);
        assert_eq!(times_power_of_two(1.0, 1023), 2f64.powi(1023));
    }
}
