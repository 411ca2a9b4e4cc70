//! A run's directory as data for figures.

use super::certify::{number, read_configuration, read_manifest, read_spectrum, read_trajectories, rebuild, wrong};
use super::error::CliError;
use crate::config::{Experiment, Form, Method};
use crate::dynamics::State;
use crate::linalg::{Form as Product, View, multiply, operator_norm, singular_values};
use crate::output::{COMPARISON, Manifest, SPECTRUM, Status, TRAJECTORIES};
use crate::problem::{Instance, initial_state};
use crate::report::{ComparisonData, Ending, ExactSpectrum, RunData, TrajectoryData};
use crate::simulation::{ComparisonRow, Outcome, RunRecord, TrajectoryRecord, fit_orders};
use crate::theory::{ClosedForm, Descent, imbalance_laws, predicted_escape_time};
use std::path::Path;

/// The most floating-point operations for which descents are repeated.
const REPEATED: f64 = 3e10;

/// Reads a run's directory; an interrupted run is read as far as it came. The instance is rebuilt, and must be the one that the manifest tells of.
pub(super) fn read(directory: &Path) -> Result<RunData, CliError> {
    let manifest = read_manifest(directory)?;
    let experiment = read_configuration(directory, &manifest)?;
    let trajectories = trajectories(directory, &experiment, &manifest)?;
    let built = rebuild(directory, &experiment, &manifest)?;
    let target = built.instance.target.as_ref();
    let rows = comparison_rows(&directory.join(COMPARISON))?;
    let mut run = RunData {
        name: manifest.name.clone(),
        interrupted: manifest.status == Status::Interrupted,
        target: target.map(|target| target.values.iter().copied().filter(|value| *value > 0.0).collect()).unwrap_or_default(),
        trajectories,
        comparisons: comparisons(&rows),
        orders: fit_orders(&record(&experiment, &manifest, rows)),
    };
    let mut starts = Vec::new();
    for (spec, trajectory) in experiment.trajectories.iter().zip(&mut run.trajectories) {
        let start = initial_state(&spec.init, experiment.width, &built.instance, built.factors.as_ref())?;
        trajectory.initial_norm = Some(operator_norm(View::of(start.matrix())));
        let predict = |target| predicted_escape_time(target, &start, spec.method.step_size());
        trajectory.predicted_escape = target.filter(|target| target.rank() > 0).and_then(predict).filter(|t| t.is_finite());
        if matches!(spec.method, Method::Flow(_) | Method::ClosedForm) {
            trajectory.exact = exact_spectrum(&built.instance, &start, &trajectory.t);
        }
        starts.push(start);
    }
    laws(&built.instance, &experiment, starts, &mut run.trajectories);
    Ok(run)
}

/// Repeats the gradient descents to sum the exact law of their imbalance, where that takes a few seconds at most.
fn laws(instance: &Instance, experiment: &Experiment, starts: Vec<State>, trajectories: &mut [TrajectoryData]) {
    let (mut descents, mut whose) = (Vec::new(), Vec::new());
    for (k, (spec, start)) in experiment.trajectories.iter().zip(starts).enumerate() {
        let Some(trajectory) = trajectories.get(k).filter(|trajectory| trajectory.points("imbalance_drift").is_some()) else { continue };
        let Method::GradientDescent { step } = spec.method else { continue };
        if !start.shape().is_symmetric() {
            let after = trajectory.t.iter().map(|t| (t / step).round() as u64).collect();
            descents.push(Descent { start, step_size: step, after });
            whose.push(k);
        }
    }
    let steps: u64 = descents.iter().filter_map(|descent| descent.after.last()).sum();
    if steps as f64 * instance.operator.cost(1).flops > REPEATED {
        return;
    }
    for (k, law) in whose.into_iter().zip(imbalance_laws(instance.operator.as_ref(), &instance.data, &descents)) {
        if let Some(trajectory) = trajectories.get_mut(k) {
            trajectory.imbalance_law = trajectory.t.iter().copied().zip(law).collect();
        }
    }
}

/// The singular values of the exact solution at given times; none where no closed form is known.
fn exact_spectrum(instance: &Instance, start: &State, times: &[f64]) -> ExactSpectrum {
    let Ok(solution) = ClosedForm::new(instance, start) else { return ExactSpectrum::new() };
    let at = |t: &f64| {
        let state = solution.evaluate(*t).ok()?;
        let right = if state.shape().is_symmetric() { state.left() } else { state.right() };
        let product = multiply(Product::RightTransposed, state.left(), right);
        Some((*t, singular_values(View::of(&product)).ok()?))
    };
    times.iter().filter_map(at).collect()
}

