//! The three phases of a trajectory — alignment, growth, refinement — as `docs/observables.md` defines them (column `phase`).

use super::figure::{Figure, Mark, Phase};
use super::run::{RunData, TrajectoryData};
use super::scale::short;

/// When phases begin, at recorded times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phases {
    /// When alignment has ended.
    pub growth: Option<f64>,
    /// When growth has ended.
    pub refinement: Option<f64>,
    /// The last time.
    pub end: f64,
}

/// The phases of a trajectory for a target with the given singular values; `None` if neither the column was recorded nor what it is made from.
pub fn phases(trajectory: &TrajectoryData, target: &[f64]) -> Option<Phases> {
    let points = trajectory.points("phase").or_else(|| from_signal(trajectory, target))?;
    let first = |least: f64| points.iter().find(|(_, phase)| *phase >= least).map(|(t, _)| *t);
    Some(Phases { growth: first(2.0), refinement: first(3.0), end: points.last()?.0 })
}

/// The column `phase`, from the columns that it is made from.
fn from_signal(trajectory: &TrajectoryData, target: &[f64]) -> Option<Vec<(f64, f64)>> {
    let half = 0.5 * target.last()?;
    let signal = trajectory.points("signal_min")?;
    let mut nuisance = vec![0.0_f64; signal.len()];
    for column in ["signal_gap", "nuisance_left", "nuisance_right"] {
        let points = trajectory.points(column)?;
        nuisance.iter_mut().zip(points).for_each(|(largest, (_, y))| *largest = largest.max(y));
    }
    let phase = |((t, size), nuisance): ((f64, f64), f64)| {
        let phase = match size {
            _ if size.is_nan() => f64::NAN,
            _ if size <= nuisance => 1.0,
            _ if size * size < half => 2.0,
            _ => 3.0,
        };
        (t, phase)
    };
    Some(signal.into_iter().zip(nuisance).map(phase).collect())
}

/// Shades the phases of a trajectory, and says whose they are where there are several.
pub(super) fn shade(figure: &mut Figure, run: &RunData, trajectory: &TrajectoryData, several: bool) {
    let Some(found) = phases(trajectory, &run.target) else { return };
    let growth = found.growth.unwrap_or(found.end);
    let refinement = found.refinement.unwrap_or(found.end).max(growth);
    let start = trajectory.t.first().copied().unwrap_or(0.0);
    let parts = [("I alignment", start, growth), ("II growth", growth, refinement), ("III refinement", refinement, found.end)];
    let parts = parts.into_iter().filter(|(_, from, to)| to > from);
    figure.phases.extend(parts.map(|(label, from, to)| Phase { label: label.into(), from, to }));
    if !figure.phases.is_empty() {
        let names: Vec<&str> = figure.phases.iter().map(|phase| phase.label.as_str()).collect();
        let whose = if several { format!(" of {}", trajectory.name) } else { String::new() };
        figure.notes.push(format!("Shaded: phases{whose}: {}.", names.join(", ")));
    }
}

/// Marks the escape of a trajectory, predicted and observed, as far as the figure reaches.
pub(super) fn escapes(figure: &mut Figure, run: &RunData, trajectory: &TrajectoryData, several: bool) {
    let end = run.end();
    let whose = if several { format!(" ({})", trajectory.name) } else { String::new() };
    let inside = |t: Option<f64>| t.filter(|t| *t <= end && *t > 0.0);
    if let Some(x) = inside(trajectory.predicted_escape) {
        figure.marks.push(Mark { label: format!("escape predicted, t = {}{whose}", short(x)), x, dashes: 3 });
    }
    if let Some(x) = inside(trajectory.escape(&run.target)) {
        figure
            .marks
            .push(Mark { label: format!("first recorded σ_{{r}}(FGᵀ) ≥ σ_{{r}}(Y)/2, t = {}{whose}", short(x)), x, dashes: 2 });
    }
}
