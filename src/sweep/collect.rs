//! One table of a sweep: a row a trajectory, or a row a sample. Its rows depend on the results alone. There are no wall-clock columns.

use super::error::SweepError;
use super::plan::{Sweep, Task};
use super::result::{TaskResult, TrajectoryResult};
use super::store::{Store, Stored};
use super::table::{Cell, Column, Kind, RowSink};
use crate::config::Parameter;
use crate::simulation::{Outcome, Row};
use rayon::prelude::*;

/// Tasks whose rows are made in parallel, and then written in order.
const TASKS_AT_A_TIME: usize = 256;

/// A collected sweep, as text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Cells; an undefined one is empty.
    pub rows: Vec<Vec<String>>,
    /// Tasks without a result.
    pub missing: usize,
    /// Tasks that failed.
    pub failed: usize,
}

impl RowSink for Collected {
    fn row(&mut self, row: &[Cell]) -> std::io::Result<()> {
        self.rows.push(row.iter().map(Cell::to_string).collect());
        Ok(())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What was collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows.
    pub rows: usize,
    /// Tasks without a result.
    pub missing: usize,
    /// Tasks that failed.
    pub failed: usize,
}

/// The columns of a sweep's table: one row a trajectory, or with `samples` one a recorded time.
pub fn columns(sweep: &Sweep, samples: bool) -> Vec<Column> {
    use Kind::{Integer, Number, Text};
    let observables = &sweep.manifest.observables;
    let mut columns = vec![Column::new("index", Integer), Column::new("id", Text)];
    columns.extend(sweep.manifest.keys.iter().zip(kinds(sweep)).map(|(key, kind)| Column::new(key, kind)));
    let mut add = |names: &[(&str, Kind)]| columns.extend(names.iter().map(|&(name, kind)| Column::new(name, kind)));
    if samples {
        add(&[("trajectory", Text), ("outcome", Text), ("step", Integer), ("t", Number)]);
        columns.extend(observables.iter().map(|name| Column::new(name, Number)));
        columns.push(Column::new("message", Text));
        return columns;
    }
    add(&[("trajectory", Text), ("family", Text), ("method", Text), ("step_size", Number), ("outcome", Text)]);
    add(&[("t", Number), ("steps", Integer), ("evaluations", Integer)]);
    let results = observables.iter().flat_map(|name| ["final", "min", "max"].map(|what| format!("{what}_{name}")));
    columns.extend(results.map(|name| Column::new(name, Number)));
    let last =
        [("reference", Text), ("sup_deviation", Number), ("predicted_escape", Number), ("observed_escape", Number), ("message", Text)];
    columns.extend(last.map(|(name, kind)| Column::new(name, kind)));
    columns
}

/// The types of the parameters: integers among other numbers count as numbers, other mixtures as text.
fn kinds(sweep: &Sweep) -> Vec<Kind> {
    let of = |parameter: &Parameter| match parameter {
        Parameter::Integer(_) => Kind::Integer,
        Parameter::Number(_) => Kind::Number,
        Parameter::Boolean(_) => Kind::Boolean,
        Parameter::Text(_) | Parameter::List(_) => Kind::Text,
    };
    let mut kinds: Vec<Option<Kind>> = vec![None; sweep.manifest.keys.len()];
    for task in &sweep.manifest.tasks {
        for (kind, parameter) in kinds.iter_mut().zip(sweep.file.parameters(task.index)) {
            *kind = Some(match (*kind, of(&parameter)) {
                (None, new) => new,
                (Some(known), new) if known == new => new,
                (Some(Kind::Integer | Kind::Number), Kind::Integer | Kind::Number) => Kind::Number,
                _ => Kind::Text,
            });
        }
    }
    kinds.into_iter().map(|kind| kind.unwrap_or(Kind::Text)).collect()
}

/// A parameter as a cell of its column's type.
fn cell(parameter: &Parameter, kind: Kind) -> Cell {
    match (kind, parameter) {
        (Kind::Integer, Parameter::Integer(value)) => Cell::Integer(*value),
        (Kind::Number, parameter) => Cell::number(parameter.number()),
        (Kind::Boolean, Parameter::Boolean(value)) => Cell::Boolean(*value),
        (_, parameter) => Cell::text(parameter.to_string()),
    }
}

/// Collects a sweep in memory: one row a trajectory, or with `samples` one a recorded time.
///
/// # Errors
/// As [`collect_into`].
pub fn collect(sweep: &Sweep, samples: bool) -> Result<Collected, SweepError> {
    let columns = columns(sweep, samples).into_iter().map(|column| column.name).collect();
    let mut collected = Collected { columns, ..Collected::default() };
    let Counts { missing, failed, .. } = collect_into(sweep, samples, &mut collected)?;
    Ok(Collected { missing, failed, ..collected })
}

/// Collects a sweep into rows of [`columns`]. A task that failed or has no result is one row.
///
/// # Errors
/// Results that cannot be read; a sink that fails.
pub fn collect_into(sweep: &Sweep, samples: bool, sink: &mut dyn RowSink) -> Result<Counts, SweepError> {
    let table = Table { sweep, store: Store::open(&sweep.directory)?, columns: columns(sweep, samples), samples };
    let mut counts = Counts::default();
    for tasks in sweep.manifest.tasks.chunks(TASKS_AT_A_TIME) {
        let parts: Result<Vec<_>, SweepError> = tasks.par_iter().map(|task| table.task(task)).collect();
        for (rows, missing, failed) in parts? {
            rows.iter().try_for_each(|row| sink.row(row)).map_err(SweepError::Sink)?;
            counts.rows += rows.len();
            counts.missing += usize::from(missing);
            counts.failed += usize::from(failed);
        }
    }
    sink.finish().map_err(SweepError::Sink)?;
    Ok(counts)
}

struct Table<'a> {
    sweep: &'a Sweep,
    store: Store,
    columns: Vec<Column>,
    samples: bool,
}

