//! `pgflow sweep`: plan, run, status, collect, submit.

use super::arguments::ConfigArguments;
use super::error::CliError;
use super::interrupt::Interrupt;
use super::sweep_progress::{Attendant, duration};
use super::sweep_submit::{SubmitArguments, submit};
use super::{exit, experiment, print};
use crate::config::Source;
use crate::output::write_atomically;
use crate::sweep::{
    Cell, Collected, Column, CsvSink, RowSink, RunOptions, Shard, ShardProgress, Store, Sweep, SweepError, Tally, collect_into, columns,
    fit, plan, read_progress, recovery, run as run_shard, write_fits, write_recovery,
};
use clap::{Args, Subcommand, ValueEnum};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The commands of a sweep.
#[derive(Debug, Subcommand)]
pub enum SweepCommand {
    /// Validate every point of a configuration with [sweep]; write the plan
    Plan(PlanArguments),
    /// Run the tasks that have no result yet, or a shard of them
    Run(RunShardArguments),
    /// Tell how many tasks are done, failed and running, and how long the rest will take
    Status {
        /// The directory of a planned sweep
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Collect the results into one table (CSV or Parquet)
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

/// The format of a collected table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Text, numbers with 17 digits
    Csv,
    /// Columns with types
    Parquet,
}

/// Arguments of `sweep collect`.
#[derive(Debug, Args)]
pub struct CollectArguments {
    /// The directory of a sweep
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// The table [default: DIR/collected.csv, or DIR/samples.csv; .parquet with --format parquet]
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Its format [default: parquet if FILE ends with .parquet, csv otherwise]
    #[arg(long, value_enum)]
    pub format: Option<TableFormat>,
    /// One row a recorded time instead of one a trajectory
    #[arg(long)]
    pub samples: bool,
    /// Print the slopes and probabilities that [sweep] fit asks for, as CSV
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
    let attendant = Attendant::new(interrupt, arguments.quiet, &arguments.directory, shard);
    let tally = std::thread::scope(|scope| {
        scope.spawn(|| attendant.tell());
        let tally = run_shard(&sweep, options, &attendant);
        attendant.end();
        tally
    });
    attendant.clear();
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

fn status(directory: &Path, json: bool) -> Result<i32, CliError> {
    let sweep = Sweep::open(directory)?;
    let status = Store::open(directory)?.status(&sweep.manifest.tasks)?;
    let left = status.total - status.done - status.failed;
    let processes = read_progress(directory);
    let running: usize = processes.iter().map(|process| process.running).sum();
    // Shards run side by side: the slowest decides.
    let time_left = processes.iter().map(|process| process.left).reduce(|a, b| Some(f64::max(a?, b?))).flatten();
    if json {
        let told = serde_json::json!({
            "total": status.total, "done": status.done, "failed": status.failed, "left": left, "running": running,
            "seconds_left": time_left, "processes": processes,
        });
        print(&format!("{told}\n"))?;
        return Ok(exit::DONE);
    }
    let mut text = format!("{} of {} tasks done, {} failed, {left} left\n", status.done, status.total, status.failed);
    if left > 0 {
        text += &match processes.len() {
            0 => "no process is running (or none has said so in the last two minutes)\n".into(),
            count => format!("{running} running in {count} processes; time left: {}\n", duration(time_left)),
        };
        for process in &processes {
            let ShardProgress { shard, host, process: number, done, pending, .. } = process;
            text += &format!("    shard {shard} on {host} ({number}): {done} of {pending} done; time left: {}\n", duration(process.left));
        }
    }
    print(&text)?;
    Ok(exit::DONE)
}

/// The format of a table: what is asked for, or what the name ends with.
fn format_of(arguments: &CollectArguments) -> TableFormat {
    let by_name = |path: &PathBuf| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
    arguments.format.unwrap_or(match arguments.out.as_ref().is_some_and(by_name) {
        true => TableFormat::Parquet,
        false => TableFormat::Csv,
    })
}

/// Rows written to a file, and kept as well if they are wanted.
struct Both<'a> {
    file: Box<dyn RowSink + 'a>,
    kept: Option<&'a mut Collected>,
}

impl RowSink for Both<'_> {
    fn row(&mut self, row: &[Cell]) -> std::io::Result<()> {
        if let Some(kept) = &mut self.kept {
            kept.row(row)?;
        }
        self.file.row(row)
    }

