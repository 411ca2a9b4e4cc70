//! One or two points: the arithmetic hides behind memory. One loop takes the inner products of a group of rows and back-projects the
//! group before it, which is still in cache, while the second-level cache fetches the columns that come next.

#![expect(clippy::needless_range_loop, reason = "register tiles: rows and points index several arrays and pointers at once")]

use super::tiles::{CACHE_LINE, NEAR};
use super::{Normal, PADDING, SLAB};
use crate::sensing::dense::simd::{Entry, Lanes};
use std::ops::Range;

/// Rows of a group: of those from 2 to 12, what is fastest or next to it for all sizes.
const GROUP: usize = 6;
/// How many columns ahead of the inner products their rows are fetched into the second-level cache. Between 256 and 1024 there is no difference.
const AHEAD: usize = 512;
/// Bytes of a chunk up to which nothing is fetched from afar: an ensemble of as many in each chunk lies in the third-level cache, from where fetching near is enough, and it takes
/// loads away from the arithmetic (a tenth of the time at side 30, p = 600).
const SMALL: usize = 1 << 20;
/// Bytes of a chunk above which the ensemble comes from memory, a pass after another.
const LARGE: usize = 4 << 20;
/// Numbers of a row above which loads of a single point must not run ahead, if the ensemble comes from memory. A processor that starts loads of many turns at once has no room left
/// for what is to be fetched from memory, and drops it: rows of 10000 f64 took 18 rather than 15.5 ms. Short rows, rows in cache, two points, and f32, whose bytes the memory delivers in
/// time, lose by waiting.
const LONG: usize = 1024;

/// Lanes of the inner products of one row and `P` points.
pub(super) trait Sums<L: Lanes, const P: usize>: Copy {
    /// # Safety
    /// The processor has the instructions.
    unsafe fn zero() -> Self;

    /// Adds four columns: those of a row, and of the points, which are packed.
    ///
    /// # Safety
    /// Four entries at `row`, `4P` numbers at `points`; the processor has the instructions.
    unsafe fn add<E: Entry>(&mut self, row: *const E, points: *const f64);

    /// The inner products.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn inner_products(self) -> [f64; P];
}

/// [`Sums`] of one point.
#[derive(Clone, Copy)]
pub(super) struct One<L: Lanes>(L::Vector);

impl<L: Lanes> Sums<L, 1> for One<L> {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise.
        One(unsafe { L::zero() })
    }

    #[inline(always)]
    unsafe fn add<E: Entry>(&mut self, row: *const E, points: *const f64) {
        // SAFETY: the caller's promise.
        unsafe { self.0 = L::multiply_add(E::load::<L>(row), L::load(points), self.0) };
    }

    #[inline(always)]
    unsafe fn inner_products(self) -> [f64; 1] {
        // SAFETY: the caller's promise.
        [unsafe { L::sum(self.0) }]
    }
}

/// [`Sums`] of two points.
#[derive(Clone, Copy)]
pub(super) struct Two<L: Lanes>(L::Wide);

impl<L: Lanes> Sums<L, 2> for Two<L> {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise.
        Two(unsafe { L::wide_zero() })
    }

    #[inline(always)]
    unsafe fn add<E: Entry>(&mut self, row: *const E, points: *const f64) {
        // SAFETY: the caller's promise.
        unsafe { self.0 = L::wide_multiply_add(E::twice::<L>(row), L::wide_load(points), self.0) };
    }

    #[inline(always)]
    unsafe fn inner_products(self) -> [f64; 2] {
        let mut lanes = [0.0; 8];
        // SAFETY: the array holds eight numbers; the caller's promise.
        unsafe {
            L::wide_store(lanes.as_mut_ptr(), self.0);
            [L::sum(L::load(lanes.as_ptr())), L::sum(L::load(lanes.as_ptr().add(4)))]
        }
    }
}

/// [`Normal`] for `P` points.
///
/// # Safety
/// The slices of `job` have the lengths that its job asserts, `P` is its number of points, and the processor has the instructions.
#[inline(always)]
pub(super) unsafe fn normal<L: Lanes, E: Entry, S: Sums<L, P>, const P: usize>(job: &mut Normal<'_, E>) {
    let (count, stride, points) = (job.rows.count, job.rows.stride, job.points.as_ptr());
    job.partial.fill(0.0);
    let (rows, partial) = (job.rows.start(), job.partial.as_mut_ptr());
    let mut residuals = [[0.0; P]; GROUP];
    let groups = count / GROUP;
    let bytes = count * stride * size_of::<E>();
    let (far, settles) = (bytes > SMALL, P == 1 && size_of::<E>() == 8 && stride > LONG && bytes > LARGE);
    // SAFETY: groups and rows end before `count`; points and partial sums have `P · stride` numbers; prefetching takes any address.
    unsafe {
        for group in 0..groups {
            let here = rows.add(group * GROUP * stride);
            let mut sums = [S::zero(); GROUP];
            let fetch = here.wrapping_add(AHEAD);
            let mut turn = Turn { rows: here, stride, points, residuals: &residuals, partial, fetch, far, settles };
            // Columns whose successors are of the same rows, and those after which the next group's come.
            let same = stride.saturating_sub(AHEAD) / PADDING * PADDING;
            for (columns, skip) in [(0..same, 0), (same..stride, (GROUP - 1) * stride)] {
                turn.fetch = turn.fetch.wrapping_add(skip);
                if group == 0 {
                    turn.run::<L, S, false>(columns, &mut sums);
                } else {
                    turn.run::<L, S, true>(columns, &mut sums);
                }
            }
            for (i, sum) in sums.iter().enumerate() {
                residuals[i] = residuals_of::<L, E, S, P>(job, group * GROUP + i, *sum);
            }
        }
        if groups > 0 {
            back_project::<L, E, GROUP, P>(rows.add((groups - 1) * GROUP * stride), stride, &residuals, partial);
        }
        for i in groups * GROUP..count {
            let here = rows.add(i * stride);
            let mut sums = S::zero();
            for k in (0..stride).step_by(4) {
                sums.add(here.add(k), points.add(k * P));
            }
            let residual = residuals_of::<L, E, S, P>(job, i, sums);
            back_project::<L, E, 1, P>(here, stride, &[residual], partial);
        }
    }
}

