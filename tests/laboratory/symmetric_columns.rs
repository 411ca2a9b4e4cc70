//! Perturbation and curvature columns of the symmetric model, recomputed from their definitions with dense matrices.

use crate::setup::*;
use pgflow::config::*;
use pgflow::linalg::{Matrix, frobenius, operator_norm, symmetric_eigen};
use pgflow::problem::Instance;
use pgflow::simulation::RunRecord;

const COLUMNS: [&str; 7] = [
    "perturbation",
    "perturbation_measurement",
    "perturbation_noise",
    "perturbation_motion",
    "perturbation_discretisation",
    "perturbation_imposed",
    "perturbation_integral",
];

fn lab(horizon: f64, samples: usize) -> Lab {
    let mut lab = Lab::new(horizon, samples);
    lab.experiment.record.observables = COLUMNS.iter().chain(&["residual_fro"]).map(|name| name.to_string()).collect();
    lab
}

/// An instance with noise, `y = A(Y) + e`.
fn noisy(seed: u64, size: f64) -> Instance {
    let mut instance = symmetric_sensed(semidefinite(7, &[1.0, 0.6], seed), 60, seed + 1);
    let noise: Vec<f64> = gaussian(60, 1, seed + 2).iter().map(|e| size * e).collect();
    instance.data.iter_mut().zip(&noise).for_each(|(y, e)| *y += e);
    instance.noise_adjoint = Some(instance.operator.adjoint(&noise));
    instance
}

/// `N`, `R` and `U` at sample `k`.
fn point(record: &RunRecord, name: &str, k: usize, instance: &Instance) -> (Matrix, Matrix, Matrix) {
    let u = find(record, name).snapshots.as_ref().unwrap().f[k].clone();
    let x = &u * u.transpose();
    let residual: Vec<f64> = instance.data.iter().zip(instance.operator.measure(&x)).map(|(y, x)| y - x).collect();
    (instance.operator.adjoint(&residual), &instance.target.as_ref().unwrap().matrix - x, u)
}

#[test]
fn the_parts_of_descents_perturbation_add_up_and_keep_within_the_budget() {
    let (step, identity) = (0.1, Matrix::identity(7, 7));
    for seed in 0..50 {
        let instance = noisy(10 * seed, 0.02);
        let width = if seed % 2 == 0 { 3 } else { 9 };
        let record = lab(4.0, 9).descent("gd", step).run(&instance, &small_symmetric_start(7, width, 0.3, 10 * seed + 5));
        let columns = COLUMNS.map(|name| column(&record, "gd", name));
        let noise = instance.noise_adjoint.as_ref().unwrap();
        for k in 0..9 {
            let (n, r, u) = point(&record, "gd", k, &instance);
            let mut worst = [0.0_f64; 5];
            for s in [0.0, 0.5 * step, step] {
                let inverse = (&identity + &n * s).try_inverse().unwrap();
                let moved = (&identity + &n * s) * &u;
                let later = &r - (&moved * moved.transpose() - &u * u.transpose());
                let parts = [&n - noise - &r, noise.clone(), &r - &later, &n * &n * &inverse * -s];
                let whole = &n * &inverse - &later;
                // The path is the perturbed flow: d/ds (I + sN)U = (R(s) + E(s)) U(s).
                assert!(((&later + &whole) * &moved - &n * &u).norm() < 1e-13 * (1.0 + u.norm()));
                let sum = &parts[0] + &parts[1] + &parts[2] + &parts[3];
                assert!(frobenius(&(sum - &whole)) < 1e-12 * (1.0 + frobenius(&whole)));
                worst[0] = worst[0].max(operator_norm(&whole));
                parts.iter().zip(&mut worst[1..]).for_each(|(part, worst)| *worst = worst.max(operator_norm(part)));
            }
            for (recorded, exact) in columns.iter().map(|column| column[k]).zip(worst) {
                assert!((recorded - exact).abs() < 1e-12, "{recorded} against {exact}");
            }
            assert_eq!(columns[5][k], 0.0, "nothing is imposed");
            let budget: f64 = (1..5).map(|part| columns[part][k]).sum();
            assert!(columns[0][k] <= budget + 1e-12, "seed {seed}, sample {k}: {} > {budget}", columns[0][k]);
        }
    }
}

#[test]
fn an_exponential_step_is_perturbed_by_what_its_own_motion_leaves() {
    let (step, identity) = (0.2, Matrix::identity(7, 7));
    let instance = noisy(4, 0.02);
    let lab = lab(4.0, 5).trajectory("exponential", "exponential", Method::Exponential { step });
    let record = lab.run(&instance, &small_symmetric_start(7, 4, 0.3, 9));
    let (total, discretisation) = (column(&record, "exponential", COLUMNS[0]), column(&record, "exponential", COLUMNS[4]));
    for (k, (total, discretisation)) in total.into_iter().zip(discretisation).enumerate() {
        let (n, r, u) = point(&record, "exponential", k, &instance);
        let worst = [0.0, 0.5 * step, step].map(|s| {
            let exponential = (1..=30).rev().fold(identity.clone(), |sum, j| &identity + &n * (s / f64::from(j)) * sum);
            let moved = exponential * &u;
            operator_norm(&(&n - (&r - (&moved * moved.transpose() - &u * u.transpose()))))
        });
        assert!((total - worst.into_iter().fold(0.0, f64::max)).abs() < 1e-13);
        assert_eq!(discretisation, 0.0);
    }
}

