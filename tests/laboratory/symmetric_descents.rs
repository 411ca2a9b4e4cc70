//! The further descents in the symmetric model: mini-batches, fresh measurements, scaled and projected descent, quadratic networks.

use crate::determinism::interrupted;
use crate::setup::*;
use pgflow::config::{Method, Stop, Trace};
use pgflow::dynamics::{FreshMeasurements, MiniBatches, Moment, Next, State, VectorField};
use pgflow::linalg::{Matrix, frobenius, inner, operator_norm_symmetric, symmetric_eigen};
use pgflow::problem::Instance;
use pgflow::sensing::{Answer, RankOne, Symmetrised};
use pgflow::simulation::{Outcome, RunRecord, Simulation};

const SIDE: usize = 8;

fn sensed_symmetric() -> Instance {
    symmetric_sensed(semidefinite(SIDE, &[1.0, 0.5], 3), 150, 4)
}

/// Samples of a quadratic network with teacher `X*`.
fn network(samples: usize) -> Instance {
    let operator = Symmetrised::new(Box::new(RankOne::draw_symmetric(SIDE, samples, 5).unwrap()));
    with_operator(semidefinite(SIDE, &[1.0, 0.5], 3), Box::new(operator))
}

fn start() -> State {
    small_symmetric_start(SIDE, SIDE, 0.1, 6)
}

fn factor<'a>(record: &'a RunRecord, name: &str, sample: usize) -> &'a Matrix {
    &find(record, name).snapshots.as_ref().unwrap().f[sample]
}

fn residuals(instance: &Instance, x: &Matrix) -> Vec<f64> {
    instance.data.iter().zip(instance.operator.measure(x)).map(|(y, x)| y - x).collect()
}

/// The factor at samples 0, 1, 2, … of one step each, against a step by its definition.
fn follow(instance: &Instance, method: Method, start: &State, tolerance: f64, step: impl Fn(u64, &Matrix) -> Matrix) -> RunRecord {
    let eta = method.step_size().unwrap();
    let record = Lab::new(12.0 * eta, 13).trajectory("x", "x", method).run(instance, start);
    let mut u = start.matrix().clone();
    for k in 0..=12 {
        let recorded = factor(&record, "x", k);
        // Of a projected descent the product alone is defined.
        let error = frobenius(&(recorded * recorded.transpose() - &u * u.transpose()));
        assert!(error < tolerance * (1.0 + frobenius(&u)), "step {k}: {error:e}");
        u = step(k as u64, &u);
    }
    record
}

#[test]
fn sampled_steps_are_those_of_the_definition() {
    let instance = sensed_symmetric();
    let method = Method::StochasticGradientDescent { step: 0.1, batch: 9, seed: 2 };
    follow(&instance, method, &start(), 1e-13, |k, u| {
        let x = u * u.transpose();
        let mut n = Matrix::zeros(SIDE, SIDE);
        for &i in MiniBatches::new(2, 150, 9).draw(k) {
            let row = instance.operator.row(i);
            n += &row * (150.0 / 9.0 * (instance.data[i] - inner(&row, &x)));
        }
        u + n * u * 0.1
    });
    let all = Method::StochasticGradientDescent { step: 0.1, batch: 150, seed: 2 };
    let record = Lab::new(5.0, 6).descent("gd", 0.1).trajectory("sgd", "sgd", all).run(&instance, &start());
    for name in ["loss", "grad_norm", "perturbation", "perturbation_measurement"] {
        for (a, b) in column(&record, "gd", name).iter().zip(column(&record, "sgd", name)) {
            assert!((a - b).abs() < 1e-12 * (1.0 + a.abs()), "{name}: {a} and {b}");
        }
    }
}

#[test]
fn fresh_steps_are_those_of_symmetrised_measurements() {
    let instance = sensed_symmetric();
    let y = instance.target.as_ref().unwrap().matrix.clone();
    let method = Method::FreshMeasurements { step: 0.1, measurements: 40, noise: 0.05, seed: 9 };
    follow(&instance, method, &start(), 1e-12, |k, u| {
        // The same measurements of the asymmetric model, symmetrised.
        let mut field = FreshMeasurements::new(9, 40, 0.05, y.clone());
        let (state, mut rate) = (State::from_factors(u, u), State::from_factors(u, u));
        assert_eq!(field.begin(Moment { t: 0.0, piece: k }, &state, &mut rate), Next::Rate);
        let nothing = Answer::new(SIDE, SIDE);
        let n = field.own_drive(&nothing).unwrap().matrix;
        u + (n + n.transpose()) * u * 0.05
    });
}

