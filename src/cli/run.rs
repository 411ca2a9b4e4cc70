//! `pgflow run`: an experiment from its configuration to its tables.

use super::arguments::RunArguments;
use super::error::CliError;
use super::interrupt::Interrupt;
use super::monitor::Attendant;
use super::summary::Summary;
use super::{exit, experiment, print, report};
use crate::config::{Experiment, Loaded, Problem};
use crate::dynamics::State;
use crate::output::{
    CHECKPOINT, CONFIG, Digest, Existing, InstanceSummary, MANIFEST, Manifest, RunDescription, RunDirectory, Status, default_directory,
    load_checkpoint, save_checkpoint, write_atomically, write_manifest,
};
use crate::problem::{BuiltProblem, build_instance, initial_state};
use crate::simulation::{End, RunRecord, SavedRun, Simulation};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub fn run(arguments: &RunArguments) -> Result<i32, CliError> {
    let interrupt = Interrupt::install().map_err(|error| CliError::System { what: "signal handlers", reason: error.to_string() })?;
    let loaded = experiment::load(&arguments.experiment)?;
    let (pool, threads) = pool(arguments.threads)?;
    pool.install(|| Session::new(arguments, &loaded, interrupt, threads).run())
}

/// A pool of as many threads as were asked for, or as there are cores; and their number.
pub(super) fn pool(asked: Option<u16>) -> Result<(rayon::ThreadPool, usize), CliError> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = asked.map_or_else(cores, usize::from);
    let built = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    Ok((built.map_err(|error| CliError::System { what: "threads", reason: error.to_string() })?, threads))
}

/// One run, with what all its parts need.
struct Session<'a> {
    arguments: &'a RunArguments,
    loaded: &'a Loaded,
    experiment: &'a Experiment,
    interrupt: Interrupt,
    configuration: Digest,
    threads: usize,
    started: Instant,
}

impl<'a> Session<'a> {
    fn new(arguments: &'a RunArguments, loaded: &'a Loaded, interrupt: Interrupt, threads: usize) -> Self {
        let configuration = Digest::of(&loaded.resolved);
        Session { arguments, loaded, experiment: &loaded.experiment, interrupt, configuration, threads, started: Instant::now() }
    }

    fn log(&self, message: impl FnOnce() -> String) {
        if self.arguments.verbose {
            let _ = writeln!(std::io::stderr(), "[{:8.3} s] {}", self.started.elapsed().as_secs_f64(), message());
        }
    }

    fn run(&self) -> Result<i32, CliError> {
        if let Some(code) = self.already_finished()? {
            return Ok(code);
        }
        let built = build_instance(self.experiment)?;
        self.log(|| describe(&built));
        let directory = self.prepare()?;
        let mut simulation = Simulation::new(self.experiment, &built.instance, self.starts(&built)?)?;
        let checkpoint = directory.file(CHECKPOINT);
        if self.arguments.resume && checkpoint.exists() {
            simulation.restore(load_checkpoint::<SavedRun>(&checkpoint, &self.configuration)?)?;
            self.log(|| format!("going on from {}", checkpoint.display()));
        }
        let store = |saved: SavedRun| match save_checkpoint(&checkpoint, &self.configuration, &saved) {
            Ok(()) => self.log(|| format!("checkpoint in {}", checkpoint.display())),
            // The run is worth more than the checkpoint: it goes on.
            Err(error) => drop(writeln!(std::io::stderr(), "warning: {error}")),
        };
        let attendant = Attendant::new(self.interrupt.clone(), self.arguments.quiet, &store);
        let end = simulation.run(&attendant);
        attendant.finish();
        if let End::Interrupted(saved) = &end {
            save_checkpoint(&checkpoint, &self.configuration, saved)?;
        }
        let record = simulation.record();
        self.write(&directory, &built, &simulation, &record, matches!(end, End::Interrupted(_)))?;
        // Who interrupts a run does not wait for its report: that comes when it is resumed.
        let interrupted = matches!(end, End::Interrupted(_));
        let page = if self.arguments.report && !interrupted { Some(report::figures_and_page(directory.path())?) } else { None };
        self.report(&record, &directory, page.as_deref())?;
        if interrupted && !self.arguments.quiet {
            let _ = writeln!(std::io::stderr(), "interrupted: the same command with --resume goes on from here, to the same bytes");
        }
        Ok(match end {
            End::Interrupted(_) => exit::RESUMABLE,
            End::Finished if Summary::new(&record).is_success() => exit::DONE,
            End::Finished => exit::FAILED,
        })
    }

