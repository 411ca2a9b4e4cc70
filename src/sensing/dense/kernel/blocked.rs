//! Three points and more: residuals of a block of rows, span of columns by span, in register tiles of six rows and two points; and the
//! back-projection of the block before, which is still in cache, in tiles of three to six points and eight columns. Spans of the two alternate, so
//! that the rows of the next span come from memory during both: either alone waits for memory, or leaves it idle.

#![expect(clippy::needless_range_loop, reason = "register tiles: rows and points index several arrays and pointers at once")]

use super::{Normal, PADDING, SLAB, TILE, packed_at, span, steps};
use crate::sensing::dense::simd::{Entry, Lanes};
use std::ops::Range;

/// Rows of a tile of inner products.
const TALL: usize = 6;
/// Most points of a tile of the back-projection. With eight columns each, twelve accumulators.
const WIDE: usize = 6;
/// Columns between two checks of a tile's loop.
const STRETCH: usize = PADDING;
/// In bytes.
const CACHE_LINE: usize = 64;

/// Rows of a block: so many that points and partial sums are not read too often, so few that two blocks of wide rows stay in cache. (Measured: f64 rows of
/// more than 8 KiB lose a tenth to a quarter by 24 rows, shorter ones and f32 rows 2 to 7 % by 12.)
fn block_rows<E>(stride: usize) -> usize {
    if size_of::<E>() == 8 && stride > 1024 { 12 } else { 24 }
}

/// Where the tiles of the back-projection begin and end: points split as evenly as can be, so that no tile of three or more points
/// has fewer than three.
fn wide_tiles(batch: usize) -> impl Iterator<Item = Range<usize>> {
    let tiles = batch.div_ceil(WIDE);
    (0..tiles).map(move |tile| tile * batch / tiles..(tile + 1) * batch / tiles)
}

/// [`Normal`] for three or more points.
///
/// # Safety
/// The slices of `job` have the lengths that its job asserts, and the processor has the instructions.
#[inline(always)]
pub(super) unsafe fn normal<L: Lanes, E: Entry>(job: &mut Normal<'_, E>) {
    let (count, stride, batch) = (job.rows.count, job.rows.stride, job.data.len());
    let block = block_rows::<E>(stride).min(count);
    // Sized by what the largest block asks for, so that steady use allocates nothing.
    let sums = job.scratch.sums.grow(block * batch * 4).as_mut_ptr();
    let residuals = job.scratch.residuals.grow(block * batch).as_mut_ptr();
    let mut before = 0..0;
    // One turn more than there are blocks, for the last one's back-projection.
    for start in (0..count + block).step_by(block) {
        let rows = start.min(count)..(start + block).min(count);
        for columns in steps(0..stride, span(batch)) {
            let here = job.rows.start().wrapping_add(rows.start * stride);
            // What is multiplied next: the same rows further on, or the first columns of the next block. Both halves of the turn fetch from it.
            let next = if columns.end < stride { here.wrapping_add(columns.end) } else { here.wrapping_add(rows.len() * stride) };
            let fetched = if before.is_empty() { 0 } else { rows.len() / 2 };
            // SAFETY: rows are the job's; the buffers hold a block; points and partial sums have `batch · stride` numbers.
            unsafe {
                let products =
                    Products { rows: here, count: rows.len(), stride, columns: columns.clone(), next, fetch: fetched..rows.len() };
                products.run::<L>(job.points.as_ptr(), batch, sums);
                let start = job.rows.start().add(before.start * stride);
                let back = BackProjection {
                    rows: start,
                    count: before.len(),
                    stride,
                    columns,
                    residuals,
                    resume: before.start > 0,
                    next,
                    fetched,
                };
                back.run::<L>(batch, job.partial.as_mut_ptr());
            }
        }
        // SAFETY: as above; the back-projection is done with the residuals of the block before.
        unsafe { residuals_of::<L, E>(job, rows.clone(), sums, residuals) };
        before = rows;
    }
}

/// Lanes of the inner products of a block over a span of columns, added to sums that are laid out (row)(point)(4).
struct Products<E> {
    /// The first row, at column 0.
    rows: *const E,
    count: usize,
    stride: usize,
    columns: Range<usize>,
    /// Where the rows' next columns begin, and which of the rows to fetch there.
    next: *const E,
    fetch: Range<usize>,
}