/// `E = N(I + sN)^{-1} − R(s)` with the step's own `N`, by a dense inverse, the largest of three.
#[test]
fn the_perturbation_is_that_of_the_steps_own_matrix() {
    let (instance, step) = (sensed_symmetric(), 0.05);
    let y = &instance.target.as_ref().unwrap().matrix;
    let lab = Lab::new(1.0, 5).trajectory("sgd", "sgd", Method::StochasticGradientDescent { step, batch: 30, seed: 2 });
    let record = lab.run(&instance, &start());
    let names = ["perturbation", "perturbation_measurement", "perturbation_sampling", "perturbation_motion", "perturbation_discretisation"];
    let columns = names.map(|name| column(&record, "sgd", name));
    for k in 0..5 {
        let u = factor(&record, "sgd", k);
        let x = u * u.transpose();
        let full = instance.operator.adjoint(&residuals(&instance, &x));
        let mut own = Matrix::zeros(SIDE, SIDE);
        for &i in MiniBatches::new(2, 150, 30).draw(find(&record, "sgd").rows[k].step.unwrap()) {
            let row = instance.operator.row(i);
            own += &row * (5.0 * (instance.data[i] - inner(&row, &x)));
        }
        let identity = Matrix::identity(SIDE, SIDE);
        let total = [0.0, 0.5 * step, step].map(|s| {
            let moved = (&identity + &own * s) * u;
            operator_norm_symmetric(&(&own * (&identity + &own * s).try_inverse().unwrap() - (y - &moved * moved.transpose())))
        });
        let expected =
            [total.into_iter().fold(0.0, f64::max), operator_norm_symmetric(&(&full - (y - &x))), operator_norm_symmetric(&(&own - &full))];
        for ((name, column), expected) in names.iter().zip(&columns).zip(expected) {
            assert!((column[k] - expected).abs() < 1e-12 * (1.0 + expected), "{name} at {k}: {} and {expected}", column[k]);
        }
        let noise = column(&record, "sgd", "perturbation_noise")[k];
        assert!(columns[0][k] <= columns[1..].iter().map(|column| column[k]).sum::<f64>() + noise + 1e-12);
    }
}

#[test]
fn scaled_steps_are_those_of_the_definition_and_do_not_mind_the_condition_number() {
    let instance = sensed_symmetric();
    let narrow = small_symmetric_start(SIDE, 2, 0.5, 6);
    for damping in [0.0, 0.1] {
        follow(&instance, Method::ScaledDescent { step: 0.4, damping }, &narrow, 1e-11, |_, u| {
            let n = instance.operator.adjoint(&residuals(&instance, &(u * u.transpose())));
            let gram = u.transpose() * u + Matrix::identity(2, 2) * damping;
            u + n * u * gram.try_inverse().unwrap() * 0.4
        });
    }
    let steps = [1.0, 20.0].map(|kappa| {
        let instance = symmetric_sensed(semidefinite(12, &[1.0, 1.0 / kappa], 3), 1200, 4);
        let spec = pgflow::config::InitSpec { seed: 0, kind: pgflow::config::InitKind::SpectralData, scale: 1.0 };
        let start = pgflow::problem::initial_state(&spec, Some(2), &instance, None).unwrap();
        let stop = Stop { relative_error: Some(1e-6), ..Stop::default() };
        let lab = Lab::new(200.0, 2).stop(stop).trajectory("x", "x", Method::ScaledDescent { step: 0.3, damping: 0.0 });
        let record = lab.run(&instance, &start);
        assert!(matches!(find(&record, "x").outcome, Some(Outcome::Converged { .. })), "κ = {kappa}");
        find(&record, "x").steps
    });
    assert!(steps[1] < 2 * steps[0], "{steps:?}");
}

/// The nearest positive semidefinite matrix of rank at most `h`, by clipping eigenvalues.
fn nearest(x: &Matrix, width: usize) -> Matrix {
    let eigen = symmetric_eigen(&((x + x.transpose()) * 0.5)).unwrap();
    let mut sum = Matrix::zeros(x.nrows(), x.nrows());
    for i in (0..x.nrows()).rev().take(width).filter(|&i| eigen.values[i] > 0.0) {
        let v = eigen.vectors.column(i);
        sum += v * v.transpose() * eigen.values[i];
    }
    sum
}

#[test]
fn projected_steps_are_those_of_the_dense_projection() {
    let instance = sensed_symmetric();
    for width in [SIDE, 3] {
        let start = small_symmetric_start(SIDE, width, 0.4, 6);
        let step = 0.05;
        let record = Lab::new(12.0 * step, 13).trajectory("x", "x", Method::ProjectedDescent { step }).run(&instance, &start);
        let mut x = start.product();
        for k in 0..=12 {
            let u = factor(&record, "x", k);
            assert!(frobenius(&(u * u.transpose() - &x)) < 1e-12 * (1.0 + frobenius(&x)), "width {width}, step {k}");
            // −2N is the gradient of ‖A(X) − y‖², which the step descends.
            let gradient = instance.operator.adjoint(&residuals(&instance, &x)) * -2.0;
            x = nearest(&(&x - gradient * step), width);
        }
        assert_eq!(find(&record, "x").method, "projected_descent");
        let loss = column(&record, "x", "loss");
        assert!(loss.windows(2).all(|pair| pair[1] < pair[0]), "{loss:?}");
    }
}