#[test]
fn a_flow_is_perturbed_by_its_measurements_noise_and_what_is_imposed() {
    let instance = noisy(3, 0.05);
    let start = small_symmetric_start(7, 5, 0.1, 8);
    let spec = bounded(Form::Shared, Law::Smooth { correlation_time: 1.5 }, 0.2);
    let record = lab(10.0, 21).flow("flow", Pair::Dop853, 1e-10).perturbed("perturbed", spec, 1e-10).run(&instance, &start);
    let noise = instance.noise_adjoint.as_ref().unwrap();
    for name in ["flow", "perturbed"] {
        let columns = COLUMNS.map(|column_name| column(&record, name, column_name));
        for (k, &imposed) in columns[5].iter().enumerate() {
            let (n, r, _) = point(&record, name, k, &instance);
            assert!((columns[1][k] - operator_norm(&(&n - &r - noise))).abs() < 1e-13);
            assert!((columns[2][k] - operator_norm(noise)).abs() < 1e-13);
            assert_eq!([columns[3][k], columns[4][k]], [0.0; 2]);
            let measured = operator_norm(&(&n - &r));
            if name == "flow" {
                assert!(imposed == 0.0 && (columns[0][k] - measured).abs() < 1e-13);
            } else {
                assert!(imposed > 0.0 && imposed <= 0.2 * (1.0 + 1e-12));
                assert!((columns[0][k] - measured).abs() <= imposed + 1e-13, "a triangle");
            }
        }
    }
}

#[test]
fn integrals_of_flow_and_descent_agree_with_fine_sums() {
    let instance = noisy(5, 0.05);
    let start = small_symmetric_start(7, 5, 0.1, 9);
    let horizon = 12.0;
    let run = |samples| lab(horizon, samples).flow("flow", Pair::Dop853, 1e-10).descent("gd", 0.01).run(&instance, &start);
    let (fine, coarse) = (run(1201), run(7));
    for name in ["flow", "gd"] {
        let norms = column(&fine, name, "perturbation");
        let sum: f64 = norms.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]) * 0.01).sum();
        let integral = column(&coarse, name, "perturbation_integral");
        assert!(integral[0] == 0.0 && integral.windows(2).all(|pair| pair[0] < pair[1]));
        let relative = (integral.last().unwrap() / sum - 1.0).abs();
        // Trapezoids of width 0.01; of descent the recorded norm is the largest of a step, first order in η.
        assert!(relative < if name == "gd" { 2e-2 } else { 4e-5 }, "{name}: {relative:e}");
    }
}

/// Only an eigenvalue of N at or below −1/η is in the way, not one above 1/η.
#[test]
fn where_a_step_turns_a_mode_around_the_perturbation_is_empty() {
    let instance = symmetric_full_observation(semidefinite(5, &[1.0], 3));
    let cell = |start, step| {
        let record = lab(2.0 * step, 3).descent("gd", step).run(&instance, &start);
        let index = record.columns.iter().position(|name| name == "perturbation").unwrap();
        (find(&record, "gd").rows[0].values[index], find(&record, "gd").warnings.clone())
    };
    let (defined, warnings) = cell(small_symmetric_start(5, 2, 1e-3, 4), 1.5);
    // E(s) = N(I + sN)⁻¹ − R(s), largest at the end: λ = 1 becomes 1/2.5, and the mode's residual falls by what it gains.
    assert!((defined.unwrap() - 0.6).abs() < 1e-3, "{defined:?} {warnings:?}");
    let large = pgflow::dynamics::State::from_symmetric_factor(Matrix::identity(5, 5) * 1.2);
    let (empty, warnings) = cell(large, 1.0);
    assert!(empty.is_none() && warnings.iter().any(|warning| warning.contains("first at step 0")), "{warnings:?}");
}

#[test]
fn curvature_is_that_of_dense_hessians() {
    let instance = symmetric_sensed(semidefinite(6, &[1.0, 0.6], 1), 40, 2);
    let mut lab = Lab::new(12.0, 7).flow("flow", Pair::Dop853, 1e-9).descent("gd", 0.1);
    lab.experiment.record.observables = ["sharpness", "curvature_min"].map(String::from).to_vec();
    let record = lab.run(&instance, &small_symmetric_start(6, 3, 0.1, 3));
    let apply = |x: &Matrix| instance.operator.adjoint(&instance.operator.measure(x));
    for name in ["flow", "gd"] {
        let (most, least) = (column(&record, name, "sharpness"), column(&record, name, "curvature_min"));
        for k in 0..7 {
            let (n, _, u) = point(&record, name, k, &instance);
            let columns: Vec<_> = (0..18)
                .map(|j| {
                    let mut direction = Matrix::zeros(6, 3);
                    direction[j] = 1.0;
                    let image = apply(&(&direction * u.transpose() + &u * direction.transpose())) * &u - &n * &direction;
                    nalgebra::DVector::from_column_slice(image.as_slice())
                })
                .collect();
            let hessian = Matrix::from_columns(&columns);
            let values = symmetric_eigen(&((&hessian + hessian.transpose()) * 0.5)).unwrap().values;
            let tolerance = 1e-3 * values[0].abs().max(values[17].abs());
            assert!((most[k] - values[17]).abs() < tolerance, "{name} {k}");
            // The search promises nearness to some eigenvalue, from inside: where the least ones crowd at zero, it need not be the least.
            let nearest = values.iter().map(|value| (value - least[k]).abs()).fold(f64::INFINITY, f64::min);
            assert!(least[k] >= values[0] - 1e-12 && nearest < tolerance, "{name} {k}: {} among {values:?}", least[k]);
        }
    }
}
