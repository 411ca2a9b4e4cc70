//! Register tiles of [`blocked`](super::blocked).

#![expect(clippy::needless_range_loop, reason = "register tiles: rows and points index several arrays and pointers at once")]

use super::{PADDING, SLAB};
use crate::sensing::dense::simd::{Entry, Lanes};

/// Rows of a tile of inner products.
pub(super) const TALL: usize = 6;
/// Columns between two checks of a tile's loop.
const STRETCH: usize = PADDING;
/// How many columns ahead rows are fetched into the first-level cache, which leaves the processor's window of instructions to the arithmetic.
pub(super) const NEAR: usize = 64;
/// In bytes.
pub(super) const CACHE_LINE: usize = 64;

/// A register tile of inner products.
#[derive(Clone, Copy)]
pub(super) struct ProductTile<E> {
    /// Its first row, at its first column.
    pub(super) rows: *const E,
    pub(super) stride: usize,
    /// Its points, packed, at its first column, and how many are packed together there.
    pub(super) points: *const f64,
    pub(super) together: usize,
    /// Columns, a multiple of [`STRETCH`].
    pub(super) length: usize,
    /// Whether the sums start at +0, or go on.
    pub(super) first: bool,
    /// Whether its rows are not in the first-level cache yet.
    pub(super) fresh: bool,
    /// The row to fetch next, and how many.
    pub(super) ahead: *const E,
    pub(super) ahead_rows: usize,
    /// From one row's sums to the next's.
    pub(super) row_sums: usize,
}

impl<E: Entry> ProductTile<E> {
    /// All rows of the tile: six at once, or one by one where a block ends in fewer.
    ///
    /// # Safety
    /// The fields describe memory that is there, for `count` rows and `width` points; the processor has the instructions.
    #[inline(always)]
    pub(super) unsafe fn run_rows<L: Lanes>(self, count: usize, width: usize, sums: *mut f64) {
        // SAFETY: the caller's promise; single rows are rows of the tile.
        unsafe {
            if count == TALL {
                return self.run_points::<L, TALL>(width, sums);
            }
            for r in 0..count {
                let row = ProductTile { rows: self.rows.add(r * self.stride), ..self };
                row.run_points::<L, 1>(width, sums.add(r * self.row_sums));
            }
        }
    }

    /// `R` rows times one point, or 2, 4, 6 or 8.
    ///
    /// # Safety
    /// As for [`run_rows`](Self::run_rows).
    #[inline(always)]
    unsafe fn run_points<L: Lanes, const R: usize>(self, width: usize, sums: *mut f64) {
        // SAFETY: the caller's promise.
        unsafe {
            match width {
                1 => self.run_single::<L, R>(sums),
                4 if L::MANY => self.run::<L, R, 2>(sums),
                6 if L::MANY => self.run::<L, R, 3>(sums),
                8 if L::MANY => self.run::<L, R, 4>(sums),
                _ => self.run::<L, R, 1>(sums),
            }
        }
    }

    /// Fetches what comes soon of `R` rows that are fresh, and a stretch of what is multiplied next.
    #[inline(always)]
    unsafe fn fetch<L: Lanes, const R: usize>(&self, stretch: usize) {
        if self.fresh && stretch + NEAR < self.length {
            for r in 0..R {
                for line in (0..STRETCH).step_by(CACHE_LINE / size_of::<E>()) {
                    // SAFETY: prefetching takes any address.
                    unsafe { L::prefetch(self.rows.wrapping_add(r * self.stride + stretch + line + NEAR).cast()) };
                }
            }
        }
        for n in 0..self.ahead_rows {
            for line in (0..STRETCH).step_by(CACHE_LINE / size_of::<E>()) {
                // SAFETY: prefetching takes any address.
                unsafe { L::prefetch_far(self.ahead.wrapping_add(n * self.stride + stretch + line).cast()) };
            }
        }
    }

