//! Batches that the registers do not hold: residuals of a block of rows, span of columns by span, in register tiles; and the back-projection of the block
//! before, which is still in cache. Spans of the two alternate, so that the rows of the next span come from memory during both: either alone waits for
//! memory, or leaves it idle.
//!
//! Vectors have eight lanes. In inner products they are four of each of two points; a tile has six rows and two points, or eight where registers are many. In
//! the back-projection they are eight columns; a tile has three to six points, or up to eight and twice as many columns.

use super::tiles::{BackTile, CACHE_LINE, ProductTile, TALL};
use super::{Normal, SLAB, TILE, packed_at, span, steps};
use crate::sensing::dense::simd::{Entry, Lanes};
use std::ops::Range;

/// Rows of a block: so many that points and partial sums are not read too often, so few that two blocks are still in cache. (Measured with AVX-512: half as many cost 3 to 6 %, twice as
/// many gain nothing at 8 and 32 points and cost a tenth at three.) Where points and sums alone fill the cache, a block's rows are not in it anyway, and many rows share what is read of both:
/// with 32 points at 200 × 200 a third of the time less.
fn block_rows<E>(stride: usize, batch: usize) -> usize {
    if stride * batch > IN_CACHE {
        BLOCK
    } else if size_of::<E>() == 8 && stride > 4096 {
        BLOCK / 4
    } else {
        BLOCK / 2
    }
}

/// Rows of the largest block.
pub(super) const BLOCK: usize = 96;
/// Numbers of all points that, with as many sums, leave room for rows in the third-level cache.
const IN_CACHE: usize = 400_000;

/// Where the points of the tiles of inner products begin and end: pairs, up to four of them together where registers are many, and a last one by itself.
fn product_tiles(batch: usize, many: bool) -> impl Iterator<Item = Range<usize>> + Clone {
    let most = if many { TILE } else { 2 };
    let mut next = 0;
    std::iter::from_fn(move || {
        let left = (batch - next).min(most);
        let points = if left > 1 { left & !1 } else { left };
        let tile = next..next + points;
        next = tile.end;
        (points > 0).then_some(tile)
    })
}

/// Most points of a tile of the back-projection.
fn widest(many: bool) -> usize {
    if many { 8 } else { 6 }
}

/// Where the tiles of the back-projection begin and end: points split as evenly as can be, so that no tile of three or more points
/// has fewer than three.
fn back_tiles(batch: usize, many: bool) -> impl Iterator<Item = Range<usize>> {
    let tiles = batch.div_ceil(widest(many));
    (0..tiles).map(move |tile| tile * batch / tiles..(tile + 1) * batch / tiles)
}

/// [`Normal`] for three or more points.
///
/// # Safety
/// The slices of `job` have the lengths that its job asserts, and the processor has the instructions.
#[inline(always)]
pub(super) unsafe fn normal<L: Lanes, E: Entry>(job: &mut Normal<'_, E>) {
    let (count, stride, batch) = (job.rows.count, job.rows.stride, job.data.len());
    let block = block_rows::<E>(stride, batch).min(count);
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
        let (row_tiles, tiles) = (self.count.div_ceil(TALL), product_tiles(batch, L::MANY));
        // Every tile fetches its share.
        let parts = (row_tiles * tiles.clone().count()).max(1);
        let part = |nth: usize| self.fetch.start + nth * self.fetch.len() / parts;
        let mut nth = 0;
        for rows in steps(0..self.count, TALL) {
            for tile in tiles.clone() {
                let at = self.columns.start * batch + packed_at(batch, tile.start, 0, self.columns.len());
                // SAFETY: tiles lie in the block, columns in the stride, and the point's columns begin at `at`.
                unsafe {
                    let task = ProductTile {
                        rows: self.rows.add(rows.start * self.stride + self.columns.start),
                        stride: self.stride,
                        points: points.add(at),
                        together: TILE.min(batch - tile.start / TILE * TILE),
                        length: self.columns.len(),
                        first: self.columns.start == 0,
                        fresh: tile.start == 0,
                        ahead: self.next.wrapping_add(part(nth) * self.stride),
                        ahead_rows: part(nth + 1) - part(nth),
                        row_sums: 4 * batch,
                    };
                    task.run_rows::<L>(rows.len(), tile.len(), sums.add((rows.start * batch + tile.start) * 4));
                }
                nth += 1;
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
    for tile in back_tiles(batch, L::MANY) {
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
        let slabs = if L::MANY { 2 } else { 1 };
        for k in self.columns.clone().step_by(slabs * SLAB) {
            let begins_line = (k * size_of::<E>()).is_multiple_of(CACHE_LINE);
            for tile in back_tiles(batch, L::MANY) {
                // SAFETY: the slabs' columns lie in the stride, a multiple of two slabs, and the tile's points in the batch.
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
                        next_slab: SLAB * batch,
                    };
                    task.run_points::<L>(tile.len(), partial.add(k * batch + tile.start * SLAB));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(tiles: &[Range<usize>], batch: usize) -> bool {
        tiles[0].start == 0 && tiles[tiles.len() - 1].end == batch && tiles.windows(2).all(|pair| pair[0].end == pair[1].start)
    }

    #[test]
    fn tiles_have_the_points_that_there_is_code_for_and_cover_the_batch() {
        for (batch, many) in (3..=64).flat_map(|batch| [(batch, false), (batch, true)]) {
            let tiles: Vec<_> = back_tiles(batch, many).collect();
            assert!(tiles.iter().all(|tile| (3..=widest(many)).contains(&tile.len())), "{batch}: {tiles:?}");
            assert!(cover(&tiles, batch));
            let tiles: Vec<_> = product_tiles(batch, many).collect();
            let sizes: &[usize] = if many { &[1, 2, 4, 6, 8] } else { &[1, 2] };
            assert!(tiles.iter().all(|tile| sizes.contains(&tile.len())), "{batch}: {tiles:?}");
            assert!(cover(&tiles, batch));
            // No tile has points of two packings.
            assert!(tiles.iter().all(|tile| tile.start / TILE == (tile.end - 1) / TILE), "{batch}: {tiles:?}");
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
