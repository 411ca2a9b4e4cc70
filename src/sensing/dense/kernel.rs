//! The fused normal operator on one chunk of measurements: residuals `r_i = y_i − ⟨A_i, X⟩` and back-projection `Σ_i r_i A_i` while
//! the rows are in cache, for one or more points.
//!
//! **The bits.** Lane `l` of `⟨A_i, X⟩` adds the products of entries `4k + l`, `k = 0, 1, …`, by fused multiply-add from +0; then
//! `(l₀ + l₂) + (l₁ + l₃)`. Back-projection adds `r_i A_i` by fused multiply-add from +0, rows ascending in the chunk; so do the squares
//! `r_i²`. Storing an accumulator and loading it again rounds nothing: register tiles, blocks of rows, spans of columns and prefetching
//! change no bit and may depend on the batch and the storage.
//!
//! **Layout.** Rows lie `stride` apart, `stride` a multiple of [`PADDING`], padded with zeros. Points are packed by [`packed_at`], the
//! chunk's part of `N` as (slab of 8 columns)(point)(8).

use super::buffer::Buffer;
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::simd::{Entry, Lanes, Portable};
use std::ops::Range;

mod blocked;
mod pipelined;
mod tiles;

/// Rows and points are padded with zeros to a multiple of this.
pub(super) const PADDING: usize = 16;
/// Columns that the partial sums of `N` keep together.
pub(super) const SLAB: usize = 8;
/// Points that are packed together.
const TILE: usize = 8;

/// Rows of the ensemble.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, E> {
    entries: &'a [E],
    count: usize,
    stride: usize,
}

impl<'a, E: Entry> Rows<'a, E> {
    /// Rows that lie `stride` apart.
    ///
    /// # Panics
    /// If `stride` is not a positive multiple of [`PADDING`] or the entries are not whole rows.
    pub(super) fn new(entries: &'a [E], stride: usize) -> Self {
        assert!(stride > 0 && stride.is_multiple_of(PADDING) && entries.len().is_multiple_of(stride));
        Rows { entries, count: entries.len() / stride, stride }
    }

    fn start(&self) -> *const E {
        self.entries.as_ptr()
    }
}

/// Columns that blocks pack, and multiply, together. Few points wait for memory, and gain by a short span, after which the back-projection has its turn: with 512 columns three points took a
/// tenth longer, and five. (Up to eight points are packed alike whatever it is.) More points gain by a long one, for which the lanes of inner products are loaded and stored less often, although rows and points no longer fit into the first-level cache
/// together: 6 to 32 points took 2 to 6 % longer with 256, and with AVX2 1 to 20 % (but 3 % less at 32 points of 10000 numbers).
pub(super) fn span(batch: usize) -> usize {
    if (3..=5).contains(&batch) { 256 } else { 512 }
}

/// Where columns `k .. k + 4` of `point` are, counted from the start of their span, which has `length` columns; `k` is a multiple
/// of 4 that counts from the start of the span too. The order is (tile of points)(k/4)(point in tile)(4).
pub(super) fn packed_at(batch: usize, point: usize, k: usize, length: usize) -> usize {
    let first = point - point % TILE;
    let width = TILE.min(batch - first);
    first * length + k * width + 4 * (point - first)
}

/// Buffers of one chunk.
pub(super) struct Scratch {
    /// Lanes of the inner products of a block: (row)(point)(4).
    sums: Buffer<f64>,
    /// Residuals of a block.
    residuals: Buffer<f64>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Scratch { sums: Buffer::empty(), residuals: Buffer::empty() }
    }

    /// Makes room for batches of so many points, so that nothing is allocated later, whichever chunk it serves.
    pub(super) fn reserve(&mut self, batch: usize) {
        if batch > 2 {
            self.sums.grow(blocked::BLOCK * batch * 4);
            self.residuals.grow(blocked::BLOCK * batch);
        }
    }
}

