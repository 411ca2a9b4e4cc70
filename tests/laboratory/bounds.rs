//! Measured deviations against the a-posteriori bounds, and certified flows against the exact ones.

use crate::determinism::interrupted;
use crate::setup::*;
use pgflow::config::*;
use pgflow::dynamics::State;
use pgflow::linalg::operator_norm;
use pgflow::problem::Instance;
use pgflow::sensing::normal_operator_norm;
use pgflow::simulation::RunRecord;

/// Sensing of a 6 × 5 matrix of rank 2, some with noise, from starts of three sizes.
fn random_instance(seed: u64) -> (Instance, State) {
    let mut instance = sensed(target(6, 5, &[1.0, 0.4 + 0.025 * seed as f64], 10 * seed), 60, seed);
    if seed.is_multiple_of(3) {
        let noise: Vec<f64> = gaussian(60, 1, seed).iter().map(|x| 0.005 * x).collect();
        instance.data.iter_mut().zip(&noise).for_each(|(y, e)| *y += e);
        instance.noise_adjoint = Some(instance.operator.adjoint(&noise));
    }
    let start = small_start(6, 5, 2 + seed as usize % 4, [0.3, 0.1, 0.01][seed as usize % 3], 7 * seed);
    (instance, start)
}

fn bounded_lab() -> Lab {
    let tolerance = ToleranceSpec { rtol: 1e-11, atol: 0.0, norm: ErrorNorm::Factors };
    let integrator = FlowMethod::Adaptive { pair: Pair::Dop853, tolerance };
    let mut lab = Lab::new(8.0, 41).flow("flow", Pair::Dop853, 1e-11);
    lab = lab.descent("descent", 0.02).trajectory("exponential", "exponential", Method::Exponential { step: 0.02 });
    lab = lab.trajectory("modified", "modified", Method::ModifiedFlow { step: 0.02, integrator });
    let relative =
        |law, relative_to| PerturbationSpec { bound: Some(BoundSpec { bound: 0.01, relative_to }), ..bounded(Form::Shared, law, 0.0) };
    lab = lab.perturbed("constant", relative(Law::Constant { direction: Direction::Flat }, RelativeTo::Absolute), 1e-11);
    lab = lab.perturbed("piecewise", relative(Law::Piecewise { interval: 0.7 }, RelativeTo::Absolute), 1e-11);
    lab =
        lab.perturbed("adversary", relative(Law::Adversarial { against: Against::Residual, smoothing: 1e-2 }, RelativeTo::Residual), 1e-11);
    let additive = PerturbationSpec { form: Form::Additive, ..relative(Law::Rotating { period: 3.0 }, RelativeTo::Absolute) };
    lab = lab.perturbed("additive", additive, 1e-11).compare();
    lab.experiment.comparisons[0].bound = true;
    lab.experiment.record.snapshots = false;
    lab
}

#[test]
fn no_deviation_exceeds_its_bound_on_twenty_instances() {
    let (mut vacuous, mut rows_seen, mut heuristic_exceeded) = (0, 0, 0);
    for seed in 0..20 {
        let (instance, start) = random_instance(seed);
        let record = bounded_lab().run(&instance, &start);
        let mut useful = 0;
        for row in &record.comparison {
            let deviation = row.factor_deviation.unwrap();
            // Rounding errors of both trajectories are no part of the bound.
            let rounding = 1e-9;
            match row.bound {
                Some(bound) => assert!(
                    deviation <= bound + rounding,
                    "{} at t = {}: {deviation:e} exceeds {bound:e}, seed {seed}",
                    row.trajectory,
                    row.t
                ),
                None => vacuous += 1,
            }
            heuristic_exceeded += i32::from(row.bound_first_order.is_some_and(|estimate| deviation > estimate + rounding));
            useful += i32::from(row.t > 0.0 && row.bound.is_some_and(|bound| bound < 0.1));
        }
        rows_seen += record.comparison.len();
        assert!(useful > 20, "some bounds say something: {useful}, seed {seed}");
    }
    println!("{rows_seen} rows, {vacuous} without a finite bound, first-order estimate exceeded in {heuristic_exceeded}");
    assert_eq!(rows_seen, 20 * 7 * 41);
}

