//! Few points: the arithmetic of one or two hides behind memory, and that of up to five mostly. One loop takes the inner products of a group of rows and back-projects the
//! group before it, which is still in cache, while the second-level cache fetches the columns that come next.

#![expect(clippy::needless_range_loop, reason = "register tiles: rows and points index several arrays and pointers at once")]

use super::tiles::{CACHE_LINE, NEAR};
use super::{Normal, PADDING, SLAB, TILE};
use crate::sensing::dense::simd::{Entry, Lanes};
use std::ops::Range;

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

/// Lanes of the inner products of one row with `Q` pairs of points and `O` more, 0 or 1.
#[derive(Clone, Copy)]
struct Sums<L: Lanes, const Q: usize, const O: usize> {
    pairs: [L::Wide; Q],
    odd: [L::Vector; O],
}

impl<L: Lanes, const Q: usize, const O: usize> Sums<L, Q, O> {
    /// Zeros.
    ///
    /// # Safety
    /// The processor has the instructions.
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise.
        unsafe { Sums { pairs: [L::wide_zero(); Q], odd: [L::zero(); O] } }
    }

    /// Four columns of the points, which are packed.
    ///
    /// # Safety
    /// Four numbers for every point at `points`; the processor has the instructions.
    #[inline(always)]
    unsafe fn load(points: *const f64) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let mut columns = Self::zero();
            for q in 0..Q {
                columns.pairs[q] = L::wide_load(points.add(2 * 4 * q));
            }
            for q in 0..O {
                columns.odd[q] = L::load(points.add(2 * 4 * Q));
            }
            columns
        }
    }

    /// Adds the products of four columns of a row and of the points.
    ///
    /// # Safety
    /// Four entries at `row`; the processor has the instructions.
    #[inline(always)]
    unsafe fn add<E: Entry>(&mut self, row: *const E, points: Self) {
        // SAFETY: the caller's promise.
        unsafe {
            let entries = E::twice::<L>(row);
            for q in 0..Q {
                let sum = L::wide_multiply_add(entries, points.pairs[q], self.pairs[q]);
                self.pairs[q] = if Q + O > 1 { L::keep(sum) } else { sum };
            }
            for q in 0..O {
                self.odd[q] = L::multiply_add(E::load::<L>(row), points.odd[q], self.odd[q]);
            }
        }
    }

    /// The inner products.
    ///
    /// # Safety
    /// The processor has the instructions.
    #[inline(always)]
    unsafe fn inner_products<const P: usize>(self) -> [f64; P] {
        // SAFETY: the array holds eight numbers; the caller's promise.
        unsafe {
            let mut products = [0.0; P];
            for q in 0..Q {
                let mut lanes = [0.0; 8];
                L::wide_store(lanes.as_mut_ptr(), self.pairs[q]);
                products[2 * q] = L::sum(L::load(lanes.as_ptr()));
                products[2 * q + 1] = L::sum(L::load(lanes.as_ptr().add(4)));
            }
            for q in 0..O {
                products[2 * Q] = L::sum(self.odd[q]);
            }
            products
        }
    }
}

/// [`Normal`] for `P = 2Q + O` points, by groups of `G` rows.
///
/// # Safety
/// The slices of `job` have the lengths that its job asserts, `P` is its number of points, and the processor has the instructions.
#[inline(always)]
pub(super) unsafe fn normal<L: Lanes, E: Entry, const P: usize, const Q: usize, const O: usize, const G: usize>(job: &mut Normal<'_, E>) {
    // Points that are packed together lie as a whole row of them, whatever the span.
    const { assert!(P == 2 * Q + O && O < 2 && P <= TILE) };
    let (count, stride, points) = (job.rows.count, job.rows.stride, job.points.as_ptr());
    job.partial.fill(0.0);
    let (rows, partial) = (job.rows.start(), job.partial.as_mut_ptr());
    let mut residuals = [[0.0; P]; G];
    let groups = count / G;
    let bytes = count * stride * size_of::<E>();
    let (far, settles) = (bytes > SMALL, P == 1 && size_of::<E>() == 8 && stride > LONG && bytes > LARGE);
    // SAFETY: groups and rows end before `count`; points and partial sums have `P · stride` numbers; prefetching takes any address.
    unsafe {
        for group in 0..groups {
            let here = rows.add(group * G * stride);
            let mut sums = [Sums::<L, Q, O>::zero(); G];
            let fetch = here.wrapping_add(AHEAD);
            let mut turn = Turn { rows: here, stride, points, residuals: &residuals, partial, fetch, far, settles };
            // Columns whose successors are of the same rows, and those after which the next group's come.
            let same = stride.saturating_sub(AHEAD) / PADDING * PADDING;
            for (columns, skip) in [(0..same, 0), (same..stride, (G - 1) * stride)] {
                turn.fetch = turn.fetch.wrapping_add(skip);
                if group == 0 {
                    turn.run::<L, Q, O, false>(columns, &mut sums);
                } else {
                    turn.run::<L, Q, O, true>(columns, &mut sums);
                }
            }
            for (i, sum) in sums.iter().enumerate() {
                residuals[i] = residuals_of::<L, E, P, Q, O>(job, group * G + i, *sum);
            }
        }
        if groups > 0 {
            back_project::<L, E, G, P>(rows.add((groups - 1) * G * stride), stride, &residuals, partial);
        }
        for i in groups * G..count {
            let here = rows.add(i * stride);
            let mut sums = Sums::<L, Q, O>::zero();
            for k in (0..stride).step_by(4) {
                sums.add(here.add(k), Sums::load(points.add(k * P)));
            }
            let residual = residuals_of::<L, E, P, Q, O>(job, i, sums);
            back_project::<L, E, 1, P>(here, stride, &[residual], partial);
        }
    }
}

