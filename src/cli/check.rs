//! `pgflow check`: the resolved configuration, and what running it will cost.

use super::arguments::CheckArguments;
use super::error::CliError;
use super::{exit, experiment, print};
use crate::config::{Experiment, Factorization, Problem};
use crate::problem::{Footprint, OperatorKind, build_target, check_room, entry_bytes, footprint, read_instance, target_shape};
use crate::sensing::available_memory;
use crate::simulation::{Forecast, forecast, foreseen_evaluations, recording_times};
use serde_json::json;

/// Bytes of a number in a table, with its comma.
const NUMBER: u64 = 24;

/// Shape of the problem, as far as the cost depends on it.
struct Size {
    rows: usize,
    cols: usize,
    measurements: usize,
    width: usize,
    /// Rows of the state: `m + n`, or `d`.
    height: usize,
    /// Entries of one measurement that are stored; 0 where nothing is.
    stored_entries: usize,
    /// Bytes of each.
    entry_bytes: u64,
    /// Bytes in memory, padding included.
    operator_bytes: u64,
    /// Bytes of its workspace for one point, where they are known before it is built.
    workspace: Option<u64>,
    /// Operations of one application to one point.
    flops: f64,
    /// The ensemble's name.
    ensemble: &'static str,
    /// `σ₁(Y)`, which sets the pace of the flow.
    largest: f64,
}

/// What a run will cost.
struct Estimate {
    size: Size,
    /// Name of each trajectory, evaluations of its field, and whether that number is exact.
    evaluations: Vec<(String, u64, bool)>,
    /// Passes over the operator, shared by all trajectories.
    passes: u64,
    samples: u64,
    disk: u64,
    /// How long it will take, if that was asked for.
    forecast: Option<Forecast>,
}

pub fn run(arguments: &CheckArguments) -> Result<i32, CliError> {
    let loaded = experiment::load(&arguments.experiment)?;
    let mut estimate = Estimate::new(&loaded.experiment, measure(&loaded.experiment)?);
    if arguments.calibrate {
        let (pool, _) = super::run::pool(arguments.threads)?;
        estimate.forecast = Some(pool.install(|| forecast(&loaded.experiment))?);
    }
    if arguments.json {
        print(&format!("{:#}\n", estimate.json(&loaded.resolved)))?;
    } else {
        print(&format!("{}\n{}", loaded.resolved.trim_end(), estimate.text()))?;
    }
    Ok(exit::DONE)
}

fn measure(experiment: &Experiment) -> Result<Size, CliError> {
    match &experiment.problem {
        Problem::Generated { target, sensing } => {
            let (rows, cols) = target_shape(target)?;
            check_room(experiment, rows, cols)?;
            let target = build_target(target)?;
            let (rows, cols) = target.matrix.shape();
            let width = experiment.width.unwrap_or(0);
            let Footprint { measurements, storage, workspace, flops } =
                footprint(sensing, experiment.factorization, rows, cols, target.rank(), width)?;
            let (entry_bytes, ensemble) = (entry_bytes(&sensing.ensemble), sensing.ensemble.name());
            let largest = target.values.first().copied().unwrap_or(1.0);
            let (height, stored_entries) = extent(experiment, rows, cols);
            Ok(Size {
                rows,
                cols,
                measurements,
                width,
                height,
                stored_entries,
                entry_bytes,
                operator_bytes: storage,
                workspace: Some(workspace),
                flops,
                ensemble,
                largest,
            })
        }
        Problem::File(path) => {
            let arrays = read_instance(path)?;
            let (rows, cols) = arrays.shape;
            check_room(experiment, rows, cols)?;
            let measurements = arrays.data.len();
            let width = experiment.width.or(arrays.factors.as_ref().map(|factors| factors.width())).unwrap_or(0);
            let built = arrays.into_problem(path, experiment.factorization)?;
            let largest = built.instance.target.as_ref().and_then(|target| target.values.first().copied()).unwrap_or(1.0);
            let operator_bytes = built.instance.operator.storage_bytes();
            let entry_bytes = if built.kind == OperatorKind::Dense { 8 } else { 0 };
            let flops = built.instance.operator.cost(1).flops;
            let ensemble = built.kind.label();
            let (height, stored_entries) = extent(experiment, rows, cols);
            Ok(Size {
                rows,
                cols,
                measurements,
                width,
                height,
                stored_entries,
                entry_bytes,
                operator_bytes,
                workspace: None,
                flops,
                ensemble,
                largest,
            })
        }
    }
}

/// Rows of the state, and entries of a stored measurement.
fn extent(experiment: &Experiment, rows: usize, cols: usize) -> (usize, usize) {
    match experiment.factorization {
        Factorization::Asymmetric => (rows + cols, rows * cols),
        Factorization::Symmetric => (rows, rows * (rows + 1) / 2),
    }
}

