//! Deviations from a reference: over time, with their bounds, and their largest against the step size.

use super::build::{distinct, endings, time};
use super::figure::{Axis, Figure, Key, Outcome, Series, Stroke};
use super::run::{ComparisonData, RunData, TrajectoryData};
use crate::simulation::OrderFit;

/// How far beyond the largest deviation the axis goes for the sake of bounds: beyond it they are vacuous.
const VACUOUS: f64 = 1e3;

/// How far below the points lines of slopes 1 and 2 begin.
const GUIDE: f64 = 0.6;

pub(super) fn figures(run: &RunData) -> Vec<Outcome> {
    let mut references: Vec<&str> = Vec::new();
    for comparison in &run.comparisons {
        if !references.contains(&comparison.reference.as_str()) {
            references.push(&comparison.reference);
        }
    }
    if references.is_empty() {
        return vec![Outcome::Skipped("deviation".into(), "comparison.csv has no row; add [[compare]] to the configuration".into())];
    }
    let mut all: Vec<Outcome> = references
        .iter()
        .enumerate()
        .flat_map(|(k, reference)| [product(run, reference, k), bounds(run, reference, k)])
        .flatten()
        .collect();
    let kinds: Vec<&str> = run.orders.iter().map(|fit| fit.reference.as_str()).fold(Vec::new(), |mut known, reference| {
        if !known.contains(&reference) {
            known.push(reference);
        }
        known
    });
    all.extend(kinds.iter().enumerate().map(|(k, reference)| order(run, reference, k)));
    if kinds.is_empty() {
        let why = "an order needs descents with two step sizes that ended well and deviate from their reference";
        all.push(Outcome::Skipped("deviation_order".into(), why.into()));
    }
    all
}

fn numbered(id: &str, k: usize) -> String {
    if k == 0 { id.to_owned() } else { format!("{id}_{}", k + 1) }
}

fn members<'a>(run: &'a RunData, reference: &'a str) -> impl Iterator<Item = &'a ComparisonData> {
    run.comparisons.iter().filter(move |comparison| comparison.reference == reference)
}

fn axis(run: &RunData, reference: &str) -> Axis {
    let of = |name: &str| run.trajectories.iter().find(|trajectory| trajectory.name == name);
    let compared = members(run, reference).filter_map(|comparison| of(&comparison.trajectory));
    let trajectories: Vec<&TrajectoryData> = of(reference).into_iter().chain(compared).collect();
    time(&trajectories)
}

fn largest(points: &[(f64, f64)]) -> f64 {
    points.iter().map(|(_, y)| *y).filter(|y| y.is_finite()).fold(0.0, f64::max)
}

/// Of the products.
fn product(run: &RunData, reference: &str, k: usize) -> Option<Outcome> {
    let title = format!("{}: deviation of the product from {reference}", run.name);
    let label = "deviation ‖FGᵀ − F′G′ᵀ‖_{F}";
    let mut figure = Figure::new(numbered("deviation", k), title, axis(run, reference), Axis::log(label));
    let count = members(run, reference).count();
    for (colour, comparison) in members(run, reference).enumerate() {
        let series = Series::line(&comparison.trajectory, comparison.deviation.clone());
        figure.series.push(if distinct(count) { series.look(colour) } else { series.colour(colour) });
    }
    figure.notes.push(format!("F′, G′: {reference}."));
    let well = |comparison: &&ComparisonData| {
        run.trajectories.iter().any(|trajectory| trajectory.name == comparison.trajectory && trajectory.ending.success)
    };
    let good = members(run, reference).filter(well).map(|comparison| largest(&comparison.deviation)).fold(0.0, f64::max);
    endings(&mut figure, run, good);
    Some(figure.or_skipped(&format!("no trajectory deviates from {reference}")))
}

