//! From `α = 1e-10`, the escape of the last mode comes when it is predicted.

use crate::setup::*;
use pgflow::config::Pair;
use pgflow::linalg::{Form, Matrix, multiply};

/// The first time at which `σ_r(FGᵀ) ≥ σ_r/2`, between samples by linear interpolation of the logarithm.
fn escape_time(record: &pgflow::simulation::RunRecord, name: &str, rank: usize, level: f64) -> f64 {
    let spectrum = &find(record, name).spectrum;
    let at = spectrum.iter().position(|row| row.values[rank - 1] >= level).expect("no escape");
    let (a, b) = (&spectrum[at - 1], &spectrum[at]);
    let (low, high) = (a.values[rank - 1].ln(), b.values[rank - 1].ln());
    a.t + (b.t - a.t) * (level.ln() - low) / (high - low)
}

/// `s₀ = 1/[(p₀p₀ᵀ)^{-1}]_{rr}` with `p₀ = ½(U_YᵀF₀ + V_YᵀG₀)`.
fn effective_start(y: &pgflow::problem::Target, start: &pgflow::dynamics::State) -> f64 {
    let p: Matrix = (multiply(Form::LeftTransposed, &y.left, start.left()) + multiply(Form::LeftTransposed, &y.right, start.right())) * 0.5;
    let gram = &p * p.transpose();
    let scale = gram.amax();
    1.0 / ((gram / scale).try_inverse().unwrap()[(y.rank() - 1, y.rank() - 1)] / scale)
}

#[test]
fn flow_and_descent_escape_when_predicted() {
    let (sigma, alpha, step) = (1.0f64, 1e-10, 0.05);
    let y = target(60, 50, &[2.0, 1.0], 1);
    let start = small_start(60, 50, 40, alpha, 2);
    let s0 = effective_start(&y, &start);
    let growth = |rate: f64| (sigma / s0 - 1.0).ln() / (2.0 * rate);
    let predicted_flow = growth(sigma);
    let predicted_descent = growth((step * sigma).ln_1p() / step);
    let instance = full_observation(y);
    let lab = Lab::new(1.3 * predicted_flow, 400).flow("dop853", Pair::Dop853, 1e-8).flow("dopri5", Pair::Dopri5, 1e-8).descent("gd", step);
    let record = lab.run(&instance, &start);
    for (name, predicted) in [("dop853", predicted_flow), ("dopri5", predicted_flow), ("gd", predicted_descent)] {
        let measured = escape_time(&record, name, 2, 0.5 * sigma);
        let ratio = measured / predicted;
        println!("{name}: escape at {measured:.4}, predicted {predicted:.4}, ratio {ratio:.5}");
        assert!((ratio - 1.0).abs() < 0.01, "{name}: {measured} against {predicted}");
    }
    // Error control relative to ‖Z‖ resolves the escape: the deviation from a much tighter run stays near the tolerance.
    let tight = Lab::new(1.3 * predicted_flow, 400).flow("tight", Pair::Dop853, 1e-12).flow("loose", Pair::Dop853, 1e-8).compare();
    let deviation = pgflow::simulation::sup_deviation(&tight.run(&instance, &start), "tight", "loose").unwrap();
    assert!(deviation < 1e-5, "{deviation:e}");
}

#[test]
fn under_sensing_the_ratio_is_a_rough_guide() {
    let y = target(20, 15, &[1.0, 0.5], 11);
    let start = small_start(20, 15, 15, 1e-10, 12);
    let s0 = effective_start(&y, &start);
    let predicted = (0.5 / s0 - 1.0).ln();
    let record = Lab::new(2.0 * predicted, 400).flow("flow", Pair::Dop853, 1e-8).run(&sensed(y, 900, 13), &start);
    let measured = escape_time(&record, "flow", 2, 0.25);
    println!("under sensing: escape at {measured:.3}, predicted {predicted:.3}, ratio {:.4}", measured / predicted);
    assert!(measured.is_finite() && measured > 0.0);
}
