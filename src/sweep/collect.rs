//! One table of a sweep: a row a trajectory, or a row a sample. Its bytes depend on the results alone.
//!
//! Numbers that are not integers are written as `{:.16e}`, as in the tables of a run. There are no wall-clock columns.

use super::error::SweepError;
use super::plan::Sweep;
use super::result::{TaskResult, TrajectoryResult};
use super::store::{Store, Stored};
use crate::config::Parameter;
use crate::simulation::Outcome;
use rayon::prelude::*;
use std::io::{self, Write};

/// A collected sweep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Cells, as text; an undefined one is empty.
    pub rows: Vec<Vec<String>>,
    /// Tasks without a result.
    pub missing: usize,
    /// Tasks that failed.
    pub failed: usize,
}

/// Columns before the observables, after the parameters.
const IDENTITY: [&str; 5] = ["trajectory", "family", "method", "step_size", "outcome"];
/// Columns after the observables.
const LAST: [&str; 5] = ["reference", "sup_deviation", "predicted_escape", "observed_escape", "message"];

/// Collects a sweep: one row a trajectory, or with `samples` one a recorded time. A task that failed or has no result is one row.
///
/// # Errors
/// Results that cannot be read.
pub fn collect(sweep: &Sweep, samples: bool) -> Result<Collected, SweepError> {
    let store = Store::new(&sweep.directory);
    let observables = &sweep.manifest.observables;
    let columns = ["index", "id"].into_iter().map(str::to_owned).chain(sweep.manifest.keys.iter().cloned());
    let rest: Vec<String> = if samples {
        let fixed = ["trajectory", "outcome", "step", "t"].into_iter().map(str::to_owned);
        fixed.chain(observables.iter().cloned()).chain(["message".to_owned()]).collect()
    } else {
        let results = observables.iter().flat_map(|name| ["final", "min", "max"].map(|what| format!("{what}_{name}")));
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let counts = names(&["t", "steps", "evaluations"]);
        names(&IDENTITY).into_iter().chain(counts).chain(results).chain(names(&LAST)).collect()
    };
    let columns: Vec<String> = columns.chain(rest).collect();
    let parts: Result<Vec<_>, SweepError> = sweep
        .manifest
        .tasks
        .par_iter()
        .map(|task| {
            let mut head = vec![task.index.to_string(), task.id.to_string()];
            head.extend(sweep.file.parameters(task.index).iter().map(cell));
            let (result, missing) = match store.read(&task.id)? {
                Stored::Present(result) => (*result, false),
                Stored::Absent => (TaskResult::failed(task.id, "there is no result yet".into()), true),
                Stored::Damaged => (TaskResult::failed(task.id, "the result is damaged".into()), true),
            };
            let failed = result.failure.is_some() && !missing;
            let rows = match &result.failure {
                Some(reason) => vec![placeholder(&head, &columns, if missing { "missing" } else { "failed" }, reason)],
                None => result.trajectories.iter().flat_map(|one| rows(&head, &result, one, observables, samples)).collect(),
            };
            Ok((rows, missing, failed))
        })
        .collect();
    let mut collected = Collected { columns, ..Collected::default() };
    for (rows, missing, failed) in parts? {
        collected.rows.extend(rows);
        collected.missing += usize::from(missing);
        collected.failed += usize::from(failed);
    }
    Ok(collected)
}

fn placeholder(head: &[String], columns: &[String], outcome: &str, reason: &str) -> Vec<String> {
    let mut row = head.to_vec();
    row.resize(columns.len(), String::new());
    for (cell, name) in row.iter_mut().zip(columns).skip(head.len()) {
        match name.as_str() {
            "outcome" => outcome.clone_into(cell),
            "message" => reason.clone_into(cell),
            _ => {}
        }
    }
    row
}

fn number(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.16e}")).unwrap_or_default()
}

fn cell(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Number(value) => number(Some(*value)),
        other => other.to_string(),
    }
}

fn rows(head: &[String], result: &TaskResult, trajectory: &TrajectoryResult, observables: &[String], samples: bool) -> Vec<Vec<String>> {
    let place = |name: &String| result.columns.iter().position(|column| column == name);
    let places: Vec<Option<usize>> = observables.iter().map(place).collect();
    let value = |row: &crate::simulation::Row, place: &Option<usize>| place.and_then(|place| row.values.get(place).copied().flatten());
    let outcome = trajectory.outcome.as_ref().map(Outcome::label).unwrap_or_default().to_owned();
    let message = match &trajectory.outcome {
        Some(outcome) if !outcome.is_success() => outcome.to_string(),
        _ => String::new(),
    };
    if samples {
        let row = |row: &crate::simulation::Row| {
            let step = row.step.map(|step| step.to_string()).unwrap_or_default();
            let fixed = [trajectory.name.clone(), outcome.clone(), step, number(Some(row.t))];
            let values = places.iter().map(|place| number(value(row, place)));
            head.iter().cloned().chain(fixed).chain(values).chain([message.clone()]).collect()
        };
        return trajectory.rows.iter().map(row).collect();
    }
    let mut cells = head.to_vec();
    cells.extend([trajectory.name.clone(), trajectory.family.clone(), trajectory.method.clone(), number(trajectory.step_size), outcome]);
    cells.extend([number(Some(trajectory.t)), trajectory.steps.to_string(), trajectory.evaluations.to_string()]);
    for place in &places {
        let values = || trajectory.rows.iter().filter_map(|row| value(row, place));
        let last = trajectory.rows.last().and_then(|row| value(row, place));
        cells.extend([number(last), number(values().reduce(f64::min)), number(values().reduce(f64::max))]);
    }
    let (predicted, observed) = (number(trajectory.predicted_escape), number(trajectory.observed_escape));
    cells.extend([trajectory.reference.clone().unwrap_or_default(), number(trajectory.sup_deviation), predicted, observed, message]);
    vec![cells]
}

impl Collected {
    /// Writes the table as CSV, lines ending with a line feed.
    ///
    /// # Errors
    /// A write that fails.
    pub fn write(&self, writer: impl Write) -> io::Result<()> {
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(writer);
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            csv.write_record(row).map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(error) => error,
                other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
            })?;
        }
        csv.flush()
    }
}
