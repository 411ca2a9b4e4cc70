//! Singular values of `FGᵀ`, one by one, the target's and the exact solution's beside them.

use super::build::{id, time};
use super::figure::{Axis, Figure, Key, Level, Outcome, Series, Stroke};
use super::phases;
use super::run::{RunData, TrajectoryData};

/// The most singular values that are drawn.
const VALUES: usize = 40;
/// The most that have a colour and an entry in the legend of their own.
const NAMED: usize = 6;

fn subscript(k: usize) -> String {
    format!("σ_{{{k}}}")
}

/// The spectrum of a trajectory.
pub(super) fn spectrum(run: &RunData, trajectory: &TrajectoryData) -> Outcome {
    let title = format!("{}, {}: singular values of FGᵀ", run.name, trajectory.name);
    let mut figure = Figure::new(id("spectrum", trajectory), title, time(&[trajectory]), Axis::log("singular values σ_{i}(FGᵀ)"));
    let count = trajectory.spectrum.iter().map(|(_, values)| values.len()).max().unwrap_or(0).min(VALUES);
    let named = run.target.len().clamp(1, NAMED);
    for k in 0..count {
        let label = subscript(k + 1);
        let series = Series::line(&label, value(&trajectory.spectrum, k));
        figure.series.push(match k < named {
            true => series.colour(k).marker(k),
            false if k == named && count > named + 1 => series.stroke(Stroke::Guide).key(format!("{label} to {}", subscript(count))),
            false if k == named => series.stroke(Stroke::Guide),
            false => series.stroke(Stroke::Guide).key(""),
        });
    }
    exact(trajectory, count.min(named), &mut figure);
    levels(run, &mut figure);
    phases::escapes(&mut figure, run, trajectory, false);
    phases::shade(&mut figure, run, trajectory, false);
    figure.or_skipped("spectrum.csv has no positive singular value of it")
}

fn value(spectrum: &[(f64, Vec<f64>)], k: usize) -> Vec<(f64, f64)> {
    spectrum.iter().map(|(t, values)| (*t, values.get(k).copied().unwrap_or(f64::NAN))).collect()
}

/// The closed form, dotted in black above the trajectory's values.
fn exact(trajectory: &TrajectoryData, count: usize, figure: &mut Figure) {
    if trajectory.exact.is_empty() {
        return;
    }
    for k in 0..count {
        let label = format!("{}, closed form", subscript(k + 1));
        figure.series.push(Series::line(label, value(&trajectory.exact, k)).stroke(Stroke::Emphasis).dashes(2).key(""));
    }
    figure.keys.push(Key { label: "closed form of the flow".into(), dashes: 2 });
}

/// The target's singular values: equal ones are one level.
fn levels(run: &RunData, figure: &mut Figure) {
    let mut known: Vec<f64> = Vec::new();
    for y in run.target.iter().take(VALUES).copied() {
        if known.last().is_none_or(|last| y < last * (1.0 - 1e-9)) {
            known.push(y);
        }
    }
    for (k, y) in known.iter().enumerate() {
        let label = if k == 0 { "σ_{i}(Y), the target's".into() } else { String::new() };
        figure.levels.push(Level { label, y: *y, dashes: 1 });
    }
}
