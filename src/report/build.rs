//! The figures of a run.

use super::figure::{Axis, Figure, Outcome};
use super::run::{RunData, TrajectoryData};
use super::{budget, deviation, errors, family, imbalance, signal, spectrum};

/// Of which trajectories there are figures of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The first flow and the first descent.
    First,
    /// Those of given names.
    Named(Vec<String>),
}

/// With more trajectories than these, markers and dashes tell nothing apart any more.
const DISTINCT: usize = 12;

/// All figures of a run, in a fixed order; what cannot be drawn is there with the reason.
pub fn figures(run: &RunData, selection: &Selection) -> Vec<Outcome> {
    let mut all = vec![errors::errors(run), imbalance::imbalance(run), imbalance::drift(run)];
    all.extend(deviation::figures(run));
    all.push(errors::sharpness(run));
    all.extend(family::figures(run));
    for trajectory in selected(run, selection) {
        all.push(spectrum::spectrum(run, trajectory));
        all.push(signal::signal(run, trajectory));
        all.push(signal::angles(run, trajectory));
        all.push(budget::budget(run, trajectory));
    }
    for outcome in &mut all {
        if let Outcome::Drawn(figure) = outcome {
            conclude(figure, run);
        }
    }
    all
}

/// What has to be said below every figure, and the sentences for those who cannot see it.
fn conclude(figure: &mut Figure, run: &RunData) {
    if run.interrupted {
        figure.notes.push(format!("The run was interrupted at t = {}: what comes later is missing.", super::scale::short(run.end())));
    }
    let names: Vec<&str> = figure.series.iter().map(|series| series.label.as_str()).filter(|label| !label.is_empty()).take(20).collect();
    let scale = |axis: &Axis| if axis.log { "logarithmic" } else { "linear" };
    figure.description = format!(
        "{}. Horizontal axis, {}: {}. Vertical axis, {}: {}. Series: {}. {}",
        figure.title,
        scale(&figure.x),
        figure.x.label,
        scale(&figure.y),
        figure.y.label,
        names.join("; "),
        figure.notes.join(" ")
    )
    .trim_end()
    .to_owned();
}

fn selected<'a>(run: &'a RunData, selection: &'a Selection) -> Vec<&'a TrajectoryData> {
    match selection {
        Selection::Named(names) => run.trajectories.iter().filter(|trajectory| names.contains(&trajectory.name)).collect(),
        Selection::First => {
            let flow = run.trajectories.iter().find(|trajectory| trajectory.step.is_none());
            let descent = run.trajectories.iter().find(|trajectory| trajectory.step.is_some());
            flow.into_iter().chain(descent).collect()
        }
    }
}

/// The time axis: logarithmic where the recording times are.
pub(super) fn time(trajectories: &[&TrajectoryData]) -> Axis {
    let longest = trajectories.iter().max_by_key(|trajectory| trajectory.t.len());
    let spread = longest.and_then(|trajectory| Some((*trajectory.t.get(trajectory.t.len() / 2)?, *trajectory.t.last()?)));
    let log = spread.is_some_and(|(middle, end)| middle > 0.0 && middle < 0.15 * end);
    let (flows, descents) = (trajectories.iter().any(|t| t.step.is_none()), trajectories.iter().any(|t| t.step.is_some()));
    let label = match (flows, descents) {
        (true, true) => "time t (descents: t = kη)",
        (false, true) => "time t = kη",
        _ => "time t",
    };
    Axis { log, ..Axis::linear(label) }
}

pub(super) fn all(run: &RunData) -> Vec<&TrajectoryData> {
    run.trajectories.iter().collect()
}

/// Whether as many series can be told apart.
pub(super) fn distinct(count: usize) -> bool {
    count <= DISTINCT
}

/// `spectrum_gd_step_0.1`: names of trajectories hold what file names should not.
pub(super) fn id(kind: &str, trajectory: &TrajectoryData) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    format!("{kind}_{}", trajectory.name.chars().map(plain).collect::<String>().trim_end_matches('_'))
}

/// The largest value of a column on trajectories that ended well.
pub(super) fn largest(run: &RunData, column: &str) -> f64 {
    let good = run.trajectories.iter().filter(|trajectory| trajectory.ending.success).filter_map(|trajectory| trajectory.points(column));
    good.flatten().map(|(_, y)| y).filter(|y| y.is_finite()).fold(0.0, f64::max)
}

/// Says how trajectories ended that did not end well. What diverges leaves the figure: the axis ends at ten times the `largest` value of the others.
pub(super) fn endings(figure: &mut Figure, run: &RunData, largest: f64) {
    let failed: Vec<&TrajectoryData> = run.trajectories.iter().filter(|t| !t.ending.success && !t.ending.sentence.is_empty()).collect();
    for trajectory in failed.iter().take(2) {
        figure.notes.push(format!("{}: {}.", trajectory.name, trajectory.ending.sentence.trim_end_matches('.')));
    }
    if failed.len() > 2 {
        figure.notes.push(format!("{} more trajectories did not end as they should.", failed.len() - 2));
    }
    let beyond = figure.series.iter().flat_map(|series| &series.points).any(|(_, y)| *y > 10.0 * largest);
    if largest > 0.0 && beyond && !failed.is_empty() {
        figure.y.most = Some(10.0 * largest);
    }
}
