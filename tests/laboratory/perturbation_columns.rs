//! The perturbation columns: exact parts, the budget, integrals, signal and nuisance; all recomputed from their definitions.

use crate::setup::*;
use pgflow::config::{Method, Pair};
use pgflow::linalg::{Matrix, frobenius, largest, operator_norm};
use pgflow::observe::{Motion, Sample, StepPath, budget};
use pgflow::problem::Instance;
use pgflow::sensing::Answer;
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
    let more = COLUMNS.iter().chain(&["signal_min", "signal_gap", "nuisance_left", "nuisance_right", "misalignment", "phase"]);
    for column in more.map(|column| column.to_string()) {
        if !lab.experiment.record.observables.contains(&column) {
            lab.experiment.record.observables.push(column);
        }
    }
    lab
}

/// An instance with noise, `y = A(Y) + e`.
fn noisy(seed: u64, size: f64) -> Instance {
    let mut instance = sensed(target(7, 6, &[1.0, 0.6], seed), 90, seed + 1);
    let noise: Vec<f64> = gaussian(90, 1, seed + 2).iter().map(|e| size * e).collect();
    instance.data.iter_mut().zip(&noise).for_each(|(y, e)| *y += e);
    instance.noise_adjoint = Some(instance.operator.adjoint(&noise));
    instance
}

fn sym(x: &Matrix) -> Matrix {
    let (rows, cols) = x.shape();
    let mut lifted = Matrix::zeros(rows + cols, rows + cols);
    lifted.view_mut((0, rows), (rows, cols)).copy_from(x);
    lifted.view_mut((rows, 0), (cols, rows)).copy_from(&x.transpose());
    lifted
}

/// `N`, `R` and `Z` at sample `k`.
fn point(record: &RunRecord, name: &str, k: usize, instance: &Instance) -> (Matrix, Matrix, Matrix) {
    let snapshots = find(record, name).snapshots.as_ref().unwrap();
    let (f, g) = (&snapshots.f[k], &snapshots.g[k]);
    let x = f * g.transpose();
    let residual: Vec<f64> = instance.data.iter().zip(instance.operator.measure(&x)).map(|(y, x)| y - x).collect();
    let mut z = Matrix::zeros(f.nrows() + g.nrows(), f.ncols());
    z.rows_mut(0, f.nrows()).copy_from(f);
    z.rows_mut(f.nrows(), g.nrows()).copy_from(g);
    (instance.operator.adjoint(&residual), &instance.target.as_ref().unwrap().matrix - x, z)
}

/// The parts of `𝓔(s)` of a descent step as matrices: measurement, noise, motion, discretisation; and `𝓔(s)` from its definition
/// `M(I + sM)^{-1} − sym(R(s))`, by a dense inverse.
fn parts(n: &Matrix, r: &Matrix, z: &Matrix, noise: &Matrix, s: f64) -> ([Matrix; 4], Matrix) {
    let (rows, cols) = n.shape();
    let m = sym(n);
    let identity = Matrix::identity(rows + cols, rows + cols);
    let inverse = (&identity + &m * s).try_inverse().unwrap();
    let moved = (&identity + &m * s) * z;
    let x = |z: &Matrix| z.rows(0, rows) * z.rows(rows, cols).transpose();
    let residual = r - (x(&moved) - x(z));
    let parts = [sym(&(n - noise - r)), sym(noise), sym(&(r - &residual)), &m * &m * &inverse * -s];
    (parts, &m * inverse - sym(&residual))
}

