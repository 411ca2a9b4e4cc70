//! What recording costs: runs on an instance of size M (50 × 50, h = 50, p = 1500) with 200 samples against the same runs without.
//!
//! `cargo bench --bench recording [-- families] [-- long] [-- MEASUREMENTS]`. Medians of alternating runs, in milliseconds; microseconds a
//! sample, and shares of the run that
//! records its two ends and one column. With `families`, the microseconds a sample of each family of columns in the descent, beside those
//! of the spectrum, which is always
//! recorded. With `long`, what the same 200 samples are of a descent to T = 2000, whose noise exceeds them: one run without samples, and
//! samples at the cost measured before.

use pgflow::config::{DEFAULT_COLUMNS, Experiment, Source, load};
use pgflow::dynamics::State;
use pgflow::problem::{Instance, build_instance, initial_state};
use pgflow::simulation::{Simulation, Unattended};
use std::error::Error;
use std::time::Instant;

const ROUNDS: usize = 7;
const SAMPLES: usize = 200;
const DESCENT: &str = "[trajectory.gradient_descent]\nstep = 0.1";
const FAMILIES: [(&str, &[&str]); 11] = [
    ("spectrum only", &["relative_error"]),
    ("loss", &["loss"]),
    ("residual_op", &["residual_op"]),
    ("imbalance", &["imbalance"]),
    ("rank", &["effective_rank"]),
    ("angles", &["angle_left"]),
    ("rip_error", &["rip_error"]),
    ("energy", &["energy_defect"]),
    ("signal", &["signal_min"]),
    ("perturbation", &["perturbation"]),
    ("integral", &["perturbation_integral"]),
];

fn configuration(measurements: usize, horizon: f64, method: &str) -> String {
    format!(
        "name = \"recording\"\nseed = 1\n[target]\nrows = 50\ncols = 50\nrank = 3\ncondition_number = 10.0\n[sensing.gaussian]\n\
         measurements = {measurements}\n[model]\nwidth = 50\n[init.gaussian]\nscale = 1e-3\n[record]\nhorizon = {horizon:?}\n[[trajectory]]\n\
         name = \"one\"\n{method}\n"
    )
}

struct Case {
    experiment: Experiment,
    times: Vec<f64>,
}

impl Case {
    fn new(text: &str, samples: usize, columns: &[&str]) -> Result<Self, Box<dyn Error>> {
        let sets = [format!("record.samples={samples}"), format!("record.observables={columns:?}")];
        let loaded = load(Source { name: "recording", text }, &sets, ".".as_ref())?;
        Ok(Case { experiment: loaded.experiment, times: Vec::new() })
    }

    fn run(&mut self, instance: &Instance, start: &State) -> Result<(), Box<dyn Error>> {
        let begin = Instant::now();
        let mut simulation = Simulation::new(&self.experiment, instance, vec![start.clone()])?;
        simulation.run(&Unattended);
        self.times.push(begin.elapsed().as_secs_f64() * 1e3);
        Ok(())
    }

    fn median(&mut self) -> f64 {
        self.times.sort_by(f64::total_cmp);
        self.times[self.times.len() / 2]
    }
}

fn alternate(text: &str, cases: &mut [Case], rounds: usize) -> Result<(), Box<dyn Error>> {
    let built = build_instance(&cases[0].experiment)?;
    let spec = &load(Source { name: "recording", text }, &[], ".".as_ref())?.experiment.trajectories[0].init;
    let start = initial_state(spec, Some(50), &built.instance, None)?;
    for _ in 0..rounds {
        for case in cases.iter_mut() {
            case.run(&built.instance, &start)?;
        }
    }
    Ok(())
}

fn measure(measurements: usize, families: bool, long: bool) -> Result<(), Box<dyn Error>> {
    let about_perturbation = |name: &&&str| name.starts_with("perturbation");
    let plain: Vec<&str> = DEFAULT_COLUMNS.iter().filter(|name| !about_perturbation(name)).copied().collect();
    let descent = configuration(measurements, 60.0, DESCENT);
    let flow = configuration(measurements, 60.0, "[trajectory.flow]\nmethod = \"dop853\"\nrtol = 1e-9");
    let perturbed = format!(
        "{flow}[trajectory.perturbation]\nbound = 0.05\nrelative_to = \"absolute\"\n[trajectory.perturbation.rotating]\nperiod = 5.0\n"
    );
    for (name, text) in [("descent", &descent), ("flow", &flow), ("perturbed flow", &perturbed)] {
        let mut cases = [Case::new(text, 2, &["loss"])?, Case::new(text, SAMPLES, &plain)?, Case::new(text, SAMPLES, DEFAULT_COLUMNS)?];
        alternate(text, &mut cases, ROUNDS)?;
        let [base, recorded, all] = cases.each_mut().map(Case::median);
        let share = |with: f64| format!("{:6.0} µs a sample, +{:.1} %", (with - base) * 1e3 / SAMPLES as f64, 100.0 * (with - base) / base);
        println!(
            "{name:15} {base:8.1} ms; with {SAMPLES} samples {recorded:8.1} ms ({}), with perturbation columns {all:8.1} ms ({})",
            share(recorded),
            share(all)
        );
        if long && name == "descent" {
            let text = configuration(measurements, 2000.0, DESCENT);
            let mut cases = [Case::new(&text, 2, &["loss"])?];
            alternate(&text, &mut cases, 1)?;
            let whole = cases[0].median();
            let share = |with: f64| 100.0 * (with - base) / whole;
            println!(
                "  to T = 2000   {whole:8.1} ms; {SAMPLES} such samples are {:.2} %, with perturbation columns {:.2} %",
                share(recorded),
                share(all)
            );
        }
    }
    if families {
        let mut cases = vec![Case::new(&descent, 2, &["loss"])?];
        for (_, columns) in FAMILIES {
            cases.push(Case::new(&descent, SAMPLES, columns)?);
        }
        alternate(&descent, &mut cases, ROUNDS)?;
        let medians: Vec<f64> = cases.iter_mut().map(Case::median).collect();
        for ((name, _), time) in FAMILIES.iter().zip(&medians[1..]) {
            println!("{name:15} {:8.1} µs a sample", (time - medians[0]) * 1e3 / SAMPLES as f64);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let measurements = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1500);
    let families = arguments.iter().any(|argument| argument == "families");
    let long = arguments.iter().any(|argument| argument == "long");
    for threads in [1, 2] {
        println!("{threads} threads");
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?
            .install(|| measure(measurements, families, long).map_err(|e| e.to_string()))?;
    }
    Ok(())
}