    fn finish(&mut self) -> std::io::Result<()> {
        self.file.finish()
    }
}

#[cfg(feature = "parquet")]
fn parquet_sink<'a, W: Write + Send + 'a>(writer: W, columns: &[Column]) -> std::io::Result<Box<dyn RowSink + 'a>> {
    Ok(Box::new(crate::sweep::ParquetSink::new(writer, columns)?))
}

#[cfg(not(feature = "parquet"))]
fn parquet_sink<'a, W: Write + Send + 'a>(_writer: W, _columns: &[Column]) -> std::io::Result<Box<dyn RowSink + 'a>> {
    Err(std::io::ErrorKind::Unsupported.into())
}

fn collect_command(arguments: &CollectArguments) -> Result<i32, CliError> {
    let sweep = Sweep::open(&arguments.directory)?;
    let format = format_of(arguments);
    if format == TableFormat::Parquet && !cfg!(feature = "parquet") {
        let reason = "this pgflow was built without the feature `parquet`; build it with its default features, or use --format csv".into();
        return Err(CliError::Run { path: arguments.directory.clone(), reason });
    }
    let ending = if format == TableFormat::Csv { "csv" } else { "parquet" };
    let name = format!("{}.{ending}", if arguments.samples { "samples" } else { "collected" });
    let path = arguments.out.clone().unwrap_or_else(|| arguments.directory.join(name));
    let columns = columns(&sweep, arguments.samples);
    let names = columns.iter().map(|column| column.name.clone()).collect();
    let (mut kept, mut outcome) = (Collected { columns: names, ..Collected::default() }, None);
    let written = write_atomically(&path, |writer| {
        let file: Box<dyn RowSink + '_> = match format {
            TableFormat::Csv => Box::new(CsvSink::new(writer, &columns)?),
            TableFormat::Parquet => parquet_sink(writer, &columns)?,
        };
        match collect_into(&sweep, arguments.samples, &mut Both { file, kept: arguments.fit.then_some(&mut kept) }) {
            Err(SweepError::Sink(error)) => Err(error),
            other => {
                let result = if other.is_ok() { Ok(()) } else { Err(std::io::Error::other("a result cannot be read")) };
                outcome = Some(other);
                result
            }
        }
    });
    // What went wrong with a result says more than that the table could not be written.
    let table = outcome.transpose()?.unwrap_or_default();
    written?;
    if arguments.fit {
        let mut text = Vec::new();
        let (keys, asked) = (&sweep.manifest.keys, sweep.file.fits());
        let (fits, probabilities) = (fit(&kept, keys, asked)?, recovery(&kept, keys, asked)?);
        if !fits.is_empty() || probabilities.is_empty() {
            write_fits(&fits, &mut text).map_err(CliError::Print)?;
        }
        if !probabilities.is_empty() {
            write_recovery(&probabilities, &mut text).map_err(CliError::Print)?;
        }
        print(&String::from_utf8_lossy(&text))?;
    }
    let mut notes = format!("{} rows in {}", table.rows, path.display());
    if table.failed > 0 {
        notes += &format!("; {} tasks failed", table.failed);
    }
    if table.missing > 0 {
        notes += &format!("; {} tasks have no result yet, go on with pgflow sweep run", table.missing);
    }
    let _ = writeln!(std::io::stderr(), "{notes}");
    Ok(if table.missing > 0 { exit::RESUMABLE } else { exit::DONE })
}
