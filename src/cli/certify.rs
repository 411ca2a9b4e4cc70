//! `pgflow certify`: the theorems' hypotheses and conclusions beside what a run measured.

use super::arguments::CertifyArguments;
use super::error::CliError;
use super::{certificate_text, exit, print};
use crate::config::{self, Experiment, Source};
use crate::linalg::{View, operator_norm, singular_values};
use crate::output::{CONFIG, Digest, InstanceSummary, MANIFEST, Manifest, SPECTRUM, Status, TRAJECTORIES};
use crate::problem::{BuiltProblem, Target, build_instance, initial_state};
use crate::sensing::{RipLowerBound, RipSearch, rip_lower_bounds};
use crate::theory::certificate::{DISCLAIMER, Evidence, InstanceEvidence, TrajectoryEvidence, certificate, rip_orders};
use crate::theory::{predicted_escape_time, signal};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// What a certificate is printed from.
pub struct Finished {
    pub manifest: Manifest,
    pub evidence: Evidence,
    pub rip: Vec<RipLowerBound>,
}

pub fn run(arguments: &CertifyArguments) -> Result<i32, CliError> {
    let finished = read(&arguments.directory)?;
    let tables = certificate(&finished.evidence);
    if arguments.json {
        let instance = &finished.evidence.instance;
        let rip: Vec<_> = finished
            .rip
            .iter()
            .map(|bound| {
                json!({ "order": bound.order, "lower_bound": bound.value, "quotient": bound.quotient, "restarts": bound.restarts, "passes": bound.passes })
            })
            .collect();
        let json = json!({
            "name": finished.manifest.name,
            "directory": arguments.directory.display().to_string(),
            "disclaimer": DISCLAIMER,
            "instance": {
                "rows": instance.rows, "cols": instance.cols, "rank": instance.rank, "width": instance.width,
                "sigma_1": instance.sigma_1, "sigma_r": instance.sigma_r, "condition_number": instance.condition_number(),
                "measurements": instance.measurements, "ensemble": finished.manifest.instance.ensemble,
            },
            "rip_lower_bounds": rip,
            "papers": tables,
        });
        print(&format!("{json:#}\n"))?;
    } else {
        print(&certificate_text::text(&finished, &tables))?;
    }
    Ok(exit::DONE)
}

pub(super) fn wrong(path: &Path, reason: impl Into<String>) -> CliError {
    CliError::Run { path: path.to_owned(), reason: reason.into() }
}

pub(super) fn read_manifest(directory: &Path) -> Result<Manifest, CliError> {
    let path = directory.join(MANIFEST);
    let text = std::fs::read(&path).map_err(|source| CliError::Read { path: path.clone(), source })?;
    serde_json::from_slice(&text).map_err(|error| wrong(&path, format!("is not a manifest that this version reads: {error}")))
}

/// The experiment of a run, whose configuration must be the one that the manifest tells of.
pub(super) fn read_configuration(directory: &Path, manifest: &Manifest) -> Result<Experiment, CliError> {
    let path = directory.join(CONFIG);
    let text = std::fs::read_to_string(&path).map_err(|source| CliError::Read { path: path.clone(), source })?;
    if Digest::of(&text) != manifest.config_hash {
        return Err(wrong(&path, "is not the configuration that the manifest tells of; run it again, or put the original back"));
    }
    let name = path.display().to_string();
    Ok(config::load(Source { name: &name, text: &text }, &[], directory)?.experiment)
}

/// The instance of a run, which must be the one that the manifest tells of.
pub(super) fn rebuild(directory: &Path, experiment: &Experiment, manifest: &Manifest) -> Result<BuiltProblem, CliError> {
    let built = build_instance(experiment)?;
    let rebuilt = InstanceSummary::new(&built.instance, built.kind.label());
    if (rebuilt.data_sha256, rebuilt.target_sha256) != (manifest.instance.data_sha256, manifest.instance.target_sha256) {
        return Err(wrong(
            directory,
            "the instance that its configuration makes now has other numbers than the run's; run it again with this version",
        ));
    }
    Ok(built)
}

/// Reads a run's directory and rebuilds its instance, which must be the one that the manifest tells of.
pub(super) fn read(directory: &Path) -> Result<Finished, CliError> {
    let manifest = read_manifest(directory)?;
    if manifest.status != Status::Completed {
        return Err(wrong(directory, "the run was interrupted; go on with pgflow run --resume before certifying it"));
    }
    let experiment = read_configuration(directory, &manifest)?;
    let built = rebuild(directory, &experiment, &manifest)?;
    let Some(target) = built.instance.target.as_ref().filter(|target| target.rank() > 0) else {
        return Err(wrong(directory, "the run has no target of positive rank, and every hypothesis is about the target"));
    };
    let (instance, rip) = instance_evidence(&experiment, &built, target);
    let trajectories = trajectory_evidence(directory, &experiment, &built, target)?;
    Ok(Finished { manifest, evidence: Evidence { instance, trajectories }, rip })
}