impl<E: Entry> Products<E> {
    /// # Safety
    /// `count` rows begin at `rows`, `batch` packed points at `points`, room for the sums at `sums`; the processor has the instructions.
    #[inline(always)]
    unsafe fn run<L: Lanes>(&self, points: *const f64, batch: usize, sums: *mut f64) {
        let (row_tiles, point_tiles) = (self.count.div_ceil(TALL), batch.div_ceil(TILE));
        // Every tile fetches its share.
        let parts = (row_tiles * point_tiles).max(1);
        let part = |nth: usize| self.fetch.start + nth * self.fetch.len() / parts;
        for (nth_row, tile) in steps(0..self.count, TALL).enumerate() {
            for (nth_point, first) in (0..batch).step_by(TILE).enumerate() {
                let nth = nth_row * point_tiles + nth_point;
                let at = self.columns.start * batch + packed_at(batch, first, 0, self.columns.len());
                // SAFETY: tiles lie in the block, columns in the stride, and the point's columns begin at `at`.
                unsafe {
                    let task = ProductTile {
                        rows: self.rows.add(tile.start * self.stride + self.columns.start),
                        stride: self.stride,
                        points: points.add(at),
                        length: self.columns.len(),
                        first: self.columns.start == 0,
                        ahead: self.next.wrapping_add(part(nth) * self.stride),
                        ahead_rows: part(nth + 1) - part(nth),
                        row_sums: 4 * batch,
                    };
                    let sums = sums.add((tile.start * batch + first) * 4);
                    task.run_rows::<L>(tile.len(), TILE.min(batch - first), sums);
                }
            }
        }
    }
}

/// A register tile of inner products.
#[derive(Clone, Copy)]
struct ProductTile<E> {
    /// Its first row, at its first column.
    rows: *const E,
    stride: usize,
    /// Its points, packed, at its first column.
    points: *const f64,
    /// Columns, a multiple of [`STRETCH`].
    length: usize,
    /// Whether the sums start at +0, or go on.
    first: bool,
    /// The row to fetch next, and how many.
    ahead: *const E,
    ahead_rows: usize,
    /// From one row's sums to the next's.
    row_sums: usize,
}

impl<E: Entry> ProductTile<E> {
    /// All rows of the tile: six at once, or one by one where a block ends in fewer.
    ///
    /// # Safety
    /// The fields describe memory that is there, for `count` rows and `width` points; the processor has the instructions.
    #[inline(always)]
    unsafe fn run_rows<L: Lanes>(self, count: usize, width: usize, sums: *mut f64) {
        // SAFETY: the caller's promise; single rows are rows of the tile.
        unsafe {
            match (count, width) {
                (TALL, TILE) => self.run::<L, TALL, TILE>(sums),
                (TALL, _) => self.run::<L, TALL, 1>(sums),
                _ => {
                    for r in 0..count {
                        let row = ProductTile { rows: self.rows.add(r * self.stride), ..self };
                        let sums = sums.add(r * self.row_sums);
                        if width == TILE { row.run::<L, 1, TILE>(sums) } else { row.run::<L, 1, 1>(sums) }
                    }
                }
            }
        }
    }

    /// `R` rows times `P` points.
    ///
    /// # Safety
    /// As for [`run_rows`](Self::run_rows).
    #[inline(always)]
    unsafe fn run<L: Lanes, const R: usize, const P: usize>(self, sums: *mut f64) {
        // SAFETY: the caller's promise; prefetching takes any address.
        unsafe {
            let mut lanes = [[L::zero(); P]; R];
            let mut rows = [self.rows; R];
            for r in 0..R {
                rows[r] = self.rows.add(r * self.stride);
                if !self.first {
                    for q in 0..P {
                        lanes[r][q] = L::load(sums.add(r * self.row_sums + 4 * q));
                    }
                }
            }
            for stretch in (0..self.length).step_by(STRETCH) {
                for n in 0..self.ahead_rows {
                    let line = self.ahead.wrapping_add(n * self.stride + stretch);
                    L::prefetch(line.cast());
                    if size_of::<E>() == 8 {
                        L::prefetch(line.wrapping_add(STRETCH / 2).cast());
                    }
                }
                for k in [stretch, stretch + 4, stretch + 8, stretch + 12] {
                    let mut x = [L::zero(); P];
                    for q in 0..P {
                        x[q] = L::load(self.points.add(k * P + 4 * q));
                    }
                    for r in 0..R {
                        let entries = E::load::<L>(rows[r].add(k));
                        for q in 0..P {
                            lanes[r][q] = L::multiply_add(entries, x[q], lanes[r][q]);
                        }
                        L::keep_order();
                    }
                }
            }
            for r in 0..R {
                for q in 0..P {
                    L::store(sums.add(r * self.row_sums + 4 * q), lanes[r][q]);
                }
            }
        }
    }
}

/// The block's residuals, laid out (tile of the back-projection)(row)(point in tile); their squares are added to the job's.
///
/// # Safety
/// `sums` holds the block's inner products, `residuals` has room for it; the processor has the instructions.
#[inline(always)]
unsafe fn residuals_of<L: Lanes, E: Entry>(job: &mut Normal<'_, E>, rows: Range<usize>, sums: *const f64, residuals: *mut f64) {
    let (batch, count) = (job.data.len(), rows.len());
    for tile in wide_tiles(batch) {
        for q in tile.clone() {
            let mut squares = job.squares[q];
            for i in 0..count {
                // SAFETY: `i` is below the rows, `q` below the points of the block.
                unsafe {
                    let residual = job.target(rows.start + i, q) - L::sum(L::load(sums.add((i * batch + q) * 4)));
                    squares = residual.mul_add(residual, squares);
                    *residuals.add(tile.start * count + i * tile.len() + q - tile.start) = residual;
                }
            }
            job.squares[q] = squares;
        }
    }
}

