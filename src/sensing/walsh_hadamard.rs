//! The Walsh–Hadamard transform in place, blocked for the caches.
//!
//! **The bits.** Level `i`, `i = 0, 1, …`, replaces every pair of numbers at distance `h = 2^i` by `(a + b, a − b)`. Each number of a level is one
//! rounded sum of two numbers of the level before, so that the order of the levels alone fixes the bits: blocks, tiles of several levels at once,
//! vectors and threads are free.

use crate::sensing::dense::{Job, Lanes, run};
use rayon::prelude::*;

/// Numbers of a block whose levels are all taken at once; it fits into the second-level cache.
const BLOCK: usize = 1 << 14;
/// Numbers of a part of a block that fits into the first-level cache.
const INNER: usize = 1 << 11;
/// Numbers of each part that a thread combines at a time.
const SHARE: usize = 1 << 11;
/// Parts that a pass combines: three levels at once.
const RADIX: usize = 8;

/// The Walsh–Hadamard transform in place, `x ← H x` with `H_jk = (−1)^{popcount(j & k)}`, not normalised: `HᵀH` is the length times the identity.
/// It has the bits of the textbook's loop over pairs at distances 1, 2, 4, …, on any number of threads.
///
/// # Panics
/// If the length is no power of two.
pub fn walsh_hadamard(x: &mut [f64]) {
    transform(x, false);
}

/// [`walsh_hadamard`], without vector instructions if `portable`.
///
/// # Panics
/// If the length is no power of two.
pub(super) fn transform(x: &mut [f64], portable: bool) {
    assert!(x.len().is_power_of_two(), "the length of a Walsh–Hadamard transform is a power of two");
    x.par_chunks_mut(BLOCK).for_each(|block| run(Block(block), portable));
    let mut distance = BLOCK;
    while distance < x.len() {
        match x.len() / distance {
            2 => distance = pass::<2>(x, distance, portable),
            4 => distance = pass::<4>(x, distance, portable),
            _ => distance = pass::<RADIX>(x, distance, portable),
        }
    }
}

/// [`transform`] of consecutive blocks, each by itself.
///
/// # Panics
/// If their length is no power of two.
pub(super) fn transform_blocks(x: &mut [f64], length: usize, portable: bool) {
    assert!(length.is_power_of_two(), "the length of a Walsh–Hadamard transform is a power of two");
    if length > BLOCK {
        return x.chunks_exact_mut(length).for_each(|block| transform(block, portable));
    }
    x.par_chunks_exact_mut(length).for_each(|block| run(Block(block), portable));
}

/// The levels from `distance` on that combine `R` parts; returns the next level's distance.
fn pass<const R: usize>(x: &mut [f64], distance: usize, portable: bool) -> usize {
    x.par_chunks_mut(R * distance).for_each(|group| {
        let mut parts = group.chunks_exact_mut(distance);
        combine::<R>(std::array::from_fn(|_| parts.next().unwrap_or_default()), portable);
    });
    R * distance
}

/// Combines `R` parts of equal length, shared among threads.
fn combine<const R: usize>(parts: [&mut [f64]; R], portable: bool) {
    let half = parts[0].len() / 2;
    if half < SHARE {
        return run(Parts(parts), portable);
    }
    let mut seconds: [&mut [f64]; R] = std::array::from_fn(|_| <&mut [f64]>::default());
    let mut place = seconds.iter_mut();
    let firsts = parts.map(|part| {
        let (first, second) = part.split_at_mut(half);
        if let Some(place) = place.next() {
            *place = second;
        }
        first
    });
    rayon::join(|| combine(firsts, portable), || combine(seconds, portable));
}

/// All levels of a block.
struct Block<'a>(&'a mut [f64]);

impl Job for Block<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let length = self.0.len();
        if length < 4 {
            if let [a, b] = self.0 {
                (*a, *b) = (*a + *b, *a - *b);
            }
            return;
        }
        // SAFETY: the parts of the block have the lengths of the chunks; the instructions are the caller's promise.
        unsafe {
            for inner in self.0.chunks_exact_mut(INNER.min(length)) {
                for four in inner.chunks_exact_mut(4) {
                    let [a, b, c, d] = [four[0] + four[1], four[0] - four[1], four[2] + four[3], four[2] - four[3]];
                    four.copy_from_slice(&[a + c, b + d, a - c, b - d]);
                }
                levels::<L>(inner, 4);
            }
            levels::<L>(self.0, INNER);
        }
    }
}

