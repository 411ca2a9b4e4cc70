//! The exact solution as a trajectory, against integration; where it is refused.

use crate::setup::*;
use pgflow::config::{Method, Pair, Storage};
use pgflow::dynamics::{GradientFlow, State};
use pgflow::linalg::{Form, Matrix, View, multiply};
use pgflow::problem::{Instance, Target};
use pgflow::sensing::Gaussian;
use pgflow::simulation::{Simulation, SimulationError, sup_deviation};
use pgflow::stepper::{StepEvent, Stepper, drive};
use pgflow::theory::{ClosedForm, ClosedFormError};
use std::ops::ControlFlow;

/// `U diag(√s₀) Qᵀ`, `V diag(√s₀) Qᵀ`.
fn spectral_start(y: &Target, width: usize, s0: &[f64]) -> State {
    let q = orthonormal(width, s0.len(), 9);
    let factor = |u: &Matrix| multiply(Form::RightTransposed, &Matrix::from_fn(u.nrows(), s0.len(), |i, j| u[(i, j)] * s0[j].sqrt()), &q);
    State::from_factors(&factor(&y.left), &factor(&y.right))
}

fn with_flow(horizon: f64) -> Lab {
    Lab::new(horizon, 41).flow("flow", Pair::Dop853, 1e-12).trajectory("exact", "exact", Method::ClosedForm).descent("gd", 0.07)
}

/// Largest relative difference of `f` of the snapshots of the exact solution and of the flow.
fn deviation(instance: &Instance, start: &State, horizon: f64, f: impl Fn(&Matrix, &Matrix) -> Matrix) -> f64 {
    let mut lab = with_flow(horizon).compare();
    // The flow's interpolant is less accurate than its steps.
    lab.experiment.record.exact_times = true;
    let record = lab.run(instance, start);
    let [flow, exact] = ["flow", "exact"].map(|name| find(&record, name).snapshots.clone().unwrap());
    assert_eq!(flow.t, exact.t);
    assert_eq!(find(&record, "exact").counts.evaluations, 41);
    let size = f(&flow.f[40], &flow.g[40]).norm();
    for (a, b) in column(&record, "flow", "grad_norm").iter().zip(column(&record, "exact", "grad_norm")) {
        assert!((a - b).abs() < 1e-9 * size, "the rates too: {a:e} {b:e}");
    }
    let worst = column(&record, "exact", "energy_defect").into_iter().fold(0.0, f64::max);
    assert!(worst < 1e-13, "{worst:e}");
    (0..41).map(|i| (f(&flow.f[i], &flow.g[i]) - f(&exact.f[i], &exact.g[i])).norm()).fold(0.0, f64::max) / size
}

fn stacked(f: &Matrix, g: &Matrix) -> Matrix {
    State::from_factors(f, g).matrix().clone()
}

/// `ZZᵀ`, all that a rotation of the factors leaves.
fn gram(f: &Matrix, g: &Matrix) -> Matrix {
    let z = stacked(f, g);
    multiply(Form::RightTransposed, &z, &z)
}

#[test]
fn spectral_starts_are_exact_in_both_factors() {
    let y = target(9, 7, &[2.0, 1.0, 0.5], 5);
    let start = spectral_start(&y, 6, &[1e-3, 2e-3, 5e-4]);
    // Local errors of size rtol, amplified by the growth until each mode is saturated: a modest multiple.
    let worst = deviation(&full_observation(y), &start, 12.0, stacked);
    assert!(worst < 1e-10, "{worst:e}");
}

#[test]
fn single_imbalanced_modes_are_exact_in_both_factors_at_any_width() {
    for (values, mode) in [(vec![1.3], 0), (vec![1.3, 0.4], 0)] {
        let y = target(5, 4, &values, 21);
        let factor = |basis: &Matrix, x: &Matrix| multiply(Form::RightTransposed, &basis.columns(mode, 1).into_owned(), x);
        let start = State::from_factors(&factor(&y.left, &(gaussian(7, 1, 23) * 0.2)), &factor(&y.right, &(gaussian(7, 1, 24) * 0.05)));
        let worst = deviation(&full_observation(y), &start, 8.0, stacked);
        assert!(worst < 1e-10, "{values:?}: {worst:e}");
    }
}

#[test]
fn a_pure_difference_decays_without_overflow() {
    // F₀ = u fᵀ, G₀ = −v fᵀ: the growing sum is zero, and stays so for any time.
    // Unit vectors, lest rounding leave a sum to grow.
    let unit = |rows: usize| Matrix::from_fn(rows, 1, |i, _| f64::from(i == 0));
    let (left, right) = (unit(5), unit(4));
    let y = Target { matrix: multiply(Form::RightTransposed, &left, &right), left, values: vec![1.0], right };
    let f = gaussian(3, 1, 23) * 0.5;
    let start = State::from_factors(&multiply(Form::RightTransposed, &y.left, &f), &multiply(Form::RightTransposed, &y.right, &-&f));
    let exact = ClosedForm::new(&full_observation(y), &start).unwrap();
    for t in [1.0, 30.0, 1e4] {
        let state = exact.evaluate(t).unwrap();
        assert!(state.is_finite() && state.norm() < start.norm() * (-0.9 * t.min(700.0)).exp() + 1e-300, "{t}: {:e}", state.norm());
    }
}

#[test]
fn balanced_starts_are_exact_up_to_a_rotation() {
    let y = target(6, 5, &[2.0, 0.5], 31);
    let z = gaussian(4, 4, 32);
    for scale in [0.2, 1e-6] {
        let small = &z * scale;
        let start = State::from_factors(&(orthonormal(6, 4, 33) * &small), &(orthonormal(5, 4, 34) * &small));
        let worst = deviation(&full_observation(y.clone()), &start, 40.0, gram);
        assert!(worst < 1e-10, "α = {scale:e}: {worst:e}");
    }
}

