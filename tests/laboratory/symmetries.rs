//! Symmetries that descent has exactly and the flow up to its tolerance.

use crate::setup::*;
use pgflow::config::Pair;
use pgflow::dynamics::State;
use pgflow::linalg::Matrix;
use pgflow::problem::{Instance, Target};
use pgflow::sensing::Dense;

const STEP: f64 = 0.05;

fn lab(time_scale: f64) -> Lab {
    Lab::new(10.0 * time_scale, 21).flow("flow", Pair::Dop853, 1e-12).descent("gd", STEP * time_scale)
}

fn problem() -> (Instance, State) {
    (sensed(target(8, 7, &[1.0, 0.6], 1), 120, 2), small_start(8, 7, 5, 0.3, 3))
}

/// Largest deviation of `FGᵀ` between two runs, the second mapped back.
fn deviation(a: &pgflow::simulation::RunRecord, b: &pgflow::simulation::RunRecord, name: &str, back: impl Fn(Matrix) -> Matrix) -> f64 {
    (0..21).map(|k| (product(a, name, k) - back(product(b, name, k))).norm() / product(a, name, k).norm()).fold(0.0, f64::max)
}

fn check(b: &pgflow::simulation::RunRecord, back: impl Fn(Matrix) -> Matrix) {
    let (instance, start) = problem();
    let a = lab(1.0).run(&instance, &start);
    let (flow, descent) = (deviation(&a, b, "flow", &back), deviation(&a, b, "gd", &back));
    assert!(descent < 1e-12, "descent: {descent:e}");
    assert!(flow < 1e-10, "flow: {flow:e}");
}

#[test]
fn rotating_the_factors_changes_nothing() {
    let (instance, start) = problem();
    let q = orthonormal(5, 5, 9);
    let rotated = State::from_factors(&(start.left().to_matrix() * &q), &(start.right().to_matrix() * &q));
    check(&lab(1.0).run(&instance, &rotated), |x| x);
}

#[test]
fn scaling_the_target_scales_time_and_factors() {
    let (instance, start) = problem();
    let c = 2.5;
    let y = instance.target.clone().unwrap();
    let scaled = Target { matrix: &y.matrix * c, values: y.values.iter().map(|s| s * c).collect(), ..y };
    let instance = Instance { data: instance.data.iter().map(|y| y * c).collect(), target: Some(scaled), ..instance };
    let mut start = start;
    start.as_mut_slice().iter_mut().for_each(|z| *z *= c.sqrt());
    check(&lab(1.0 / c).run(&instance, &start), |x| x / c);
}

#[test]
fn transposition_exchanges_the_factors() {
    let (instance, start) = problem();
    let y = instance.target.clone().unwrap();
    let transposed = Target { matrix: y.matrix.transpose(), left: y.right, right: y.left, values: y.values };
    let rows: Vec<f64> = (0..120).flat_map(|i| instance.operator.row(i).transpose().as_slice().to_vec()).collect();
    let operator = Dense::from_rows(7, 8, 120, &rows).unwrap();
    let swapped = State::from_factors(&start.right().to_matrix(), &start.left().to_matrix());
    check(&lab(1.0).run(&with_operator(transposed, Box::new(operator)), &swapped), |x| x.transpose());
}

#[test]
fn full_observation_is_equivariant_under_rotations_of_the_sides() {
    let y = target(8, 7, &[1.0, 0.6], 1);
    let start = small_start(8, 7, 5, 0.3, 3);
    let (p, o) = (orthonormal(8, 8, 4), orthonormal(7, 7, 5));
    let turned = Target { matrix: &p * &y.matrix * o.transpose(), left: &p * &y.left, right: &o * &y.right, values: y.values.clone() };
    let turned_start = State::from_factors(&(&p * start.left().to_matrix()), &(&o * start.right().to_matrix()));
    let a = lab(1.0).run(&full_observation(y), &start);
    let b = lab(1.0).run(&full_observation(turned), &turned_start);
    let back = |x: Matrix| p.transpose() * x * &o;
    assert!(deviation(&a, &b, "gd", back) < 1e-12);
    assert!(deviation(&a, &b, "flow", back) < 1e-10);
}