/// Something to be computed over lanes.
pub(in crate::sensing) trait Job {
    /// Does it.
    ///
    /// # Safety
    /// The processor has the instructions of `L`.
    unsafe fn run<L: Lanes>(self);
}

/// What there is to compute with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Instructions {
    /// All that the processor has, the fastest first.
    fn available() -> impl Iterator<Item = Instructions> {
        #[cfg(target_arch = "x86_64")]
        let vectors = {
            let narrow = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let wide = narrow && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
            [wide.then_some(Instructions::Avx512), narrow.then_some(Instructions::Avx2)]
        };
        #[cfg(not(target_arch = "x86_64"))]
        let vectors = [None; 0];
        vectors.into_iter().flatten().chain(std::iter::once(Instructions::Portable))
    }

    /// The fastest that the processor has, or the portable ones.
    fn best(portable: bool) -> Instructions {
        let best = if portable { None } else { Instructions::available().next() };
        best.unwrap_or(Instructions::Portable)
    }

    /// [`Lanes::MANY`]
    fn has_many_registers(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => Avx512::MANY,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => Avx2::MANY,
            Instructions::Portable => Portable::MANY,
        }
    }
}

/// Does a job, with vector instructions if the processor has them and `portable` is not set.
pub(in crate::sensing) fn run(job: impl Job, portable: bool) {
    // SAFETY: the processor has these.
    unsafe { run_by(Instructions::best(portable), job) }
}

/// # Safety
/// The processor has the instructions.
unsafe fn run_by(instructions: Instructions, job: impl Job) {
    // SAFETY: the caller vouches for the instructions.
    unsafe {
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => run_avx512(job),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => run_avx2(job),
            Instructions::Portable => job.run::<Portable>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
unsafe fn run_avx512(job: impl Job) {
    // SAFETY: the caller vouches for the instructions.
    unsafe { job.run::<Avx512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2(job: impl Job) {
    // SAFETY: the caller vouches for the instructions.
    unsafe { job.run::<Avx2>() }
}

/// The normal operator on a chunk of rows.
pub(super) struct Normal<'a, E> {
    /// The rows.
    pub(super) rows: Rows<'a, E>,
    /// The points, packed; `data.len()` times the stride.
    pub(super) points: &'a [f64],
    /// For each point, whether the residual is `y − A(X)` or `0 − A(X)`.
    pub(super) data: &'a [bool],
    /// `y` of these rows.
    pub(super) y: &'a [f64],
    /// The chunk's part of `N`; as long as `points`.
    pub(super) partial: &'a mut [f64],
    /// The chunk's part of `‖y − A(X)‖²`, one a point.
    pub(super) squares: &'a mut [f64],
    /// Buffers.
    pub(super) scratch: &'a mut Scratch,
}

impl<E: Entry> Normal<'_, E> {
    /// `y_i` or 0.
    #[inline(always)]
    fn target(&self, row: usize, point: usize) -> f64 {
        if self.data[point] { self.y[row] } else { 0.0 }
    }
}

impl<E: Entry> Normal<'_, E> {
    /// Does it, with vector instructions if the processor has them and `portable` is not set.
    pub(super) fn run(self, portable: bool) {
        // SAFETY: the processor has these.
        unsafe { self.run_by(Instructions::best(portable)) }
    }

    /// # Safety
    /// The processor has the instructions.
    unsafe fn run_by(self, instructions: Instructions) {
        let (batch, size) = (self.data.len(), self.data.len() * self.rows.stride);
        // What the pointers of the jobs rely on.
        assert!(self.points.len() == size && self.partial.len() == size);
        assert!(self.y.len() == self.rows.count && self.squares.len() == batch);
        self.squares.fill(0.0);
        if self.rows.count == 0 {
            self.partial.fill(0.0);
            return;
        }
        let (many, wide) = (instructions.has_many_registers(), size_of::<E>() == 8);
        // Which, and by how many rows, was measured at S, M and L; blocks win where points and sums of a group of rows need more registers
        // than there are. Each job is a function by itself, or the compiler shares registers out among all of them.
        // SAFETY: the slices have the lengths just asserted, and each job the points that it is for; the instructions are the caller's promise.
        unsafe {
            match batch {
                0 => {}
                1 => run_by(instructions, Few::<E, 1, 0, 1, 6>(self)),
                2 => run_by(instructions, Few::<E, 2, 1, 0, 6>(self)),
                3 if many => run_by(instructions, Few::<E, 3, 1, 1, 5>(self)),
                3 if wide => run_by(instructions, Few::<E, 3, 1, 1, 3>(self)),
                4 if many => run_by(instructions, Few::<E, 4, 2, 0, 5>(self)),
                5 if many && wide => run_by(instructions, Few::<E, 5, 2, 1, 6>(self)),
                _ => run_by(instructions, Blocks(self)),
            }
        }
    }
}

/// [`Normal`] for `P` points, `P = 2Q + O`, by groups of `G` rows. Its slices have the lengths that are asserted in [`Normal::run`].
struct Few<'a, E, const P: usize, const Q: usize, const O: usize, const G: usize>(Normal<'a, E>);

