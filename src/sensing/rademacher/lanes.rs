//! Signs for four lanes: a word of 64 signs a lane, of which the top one counts.

#[cfg(target_arch = "x86_64")]
use crate::sensing::dense::Avx2;
use crate::sensing::dense::{Lanes, Portable};

/// What signs need besides [`Lanes`].
///
/// # Safety
/// As there; words are loaded four at a time.
pub(super) trait SignLanes: Lanes {
    /// Four words.
    type Words: Copy;

    /// Four words, which need not be aligned.
    unsafe fn load_words(from: *const u64) -> Self::Words;
    /// The top bits alone, as the signs of zeros.
    unsafe fn signs(words: Self::Words) -> Self::Vector;
    /// Each word shifted by one bit towards its top.
    unsafe fn next(words: Self::Words) -> Self::Words;
    /// `x`, negated in the lanes whose sign is set.
    unsafe fn negate(x: Self::Vector, signs: Self::Vector) -> Self::Vector;
}

impl SignLanes for Portable {
    type Words = [u64; 4];

    #[inline(always)]
    unsafe fn load_words(from: *const u64) -> [u64; 4] {
        // SAFETY: the caller promises four words there.
        unsafe { from.cast::<[u64; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn signs(words: [u64; 4]) -> [f64; 4] {
        words.map(|word| f64::from_bits(word & 1 << 63))
    }

    #[inline(always)]
    unsafe fn next(words: [u64; 4]) -> [u64; 4] {
        words.map(|word| word << 1)
    }

    #[inline(always)]
    unsafe fn negate(x: [f64; 4], signs: [f64; 4]) -> [f64; 4] {
        std::array::from_fn(|l| f64::from_bits(x[l].to_bits() ^ signs[l].to_bits()))
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Avx2, SignLanes};
    use std::arch::x86_64::*;

    // SAFETY, for every block: the processor has AVX2, and pointers are good for four words, by the trait's conditions.
    impl SignLanes for Avx2 {
        type Words = __m256i;

        #[inline(always)]
        unsafe fn load_words(from: *const u64) -> __m256i {
            unsafe { _mm256_loadu_si256(from.cast()) }
        }

        #[inline(always)]
        unsafe fn signs(words: __m256i) -> __m256d {
            unsafe { _mm256_castsi256_pd(_mm256_and_si256(words, _mm256_set1_epi64x(i64::MIN))) }
        }

        #[inline(always)]
        unsafe fn next(words: __m256i) -> __m256i {
            unsafe { _mm256_add_epi64(words, words) }
        }

        #[inline(always)]
        unsafe fn negate(x: __m256d, signs: __m256d) -> __m256d {
            unsafe { _mm256_xor_pd(x, signs) }
        }
    }
}