fn instance_evidence(experiment: &Experiment, built: &BuiltProblem, target: &Target) -> (InstanceEvidence, Vec<RipLowerBound>) {
    let operator = built.instance.operator.as_ref();
    let (rows, cols) = operator.shape();
    let rank = target.rank();
    let orders = rip_orders(rank);
    let search = RipSearch { seed: experiment.seed, restarts: 4, passes: 80, tolerance: 1e-4 };
    let rip = rip_lower_bounds(operator, &orders, &search);
    let width = experiment.width.or(built.factors.as_ref().map(|factors| factors.width())).unwrap_or(0);
    let noise = built.instance.noise_adjoint.as_ref();
    let evidence = InstanceEvidence {
        rows,
        cols,
        rank,
        sigma_1: target.values.first().copied().unwrap_or(0.0),
        sigma_r: target.values.last().copied().unwrap_or(0.0),
        measurements: operator.measurements(),
        full_observation: built.kind.label() == "identity",
        noisy: noise.map(|noise| noise.iter().any(|x| *x != 0.0)),
        width,
        symmetric: operator.is_symmetric(),
        rip: orders.iter().zip(&rip).map(|(order, bound)| (*order, bound.value)).collect(),
    };
    (evidence, rip)
}

fn trajectory_evidence(
    directory: &Path,
    experiment: &Experiment,
    built: &BuiltProblem,
    target: &Target,
) -> Result<Vec<TrajectoryEvidence>, CliError> {
    let mut tables = read_trajectories(&directory.join(TRAJECTORIES))?;
    let mut spectra = read_spectrum(&directory.join(SPECTRUM))?;
    let mut evidence = Vec::new();
    for spec in &experiment.trajectories {
        let start = initial_state(&spec.init, experiment.width, &built.instance, built.factors.as_ref())?;
        let (t, columns) = tables.remove(&spec.name).unwrap_or_default();
        let growing = signal(target, &start) * 2.0;
        let values = singular_values(&growing).unwrap_or_default();
        let step = spec.method.step_size();
        evidence.push(TrajectoryEvidence {
            name: spec.name.clone(),
            method: spec.method.clone(),
            init: spec.init,
            initial_norm: operator_norm(View::of(start.matrix())),
            initial_signal: values.get(target.rank() - 1).copied().unwrap_or(0.0),
            predicted_escape: predicted_escape_time(target, &start, step).filter(|t| t.is_finite()),
            t,
            columns,
            spectrum: spectra.remove(&spec.name).unwrap_or_default(),
        });
    }
    match evidence.iter().find(|trajectory| trajectory.t.is_empty()) {
        Some(trajectory) => Err(wrong(directory, format!("{TRAJECTORIES} has no row of trajectory \"{}\"; run it again", trajectory.name))),
        None => Ok(evidence),
    }
}

pub(super) type Columns = BTreeMap<String, Vec<Option<f64>>>;
pub(super) type Spectra = BTreeMap<String, Vec<(f64, Vec<f64>)>>;

/// `trajectory,step,t,<observables>`: times and columns by trajectory. A cell that is empty or not finite is `None`.
pub(super) fn read_trajectories(path: &Path) -> Result<BTreeMap<String, (Vec<f64>, Columns)>, CliError> {
    let failed = |source| CliError::Table { path: path.to_owned(), source };
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    let header: Vec<String> = reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
    if header.get(..3).is_none_or(|first| first != ["trajectory", "step", "t"]) {
        return Err(wrong(path, "does not begin with the columns trajectory,step,t"));
    }
    let mut tables: BTreeMap<String, (Vec<f64>, Columns)> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(failed)?;
        let cell = |j: usize| record.get(j).unwrap_or_default();
        let (times, columns) = tables.entry(cell(0).to_owned()).or_default();
        times.push(number(path, cell(2))?.ok_or_else(|| wrong(path, "has a row without a time"))?);
        for (j, name) in header.iter().enumerate().skip(3) {
            columns.entry(name.clone()).or_default().push(number(path, cell(j))?.filter(|x| x.is_finite()));
        }
    }
    Ok(tables)
}

/// `trajectory,step,t,index,singular_value`: times and values by trajectory.
pub(super) fn read_spectrum(path: &Path) -> Result<Spectra, CliError> {
    let failed = |source| CliError::Table { path: path.to_owned(), source };
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    let mut spectra = Spectra::new();
    for record in reader.records() {
        let record = record.map_err(failed)?;
        let cell = |j: usize| record.get(j).unwrap_or_default();
        let (Some(t), Some(value)) = (number(path, cell(2))?, number(path, cell(4))?) else {
            return Err(wrong(path, "has a row without a time or a value"));
        };
        let spectrum = spectra.entry(cell(0).to_owned()).or_default();
        match spectrum.last_mut() {
            // Index 1 begins the next sample.
            Some((_, values)) if cell(3) != "1" => values.push(value),
            _ => spectrum.push((t, vec![value])),
        }
    }
    Ok(spectra)
}

pub(super) fn number(path: &Path, cell: &str) -> Result<Option<f64>, CliError> {
    if cell.is_empty() {
        return Ok(None);
    }
    cell.parse().map(Some).map_err(|_| wrong(path, format!("has the cell {cell:?} where a number belongs")))
}