/// The projection is what makes it one: an optimality condition of the cone, at the end of a long run with fewer measurements than freedoms.
#[test]
fn projected_descent_ends_where_the_cone_has_its_optimum() {
    let instance = symmetric_sensed(semidefinite(SIDE, &[1.0, 0.5], 3), 20, 4);
    let start = State::from_symmetric_factor(Matrix::identity(SIDE, SIDE) * 0.3);
    let record = Lab::new(400.0, 3).trajectory("x", "x", Method::ProjectedDescent { step: 0.05 }).run(&instance, &start);
    assert!(column(&record, "x", "train_error")[2] < 1e-6 && column(&record, "x", "relative_error")[2] > 1e-2);
}

#[test]
fn a_projected_reference_is_interpolated_in_the_product() {
    let instance = sensed_symmetric();
    let lab = Lab::new(1.0, 5).trajectory("x", "x", Method::ProjectedDescent { step: 0.2 }).descent("gd", 0.125).compare();
    let record = lab.run(&instance, &start());
    let points = Lab::new(1.0, 6).trajectory("x", "x", Method::ProjectedDescent { step: 0.2 }).run(&instance, &start());
    for row in record.comparison.iter().filter(|row| row.t < 1.0) {
        let k = (row.t / 0.2).floor() as usize;
        let fraction = row.t / 0.2 - k as f64;
        let product = |k: usize| factor(&points, "x", k) * factor(&points, "x", k).transpose();
        let other = factor(&record, "gd", find(&record, "gd").rows.iter().position(|other| other.t == row.t).unwrap());
        let expected = frobenius(&(product(k) * (1.0 - fraction) + product(k + 1) * fraction - other * other.transpose()));
        assert!((row.product_deviation - expected).abs() < 1e-12, "t = {}", row.t);
    }
}

fn quadratic(step: f64, threshold: f64, trace: Trace) -> Method {
    Method::QuadraticNetwork { step, threshold, trace }
}

/// `M` by its definition, from the inputs: `(1/p) Σ (ŷ_i − b_i) 1{ŷ_i ≤ R} x_i x_iᵀ`.
fn truncated(instance: &Instance, u: &Matrix, threshold: f64) -> Matrix {
    let inputs = RankOne::draw_symmetric(SIDE, instance.data.len(), 5).unwrap();
    let teacher = &instance.target.as_ref().unwrap().matrix;
    let mut m = Matrix::zeros(SIDE, SIDE);
    for i in 0..instance.data.len() {
        let x = Matrix::from_column_slice(SIDE, 1, inputs.left(i));
        let output = frobenius(&(u.transpose() * &x)).powi(2);
        if output <= threshold {
            let truth = inner(&x, &(teacher * &x));
            m += &x * x.transpose() * ((output - truth) / instance.data.len() as f64);
        }
    }
    m
}

/// Against both forms of the step: `Ũ/(1 − ηc)`, and `(I − η/(1 − ηc)(M − cI))U`.
#[test]
fn network_steps_are_those_of_the_algorithm_and_of_its_identity() {
    let instance = network(400);
    let (step, threshold) = (0.05, 2.0);
    let teacher = instance.target.as_ref().unwrap().matrix.trace();
    let large = State::from_symmetric_factor(Matrix::identity(SIDE, SIDE) * 0.4);
    let kept = truncated(&instance, large.matrix(), threshold);
    assert!(frobenius(&(&kept - truncated(&instance, large.matrix(), f64::INFINITY))) > 1e-2, "the threshold counts");
    let algorithm = |u: &Matrix| {
        let c = inner(u, u) - teacher;
        (u - truncated(&instance, u, threshold) * u * step) / (1.0 - step * c)
    };
    follow(&instance, quadratic(step, threshold, Trace::Known), &large, 1e-13, |_, u| {
        let c = inner(u, u) - teacher;
        let m = truncated(&instance, u, threshold);
        let rescaled = u - (m - Matrix::identity(SIDE, SIDE) * c) * u * (step / (1.0 - step * c));
        // The two forms differ by rounding: some ε of the largest term.
        assert!(
            frobenius(&(&rescaled - algorithm(u))) < 16.0 * f64::EPSILON * frobenius(u),
            "{:e}",
            frobenius(&(&rescaled - algorithm(u)))
        );
        rescaled
    });
}