/// Of the factors, which is what bounds are about; `None` where there are no bounds.
fn bounds(run: &RunData, reference: &str, k: usize) -> Option<Outcome> {
    let title = format!("{}: deviation of the factors from {reference}, and its bound", run.name);
    let label = "deviation ‖Z − Z′‖_{F}, Z = [F; G]";
    let mut figure = Figure::new(numbered("deviation_bound", k), title, axis(run, reference), Axis::log(label));
    let known = |points: &[(f64, f64)]| points.iter().any(|(_, y)| y.is_finite() && *y > 0.0);
    let mut most = 0.0_f64;
    for (number, comparison) in members(run, reference).enumerate().filter(|(_, comparison)| known(&comparison.bound)) {
        let name = &comparison.trajectory;
        let line = |label: String, points: &[(f64, f64)]| Series::line(label, points.to_vec()).colour(number).marker(number);
        most = most.max(largest(&comparison.factors));
        figure.series.push(line(name.clone(), &comparison.factors));
        figure.series.push(line(format!("{name}, bound"), &comparison.bound).dashes(1).key(""));
        if known(&comparison.first_order) {
            figure.series.push(line(format!("{name}, first-order estimate"), &comparison.first_order).dashes(2).key(""));
        }
    }
    if figure.series.is_empty() {
        return None;
    }
    let meaning = [("measured", 0), ("a-posteriori bound", 1), ("first-order estimate, no bound", 2)];
    figure.keys = meaning.map(|(label, dashes)| Key { label: label.into(), dashes }).into();
    figure.notes.push(format!("Z′: {reference}."));
    if most > 0.0 && figure.series.iter().any(|series| largest(&series.points) > VACUOUS * most) {
        figure.y.most = Some(VACUOUS * most);
        figure.notes.push("A bound that leaves through the upper edge is more than 1000 times the largest deviation.".into());
    }
    Some(figure.or_skipped(&format!("no trajectory deviates from {reference}")))
}

/// The largest deviation against the step size: points, lines through them, and lines of slopes 1 and 2.
fn order(run: &RunData, reference: &str, k: usize) -> Outcome {
    let title = format!("{}: largest deviation from {reference} against the step size", run.name);
    let label = "max_{t} ‖FGᵀ − F′G′ᵀ‖_{F}";
    let mut figure = Figure::new(numbered("deviation_order", k), title, Axis::log("step size η"), Axis::log(label));
    let fits: Vec<&OrderFit> = run.orders.iter().filter(|fit| fit.reference == reference).collect();
    for (number, fit) in fits.iter().enumerate() {
        let name = &fit.family;
        figure.series.push(Series::line(name, fit.points.clone()).stroke(Stroke::Dots).colour(number).marker(number));
        let distinct = count_distinct(&fit.points);
        let what = if distinct > 2 { format!("fitted slope {:.3}", fit.slope) } else { format!("slope {:.3} of two points", fit.slope) };
        figure.series.push(Series::line(format!("{name}: {what}"), fitted(fit)).colour(number));
    }
    if let Some(fit) = fits.first() {
        figure.series.extend([(1.0, 1), (2.0, 2)].map(|(order, dashes)| guide(&fit.points, order, dashes)));
    }
    figure.notes.push(format!("F′, G′: {reference}."));
    figure.or_skipped("no deviation is positive")
}

fn count_distinct(points: &[(f64, f64)]) -> usize {
    let mut steps: Vec<f64> = points.iter().map(|(step, _)| *step).collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    steps.len()
}

/// The least-squares line through the logarithms, of the slope that was fitted, at the points' step sizes.
fn fitted(fit: &OrderFit) -> Vec<(f64, f64)> {
    let n = fit.points.len() as f64;
    let (x, y) = fit.points.iter().fold((0.0, 0.0), |sum, (step, deviation)| (sum.0 + step.ln() / n, sum.1 + deviation.ln() / n));
    fit.points.iter().map(|(step, _)| (*step, (y + fit.slope * (step.ln() - x)).exp())).collect()
}

/// A line of given slope, below the point of the largest step size, so that it does not hide behind what is measured.
fn guide(points: &[(f64, f64)], order: f64, dashes: usize) -> Series {
    let (x, y) = points.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((1.0, 1.0));
    let points = points.iter().map(|point| (point.0, GUIDE * y * (point.0 / x).powf(order))).collect();
    Series::line(format!("slope {order}"), points).stroke(Stroke::Guide).dashes(dashes)
}
