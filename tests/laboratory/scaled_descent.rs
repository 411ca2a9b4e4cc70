//! Scaled descent: its symmetry, its rate, and where it has no next step; initial factors from the data.

use crate::setup::*;
use pgflow::config::{InitKind, InitSpec, Method, Stop};
use pgflow::dynamics::State;
use pgflow::linalg::{Matrix, frobenius, singular_values, thin_svd};
use pgflow::problem::{Instance, ProblemError, initial_state};
use pgflow::simulation::{Outcome, RunRecord};

fn scaled(step: f64, damping: f64) -> Method {
    Method::ScaledDescent { step, damping }
}

fn data_start(instance: &Instance, width: usize, scale: f64) -> State {
    initial_state(&InitSpec { seed: 0, kind: InitKind::SpectralData, scale }, Some(width), instance, None).unwrap()
}

/// One step by dense inverses.
fn step_densely(instance: &Instance, state: &State, step: f64, damping: f64) -> State {
    let (f, g) = (state.left().to_matrix(), state.right().to_matrix());
    let residual: Vec<f64> = instance.data.iter().zip(instance.operator.measure(&(&f * g.transpose()))).map(|(y, x)| y - x).collect();
    let n = instance.operator.adjoint(&residual);
    let damped = |x: &Matrix| (x.transpose() * x + Matrix::identity(x.ncols(), x.ncols()) * damping).try_inverse().unwrap();
    State::from_factors(&(&f + &n * &g * damped(&g) * step), &(&g + n.transpose() * &f * damped(&f) * step))
}

#[test]
fn steps_are_those_of_the_definition() {
    let instance = sensed(target(9, 7, &[1.0, 0.6, 0.2], 1), 200, 2);
    for damping in [0.0, 0.05] {
        let mut state = small_start(9, 7, 3, 0.4, 3);
        let record = Lab::new(2.0, 5).trajectory("scaled", "scaled", scaled(0.5, damping)).run(&instance, &state);
        let snapshots = find(&record, "scaled").snapshots.as_ref().unwrap();
        for k in 0..5 {
            let difference =
                frobenius(&(state.left().to_matrix() - &snapshots.f[k])) + frobenius(&(state.right().to_matrix() - &snapshots.g[k]));
            assert!(difference < 1e-11 * state.norm(), "damping {damping}, step {k}: {difference:e}");
            state = step_densely(&instance, &state, 0.5, damping);
        }
        assert_eq!(find(&record, "scaled").method, "scaled_descent");
    }
}

/// `(FQ, GQ^{-T})` moves like `(F, G)`: every recorded quantity of the product is the same. The deviation is that of rounding in Gram matrices of
/// condition 10⁴.
#[test]
fn the_product_does_not_depend_on_its_factors() {
    let instance = sensed(target(9, 7, &[1.0, 0.6, 0.2], 1), 200, 2);
    let start = small_start(9, 7, 3, 0.4, 3);
    let q = Matrix::from_row_slice(3, 3, &[2.0, -1.0, 0.5, 0.3, 0.7, 0.1, -0.4, 0.2, 5.0]);
    let inverse = q.clone().try_inverse().unwrap().transpose();
    let moved = State::from_factors(&(start.left().to_matrix() * &q), &(start.right().to_matrix() * inverse));
    let lab = Lab::new(20.0, 41).trajectory("a", "a", scaled(0.5, 0.0)).trajectory("b", "b", scaled(0.5, 0.0));
    let record = lab.run_from(&instance, vec![start, moved]);
    for sample in 0..41 {
        let (a, b) = (product(&record, "a", sample), product(&record, "b", sample));
        assert!(frobenius(&(&a - &b)) < 1e-11 * (1.0 + frobenius(&a)), "sample {sample}: {:e}", frobenius(&(a - b)));
    }
}

/// Steps until the relative error is 1e-6.
fn steps_to_convergence(method: Method, kappa: f64) -> u64 {
    let values: Vec<f64> = [1.0, 0.5, 0.0].iter().map(|&part| 1.0 / kappa + part * (1.0 - 1.0 / kappa)).collect();
    let instance = sensed(target(20, 16, &values, 5), 1500, 6);
    let stop = Stop { relative_error: Some(1e-6), ..Stop::default() };
    let record = Lab::new(3000.0, 2).stop(stop).trajectory("x", "x", method).run(&instance, &data_start(&instance, 3, 1.0));
    let trajectory = find(&record, "x");
    assert!(matches!(trajectory.outcome, Some(Outcome::Converged { .. })), "κ = {kappa}: {:?}", trajectory.outcome);
    trajectory.steps
}

