//! pgflow's side of the comparison with its peers: a process that is told by `table.py` what to time.
//!
//! One request a line on standard input, one answer a line on standard output, both JSON. Everything runs through the driver that
//! `pgflow run` uses, on a pool of as many threads as the only argument says; the clock is read once a round (one batched application of the
//! operator, and what every trajectory makes of its answer), so that starting and ending cost a step nothing.
//!
//! `open` builds the problem of a configuration · `run` runs it · `final` writes the final states of the last run, `samples` those of all samples of its flows, `starts` the
//! initial states, `laws` the perturbations, all as `.npz` · `apply` times the operator alone · `transform` the Walsh–Hadamard transform · `read` is the yardstick of
//! memory: a pass that only reads as many numbers as the ensemble has.

#[path = "../support/pages.rs"]
mod pages;
mod yardstick;

use pgflow::config::{Experiment, Method, PerturbationSpec, Source, load};
use pgflow::dynamics::{Blocks, Moment, State};
use pgflow::linalg::{Matrix, View};
use pgflow::perturbation::{Circumstances, build_law};
use pgflow::problem::{ArchiveWriter, BuiltProblem, build_instance, initial_state};
use pgflow::sensing::{Answer, Question, Want, walsh_hadamard};
use pgflow::simulation::{Monitor, RunRecord, Simulation};
use serde_json::{Value, json};
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Notes when each round ends.
#[derive(Default)]
struct Clock(Mutex<Vec<Instant>>);

impl Monitor for Clock {
    fn progress(&self, _fraction: f64, _unfinished: usize) {
        if let Ok(mut times) = self.0.lock() {
            times.push(Instant::now());
        }
    }
}

/// A problem, and the last run on it.
struct Open {
    experiment: Experiment,
    built: BuiltProblem,
    starts: Vec<State>,
    record: RunRecord,
}

fn text<'a>(request: &'a Value, key: &str) -> Outcome<&'a str> {
    request[key].as_str().ok_or_else(|| format!("the request lacks \"{key}\"").into())
}

fn number(request: &Value, key: &str) -> Outcome<usize> {
    request[key].as_u64().map(|number| number as usize).ok_or_else(|| format!("the request lacks \"{key}\"").into())
}

impl Open {
    fn new(request: &Value) -> Outcome<Self> {
        let path = text(request, "config")?;
        let overrides = request["set"].as_array().into_iter().flatten();
        let overrides: Vec<String> = overrides.filter_map(|entry| entry.as_str().map(str::to_owned)).collect();
        let config = std::fs::read_to_string(path)?;
        let loaded = load(Source { name: path, text: &config }, &overrides, Path::new("."))?;
        let experiment = loaded.experiment;
        let built = build_instance(&experiment)?;
        let start = |init| initial_state(init, experiment.width, &built.instance, built.factors.as_ref());
        let starts = experiment.trajectories.iter().map(|spec| start(&spec.init)).collect::<Result<_, _>>()?;
        Ok(Open { experiment, built, starts, record: RunRecord::default() })
    }

    /// Seconds of the whole run and of every round but the first, evaluations of every trajectory.
    fn run(&mut self) -> Outcome<Value> {
        let clock = Clock::default();
        let begin = Instant::now();
        let mut simulation = Simulation::new(&self.experiment, &self.built.instance, self.starts.clone())?;
        simulation.run(&clock);
        let seconds = begin.elapsed().as_secs_f64();
        self.record = simulation.record();
        let ends = clock.0.into_inner()?;
        let rounds: Vec<f64> = ends.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let evaluations: Vec<u64> = self.record.trajectories.iter().map(|trajectory| trajectory.operator_passes).collect();
        Ok(json!({ "seconds": seconds, "rounds": rounds, "evaluations": evaluations }))
    }

    /// `f` and `g`, trajectory after trajectory.
    fn write_states(&self, path: &str, f: &[Matrix], g: &[Matrix]) -> Outcome<()> {
        let mut archive = ArchiveWriter::new(BufWriter::new(File::create(path)?));
        for (name, matrices) in [("f", f), ("g", g)] {
            let (rows, cols) = matrices.first().map(Matrix::shape).ok_or("no trajectory has a state")?;
            let entries = matrices.iter().flat_map(|matrix| matrix.transpose().as_slice().to_vec());
            archive.array(name, &[matrices.len(), rows, cols], entries)?;
        }
        archive.finish()?.flush()?;
        Ok(())
    }

    fn write_starts(&self, path: &str) -> Outcome<()> {
        let (f, g): (Vec<_>, Vec<_>) = self.starts.iter().map(|state| (state.left().to_matrix(), state.right().to_matrix())).unzip();
        self.write_states(path, &f, &g)
    }

    fn write_final(&self, path: &str) -> Outcome<()> {
        let snapshots = self.record.trajectories.iter().filter_map(|trajectory| trajectory.snapshots.as_ref());
        let last = snapshots.filter_map(|snapshots| Some((snapshots.f.last()?.clone(), snapshots.g.last()?.clone())));
        let (f, g): (Vec<_>, Vec<_>) = last.unzip();
        self.write_states(path, &f, &g)
    }

    /// Of the flows alone, one after another.
    fn write_samples(&self, path: &str) -> Outcome<()> {
        let flows = self.experiment.trajectories.iter().zip(&self.record.trajectories);
        let flows = flows.filter(|(spec, _)| matches!(spec.method, Method::Flow(_) | Method::PerturbedFlow { .. }));
        let snapshots: Vec<_> = flows.filter_map(|(_, trajectory)| trajectory.snapshots.as_ref()).collect();
        let [f, g] = [
            snapshots.iter().flat_map(|snapshots| snapshots.f.clone()).collect::<Vec<_>>(),
            snapshots.iter().flat_map(|snapshots| snapshots.g.clone()).collect(),
        ];
        self.write_states(path, &f, &g)
    }

