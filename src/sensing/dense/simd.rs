//! Four lanes of f64, once with AVX2 and FMA, once portable.
//!
//! Both do the same correctly rounded operation in each lane, so that code written over [`Lanes`] has the same bits on either.

/// Vectors of four f64.
///
/// # Safety
/// All functions are to be called only where the processor has the instructions of the implementation; loads and stores are of
/// four numbers at the pointer, which need not be aligned.
pub(in crate::sensing) trait Lanes: Copy {
    /// The vector.
    type Vector: Copy;

    /// `(0, 0, 0, 0)`
    unsafe fn zero() -> Self::Vector;
    /// `(x, x, x, x)`
    unsafe fn broadcast(x: f64) -> Self::Vector;
    /// Four f64.
    unsafe fn load(from: *const f64) -> Self::Vector;
    /// Four f32, widened, which is exact.
    unsafe fn load_f32(from: *const f32) -> Self::Vector;
    /// Writes four f64.
    unsafe fn store(to: *mut f64, vector: Self::Vector);
    /// `a·b + c` in each lane, rounded once.
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `a + b` in each lane.
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a − b` in each lane.
    unsafe fn subtract(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Asks for the cache line at an address, which may be any.
    unsafe fn prefetch(at: *const u8);
    /// Nothing at run time; the compiler moves no load across. Without it, it loads several rows ahead and spills accumulators.
    unsafe fn keep_order();

    /// `(l₀ + l₂) + (l₁ + l₃)`
    #[inline(always)]
    unsafe fn sum(vector: Self::Vector) -> f64 {
        let mut lanes = [0.0; 4];
        // SAFETY: the array holds four numbers; the instructions are there by the trait's condition.
        unsafe { Self::store(lanes.as_mut_ptr(), vector) };
        (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
    }
}

/// Plain Rust.
#[derive(Clone, Copy)]
pub(in crate::sensing) struct Portable;

impl Lanes for Portable {
    type Vector = [f64; 4];

    #[inline(always)]
    unsafe fn zero() -> [f64; 4] {
        [0.0; 4]
    }

    #[inline(always)]
    unsafe fn broadcast(x: f64) -> [f64; 4] {
        [x; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f64) -> [f64; 4] {
        // SAFETY: the caller promises four numbers there.
        unsafe { from.cast::<[f64; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn load_f32(from: *const f32) -> [f64; 4] {
        // SAFETY: the caller promises four numbers there.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }.map(f64::from)
    }

    #[inline(always)]
    unsafe fn store(to: *mut f64, vector: [f64; 4]) {
        // SAFETY: the caller promises room for four numbers there.
        unsafe { to.cast::<[f64; 4]>().write_unaligned(vector) };
    }

    #[inline(always)]
    unsafe fn multiply_add(a: [f64; 4], b: [f64; 4], c: [f64; 4]) -> [f64; 4] {
        [a[0].mul_add(b[0], c[0]), a[1].mul_add(b[1], c[1]), a[2].mul_add(b[2], c[2]), a[3].mul_add(b[3], c[3])]
    }

    #[inline(always)]
    unsafe fn add(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
        std::array::from_fn(|l| a[l] + b[l])
    }

    #[inline(always)]
    unsafe fn subtract(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
        std::array::from_fn(|l| a[l] - b[l])
    }

    #[inline(always)]
    unsafe fn prefetch(_at: *const u8) {}

    #[inline(always)]
    unsafe fn keep_order() {}
}

/// AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(in crate::sensing) struct Avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Avx2, Lanes};
    use std::arch::x86_64::*;

    // SAFETY, for every block: the processor has AVX2 and FMA, and pointers are good for four numbers, by the trait's conditions.
    impl Lanes for Avx2 {
        type Vector = __m256d;

        #[inline(always)]
        unsafe fn zero() -> __m256d {
            unsafe { _mm256_setzero_pd() }
        }

        #[inline(always)]
        unsafe fn broadcast(x: f64) -> __m256d {
            unsafe { _mm256_set1_pd(x) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f64) -> __m256d {
            unsafe { _mm256_loadu_pd(from) }
        }

        #[inline(always)]
        unsafe fn load_f32(from: *const f32) -> __m256d {
            unsafe { _mm256_cvtps_pd(_mm_loadu_ps(from)) }
        }

        #[inline(always)]
        unsafe fn store(to: *mut f64, vector: __m256d) {
            unsafe { _mm256_storeu_pd(to, vector) }
        }

        #[inline(always)]
        unsafe fn multiply_add(a: __m256d, b: __m256d, c: __m256d) -> __m256d {
            unsafe { _mm256_fmadd_pd(a, b, c) }
        }

        #[inline(always)]
        unsafe fn add(a: __m256d, b: __m256d) -> __m256d {
            unsafe { _mm256_add_pd(a, b) }
        }

        #[inline(always)]
        unsafe fn subtract(a: __m256d, b: __m256d) -> __m256d {
            unsafe { _mm256_sub_pd(a, b) }
        }

        #[inline(always)]
        unsafe fn prefetch(at: *const u8) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
        }

        #[inline(always)]
        unsafe fn keep_order() {
            unsafe { std::arch::asm!("", options(nostack, preserves_flags)) }
        }
    }
}

/// What entries are stored as. Zero bytes must be the number zero.
pub(super) trait Entry: Copy + Send + Sync + 'static {
    /// Rounded to this type.
    fn from_f64(x: f64) -> Self;

    /// As f64, exactly.
    fn to_f64(self) -> f64;

    /// Four entries as f64.
    ///
    /// # Safety
    /// As for [`Lanes`].
    unsafe fn load<L: Lanes>(from: *const Self) -> L::Vector;
}

impl Entry for f64 {
    fn from_f64(x: f64) -> f64 {
        x
    }

    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const f64) -> L::Vector {
        // SAFETY: the same conditions.
        unsafe { L::load(from) }
    }
}

impl Entry for f32 {
    fn from_f64(x: f64) -> f32 {
        x as f32
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const f32) -> L::Vector {
        // SAFETY: the same conditions.
        unsafe { L::load_f32(from) }
    }
}