impl Estimate {
    fn new(experiment: &Experiment, size: Size) -> Self {
        let record = &experiment.record;
        let times = recording_times(record).len() as u64;
        let trajectories = experiment.trajectories.len() as u64;
        let foreseen = foreseen_evaluations(experiment, size.largest);
        let foreseen = || experiment.trajectories.iter().zip(&foreseen);
        let counts = foreseen().map(|(trajectory, count)| (trajectory.name.clone(), count.stepping, count.exact));
        let passes = foreseen().map(|(trajectory, count)| match trajectory.method.is_sampled() {
            // Its steps make no passes, its samples one each.
            true => times,
            false => count.stepping,
        });
        let passes = passes.max().unwrap_or(0);
        let modes = size.rows.min(size.cols).min(size.width) as u64;
        let pairs = experiment.comparisons.iter().map(|comparison| comparison.against.len() as u64).sum::<u64>();
        let table = trajectories * times * (record.observables.len() as u64 + 3) * NUMBER;
        let spectrum = trajectories * times * modes * 4 * NUMBER;
        let comparison = pairs * times * 7 * NUMBER;
        let snapshots = if record.snapshots { trajectories * times * (size.height * size.width) as u64 * 8 } else { 0 };
        let kept = modes.min(record.singular_vectors as u64);
        let vectors = trajectories * times * kept * (size.rows + size.cols) as u64 * 8;
        Estimate {
            evaluations: counts.collect(),
            passes,
            samples: trajectories * times,
            disk: table + spectrum + comparison + snapshots + vectors,
            forecast: None,
            size,
        }
    }

    fn entries_bytes(&self) -> u64 {
        (self.size.measurements * self.size.stored_entries) as u64 * self.size.entry_bytes
    }

    /// As comments, so that the output as a whole stays a configuration.
    fn text(&self) -> String {
        let size = &self.size;
        let mut text = format!(
            "\n# cost\n# A: {} measurements of {}×{} matrices, {} bytes ({} in memory)\n",
            size.measurements,
            size.rows,
            size.cols,
            if size.entry_bytes > 0 { self.entries_bytes() } else { size.operator_bytes },
            size.operator_bytes
        );
        text += &format!(
            "# one application ({}): {} bytes of ensemble, {:.2e} operations a point{}\n",
            size.ensemble,
            size.operator_bytes,
            size.flops,
            size.workspace.map(|bytes| format!(", {bytes} bytes of workspace")).unwrap_or_default()
        );
        if let Some(memory) = available_memory() {
            text += &format!("# memory that can be had: {memory} bytes\n");
        }
        for (name, count, exact) in &self.evaluations {
            let about = if *exact { "" } else { "about " };
            text += &format!("# {name}: {about}{count} evaluations\n");
        }
        text += &format!(
            "# operator passes: about {} (trajectories share them; {} samples ride along)\n# disk: at most about {} bytes\n",
            self.passes, self.samples, self.disk
        );
        text += &self.forecast.as_ref().map(time_text).unwrap_or_default();
        text
    }

    fn json(&self, resolved: &str) -> serde_json::Value {
        let trajectories: Vec<_> =
            self.evaluations.iter().map(|(name, count, exact)| json!({ "name": name, "evaluations": count, "exact": exact })).collect();
        json!({
            "config": resolved,
            "rows": self.size.rows,
            "cols": self.size.cols,
            "width": self.size.width,
            "measurements": self.size.measurements,
            "entries_bytes": self.entries_bytes(),
            "operator_bytes": self.size.operator_bytes,
            "ensemble": self.size.ensemble,
            "workspace_bytes": self.size.workspace,
            "operations_per_point": self.size.flops,
            "memory_available": available_memory(),
            "operator_passes": self.passes,
            "samples": self.samples,
            "disk_bytes": self.disk,
            "trajectories": trajectories,
            "time": self.forecast.as_ref().map(time_json),
        })
    }
}

fn time_text(time: &Forecast) -> String {
    let left_out = match time.left_out {
        0 => String::new(),
        count => format!("# {count} trajectories whose steps look at data of their own are not counted in it\n"),
    };
    format!(
        "# time on {} threads: about {:.2} s: ensemble {:.2} s, rounds {:.2} s ({:.3} ms each, {:.3} ms an application to \
         one point), recording {:.2} s\n{left_out}",
        time.threads,
        time.total(),
        time.drawing,
        time.rounds,
        1e3 * time.round,
        1e3 * time.application,
        time.recording
    )
}

fn time_json(time: &Forecast) -> serde_json::Value {
    json!({
        "threads": time.threads,
        "seconds": time.total(),
        "drawing": time.drawing,
        "rounds": time.rounds,
        "recording": time.recording,
        "application": time.application,
        "round": time.round,
        "left_out": time.left_out,
    })
}