impl<E: Entry, const P: usize, const Q: usize, const O: usize, const G: usize> Job for Few<'_, E, P, Q, O, G> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        // SAFETY: the lengths are right; the instructions are the caller's promise.
        unsafe { pipelined::normal::<L, E, P, Q, O, G>(&mut self.0) }
    }
}

/// [`Normal`] for all other batches, of at least three points, likewise.
struct Blocks<'a, E>(Normal<'a, E>);

impl<E: Entry> Job for Blocks<'_, E> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        // SAFETY: the lengths are right; the instructions are the caller's promise.
        unsafe { blocked::normal::<L, E>(&mut self.0) }
    }
}

/// `⟨A_i, X⟩` for a single packed point.
pub(super) struct Products<'a, E> {
    /// The rows.
    pub(super) rows: Rows<'a, E>,
    /// The point; as long as the stride.
    pub(super) point: &'a [f64],
    /// The inner products, one a row.
    pub(super) out: &'a mut [f64],
}

impl<E: Entry> Job for Products<'_, E> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        assert!(self.point.len() == self.rows.stride && self.out.len() == self.rows.count);
        for (i, out) in self.out.iter_mut().enumerate() {
            // SAFETY: row `i` is one of the rows, the point has a stride's length, the instructions are the caller's promise.
            unsafe {
                let row = self.rows.start().add(i * self.rows.stride);
                *out = pipelined::product::<L, E>(row, self.rows.stride, self.point.as_ptr());
            }
        }
    }
}

/// `Σ_i v_i A_i` over a chunk of rows.
pub(super) struct BackProjection<'a, E> {
    /// The rows.
    pub(super) rows: Rows<'a, E>,
    /// `v` of these rows.
    pub(super) weights: &'a [f64],
    /// The sum; as long as the stride.
    pub(super) partial: &'a mut [f64],
}

impl<E: Entry> Job for BackProjection<'_, E> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        assert!(self.weights.len() == self.rows.count && self.partial.len() == self.rows.stride);
        self.partial.fill(0.0);
        for (i, &weight) in self.weights.iter().enumerate() {
            // SAFETY: row `i` is one of the rows, the sum has a stride's length, the instructions are the caller's promise.
            unsafe {
                let row = self.rows.start().add(i * self.rows.stride);
                pipelined::back_project::<L, E, 1, 1>(row, self.rows.stride, &[[weight]], self.partial.as_mut_ptr());
            }
        }
    }
}