fn trajectories(directory: &Path, experiment: &Experiment, manifest: &Manifest) -> Result<Vec<TrajectoryData>, CliError> {
    let mut tables = read_trajectories(&directory.join(TRAJECTORIES))?;
    let mut spectra = read_spectrum(&directory.join(SPECTRUM))?;
    let all = experiment.trajectories.iter().map(|spec| {
        let (t, columns) = tables.remove(&spec.name).unwrap_or_default();
        let summary = manifest.trajectories.iter().find(|trajectory| trajectory.name == spec.name);
        let outcome = summary.and_then(|summary| summary.outcome.as_ref());
        let ending = outcome.map(|outcome| Ending { success: outcome.success, sentence: outcome.sentence.clone() });
        TrajectoryData {
            name: spec.name.clone(),
            method: summary.map(|summary| summary.method.clone()).unwrap_or_default(),
            step: spec.method.step_size(),
            ending: ending.unwrap_or_default(),
            conserves_imbalance: match &spec.method {
                Method::Flow(_) | Method::ClosedForm => true,
                Method::PerturbedFlow { perturbation, .. } => perturbation.form == Form::Shared,
                _ => false,
            },
            t,
            columns,
            spectrum: spectra.remove(&spec.name).unwrap_or_default(),
            ..TrajectoryData::default()
        }
    });
    Ok(all.collect())
}

/// As much of the run's record as the fit of orders looks at.
fn record(experiment: &Experiment, manifest: &Manifest, comparison: Vec<ComparisonRow>) -> RunRecord {
    let trajectory = |spec: &crate::config::TrajectorySpec| {
        let summary = manifest.trajectories.iter().find(|trajectory| trajectory.name == spec.name);
        let success = summary.and_then(|summary| summary.outcome.as_ref()).is_some_and(|outcome| outcome.success);
        TrajectoryRecord {
            name: spec.name.clone(),
            family: spec.family.clone(),
            method: summary.map(|summary| summary.method.clone()).unwrap_or_default(),
            step_size: spec.method.step_size(),
            modified_step: match spec.method {
                Method::ModifiedFlow { step, .. } => Some(step),
                _ => None,
            },
            init: format!("{:?}", spec.init),
            outcome: success.then_some(Outcome::Completed),
            ..TrajectoryRecord::default()
        }
    };
    RunRecord { trajectories: experiment.trajectories.iter().map(trajectory).collect(), comparison, ..RunRecord::default() }
}

/// `reference,trajectory,step,t,product_deviation,product_deviation_op,factor_deviation[,bound,bound_first_order]`.
fn comparison_rows(path: &Path) -> Result<Vec<ComparisonRow>, CliError> {
    let failed = |source| CliError::Table { path: path.to_owned(), source };
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    let header = reader.headers().map_err(failed)?.clone();
    let place = |name: &str| header.iter().position(|column| column == name);
    let places = ["reference", "trajectory", "t", "product_deviation", "product_deviation_op"].map(|name| place(name).ok_or(name));
    if let Some(missing) = places.iter().find_map(|place| place.err()) {
        return Err(wrong(path, format!("has no column {missing}; run it again with this version")));
    }
    let [reference, trajectory, t, product, operator] = places.map(Result::unwrap_or_default);
    let (factors, bound, first_order) = (place("factor_deviation"), place("bound"), place("bound_first_order"));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(failed)?;
        let cell = |j: usize| record.get(j).unwrap_or_default();
        let value = |j: Option<usize>| j.map_or(Ok(None), |j| number(path, cell(j)));
        rows.push(ComparisonRow {
            reference: cell(reference).to_owned(),
            trajectory: cell(trajectory).to_owned(),
            step: None,
            t: value(Some(t))?.ok_or_else(|| wrong(path, "has a row without a time"))?,
            product_deviation: value(Some(product))?.unwrap_or(f64::NAN),
            product_deviation_op: value(Some(operator))?.unwrap_or(f64::NAN),
            factor_deviation: value(factors)?,
            bound: value(bound)?,
            bound_first_order: value(first_order)?,
        });
    }
    Ok(rows)
}

fn comparisons(rows: &[ComparisonRow]) -> Vec<ComparisonData> {
    let mut all: Vec<ComparisonData> = Vec::new();
    for row in rows {
        let of = |known: &ComparisonData| (&known.reference, &known.trajectory) == (&row.reference, &row.trajectory);
        let known = match all.iter().position(of) {
            Some(k) => k,
            None => {
                let (reference, trajectory) = (row.reference.clone(), row.trajectory.clone());
                all.push(ComparisonData { reference, trajectory, ..ComparisonData::default() });
                all.len() - 1
            }
        };
        let comparison = &mut all[known];
        let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
        comparison.deviation.push((row.t, row.product_deviation));
        comparison.factors.push((row.t, or_nan(row.factor_deviation)));
        comparison.bound.push((row.t, or_nan(row.bound)));
        comparison.first_order.push((row.t, or_nan(row.bound_first_order)));
    }
    all
}
