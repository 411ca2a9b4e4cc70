//! `pgflow report`: a run or a sweep as one page.

use super::arguments::ReportArguments;
use super::certify::{read_configuration, read_manifest};
use super::error::CliError;
use super::{certificate_text, certify, exit, plot, print, report_sweep, run_data, singular_vectors};
use crate::config::{Experiment, Problem};
use crate::output::{Manifest, REPORT, Status, TrajectorySummary, write_atomically};
use crate::problem::{build_target, read_instance};
use crate::report::page::{Cell, Certificate, Remark, Report, Table, page};
use crate::report::{Outcome, RunData, Selection, TrajectoryData, figures, sentence};
use crate::simulation::OrderFit;
use crate::sweep::SWEEP_CONFIG;
use crate::theory::certificate::{DISCLAIMER, certificate};
use std::io::Write;
use std::path::{Path, PathBuf};

pub fn run(arguments: &ReportArguments) -> Result<i32, CliError> {
    let directory = &arguments.directory;
    let path = arguments.out.clone().unwrap_or_else(|| directory.join(REPORT));
    if directory.join(SWEEP_CONFIG).exists() {
        plot::refuse_selection(directory, &arguments.trajectory)?;
        report_sweep::write(directory, &path, arguments.recovered)?;
    } else {
        let run = run_data::read(directory)?;
        let selection = plot::selection(&run, &arguments.trajectory, directory)?;
        write(directory, &path, &run, &figures(&run, &selection))?;
    }
    print(&format!("{}\n", path.display()))?;
    Ok(exit::DONE)
}

/// Figures and page of a run that has just been written; returns where the page is.
pub(super) fn figures_and_page(directory: &Path) -> Result<PathBuf, CliError> {
    let run = run_data::read(directory)?;
    let figures = figures(&run, &Selection::First);
    plot::write_figures(directory, &figures, false)?;
    let path = directory.join(REPORT);
    write(directory, &path, &run, &figures)?;
    Ok(path)
}

fn write(directory: &Path, path: &Path, run: &RunData, figures: &[Outcome]) -> Result<(), CliError> {
    let manifest = read_manifest(directory)?;
    let experiment = read_configuration(directory, &manifest)?;
    let names: Vec<&str> = run.trajectories.iter().map(|trajectory| trajectory.name.as_str()).collect();
    let vectors = singular_vectors::read(directory, &names, run.target.len())?;
    let space = if vectors.is_empty() { None } else { target_space(&experiment)? };
    let report = Report {
        name: manifest.name.clone(),
        sentence: sentence(&experiment, &manifest, &run.target),
        facts: facts(&manifest),
        alert: (manifest.status == Status::Interrupted)
            .then(|| "This run was interrupted: what follows ends where it was stopped. pgflow run --resume goes on.".into()),
        heading: "Outcome",
        outcomes: outcomes(&manifest, run),
        remarks: remarks(&manifest, run),
        certificate: Some(theorems(directory, &manifest)?),
        figures,
        run: Some(run),
        vectors,
        space,
    };
    let text = page(&report);
    Ok(write_atomically(path, |writer| writer.write_all(text.as_bytes()))?)
}

/// The certificate, or why there is none. A run without what certificates are about has a report all the same.
fn theorems(directory: &Path, manifest: &Manifest) -> Result<Result<Certificate, String>, CliError> {
    if manifest.status == Status::Interrupted {
        return Ok(Err("the run was interrupted.".into()));
    }
    match certify::read(directory) {
        Ok(finished) => Ok(Ok(Certificate {
            instance: certificate_text::instance_line(&finished),
            disclaimer: DISCLAIMER,
            rip: certificate_text::rip_lines(&finished),
            theorems: certificate(&finished.evidence),
        })),
        Err(CliError::Run { reason, .. }) => Ok(Err(format!("{reason}."))),
        Err(error) => Err(error),
    }
}

/// `U_Y`, `V_Y`, if the target is known.
fn target_space(experiment: &Experiment) -> Result<Option<(crate::linalg::Matrix, crate::linalg::Matrix)>, CliError> {
    let target = match &experiment.problem {
        Problem::Generated { target, .. } => Some(build_target(target)?),
        Problem::File(path) => read_instance(path)?.into_problem(path, experiment.factorization)?.instance.target,
    };
    Ok(target.filter(|target| target.rank() > 0).map(|target| (target.left, target.right)))
}

fn facts(manifest: &Manifest) -> Vec<String> {
    let commit =
        manifest.git_commit.as_ref().map(|commit| format!(" ({})", commit.chars().take(12).collect::<String>())).unwrap_or_default();
    vec![
        format!("pgflow {}{commit}", manifest.pgflow_version),
        format!("seed {}", manifest.seed),
        format!("configuration {}", manifest.config_hash.short()),
        manifest.platform.clone(),
    ]
}

