//! What is recorded, and the stop rules.

use super::checks::{absent, at_least, optional_positive, positive};
use crate::config::columns::{COLUMNS, DEFAULT, DEFAULT_COLUMNS};
use crate::config::error::Flaw;
use crate::config::experiment::{Record, Spacing, Stop};
use crate::config::located::{Located, fill};
use crate::config::schema::{RecordTable, SpacingName, StopTable};

/// Beyond this, tables hold gigabytes of rows that no plot resolves.
const MOST_SAMPLES: usize = 10_000_000;

pub(super) fn record(table: &mut Located<RecordTable>) -> Result<Record, Flaw> {
    let table = &mut table.value;
    let horizon = positive("record.horizon", &table.horizon)?;
    let samples = table.samples.get_or_insert_with(|| Located::filled(200));
    if !(2..=MOST_SAMPLES).contains(&samples.value) {
        return Err(Flaw::value("record.samples", &samples.span, format!("is out of range: it must be from 2 to {MOST_SAMPLES}")));
    }
    let samples = samples.value;
    Ok(Record {
        horizon,
        samples,
        spacing: spacing(table, horizon)?,
        exact_times: fill(&mut table.exact_times, false),
        snapshots: fill(&mut table.snapshots, false),
        singular_vectors: fill(&mut table.singular_vectors, 0),
        observables: observables(&mut table.observables)?,
        stop: table.stop.as_ref().map(|stop| stop_rules(&stop.value)).transpose()?.unwrap_or_default(),
    })
}

fn spacing(table: &mut RecordTable, horizon: f64) -> Result<Spacing, Flaw> {
    match fill(&mut table.spacing, SpacingName::Linear) {
        SpacingName::Linear => {
            absent("record.first", &table.first, "it belongs to spacing = \"log\"; remove it, or set the spacing")?;
            Ok(Spacing::Linear)
        }
        SpacingName::Log => {
            if let Some(samples) = &table.samples {
                at_least("record.samples", samples, 3).map_err(|_| {
                    let rule = "is out of range: with spacing = \"log\" it must be at least 3 (0, first and the horizon)";
                    Flaw::value("record.samples", &samples.span, rule)
                })?;
            }
            let first = table.first.get_or_insert_with(|| Located::filled(horizon * 1e-4));
            if !(first.value > 0.0 && first.value < horizon) {
                let rule = format!("is out of range: it must be positive and below record.horizon = {horizon:?}");
                return Err(Flaw::value("record.first", &first.span, rule));
            }
            Ok(Spacing::Logarithmic { first: first.value })
        }
    }
}

fn observables(slot: &mut Option<Located<Vec<Located<String>>>>) -> Result<Vec<String>, Flaw> {
    const KEY: &str = "record.observables";
    let mut columns: Vec<&str> = Vec::new();
    let names = slot.get_or_insert_with(|| Located::filled(vec![Located::filled(DEFAULT.to_owned())]));
    for name in &names.value {
        let added = match COLUMNS.iter().find(|&&column| column == name.value) {
            _ if name.value == DEFAULT => DEFAULT_COLUMNS,
            Some(column) => std::slice::from_ref(column),
            None => {
                let allowed = std::iter::once(&DEFAULT).chain(COLUMNS).map(|&column| column.to_owned()).collect();
                return Err(Flaw::unknown(KEY, &name.span, &name.value, allowed));
            }
        };
        if let Some(twice) = added.iter().find(|column| columns.contains(column)) {
            let rule = format!("names the column {twice} a second time (\"{DEFAULT}\" includes every default column): remove one");
            return Err(Flaw::value(KEY, &name.span, rule));
        }
        columns.extend(added);
    }
    let columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
    names.value = columns.iter().cloned().map(Located::filled).collect();
    Ok(columns)
}

fn stop_rules(table: &StopTable) -> Result<Stop, Flaw> {
    if let Some(evaluations) = &table.evaluations
        && evaluations.value == 0
    {
        return Err(Flaw::value("record.stop.evaluations", &evaluations.span, "is out of range: it must be at least 1"));
    }
    Ok(Stop {
        relative_error: optional_positive("record.stop.relative_error", &table.relative_error)?,
        train_error: optional_positive("record.stop.train_error", &table.train_error)?,
        gradient_norm: optional_positive("record.stop.gradient_norm", &table.gradient_norm)?,
        factor_norm: optional_positive("record.stop.factor_norm", &table.factor_norm)?,
        evaluations: table.evaluations.as_ref().map(|evaluations| evaluations.value),
        wall_seconds: optional_positive("record.stop.wall_seconds", &table.wall_seconds)?,
    })
}
