//! The page of a sweep: its figures, and a table of its results.

use super::error::CliError;
use super::plot;
use crate::output::write_atomically;
use crate::report::page::{Cell, Remark, Report, Table, page};
use crate::report::{SweepData, sweep_figures};
use std::io::Write;
use std::path::Path;

/// Rows of the table that the page holds; collected.csv has all.
const ROWS: usize = 300;
/// Columns shown besides the sweep's axes.
const RESULTS: [&str; 9] = [
    "trajectory",
    "outcome",
    "t",
    "steps",
    "final_relative_error",
    "final_train_error",
    "sup_deviation",
    "predicted_escape",
    "observed_escape",
];

/// Collects a sweep, as far as it has come, and writes its page.
pub(super) fn write(directory: &Path, path: &Path, recovered: f64) -> Result<(), CliError> {
    let sweep = plot::sweep_data(directory)?;
    let figures = sweep_figures(&sweep, recovered);
    let report = Report {
        name: sweep.name.clone(),
        sentence: sentence(&sweep),
        facts: vec![format!("pgflow {}", env!("CARGO_PKG_VERSION"))],
        alert: alert(&sweep),
        heading: "Results",
        outcomes: table(&sweep),
        remarks: remarks(&sweep),
        figures: &figures,
        ..Report::default()
    };
    let text = page(&report);
    Ok(write_atomically(path, |writer| writer.write_all(text.as_bytes()))?)
}

fn place(sweep: &SweepData, column: &str) -> Option<usize> {
    sweep.table.columns.iter().position(|known| known == column)
}

/// Different values of a column.
fn count(sweep: &SweepData, column: &str) -> usize {
    let Some(place) = place(sweep, column) else { return 0 };
    let mut values: Vec<&str> = sweep.table.rows.iter().filter_map(|row| row.get(place)).map(String::as_str).collect();
    values.sort_unstable();
    values.dedup();
    values.len()
}

fn sentence(sweep: &SweepData) -> String {
    let axes: Vec<String> = sweep.keys.iter().map(|key| format!("{} values of {key}", count(sweep, key))).collect();
    let over = if axes.is_empty() { String::new() } else { format!(" over {}", axes.join(" × ")) };
    format!("A sweep of {} experiments{over}.", count(sweep, "id"))
}

fn alert(sweep: &SweepData) -> Option<String> {
    let (missing, failed) = (sweep.table.missing, sweep.table.failed);
    let part = |number: usize, what: &str| (number > 0).then(|| format!("{number} {what}"));
    let parts: Vec<String> = [part(missing, "have no result yet"), part(failed, "failed")].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("Of its experiments, {}.", parts.join(" and ")))
}

fn remarks(sweep: &SweepData) -> Vec<Remark> {
    let total = sweep.table.rows.len();
    let all = (total > ROWS).then(|| format!("The first {ROWS} of {total} rows; pgflow sweep collect writes all."));
    all.into_iter().map(|text| Remark { text, bad: false }).collect()
}

/// The axes and the main results; numbers to four digits.
fn table(sweep: &SweepData) -> Table {
    let names = sweep.keys.iter().map(String::as_str).chain(RESULTS);
    let places: Vec<(&str, usize)> = names.filter_map(|name| Some((name, place(sweep, name)?))).collect();
    let known = |place: usize| sweep.table.rows.iter().any(|row| row.get(place).is_some_and(|cell| !cell.is_empty()));
    let shown: Vec<(&str, usize)> = places.into_iter().filter(|(_, place)| known(*place)).collect();
    let is_text = |name: &str| matches!(name, "trajectory" | "outcome");
    let columns = shown.iter().map(|(name, _)| if is_text(name) { Cell::text(*name) } else { Cell::number(*name) }).collect();
    let cell = |name: &str, text: &str| match text.parse::<f64>() {
        _ if name == "outcome" => Cell::verdict(text, matches!(text, "completed" | "converged")),
        _ if is_text(name) => Cell::text(text),
        _ if text.is_empty() => Cell::number("–"),
        // Whole numbers are written as such in the table.
        Ok(value) if text.contains('.') => Cell::number(short(value)),
        _ => Cell::number(text),
    };
    let row = |row: &Vec<String>| shown.iter().map(|(name, place)| cell(name, row.get(*place).map_or("", String::as_str))).collect();
    Table { columns, rows: sweep.table.rows.iter().take(ROWS).map(row).collect() }
}

fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    if rounded != 0.0 && !(1e-3..1e5).contains(&rounded.abs()) { format!("{rounded:e}") } else { rounded.to_string() }
}
