//! Figures of one trajectory: signal against nuisance, and angles.

use super::build::{id, time};
use super::figure::{Axis, Figure, Outcome, Series};
use super::phases;
use super::run::{RunData, TrajectoryData};

fn columns(trajectory: &TrajectoryData, figure: &mut Figure, columns: &[(&str, &str)]) {
    for (k, (column, label)) in columns.iter().enumerate() {
        if let Some(points) = trajectory.points(column) {
            figure.series.push(Series::line(*label, points).look(k));
        }
    }
}

/// What grows towards the target, and what should not grow.
pub(super) fn signal(run: &RunData, trajectory: &TrajectoryData) -> Outcome {
    let title = format!("{}, {}: signal against nuisance", run.name, trajectory.name);
    let mut figure = Figure::new(id("signal", trajectory), title, time(&[trajectory]), Axis::log("operator norm"));
    let parts = [
        ("signal_min", "signal σ_{r}(p)"),
        ("signal_gap", "gap ‖q‖"),
        ("nuisance_left", "nuisance ‖F_{⊥}‖"),
        ("nuisance_right", "nuisance ‖G_{⊥}‖"),
    ];
    columns(trajectory, &mut figure, &parts);
    phases::shade(&mut figure, run, trajectory, false);
    figure.or_skipped("record signal_min, signal_gap, nuisance_left and nuisance_right (they need a target)")
}

/// Angles to the target's singular spaces.
pub(super) fn angles(run: &RunData, trajectory: &TrajectoryData) -> Outcome {
    let title = format!("{}, {}: angles to the target's singular spaces", run.name, trajectory.name);
    let axis = Axis::log("sine of the largest principal angle");
    let mut figure = Figure::new(id("angles", trajectory), title, time(&[trajectory]), axis);
    columns(trajectory, &mut figure, &[("angle_left", "left: to U_{Y}"), ("angle_right", "right: to V_{Y}")]);
    phases::shade(&mut figure, run, trajectory, false);
    figure.or_skipped("record angle_left and angle_right (they need a target)")
}