/// The levels of a block from `distance`, a multiple of 4, on.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn levels<L: Lanes>(x: &mut [f64], mut distance: usize) {
    while distance < x.len() {
        let radix = (x.len() / distance).min(RADIX);
        for group in x.chunks_exact_mut(radix * distance) {
            // SAFETY: the group has `radix` parts of `distance` numbers, a multiple of 4.
            unsafe {
                match radix {
                    2 => butterflies::<L, 2>(group.as_mut_ptr(), distance),
                    4 => butterflies::<L, 4>(group.as_mut_ptr(), distance),
                    _ => butterflies::<L, RADIX>(group.as_mut_ptr(), distance),
                }
            }
        }
        distance *= radix;
    }
}

/// [`combine_four`] for `R` parts one after another.
///
/// # Safety
/// `R · length` numbers are at `x`, `length` a multiple of 4; the processor has the instructions.
#[inline(always)]
unsafe fn butterflies<L: Lanes, const R: usize>(x: *mut f64, length: usize) {
    for k in (0..length).step_by(4) {
        // SAFETY: `k + 4 ≤ length`.
        unsafe { combine_four::<L, R>(std::array::from_fn(|i| x.add(i * length + k))) };
    }
}

/// The `log₂ R` levels that combine `R` parts of equal length.
struct Parts<'a, const R: usize>([&'a mut [f64]; R]);

impl<const R: usize> Job for Parts<'_, R> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        let length = self.0[0].len();
        assert!(length.is_multiple_of(4) && self.0.iter().all(|part| part.len() == length));
        let parts: [*mut f64; R] = std::array::from_fn(|i| self.0[i].as_mut_ptr());
        for k in (0..length).step_by(4) {
            // SAFETY: `k + 4 ≤ length`; the instructions are the caller's promise.
            unsafe { combine_four::<L, R>(std::array::from_fn(|i| parts[i].add(k))) };
        }
    }
}

/// The levels between `R` vectors of four numbers.
///
/// # Safety
/// Four numbers are at each pointer; the processor has the instructions.
#[inline(always)]
unsafe fn combine_four<L: Lanes, const R: usize>(at: [*mut f64; R]) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut x: [L::Vector; R] = std::array::from_fn(|i| L::load(at[i]));
        let mut step = 1;
        while step < R {
            for i in (0..R).filter(|i| i & step == 0) {
                (x[i], x[i + step]) = (L::add(x[i], x[i + step]), L::subtract(x[i], x[i + step]));
            }
            step *= 2;
        }
        for i in 0..R {
            L::store(at[i], x[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{transform, transform_blocks};

    fn plain(x: &mut [f64]) {
        let mut h = 1;
        while h < x.len() {
            for base in (0..x.len()).step_by(2 * h) {
                for k in base..base + h {
                    (x[k], x[k + h]) = (x[k] + x[k + h], x[k] - x[k + h]);
                }
            }
            h *= 2;
        }
    }

    /// Every length, so that every combination of radices occurs, to 2^18: bit by bit the textbook's loop, on any number of threads.
    #[test]
    fn bits_are_those_of_the_plain_loop() {
        for levels in 0..=18 {
            let start: Vec<f64> = (0..1 << levels).map(|i| ((i * 7919 + 13) % 10007) as f64 / 10007.0 - 0.5).collect();
            let mut expected = start.clone();
            plain(&mut expected);
            for portable in [false, true] {
                for threads in [1, 3] {
                    let mut x = start.clone();
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    pool.install(|| transform(&mut x, portable));
                    assert!(x.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()), "2^{levels}, portable: {portable}");
                }
            }
        }
    }

    /// Entry (j, k) of the matrix is (−1)^popcount(j & k), and twice the transform is the length times the identity.
    #[test]
    fn columns_are_walsh_functions() {
        let size: usize = 64;
        for k in 0..size {
            let mut x = vec![0.0; size];
            x[k] = 1.0;
            transform(&mut x, false);
            for (j, value) in x.iter().enumerate() {
                assert_eq!(*value, if (j & k).count_ones() % 2 == 0 { 1.0 } else { -1.0 });
            }
            transform(&mut x, false);
            assert!(x.iter().enumerate().all(|(j, value)| *value == if j == k { size as f64 } else { 0.0 }));
        }
    }

    #[test]
    fn blocks_are_transformed_by_themselves() {
        for (length, count) in [(1, 5), (2, 3), (64, 7), (1 << 15, 2)] {
            let start: Vec<f64> = (0..length * count).map(|i| ((i * 7919 + 13) % 10007) as f64 / 10007.0 - 0.5).collect();
            let (mut together, mut apart) = (start.clone(), start);
            transform_blocks(&mut together, length, false);
            apart.chunks_exact_mut(length).for_each(|block| transform(block, false));
            assert_eq!(together, apart, "{count} blocks of {length}");
        }
    }
}
