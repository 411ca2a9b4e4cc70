//! Times of one application of structured ensembles, beside the f64 Gaussian ensemble of the same size in the same run.
//!
//! `cargo bench --bench ensembles [-- SIDE MEASUREMENTS]`, by default 200 and 10000 (the Gaussian ensemble takes 3.2 GB then). Medians of
//! alternating applications to factored points of width 20, in milliseconds; by products where they are offered.

use pgflow::config::Storage;
use pgflow::linalg::{Matrix, View};
use pgflow::sensing::{Answer, Entries, Gaussian, Hadamard, Question, Rademacher, RankOne, SensingOperator, Want};
use std::time::Instant;

const ROUNDS: usize = 9;
const WIDTH: usize = 20;
const BATCHES: [usize; 4] = [1, 2, 8, 32];

fn application(operator: &dyn SensingOperator, y: &[f64], points: &[(Matrix, Matrix)]) -> impl FnMut() -> f64 {
    let (rows, cols) = operator.shape();
    let mut answers = vec![Answer::new(rows, cols); points.len()];
    let mut work = operator.workspace();
    move || {
        let ask = |(left, right)| Question { want: Want::Products, ..Question::residual(View::of(left), View::of(right)) };
        let questions: Vec<_> = points.iter().map(|(left, right)| ask((left, right))).collect();
        let start = Instant::now();
        operator.answer(y, &questions, &mut answers, &mut work);
        std::hint::black_box(&answers);
        start.elapsed().as_secs_f64() * 1e3
    }
}

fn compare(side: usize, p: usize, threads: usize, operators: &[(&str, &dyn SensingOperator)]) {
    let y = vec![0.5; p];
    let factor = |q: usize| Matrix::from_fn(side, WIDTH, |i, j| ((i * 7 + j * 3 + q) % 11) as f64 / 11.0 - 0.4);
    let points: Vec<_> = (0..32).map(|q| (factor(q), factor(q + 5))).collect();
    for batch in BATCHES {
        let mut jobs: Vec<_> =
            operators.iter().map(|(name, operator)| (name, application(*operator, &y, &points[..batch]), Vec::new())).collect();
        for round in 0..=ROUNDS {
            for (_, job, times) in &mut jobs {
                let time = job();
                if round > 0 {
                    times.push(time);
                }
            }
        }
        for (name, _, times) in &mut jobs {
            times.sort_by(f64::total_cmp);
            let median = times[ROUNDS / 2];
            println!("{threads}T {name:10} batch {batch:2} {median:9.2} ms, {:8.2} ms a point", median / batch as f64);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (side, p) = (numbers.next().unwrap_or(200), numbers.next().unwrap_or(10_000));
    let gaussian = Gaussian::draw(side, side, p, Storage::F64, 1)?;
    let signs = Rademacher::draw(side, side, p, 1)?;
    let vectors = RankOne::draw(side, side, p, 1)?;
    let transform = Hadamard::draw(side, side, p, 1)?;
    let entries = Entries::draw(side, side, p, 1)?;
    let operators: [(&str, &dyn SensingOperator); 5] =
        [("gaussian", &gaussian), ("rademacher", &signs), ("rank_one", &vectors), ("hadamard", &transform), ("entries", &entries)];
    for (_, operator) in operators {
        println!("{operator:?}: {} bytes", operator.storage_bytes());
    }
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        pool.install(|| compare(side, p, threads, &operators));
    }
    Ok(())
}