/// `partial += Σ_i residual_i · row i` over a block, in a span of columns (`=` if not `resume`).
struct BackProjection<E> {
    /// The first row, at column 0.
    rows: *const E,
    count: usize,
    stride: usize,
    columns: Range<usize>,
    /// Of the rows, (tile of points)(row)(point).
    residuals: *const f64,
    resume: bool,
    /// Where the next columns of the block that is being multiplied begin, and how many of its rows to fetch there.
    next: *const E,
    fetched: usize,
}

impl<E: Entry> BackProjection<E> {
    /// # Safety
    /// `count` rows begin at `rows`, their residuals at `residuals`, room for `batch · stride` numbers at `partial`; the processor has the instructions.
    #[inline(always)]
    unsafe fn run<L: Lanes>(&self, batch: usize, partial: *mut f64) {
        if self.count == 0 {
            return;
        }
        for k in self.columns.clone().step_by(SLAB) {
            let begins_line = (k * size_of::<E>()).is_multiple_of(CACHE_LINE);
            for tile in wide_tiles(batch) {
                // SAFETY: the slab's columns lie in the stride, the tile's points in the batch.
                unsafe {
                    let task = BackTile {
                        rows: self.rows.add(k),
                        count: self.count,
                        stride: self.stride,
                        residuals: self.residuals.add(tile.start * self.count),
                        resume: self.resume,
                        // The first tile of a slab fetches the columns of the next, the last one those of the other block.
                        fetch: tile.start == 0,
                        ahead: self.next.wrapping_add(k - self.columns.start),
                        ahead_rows: if tile.end == batch && begins_line { self.fetched } else { 0 },
                    };
                    let partial = partial.add(k * batch + tile.start * SLAB);
                    match tile.len() {
                        3 => task.run::<L, 3>(partial),
                        4 => task.run::<L, 4>(partial),
                        5 => task.run::<L, 5>(partial),
                        _ => task.run::<L, WIDE>(partial),
                    }
                }
            }
        }
    }
}

/// A register tile of the back-projection: eight columns.
#[derive(Clone, Copy)]
struct BackTile<E> {
    /// The block's first row, at the tile's first column.
    rows: *const E,
    count: usize,
    stride: usize,
    /// (row)(point)
    residuals: *const f64,
    /// Whether the sums go on, or start at +0.
    resume: bool,
    /// Whether to fetch the next eight columns.
    fetch: bool,
    /// What else to fetch, a line a row, and of how many rows.
    ahead: *const E,
    ahead_rows: usize,
}

impl<E: Entry> BackTile<E> {
    /// `P` points.
    ///
    /// # Safety
    /// The fields describe memory that is there, and room for `P · 8` numbers is at `partial`; the processor has the instructions.
    #[inline(always)]
    unsafe fn run<L: Lanes, const P: usize>(self, partial: *mut f64) {
        // SAFETY: the caller's promise; prefetching takes any address.
        unsafe {
            let mut sums = [[L::zero(); 2]; P];
            if self.resume {
                for (q, sum) in sums.iter_mut().enumerate() {
                    *sum = [L::load(partial.add(q * SLAB)), L::load(partial.add(q * SLAB + 4))];
                }
            }
            for i in 0..self.count {
                let row = self.rows.add(i * self.stride);
                let entries = [E::load::<L>(row), E::load::<L>(row.add(4))];
                if self.fetch {
                    L::prefetch(row.wrapping_add(SLAB).cast());
                }
                if i < self.ahead_rows {
                    L::prefetch(self.ahead.wrapping_add(i * self.stride).cast());
                }
                for (q, sum) in sums.iter_mut().enumerate() {
                    let residual = L::broadcast(*self.residuals.add(i * P + q));
                    sum[0] = L::multiply_add(residual, entries[0], sum[0]);
                    sum[1] = L::multiply_add(residual, entries[1], sum[1]);
                    L::keep_order();
                }
            }
            for (q, sum) in sums.iter().enumerate() {
                L::store(partial.add(q * SLAB), sum[0]);
                L::store(partial.add(q * SLAB + 4), sum[1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_three_to_six_points_and_cover_the_batch() {
        for batch in 3..=64 {
            let tiles: Vec<_> = wide_tiles(batch).collect();
            assert!(tiles.iter().all(|tile| (3..=6).contains(&tile.len())), "{batch}: {tiles:?}");
            assert_eq!(tiles.iter().map(ExactSizeIterator::len).sum::<usize>(), batch);
            assert!(tiles.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }

    #[test]
    fn packing_is_a_permutation() {
        for batch in 1..=9 {
            let length = 32;
            let mut hit = vec![false; batch * length];
            for q in 0..batch {
                for k in (0..length).step_by(4) {
                    let at = packed_at(batch, q, k, length);
                    hit[at..at + 4].iter_mut().for_each(|h| assert!(!std::mem::replace(h, true)));
                }
            }
            assert!(hit.into_iter().all(|h| h));
        }
    }
}