#[test]
fn the_parts_of_descents_perturbation_add_up_and_keep_within_the_budget() {
    let step = 0.1;
    for seed in 0..50 {
        let instance = noisy(10 * seed, 0.02);
        let width = if seed % 2 == 0 { 3 } else { 9 };
        let start = small_start(7, 6, width, 0.3, 10 * seed + 5);
        let record = lab(4.0, 9).descent("gd", step).run(&instance, &start);
        let columns = COLUMNS.map(|name| column(&record, "gd", name));
        let noise = instance.noise_adjoint.as_ref().unwrap();
        for k in 0..9 {
            let (n, r, z) = point(&record, "gd", k, &instance);
            let mut worst = [0.0_f64; 5];
            for s in [0.0, 0.5 * step, step] {
                let (parts, whole) = parts(&n, &r, &z, noise, s);
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
fn a_flow_is_perturbed_by_its_measurements_and_noise_alone() {
    let instance = noisy(3, 0.05);
    let start = small_start(7, 6, 5, 0.1, 8);
    let record = lab(10.0, 21).flow("flow", Pair::Dop853, 1e-10).run(&instance, &start);
    let columns = COLUMNS.map(|name| column(&record, "flow", name));
    let noise = instance.noise_adjoint.as_ref().unwrap();
    for (k, total) in columns[0].iter().enumerate() {
        let (n, r, _) = point(&record, "flow", k, &instance);
        assert!((total - operator_norm(&(&n - &r))).abs() < 1e-13);
        assert!((columns[1][k] - operator_norm(&(&n - &r - noise))).abs() < 1e-13);
        assert!((columns[2][k] - operator_norm(noise)).abs() < 1e-13);
        assert_eq!([columns[3][k], columns[4][k], columns[5][k]], [0.0; 3]);
    }
}

#[test]
fn integrals_of_flow_and_descent_agree_with_fine_sums() {
    let instance = noisy(5, 0.05);
    let start = small_start(7, 6, 5, 0.1, 9);
    let horizon = 12.0;
    let fine = lab(horizon, 2401).flow("flow", Pair::Dop853, 1e-10).descent("gd", 0.005).run(&instance, &start);
    let coarse = lab(horizon, 7).flow("flow", Pair::Dop853, 1e-10).descent("gd", 0.005).run(&instance, &start);
    for name in ["flow", "gd"] {
        let norms = column(&fine, name, "perturbation");
        // Trapezoids of width 0.005: an error of 1e-6 relative; of descent the recorded norm is the largest of a step, first order in η.
        let sum: f64 = norms.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]) * 0.005).sum();
        let integral = column(&coarse, name, "perturbation_integral");
        assert_eq!(integral[0], 0.0);
        assert!(integral.windows(2).all(|pair| pair[0] < pair[1]), "{integral:?}");
        let relative = (integral.last().unwrap() / sum - 1.0).abs();
        assert!(relative < if name == "gd" { 1e-2 } else { 1e-5 }, "{name}: {relative:e}");
        let fine_integral = column(&fine, name, "perturbation_integral");
        assert!((fine_integral.last().unwrap() / integral.last().unwrap() - 1.0).abs() < 1e-6, "{name}: independent of the samples");
    }
}

/// 3 · 0.1 and 2 · 0.1 + 0.1 differ in their last bit: the end of a step must be the time of the row that it ends at.
#[test]
fn the_integral_at_a_row_holds_every_step_before_it() {
    let instance = noisy(5, 0.05);
    let record = lab(6.0, 121).descent("gd", 0.05).run(&instance, &small_start(7, 6, 5, 0.1, 9));
    let (norms, integral) = (column(&record, "gd", "perturbation"), column(&record, "gd", "perturbation_integral"));
    for (k, pair) in integral.windows(2).enumerate() {
        // Simpson's mean of a step is at most its largest norm, which is recorded, and the norm changes by a few per cent over a step.
        let mean = (pair[1] - pair[0]) / 0.05;
        assert!(mean <= norms[k] * (1.0 + 1e-12) && mean > 0.8 * norms[k], "step {k}: {mean} of {}", norms[k]);
    }
}

#[test]
fn the_integral_is_empty_for_methods_that_are_no_perturbed_flow() {
    let instance = noisy(5, 0.05);
    let record = lab(1.0, 3).trajectory("cayley", "cayley", Method::Cayley { step: 0.1 }).run(&instance, &small_start(7, 6, 5, 0.1, 9));
    let index = record.columns.iter().position(|name| name == "perturbation_integral").unwrap();
    assert!(find(&record, "cayley").rows.iter().all(|row| row.values[index].is_none()));
}

#[test]
fn a_step_too_large_for_the_path_leaves_the_perturbation_empty() {
    let instance = full_observation(target(7, 6, &[1.0, 0.6], 3));
    let record = lab(3.0, 4).descent("gd", 1.5).run(&instance, &small_start(7, 6, 5, 0.1, 9));
    let index = record.columns.iter().position(|name| name == "perturbation").unwrap();
    assert_eq!(find(&record, "gd").rows[0].values[index], None, "η‖N‖ = 1.5 at the start");
    assert!(find(&record, "gd").warnings.iter().any(|warning| warning.contains("perturbation") && warning.contains("step 0")));
}

#[test]
fn signal_and_nuisance_are_those_of_the_definitions() {
    let instance = sensed(target(7, 6, &[1.0, 0.6], 3), 90, 4);
    let y = instance.target.as_ref().unwrap();
    let record = lab(30.0, 31).flow("flow", Pair::Dop853, 1e-9).run(&instance, &small_start(7, 6, 5, 1e-4, 9));
    let names = ["signal_min", "signal_gap", "nuisance_left", "nuisance_right", "misalignment"];
    let columns = names.map(|name| column(&record, "flow", name));
    let snapshots = find(&record, "flow").snapshots.as_ref().unwrap();
    for k in 0..31 {
        let (f, g) = (&snapshots.f[k], &snapshots.g[k]);
        let (a, b) = (y.left.transpose() * f, y.right.transpose() * g);
        let smallest = |x: &Matrix| *pgflow::linalg::singular_values(x).unwrap().last().unwrap();
        let across = |u: &Matrix, x: &Matrix| operator_norm(&((Matrix::identity(u.nrows(), u.nrows()) - u * u.transpose()) * x));
        let stacked = operator_norm(&point(&record, "flow", k, &instance).2);
        let exact = [
            smallest(&((&a + &b) * 0.5)),
            operator_norm(&((&a - &b) * 0.5)),
            across(&y.left, f),
            across(&y.right, g),
            2f64.sqrt() * stacked / smallest(&(a + b)),
        ];
        for ((name, column), exact) in names.iter().zip(&columns).zip(exact) {
            assert!((column[k] - exact).abs() < 1e-12 * (1.0 + exact), "{name} at sample {k}: {} against {exact}", column[k]);
        }
    }
    let phases = column(&record, "flow", "phase");
    assert_eq!((phases[0], *phases.last().unwrap()), (1.0, 3.0));
    assert!(phases.windows(2).all(|pair| pair[0] <= pair[1]) && phases.contains(&2.0), "{phases:?}");
}

#[test]
fn norms_that_need_not_be_computed_are_not_the_largest() {
    for seed in 0..150 {
        let instance = noisy(10 * seed, [0.0, 0.02][seed as usize % 2]);
        let state = small_start(7, 6, [2, 5, 9][seed as usize % 3], 10f64.powf(-3.0 + 0.03 * seed as f64), 10 * seed + 5);
        let product = state.product();
        let residual: Vec<f64> = instance.data.iter().zip(instance.operator.measure(&product)).map(|(y, x)| y - x).collect();
        let answer = Answer { matrix: instance.operator.adjoint(&residual), product, ..Answer::new(7, 6) };
        let residual = &instance.target.as_ref().unwrap().matrix - &answer.product;
        let sample = Sample {
            instance: &instance,
            t: 0.0,
            state: &state,
            answer: &answer,
            residual: Some(&residual),
            dissipation: 0.0,
            imposed: None,
            drive: None,
        };
        for fraction in [1e-6, 1e-3, 0.05, 0.3, 0.7, 0.95] {
            let step = fraction / operator_norm(&answer.matrix);
            let (path, budget) = (StepPath::new(&sample, Motion::Descent(step)).unwrap(), budget(&sample, Motion::Descent(step)).unwrap());
            let norms = [0.0, 0.5, 1.0].map(|part| path.norm(part * step));
            assert_eq!(budget.total, Some(largest(norms)), "{norms:?}");
            // R_k − R(s) from its definition.
            let (f, g) = (state.left().to_matrix(), state.right().to_matrix());
            let moved = [0.5 * step, step].map(|s| {
                let (df, dg) = (&answer.matrix * &g * s, answer.matrix.transpose() * &f * s);
                operator_norm(&(&df * g.transpose() + &f * dg.transpose() + &df * dg.transpose()))
            });
            let expected = largest(moved);
            assert!((budget.motion - expected).abs() <= 1e-12 * expected, "{} {expected}", budget.motion);
        }
    }
}
