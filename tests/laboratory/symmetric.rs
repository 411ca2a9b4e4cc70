//! The symmetric model: against the asymmetric one started on the diagonal, closed forms, orders, stability; bits and resumption.

use crate::determinism::interrupted;
use crate::setup::*;
use pgflow::config::*;
use pgflow::dynamics::{HessianProduct, State};
use pgflow::linalg::{Matrix, inner, operator_norm, symmetric_eigen};
use pgflow::problem::Instance;
use pgflow::sensing::{Answer, Dense};
use pgflow::simulation::{fit_orders, sup_deviation};
use pgflow::theory::{balanced_mode, symmetric_product};

/// The same measurements for the asymmetric model: `F = G` is invariant there, because they are symmetric, and `F = G = U` moves as `U`.
fn asymmetric_twin(instance: &Instance) -> Instance {
    let operator = instance.operator.as_ref();
    let (side, p) = (operator.shape().0, operator.measurements());
    let entries: Vec<f64> = (0..p).flat_map(|i| operator.row(i).as_slice().to_vec()).collect();
    let dense = Dense::from_rows(side, side, p, &entries).unwrap();
    let twin = with_operator(instance.target.clone().unwrap(), Box::new(dense));
    Instance { data: instance.data.clone(), ..twin }
}

fn pair(u: &State) -> State {
    State::from_factors(&u.left().to_matrix(), &u.left().to_matrix())
}

/// Every method of the configuration.
fn every_method() -> Lab {
    let tolerance = ToleranceSpec { rtol: 1e-10, atol: 0.0, norm: ErrorNorm::Product };
    let integrator = FlowMethod::Adaptive { pair: Pair::Dop853, tolerance };
    Lab::new(12.0, 25)
        .flow("dop853", Pair::Dop853, 1e-10)
        .flow("dopri5", Pair::Dopri5, 1e-10)
        .trajectory("product", "product", Method::Flow(integrator))
        .rk4("rk4", 0.05)
        .trajectory("modified", "modified", Method::ModifiedFlow { step: 0.1, integrator })
        .descent("gd", 0.1)
        .trajectory("exponential", "exponential", Method::Exponential { step: 0.1 })
        .trajectory("cayley", "cayley", Method::Cayley { step: 0.1 })
        .trajectory("momentum", "momentum", Method::Momentum { step: 0.05, momentum: 0.5 })
        .trajectory("nesterov", "nesterov", Method::Nesterov { step: 0.05, momentum: None })
}

#[test]
fn every_method_moves_as_the_asymmetric_model_does_on_its_diagonal() {
    let instance = symmetric_sensed(semidefinite(7, &[1.0, 0.5], 1), 60, 2);
    let twin = asymmetric_twin(&instance);
    let start = small_symmetric_start(7, 4, 0.1, 3);
    let (single, double) = (every_method().run(&instance, &start), every_method().run(&twin, &pair(&start)));
    for (one, two) in single.trajectories.iter().zip(&double.trajectories) {
        let (u, f) = (one.snapshots.as_ref().unwrap(), two.snapshots.as_ref().unwrap());
        assert!(u.g.is_empty());
        assert_eq!((u.t.len(), &u.t), (f.t.len(), &f.t), "{}", one.name);
        // Flows choose their steps by norms that differ by √2; their error is that of their tolerance.
        let allowed = if one.method.starts_with("dop") { 1e-7 } else { 1e-11 };
        for ((u, f), g) in u.f.iter().zip(&f.f).zip(&f.g) {
            let error = (u - f).norm().max((f - g).norm()) / u.norm();
            assert!(error < allowed, "{}: {error:e}", one.name);
        }
        // What is defined alike; the loss, the gradient and the energy are half, 1/√2 and half of the twin's.
        let columns = |names: &[&str], scale: f64| {
            for name in names {
                let (a, b) = (column(&single, &one.name, name), column(&double, &one.name, name));
                let size = b.iter().fold(0.0_f64, |size, x| size.max(x.abs()));
                for (a, b) in a.iter().zip(&b) {
                    assert!((a * scale - b).abs() < 10.0 * allowed * size, "{} {name}: {a} against {b}", one.name);
                }
            }
        };
        columns(&["residual_fro", "residual_op", "relative_error", "train_error", "rip_error", "effective_rank", "numerical_rank"], 1.0);
        columns(&["signal_min", "nuisance_left", "nuisance_right", "misalignment", "angle_left", "angle_right"], 1.0);
        columns(&["loss"], 2.0);
        columns(&["grad_norm"], 2f64.sqrt());
        let place = |name: &str| single.columns.iter().position(|column| column == name).unwrap();
        for name in ["imbalance", "imbalance_drift", "signal_gap"] {
            assert!(one.rows.iter().all(|row| row.values[place(name)].is_none()), "{name}");
        }
    }
}