/// The residuals of row `i`; their squares are added to the job's.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn residuals_of<L: Lanes, E: Entry, const P: usize, const Q: usize, const O: usize>(
    job: &mut Normal<'_, E>,
    i: usize,
    sums: Sums<L, Q, O>,
) -> [f64; P] {
    // SAFETY: the caller's promise.
    let mut residuals = unsafe { sums.inner_products() };
    for q in 0..P {
        residuals[q] = job.target(i, q) - residuals[q];
        job.squares[q] = residuals[q].mul_add(residuals[q], job.squares[q]);
    }
    residuals
}

/// The inner products of a group of rows, and the back-projection of the group before.
struct Turn<'a, E, const P: usize, const G: usize> {
    /// The group; the other one ends here.
    rows: *const E,
    stride: usize,
    points: *const f64,
    /// Of the group before.
    residuals: &'a [[f64; P]; G],
    partial: *mut f64,
    /// What to fetch from afar for column 0 and row 0 of the group, if that is to be done.
    fetch: *const E,
    far: bool,
    /// Whether to wait until loads are done.
    settles: bool,
}

impl<E: Entry, const P: usize, const G: usize> Turn<'_, E, P, G> {
    /// Some columns, with the back-projection or (`BACK` unset) without.
    ///
    /// # Safety
    /// The fields describe memory that is there, a group of rows before `rows` too if `BACK` is set; the columns begin and end at multiples of
    /// [`PADDING`]; the processor has the instructions.
    #[inline(always)]
    unsafe fn run<L: Lanes, const Q: usize, const O: usize, const BACK: bool>(&self, columns: Range<usize>, sums: &mut [Sums<L, Q, O>; G]) {
        let &Turn { rows, stride, points, residuals, partial, fetch, far, settles } = self;
        // SAFETY: the caller's promise; prefetching takes any address.
        unsafe {
            let before = rows.wrapping_sub(G * stride);
            for start in columns.step_by(PADDING) {
                if settles {
                    L::settle();
                }
                for r in 0..G {
                    for line in (0..PADDING).step_by(CACHE_LINE / size_of::<E>()) {
                        if far {
                            L::prefetch_far(fetch.wrapping_add(r * stride + start + line).cast());
                        }
                        L::prefetch(rows.wrapping_add(r * stride + start + line + NEAR).cast());
                    }
                }
                for k in (start..start + PADDING).step_by(4) {
                    let columns = Sums::load(points.add(k * P));
                    for r in 0..G {
                        sums[r].add(rows.add(r * stride + k), columns);
                    }
                }
                if BACK {
                    if P > 3 {
                        back_project_slabs::<L, E, G, P, 2>(before.add(start), stride, residuals, partial.add(start * P));
                    } else {
                        for k in (start..start + PADDING).step_by(SLAB) {
                            back_project_slabs::<L, E, G, P, 1>(before.add(k), stride, residuals, partial.add(k * P));
                        }
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
        unsafe { back_project_slabs::<L, E, R, P, 1>(rows.add(k), stride, residuals, partial.add(k * P)) };
    }
}

/// `C` slabs of [`back_project`].
///
/// # Safety
/// As there, for these columns.
#[inline(always)]
unsafe fn back_project_slabs<L: Lanes, E: Entry, const R: usize, const P: usize, const C: usize>(
    rows: *const E,
    stride: usize,
    residuals: &[[f64; P]; R],
    partial: *mut f64,
) {
    // SAFETY: the caller's promise.
    let at = |c: usize, q: usize| unsafe { partial.add((c * P + q) * SLAB) };
    // SAFETY: the caller's promise.
    unsafe {
        if C == 1 && P <= 2 && size_of::<E>() == 8 {
            // Point by point: what waits for memory loads rows again from the nearest cache at no cost, where f32 would be widened again.
            for q in 0..P {
                let mut sum = L::wide_load(at(0, q));
                for (r, residual) in residuals.iter().enumerate() {
                    sum = L::wide_multiply_add(L::wide_broadcast(residual[q]), E::wide_load::<L>(rows.add(r * stride)), sum);
                }
                L::wide_store(at(0, q), sum);
            }
            return;
        }
        let mut sums = [[L::wide_zero(); P]; C];
        for c in 0..C {
            for q in 0..P {
                sums[c][q] = L::wide_load(at(c, q));
            }
        }
        for (r, residual) in residuals.iter().enumerate() {
            let mut entries = [L::wide_zero(); C];
            for c in 0..C {
                entries[c] = E::wide_load::<L>(rows.add(r * stride + c * SLAB));
            }
            for q in 0..P {
                let residual = L::wide_broadcast(residual[q]);
                for c in 0..C {
                    sums[c][q] = L::keep(L::wide_multiply_add(residual, entries[c], sums[c][q]));
                }
            }
        }
        for c in 0..C {
            for q in 0..P {
                L::wide_store(at(c, q), sums[c][q]);
            }
        }
    }
}
