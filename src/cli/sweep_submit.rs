//! `pgflow sweep submit`: the scripts for Slurm, and their submission.

use super::error::CliError;
use super::{exit, print};
use crate::output::write_atomically;
use crate::sweep::{SlurmOptions, Sweep, sbatch_script};
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Megabytes that a shard is given beyond its largest instance.
const SPARE_MEGABYTES: u64 = 512;

/// Arguments of `sweep submit`.
#[derive(Debug, Args)]
pub struct SubmitArguments {
    /// The directory of a planned sweep
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Submit to Slurm
    #[arg(long, required = true)]
    pub slurm: bool,
    /// Write and show the scripts, submit nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Tasks of the array
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=10000))]
    pub shards: u16,
    /// Cores a shard
    #[arg(long, value_name = "J", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: u16,
    /// Most time of a shard, in Slurm's notation
    #[arg(long, value_name = "TIME", default_value = "04:00:00", value_parser = word)]
    pub time: String,
    /// Partition [default: the cluster's]
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub partition: Option<String>,
}

/// Letters, digits and a few marks: what goes into a script unquoted.
fn word(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-:.".contains(c));
    if fits { Ok(text.to_owned()) } else { Err("use letters, digits, _, -, : and . alone".into()) }
}

pub fn submit(arguments: &SubmitArguments) -> Result<i32, CliError> {
    let sweep = Sweep::open(&arguments.directory)?;
    let failed = |source| CliError::Read { path: arguments.directory.clone(), source };
    let directory = std::path::absolute(&arguments.directory).map_err(failed)?;
    if directory.display().to_string().contains(['\n', ' ']) {
        let reason = "has a blank in its path, which Slurm's scripts cannot have; choose another directory".into();
        return Err(CliError::Run { path: directory, reason });
    }
    let program = std::env::current_exe().map_err(failed)?;
    let tasks = &sweep.manifest.tasks;
    let bytes = tasks.iter().map(|task| task.cost.instance_bytes + 64 * task.cost.state_bytes).max().unwrap_or(0);
    let table = directory.join("collected.csv");
    let options = SlurmOptions {
        name: &sweep.manifest.name,
        program: &program,
        directory: &directory,
        shards: usize::from(arguments.shards).min(tasks.len().max(1)),
        cores: usize::from(arguments.jobs),
        time: &arguments.time,
        megabytes: SPARE_MEGABYTES + bytes.saturating_mul(u64::from(arguments.jobs)) / 1_000_000,
        partition: arguments.partition.as_deref(),
        collect: None,
    };
    let (array, collector) = (directory.join("array.sbatch"), directory.join("collect.sbatch"));
    for (path, options) in [(&array, options.clone()), (&collector, SlurmOptions { collect: Some(&table), ..options })] {
        let script = sbatch_script(&options);
        write_atomically(path, |writer| writer.write_all(script.as_bytes()))?;
        print(&format!("# {}\n{script}\n", path.display()))?;
    }
    if arguments.dry_run {
        return Ok(exit::DONE);
    }
    let job = sbatch(&[array.as_os_str()], &array)?;
    let dependency = format!("--dependency=afterany:{job}");
    let last = sbatch(&[dependency.as_ref(), collector.as_os_str()], &collector)?;
    print(&format!("submitted: array {job}, collector {last}\n"))?;
    Ok(exit::DONE)
}

/// Submits a script; returns the job's number.
fn sbatch(arguments: &[&std::ffi::OsStr], script: &Path) -> Result<String, CliError> {
    let failed = |reason: String| CliError::System { what: "sbatch", reason };
    let output = Command::new("sbatch").arg("--parsable").args(arguments).output();
    let output = output.map_err(|error| failed(format!("it cannot be started ({error}); the scripts are written, submit them by hand")))?;
    if !output.status.success() {
        return Err(failed(format!("{}: {}", script.display(), String::from_utf8_lossy(&output.stderr).trim())));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // JOB, or JOB;CLUSTER.
    Ok(text.trim().split(';').next().unwrap_or_default().to_owned())
}
