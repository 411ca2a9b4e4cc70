//! Errors against time, and sharpness against `2/η`.

use super::build::{all, distinct, endings, largest, time};
use super::figure::{Axis, Figure, Key, Level, Outcome, Series};
use super::phases;
use super::run::RunData;
use super::scale::short;

/// With more trajectories than these, one error of each is enough.
const BOTH: usize = 6;

/// What stands for the distance from the target, the first that was recorded, and its name.
const DISTANCES: [(&str, &str); 3] = [
    ("relative_error", "test error ‖FGᵀ − Y‖_{F}/‖Y‖_{F}"),
    ("residual_fro", "residual ‖FGᵀ − Y‖_{F}"),
    ("residual_op", "residual ‖FGᵀ − Y‖_{op}"),
];

/// Errors of all trajectories, flows and descents on one axis. With few of them, both errors; with many, the test error alone.
pub(super) fn errors(run: &RunData) -> Outcome {
    let train = "training error ‖A(FGᵀ) − y‖/‖y‖";
    let any = |column: &str| run.trajectories.iter().any(|trajectory| trajectory.points(column).is_some());
    let known = DISTANCES.into_iter().find(|(column, _)| any(column));
    let both = known.is_some_and(|(column, _)| column == DISTANCES[0].0) && run.trajectories.len() <= BOTH && any("train_error");
    let (column, test) = known.unwrap_or(("train_error", train));
    let label = if both { "relative error" } else { test };
    let mut figure = Figure::new("errors", format!("{}: errors against time", run.name), time(&all(run)), Axis::log(label));
    // Up to the formula.
    let kind = test.split(" ‖").next().unwrap_or(test);
    for (k, trajectory) in run.trajectories.iter().enumerate() {
        let line = |label: &str, points| {
            let series = Series::line(format!("{}, {label}", trajectory.name), points).colour(k);
            if distinct(run.trajectories.len()) { series.marker(k) } else { series }
        };
        if let Some(points) = trajectory.points(column) {
            figure.series.push(line(kind, points).key(&trajectory.name));
        }
        if let Some(points) = trajectory.points("train_error").filter(|_| both) {
            figure.series.push(line("training error", points).dashes(1).key(""));
        }
    }
    if both {
        figure.keys = [(test, 0), (train, 1)].map(|(label, dashes)| Key { label: label.into(), dashes }).into();
    }
    endings(&mut figure, run, largest(run, column));
    if let Some(leader) = run.leader() {
        let several = run.trajectories.len() > 1;
        phases::escapes(&mut figure, run, leader, several);
        phases::shade(&mut figure, run, leader, several);
    }
    figure.or_skipped("no trajectory has a positive error; record relative_error and train_error")
}

/// The largest eigenvalue of the Hessian, with what descents of each step size are stable below.
pub(super) fn sharpness(run: &RunData) -> Outcome {
    let axis = Axis::linear("sharpness λ_{max}(∇²f)");
    let mut figure = Figure::new("sharpness", format!("{}: sharpness against 2/η", run.name), time(&all(run)), axis);
    let mut limits: Vec<f64> = Vec::new();
    for (k, trajectory) in run.trajectories.iter().enumerate() {
        let Some(points) = trajectory.points("sharpness") else { continue };
        let series = Series::line(&trajectory.name, points);
        figure.series.push(if distinct(run.trajectories.len()) { series.look(k) } else { series.colour(k) });
        limits.extend(trajectory.step.filter(|step| *step > 0.0).map(|step| 2.0 / step));
    }
    limits.sort_by(f64::total_cmp);
    limits.dedup();
    let sharpest = figure.series.iter().flat_map(|series| &series.points).map(|point| point.1).fold(0.0, f64::max);
    // A limit far above would flatten the curves.
    let (near, far): (Vec<f64>, Vec<f64>) = limits.into_iter().partition(|limit| *limit <= 4.0 * sharpest);
    let level = |(k, y): (usize, &f64)| Level { label: format!("2/η, η = {}", short(2.0 / y)), y: *y, dashes: 1 + k };
    figure.levels.extend(near.iter().take(4).enumerate().map(level));
    if let Some(least) = far.first() {
        figure.notes.push(format!("2/η ≥ {} for the other descents, above the figure.", short(*least)));
    }
    endings(&mut figure, run, largest(run, "sharpness"));
    figure.or_skipped("sharpness was not recorded; add it to record.observables")
}