/// The normal operator on rows from anywhere, for a single point.
pub(super) struct Gathered<'a, E> {
    /// All rows of the ensemble.
    pub(super) entries: &'a [E],
    /// From one row to the next.
    pub(super) stride: usize,
    /// The rows, in the order of summation.
    pub(super) indices: &'a [usize],
    /// The point; as long as the stride.
    pub(super) point: &'a [f64],
    /// `y` of all rows; absent: 0.
    pub(super) y: Option<&'a [f64]>,
    /// What each residual is multiplied by in the sum.
    pub(super) weight: f64,
    /// The sum; as long as the stride.
    pub(super) partial: &'a mut [f64],
    /// The sum of the squares of the residuals.
    pub(super) squares: &'a mut f64,
}

impl<E: Entry> Job for Gathered<'_, E> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let stride = self.stride;
        assert!(stride > 0 && stride.is_multiple_of(PADDING) && self.point.len() == stride && self.partial.len() == stride);
        self.partial.fill(0.0);
        *self.squares = 0.0;
        for &i in self.indices {
            let row = self.entries[i * stride..][..stride].as_ptr();
            let target = self.y.map_or(0.0, |y| y[i]);
            // SAFETY: a whole row begins at `row`, the point and the sum have a stride's length, the instructions are the caller's promise.
            unsafe {
                let residual = target - pipelined::product::<L, E>(row, stride, self.point.as_ptr());
                *self.squares = residual.mul_add(residual, *self.squares);
                pipelined::back_project::<L, E, 1, 1>(row, stride, &[[self.weight * residual]], self.partial.as_mut_ptr());
            }
        }
    }
}

/// Consecutive ranges of at most `step` that make up `whole`.
fn steps(whole: Range<usize>, step: usize) -> impl Iterator<Item = Range<usize>> {
    let end = whole.end;
    whole.step_by(step).map(move |start| start..(start + step).min(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the normal operator gives on rows of some 1/7ths: the bits of the partial sums and squares.
    fn bits<E: Entry>(instructions: Instructions, count: usize, stride: usize, batch: usize) -> Vec<u64> {
        let entries: Vec<E> = (0..count * stride).map(|i| E::from_f64((i * 31 % 101) as f64 / 7.0 - 6.5)).collect();
        let points: Vec<f64> = (0..batch * stride).map(|i| (i * 17 % 89) as f64 / 11.0 - 4.1).collect();
        let data: Vec<bool> = (0..batch).map(|q| q % 3 != 1).collect();
        let y: Vec<f64> = (0..count).map(|i| i as f64 / 3.0).collect();
        let (mut partial, mut squares) = (vec![f64::NAN; batch * stride], vec![f64::NAN; batch]);
        let (points, data, y, scratch) = (&points[..], &data[..], &y[..], &mut Scratch::new());
        let rows = Rows::new(&entries, stride);
        let job = Normal { rows, points, data, y, partial: &mut partial, squares: &mut squares, scratch };
        // SAFETY: `available` gave them.
        unsafe { job.run_by(instructions) };
        partial.iter().chain(&squares).map(|x| x.to_bits()).collect()
    }

    #[test]
    fn all_instructions_give_the_same_bits() {
        // No full tile of rows, more than one block, rows that are fetched from afar, and rows that wait.
        for (stride, count, batches) in [(48, 5, 16), (48, 103, 16), (1040, 13, 16), (4112, 33, 16), (4112, 131, 2)] {
            for batch in (1..=9).chain([13, 16]).filter(|batch| *batch <= batches) {
                let expected =
                    (bits::<f64>(Instructions::Portable, count, stride, batch), bits::<f32>(Instructions::Portable, count, stride, batch));
                for instructions in Instructions::available() {
                    assert!(
                        bits::<f64>(instructions, count, stride, batch) == expected.0,
                        "{instructions:?}, {stride}, {count}, {batch}, f64"
                    );
                    assert!(
                        bits::<f32>(instructions, count, stride, batch) == expected.1,
                        "{instructions:?}, {stride}, {count}, {batch}, f32"
                    );
                }
            }
        }
    }
}