fn number(value: Option<f64>) -> Cell {
    Cell::number(value.map_or_else(|| "–".into(), |value| format!("{value:.3e}")))
}

/// What `pgflow run` prints.
fn outcomes(manifest: &Manifest, run: &RunData) -> Table {
    let texts = ["trajectory", "outcome"].map(Cell::text);
    let numbers = ["t", "steps", "evaluations", "operator passes", "relative error", "imbalance drift", "sup deviation"].map(Cell::number);
    let columns = texts.into_iter().chain(numbers).chain([Cell::text("from")]).collect();
    let rows = manifest.trajectories.iter().map(|summary| {
        let data = run.trajectories.iter().find(|trajectory| trajectory.name == summary.name);
        let last = |column: &str| data.and_then(|data: &TrajectoryData| data.columns.get(column)?.last().copied().flatten());
        let outcome = match &summary.outcome {
            Some(outcome) => Cell::verdict(&outcome.kind, outcome.success),
            None => Cell::text("–"),
        };
        let (reference, deviation) = deviation(run, summary);
        vec![
            Cell::text(&summary.name),
            outcome,
            Cell::number(
                summary.t.map_or_else(|| "–".into(), |t| format!("{t:.6}").trim_end_matches('0').trim_end_matches('.').to_owned()),
            ),
            Cell::number(summary.steps.to_string()),
            Cell::number(summary.evaluations.to_string()),
            Cell::number(summary.operator_passes.to_string()),
            number(last("relative_error")),
            number(last("imbalance_drift")),
            number(deviation),
            Cell::text(reference),
        ]
    });
    Table { columns, rows: rows.collect() }
}

/// The reference that a trajectory is compared with first, and the largest deviation from it; NaN if one of them is.
fn deviation<'a>(run: &'a RunData, summary: &TrajectorySummary) -> (&'a str, Option<f64>) {
    let Some(comparison) = run.comparisons.iter().find(|comparison| comparison.trajectory == summary.name) else { return ("", None) };
    let largest = |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) };
    (&comparison.reference, comparison.deviation.iter().map(|(_, deviation)| *deviation).reduce(largest))
}

fn remarks(manifest: &Manifest, run: &RunData) -> Vec<Remark> {
    let all = manifest.trajectories.iter().flat_map(about);
    all.chain(run.orders.iter().map(|order| Remark { text: slope(order), bad: false })).collect()
}

/// What has to be said about one trajectory.
fn about(trajectory: &TrajectorySummary) -> Vec<Remark> {
    let name = &trajectory.name;
    let value = |value: Option<f64>| value.map_or_else(|| "no number".to_owned(), |value| format!("{value:.2e}"));
    let mut all = Vec::new();
    if let Some(outcome) = trajectory.outcome.as_ref().filter(|outcome| !outcome.success) {
        all.push(Remark { text: format!("{name}: {}", outcome.sentence), bad: true });
    }
    all.extend(trajectory.warnings.iter().map(|warning| Remark { text: format!("{name}: warning: {warning}"), bad: true }));
    if let Some(check) = trajectory.cross_check {
        let verdict = if check.passed { "within" } else { "EXCEEDS" };
        let (ends, times, tolerance) = (
            value(check.at_step_ends),
            value(check.at_recording_times),
            check.tolerance.map_or_else(String::new, |value| format!(" {value:.0e}")),
        );
        let text = format!(
            "{name}: cross-check: ode_solvers deviates by {ends} at step ends, {times} at recording times ({verdict} the tolerance{tolerance})"
        );
        all.push(Remark { text, bad: !check.passed });
    }
    if let Some(bound) = trajectory.error_bound {
        let text = match (bound.product, bound.factors) {
            (Some(product), Some(factors)) => {
                format!("{name}: certify: the exact flow is within {product:.2e} of it at recording times, {factors:.2e} in the factors")
            }
            _ => format!("{name}: certify: the bound on its numerical error is vacuous"),
        };
        all.push(Remark { text, bad: false });
    }
    all
}

fn slope(order: &OrderFit) -> String {
    if let (true, Some(first), Some(last)) = (order.points.len() > 6, order.points.first(), order.points.last()) {
        let steps = format!("{} step sizes from {} to {}", order.points.len(), last.0, first.0);
        return format!("order of {} against {}: {:.3} in the step size ({steps})", order.family, order.reference, order.slope);
    }
    let points: Vec<String> = order.points.iter().map(|(step, deviation)| format!("{deviation:.3e} at η = {step}")).collect();
    format!(
        "order of {} against {}: {:.3} in the step size (sup deviation {})",
        order.family,
        order.reference,
        order.slope,
        points.join(", ")
    )
}
