//! The budget of the perturbation: norms of its parts, stacked, against the theorem's scale.

use super::build::{id, time};
use super::figure::{Axis, Figure, Level, Outcome, Series, Stroke};
use super::phases;
use super::run::{RunData, TrajectoryData};
use super::scale::short;

/// Columns and names of the parts.
const PARTS: [(&str, &str); 6] = [
    ("perturbation_measurement", "measurement"),
    ("perturbation_noise", "noise"),
    ("perturbation_motion", "motion"),
    ("perturbation_discretisation", "discretisation"),
    ("perturbation_imposed", "imposed"),
    ("perturbation_sampling", "sampling"),
];
/// The scale is drawn as a level while it is at most this many times the largest value, and no less than its inverse.
const NEAR: f64 = 3.0;

/// Norms of the parts, stacked: their sum is no less than the norm of the whole. Where a part is undefined, the stack is: it ends there.
pub(super) fn budget(run: &RunData, trajectory: &TrajectoryData) -> Outcome {
    let title = format!("{}, {}: budget of the perturbation", run.name, trajectory.name);
    let axis = Axis { least: Some(0.0), ..Axis::linear("‖ℰ‖_{op} and its parts, stacked") };
    let mut figure = Figure::new(id("budget", trajectory), title, time(&[trajectory]), axis);
    let recorded: Vec<_> = PARTS.iter().enumerate().filter_map(|(k, part)| Some((k, part.1, trajectory.points(part.0)?))).collect();
    let mut sum: Vec<(f64, f64)> = trajectory.t.iter().map(|t| (*t, 0.0)).collect();
    // One part that is not known leaves all of the stack unknown, also what lies below it.
    for (_, _, points) in &recorded {
        sum.iter_mut().zip(points).filter(|(_, (_, y))| y.is_nan()).for_each(|(sum, _)| sum.1 = f64::NAN);
    }
    for (k, label, points) in recorded.iter().filter(|(_, _, points)| points.iter().any(|(_, y)| *y > 0.0)) {
        let base = sum.iter().map(|(_, y)| *y).collect();
        sum.iter_mut().zip(points).for_each(|(sum, (_, y))| sum.1 += y);
        figure.series.push(Series::line(*label, sum.clone()).stroke(Stroke::Area).base(base).colour(*k).dashes(*k));
    }
    if let Some(points) = trajectory.points("perturbation") {
        figure.series.push(Series::line("‖ℰ‖_{op}", points).stroke(Stroke::Emphasis));
    }
    if recorded.is_empty() {
        figure.y.label = "‖ℰ‖_{op}".into();
        figure.notes.push("Its parts were not recorded.".into());
    }
    if sum.iter().any(|(_, y)| y.is_nan()) {
        figure.notes.push("The parts are not defined at all times; nothing is drawn where one is not.".into());
    }
    if let Some(scale) = scale(run, trajectory) {
        level(&mut figure, scale);
    }
    phases::shade(&mut figure, run, trajectory, false);
    figure.or_skipped("record perturbation and its parts (perturbation_measurement, perturbation_motion, …); they need target and noise")
}

fn level(figure: &mut Figure, scale: f64) {
    let label = "σ₁/(κ³ log(σ_{r}/a₀²))";
    let values = figure.series.iter().flat_map(|series| &series.points).map(|point| point.1).filter(|y| y.is_finite());
    let largest = values.fold(0.0, f64::max);
    if scale <= NEAR * largest {
        figure.levels.push(Level { label: format!("the theorem's scale {label} = {}", short(scale)), y: scale, dashes: 1 });
    } else {
        figure.notes.push(format!("The theorem's scale {label} = {} lies above the figure.", short(scale)));
    }
}

/// The scale of the perturbation in the theorem (`docs/certificates.md`): `σ₁/(κ³ log(σ_r/a₀²))`.
fn scale(run: &RunData, trajectory: &TrajectoryData) -> Option<f64> {
    let (first, last) = run.target.first().zip(run.target.last())?;
    let log = (last / trajectory.initial_norm?.powi(2)).ln();
    Some(first / ((first / last).powi(3) * log)).filter(|scale| log > 0.0 && scale.is_finite())
}
