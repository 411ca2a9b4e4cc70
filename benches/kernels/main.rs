//! Times of every kernel by itself, one file each: `cargo bench --bench kernels [-- FILTER]`. Ratios to yardsticks of the same run are in `ratios`.

#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up is to stop")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "the yardsticks are for ratios")]
mod support;

mod dense;
mod products;
mod rank_one;
mod samples;
mod signs;
mod walsh_hadamard;

use criterion::{Criterion, criterion_group, criterion_main};
use std::time::Duration;
use support::Job;

/// Times a job by one thread and by two.
fn by_threads(criterion: &mut Criterion, name: &str, mut job: Job<'_>) {
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        criterion.bench_function(&format!("{name}, {threads}T"), |bencher| pool.install(|| bencher.iter(&mut job)));
    }
}

fn short() -> Criterion {
    Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = kernels;
    config = short();
    targets = dense::bench, products::bench, rank_one::bench, samples::bench, signs::bench, walsh_hadamard::bench
}
criterion_main!(kernels);
