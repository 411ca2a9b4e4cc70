//! Times of the fused normal operator, with a pass that only reads the ensemble as the yardstick.
//!
//! `cargo bench --bench kernel [-- SIZE…]`, sizes S, M, L. Medians, alternating with the yardstick, in milliseconds; in brackets
//! multiples of the read pass over the f64 ensemble by as many threads.

use pgflow::config::Storage;
use pgflow::linalg::Matrix;
use pgflow::sensing::{Answer, Gaussian, Point, Question, SensingError, SensingOperator};
use rayon::prelude::*;
use std::time::Instant;

const SIZES: [(&str, usize, usize); 3] = [("S", 30, 600), ("M", 50, 1500), ("L", 100, 5000)];
const BATCHES: [usize; 3] = [1, 8, 32];

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn time(mut job: impl FnMut()) -> f64 {
    let start = Instant::now();
    job();
    start.elapsed().as_secs_f64() * 1e3
}

/// Sums all numbers, with as many independent sums as hide the latency of additions.
fn read(numbers: &[f64]) -> f64 {
    let share = numbers.len().div_ceil(8).next_multiple_of(64);
    numbers
        .par_chunks(share)
        .with_max_len(1)
        .map(|share| {
            let mut sums = [0.0; 32];
            for numbers in share.chunks_exact(32) {
                for (sum, x) in sums.iter_mut().zip(numbers) {
                    *sum += x;
                }
            }
            sums.iter().sum::<f64>()
        })
        .sum()
}

/// One application to the first `batch` points.
fn application(operator: &dyn SensingOperator, y: &[f64], points: &[Matrix], batch: usize) -> impl FnMut() {
    let (rows, cols) = operator.shape();
    let mut answers = vec![Answer::new(rows, cols); batch];
    let mut work = operator.workspace();
    move || {
        let questions: Vec<_> = points[..batch].iter().map(|x| Question { data: true, ..Question::normal(Point::Dense(x)) }).collect();
        operator.answer(y, &questions, &mut answers, &mut work);
        std::hint::black_box(&answers);
    }
}

fn measure(name: &str, side: usize, p: usize, threads: usize) -> Result<(), SensingError> {
    let rounds = 2_000_000_000 / (p * side * side * 8 * 7).max(1);
    let rounds = rounds.clamp(9, 99);
    let numbers = vec![1.0; p * side * side];
    let y = vec![0.5; p];
    let points: Vec<_> = (0..32).map(|q| Matrix::from_fn(side, side, |i, j| ((i * 7 + j * 3 + q) % 11) as f64 / 11.0 - 0.4)).collect();
    let operators = [Gaussian::draw(side, side, p, Storage::F64, 1)?, Gaussian::draw(side, side, p, Storage::F32, 1)?];
    let read_all = || {
        std::hint::black_box(read(&numbers));
    };
    let mut jobs: Vec<(String, Box<dyn FnMut()>)> = vec![("read".to_owned(), Box::new(read_all))];
    for (operator, storage) in operators.iter().zip(["f64", "f32"]) {
        for batch in BATCHES {
            jobs.push((format!("{storage} batch {batch}"), Box::new(application(operator, &y, &points, batch))));
        }
    }
    let mut times = vec![Vec::new(); jobs.len()];
    for round in 0..=rounds {
        for ((_, job), times) in jobs.iter_mut().zip(&mut times) {
            let elapsed = time(job);
            if round > 0 {
                times.push(elapsed);
            }
        }
    }
    let medians: Vec<_> = times.into_iter().map(median).collect();
    for ((job, _), &time) in jobs.iter().zip(&medians) {
        let batch: usize = job.rsplit(' ').next().and_then(|b| b.parse().ok()).unwrap_or(0);
        let rate = 4.0 * (p * side * side * batch) as f64 / time / 1e6;
        println!("{name} {threads}T {job:13} {time:9.3} ms ({:6.2})  {rate:6.1} GF/s", time / medians[0]);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    for (name, side, p) in SIZES {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            for threads in [1, 2] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
                pool.install(|| measure(name, side, p, threads))?;
            }
        }
    }
    Ok(())
}
