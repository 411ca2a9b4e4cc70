//! Gradient descent as a perturbed flow: the law `descent` reproduces it.

use crate::setup::*;
use pgflow::dynamics::State;
use pgflow::problem::Instance;
use pgflow::simulation::{Outcome, RunRecord};

fn states(record: &RunRecord, name: &str) -> Vec<State> {
    let snapshots = find(record, name).snapshots.as_ref().unwrap();
    snapshots.f.iter().zip(&snapshots.g).map(|(f, g)| State::from_factors(f, g)).collect()
}

/// The largest relative distance of the factors over all steps.
fn distance(record: &RunRecord) -> f64 {
    let (flow, descent) = (states(record, "as_descent"), states(record, "gd"));
    assert_eq!(flow.len(), descent.len());
    flow.iter().zip(&descent).map(|(a, b)| (a.matrix() - b.matrix()).norm() / b.norm()).fold(0.0, f64::max)
}

/// 200 steps of 0.1, every one recorded.
fn run(instance: &Instance, start: &State) -> RunRecord {
    Lab::new(20.0, 201).perturbed("as_descent", as_descent(0.1), 1e-12).descent("gd", 0.1).run(instance, start)
}

#[test]
fn the_flow_under_descents_own_perturbation_is_descent() {
    for (width, scale, seed) in [(3, 0.3, 1), (3, 1e-3, 2), (7, 0.3, 3), (12, 0.3, 4), (12, 1e-3, 5)] {
        let instance = sensed(target(9, 7, &[1.0, 0.6], seed), 160, 10 + seed);
        let record = run(&instance, &small_start(9, 7, width, scale, 20 + seed));
        let worst = distance(&record);
        assert!(worst < 1e-8, "width {width}, scale {scale}: {worst:e}");
        // It is not the plain flow.
        let drift = column(&record, "as_descent", "imbalance_drift").into_iter().fold(0.0, f64::max);
        assert!(drift > 1e-7, "width {width}: {drift:e}");
    }
}

#[test]
fn noisy_data_make_no_difference() {
    let mut instance = sensed(target(9, 7, &[1.0, 0.6], 1), 160, 11);
    let noise = gaussian(160, 1, 5) * 0.02;
    instance.data.iter_mut().zip(noise.iter()).for_each(|(y, e)| *y += e);
    let worst = distance(&run(&instance, &small_start(9, 7, 8, 0.1, 21)));
    assert!(worst < 1e-8, "{worst:e}");
}

#[test]
fn between_its_steps_the_flow_is_the_chord() {
    let instance = sensed(target(9, 7, &[1.0, 0.6], 1), 160, 11);
    let start = small_start(9, 7, 8, 0.1, 21);
    // Recording times inside the steps: the linear interpolant of descent.
    let record = Lab::new(2.05, 42).perturbed("as_descent", as_descent(0.1), 1e-12).run(&instance, &start);
    let descent = states(&Lab::new(2.1, 22).descent("gd", 0.1).run(&instance, &start), "gd");
    for (k, state) in states(&record, "as_descent").iter().enumerate() {
        let (before, after) = (&descent[k / 2], &descent[k.div_ceil(2)]);
        let expected = (before.matrix() + after.matrix()) * 0.5;
        let deviation = (state.matrix() - &expected).norm() / expected.norm();
        assert!(deviation < 1e-9, "sample {k}: {deviation:e}");
    }
}

#[test]
fn a_step_that_no_lifted_perturbation_reproduces_ends_the_flow_with_the_reason() {
    let instance = full_observation(target(6, 5, &[2.0, 1.0], 1));
    let start = small_start(6, 5, 4, 1e-3, 2);
    let record = Lab::new(4.0, 5).perturbed("x", as_descent(0.6), 1e-9).run(&instance, &start);
    let trajectory = find(&record, "x");
    // ‖N_0‖ ≈ 2, so that the first step has 1.2.
    assert_eq!(trajectory.outcome, Some(Outcome::NonFinite { t: 0.0 }));
    assert!(trajectory.warnings[0].contains("step·‖N_k‖ < 1, and step 0 has 1.2"), "{:?}", trajectory.warnings);
}
