//! Four and eight lanes of f64: with AVX-512, with AVX2 and FMA, and portable.
//!
//! All do the same correctly rounded operation in each lane, so that code written over [`Lanes`] has the same bits on any.

/// Vectors of four f64, and wide ones of eight.
///
/// # Safety
/// All functions are to be called only where the processor has the instructions of the implementation; loads and stores are of
/// four numbers at the pointer (wide ones of eight), which need not be aligned.
pub(in crate::sensing) trait Lanes: Copy {
    /// Four lanes.
    type Vector: Copy;
    /// Eight lanes.
    type Wide: Copy;
    /// Whether there are some thirty registers for wide vectors, rather than half of sixteen.
    const MANY: bool;

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
    /// Eight zeros.
    unsafe fn wide_zero() -> Self::Wide;
    /// Eight times `x`.
    unsafe fn wide_broadcast(x: f64) -> Self::Wide;
    /// Eight f64.
    unsafe fn wide_load(from: *const f64) -> Self::Wide;
    /// Eight f32, widened, which is exact.
    unsafe fn wide_load_f32(from: *const f32) -> Self::Wide;
    /// Four f64, and the same four again.
    unsafe fn twice(from: *const f64) -> Self::Wide;
    /// Four f32, widened, and the same four again.
    unsafe fn twice_f32(from: *const f32) -> Self::Wide;
    /// Writes eight f64.
    unsafe fn wide_store(to: *mut f64, vector: Self::Wide);
    /// `a·b + c` in each lane, rounded once.
    unsafe fn wide_multiply_add(a: Self::Wide, b: Self::Wide, c: Self::Wide) -> Self::Wide;
    /// Asks for the cache line at an address, which may be any, to come into the first-level cache.
    unsafe fn prefetch(at: *const u8);
    /// The same into the second-level cache.
    unsafe fn prefetch_far(at: *const u8);
    /// Loads after it start when those before it are done.
    unsafe fn settle();
    /// The same vector, and nothing at run time: the compiler computes it before, and loads nothing of what comes after before it. Else it loads several rows
    /// ahead and spills accumulators.
    unsafe fn keep(vector: Self::Wide) -> Self::Wide;

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
    type Wide = [f64; 8];
    const MANY: bool = false;

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
    unsafe fn wide_zero() -> [f64; 8] {
        [0.0; 8]
    }

    #[inline(always)]
    unsafe fn wide_broadcast(x: f64) -> [f64; 8] {
        [x; 8]
    }

    #[inline(always)]
    unsafe fn wide_load(from: *const f64) -> [f64; 8] {
        // SAFETY: the caller promises eight numbers there.
        unsafe { from.cast::<[f64; 8]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn wide_load_f32(from: *const f32) -> [f64; 8] {
        // SAFETY: the caller promises eight numbers there.
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }.map(f64::from)
    }

    #[inline(always)]
    unsafe fn twice(from: *const f64) -> [f64; 8] {
        // SAFETY: the caller's promise.
        let vector = unsafe { Self::load(from) };
        std::array::from_fn(|l| vector[l % 4])
    }

    #[inline(always)]
    unsafe fn twice_f32(from: *const f32) -> [f64; 8] {
        // SAFETY: the caller's promise.
        let vector = unsafe { Self::load_f32(from) };
        std::array::from_fn(|l| vector[l % 4])
    }

    #[inline(always)]
    unsafe fn wide_store(to: *mut f64, vector: [f64; 8]) {
        // SAFETY: the caller promises room for eight numbers there.
        unsafe { to.cast::<[f64; 8]>().write_unaligned(vector) };
    }

    #[inline(always)]
    unsafe fn wide_multiply_add(a: [f64; 8], b: [f64; 8], c: [f64; 8]) -> [f64; 8] {
        std::array::from_fn(|l| a[l].mul_add(b[l], c[l]))
    }

    #[inline(always)]
    unsafe fn prefetch(_at: *const u8) {}

    #[inline(always)]
    unsafe fn prefetch_far(_at: *const u8) {}

    #[inline(always)]
    unsafe fn settle() {}

    #[inline(always)]
    unsafe fn keep(vector: [f64; 8]) -> [f64; 8] {
        vector
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86;

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

    /// Eight entries as f64.
    ///
    /// # Safety
    /// As for [`Lanes`].
    unsafe fn wide_load<L: Lanes>(from: *const Self) -> L::Wide;

    /// Four entries as f64, and the same four again.
    ///
    /// # Safety
    /// As for [`Lanes`].
    unsafe fn twice<L: Lanes>(from: *const Self) -> L::Wide;
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

    #[inline(always)]
    unsafe fn wide_load<L: Lanes>(from: *const f64) -> L::Wide {
        // SAFETY: the same conditions.
        unsafe { L::wide_load(from) }
    }

    #[inline(always)]
    unsafe fn twice<L: Lanes>(from: *const f64) -> L::Wide {
        // SAFETY: the same conditions.
        unsafe { L::twice(from) }
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

    #[inline(always)]
    unsafe fn wide_load<L: Lanes>(from: *const f32) -> L::Wide {
        // SAFETY: the same conditions.
        unsafe { L::wide_load_f32(from) }
    }

    #[inline(always)]
    unsafe fn twice<L: Lanes>(from: *const f32) -> L::Wide {
        // SAFETY: the same conditions.
        unsafe { L::twice_f32(from) }
    }
}