#[test]
fn the_trace_is_known_or_the_mean_of_the_outputs() {
    let instance = network(400);
    let outputs: Vec<f64> = instance.data.iter().map(|y| y * 20.0).collect();
    let mean = outputs.iter().sum::<f64>() / 400.0;
    let (step, threshold) = (0.05, 50.0);
    follow(&instance, quadratic(step, threshold, Trace::Estimated), &start(), 1e-13, |_, u| {
        (u - truncated(&instance, u, threshold) * u * step) / (1.0 - step * (inner(u, u) - mean))
    });
    let mut unknown = network(400);
    unknown.target = None;
    let refused = |lab: Lab, instance: &Instance| match Simulation::new(&lab.experiment, instance, vec![start()]) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    };
    let message = refused(Lab::new(1.0, 3).trajectory("q", "q", quadratic(0.1, 9.0, Trace::Known)), &unknown);
    assert!(message.contains("trajectory[q]") && message.contains("estimated"), "{message}");
    let message = refused(Lab::new(1.0, 3).trajectory("q", "q", quadratic(0.1, 9.0, Trace::Known)), &sensed_symmetric());
    assert!(message.contains("outer products"), "{message}");
}

#[test]
fn a_network_beyond_the_pole_of_its_rescaling_fails() {
    let instance = network(400);
    // c = ‖U‖² − τ = 8·4 − 1.5, and η c > 1.
    let record = Lab::new(1.0, 3)
        .trajectory("q", "q", quadratic(0.1, 1e9, Trace::Known))
        .run(&instance, &State::from_symmetric_factor(Matrix::identity(SIDE, SIDE) * 2.0));
    assert_eq!(find(&record, "q").outcome, Some(Outcome::NonFinite { t: 0.0 }));
}

/// The average over fresh inputs is within five standard errors of `√(2‖D‖² + tr(D)²)`: the variance of `(xᵀDx)²` is below 104 times its mean's
/// square for any D, so that of the root's relative error is below 104/(4·4096).
#[test]
fn the_error_on_fresh_inputs_is_that_of_the_formula() {
    let instance = network(400);
    let mut lab = Lab::new(20.0, 6).trajectory("q", "q", quadratic(0.1, 20.0, Trace::Known)).descent("gd", 0.1);
    lab.experiment.record.observables.extend(["generalisation_error", "generalisation_exact"].map(String::from));
    let record = lab.run(&instance, &start());
    let y = &instance.target.as_ref().unwrap().matrix;
    for name in ["q", "gd"] {
        let (sampled, exact) = (column(&record, name, "generalisation_error"), column(&record, name, "generalisation_exact"));
        for k in 0..6 {
            let u = factor(&record, name, k);
            let d = u * u.transpose() - y;
            let formula = (2.0 * inner(&d, &d) + d.trace().powi(2)).sqrt();
            assert!((exact[k] - formula).abs() < 1e-13, "{name} {k}");
            assert!(
                (sampled[k] / exact[k] - 1.0).abs() < 5.0 * (104.0 / 4.0 / 4096.0_f64).sqrt(),
                "{name} {k}: {} {}",
                sampled[k],
                exact[k]
            );
        }
    }
    // In the asymmetric model there is no network.
    let mut lab = Lab::new(1.0, 2).descent("gd", 0.1);
    lab.experiment.record.observables = vec!["generalisation_error".into()];
    let record = lab.run(&sensed(target(6, 5, &[1.0], 1), 50, 2), &small_start(6, 5, 2, 0.1, 3));
    assert!(record.trajectories[0].rows.iter().all(|row| row.values[0].is_none()));
}

#[test]
fn bits_depend_neither_on_threads_nor_on_interruptions() {
    let instance = network(300);
    let lab = || {
        Lab::new(6.0, 13)
            .trajectory("sgd", "sgd", Method::StochasticGradientDescent { step: 0.01, batch: 3, seed: 1 })
            .trajectory("fresh", "fresh", Method::FreshMeasurements { step: 0.1, measurements: 40, noise: 0.1, seed: 1 })
            .trajectory("projected", "projected", Method::ProjectedDescent { step: 0.02 })
            .trajectory("quadratic", "quadratic", quadratic(0.1, 9.0, Trace::Estimated))
            .trajectory("scaled", "scaled", Method::ScaledDescent { step: 0.1, damping: 0.1 })
            .compare()
    };
    let on =
        |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| lab().run(&instance, &start()));
    let one = on(1);
    assert_eq!(on(3), one);
    for rounds in [vec![0], vec![1, 1, 2, 9], vec![30]] {
        assert_eq!(interrupted(&lab(), &instance, &start(), &rounds), one, "{rounds:?}");
    }
}
