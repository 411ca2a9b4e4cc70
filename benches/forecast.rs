//! What `pgflow check --calibrate` predicts, against what runs take.
//!
//! `cargo bench --bench forecast [-- SIZE…]`, sizes S, M, L. For a descent, eight descents, and a flow with two descents: seconds predicted and measured,
//! drawing of the ensemble and recording included, and their ratio. The model is to hold within 30 %.

use pgflow::config::{Experiment, Source, load};
use pgflow::problem::{build_instance, initial_state};
use pgflow::simulation::{Simulation, Unattended, forecast};
use std::error::Error;
use std::time::Instant;

/// Name, side, measurements, horizon: a second or more each.
const SIZES: [(&str, usize, usize, f64); 3] = [("S", 30, 600, 400.0), ("M", 50, 1500, 60.0), ("L", 100, 5000, 8.0)];

const CASES: [(&str, &str); 3] = [
    ("descent", "[[trajectory]]\nname = \"gd\"\n[trajectory.gradient_descent]\nstep = 0.1\n"),
    ("8 descents", "[[trajectory]]\nname = \"gd\"\n[trajectory.gradient_descent]\nstep = [0.1, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.2]\n"),
    (
        "flow, 2 descents",
        "[[trajectory]]\nname = \"flow\"\n[trajectory.flow]\nmethod = \"dop853\"\nrtol = 1e-9\n[[trajectory]]\nname = \"gd\"\n\
         [trajectory.gradient_descent]\nstep = [0.1, 0.05]\n",
    ),
];

fn experiment(side: usize, p: usize, horizon: f64, trajectories: &str) -> Result<Experiment, Box<dyn Error>> {
    let text = format!(
        "name = \"forecast\"\nseed = 1\n[target]\nrows = {side}\ncols = {side}\nrank = 3\ncondition_number = 4.0\n[sensing.gaussian]\n\
         measurements = {p}\n[model]\nwidth = {side}\n[init.gaussian]\nscale = 1e-3\n[record]\nhorizon = {horizon}\nsamples = 50\n{trajectories}"
    );
    Ok(load(Source { name: "forecast", text: &text }, &[], ".".as_ref())?.experiment)
}

fn measured(experiment: &Experiment) -> Result<f64, Box<dyn Error>> {
    let begin = Instant::now();
    let built = build_instance(experiment)?;
    let start = |init| initial_state(init, experiment.width, &built.instance, None);
    let starts = experiment.trajectories.iter().map(|spec| start(&spec.init)).collect::<Result<_, _>>()?;
    Simulation::new(experiment, &built.instance, starts)?.run(&Unattended);
    Ok(begin.elapsed().as_secs_f64())
}

fn compare(sizes: &[String]) -> Result<(), Box<dyn Error>> {
    for (name, side, p, horizon) in SIZES {
        if !sizes.is_empty() && !sizes.iter().any(|size| size == name) {
            continue;
        }
        for (case, trajectories) in CASES {
            let experiment = experiment(side, p, horizon, trajectories)?;
            let begin = Instant::now();
            let predicted = forecast(&experiment)?;
            let took = begin.elapsed().as_secs_f64();
            let measured = measured(&experiment)?;
            println!(
                "{name} {case:17} {} threads: predicted {:7.3} s (in {took:.2} s), measured {measured:7.3} s, ratio {:.2}",
                predicted.threads,
                predicted.total(),
                predicted.total() / measured
            );
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let sizes: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        pool.install(|| compare(&sizes).map_err(|error| error.to_string()))?;
    }
    Ok(())
}
