//! The command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// A laboratory for perturbed gradient flow in low-rank matrix sensing.
#[derive(Debug, Parser)]
#[command(
    name = "pgflow",
    version,
    about,
    max_term_width = 110,
    after_help = "Exit codes: 0 done · 1 a trajectory diverged, failed or hit a limit, or a cross-check exceeded its tolerance\n2 usage or configuration · 3 input/output · 75 interrupted, can be resumed · 130 interrupted, cannot"
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment: flows and descents in lockstep on one instance
    Run(RunArguments),
    /// Validate a configuration; print it resolved, and what it will cost
    Check(CheckArguments),
    /// Write an experiment's instance as arrays (.npz), for NumPy
    Instance(InstanceArguments),
    /// Hold a finished run against the theorems: hypotheses and conclusions beside what was measured
    Certify(CertifyArguments),
    /// Sweeps: grids of experiments, planned, run in shards, collected into one table
    #[command(subcommand)]
    Sweep(super::sweep::SweepCommand),
    /// Draw the figures of a run or a sweep, as SVG and PNG (needs the feature `raster`, on by default), into its folder `figures`
    Plot(PlotArguments),
    /// Write a run or a sweep as one page, report.html: outcome, figures to explore, certificate; it needs no network
    Report(ReportArguments),
    /// Print a commented starter configuration
    New {
        /// Which one: starter (every key, commented), minimal, or photo (a target from a file)
        #[arg(default_value = "starter")]
        template: String,
    },
    /// Print the JSON schema of the configuration file
    Schema,
    /// Print a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

/// Which experiment.
#[derive(Debug, Args)]
pub struct ConfigArguments {
    /// The experiment (TOML); `-` reads it from standard input
    #[arg(value_name = "CONFIG")]
    pub config: PathBuf,
    /// Override a key, e.g. `init.gaussian.scale=1e-6` or `trajectory[gd].gradient_descent.step=[0.1,0.2]`; repeatable
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    pub set: Vec<String>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The experiment.
    #[command(flatten)]
    pub experiment: ConfigArguments,
    /// Where the results go [default: runs/<name>]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Threads, 1 to 512 [default: all cores]; no digit of the results depends on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub threads: Option<u16>,
    /// Replace results of another configuration in the output directory
    #[arg(long, conflicts_with = "resume")]
    pub force: bool,
    /// Go on from where an interrupted run stopped, to the same bytes
    #[arg(long)]
    pub resume: bool,
    /// Draw the figures (figures/) and write the page (report.html) at the end, as `pgflow plot` and `pgflow report` do
    #[arg(long)]
    pub report: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log what is done
    #[arg(short, long)]
    pub verbose: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The experiment.
    #[command(flatten)]
    pub experiment: ConfigArguments,
    /// Rehearse it on this machine for a moment, and say how long the run will take
    #[arg(long)]
    pub calibrate: bool,
    /// Threads of the run that is to be predicted, 1 to 512 [default: all cores]
    #[arg(long, value_name = "N", requires = "calibrate", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub threads: Option<u16>,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `instance`.
#[derive(Debug, Args)]
pub struct InstanceArguments {
    /// The experiment.
    #[command(flatten)]
    pub experiment: ConfigArguments,
    /// The file to write
    #[arg(short, long, value_name = "X.npz")]
    pub out: PathBuf,
    /// Write every measurement matrix, even where the ensemble is structured
    #[arg(long)]
    pub dense: bool,
}

/// Arguments of `certify`.
#[derive(Debug, Args)]
pub struct CertifyArguments {
    /// The directory of a finished run
    #[arg(value_name = "RUN_DIR")]
    pub directory: PathBuf,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `plot`.
#[derive(Debug, Args)]
pub struct PlotArguments {
    /// The directory of a run or of a sweep
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Write each figure's exact data too: a CSV file, and a pgfplots document that draws it
    #[arg(long)]
    pub data: bool,
    /// Draw spectrum, signal, angles and perturbation of this trajectory; repeatable [default: the first flow and the first descent]
    #[arg(long, value_name = "NAME")]
    pub trajectory: Vec<String>,
    /// In a sweep: the final error up to which a run counts as recovered
    #[arg(long, value_name = "ERROR", default_value_t = 1e-2, value_parser = positive)]
    pub recovered: f64,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("use a number above 0".into()),
    }
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// The directory of a run, or of a sweep
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// The file to write [default: DIR/report.html]
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Draw spectrum, signal, angles and perturbation of this trajectory; repeatable [default: the first flow and the first descent]
    #[arg(long, value_name = "NAME")]
    pub trajectory: Vec<String>,
    /// In a sweep: the final error up to which a run counts as recovered
    #[arg(long, value_name = "ERROR", default_value_t = 1e-2, value_parser = positive)]
    pub recovered: f64,
}
