//! Adds the chunks' parts of `N` while other chunks are under way, in the order of the chunks: `((0 + 1) + 2) + …`, number by number.
//!
//! A part whose turn has come is added at once and its memory goes to the next chunk, which finds it in cache. A batch of 32 points of side 50 has parts of 640 KB; eight of
//! them, each written, and read at the end, cost more than the products of factors.

use super::apply::CHUNKS;
use super::kernel::Scratch;
use crate::sensing::BATCH;
use arrayvec::ArrayVec;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a chunk yields, and what it works with.
pub(super) struct Part<'a> {
    /// Its part of `N`.
    pub(super) sums: &'a mut [f64],
    /// Its part of `‖y − A(X)‖²`, a point each.
    pub(super) squares: [f64; BATCH],
    /// Buffers.
    pub(super) scratch: &'a mut Scratch,
}

/// The sum of all parts.
pub(super) struct Sum<'a>(Mutex<State<'a>>);

struct State<'a> {
    /// Not in use; that used last, which is in cache, at the end.
    free: ArrayVec<Part<'a>, CHUNKS>,
    /// Of chunks that are done and whose turn has not come.
    waiting: [Option<Part<'a>>; CHUNKS],
    /// The sum of the chunks before `next`: the part of chunk 0, to which the others are added. Absent while somebody adds.
    total: Option<Part<'a>>,
    next: usize,
}

impl<'a> Sum<'a> {
    /// With a part for every chunk.
    pub(super) fn new(free: ArrayVec<Part<'a>, CHUNKS>) -> Self {
        Sum(Mutex::new(State { free, waiting: [const { None }; CHUNKS], total: None, next: 0 }))
    }

    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A part to be written, whatever it holds; there is one for every chunk that has none yet.
    pub(super) fn part(&self) -> Option<Part<'a>> {
        self.state().free.pop()
    }

    /// Takes the part of chunk `c`, and adds all parts whose turn has come, unless another thread is about it.
    pub(super) fn add(&self, c: usize, part: Part<'a>) {
        let mut state = self.state();
        state.waiting[c] = Some(part);
        while state.total.is_some() || state.next == 0 {
            let next = state.next;
            let Some(part) = state.waiting.get_mut(next).and_then(Option::take) else { return };
            let Some(mut total) = state.total.take() else {
                (state.total, state.next) = (Some(part), 1);
                continue;
            };
            drop(state);
            let both = total.sums.iter_mut().zip(&*part.sums);
            both.chain(total.squares.iter_mut().zip(&part.squares)).for_each(|(sum, x)| *sum += x);
            state = self.state();
            state.free.push(part);
            (state.total, state.next) = (Some(total), next + 1);
        }
    }

    /// What came out, once every chunk's part has been added.
    pub(super) fn total(self) -> (&'a [f64], [f64; BATCH]) {
        let state = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        debug_assert_eq!(state.next, CHUNKS);
        state.total.map_or((&[], [f64::NAN; BATCH]), |Part { sums, squares, .. }| (&*sums, squares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of numbers whose sum depends on the order.
    fn number(c: usize, k: usize) -> f64 {
        ((c * 7919 + k * 104_729) % 1009) as f64 / 7.0 * 10_f64.powi((c * 5 % 8) as i32 * 2 - 8)
    }

    #[test]
    fn parts_are_added_in_the_order_of_the_chunks_in_whichever_they_come() {
        const LENGTH: usize = 37;
        let expected = |k: usize| (1..CHUNKS).fold(number(0, k), |sum, c| sum + number(c, k));
        assert!((0..LENGTH).any(|k| (0..CHUNKS - 1).rev().fold(number(CHUNKS - 1, k), |sum, c| sum + number(c, k)) != expected(k)));
        let strides = [1, 3, 5, 7];
        let orders =
            strides.iter().flat_map(|stride| (0..CHUNKS).map(move |first| (0..CHUNKS).map(move |c| (first + c * stride) % CHUNKS)));
        for (nth, order) in orders.enumerate() {
            let mut memory = vec![f64::NAN; CHUNKS * LENGTH];
            let mut scratch: [Scratch; CHUNKS] = std::array::from_fn(|_| Scratch::new());
            let parts = memory.chunks_exact_mut(LENGTH).zip(&mut scratch);
            let sum = Sum::new(parts.map(|(sums, scratch)| Part { sums, squares: [0.0; BATCH], scratch }).collect());
            // One at a time, whose memory comes back, or all taken before the first is done.
            let mut taken: Vec<_> = if nth % 2 == 0 { vec![] } else { (0..CHUNKS).map(|_| sum.part().unwrap()).collect() };
            for c in order {
                let mut part = taken.pop().unwrap_or_else(|| sum.part().unwrap());
                (0..LENGTH).for_each(|k| part.sums[k] = number(c, k));
                (0..BATCH).for_each(|q| part.squares[q] = number(c, q + LENGTH));
                sum.add(c, part);
            }
            let (total, squares) = sum.total();
            assert!((0..LENGTH).all(|k| total[k].to_bits() == expected(k).to_bits()), "{nth}");
            assert!((0..BATCH).all(|q| squares[q].to_bits() == expected(q + LENGTH).to_bits()), "{nth}");
        }
    }
}
