//! How fast memory can be read here and now.

use crate::pages::Ones;
use rayon::prelude::*;
use std::time::Instant;

/// Numbers of a row; a thread reads four rows at once: one stream alone does not reach the limit of current processors.
const ROW: usize = 10_000;
/// Numbers of a vector load, roughly; as many independent sums a row as hide the latency of additions.
const LANES: usize = 8;

/// The sum of all numbers, by four streams.
fn sum(numbers: &[f64]) -> f64 {
    let groups = numbers.chunks_exact(4 * ROW);
    let mut total: f64 = groups.remainder().iter().sum();
    for group in groups {
        let (first, second) = group.split_at(2 * ROW);
        let ((a, b), (c, d)) = (first.split_at(ROW), second.split_at(ROW));
        let mut sums = [[0.0; LANES]; 4];
        let rows = a.chunks_exact(LANES).zip(b.chunks_exact(LANES)).zip(c.chunks_exact(LANES)).zip(d.chunks_exact(LANES));
        for (((a, b), c), d) in rows {
            for (sums, row) in sums.iter_mut().zip([a, b, c, d]) {
                for (sum, x) in sums.iter_mut().zip(row) {
                    *sum += x;
                }
            }
        }
        total += sums.iter().flatten().sum::<f64>();
    }
    total
}

/// Seconds of passes that only read `count` numbers, by all threads of the pool.
pub fn read_passes(count: usize, rounds: usize) -> std::io::Result<Vec<f64>> {
    let numbers = Ones::new(count)?;
    let share = count.div_ceil(rayon::current_num_threads()).next_multiple_of(4 * ROW);
    let pass = || {
        let begin = Instant::now();
        std::hint::black_box(numbers.par_chunks(share).with_max_len(1).map(sum).sum::<f64>());
        begin.elapsed().as_secs_f64()
    };
    pass();
    Ok((0..rounds).map(|_| pass()).collect())
}
