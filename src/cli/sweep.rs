//! `pgflow sweep`: plan, run, status, collect, submit.

use super::arguments::ConfigArguments;
use super::error::CliError;
use super::interrupt::Interrupt;
use super::sweep_submit::{SubmitArguments, submit};
use super::{exit, experiment, print};
use crate::config::Source;
use crate::output::write_atomically;
use crate::sweep::{RunOptions, Shard, Store, Sweep, Tally, Watch, collect, fit, plan, run as run_shard, write_fits};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Time between two lines of progress where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(60);

/// The commands of a sweep.
#[derive(Debug, Subcommand)]
pub enum SweepCommand {
    /// Validate every point of a configuration with [sweep]; write the plan
    Plan(PlanArguments),
    /// Run the tasks that have no result yet, or a shard of them
    Run(RunShardArguments),
    /// Tell how many tasks are done
    Status {
        /// The directory of a planned sweep
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Collect the results into one table (CSV)
    Collect(CollectArguments),
    /// Submit a sweep to a Slurm cluster: an array of shards, and a job that collects
    Submit(SubmitArguments),
}

/// Arguments of `sweep plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// The experiments.
    #[command(flatten)]
    pub experiment: ConfigArguments,
    /// Where the sweep goes [default: sweeps/<name>]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print how many tasks there are, what they cost and the memory they take; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Plan where another sweep is; results of points that stay are kept
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `sweep run`.
#[derive(Debug, Args)]
pub struct RunShardArguments {
    /// The directory of a planned sweep
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Shard K of N, K from 0 [default: that of the Slurm array, or everything]
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
    /// Cores, 1 to 512 [default: SLURM_CPUS_PER_TASK, or all]; no digit of the results depends on it
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: Option<u16>,
    /// Most memory for instances side by side, such as 4G or 500M [default: SLURM_MEM_PER_NODE, or four fifths of what is left]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
    /// Try tasks again that failed before
    #[arg(long)]
    pub retry_failed: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// Arguments of `sweep collect`.
#[derive(Debug, Args)]
pub struct CollectArguments {
    /// The directory of a sweep
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// The table [default: DIR/collected.csv, or DIR/samples.csv]
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// One row a recorded time instead of one a trajectory
    #[arg(long)]
    pub samples: bool,
    /// Print the slopes that [sweep] fit asks for, as CSV
    #[arg(long, conflicts_with = "samples")]
    pub fit: bool,
}

pub fn run(command: &SweepCommand) -> Result<i32, CliError> {
    match command {
        SweepCommand::Plan(arguments) => plan_command(arguments),
        SweepCommand::Run(arguments) => run_command(arguments),
        SweepCommand::Status { directory, json } => status(directory.as_path(), *json),
        SweepCommand::Collect(arguments) => collect_command(arguments),
        SweepCommand::Submit(arguments) => submit(arguments),
    }
}

fn plan_command(arguments: &PlanArguments) -> Result<i32, CliError> {
    let config = &arguments.experiment.config;
    let (name, text) = experiment::read(config)?;
    let plan = plan(Source { name: &name, text: &text }, &arguments.experiment.set, experiment::base(config))?;
    let tasks = &plan.manifest.tasks;
    let instances = tasks.iter().map(|task| task.instance + 1).max().unwrap_or(0);
    let operations: f64 = tasks.iter().map(|task| task.cost.operations).sum();
    let bytes = tasks.iter().map(|task| task.cost.instance_bytes + task.cost.state_bytes).max().unwrap_or(0);
    let size = format!("{} tasks on {instances} instances, about {operations:.1e} operations, {bytes} bytes for the largest", tasks.len());
    if arguments.dry_run {
        print(&format!("{size}\n"))?;
        return Ok(exit::DONE);
    }
    let directory = arguments.out.clone().unwrap_or_else(|| PathBuf::from("sweeps").join(&plan.manifest.name));
    plan.write(&directory, arguments.force)?;
    print(&format!("{size}\nplanned in {}\n", directory.display()))?;
    Ok(exit::DONE)
}

/// Bytes: a number, with K, M, G or T for powers of 1000.
fn size(text: &str) -> Result<u64, String> {
    let units = [('K', 1), ('M', 2), ('G', 3), ('T', 4)];
    let unit = units.into_iter().find_map(|(letter, power)| Some((text.strip_suffix(letter)?, 1000_u64.pow(power))));
    let (number, factor) = unit.unwrap_or((text, 1));
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).filter(|&bytes| bytes > 0);
    bytes.ok_or_else(|| "write a number of bytes, or one with K, M, G or T, such as 4G".into())
}

/// The memory of this task of a Slurm job, which counts in units of 2²⁰ bytes; 0 stands for the whole machine.
fn slurm_memory() -> Option<u64> {
    let per_core = || Some(slurm("SLURM_MEM_PER_CPU")? * slurm("SLURM_CPUS_PER_TASK").unwrap_or(1));
    slurm("SLURM_MEM_PER_NODE").or_else(per_core).filter(|&units| units > 0).map(|units| (units as u64) << 20)
}

/// A number from Slurm's environment.
fn slurm(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.trim().parse().ok()
}

/// The shard of this task of a Slurm array.
fn slurm_shard() -> Option<Shard> {
    let (task, count) = (slurm("SLURM_ARRAY_TASK_ID")?, slurm("SLURM_ARRAY_TASK_COUNT")?);
    let index = task.checked_sub(slurm("SLURM_ARRAY_TASK_MIN").unwrap_or(0))?;
    (index < count).then_some(Shard { index, count })
}

fn run_command(arguments: &RunShardArguments) -> Result<i32, CliError> {
    let failed = |error: std::io::Error| CliError::System { what: "signal handlers", reason: error.to_string() };
    let interrupt = Interrupt::install_for_sweep().map_err(failed)?;
    let sweep = Sweep::open(&arguments.directory)?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.map(usize::from).or_else(|| slurm("SLURM_CPUS_PER_TASK")).unwrap_or_else(cores);
    let shard = arguments.shard.or_else(slurm_shard).unwrap_or(Shard::WHOLE);
    let memory = arguments.memory.or_else(slurm_memory);
    let options = RunOptions { shard, jobs: jobs.clamp(1, 512), retry_failed: arguments.retry_failed, memory };
    let attendant = Attendant::new(interrupt, arguments.quiet);
    let tally = std::thread::scope(|scope| {
        scope.spawn(|| attendant.tell());
        let tally = run_shard(&sweep, options, &attendant);
        attendant.over.store(true, Ordering::Relaxed);
        tally
    });
    attendant.bar.finish_and_clear();
    let tally = tally?;
    if !arguments.quiet {
        print(&text(&tally))?;
    }
    Ok(match tally {
        Tally { interrupted: true, .. } => exit::RESUMABLE,
        Tally { failed, .. } if failed > 0 => exit::FAILED,
        _ => exit::DONE,
    })
}

fn text(tally: &Tally) -> String {
    let mut text = format!("{} tasks done, {} had results", tally.done, tally.skipped);
    if tally.damaged > 0 {
        text += &format!(", {} of the results were damaged", tally.damaged);
    }
    if tally.failed > 0 {
        text += &format!("; {} FAILED (collect tells why; run --retry-failed tries again)", tally.failed);
    }
    if tally.passes > 0 {
        text += &format!("; {} passes over the measurements answered {} questions", tally.passes, tally.questions);
    }
    if tally.interrupted {
        text += "; interrupted: the same command goes on from here";
    }
    text + "\n"
}

/// Tells how far a shard is.
struct Attendant {
    interrupt: Interrupt,
    bar: ProgressBar,
    lines: bool,
    over: AtomicBool,
    started: Instant,
    pending: AtomicUsize,
    running: AtomicUsize,
    done: AtomicUsize,
    failed: AtomicUsize,
}

impl Attendant {
    fn new(interrupt: Interrupt, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal && !quiet { ProgressDrawTarget::stderr_with_hz(4) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} tasks, {msg}, {eta} left") {
            bar.set_style(style);
        }
        let zero = || AtomicUsize::new(0);
        let (over, started) = (AtomicBool::new(false), Instant::now());
        let lines = !terminal && !quiet;
        Attendant { interrupt, bar, lines, over, started, pending: zero(), running: zero(), done: zero(), failed: zero() }
    }

