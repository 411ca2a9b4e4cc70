//! Planning: every point resolved, named and priced; the manifest of a sweep.

use super::cost::{Cost, Costs};
use super::error::SweepError;
use crate::config::{ConfigError, Experiment, Parameter, Source, SweepFile};
use crate::output::{Digest, write_atomically};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The version of the manifest's fields.
pub const SWEEP_SCHEMA: u32 = 1;
/// The manifest of a sweep.
const MANIFEST: &str = "manifest.json";
/// The configuration of a sweep, as it was written.
pub const CONFIG: &str = "sweep.toml";
/// Most points whose errors are told.
const MOST_ERRORS: usize = 5;

/// A task: one point of the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// From 0, in the order of the grid.
    pub index: usize,
    /// SHA-256 of its resolved configuration.
    pub id: Digest,
    /// Number of its instance; tasks of one number share target, operator and data.
    pub instance: usize,
    /// What it will cost.
    pub cost: Cost,
    /// Its parameters, for people and scripts; this program takes them from the configuration.
    pub parameters: serde_json::Value,
}

/// `manifest.json` of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepManifest {
    /// [`SWEEP_SCHEMA`].
    pub schema_version: u32,
    /// Version of the program that planned it.
    pub pgflow_version: String,
    /// The experiments' name.
    pub name: String,
    /// SHA-256 of the configuration's text.
    pub config_hash: Digest,
    /// Where relative paths start.
    pub base: PathBuf,
    /// Overrides, in their order.
    pub overrides: Vec<String>,
    /// The axes.
    pub keys: Vec<String>,
    /// Columns that tasks record, each once.
    pub observables: Vec<String>,
    /// In the order of the grid.
    pub tasks: Vec<Task>,
}

/// A plan that is not written yet.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The manifest.
    pub manifest: SweepManifest,
    text: String,
}

/// A sweep on disk: its manifest and its points.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Its directory.
    pub directory: PathBuf,
    /// Its manifest.
    pub manifest: SweepManifest,
    /// Its points.
    pub file: SweepFile,
}

struct Planned {
    id: Digest,
    instance: Digest,
    cost: Cost,
    observables: Vec<String>,
    name: String,
}

/// What tells instances apart: target, operator, seeds, noise, factorisation.
fn instance_digest(experiment: &Experiment) -> Digest {
    Digest::of(format!("{:?} {:?}", experiment.problem, experiment.factorization))
}

fn plan_point(file: &SweepFile, costs: &Costs, index: usize) -> Result<Planned, SweepError> {
    let loaded = file.load(index)?;
    let experiment = &loaded.experiment;
    if experiment.record.stop.wall_seconds.is_some() {
        let reason = "record.stop.wall_seconds makes results depend on the machine; a sweep's must not: use record.stop.evaluations".into();
        return Err(SweepError::Point { index, point: file.describe(index), reason });
    }
    let problem = |source| SweepError::Problem { index, point: file.describe(index), source: Box::new(source) };
    Ok(Planned {
        id: Digest::of(&loaded.resolved),
        instance: instance_digest(experiment),
        cost: costs.of(experiment).map_err(problem)?,
        observables: experiment.record.observables.clone(),
        name: experiment.name.clone(),
    })
}

/// Plans a sweep: resolves every point, so that nothing runs unless all are valid.
///
/// # Errors
/// The first few points that are no valid experiments; two points that are the same experiment.
pub fn plan(source: Source<'_>, overrides: &[String], base_dir: &Path) -> Result<Plan, SweepError> {
    let file = SweepFile::parse(source, overrides, base_dir)?;
    let costs = Costs::default();
    let planned: Vec<_> = (0..file.len()).into_par_iter().map(|index| plan_point(&file, &costs, index)).collect();
    let planned = all_or_first_errors(planned)?;
    let (mut tasks, mut observables) = (Vec::with_capacity(planned.len()), Vec::<String>::new());
    let (mut instances, mut ids) = (HashMap::new(), HashMap::new());
    for (index, point) in planned.iter().enumerate() {
        if let Some(first) = ids.insert(point.id, index) {
            let other: &str = &file.describe(first);
            let reason =
                format!("is the same experiment as point {first} ({other}): an axis, or the seed that repeats move, changes nothing");
            return Err(SweepError::Point { index, point: file.describe(index), reason });
        }
        let next = instances.len();
        let instance = *instances.entry(point.instance).or_insert(next);
        let parameters: BTreeMap<&str, Parameter> = file.keys().into_iter().zip(file.parameters(index)).collect();
        let parameters = serde_json::to_value(parameters).unwrap_or_default();
        tasks.push(Task { index, id: point.id, instance, cost: point.cost, parameters });
        for name in &point.observables {
            if !observables.contains(name) {
                observables.push(name.clone());
            }
        }
    }
    let manifest = SweepManifest {
        schema_version: SWEEP_SCHEMA,
        pgflow_version: env!("CARGO_PKG_VERSION").into(),
        name: planned.first().map(|point| point.name.clone()).unwrap_or_default(),
        config_hash: Digest::of(source.text),
        base: file.base().to_owned(),
        overrides: overrides.to_vec(),
        keys: file.keys().into_iter().map(str::to_owned).collect(),
        observables,
        tasks,
    };
    Ok(Plan { manifest, text: source.text.to_owned() })
}