/// The loss, by a plain sum over the measurements.
fn loss(instance: &Instance, u: &Matrix) -> f64 {
    let x = u * u.transpose();
    let squares = (0..instance.data.len()).map(|i| (instance.data[i] - inner(&instance.operator.row(i), &x)).powi(2));
    0.25 * squares.sum::<f64>()
}

#[test]
fn the_rate_is_the_negative_gradient_of_the_loss_and_hessians_are_its_derivative() {
    let instance = symmetric_sensed(semidefinite(6, &[1.0, 0.5], 5), 30, 6);
    let u = gaussian(6, 3, 7) * 0.7;
    let state = State::from_symmetric_factor(u.clone());
    let rate = |u: &Matrix| &answer(&instance, &State::from_symmetric_factor(u.clone())).matrix * u;
    let there = answer(&instance, &state);
    assert_eq!(there.matrix, there.matrix.transpose());
    assert!((there.residual_norm_squared * 0.25 / loss(&instance, &u) - 1.0).abs() < 1e-13);
    let mut products = HessianProduct::new(&state, &there.matrix);
    for seed in 0..5 {
        let direction = gaussian(6, 3, 20 + seed);
        // Along a line f is a quartic and its gradient a cubic: the five-point formula is exact up to rounding over the step.
        let h = 0.05;
        let five = |f: &dyn Fn(f64) -> f64| ((f(h) - f(-h)) * 8.0 - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h);
        let slope = five(&|t| loss(&instance, &(&u + &direction * t)));
        // A quartic's derivative at 0 needs no fifth derivative.
        assert!((slope + inner(&rate(&u), &direction)).abs() < 1e-11 * rate(&u).norm() * direction.norm() / h);
        let curve = |t: f64| rate(&(&u + &direction * t));
        let derivative = ((curve(h) - curve(-h)) * 8.0 - (curve(2.0 * h) - curve(-2.0 * h))) / (12.0 * h);
        products.aim(direction.as_slice());
        let mut answers = [Answer::new(6, 6)];
        instance.operator.answer(&instance.data, &[products.question()], &mut answers, &mut instance.operator.workspace());
        let mut image = vec![0.0; 18];
        products.hessian(&answers[0], &mut image);
        let image = Matrix::from_column_slice(6, 3, &image);
        assert!((&image + &derivative).norm() < 1e-12 * derivative.norm() / h, "{:e}", (&image + &derivative).norm());
        // JᵀJ: what is left of it without the term N δ.
        let mut gauss_newton = vec![0.0; 18];
        products.gauss_newton(&answers[0], &mut gauss_newton);
        let expected = image + &there.matrix * &direction;
        assert!((Matrix::from_column_slice(6, 3, &gauss_newton) - &expected).norm() < 1e-13 * expected.norm());
    }
}

#[test]
fn one_mode_grows_at_the_logistic_rate_of_twice_its_eigenvalue() {
    let y = semidefinite(8, &[1.5], 11);
    let start = State::from_symmetric_factor(&y.left * 1e-3);
    let record = Lab::new(12.0, 49).flow("flow", Pair::Dop853, 1e-12).run(&symmetric_full_observation(y), &start);
    let flow = find(&record, "flow");
    for row in &flow.spectrum {
        let exact = balanced_mode(1.5, 1e-6, row.t);
        assert!((row.values[0] / exact - 1.0).abs() < 1e-9, "t = {}", row.t);
    }
}

