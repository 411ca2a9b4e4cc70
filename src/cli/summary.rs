//! What a run prints: one line a trajectory, the cross-checks, the fitted orders.

use crate::simulation::{ErrorBound, OrderFit, RunRecord, TrajectoryRecord, fit_orders, sup_deviation};
use crate::stepper::Switch;
use serde_json::{Value, json};
use std::fmt::Write;

/// The summary of a run.
pub struct Summary<'a> {
    record: &'a RunRecord,
    orders: Vec<OrderFit>,
}

impl<'a> Summary<'a> {
    /// The summary of a record.
    pub fn new(record: &'a RunRecord) -> Self {
        Summary { record, orders: fit_orders(record) }
    }

    /// Whether every trajectory ended as it should and every cross-check is within its tolerance.
    pub fn is_success(&self) -> bool {
        self.record.trajectories.iter().all(|trajectory| {
            trajectory.outcome.is_some_and(|outcome| outcome.is_success())
                && trajectory.cross_check.is_none_or(|check| check.at_recording_times <= check.tolerance)
        })
    }

    fn last(&self, trajectory: &TrajectoryRecord, column: &str) -> Option<f64> {
        let index = self.record.columns.iter().position(|name| name == column)?;
        trajectory.rows.last()?.values.get(index).copied().flatten()
    }

    /// The reference that a trajectory is compared with first, and the largest deviation from it.
    fn deviation(&self, trajectory: &TrajectoryRecord) -> Option<(&str, f64)> {
        let row = self.record.comparison.iter().find(|row| row.trajectory == trajectory.name)?;
        Some((&row.reference, sup_deviation(self.record, &row.reference, &trajectory.name)?))
    }

    /// As text.
    pub fn text(&self) -> String {
        let mut table = vec![
            ["trajectory", "outcome", "t", "steps", "evaluations", "relative error", "imbalance drift", "sup deviation"]
                .map(String::from)
                .to_vec(),
        ];
        let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.3e}"));
        for trajectory in &self.record.trajectories {
            let deviation = self.deviation(trajectory).map_or_else(|| "–".into(), |(reference, d)| format!("{d:.3e} from {reference}"));
            table.push(vec![
                trajectory.name.clone(),
                trajectory.outcome.map_or("–", |outcome| outcome.label()).into(),
                format!("{:.6}", trajectory.t).trim_end_matches('0').trim_end_matches('.').into(),
                trajectory.steps.to_string(),
                trajectory.counts.evaluations.to_string(),
                number(self.last(trajectory, "relative_error")),
                number(self.last(trajectory, "imbalance_drift")),
                deviation,
            ]);
        }
        let mut text = align(&table);
        self.write_notes(&mut text);
        text
    }

    /// What does not fit into the table. Writing to a `String` cannot fail.
    fn write_notes(&self, text: &mut String) {
        for trajectory in &self.record.trajectories {
            if let Some(outcome) = trajectory.outcome.filter(|outcome| !outcome.is_success()) {
                let _ = writeln!(text, "{}: {outcome}", trajectory.name);
            }
            if let Some(line) = switches(&trajectory.switches) {
                let _ = writeln!(text, "{}: {line}", trajectory.name);
            }
            for warning in &trajectory.warnings {
                let _ = writeln!(text, "{}: warning: {warning}", trajectory.name);
            }
            if let Some(check) = trajectory.cross_check {
                let verdict = if check.at_recording_times <= check.tolerance { "within" } else { "EXCEEDS" };
                let _ = writeln!(
                    text,
                    "{}: cross-check: ode_solvers deviates by {:.2e} at step ends, {:.2e} at recording times ({verdict} the tolerance {:.0e})",
                    trajectory.name, check.at_step_ends, check.at_recording_times, check.tolerance
                );
            }
        }
        for trajectory in &self.record.trajectories {
            if let Some(bound) = trajectory.error_bound {
                let _ = writeln!(text, "{}: {}", trajectory.name, certificate(&bound));
            }
        }
        for order in &self.orders {
            let points: Vec<String> = order.points.iter().map(|(step, deviation)| format!("{deviation:.3e} at η = {step}")).collect();
            let _ = writeln!(
                text,
                "order of {} against {}: {:.3} in the step size (sup deviation {})",
                order.family,
                order.reference,
                order.slope,
                points.join(", ")
            );
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let trajectories: Vec<Value> = self.record.trajectories.iter().map(|trajectory| self.trajectory_json(trajectory)).collect();
        json!({ "trajectories": trajectories, "orders": self.orders })
    }

    fn trajectory_json(&self, trajectory: &TrajectoryRecord) -> Value {
        let finals: serde_json::Map<String, Value> =
            self.record.columns.iter().map(|column| (column.clone(), json!(self.last(trajectory, column)))).collect();
        let deviation = self.deviation(trajectory);
        json!({
            "name": trajectory.name,
            "family": trajectory.family,
            "method": trajectory.method,
            "step_size": trajectory.step_size,
            "outcome": trajectory.outcome.map(|outcome| outcome.label()),
            "sentence": trajectory.outcome.map(|outcome| outcome.to_string()),
            "t": trajectory.t,
            "steps": trajectory.steps,
            "counts": trajectory.counts,
            "switches": trajectory.switches,
            "operator_passes": trajectory.operator_passes,
            "final": finals,
            "reference": deviation.map(|(reference, _)| reference),
            "sup_deviation": deviation.map(|(_, deviation)| deviation),
            "cross_check": trajectory.cross_check,
            "error_bound": trajectory.error_bound,
            "warnings": trajectory.warnings,
        })
    }
}

/// When a trajectory changed its integrator, in a sentence: the first few times.
fn switches(switches: &[Switch]) -> Option<String> {
    const SHOWN: usize = 4;
    if switches.is_empty() {
        return None;
    }
    let shown: Vec<String> = switches.iter().take(SHOWN).map(|s| format!("to {} at t = {:.6} after step {}", s.to, s.t, s.step)).collect();
    let more = if switches.len() > SHOWN { format!(" and {} times more", switches.len() - SHOWN) } else { String::new() };
    Some(format!("switched {}{more}", shown.join(", ")))
}

/// What is known of a flow's numerical error, in a sentence.
fn certificate(bound: &ErrorBound) -> String {
    let defect = format!("from defects up to {:.1e} and the curvature along the flow", bound.largest_defect);
    if bound.product.is_finite() {
        format!(
            "certify: the exact flow is within {:.2e} of it at recording times, {:.2e} in the factors ({defect})",
            bound.product, bound.factors
        )
    } else {
        format!("certify: the bound on its numerical error is vacuous, {defect}; a tighter rtol or a shorter horizon may help")
    }
}

/// Columns two blanks apart, the first to the left, numbers to the right.
fn align(table: &[Vec<String>]) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |j: usize| table.iter().filter_map(|row| row.get(j)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in table {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(j, (cell, &width))| {
                let pad = " ".repeat(width - cell.chars().count());
                if j < 2 || j + 1 == columns { format!("{cell}{pad}") } else { format!("{pad}{cell}") }
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