    /// `R` rows times `Q` pairs of points.
    ///
    /// # Safety
    /// As for [`run_rows`](Self::run_rows).
    #[inline(always)]
    unsafe fn run<L: Lanes, const R: usize, const Q: usize>(self, sums: *mut f64) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut lanes = [[L::wide_zero(); Q]; R];
            let mut rows = [self.rows; R];
            for r in 0..R {
                rows[r] = self.rows.add(r * self.stride);
                if !self.first {
                    for q in 0..Q {
                        lanes[r][q] = L::wide_load(sums.add(r * self.row_sums + 8 * q));
                    }
                }
            }
            for stretch in (0..self.length).step_by(STRETCH) {
                self.fetch::<L, R>(stretch);
                for k in [stretch, stretch + 4, stretch + 8, stretch + 12] {
                    let mut x = [L::wide_zero(); Q];
                    for q in 0..Q {
                        x[q] = L::wide_load(self.points.add(k * self.together + 8 * q));
                    }
                    for r in 0..R {
                        let entries = E::twice::<L>(rows[r].add(k));
                        for q in 0..Q {
                            lanes[r][q] = L::keep(L::wide_multiply_add(entries, x[q], lanes[r][q]));
                        }
                    }
                }
            }
            for r in 0..R {
                for q in 0..Q {
                    L::wide_store(sums.add(r * self.row_sums + 8 * q), lanes[r][q]);
                }
            }
        }
    }

    /// `R` rows times a single point.
    ///
    /// # Safety
    /// As for [`run_rows`](Self::run_rows).
    #[inline(always)]
    unsafe fn run_single<L: Lanes, const R: usize>(self, sums: *mut f64) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut lanes = [L::zero(); R];
            if !self.first {
                for r in 0..R {
                    lanes[r] = L::load(sums.add(r * self.row_sums));
                }
            }
            for k in (0..self.length).step_by(4) {
                if k.is_multiple_of(STRETCH) {
                    self.fetch::<L, R>(k);
                }
                let x = L::load(self.points.add(k * self.together));
                for r in 0..R {
                    lanes[r] = L::multiply_add(E::load::<L>(self.rows.add(r * self.stride + k)), x, lanes[r]);
                }
            }
            for r in 0..R {
                L::store(sums.add(r * self.row_sums), lanes[r]);
            }
        }
    }
}

/// A register tile of the back-projection: one slab of columns or more.
#[derive(Clone, Copy)]
pub(super) struct BackTile<E> {
    /// The block's first row, at the tile's first column.
    pub(super) rows: *const E,
    pub(super) count: usize,
    pub(super) stride: usize,
    /// (row)(point)
    pub(super) residuals: *const f64,
    /// Whether the sums go on, or start at +0.
    pub(super) resume: bool,
    /// Whether to fetch the columns that follow.
    pub(super) fetch: bool,
    /// What else to fetch, as many columns of so many rows.
    pub(super) ahead: *const E,
    pub(super) ahead_rows: usize,
    /// From one slab of the partial sums to the next.
    pub(super) next_slab: usize,
}

impl<E: Entry> BackTile<E> {
    /// # Safety
    /// The fields describe memory that is there, and room for the sums of so many points is at `partial`; the processor has the instructions.
    #[inline(always)]
    pub(super) unsafe fn run_points<L: Lanes>(self, width: usize, partial: *mut f64) {
        // SAFETY: the caller's promise.
        unsafe {
            match (L::MANY, width) {
                (false, 3) => self.run::<L, 3, 1>(partial),
                (false, 4) => self.run::<L, 4, 1>(partial),
                (false, 5) => self.run::<L, 5, 1>(partial),
                (false, _) => self.run::<L, 6, 1>(partial),
                (true, 3) => self.run::<L, 3, 2>(partial),
                (true, 4) => self.run::<L, 4, 2>(partial),
                (true, 5) => self.run::<L, 5, 2>(partial),
                (true, 6) => self.run::<L, 6, 2>(partial),
                (true, 7) => self.run::<L, 7, 2>(partial),
                (true, _) => self.run::<L, 8, 2>(partial),
            }
        }
    }

    /// `P` points and `C` slabs.
    ///
    /// # Safety
    /// As for [`run_points`](Self::run_points).
    #[inline(always)]
    unsafe fn run<L: Lanes, const P: usize, const C: usize>(self, partial: *mut f64) {
        // SAFETY: the caller's promise; prefetching takes any address.
        unsafe {
            let at = |q: usize, c: usize| partial.add(c * self.next_slab + q * SLAB);
            let mut sums = [[L::wide_zero(); C]; P];
            if self.resume {
                for q in 0..P {
                    for c in 0..C {
                        sums[q][c] = L::wide_load(at(q, c));
                    }
                }
            }
            for i in 0..self.count {
                let row = self.rows.add(i * self.stride);
                let mut entries = [L::wide_zero(); C];
                for c in 0..C {
                    entries[c] = E::wide_load::<L>(row.add(c * SLAB));
                    // An f32 slab is half a line.
                    if size_of::<E>() == 8 || c == 0 {
                        if self.fetch {
                            L::prefetch(row.wrapping_add((C + c) * SLAB).cast());
                        }
                        if i < self.ahead_rows {
                            L::prefetch_far(self.ahead.wrapping_add(i * self.stride + c * SLAB).cast());
                        }
                    }
                }
                for q in 0..P {
                    let residual = L::wide_broadcast(*self.residuals.add(i * P + q));
                    for c in 0..C {
                        sums[q][c] = L::keep(L::wide_multiply_add(residual, entries[c], sums[q][c]));
                    }
                }
            }
            for q in 0..P {
                for c in 0..C {
                    L::wide_store(at(q, c), sums[q][c]);
                }
            }
        }
    }
}