fn all_or_first_errors(planned: Vec<Result<Planned, SweepError>>) -> Result<Vec<Planned>, SweepError> {
    let (mut good, mut complaints, mut bad) = (Vec::with_capacity(planned.len()), Vec::new(), 0);
    for point in planned {
        match point {
            Ok(point) => good.push(point),
            Err(SweepError::Config(error)) => {
                bad += 1;
                if bad <= MOST_ERRORS {
                    complaints.extend(error.complaints);
                }
            }
            Err(other) => return Err(other),
        }
    }
    if bad == 0 { Ok(good) } else { Err(ConfigError { complaints }.into()) }
}

impl Plan {
    /// Writes the plan into a directory, which is made. One that holds the same sweep stays as it is; the results of another's that are
    /// points of this one too are kept and used.
    ///
    /// # Errors
    /// A directory that holds another sweep (unless `force`) or other files; writing.
    pub fn write(&self, directory: &Path, force: bool) -> Result<(), SweepError> {
        let refuse = |reason: &str| SweepError::Directory { path: directory.to_owned(), reason: reason.into() };
        let path = directory.join(MANIFEST);
        if path.exists() {
            let same = read_manifest(&path).is_ok_and(|known| known == self.manifest);
            if !same && !force {
                return Err(refuse(
                    "holds another sweep or other results; choose another directory with --out, or plan anew there with --force, which keeps \
                     the results of points that stay",
                ));
            }
        } else if !force && std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(refuse("holds files that are no sweep; choose another directory with --out, or plan among them with --force"));
        }
        let results = directory.join(super::store::RESULTS);
        std::fs::create_dir_all(&results).map_err(|source| SweepError::Read { path: results, source })?;
        write_atomically(&directory.join(CONFIG), |writer| writer.write_all(self.text.as_bytes()))?;
        write_atomically(&path, |writer| {
            serde_json::to_writer(&mut *writer, &self.manifest)?;
            writer.write_all(b"\n")
        })?;
        Ok(())
    }
}

fn read_manifest(path: &Path) -> Result<SweepManifest, SweepError> {
    let bytes = std::fs::read(path).map_err(|source| SweepError::Read { path: path.to_owned(), source })?;
    let wrong = |reason: String| SweepError::Directory { path: path.to_owned(), reason };
    let manifest: SweepManifest = serde_json::from_slice(&bytes).map_err(|error| {
        wrong(format!("is not the manifest of a sweep that this version reads ({error}); `pgflow sweep plan` writes one"))
    })?;
    if manifest.schema_version != SWEEP_SCHEMA {
        return Err(wrong(format!("is of schema version {}, this program's is {SWEEP_SCHEMA}; plan anew", manifest.schema_version)));
    }
    Ok(manifest)
}

impl Sweep {
    /// Opens a directory that was planned.
    ///
    /// # Errors
    /// Files that are missing, damaged, or do not belong together.
    pub fn open(directory: &Path) -> Result<Self, SweepError> {
        let manifest = read_manifest(&directory.join(MANIFEST))?;
        let path = directory.join(CONFIG);
        let text = std::fs::read_to_string(&path).map_err(|source| SweepError::Read { path: path.clone(), source })?;
        let wrong = |reason: &str| SweepError::Directory { path: path.clone(), reason: reason.into() };
        if Digest::of(&text) != manifest.config_hash {
            return Err(wrong("is not the configuration that was planned; put the original back, or plan anew"));
        }
        let name = path.display().to_string();
        let file = SweepFile::parse(Source { name: &name, text: &text }, &manifest.overrides, &manifest.base)?;
        if file.len() != manifest.tasks.len() || manifest.tasks.iter().enumerate().any(|(index, task)| task.index != index) {
            return Err(wrong("has other points than the manifest; plan anew"));
        }
        Ok(Sweep { directory: directory.to_owned(), manifest, file })
    }

    /// The experiment of a task.
    ///
    /// # Errors
    /// If it is not the one that was planned (by another version, say).
    pub fn experiment(&self, task: &Task) -> Result<Experiment, SweepError> {
        let loaded = self.file.load(task.index)?;
        if Digest::of(&loaded.resolved) != task.id {
            let reason = "resolves to another experiment than when it was planned (by another version of pgflow?); plan anew".into();
            return Err(SweepError::Point { index: task.index, point: self.file.describe(task.index), reason });
        }
        Ok(loaded.experiment)
    }
}
