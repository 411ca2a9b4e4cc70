//! Signed sums straight from packed signs: nothing is expanded.
//!
//! **The bits.** Lane `l` of `Σ_k ±x_k` adds the terms `4k + l`, `k` ascending, from +0; then `(l₀ + l₂) + (l₁ + l₃)`. Back-projection adds
//! `±w_i` from +0, rows ascending, in every column by itself. Tiles of rows and points, spans of columns and the shares of threads change no
//! bit: an accumulator that is stored and loaded again is not rounded.
//!
//! **Layout.** A row is packets of four words, each for 256 columns: column `4j + l` of a packet has bit `63 − j` of word `l`, set where the sign
//! is −. Points lie as (span of columns)(point)(column), padded with zeros to whole packets.

use super::lanes::SignLanes;
use crate::sensing::dense::Portable;
#[cfg(target_arch = "x86_64")]
use crate::sensing::dense::{Avx2, has_vector_instructions};

/// Columns of a packet.
pub(super) const PACKET: usize = 256;
/// Words of a packet.
pub(super) const WORDS: usize = 4;
/// Packets of a span: two points of a span fill half of the first-level cache.
pub(super) const SPAN: usize = 4;
/// Rows that a task takes inner products of.
pub(super) const BLOCK: usize = 64;
/// Rows of a tile.
const TILE: usize = 4;

/// Consecutive rows of signs.
#[derive(Clone, Copy)]
pub(super) struct Signs<'a> {
    /// `packets · WORDS` words a row.
    pub(super) words: &'a [u64],
    /// Packets of a row.
    pub(super) packets: usize,
}

impl Signs<'_> {
    fn count(&self) -> usize {
        self.words.len() / (self.packets * WORDS)
    }

    /// Where packet `first` of row `row` begins.
    fn at(&self, row: usize, first: usize) -> *const u64 {
        self.words[(row * self.packets + first) * WORDS..].as_ptr()
    }
}

/// Something to be computed over lanes with signs.
pub(super) trait SignJob {
    /// Does it.
    ///
    /// # Safety
    /// The processor has the instructions of `L`.
    unsafe fn run<L: SignLanes>(self);
}

/// Does a job, with vector instructions if the processor has them and `portable` is not set.
pub(super) fn run(job: impl SignJob, portable: bool) {
    #[cfg(target_arch = "x86_64")]
    if !portable && has_vector_instructions() {
        // SAFETY: the processor has both, as was just asked.
        return unsafe { run_avx2(job) };
    }
    let _ = portable;
    // SAFETY: the portable lanes need no special instructions.
    unsafe { job.run::<Portable>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2(job: impl SignJob) {
    // SAFETY: the caller vouches for the instructions.
    unsafe { job.run::<Avx2>() }
}

/// `Σ_k ±x_k` for at most [`BLOCK`] rows and all points.
pub(super) struct Sums<'a> {
    pub(super) signs: Signs<'a>,
    /// The points, packed.
    pub(super) points: &'a [f64],
    pub(super) batch: usize,
    /// (row)(point)
    pub(super) out: &'a mut [f64],
}

impl SignJob for Sums<'_> {
    #[inline(always)]
    unsafe fn run<L: SignLanes>(mut self) {
        // What the pointers below rely on.
        assert!(self.points.len() == self.batch * self.signs.packets * PACKET && self.signs.count() <= BLOCK);
        assert!(self.out.len() == self.batch * self.signs.count());
        // SAFETY: the lengths just asserted; the instructions are the caller's promise.
        unsafe {
            for point in (0..self.batch - self.batch % 2).step_by(2) {
                self.points::<L, 2>(point);
            }
            if self.batch % 2 == 1 {
                self.points::<L, 1>(self.batch - 1);
            }
        }
    }
}

impl Sums<'_> {
    /// Points `point .. point + P`.
    ///
    /// # Safety
    /// There are so many points; lengths and instructions as [`SignJob::run`] has asserted.
    #[inline(always)]
    unsafe fn points<L: SignLanes, const P: usize>(&mut self, point: usize) {
        let count = self.signs.count();
        // SAFETY: rows, packets and points are within what was asserted.
        unsafe {
            let mut sums = [[L::zero(); P]; BLOCK];
            for first in (0..self.signs.packets).step_by(SPAN) {
                let packets = SPAN.min(self.signs.packets - first);
                let length = packets * PACKET;
                let points: [*const f64; P] =
                    std::array::from_fn(|q| self.points[first * PACKET * self.batch + (point + q) * length..][..length].as_ptr());
                let tiled = count - count % TILE;
                for row in (0..tiled).step_by(TILE) {
                    let rows = std::array::from_fn(|r| self.signs.at(row + r, first));
                    add_signed::<L, TILE, P>(rows, packets, points, &mut sums[row..row + TILE]);
                }
                for row in tiled..count {
                    add_signed::<L, 1, P>([self.signs.at(row, first)], packets, points, &mut sums[row..row + 1]);
                }
            }
            for (out, sums) in self.out.chunks_exact_mut(self.batch).zip(&sums) {
                for q in 0..P {
                    out[point + q] = L::sum(sums[q]);
                }
            }
        }
    }
}