#[test]
fn comparisons_find_it_at_any_time() {
    let y = target(9, 7, &[2.0, 1.0], 5);
    let start = spectral_start(&y, 6, &[1e-3, 2e-3]);
    let instance = full_observation(y);
    let method = |name: &str| match name {
        "exact" => Lab::new(10.0, 11).trajectory("exact", "exact", Method::ClosedForm),
        _ => Lab::new(10.0, 11).flow("flow", Pair::Dop853, 1e-12),
    };
    // The steps of the descent lie between the recording times.
    let [a, b] = ["exact", "flow"].map(|name| {
        let record = method(name).descent("gd", 0.037).compare().run(&instance, &start);
        sup_deviation(&record, name, "gd").unwrap()
    });
    assert!(a > 1e-3 && (a / b - 1.0).abs() < 1e-8, "{a} {b}");
}

#[test]
fn restoring_gives_the_same_bits_and_interpolation_the_same_solution() {
    let y = target(6, 5, &[2.0, 0.5], 31);
    let z = gaussian(4, 4, 32) * 1e-3;
    let balanced = State::from_factors(&(orthonormal(6, 4, 33) * &z), &(orthonormal(5, 4, 34) * &z));
    let spectral = spectral_start(&y, 4, &[1e-3, 2e-3]);
    let instance = full_observation(y);
    for start in [balanced, spectral] {
        let times = || vec![0.0, 1.0, 2.5, 7.0, 20.0];
        let new = || ClosedForm::new(&instance, &start).unwrap().at_times(times());
        let rest = |stepper: &mut ClosedForm| {
            let mut states = Vec::new();
            drive(stepper, &mut GradientFlow, &*instance.operator, &instance.data, |stepper| {
                states.push(stepper.save());
                ControlFlow::Continue(())
            })
            .unwrap();
            states
        };
        let whole = rest(&mut new());
        assert_eq!(whole.iter().map(|saved| saved.t).collect::<Vec<_>>(), times());
        for at in 0..4 {
            let mut second = new();
            second.restore(whole[at].clone());
            assert_eq!(second.save(), whole[at]);
            assert_eq!(rest(&mut second), whole[at + 1..]);
        }
        let mut stepper = new();
        let mut out = start.clone();
        drive(&mut stepper, &mut GradientFlow, &*instance.operator, &instance.data, |stepper| {
            if stepper.t() == 7.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        stepper.request_interpolant();
        assert_eq!(stepper.poll(&mut GradientFlow, None), StepEvent::Interpolant);
        for t in [2.5, 3.0, 6.9, 7.0] {
            stepper.interpolate(t, &mut out);
            let direct = new().evaluate(t).unwrap();
            let difference = (out.product() - direct.product()).norm() / direct.product().norm();
            assert!(difference < 1e-12, "t = {t}: {difference:e}");
        }
        assert_eq!(&out, stepper.state());
        stepper.interpolate(1.0, &mut out);
        assert_eq!(out, whole[2].state, "before the step: its beginning");
    }
}

#[test]
fn it_says_why_there_is_no_closed_form() {
    let y = target(6, 5, &[2.0, 1.0], 31);
    let spectral = spectral_start(&y, 4, &[1e-3, 2e-3]);
    let reason = |instance: &Instance, start: &State| ClosedForm::new(instance, start).unwrap_err();
    let sensing = with_operator(y.clone(), Box::new(Gaussian::draw(6, 5, 30, Storage::F64, 1).unwrap()));
    assert_eq!(reason(&sensing, &spectral), ClosedFormError::PartialObservation);
    let mut noisy = full_observation(y.clone());
    noisy.data[3] += 1e-9;
    assert!(matches!(reason(&noisy, &spectral), ClosedFormError::Noise { relative } if (1e-10..1e-9).contains(&relative)));
    let mut unknown = full_observation(y.clone());
    unknown.target = None;
    assert_eq!(reason(&unknown, &spectral), ClosedFormError::NoTarget);
    let full = full_observation(y);
    let gaussian = small_start(6, 5, 4, 0.1, 3);
    assert!(matches!(reason(&full, &gaussian), ClosedFormError::InitialFactors { imbalance } if imbalance > 1e-3));
    let mut tiny = spectral;
    tiny.as_mut_slice().iter_mut().for_each(|x| *x *= 1e-160);
    assert_eq!(reason(&full, &tiny), ClosedFormError::Underflow);
    let lab = Lab::new(1.0, 3).trajectory("exact", "exact", Method::ClosedForm);
    let error = Simulation::new(&lab.experiment, &full, vec![gaussian]).err().unwrap();
    assert!(matches!(error, SimulationError::ClosedForm { .. }));
    let message = error.to_string();
    assert!(message.starts_with("trajectory[exact].closed_form: no closed form is known for these initial factors"), "{message}");
}

#[test]
fn two_modes_that_share_a_direction_are_not_decoupled() {
    // Both modes along the same row: along their singular vectors, yet coupled, and not balanced.
    let y = target(6, 5, &[2.0, 1.0], 31);
    let q = gaussian(4, 1, 5);
    let both = Matrix::from_fn(2, 4, |i, j| q[j] * (1.0 + i as f64) * 0.1);
    let f = multiply(Form::Plain, &y.left, View::of(&both));
    let g = multiply(Form::Plain, &y.right, View::of(&(&both * 0.5)));
    let error = ClosedForm::new(&full_observation(y), &State::from_factors(&f, &g)).unwrap_err();
    assert!(matches!(error, ClosedFormError::InitialFactors { .. }));
}
