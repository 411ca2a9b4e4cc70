//! One or two points: the arithmetic hides behind memory. One loop takes the inner products of a group of rows and back-projects the
//! group before it, which is still in cache.

#![expect(clippy::needless_range_loop, reason = "register tiles: rows and points index several arrays and pointers at once")]

use super::{Normal, SLAB};
use crate::sensing::dense::simd::{Entry, Lanes};

/// Rows of a group.
const GROUP: usize = 4;

/// [`Normal`] for `P` points.
///
/// # Safety
/// The slices of `job` have the lengths that its job asserts, `P` is its number of points, and the processor has the instructions.
#[inline(always)]
pub(super) unsafe fn normal<L: Lanes, E: Entry, const P: usize>(job: &mut Normal<'_, E>) {
    let (count, stride, points) = (job.rows.count, job.rows.stride, job.points.as_ptr());
    job.partial.fill(0.0);
    let (rows, partial) = (job.rows.start(), job.partial.as_mut_ptr());
    let mut residuals = [[0.0; P]; GROUP];
    let groups = count / GROUP;
    // SAFETY: groups and rows end before `count`; points and partial sums have `P · stride` numbers.
    unsafe {
        for group in 0..groups {
            let here = rows.add(group * GROUP * stride);
            let mut sums = [[L::zero(); P]; GROUP];
            if group == 0 {
                products::<L, E, GROUP, P>(here, stride, points, &mut sums);
            } else {
                products_and_back_projection::<L, E, P>(here, stride, points, &mut sums, &residuals, partial);
            }
            for (i, (residual, sum)) in residuals.iter_mut().zip(&sums).enumerate() {
                *residual = residual_of::<L, E, P>(job, group * GROUP + i, sum);
            }
        }
        if groups > 0 {
            back_project::<L, E, GROUP, P>(rows.add((groups - 1) * GROUP * stride), stride, &residuals, partial);
        }
        for i in groups * GROUP..count {
            let here = rows.add(i * stride);
            let mut sums = [[L::zero(); P]];
            products::<L, E, 1, P>(here, stride, points, &mut sums);
            let residual = residual_of::<L, E, P>(job, i, &sums[0]);
            back_project::<L, E, 1, P>(here, stride, &[residual], partial);
        }
    }
}

/// The residuals of row `i`; their squares are added to the job's.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn residual_of<L: Lanes, E: Entry, const P: usize>(job: &mut Normal<'_, E>, i: usize, sums: &[L::Vector; P]) -> [f64; P] {
    let mut residual = [0.0; P];
    for q in 0..P {
        // SAFETY: the caller's promise.
        residual[q] = job.target(i, q) - unsafe { L::sum(sums[q]) };
        job.squares[q] = residual[q].mul_add(residual[q], job.squares[q]);
    }
    residual
}

/// `sums[r][q] += ⟨row r, point q⟩`, lane by lane.
///
/// # Safety
/// `R` rows of `stride` entries begin at `rows`, `P` packed points of that length at `points`; the processor has the instructions.
#[inline(always)]
pub(super) unsafe fn products<L: Lanes, E: Entry, const R: usize, const P: usize>(
    rows: *const E,
    stride: usize,
    points: *const f64,
    sums: &mut [[L::Vector; P]; R],
) {
    for k in (0..stride).step_by(4) {
        for q in 0..P {
            // SAFETY: `k + 4 ≤ stride`.
            unsafe {
                let x = L::load(points.add(k * P + 4 * q));
                for r in 0..R {
                    sums[r][q] = L::multiply_add(E::load::<L>(rows.add(r * stride + k)), x, sums[r][q]);
                }
            }
        }
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
        for half in [0, 4] {
            // SAFETY: `k + 8 ≤ stride`.
            unsafe { back_project_four::<L, E, R, P>(rows.add(k + half), stride, residuals, partial.add(k * P + half)) };
        }
    }
}

/// Four columns of [`back_project`].
///
/// # Safety
/// As there, for these columns.
#[inline(always)]
unsafe fn back_project_four<L: Lanes, E: Entry, const R: usize, const P: usize>(
    rows: *const E,
    stride: usize,
    residuals: &[[f64; P]; R],
    partial: *mut f64,
) {
    for q in 0..P {
        // SAFETY: the caller's promise.
        unsafe {
            let at = partial.add(q * SLAB);
            let mut sum = L::load(at);
            for (r, residual) in residuals.iter().enumerate() {
                sum = L::multiply_add(L::broadcast(residual[q]), E::load::<L>(rows.add(r * stride)), sum);
            }
            L::store(at, sum);
        }
    }
}

/// [`products`] of the group at `rows` and [`back_project`] of the group before it; the group after it is fetched.
///
/// # Safety
/// As for these two, with `GROUP` rows before `rows` as well.
#[inline(always)]
unsafe fn products_and_back_projection<L: Lanes, E: Entry, const P: usize>(
    rows: *const E,
    stride: usize,
    points: *const f64,
    sums: &mut [[L::Vector; P]; GROUP],
    residuals: &[[f64; P]; GROUP],
    partial: *mut f64,
) {
    // SAFETY: the caller's promise; `k + 8 ≤ stride` as the stride is a multiple of 16; prefetching takes any address.
    unsafe {
        let before = rows.sub(GROUP * stride);
        for k in (0..stride).step_by(SLAB) {
            for r in 0..GROUP {
                L::prefetch(rows.wrapping_add((GROUP + r) * stride + k).cast());
            }
            for half in [0, 4] {
                let at = k + half;
                for q in 0..P {
                    let x = L::load(points.add(at * P + 4 * q));
                    for r in 0..GROUP {
                        sums[r][q] = L::multiply_add(E::load::<L>(rows.add(r * stride + at)), x, sums[r][q]);
                    }
                }
                back_project_four::<L, E, GROUP, P>(before.add(at), stride, residuals, partial.add(k * P + half));
            }
        }
    }
}
