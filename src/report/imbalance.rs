//! The imbalance and its drift, with what is known of them exactly (THEORY 3.1, 3.5).

use super::build::{all, distinct, endings, largest, time};
use super::figure::{Axis, Figure, Key, Level, Outcome, Series, Stroke};
use super::run::{RunData, TrajectoryData};
use super::scale::short;

/// With more trajectories than these, laws would hide the drifts.
const FEW: usize = 6;
/// The most levels of `‖Λ₀‖`.
const LEVELS: usize = 3;

/// `‖Λ‖`: constant for flows.
pub(super) fn imbalance(run: &RunData) -> Outcome {
    let title = format!("{}: imbalance", run.name);
    let mut figure = Figure::new("imbalance", title, time(&all(run)), Axis::log("imbalance ‖Λ‖_{op}, Λ = FᵀF − GᵀG"));
    let mut starts: Vec<f64> = Vec::new();
    for (k, trajectory) in run.trajectories.iter().enumerate() {
        let Some(points) = trajectory.points("imbalance") else { continue };
        starts.extend(points.first().map(|(_, y)| *y).filter(|y| trajectory.conserves_imbalance && *y > 0.0));
        let series = Series::line(&trajectory.name, points);
        figure.series.push(if distinct(run.trajectories.len()) { series.look(k) } else { series.colour(k) });
    }
    starts.sort_by(f64::total_cmp);
    starts.dedup();
    if starts.len() <= LEVELS {
        let level =
            |(k, y): (usize, &f64)| Level { label: format!("exact law of flows: ‖Λ₀‖ = {}", short(*y)), y: *y, dashes: 2 + k };
        figure.levels.extend(starts.iter().enumerate().map(level));
    }
    endings(&mut figure, run, largest(run, "imbalance"));
    figure.or_skipped("no trajectory has a positive imbalance; record it (the symmetric model has none)")
}

/// `‖Λ − Λ₀‖`: zero for flows, a sum over the steps for descents.
pub(super) fn drift(run: &RunData) -> Outcome {
    let title = format!("{}: drift of the imbalance", run.name);
    let mut figure = Figure::new("imbalance_drift", title, time(&all(run)), Axis::log("drift of the imbalance ‖Λ − Λ₀‖_{op}"));
    let few = run.trajectories.len() <= FEW;
    for (k, trajectory) in run.trajectories.iter().enumerate() {
        let Some(points) = trajectory.points("imbalance_drift") else { continue };
        let series = Series::line(&trajectory.name, points).colour(k);
        figure.series.push(match run.trajectories.len() {
            // Dashes tell laws.
            _ if few => series.marker(k),
            some if distinct(some) => series.look(k),
            _ => series,
        });
        if few {
            beside(trajectory, k, &mut figure);
        }
    }
    if run.trajectories.iter().any(|trajectory| trajectory.conserves_imbalance && trajectory.points("imbalance_drift").is_some()) {
        figure.notes.push("Exact law of flows: no drift. What is seen of it there is the integrator's error and round-off.".into());
    }
    endings(&mut figure, run, largest(run, "imbalance_drift"));
    figure.or_skipped("no trajectory has a positive drift; record imbalance_drift (the symmetric model has none)")
}

/// The exact law of a descent, or where it was not summed, what it amounts to at most.
fn beside(trajectory: &TrajectoryData, k: usize, figure: &mut Figure) {
    let law = "exact law ‖Ση²(GᵀNᵀNG − FᵀNNᵀF)‖_{op}";
    let (points, label, dashes) = match bound(trajectory) {
        _ if !trajectory.imbalance_law.is_empty() => (trajectory.imbalance_law.clone(), law, 2),
        Some(points) => (points, "2η(f₀ − f), its bound where ηL ≤ 1", 1),
        None => return,
    };
    let series = Series::line(format!("{}, {label}", trajectory.name), points).key("").dashes(dashes);
    // The law lies on what is measured: seen as dots on the line.
    figure.series.push(if dashes == 2 { series.stroke(Stroke::Emphasis) } else { series.colour(k).marker(k) });
    for key in [Key { label: "measured".into(), dashes: 0 }, Key { label: label.into(), dashes }] {
        if !figure.keys.contains(&key) {
            figure.keys.push(key);
        }
    }
}

/// What the exact law `Λ_{k+1} − Λ_k = η²(GᵀNᵀNG − FᵀNNᵀF)` amounts to at most: its norm is at most `η²‖∇f‖²`, and a step loses at least `(η/2)‖∇f‖²` of `f`
/// where `η` is at most the inverse of the gradient's Lipschitz constant between the iterates.
fn bound(trajectory: &TrajectoryData) -> Option<Vec<(f64, f64)>> {
    let step = trajectory.step.filter(|_| trajectory.method == "gradient_descent")?;
    let loss = trajectory.points("loss")?;
    let first = loss.first()?.1;
    Some(loss.into_iter().map(|(t, f)| (t, 2.0 * step * (first - f))).collect())
}
