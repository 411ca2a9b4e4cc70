//! Times of the kernels as ratios to yardsticks of the same run.
//!
//! `cargo bench --bench ratios [-- SECTION…]`; sections: `S`, `M`, `L` (dense ensembles), `packed`, `ensembles`, `transform`, `products`; without
//! any, all. What stands in one table is timed alternately, once in every round; medians. Each table for one thread and for two.

#[path = "../support/mod.rs"]
mod support;

mod tables;

use std::time::Instant;
use support::Job;

/// Time for one table and number of threads, in seconds, unless the fewest rounds take longer.
const BUDGET: f64 = 1.5;
const FEWEST: usize = 9;
/// In milliseconds.
const SHORT: f64 = 5.0;
const MOST: usize = 199;

fn time(job: &mut Job<'_>) -> f64 {
    let start = Instant::now();
    job();
    start.elapsed().as_secs_f64() * 1e3
}

/// The median times of some jobs in milliseconds, taken alternately. A job that takes less than [`SHORT`] is done once before it is timed, as the job
/// before has emptied the caches, where a loop over steps would find what fits; one of less than a tenth of a millisecond is repeated.
fn medians(jobs: &mut [(String, Job<'_>)]) -> Vec<f64> {
    let estimates: Vec<f64> = jobs.iter_mut().map(|(_, job)| time(job).min(time(job))).collect();
    let mut times = vec![Vec::new(); jobs.len()];
    let start = Instant::now();
    for round in 0..MOST {
        if round >= FEWEST && start.elapsed().as_secs_f64() > BUDGET {
            break;
        }
        for (((_, job), times), estimate) in jobs.iter_mut().zip(&mut times).zip(&estimates) {
            if *estimate < SHORT {
                job();
            }
            let repeats = (0.1 / estimate).ceil().clamp(1.0, 1e4);
            times.push((0..repeats as usize).map(|_| time(job)).sum::<f64>() / repeats);
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        pool.install(|| tables::all(&wants))?;
    }
    Ok(())
}