/// Locally the error falls by 1 − η a step whatever κ is; of gradient descent by 1 − ησ_r.
#[test]
fn the_number_of_steps_does_not_depend_on_the_condition_number() {
    let kappas = [1.0, 2.0, 5.0, 10.0, 20.0];
    let scaled = kappas.map(|kappa| steps_to_convergence(scaled(0.5, 0.0), kappa));
    let plain = kappas.map(|kappa| steps_to_convergence(Method::GradientDescent { step: 0.5 }, kappa));
    let (least, most) = (*scaled.iter().min().unwrap(), *scaled.iter().max().unwrap());
    assert!(2 * most <= 3 * least, "{scaled:?}");
    assert!(plain[4] > 8 * plain[0] && plain.windows(2).all(|pair| pair[0] < pair[1]), "{plain:?}");
    assert!(plain[4] > 10 * scaled[4], "{scaled:?} {plain:?}");
}

fn outcome(record: &RunRecord) -> Outcome {
    find(record, "x").outcome.unwrap()
}

#[test]
fn a_factor_without_full_rank_ends_the_trajectory_and_damping_carries_it_on() {
    let instance = full_observation(target(9, 7, &[1.0, 0.6], 1));
    let full = small_start(9, 7, 4, 0.3, 3);
    // Column 4 of G repeats column 1: rank 3.
    let mut g = full.right().to_matrix();
    let first = g.column(0).into_owned();
    g.set_column(3, &first);
    let deficient = State::from_factors(&full.left().to_matrix(), &g);
    let run = |damping, start: &State| Lab::new(100.0, 3).trajectory("x", "x", scaled(0.3, damping)).run(&instance, start);
    let refused = run(0.0, &deficient);
    assert_eq!(outcome(&refused), Outcome::Singular { t: 0.0 });
    assert!(!outcome(&refused).is_success() && outcome(&refused).to_string().contains("damping"));
    assert_eq!(find(&refused, "x").rows.len(), 1, "the point it stands at is a sample");
    assert_eq!(outcome(&run(1e-3, &deficient)), Outcome::Completed);
    assert!(column(&run(1e-3, &deficient), "x", "relative_error")[2] < 1e-6);
    // Zero factors have zero Gram matrices.
    let zero = State::from_factors(&Matrix::zeros(9, 4), &Matrix::zeros(7, 4));
    assert_eq!(outcome(&run(0.0, &zero)), Outcome::Singular { t: 0.0 });
}

#[test]
fn factors_from_the_data_are_the_best_approximation_of_the_adjoint() {
    let instance = sensed(target(9, 7, &[1.0, 0.6], 1), 300, 2);
    let adjoint = instance.operator.adjoint(&instance.data);
    let values = singular_values(&adjoint).unwrap();
    for width in [1, 2, 7] {
        for scale in [1.0, 0.1] {
            let start = data_start(&instance, width, scale);
            let x = start.product() / (scale * scale);
            let rest = values[width..].iter().map(|s| s * s).sum::<f64>().sqrt();
            assert!((frobenius(&(&adjoint - &x)) - rest).abs() < 1e-13, "width {width}: Eckart–Young");
            let (f, g) = (start.left().to_matrix(), start.right().to_matrix());
            assert!(frobenius(&(f.transpose() * &f - g.transpose() * &g)) < 1e-14, "balanced");
            let gram = thin_svd(&f).unwrap().values;
            assert!(gram.iter().zip(&values).all(|(a, b)| (a - scale * b.sqrt()).abs() < 1e-13));
        }
    }
    let spec = InitSpec { seed: 0, kind: InitKind::SpectralData, scale: 1.0 };
    let wide = initial_state(&spec, Some(8), &instance, None);
    assert!(matches!(wide, Err(ProblemError::WideSpectral { width: 8, most: 7 })));
    assert!(wide.unwrap_err().to_string().contains("lower model.width to 7"));
}
