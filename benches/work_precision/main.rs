//! Evaluations against true error: one row for each integrator, tolerance, case and seed.
//!
//! `cargo bench --bench work_precision -- OUT_DIR [CASE…] [--seeds N]`, the cases of [`CASES`]; all of them and 5 seeds by default. Size M:
//! a 50 × 50 target of rank 3, 1500 Gaussian measurements, width 50. All integrations of a case and seed run in lockstep, with DOP853 at
//! 1e-13 as the reference; the error is `‖FGᵀ − reference‖_F/‖Y‖_F` at the horizon. Written to `OUT_DIR`: `pgflow.csv`, and for each case
//! and seed the configuration of the instance and the reference product (`.bin`, column-major f64), from which `scipy_flow.py` goes on.
//! `run.sh` does all of it and prints the table.

use pgflow::config::{ErrorNorm, Experiment, FlowMethod, Method, Pair, Source, Spacing, TailMethod, ToleranceSpec, TrajectorySpec, load};
use pgflow::linalg::{Matrix, frobenius};
use pgflow::problem::{build_instance, initial_state};
use pgflow::simulation::{Simulation, TrajectoryRecord, Unattended};
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Name, condition number, scale of the initial factors, horizon.
const CASES: [(&str, f64, f64, f64); 7] = [
    ("k10a3_T20", 10.0, 1e-3, 20.0),
    ("k10a3_T60", 10.0, 1e-3, 60.0),
    ("k2a6_T20", 2.0, 1e-6, 20.0),
    ("k2a6_T60", 2.0, 1e-6, 60.0),
    ("k10a3_T2000", 10.0, 1e-3, 2000.0),
    ("k10a6_T2000", 10.0, 1e-6, 2000.0),
    ("k2a6_T2000", 2.0, 1e-6, 2000.0),
];

/// From here on stability limits explicit methods: their counts hardly depend on the tolerance, and a few tolerances do.
const LONG: f64 = 500.0;

type Failure = Box<dyn Error>;

fn configuration(kappa: f64, alpha: f64, horizon: f64, seed: u64) -> String {
    format!(
        "name = \"work_precision\"\nseed = {seed}\n[target]\nrows = 50\ncols = 50\nrank = 3\ncondition_number = {kappa:?}\n[sensing.gaussian]\n\
         measurements = 1500\n[model]\nwidth = 50\n[init.gaussian]\nscale = {alpha:?}\n[record]\nhorizon = {horizon:?}\nsamples = 2\nsnapshots = true\n\
         [[trajectory]]\nname = \"reference\"\n[trajectory.flow]\nmethod = \"dop853\"\nrtol = 1e-13\n"
    )
}

fn tolerance(exponent: f64) -> ToleranceSpec {
    ToleranceSpec { rtol: 10f64.powf(-exponent), atol: 0.0, norm: ErrorNorm::Factors }
}

/// The integrations of a case, with their names.
fn integrations(horizon: f64) -> Vec<(&'static str, FlowMethod)> {
    let halves = |from: u32, to: u32| (2 * from..=2 * to).map(|k| f64::from(k) / 2.0);
    let pair = |exponent| ("dop853", FlowMethod::Adaptive { pair: Pair::Dop853, tolerance: tolerance(exponent) });
    let tail = |method: TailMethod| move |exponent| (method.name(), FlowMethod::Tail { method, tolerance: tolerance(exponent) });
    if horizon < LONG {
        let auto = halves(3, 10).map(tail(TailMethod::Auto));
        return halves(3, 10).map(pair).chain(auto).collect();
    }
    let explicit = [3.0, 5.0, 7.0].map(pair);
    let stabilised = (3..=7).map(f64::from).map(tail(TailMethod::Rkc2));
    explicit.into_iter().chain(halves(3, 8).map(tail(TailMethod::Auto))).chain(stabilised).collect()
}

fn spec(reference: &TrajectorySpec, index: usize, method: FlowMethod) -> TrajectorySpec {
    TrajectorySpec { name: format!("run{index}"), family: format!("run{index}"), method: Method::Flow(method), ..reference.clone() }
}

/// `FGᵀ` at the end.
fn product(record: &TrajectoryRecord) -> Result<Matrix, Failure> {
    let snapshots = record.snapshots.as_ref().ok_or("no snapshots")?;
    let (f, g) = (snapshots.f.last().ok_or("no samples")?, snapshots.g.last().ok_or("no samples")?);
    Ok(f * g.transpose())
}

fn run(case: &(&str, f64, f64, f64), seed: u64, out: &Path, table: &mut dyn Write) -> Result<(), Failure> {
    let &(name, kappa, alpha, horizon) = case;
    let text = configuration(kappa, alpha, horizon, seed);
    std::fs::write(out.join(format!("{name}_{seed}.toml")), &text)?;
    let loaded = load(Source { name: "work_precision", text: &text }, &[], Path::new("."))?;
    let mut experiment: Experiment = loaded.experiment;
    experiment.record.spacing = Spacing::Linear;
    let runs = integrations(horizon);
    let reference = experiment.trajectories[0].clone();
    experiment.trajectories.extend(runs.iter().enumerate().map(|(index, (_, method))| spec(&reference, index, *method)));
    let problem = build_instance(&experiment)?;
    let start = initial_state(&reference.init, experiment.width, &problem.instance, None)?;
    let starts = vec![start; experiment.trajectories.len()];
    let mut simulation = Simulation::new(&experiment, &problem.instance, starts)?;
    simulation.run(&Unattended);
    let record = simulation.record();
    let exact = product(&record.trajectories[0])?;
    let bytes: Vec<u8> = exact.as_slice().iter().flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(out.join(format!("{name}_{seed}.bin")), bytes)?;
    let size = problem.instance.target.as_ref().map_or(1.0, |target| frobenius(&target.matrix));
    for ((method, integrator), trajectory) in runs.iter().zip(&record.trajectories[1..]) {
        let error = frobenius(&(product(trajectory)? - &exact)) / size;
        let rtol = integrator.tolerance().map_or(0.0, |tolerance| tolerance.rtol);
        let counts = trajectory.counts;
        writeln!(
            table,
            "{name},{seed},{method},{rtol:.3e},0,{},{},{},{},{error:.6e}",
            counts.evaluations,
            counts.accepted,
            counts.rejected,
            trajectory.switches.len()
        )?;
    }
    table.flush()?;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let mut seeds = 5;
    let mut words = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seeds" => seeds = rest.next().ok_or("--seeds wants a number")?.parse()?,
            other => words.push(other.to_owned()),
        }
    }
    let out = PathBuf::from(words.first().ok_or("usage: cargo bench --bench work_precision -- OUT_DIR [CASE…] [--seeds N]")?);
    std::fs::create_dir_all(&out)?;
    let mut table = std::fs::OpenOptions::new().create(true).append(true).open(out.join("pgflow.csv"))?;
    if table.metadata()?.len() == 0 {
        writeln!(table, "case,seed,method,rtol,atol,evaluations,accepted,rejected,switches,error")?;
    }
    for case in CASES.iter().filter(|case| words.len() == 1 || words[1..].iter().any(|word| word == case.0)) {
        for seed in 1..=seeds {
            let started = std::time::Instant::now();
            run(case, seed, &out, &mut table)?;
            eprintln!("{} seed {seed}: {:.0} s", case.0, started.elapsed().as_secs_f64());
        }
    }
    Ok(())
}