    /// `E(t) = rest + cos(2πt/period)·cosine + sin(2πt/period)·sine` of every perturbed flow; of a constant law `cosine` and `sine` vanish.
    fn write_laws(&self, path: &str) -> Outcome<()> {
        let mut archive = ArchiveWriter::new(BufWriter::new(File::create(path)?));
        for (spec, start) in self.experiment.trajectories.iter().zip(&self.starts) {
            let Method::PerturbedFlow { perturbation, .. } = &spec.method else { continue };
            let [rest, cosine, sine] = self.parts(perturbation, start)?;
            for (part, matrix) in [("rest", rest), ("cosine", cosine), ("sine", sine)] {
                archive.array(
                    &format!("{}.{part}", spec.name),
                    &[matrix.nrows(), matrix.ncols()],
                    matrix.transpose().as_slice().to_vec(),
                )?;
            }
        }
        archive.finish()?.flush()?;
        Ok(())
    }

    /// From the values at three times.
    fn parts(&self, spec: &PerturbationSpec, start: &State) -> Outcome<[Matrix; 3]> {
        let bound = spec.bound.ok_or("a law without a bound")?.bound;
        let mut law = build_law(spec, &self.built.instance, start.shape(), self.experiment.record.horizon)?;
        let period = match spec.law {
            pgflow::config::Law::Rotating { period } => period,
            _ => 1.0,
        };
        let drive = Matrix::zeros(start.shape().rows(), start.shape().cols());
        let mut at = |part: f64| {
            let mut blocks = Blocks::zeros(spec.form, start.shape());
            let moment = Moment { t: part * period, piece: 0 };
            law.evaluate(&Circumstances { at: moment, state: start, drive: &drive, residual: None }, &mut blocks);
            blocks.matrices().next().map(|matrix| matrix * bound).ok_or("a law without a matrix")
        };
        let (first, quarter, half) = (at(0.0)?, at(0.25)?, at(0.5)?);
        let rest = (&first + &half) * 0.5;
        Ok([rest.clone(), (first - half) * 0.5, quarter - rest])
    }

    /// Seconds of applications to `batch` points of width 20, by products where they are offered.
    fn apply(&self, batch: usize, rounds: usize) -> Vec<f64> {
        let (operator, data) = (self.built.instance.operator.as_ref(), &self.built.instance.data);
        let (rows, cols) = operator.shape();
        let point = |nth: usize, side: usize| Matrix::from_fn(side, 20, |i, j| ((i * 7 + j * 3 + nth) % 11) as f64 / 11.0 - 0.4);
        let points: Vec<_> = (0..batch).map(|nth| (point(nth, rows), point(nth + 5, cols))).collect();
        let ask = |(f, g)| Question { want: Want::Products, ..Question::residual(View::of(f), View::of(g)) };
        let questions: Vec<_> = points.iter().map(|(f, g)| ask((f, g))).collect();
        let mut answers = vec![Answer::new(rows, cols); batch];
        let mut work = operator.workspace();
        let mut once = || {
            let begin = Instant::now();
            operator.answer(data, &questions, &mut answers, &mut work);
            begin.elapsed().as_secs_f64()
        };
        once();
        (0..rounds).map(|_| once()).collect()
    }
}

/// Seconds of a transform of `2^20` numbers into another array.
fn transform(rounds: usize) -> Vec<f64> {
    let numbers: Vec<f64> = (0..1 << 20).map(|i| ((i * 7) % 11) as f64 / 11.0 - 0.4).collect();
    let mut out = numbers.clone();
    let mut once = || {
        let begin = Instant::now();
        out.copy_from_slice(&numbers);
        walsh_hadamard(&mut out);
        begin.elapsed().as_secs_f64()
    };
    once();
    (0..rounds).map(|_| once()).collect()
}

fn answer(request: &Value, open: &mut Option<Open>) -> Outcome<Value> {
    let order = text(request, "do")?;
    match order {
        "open" => {
            *open = None;
            let now = open.insert(Open::new(request)?);
            let names: Vec<_> = now.experiment.trajectories.iter().map(|spec| &spec.name).collect();
            return Ok(json!({ "names": names }));
        }
        "read" => return Ok(json!({ "seconds": yardstick::read_passes(number(request, "numbers")?, number(request, "rounds")?)? })),
        "transform" => return Ok(json!({ "seconds": transform(number(request, "rounds")?) })),
        _ => {}
    }
    let open = open.as_mut().ok_or("nothing is open")?;
    match order {
        "run" => return open.run(),
        "apply" => return Ok(json!({ "seconds": open.apply(number(request, "batch")?, number(request, "rounds")?) })),
        "final" => open.write_final(text(request, "file")?)?,
        "samples" => open.write_samples(text(request, "file")?)?,
        "starts" => open.write_starts(text(request, "file")?)?,
        "laws" => open.write_laws(text(request, "file")?)?,
        _ => return Err(format!("unknown request \"{order}\"").into()),
    }
    Ok(json!({}))
}

fn serve() -> Outcome<()> {
    let mut open = None;
    for line in std::io::stdin().lock().lines() {
        let reply = serde_json::from_str(&line?).map_err(Into::into).and_then(|request| answer(&request, &mut open));
        let reply = reply.unwrap_or_else(|error| json!({ "error": error.to_string() }));
        let mut out = std::io::stdout().lock();
        writeln!(out, "{reply}")?;
        out.flush()?;
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let threads = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let Some(threads) = threads else {
        println!("benches/peers/run.sh runs this with a number of threads and requests on standard input");
        return Ok(());
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    pool.install(|| serve().map_err(|error| error.to_string()))?;
    Ok(())
}
