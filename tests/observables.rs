//! Every observable against a naive computation of its definition, and where it is undefined.

// Helpers outside the test functions panic like them.
#![allow(clippy::unwrap_used, clippy::panic)]

use pgflow::config::COLUMNS;
use pgflow::dynamics::State;
use pgflow::linalg::*;
use pgflow::observe::*;
use pgflow::problem::{Instance, Target};
use pgflow::random::{Purpose, stream};
use pgflow::sensing::{Answer, Cost, Identity, Question, SensingOperator, Workspace};
use rand_distr::{Distribution, StandardNormal};

const EPS: f64 = f64::EPSILON;

fn gaussian(rows: usize, cols: usize, seed: u64) -> Matrix {
    let mut rng = stream(seed, Purpose::Initialisation, 0);
    Matrix::from_fn(rows, cols, |_, _| StandardNormal.sample(&mut rng))
}

fn diagonal(values: &[f64]) -> Matrix {
    Matrix::from_diagonal(&nalgebra::DVector::from_column_slice(values))
}

/// A dense ensemble, as naive as can be.
#[derive(Debug)]
struct Dense(Vec<Matrix>);

impl SensingOperator for Dense {
    fn shape(&self) -> (usize, usize) {
        self.0[0].shape()
    }
    fn measurements(&self) -> usize {
        self.0.len()
    }
    fn workspace(&self) -> Workspace {
        Box::new(())
    }
    fn answer(&self, _: &[f64], _: &[Question<'_>], _: &mut [Answer], _: &mut Workspace) {
        unimplemented!("observers never ask")
    }
    fn measure(&self, x: &Matrix) -> Vec<f64> {
        self.0.iter().map(|a| a.dot(x)).collect()
    }
    fn adjoint(&self, v: &[f64]) -> Matrix {
        self.0.iter().zip(v).fold(Matrix::zeros(self.shape().0, self.shape().1), |sum, (a, v)| sum + a * *v)
    }
    fn cost(&self, _: usize) -> Cost {
        Cost { bytes: 0.0, flops: 0.0 }
    }
    fn storage_bytes(&self) -> u64 {
        0
    }
    fn row(&self, i: usize) -> Matrix {
        self.0[i].clone()
    }
}

fn target(rows: usize, cols: usize, values: &[f64]) -> Target {
    let (u, v) = (thin_qr(&gaussian(rows, values.len(), 1)).0, thin_qr(&gaussian(cols, values.len(), 2)).0);
    Target { matrix: &u * diagonal(values) * v.transpose(), left: u, values: values.to_vec(), right: v }
}

/// A sensed instance with noise: `y = A(Y) + e`.
fn sensed(target: Target, measurements: usize) -> Instance {
    let (rows, cols) = target.matrix.shape();
    let scale = 1.0 / (measurements as f64).sqrt();
    let operator = Dense((0..measurements).map(|i| gaussian(rows, cols, 1000 + i as u64) * scale).collect());
    let noise: Vec<f64> = gaussian(measurements, 1, 3).iter().map(|x| 0.1 * x).collect();
    let data = operator.measure(&target.matrix).iter().zip(&noise).map(|(x, e)| x + e).collect();
    Instance { noise_adjoint: Some(operator.adjoint(&noise)), target: Some(target), data, operator: Box::new(operator) }
}

/// Full observation without noise.
fn observed(target: Target) -> Instance {
    let (rows, cols) = target.matrix.shape();
    let data = target.matrix.as_slice().to_vec();
    Instance { noise_adjoint: Some(Matrix::zeros(rows, cols)), target: Some(target), data, operator: Box::new(Identity::new(rows, cols)) }
}

/// `½‖A(FGᵀ) − y‖²` term by term.
fn loss(instance: &Instance, state: &State) -> f64 {
    let measured = instance.operator.measure(&(state.left().to_matrix() * state.right().to_matrix().transpose()));
    0.5 * measured.iter().zip(&instance.data).map(|(x, y)| (x - y).powi(2)).sum::<f64>()
}

/// The answer that a driver would hand over.
fn answer(instance: &Instance, state: &State) -> Answer {
    let product = state.left().to_matrix() * state.right().to_matrix().transpose();
    let residual: Vec<f64> = instance.data.iter().zip(instance.operator.measure(&product)).map(|(y, x)| y - x).collect();
    let residual_norm_squared = residual.iter().map(|x| x * x).sum();
    Answer { matrix: instance.operator.adjoint(&residual), residual_norm_squared, ..Answer { product, ..Answer::new(1, 1) } }
}

/// One sample as a driver would record it, and the columns by name.
struct Recorded {
    columns: Vec<String>,
    values: Vec<Option<f64>>,
    spectrum: Option<Vec<f64>>,
}

impl Recorded {
    fn get(&self, column: &str) -> Option<f64> {
        self.values[self.columns.iter().position(|name| name == column).unwrap()]
    }