    fn path(&self) -> PathBuf {
        self.arguments.out.clone().unwrap_or_else(|| default_directory(&self.experiment.name))
    }

    /// With `--resume`: the exit code of a run of this configuration that has come to its end, if the directory holds one.
    fn already_finished(&self) -> Result<Option<i32>, CliError> {
        let path = self.path().join(MANIFEST);
        if !self.arguments.resume || !path.exists() {
            return Ok(None);
        }
        let manifest = Manifest::read(&path)?;
        if manifest.config_hash != self.configuration || manifest.status != Status::Completed {
            return Ok(None);
        }
        let page = if self.arguments.report { Some(report::figures_and_page(&self.path())?) } else { None };
        if self.arguments.json {
            let (directory, page) = (self.path().display().to_string(), page.map(|page| page.display().to_string()));
            let json = serde_json::json!({ "name": manifest.name, "directory": directory, "finished_already": true, "report": page });
            print(&format!("{json:#}\n"))?;
        } else if !self.arguments.quiet {
            let page = page.map(|page| format!("report in {}\n", page.display())).unwrap_or_default();
            print(&format!("{} has finished already\n{page}", self.path().display()))?;
        }
        Ok(Some(if manifest.is_success() { exit::DONE } else { exit::FAILED }))
    }

    fn prepare(&self) -> Result<RunDirectory, CliError> {
        let path = self.path();
        let existing = match (self.arguments.force, self.arguments.resume) {
            (true, _) => Existing::Replace,
            (false, true) => Existing::Resume,
            (false, false) => Existing::Protect,
        };
        Ok(RunDirectory::prepare(&path, &self.configuration, existing)?)
    }

    fn starts(&self, built: &BuiltProblem) -> Result<Vec<State>, CliError> {
        let start = |init| initial_state(init, self.experiment.width, &built.instance, built.factors.as_ref());
        let states: Result<Vec<State>, _> = self.experiment.trajectories.iter().map(|trajectory| start(&trajectory.init)).collect();
        Ok(states?)
    }

    /// The configuration first, which tells whose results these are; the manifest last: whoever finds one finds all that it tells of.
    fn write(
        &self,
        directory: &RunDirectory,
        built: &BuiltProblem,
        simulation: &Simulation<'_>,
        record: &RunRecord,
        interrupted: bool,
    ) -> Result<(), CliError> {
        write_atomically(&directory.file(CONFIG), |writer| writer.write_all(self.loaded.resolved.as_bytes()))?;
        directory.write_record(record)?;
        let description = RunDescription {
            name: self.experiment.name.clone(),
            config_hash: self.configuration,
            seed: self.experiment.seed,
            threads: self.threads,
        };
        let ensemble = match &self.experiment.problem {
            Problem::Generated { sensing, .. } => sensing.ensemble.name(),
            Problem::File(_) => built.kind.label(),
        };
        let instance = InstanceSummary::new(&built.instance, ensemble);
        let seconds = self.started.elapsed().as_secs_f64();
        let mut manifest = Manifest::new(&description, instance, record, seconds).with_seconds(simulation.seconds_to_end());
        if interrupted {
            // Also where every trajectory has ended and a cross-check was interrupted.
            manifest.status = Status::Interrupted;
        }
        write_manifest(&directory.file(MANIFEST), &manifest)?;
        if !interrupted {
            directory.remove_checkpoint()?;
        }
        Ok(())
    }

    fn report(&self, record: &RunRecord, directory: &RunDirectory, page: Option<&Path>) -> Result<(), CliError> {
        let summary = Summary::new(record);
        let seconds = self.started.elapsed().as_secs_f64();
        if self.arguments.json {
            let mut json = summary.json();
            json["name"] = self.experiment.name.clone().into();
            json["directory"] = directory.path().display().to_string().into();
            json["seconds"] = seconds.into();
            json["report"] = page.map(|page| page.display().to_string()).into();
            return print(&format!("{json:#}\n"));
        }
        if self.arguments.quiet {
            return Ok(());
        }
        let page = page.map(|page| format!("report in {}\n", page.display())).unwrap_or_default();
        print(&format!("{}results in {} ({seconds:.2} s)\n{page}", summary.text(), directory.path().display()))
    }
}

fn describe(built: &BuiltProblem) -> String {
    let operator = built.instance.operator.as_ref();
    let (rows, cols) = operator.shape();
    let rank = built.instance.target.as_ref().map_or_else(|| "unknown rank".into(), |target| format!("rank {}", target.rank()));
    format!("instance: {rows}×{cols}, {rank}, {} measurements, operator of {} bytes", operator.measurements(), operator.storage_bytes())
}