/// The residuals of row `i`; their squares are added to the job's.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn residuals_of<L: Lanes, E: Entry, S: Sums<L, P>, const P: usize>(job: &mut Normal<'_, E>, i: usize, sums: S) -> [f64; P] {
    // SAFETY: the caller's promise.
    let mut residuals = unsafe { sums.inner_products() };
    for q in 0..P {
        residuals[q] = job.target(i, q) - residuals[q];
        job.squares[q] = residuals[q].mul_add(residuals[q], job.squares[q]);
    }
    residuals
}

/// The inner products of a group of rows, and the back-projection of the group before.
struct Turn<'a, E, const P: usize> {
    /// The group; the other one ends here.
    rows: *const E,
    stride: usize,
    points: *const f64,
    /// Of the group before.
    residuals: &'a [[f64; P]; GROUP],
    partial: *mut f64,
    /// What to fetch from afar for column 0 and row 0 of the group, if that is to be done.
    fetch: *const E,
    far: bool,
    /// Whether to wait until loads are done.
    settles: bool,
}

impl<E: Entry, const P: usize> Turn<'_, E, P> {
    /// Some columns, with the back-projection or (`BACK` unset) without.
    ///
    /// # Safety
    /// The fields describe memory that is there, a group of rows before `rows` too if `BACK` is set; the columns begin and end at multiples of
    /// [`PADDING`]; the processor has the instructions.
    #[inline(always)]
    unsafe fn run<L: Lanes, S: Sums<L, P>, const BACK: bool>(&self, columns: Range<usize>, sums: &mut [S; GROUP]) {
        let &Turn { rows, stride, points, residuals, partial, fetch, far, settles } = self;
        // SAFETY: the caller's promise; prefetching takes any address.
        unsafe {
            let before = rows.wrapping_sub(GROUP * stride);
            for start in columns.step_by(PADDING) {
                if settles {
                    L::settle();
                }
                for r in 0..GROUP {
                    for line in (0..PADDING).step_by(CACHE_LINE / size_of::<E>()) {
                        if far {
                            L::prefetch_far(fetch.wrapping_add(r * stride + start + line).cast());
                        }
                        L::prefetch(rows.wrapping_add(r * stride + start + line + NEAR).cast());
                    }
                }
                for k in (start..start + PADDING).step_by(4) {
                    for r in 0..GROUP {
                        sums[r].add(rows.add(r * stride + k), points.add(k * P));
                    }
                }
                if BACK {
                    for k in (start..start + PADDING).step_by(SLAB) {
                        back_project_slab::<L, E, GROUP, P>(before.add(k), stride, residuals, partial.add(k * P));
                    }
                }
            }
        }
    }
}

/// `⟨row, point⟩`
///
/// # Safety
/// `stride` entries at `row`, as many numbers at `point`; the processor has the instructions.
#[inline(always)]
pub(super) unsafe fn product<L: Lanes, E: Entry>(row: *const E, stride: usize, point: *const f64) -> f64 {
    // SAFETY: the caller's promise; `k + 4 ≤ stride`, a multiple of 16.
    unsafe {
        let mut sums = L::zero();
        for k in (0..stride).step_by(4) {
            sums = L::multiply_add(E::load::<L>(row.add(k)), L::load(point.add(k)), sums);
        }
        L::sum(sums)
    }
}

/// `partial[q] += Σ_r residuals[r][q] · row r`, rows ascending.
///
/// # Safety
/// `R` rows of `stride` entries begin at `rows`, `P · stride` numbers at `partial`; the processor has the instructions.
#[inline(always)]
pub(super) unsafe fn back_project<L: Lanes, E: Entry, const R: usize, const P: usize>(
    rows: *const E,
    stride: usize,
    residuals: &[[f64; P]; R],
    partial: *mut f64,
) {
    for k in (0..stride).step_by(SLAB) {
        // SAFETY: `k + 8 ≤ stride`.
        unsafe { back_project_slab::<L, E, R, P>(rows.add(k), stride, residuals, partial.add(k * P)) };
    }
}

/// Eight columns of [`back_project`].
///
/// # Safety
/// As there, for these columns.
#[inline(always)]
unsafe fn back_project_slab<L: Lanes, E: Entry, const R: usize, const P: usize>(
    rows: *const E,
    stride: usize,
    residuals: &[[f64; P]; R],
    partial: *mut f64,
) {
    for q in 0..P {
        // SAFETY: the caller's promise.
        unsafe {
            let at = partial.add(q * SLAB);
            let mut sum = L::wide_load(at);
            for (r, residual) in residuals.iter().enumerate() {
                sum = L::wide_multiply_add(L::wide_broadcast(residual[q]), E::wide_load::<L>(rows.add(r * stride)), sum);
            }
            L::wide_store(at, sum);
        }
    }
}