    fn value(&self, column: &str) -> f64 {
        self.get(column).unwrap_or_else(|| panic!("{column} is empty"))
    }
}

fn record(observers: &mut Observers, instance: &Instance, state: &State, t: f64, dissipation: f64) -> Recorded {
    let answer = answer(instance, state);
    let residual = instance.target.as_ref().map(|target| &target.matrix - &answer.product);
    let sample = Sample { instance, t, state, answer: &answer, residual: residual.as_ref(), dissipation, imposed: None, drive: None };
    let (values, svd) = observers.record(&sample);
    Recorded { columns: observers.columns().to_vec(), values, spectrum: svd.map(|svd| svd.values) }
}

/// All default columns of one state, its own start.
fn at_start(instance: &Instance, state: &State) -> Recorded {
    let mut observers = Observers::new(COLUMNS, instance, state).unwrap();
    record(&mut observers, instance, state, 0.0, 0.0)
}

fn state(rows: usize, cols: usize, width: usize, scale: f64) -> State {
    State::from_factors(&(gaussian(rows, width, 11) * scale), &(gaussian(cols, width, 12) * scale))
}

fn close(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{found:e}, expected {expected:e}");
}

#[test]
fn loss_and_fit_are_their_definitions() {
    let instance = sensed(target(6, 5, &[2.0, 1.0]), 20);
    for scale in [1.0, 1e-10] {
        let z = state(6, 5, 4, scale);
        let recorded = at_start(&instance, &z);
        close(recorded.value("loss"), loss(&instance, &z), 1e-14);
        let norm = instance.data.iter().map(|y| y * y).sum::<f64>().sqrt();
        close(recorded.value("train_error"), (2.0 * loss(&instance, &z)).sqrt() / norm, 1e-14);
    }
}

#[test]
fn gradient_norm_is_that_of_finite_differences() {
    let instance = sensed(target(6, 5, &[2.0, 1.0]), 20);
    let z = state(6, 5, 4, 0.5);
    // The loss is a quartic in each entry: central differences of order h² and h⁻¹ε, at their optimum.
    let (mut squares, step) = (0.0, 1e-5);
    for i in 0..z.as_slice().len() {
        let moved = |by: f64| {
            let mut moved = z.clone();
            moved.as_mut_slice()[i] += by;
            loss(&instance, &moved)
        };
        squares += ((moved(step) - moved(-step)) / (2.0 * step)).powi(2);
    }
    close(at_start(&instance, &z).value("grad_norm"), squares.sqrt(), 1e-8);
    // Near the origin ∇f is linear: with A(FGᵀ) gone, N = A*(y).
    let n = instance.operator.adjoint(&instance.data);
    for scale in [1e-10, 1e-150] {
        let tiny = state(6, 5, 4, scale);
        let (f, g) = (tiny.left().to_matrix() / scale, tiny.right().to_matrix() / scale);
        let expected = (&n * g).norm().hypot((n.transpose() * f).norm()) * scale;
        close(at_start(&instance, &tiny).value("grad_norm"), expected, 1e-13);
    }
}

#[test]
fn residual_norms_are_those_of_the_dense_residual() {
    let instance = sensed(target(9, 7, &[2.0, 1.0]), 20);
    let y = &instance.target.as_ref().unwrap().matrix;
    for scale in [1.0, 1e-10] {
        let z = state(9, 7, 4, scale);
        let recorded = at_start(&instance, &z);
        let residual = y - z.product();
        let norm = residual.iter().map(|x| x * x).sum::<f64>().sqrt();
        close(recorded.value("residual_fro"), norm, 1e-14);
        close(recorded.value("residual_op"), singular_values(&residual).unwrap()[0], 1e-14);
        close(recorded.value("relative_error"), norm / 5f64.sqrt(), 1e-14);
    }
}

#[test]
fn imbalance_is_the_norm_of_an_explicit_lambda() {
    let instance = sensed(target(6, 5, &[2.0, 1.0]), 20);
    let lambda = |z: &State| {
        let (f, g) = (z.left().to_matrix(), z.right().to_matrix());
        f.transpose() * &f - g.transpose() * &g
    };
    for scale in [1.0, 1e-10, 1e-100] {
        let (start, later) = (state(6, 5, 8, scale), State::from_factors(&(gaussian(6, 8, 30) * scale), &(gaussian(5, 8, 31) * scale)));
        let mut observers = Observers::new(COLUMNS, &instance, &start).unwrap();
        let first = record(&mut observers, &instance, &start, 0.0, 0.0);
        close(first.value("imbalance"), singular_values(&lambda(&start)).unwrap()[0], 1e-13);
        assert_eq!(first.value("imbalance_drift"), 0.0);
        let second = record(&mut observers, &instance, &later, 1.0, 0.0);
        close(second.value("imbalance"), singular_values(&lambda(&later)).unwrap()[0], 1e-13);
        close(second.value("imbalance_drift"), singular_values(&(lambda(&later) - lambda(&start))).unwrap()[0], 1e-13);
    }
    // Balanced factors: F and G from the same core.
    let core = gaussian(4, 4, 3);
    let balanced = State::from_factors(&(thin_qr(&gaussian(6, 4, 4)).0 * &core), &(thin_qr(&gaussian(5, 4, 5)).0 * &core));
    assert!(at_start(&instance, &balanced).value("imbalance") < 20.0 * EPS * core.norm_squared());
}

#[test]
fn spectrum_is_that_of_the_dense_product() {
    for (rows, cols, width, scale) in [(9, 7, 3, 1.0), (9, 7, 12, 1.0), (9, 7, 3, 1e-10), (9, 7, 8, 1e-10), (4, 20, 6, 1e-100)] {
        let instance = observed(target(rows, cols, &[2.0, 1.0]));
        let z = state(rows, cols, width, scale);
        let recorded = at_start(&instance, &z);
        let dense = singular_values(&(z.left().to_matrix() * z.right().to_matrix().transpose())).unwrap();
        let spectrum = recorded.spectrum.as_ref().unwrap();
        assert_eq!(spectrum.len(), rows.min(cols).min(width));
        let tolerance = 50.0 * EPS * operator_norm(z.left()) * operator_norm(z.right());
        assert!(spectrum.iter().zip(&dense).all(|(found, expected)| (found - expected).abs() <= tolerance));
        let total: f64 = dense.iter().sum();
        let entropy: f64 = dense.iter().map(|s| s / total).filter(|p| *p > 1e-20).map(|p| -p * p.ln()).sum();
        // A singular value that should be zero contributes p ln p of round-off.
        close(recorded.value("effective_rank"), entropy.exp(), 1e-12);
        assert_eq!(recorded.value("numerical_rank"), dense.iter().filter(|s| **s > 1e-3 * dense[0]).count() as f64);
    }
}

#[test]
fn ranks_of_constructed_spectra() {
    let instance = observed(target(8, 8, &[2.0, 1.0]));
    let with = |values: &[f64]| {
        let (u, v) = (thin_qr(&gaussian(8, 8, 5)).0, thin_qr(&gaussian(8, 8, 6)).0);
        at_start(
            &instance,
            &State::from_factors(&(u.columns(0, values.len()) * diagonal(values)), &v.columns(0, values.len()).into_owned()),
        )
    };
    for scale in [1.0, 1e-20, 1e-150] {
        close(with(&[scale, scale, scale]).value("effective_rank"), 3.0, 1e-13);
        close(with(&[scale]).value("effective_rank"), 1.0, 1e-13);
        // Weights ½, ¼, ¼: the entropy is 1.5 ln 2.
        close(with(&[2.0 * scale, scale, scale]).value("effective_rank"), 2f64.powf(1.5), 1e-13);
        let graded = with(&[scale, 0.5 * scale, 1.01e-3 * scale, 0.99e-3 * scale, 1e-12 * scale]);
        assert_eq!(graded.value("numerical_rank"), 3.0);
    }
}

/// A product whose leading singular spaces lie at the given angles to those of the target, with σ's from the target's rank on below.
fn tilted(target: &Target, left: f64, right: f64, values: &[f64]) -> State {
    let rank = target.rank();
    let tilt = |basis: &Matrix, angle: f64| {
        // The complement, by Gram–Schmidt against the basis; the last leading vector is turned towards its first vector.
        let (rows, cols) = basis.shape();
        let mut wide = gaussian(rows, rows, 40);
        wide.columns_mut(0, cols).copy_from(basis);
        let frame = thin_qr(&wide).0;
        let mut all = frame.clone();
        let (c, s) = (angle.cos(), angle.sin());
        let turned = frame.column(rank - 1) * c + frame.column(rank) * s;
        let other = frame.column(rank) * c - frame.column(rank - 1) * s;
        all.column_mut(rank - 1).copy_from(&turned);
        all.column_mut(rank).copy_from(&other);
        all.columns(0, values.len()).into_owned()
    };
    State::from_factors(&(tilt(&target.left, left) * diagonal(values)), &tilt(&target.right, right))
}

#[test]
fn angles_of_constructed_subspaces_from_a_billionth_to_ninety_degrees() {
    let instance = observed(target(12, 10, &[2.0, 1.5, 1.0]));
    let target = instance.target.as_ref().unwrap();
    let right_angle = std::f64::consts::FRAC_PI_2;
    for (left, right) in [(0.0, 0.0), (1e-9, 1e-4), (0.7, 1e-9), (right_angle, 0.3), (right_angle - 1e-9, right_angle)] {
        for scale in [1.0, 1e-20] {
            for values in [vec![3.0, 2.0, 1.0], vec![3.0, 2.0, 1.0, 0.1, 1e-3]] {
                let values: Vec<f64> = values.iter().map(|s| s * scale).collect();
                let recorded = at_start(&instance, &tilted(target, left, right, &values));
                // Round-off of the product over the gap of at least 0.9.
                assert!((recorded.value("angle_left") - left.sin()).abs() < 100.0 * EPS, "{left}, {scale}");
                assert!((recorded.value("angle_right") - right.sin()).abs() < 100.0 * EPS, "{right}, {scale}");
            }
        }
    }
}

#[test]
fn angles_are_undefined_without_a_gap_and_meaningful_with_one() {
    let instance = observed(target(12, 10, &[2.0, 1.5, 1.0]));
    let target = instance.target.as_ref().unwrap();
    let undefined = |values: &[f64]| {
        let recorded = at_start(&instance, &tilted(target, 0.0, 0.0, values));
        assert_eq!((recorded.get("angle_left"), recorded.get("angle_right")), (None, None), "{values:?}");
    };
    // Rank below r: by width, exactly, and up to round-off; and a tie between the r-th value and the next.
    for values in [&[3.0, 2.0][..], &[3.0, 2.0, 0.0], &[3.0, 2.0, 1e-17, 1e-18], &[1.0, 1.0, 1.0, 1.0], &[3.0, 2.0, 1.0, 1.0 - EPS]] {
        undefined(values);
    }
    // Just above what can be resolved, the true angle (zero) is still told from a right angle.
    let resolution = EPS * 12.0 * 14f64.sqrt() * 2.0;
    for values in [[3.0, 2.0, 1.0, 1.0 - 3.0 * resolution], [3.0, 2.0, 3.0 * resolution, 0.0]] {
        let recorded = at_start(&instance, &tilted(target, 0.0, 0.0, &values));
        assert!(recorded.value("angle_left") < 0.5 && recorded.value("angle_right") < 0.5);
    }
}

#[test]
fn rip_error_is_the_normal_operator_minus_the_identity_at_the_residual() {
    let instance = sensed(target(6, 5, &[2.0, 1.0]), 20);
    let z = state(6, 5, 4, 0.7);
    let residual = &instance.target.as_ref().unwrap().matrix - z.product();
    let deviation = instance.operator.adjoint(&instance.operator.measure(&residual)) - &residual;
    close(at_start(&instance, &z).value("rip_error"), singular_values(&deviation).unwrap()[0], 1e-13);
    // Full observation is an isometry: nothing but round-off is left.
    let full = observed(target(6, 5, &[2.0, 1.0]));
    assert!(at_start(&full, &z).value("rip_error") < 10.0 * EPS * frobenius(&residual));
}

#[test]
fn energy_defect_compares_the_loss_with_the_dissipation() {
    let instance = sensed(target(6, 5, &[2.0, 1.0]), 20);
    let (start, later) = (state(6, 5, 4, 0.1), state(6, 5, 4, 0.2));
    let mut observers = Observers::new(&["energy_defect"], &instance, &start).unwrap();
    assert_eq!(record(&mut observers, &instance, &start, 0.0, 0.0).value("energy_defect"), 0.0);
    let (f0, f) = (loss(&instance, &start), loss(&instance, &later));
    let found = record(&mut observers, &instance, &later, 1.0, 0.25).value("energy_defect");
    assert!((found - ((f - f0 + 0.25) / f0).abs()).abs() < 10.0 * EPS * f.max(f0) / f0);
    // Resumed: the memory brings f(0) back; without it the column is empty rather than wrong.
    let json = serde_json::to_string(&observers.memory()).unwrap();
    let mut resumed = Observers::new(&["energy_defect"], &instance, &start).unwrap();
    assert_eq!(record(&mut resumed, &instance, &later, 1.0, 0.25).get("energy_defect"), None);
    resumed.restore(&serde_json::from_str(&json).unwrap()).unwrap();
    assert_eq!(record(&mut resumed, &instance, &later, 1.0, 0.25).value("energy_defect"), found);
    assert_eq!(resumed.memory(), observers.memory());
    for other in [&["loss"][..], &["loss", "energy_defect"], &[]] {
        let mut other = Observers::new(other, &instance, &start).unwrap();
        assert!(matches!(other.restore(&observers.memory()), Err(ObserveError::ForeignMemory { .. })));
    }
}

#[test]
fn without_a_target_or_with_unknown_noise_the_columns_that_need_them_are_empty() {
    let mut instance = sensed(target(6, 5, &[2.0, 1.0]), 20);
    let z = state(6, 5, 4, 0.7);
    instance.noise_adjoint = None;
    assert_eq!(at_start(&instance, &z).get("rip_error"), None);
    instance.target = None;
    let recorded = at_start(&instance, &z);
    for column in COLUMNS {
        let needs_target =
            ["residual_fro", "residual_op", "relative_error", "angle_left", "angle_right", "rip_error", "phase"].contains(column);
        // The curvature needs further answers, and is left to the driver; the others are of the symmetric model.
        let families =
            ["signal_", "nuisance_", "misalignment", "perturbation", "sharpness", "curvature_min", "adaptive_", "generalisation_"];
        let needs_target = needs_target || families.iter().any(|family| column.starts_with(family));
        assert_eq!(recorded.get(column).is_none(), needs_target, "{column}");
    }
    assert_eq!(recorded.spectrum.unwrap().len(), 4);
}

#[test]
fn the_zero_state_and_states_that_are_not_finite_leave_holes_but_do_not_fail() {
    let instance = sensed(target(6, 5, &[2.0, 1.0]), 20);
    let zero = at_start(&instance, &state(6, 5, 4, 0.0));
    for column in ["grad_norm", "imbalance", "imbalance_drift", "numerical_rank", "energy_defect"] {
        assert_eq!(zero.value(column), 0.0, "{column}");
    }
    close(zero.value("train_error"), 1.0, 1e-14);
    close(zero.value("relative_error"), 1.0, 1e-14);
    for column in ["effective_rank", "angle_left", "angle_right"] {
        assert_eq!(zero.get(column), None, "{column}");
    }
    assert_eq!(zero.spectrum.unwrap(), vec![0.0; 4]);
    let mut observers = Observers::new(COLUMNS, &instance, &state(6, 5, 4, 1.0)).unwrap();
    for bad in [f64::NAN, f64::INFINITY, 1e200, 1e308] {
        let mut broken = state(6, 5, 4, 1.0);
        broken.as_mut_slice()[5] = bad;
        broken.as_mut_slice()[10] = -bad;
        let recorded = record(&mut observers, &instance, &broken, 1.0, f64::NAN);
        assert!(recorded.values.iter().flatten().all(|x| x.is_finite()));
        for column in ["loss", "imbalance", "energy_defect"] {
            assert_eq!(recorded.get(column), None, "{column} with {bad}");
        }
    }
    // A target of rank zero: nothing is relative to it.
    let nothing = observed(Target::from_matrix(Matrix::zeros(6, 5), None).unwrap());
    let recorded = at_start(&nothing, &state(6, 5, 4, 1.0));
    for column in ["relative_error", "train_error", "angle_left", "angle_right"] {
        assert_eq!(recorded.get(column), None, "{column}");
    }
}

#[test]
fn columns_come_in_the_order_asked_for_and_do_not_depend_on_each_other() {
    let instance = sensed(target(9, 7, &[2.0, 1.0]), 20);
    let z = state(9, 7, 4, 0.7);
    let all = at_start(&instance, &z);
    for column in known_columns() {
        let mut alone = Observers::new(&[column], &instance, &z).unwrap();
        let recorded = record(&mut alone, &instance, &z, 0.0, 0.0);
        assert_eq!(recorded.values, vec![all.get(column)], "{column}");
        // The spectrum has a table of its own, whatever the columns.
        assert_eq!(recorded.spectrum, all.spectrum, "{column}");
    }
    let mut reversed: Vec<&str> = COLUMNS.to_vec();
    reversed.reverse();
    let recorded = record(&mut Observers::new(&reversed, &instance, &z).unwrap(), &instance, &z, 0.0, 0.0);
    assert_eq!(recorded.values.iter().rev().collect::<Vec<_>>(), all.values.iter().collect::<Vec<_>>());
    assert!(known_columns().all(|column| COLUMNS.contains(&column)) && known_columns().count() == COLUMNS.len());
}

#[test]
fn unknown_and_repeated_columns_are_refused_with_a_remedy() {
    let instance = observed(target(4, 3, &[1.0]));
    let z = state(4, 3, 2, 1.0);
    let message = |columns: &[&str]| Observers::new(columns, &instance, &z).err().unwrap().to_string();
    let unknown = message(&["loss", "residual_frob"]);
    assert!(
        unknown.contains("\"residual_frob\"") && unknown.contains("did you mean \"residual_fro\"") && unknown.contains("energy_defect")
    );
    assert!(message(&["loss", "imbalance", "loss"]).contains("\"loss\" is listed twice"));
}

#[test]
fn every_column_has_its_section_in_the_handbook() {
    let handbook = include_str!("../docs/observables.md");
    for column in known_columns() {
        assert!(handbook.contains(&format!("`{column}`")), "docs/observables.md does not define {column}");
    }
}

#[test]
#[ignore = "a timing: run it alone, in release"]
fn a_sample_of_side_one_hundred_costs_well_under_ten_milliseconds() {
    for width in [10, 100] {
        let instance = observed(target(100, 100, &[2.0, 1.5, 1.0]));
        let z = state(100, 100, width, 0.1);
        let answer = answer(&instance, &z);
        let residual = &instance.target.as_ref().unwrap().matrix - &answer.product;
        let sample = Sample {
            instance: &instance,
            t: 0.0,
            state: &z,
            answer: &answer,
            residual: Some(&residual),
            dissipation: 0.0,
            imposed: None,
            drive: None,
        };
        let cost = |columns: &[&str]| {
            let mut observers = Observers::new(columns, &instance, &z).unwrap();
            observers.record(&sample);
            let begin = std::time::Instant::now();
            (0..50).for_each(|_| drop(std::hint::black_box(observers.record(&sample))));
            begin.elapsed().as_secs_f64() / 50.0 * 1e3
        };
        for family in
            [&["loss"], &["residual_op"], &["imbalance"], &["effective_rank"], &["angle_left"], &["rip_error"], &["energy_defect"]]
        {
            println!("width {width}: {} {:.3} ms", family[0], cost(family));
        }
        let all = cost(COLUMNS);
        println!("width {width}: all {all:.3} ms");
        assert!(all < 10.0);
    }
}