/// `sums[r][q] += ±point q` over some packets of `R` rows, lane by lane.
///
/// # Safety
/// `packets` packets begin at every row, as many times [`PACKET`] numbers at every point, `sums` has `R` entries; the instructions.
#[inline(always)]
unsafe fn add_signed<L: SignLanes, const R: usize, const P: usize>(
    rows: [*const u64; R],
    packets: usize,
    points: [*const f64; P],
    sums: &mut [[L::Vector; P]],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut tile: [[L::Vector; P]; R] = std::array::from_fn(|r| sums[r]);
        for packet in 0..packets {
            let mut words: [L::Words; R] = std::array::from_fn(|r| L::load_words(rows[r].add(packet * WORDS)));
            for k in (0..PACKET).step_by(4) {
                let x: [L::Vector; P] = std::array::from_fn(|q| L::load(points[q].add(packet * PACKET + k)));
                for r in 0..R {
                    let signs = L::signs(words[r]);
                    for q in 0..P {
                        tile[r][q] = L::add(tile[r][q], L::negate(x[q], signs));
                    }
                    words[r] = L::next(words[r]);
                }
            }
        }
        sums[..R].copy_from_slice(&tile);
    }
}

/// `Σ_i ±w_i` over all rows, for the columns of one span and all points.
pub(super) struct BackProjection<'a> {
    pub(super) signs: Signs<'a>,
    /// First packet of the span.
    pub(super) first: usize,
    /// (row)(point)
    pub(super) weights: &'a [f64],
    pub(super) batch: usize,
    /// (point)(column)
    pub(super) out: &'a mut [f64],
}

impl SignJob for BackProjection<'_> {
    #[inline(always)]
    unsafe fn run<L: SignLanes>(mut self) {
        let packets = self.out.len() / (self.batch * PACKET);
        // What the pointers below rely on.
        assert!(self.out.len() == packets * self.batch * PACKET && self.first + packets <= self.signs.packets);
        assert!(self.weights.len() == self.batch * self.signs.count());
        self.out.fill(0.0);
        // SAFETY: the lengths just asserted; the instructions are the caller's promise.
        unsafe {
            for point in (0..self.batch - self.batch % 2).step_by(2) {
                self.points::<L, 2>(point, packets);
            }
            if self.batch % 2 == 1 {
                self.points::<L, 1>(self.batch - 1, packets);
            }
        }
    }
}

impl BackProjection<'_> {
    /// Points `point .. point + P`.
    ///
    /// # Safety
    /// There are so many points; lengths and instructions as [`SignJob::run`] has asserted.
    #[inline(always)]
    unsafe fn points<L: SignLanes, const P: usize>(&mut self, point: usize, packets: usize) {
        let (count, length) = (self.signs.count(), packets * PACKET);
        let mut parts = self.out[point * length..][..P * length].chunks_exact_mut(length);
        let out: [*mut f64; P] = std::array::from_fn(|_| parts.next().map_or(std::ptr::null_mut(), <[f64]>::as_mut_ptr));
        let weight = |row: usize| -> [f64; P] { std::array::from_fn(|q| self.weights[row * self.batch + point + q]) };
        let tiled = count - count % TILE;
        // SAFETY: rows and packets are within what was asserted, and so are the `P` parts.
        unsafe {
            for row in (0..tiled).step_by(TILE) {
                let rows = std::array::from_fn(|r| self.signs.at(row + r, self.first));
                back_project::<L, TILE, P>(rows, packets, std::array::from_fn(|r| weight(row + r)), out);
            }
            for row in tiled..count {
                back_project::<L, 1, P>([self.signs.at(row, self.first)], packets, [weight(row)], out);
            }
        }
    }
}

/// `out[q] += Σ_r ±weights[r][q]` over some packets, rows ascending.
///
/// # Safety
/// `packets` packets begin at every row, as many times [`PACKET`] numbers at every `out`; the instructions.
#[inline(always)]
unsafe fn back_project<L: SignLanes, const R: usize, const P: usize>(
    rows: [*const u64; R],
    packets: usize,
    weights: [[f64; P]; R],
    out: [*mut f64; P],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let weights: [[L::Vector; P]; R] = weights.map(|row| row.map(|w| L::broadcast(w)));
        for packet in 0..packets {
            let mut words: [L::Words; R] = std::array::from_fn(|r| L::load_words(rows[r].add(packet * WORDS)));
            for k in (0..PACKET).step_by(4) {
                let mut sums: [L::Vector; P] = std::array::from_fn(|q| L::load(out[q].add(packet * PACKET + k)));
                for r in 0..R {
                    let signs = L::signs(words[r]);
                    for q in 0..P {
                        sums[q] = L::add(sums[q], L::negate(weights[r][q], signs));
                    }
                    words[r] = L::next(words[r]);
                }
                for q in 0..P {
                    L::store(out[q].add(packet * PACKET + k), sums[q]);
                }
            }
        }
    }
}