impl Table<'_> {
    /// The rows of a task, whether its result is missing, and whether it failed.
    fn task(&self, task: &Task) -> Result<(Vec<Vec<Cell>>, bool, bool), SweepError> {
        let parameters = self.sweep.file.parameters(task.index);
        let mut head = vec![Cell::count(task.index as u64), Cell::text(task.id.to_string())];
        head.extend(parameters.iter().zip(&self.columns[2..]).map(|(parameter, column)| cell(parameter, column.kind)));
        let (result, missing) = match self.store.read(&task.id)? {
            Stored::Present(result) => (*result, false),
            Stored::Absent => (TaskResult::failed(task.id, "there is no result yet".into()), true),
            Stored::Damaged => (TaskResult::failed(task.id, "the result is damaged".into()), true),
        };
        let failed = result.failure.is_some() && !missing;
        let rows = match &result.failure {
            Some(reason) => vec![self.placeholder(head, if missing { "missing" } else { "failed" }, reason)],
            None => result.trajectories.iter().flat_map(|one| self.rows(&head, &result, one)).collect(),
        };
        Ok((rows, missing, failed))
    }

    fn placeholder(&self, head: Vec<Cell>, outcome: &str, reason: &str) -> Vec<Cell> {
        let length = head.len();
        let mut row = head;
        row.resize(self.columns.len(), Cell::Empty);
        for (cell, column) in row.iter_mut().zip(&self.columns).skip(length) {
            match column.name.as_str() {
                "outcome" => *cell = Cell::text(outcome),
                "message" => *cell = Cell::text(reason),
                _ => {}
            }
        }
        row
    }

    fn rows(&self, head: &[Cell], result: &TaskResult, trajectory: &TrajectoryResult) -> Vec<Vec<Cell>> {
        let place = |name: &String| result.columns.iter().position(|column| column == name);
        let places: Vec<Option<usize>> = self.sweep.manifest.observables.iter().map(place).collect();
        let value = |row: &Row, place: &Option<usize>| place.and_then(|place| row.values.get(place).copied().flatten());
        let outcome = Cell::text(trajectory.outcome.as_ref().map(Outcome::label).unwrap_or_default());
        let message = match &trajectory.outcome {
            Some(outcome) if !outcome.is_success() => Cell::text(outcome.to_string()),
            _ => Cell::Empty,
        };
        if self.samples {
            let row = |row: &Row| {
                let step = row.step.map_or(Cell::Empty, Cell::count);
                let fixed = [Cell::text(&trajectory.name), outcome.clone(), step, Cell::Number(row.t)];
                let values = places.iter().map(|place| Cell::number(value(row, place)));
                head.iter().cloned().chain(fixed).chain(values).chain([message.clone()]).collect()
            };
            return trajectory.rows.iter().map(row).collect();
        }
        let mut cells = head.to_vec();
        cells.extend([&trajectory.name, &trajectory.family, &trajectory.method].map(Cell::text));
        cells.extend([Cell::number(trajectory.step_size), outcome]);
        cells.extend([Cell::Number(trajectory.t), Cell::count(trajectory.steps), Cell::count(trajectory.evaluations)]);
        for place in &places {
            let values = || trajectory.rows.iter().filter_map(|row| value(row, place));
            let last = trajectory.rows.last().and_then(|row| value(row, place));
            cells.extend([last, values().reduce(f64::min), values().reduce(f64::max)].map(Cell::number));
        }
        cells.push(Cell::text(trajectory.reference.clone().unwrap_or_default()));
        cells.extend([trajectory.sup_deviation, trajectory.predicted_escape, trajectory.observed_escape].map(Cell::number));
        cells.push(message);
        vec![cells]
    }
}