#[test]
fn a_bound_with_the_sign_of_the_curvature_flipped_fails() {
    use pgflow::theory::{CurvatureAt, DefectUntil, Envelope, deviation_bound, envelopes, gauss_newton_bound};
    let mut exceeded = 0;
    for seed in 0..20 {
        let (instance, start) = random_instance(seed);
        let mut lab = Lab::new(8.0, 401).flow("flow", Pair::Dop853, 1e-11).descent("descent", 0.02).compare();
        lab.experiment.record.observables = ["sharpness", "curvature_min"].map(String::from).to_vec();
        let record = lab.run(&instance, &start);
        let normal = normal_operator_norm(instance.operator.as_ref(), 1e-6, 0).unwrap().value * (1.0 + 1e-6);
        let at = |name: &str, k: usize| {
            let snapshots = find(&record, name).snapshots.as_ref().unwrap();
            State::from_factors(&snapshots.f[k], &snapshots.g[k])
        };
        let (sharpness, least) = (column(&record, "flow", "sharpness"), column(&record, "flow", "curvature_min"));
        let curvature: Vec<CurvatureAt> = (0..401)
            .map(|k| {
                let state = at("flow", k);
                let drive = operator_norm(&answer(&instance, &state).matrix);
                let [left, right] = [state.left(), state.right()].map(|factor| operator_norm(&factor.to_matrix()));
                let gauss_newton = gauss_newton_bound(sharpness[k], drive, normal, left, right);
                CurvatureAt { t: find(&record, "flow").rows[k].t, curvature_min: least[k], gauss_newton }
            })
            .collect();
        let rate = |k: usize| {
            let state = at("descent", k);
            let n = answer(&instance, &state).matrix;
            (&n * state.right().to_matrix(), n.transpose() * state.left().to_matrix())
        };
        let defects: Vec<DefectUntil> = (0..400_u32)
            .map(|k| {
                let ((f0, g0), (f1, g1)) = (rate(k as usize), rate(k as usize + 1));
                DefectUntil { until: 0.02 * f64::from(k + 1), largest: (f1 - f0).norm().hypot((g1 - g0).norm()) }
            })
            .collect();
        let found = envelopes(&curvature, &defects, normal, &[]);
        let flipped: Vec<Envelope> = found.envelopes.iter().map(|e| Envelope { curvature_min: -e.curvature_min, ..*e }).collect();
        let [right, wrong] = [&found.envelopes, &flipped].map(|envelopes| deviation_bound(0.0, envelopes));
        let exceeds = |bound: &[f64]| {
            let mut rows = record.comparison.iter();
            rows.any(|row| found.position(row.t).is_some_and(|i| row.factor_deviation.unwrap() > bound[i] + 1e-9))
        };
        assert!(!exceeds(&right), "seed {seed}");
        exceeded += i32::from(exceeds(&wrong));
    }
    println!("with the sign flipped, exceeded on {exceeded} of 20");
    assert!(exceeded >= 10, "a bound with the wrong sign of the curvature must fail: {exceeded}");
}

/// A flow with `certify`, and its record.
fn certified(instance: &Instance, start: &State, method: Method) -> RunRecord {
    let mut lab = Lab::new(20.0, 201).trajectory("flow", "flow", method);
    lab.experiment.trajectories[0].certify = true;
    lab.run(instance, start)
}

#[test]
fn a_certified_flow_lies_within_its_error_bound() {
    let adaptive =
        |pair, rtol| Method::Flow(FlowMethod::Adaptive { pair, tolerance: ToleranceSpec { rtol, atol: 0.0, norm: ErrorNorm::Factors } });
    let methods = [adaptive(Pair::Dop853, 1e-6), adaptive(Pair::Dopri5, 1e-6), Method::Flow(FlowMethod::Rk4 { step: 0.05 })];
    for seed in 0..4 {
        let (instance, start) = random_instance(seed);
        let exact = Lab::new(20.0, 201).flow("flow", Pair::Dop853, 1e-13).run(&instance, &start);
        for method in &methods {
            let record = certified(&instance, &start, method.clone());
            let (computed, bound) = (find(&record, "flow"), find(&record, "flow").error_bound.unwrap());
            assert_eq!(bound.t, 20.0);
            let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
            let factors = |k: usize| {
                let (a, b) = (computed.snapshots.as_ref().unwrap(), find(&exact, "flow").snapshots.as_ref().unwrap());
                (&a.f[k] - &b.f[k]).norm().hypot((&a.g[k] - &b.g[k]).norm())
            };
            let error = largest(&mut (0..201).map(factors));
            let products = largest(&mut (0..201).map(|k| (product(&record, "flow", k) - product(&exact, "flow", k)).norm()))
                / largest(&mut (0..201).map(|k| product(&exact, "flow", k).norm()));
            println!(
                "seed {seed}, {}: error {error:.2e} bound {:.2e}; products {products:.2e} {:.2e}",
                computed.method, bound.factors, bound.product
            );
            assert!(error <= bound.factors && products <= bound.product * (1.0 + 1e-6), "seed {seed}, {method:?}: {error:e} {bound:?}");
            assert!(error > 1e-11, "the error is the integrator's, not rounding: {error:e}");
            assert!(bound.product < 1.0, "not vacuous: {bound:?}");
        }
    }
}

#[test]
fn bounds_are_the_same_after_an_interruption() {
    let (instance, start) = random_instance(1);
    let mut lab = bounded_lab();
    lab.experiment.trajectories[0].certify = true;
    let undisturbed = lab.run(&instance, &start);
    let resumed = interrupted(&lab, &instance, &start, &[40, 7, 200]);
    assert_eq!(undisturbed.comparison, resumed.comparison);
    assert_eq!(find(&undisturbed, "flow").error_bound, find(&resumed, "flow").error_bound);
}