#[test]
fn the_flow_follows_the_riccati_equation_for_any_width_and_start() {
    for (width, scale, seed) in [(1, 0.3, 1), (3, 1e-4, 2), (9, 0.5, 3)] {
        let y = semidefinite(6, &[2.0, 1.0, 0.3], 12 + seed);
        let start = small_symmetric_start(6, width, scale, 30 + seed);
        let (matrix, initial) = (y.matrix.clone(), start.matrix().clone());
        let instance = symmetric_full_observation(y);
        let lab = Lab::new(15.0, 31).flow("flow", Pair::Dop853, 1e-11).trajectory("exact", "exact", Method::ClosedForm).compare();
        let record = lab.run(&instance, &start);
        assert!(sup_deviation(&record, "flow", "exact").unwrap() < 1e-8);
        let exact = find(&record, "exact").snapshots.as_ref().unwrap();
        for (t, u) in exact.t.iter().zip(&exact.f) {
            let riccati = symmetric_product(&matrix, &initial, *t).unwrap();
            assert!((u * u.transpose() - &riccati).norm() < 1e-12 * riccati.norm().max(1e-12), "t = {t}");
        }
        assert!(column(&record, "exact", "energy_defect").iter().all(|defect| *defect < 1e-13));
        assert!(column(&record, "flow", "energy_defect").iter().all(|defect| *defect < 1e-8));
    }
}

#[test]
fn from_spectral_and_identity_starts_the_closed_form_has_the_flows_own_factor() {
    let y = semidefinite(6, &[2.0, 1.0], 14);
    let spectral = State::from_symmetric_factor(&y.left * orthonormal(5, 2, 15).transpose() * 0.1);
    let identity = State::from_symmetric_factor(Matrix::identity(6, 6) * 0.1);
    let instance = symmetric_full_observation(y);
    for start in [spectral, identity] {
        let lab = Lab::new(10.0, 11).flow("flow", Pair::Dop853, 1e-12).trajectory("exact", "exact", Method::ClosedForm);
        let record = lab.run(&instance, &start);
        let [flow, exact] = ["flow", "exact"].map(|name| find(&record, name).snapshots.as_ref().unwrap());
        for (a, b) in flow.f.iter().zip(&exact.f) {
            assert!((a - b).norm() < 1e-9 * b.norm());
        }
    }
}

#[test]
fn descent_and_its_modified_flow_deviate_at_their_orders() {
    let instance = symmetric_sensed(semidefinite(8, &[1.0, 0.6], 1), 100, 2);
    let start = small_symmetric_start(8, 4, 0.3, 3);
    let steps = [0.04, 0.02, 0.01, 0.005];
    let record = Lab::new(16.0, 101).flow("flow", Pair::Dop853, 1e-11).descents("gd", &steps).compare().run(&instance, &start);
    assert!((fit_orders(&record)[0].slope - 1.0).abs() < 0.05, "{}", fit_orders(&record)[0].slope);
    let mut points = Vec::new();
    for step in steps {
        let tolerance = ToleranceSpec { rtol: 1e-12, atol: 0.0, norm: ErrorNorm::Factors };
        let integrator = FlowMethod::Adaptive { pair: Pair::Dop853, tolerance };
        let lab = Lab::new(16.0, 101).trajectory("modified", "modified", Method::ModifiedFlow { step, integrator }).descent("gd", step);
        points.push((step, sup_deviation(&lab.compare().run(&instance, &start), "modified", "gd").unwrap()));
    }
    let slope = order(&points);
    assert!((slope - 2.0).abs() < 0.1, "{slope}: {points:?}");
}

