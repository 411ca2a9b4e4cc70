//! Vectors of x86-64 processors.

use super::Lanes;
use std::arch::x86_64::*;

/// AVX2 and FMA.
#[derive(Clone, Copy)]
pub(in crate::sensing::dense) struct Avx2;

/// AVX-512 F and VL, AVX2 and FMA.
#[derive(Clone, Copy)]
pub(in crate::sensing::dense) struct Avx512;

/// What both do alike.
macro_rules! four_lanes {
    () => {
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
        unsafe fn prefetch_far(at: *const u8) {
            unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
        }

        #[inline(always)]
        unsafe fn settle() {
            unsafe { _mm_lfence() }
        }
    };
}

// SAFETY, for every block here and above: the processor has the instructions, and pointers are good for four or eight numbers, by the trait's
// conditions.
impl Lanes for Avx2 {
    type Wide = [__m256d; 2];
    const MANY: bool = false;

    four_lanes!();

    #[inline(always)]
    unsafe fn wide_zero() -> [__m256d; 2] {
        unsafe { [_mm256_setzero_pd(); 2] }
    }

    #[inline(always)]
    unsafe fn wide_broadcast(x: f64) -> [__m256d; 2] {
        unsafe { [_mm256_set1_pd(x); 2] }
    }

    #[inline(always)]
    unsafe fn wide_load(from: *const f64) -> [__m256d; 2] {
        unsafe { [_mm256_loadu_pd(from), _mm256_loadu_pd(from.add(4))] }
    }

    #[inline(always)]
    unsafe fn wide_load_f32(from: *const f32) -> [__m256d; 2] {
        unsafe { [Self::load_f32(from), Self::load_f32(from.add(4))] }
    }

    #[inline(always)]
    unsafe fn twice(from: *const f64) -> [__m256d; 2] {
        unsafe { [Self::load(from); 2] }
    }

    #[inline(always)]
    unsafe fn twice_f32(from: *const f32) -> [__m256d; 2] {
        unsafe { [Self::load_f32(from); 2] }
    }

    #[inline(always)]
    unsafe fn wide_store(to: *mut f64, [low, high]: [__m256d; 2]) {
        unsafe {
            _mm256_storeu_pd(to, low);
            _mm256_storeu_pd(to.add(4), high);
        }
    }

    #[inline(always)]
    unsafe fn wide_multiply_add(a: [__m256d; 2], b: [__m256d; 2], c: [__m256d; 2]) -> [__m256d; 2] {
        unsafe { [_mm256_fmadd_pd(a[0], b[0], c[0]), _mm256_fmadd_pd(a[1], b[1], c[1])] }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn keep([mut low, mut high]: [__m256d; 2]) -> [__m256d; 2] {
        unsafe { std::arch::asm!("/* {0} {1} */", inout(ymm_reg) low, inout(ymm_reg) high, options(nostack, preserves_flags)) };
        [low, high]
    }
}

impl Lanes for Avx512 {
    type Wide = __m512d;
    const MANY: bool = true;

    four_lanes!();

    #[inline(always)]
    unsafe fn wide_zero() -> __m512d {
        unsafe { _mm512_setzero_pd() }
    }

    #[inline(always)]
    unsafe fn wide_broadcast(x: f64) -> __m512d {
        unsafe { _mm512_set1_pd(x) }
    }

    #[inline(always)]
    unsafe fn wide_load(from: *const f64) -> __m512d {
        unsafe { _mm512_loadu_pd(from) }
    }

    #[inline(always)]
    unsafe fn wide_load_f32(from: *const f32) -> __m512d {
        unsafe { _mm512_cvtps_pd(_mm256_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn twice(from: *const f64) -> __m512d {
        unsafe { _mm512_broadcast_f64x4(Self::load(from)) }
    }

    #[inline(always)]
    unsafe fn twice_f32(from: *const f32) -> __m512d {
        unsafe { _mm512_cvtps_pd(_mm256_broadcast_ps(&from.cast::<__m128>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn wide_store(to: *mut f64, vector: __m512d) {
        unsafe { _mm512_storeu_pd(to, vector) }
    }

    #[inline(always)]
    unsafe fn wide_multiply_add(a: __m512d, b: __m512d, c: __m512d) -> __m512d {
        unsafe { _mm512_fmadd_pd(a, b, c) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
    unsafe fn keep(mut vector: __m512d) -> __m512d {
        unsafe { std::arch::asm!("/* {0} */", inout(zmm_reg) vector, options(nostack, preserves_flags)) };
        vector
    }
}