    /// A line a minute, until the shard is over.
    fn tell(&self) {
        let mut last = Instant::now();
        while !self.over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
            if self.lines && last.elapsed() >= LINE_INTERVAL {
                last = Instant::now();
                let (done, pending) = (self.done.load(Ordering::Relaxed), self.pending.load(Ordering::Relaxed));
                let left = match done {
                    0 => "unknown".into(),
                    _ => format!("{:.0} s", self.started.elapsed().as_secs_f64() / done as f64 * pending.saturating_sub(done) as f64),
                };
                let _ = writeln!(std::io::stderr(), "{done}/{pending} tasks done, {}; time left: {left}", self.counts());
            }
        }
    }

    fn counts(&self) -> String {
        format!("{} running, {} failed", self.running.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

impl Watch for Attendant {
    fn interrupted(&self) -> bool {
        self.interrupt.is_set()
    }

    fn begin(&self, pending: usize, _present: usize) {
        self.pending.store(pending, Ordering::Relaxed);
        self.bar.set_length(pending as u64);
    }

    fn running(&self, tasks: usize) {
        self.running.fetch_add(tasks, Ordering::Relaxed);
        self.bar.set_message(self.counts());
    }

    fn done(&self, failed: bool) {
        // Tasks that another process has done were never running here.
        let _ = self.running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |running| Some(running.saturating_sub(1)));
        self.done.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(usize::from(failed), Ordering::Relaxed);
        self.bar.inc(1);
        self.bar.set_message(self.counts());
    }
}

fn status(directory: &std::path::Path, json: bool) -> Result<i32, CliError> {
    let sweep = Sweep::open(directory)?;
    let status = Store::new(directory).status(&sweep.manifest.tasks)?;
    let left = status.total - status.present;
    if json {
        print(&format!("{}\n", serde_json::json!({ "total": status.total, "done": status.present, "left": left })))?;
    } else {
        print(&format!("{} of {} tasks done, {left} left\n", status.present, status.total))?;
    }
    Ok(exit::DONE)
}

fn collect_command(arguments: &CollectArguments) -> Result<i32, CliError> {
    let sweep = Sweep::open(&arguments.directory)?;
    let table = collect(&sweep, arguments.samples)?;
    let name = if arguments.samples { "samples.csv" } else { "collected.csv" };
    let path = arguments.out.clone().unwrap_or_else(|| arguments.directory.join(name));
    write_atomically(&path, |writer| table.write(writer))?;
    if arguments.fit {
        let mut text = Vec::new();
        let fits = fit(&table, &sweep.manifest.keys, sweep.file.fits())?;
        write_fits(&fits, &mut text).map_err(CliError::Print)?;
        print(&String::from_utf8_lossy(&text))?;
    }
    let mut notes = format!("{} rows in {}", table.rows.len(), path.display());
    if table.failed > 0 {
        notes += &format!("; {} tasks failed", table.failed);
    }
    if table.missing > 0 {
        notes += &format!("; {} tasks have no result yet, go on with pgflow sweep run", table.missing);
    }
    let _ = writeln!(std::io::stderr(), "{notes}");
    Ok(if table.missing > 0 { exit::RESUMABLE } else { exit::DONE })
}