#[test]
fn steps_by_functions_of_n_are_those_of_dense_matrices() {
    let instance = symmetric_sensed(semidefinite(6, &[1.0, 0.5], 5), 30, 6);
    let start = small_symmetric_start(6, 4, 0.8, 7);
    let n = answer(&instance, &start).matrix;
    let values = symmetric_eigen(&n).unwrap().values;
    assert!(values[0] < -0.5 && *values.last().unwrap() > 0.0, "both signs: {values:?}");
    let step = 0.4 / operator_norm(&n);
    let identity = Matrix::identity(6, 6);
    let series = (1..=30).rev().fold(identity.clone(), |sum, k| &identity + &n * (step / f64::from(k)) * sum);
    let cayley = (&identity - &n * (0.5 * step)).try_inverse().unwrap() * (&identity + &n * (0.5 * step));
    for (method, exact) in [(Method::Exponential { step }, series), (Method::Cayley { step }, cayley)] {
        let record = Lab::new(step, 2).trajectory("m", "m", method).run(&instance, &start);
        let expected = exact * start.matrix();
        let found = &find(&record, "m").snapshots.as_ref().unwrap().f[1];
        assert!((found - &expected).norm() < 1e-14 * expected.norm());
    }
    // Beyond the pole the Cayley step fails, rather than be wrong.
    let beyond = 2.1 / operator_norm(&n);
    let record = Lab::new(beyond, 2).trajectory("m", "m", Method::Cayley { step: beyond }).run(&instance, &start);
    assert_eq!(find(&record, "m").outcome.unwrap().label(), "non-finite");
}

#[test]
fn descent_is_stable_below_the_inverse_of_the_largest_eigenvalue() {
    let y = semidefinite(6, &[3.0, 1.0], 31);
    let minimiser = Matrix::from_fn(6, 4, |i, j| if j < 2 { y.left[(i, j)] * y.values[j].sqrt() } else { 0.0 });
    let start = State::from_symmetric_factor(minimiser.clone() + gaussian(6, 4, 32) * 1e-3);
    let instance = symmetric_full_observation(y);
    let run = |factor: f64| {
        let step = factor / 3.0;
        column(&Lab::new(4000.0 * step, 101).descent("gd", step).run(&instance, &start), "gd", "residual_fro")
    };
    assert!(run(0.95).last().unwrap() < &1e-4);
    let unstable = run(1.05);
    assert!((0.2..1.5).contains(unstable.last().unwrap()) && unstable.iter().all(|r| *r < 3.0), "{:?}", unstable.last());
    let mut lab = Lab::new(1.0, 2).flow("flow", Pair::Dop853, 1e-9);
    lab.experiment.record.observables.extend(["sharpness", "curvature_min"].map(String::from));
    let record = lab.run(&instance, &State::from_symmetric_factor(minimiser));
    assert!(column(&record, "flow", "sharpness").iter().all(|sharpness| (sharpness / 6.0 - 1.0).abs() < 1e-3));
    assert!(column(&record, "flow", "curvature_min").iter().all(|least| least.abs() < 6e-3));
}

#[test]
fn an_independent_library_agrees() {
    let instance = symmetric_sensed(semidefinite(7, &[1.0, 0.5], 41), 60, 42);
    let lab = Lab::new(20.0, 41).flow("flow", Pair::Dop853, 1e-9).cross_check(1e-6);
    let check = find(&lab.run(&instance, &small_symmetric_start(7, 5, 1e-3, 43)), "flow").cross_check.unwrap();
    assert!(check.at_step_ends > 0.0 && check.at_step_ends < 3e-8 && check.at_recording_times < 1e-6, "{check:?}");
}

#[test]
fn bits_depend_on_neither_threads_nor_company_nor_interruptions() {
    let instance = symmetric_sensed(semidefinite(9, &[1.0, 0.5], 1), 90, 2);
    let start = small_symmetric_start(9, 6, 0.01, 3);
    let lab = || every_method().compare();
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(|| lab().run(&instance, &start));
    for threads in [2, 5] {
        assert_eq!(pool(threads).install(|| lab().run(&instance, &start)), one, "{threads} threads");
    }
    let alone = Lab::new(12.0, 25).descent("gd", 0.1).run(&instance, &start);
    assert_eq!(find(&alone, "gd").rows, find(&one, "gd").rows);
    for rounds in [vec![0, 1, 1], vec![17, 40, 90]] {
        assert_eq!(interrupted(&lab(), &instance, &start, &rounds), one, "{rounds:?}");
    }
}
