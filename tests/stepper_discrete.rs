//! Exponential and Cayley steps, heavy ball and Nesterov: against dense matrix functions, scalar recursions and conservation laws.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stepper_support;

use pgflow::config::{FlowMethod, Method, Pair, Storage};
use pgflow::dynamics::{GradientFlow, ModifiedFlow, State, VectorField};
use pgflow::linalg::{Matrix, frobenius, operator_norm, thin_qr};
use pgflow::sensing::{Gaussian, Identity, SensingOperator};
use pgflow::stepper::{Failure, Solo, StepEvent, Stepper, StepperState, build, drive, method_name};
use std::ops::ControlFlow;
use stepper_support::*;

/// Reproducible entries without pattern, in [−1, 1].
fn noise(rows: usize, cols: usize, seed: f64) -> Matrix {
    Matrix::from_fn(rows, cols, |i, j| ((i as f64 * 12.9898 + j as f64 * 78.233 + seed * 37.719).sin() * 43758.5453).fract())
}

fn start(rows: usize, cols: usize, width: usize, scale: f64) -> State {
    State::from_factors(&(noise(rows, width, 1.0) * scale), &(noise(cols, width, 2.0) * scale))
}

fn lifted(n: &Matrix) -> Matrix {
    let (rows, cols) = n.shape();
    let mut s = Matrix::zeros(rows + cols, rows + cols);
    s.view_mut((0, rows), (rows, cols)).copy_from(n);
    s.view_mut((rows, 0), (cols, rows)).copy_from(&n.transpose());
    s
}

/// `e^S` by a Taylor series with scaling and squaring.
fn exponential(s: &Matrix) -> Matrix {
    let squarings = (s.norm().log2().ceil() + 4.0).max(0.0) as i32;
    let small = s * 2f64.powi(-squarings);
    let (mut sum, mut term) = (Matrix::identity(s.nrows(), s.nrows()), Matrix::identity(s.nrows(), s.nrows()));
    for k in 1..18 {
        term = &term * &small / f64::from(k);
        sum += &term;
    }
    (0..squarings).for_each(|_| sum = &sum * &sum);
    sum
}

fn cayley(s: &Matrix) -> Matrix {
    let identity = Matrix::identity(s.nrows(), s.nrows());
    (&identity - s * 0.5).lu().solve(&(&identity + s * 0.5)).unwrap()
}

type DenseFunction = fn(&Matrix) -> Matrix;

/// A method from its step, and the matrix function that it applies.
/// A method by its step size, and what its step is as a function of `η sym(N)`.
type SpectralMethod = (fn(f64) -> Method, DenseFunction);

fn spectral_methods() -> [SpectralMethod; 2] {
    [(|step| Method::Exponential { step }, exponential), (|step| Method::Cayley { step }, cayley)]
}

#[test]
fn spectral_steps_and_their_interpolants_are_the_dense_matrix_functions() {
    for (rows, cols, width) in [(6, 5, 4), (5, 7, 9), (4, 4, 2)] {
        let target = noise(rows, cols, 5.0);
        let (identity, initial) = (Identity::new(rows, cols), start(rows, cols, width, 0.4));
        let n = &target - initial.product();
        for (method, function) in spectral_methods() {
            for step in [1e-8, 1e-3, 0.1, 0.8 / operator_norm(&n)] {
                let mut stepper = build(&method(step), initial.clone(), step, None);
                let mut solo = Solo::new(&identity, target.as_slice());
                solo.advance(&mut *stepper, &mut GradientFlow);
                solo.advance(&mut *stepper, &mut GradientFlow);
                assert_eq!((stepper.step(), stepper.finished()), (1, true));
                let exact = function(&(lifted(&n) * step)) * initial.matrix();
                let error = (stepper.state().matrix() - &exact).norm() / exact.norm();
                assert!(error < 1e-13, "{:?} {step:e} {rows}×{cols}×{width}: {error:e}", method(step));
                stepper.request_interpolant();
                assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Interpolant);
                let mut out = initial.clone();
                for fraction in [0.25, 0.7] {
                    stepper.interpolate(fraction * step, &mut out);
                    let exact = function(&(lifted(&n) * (fraction * step))) * initial.matrix();
                    assert!((out.matrix() - &exact).norm() / exact.norm() < 1e-13);
                }
                stepper.interpolate(0.0, &mut out);
                assert_eq!(out, initial);
                stepper.interpolate(step, &mut out);
                assert_eq!(&out, stepper.state());
            }
        }
    }
}

fn imbalance(state: &State) -> Matrix {
    let (f, g) = (state.left().to_matrix(), state.right().to_matrix());
    f.transpose() * &f - g.transpose() * &g
}

#[test]
fn spectral_steps_conserve_the_imbalance_to_round_off_and_descent_does_not() {
    let (rows, cols) = (8, 7);
    let operator = Gaussian::draw(rows, cols, 60, Storage::F64, 4).unwrap();
    let data = operator.measure(&(noise(rows, 2, 6.0) * noise(2, cols, 7.0)));
    let initial = start(rows, cols, 5, 0.3);
    let drift = |method: &Method| {
        let mut stepper = build(method, initial.clone(), 100.0, None);
        let (mut worst, mut size) = (0.0_f64, 0.0_f64);
        drive(&mut *stepper, &mut GradientFlow, &operator, &data, |stepper| {
            worst = worst.max(frobenius(&(imbalance(stepper.state()) - imbalance(&initial))));
            size = size.max(stepper.state().norm().powi(2));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(stepper.step(), 1000);
        worst / size
    };
    let step = 0.1;
    for (method, _) in spectral_methods() {
        let drift = drift(&method(step));
        println!("{:?}: {drift:e}", method(step));
        assert!(drift < 1e-13, "{:?}: {drift:e}", method(step));
    }
    let descent = drift(&Method::GradientDescent { step });
    assert!(descent > 1e-3, "{descent:e}");
}

#[test]
fn one_step_of_descent_differs_from_the_exponential_step_at_second_order() {
    let target = noise(6, 5, 5.0);
    let (identity, initial) = (Identity::new(6, 5), start(6, 5, 4, 0.4));
    let after = |method: Method| {
        let mut stepper = build(&method, initial.clone(), method.step_size().unwrap(), None);
        drive(&mut *stepper, &mut GradientFlow, &identity, target.as_slice(), |_| ControlFlow::Continue(())).unwrap();
        stepper.state().clone()
    };
    let (mut points, mut closer) = (Vec::new(), Vec::new());
    for step in [1e-2, 5e-3, 2.5e-3] {
        let (descent, exponential) = (after(Method::GradientDescent { step }), after(Method::Exponential { step }));
        let cayley = after(Method::Cayley { step });
        points.push((step, (descent.matrix() - exponential.matrix()).norm()));
        closer.push((step, (cayley.matrix() - exponential.matrix()).norm()));
    }
    assert!((slope(&points) - 2.0).abs() < 0.02, "{points:?}");
    // The Padé approximation e^{ηM} + O((ηM)³) is one order closer.
    assert!((slope(&closer) - 3.0).abs() < 0.02, "{closer:?}");
}

#[test]
fn the_cayley_step_refuses_to_pass_its_pole() {
    let target = noise(6, 5, 5.0);
    let (identity, initial) = (Identity::new(6, 5), start(6, 5, 4, 0.1));
    let norm = operator_norm(&(&target - initial.product()));
    for (factor, fails) in [(1.999, false), (2.001, true), (7.0, true)] {
        let mut stepper = build(&Method::Cayley { step: factor / norm }, initial.clone(), factor / norm, None);
        let mut solo = Solo::new(&identity, target.as_slice());
        assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Arrived);
        let event = solo.advance(&mut *stepper, &mut GradientFlow);
        let expected = if fails { StepEvent::Failed(Failure::NonFinite) } else { StepEvent::Arrived };
        assert_eq!(event, expected, "{factor}");
        assert_eq!(stepper.step(), u64::from(!fails));
        if fails {
            assert_eq!(stepper.state(), &initial, "it stands at the last good point");
            assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), expected);
        }
    }
}

#[test]
fn without_a_matrix_spectral_steps_fail_rather_than_guess() {
    for (method, _) in spectral_methods() {
        let mut field = Field::new(|_, z: &[f64], out: &mut [f64]| out.copy_from_slice(z));
        let mut stepper = build(&method(0.1), start(2, 2, 1, 1.0), 1.0, None);
        assert_eq!(stepper.poll(&mut field, None), StepEvent::Arrived);
        assert_eq!(stepper.poll(&mut field, None), StepEvent::Failed(Failure::NonFinite));
    }
}

/// A spectral start: modes `U diag(√s₀) Qᵀ`, the target, its singular values and `√s₀`.
fn spectral() -> (Matrix, State, Matrix, Matrix, [f64; 3], [f64; 3]) {
    let (values, roots) = ([2.0, 1.0, 0.5], [0.03, 0.05, 0.02]);
    let [u, v, q] = [(9, 1.0), (7, 2.0), (6, 3.0)].map(|(rows, seed)| thin_qr(&noise(rows, 3, seed)).0);
    let scaled = |u: &Matrix, x: &[f64; 3]| Matrix::from_fn(u.nrows(), 3, |i, j| u[(i, j)] * x[j]);
    let target = scaled(&u, &values) * v.transpose();
    let initial = State::from_factors(&(scaled(&u, &roots) * q.transpose()), &(scaled(&v, &roots) * q.transpose()));
    (target, initial, u, v, values, roots)
}

#[test]
fn heavy_ball_and_nesterov_decouple_into_scalar_recursions() {
    let (target, initial, u, v, values, roots) = spectral();
    let (step, horizon) = (0.05, 20.0);
    let methods = [
        Method::Momentum { step, momentum: 0.8 },
        Method::Nesterov { step, momentum: Some(0.7) },
        Method::Nesterov { step, momentum: None },
    ];
    for method in methods {
        let (mut z, mut before) = (roots, roots);
        let mut stepper = build(&method, initial.clone(), horizon, None);
        let mut k = 0_u32;
        drive(&mut *stepper, &mut GradientFlow, &Identity::new(9, 7), target.as_slice(), |stepper| {
            let exact = Matrix::from_fn(9, 3, |i, j| u[(i, j)] * z[j] * z[j]) * v.transpose();
            let error = (stepper.state().product() - &exact).norm() / exact.norm();
            assert!(error < 1e-12, "{method:?} step {k}: {error:e}");
            for ((z, before), sigma) in z.iter_mut().zip(&mut before).zip(values) {
                let force = |z: f64| step * (sigma - z * z) * z;
                let next = match method {
                    Method::Momentum { momentum, .. } => *z + force(*z) + momentum * (*z - *before),
                    Method::Nesterov { momentum, .. } => {
                        let standard = if k == 0 { 0.0 } else { (f64::from(k) - 1.0) / (f64::from(k) + 2.0) };
                        let w = *z + momentum.unwrap_or(standard) * (*z - *before);
                        w + force(w)
                    }
                    _ => panic!("no such method here"),
                };
                (*z, *before) = (next, *z);
            }
            k += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(k, 401);
    }
}

/// Every state, rate and dissipation of a run under full observation.
fn points(method: &Method, initial: &State, target: &Matrix, horizon: f64) -> Vec<Visited> {
    let mut stepper = build(method, initial.clone(), horizon, None);
    let mut points = Vec::new();
    drive(&mut *stepper, &mut GradientFlow, &Identity::new(target.nrows(), target.ncols()), target.as_slice(), |stepper| {
        points.push(visited(stepper));
        ControlFlow::Continue(())
    })
    .unwrap();
    points
}

#[test]
fn without_momentum_both_are_gradient_descent_to_the_last_bit() {
    let (target, initial) = (noise(6, 5, 5.0), start(6, 5, 4, 0.3));
    let step = 0.05;
    let descent = points(&Method::GradientDescent { step }, &initial, &target, 10.0);
    assert_eq!(descent.len(), 201);
    assert_eq!(points(&Method::Momentum { step, momentum: 0.0 }, &initial, &target, 10.0), descent);
    assert_eq!(points(&Method::Nesterov { step, momentum: Some(0.0) }, &initial, &target, 10.0), descent);
    // Literally z + η v, and the Euler sum.
    let mut dissipation = 0.0;
    for pair in descent.windows(2) {
        let next: Vec<f64> = pair[0].z.iter().zip(&pair[0].rate).map(|(z, v)| z + step * v).collect();
        assert_eq!(pair[1].z, next);
        dissipation += step * pair[0].rate.iter().map(|v| v * v).sum::<f64>();
        assert!((pair[1].dissipation / dissipation - 1.0).abs() < 1e-14);
    }
}

#[test]
fn momentum_interpolates_between_its_points() {
    let (target, initial) = (noise(6, 5, 5.0), start(6, 5, 4, 0.3));
    let identity = Identity::new(6, 5);
    for method in [Method::Momentum { step: 0.1, momentum: 0.9 }, Method::Nesterov { step: 0.1, momentum: None }] {
        let mut stepper = build(&method, initial.clone(), 1.0, None);
        let mut solo = Solo::new(&identity, target.as_slice());
        let mut before = initial.clone();
        for _ in 0..6 {
            before = stepper.state().clone();
            solo.advance(&mut *stepper, &mut GradientFlow);
        }
        let (mut out, middle) = (initial.clone(), 0.5 * (stepper.t() + stepper.t_before()));
        stepper.interpolate(stepper.t_before(), &mut out);
        assert_eq!(out, before);
        stepper.interpolate(middle, &mut out);
        assert!((out.matrix() - (before.matrix() + stepper.state().matrix()) * 0.5).norm() < 1e-15);
    }
}

#[test]
fn evaluations_are_as_documented_and_the_last_answer_is_the_points_own() {
    let (target, initial) = (noise(6, 5, 5.0), start(6, 5, 4, 0.3));
    let (identity, step) = (Identity::new(6, 5), 0.1);
    let methods = [
        (Method::Exponential { step }, 21),
        (Method::Cayley { step }, 21),
        (Method::Momentum { step, momentum: 0.5 }, 21),
        (Method::Nesterov { step, momentum: Some(0.5) }, 21 + 19),
        (Method::Nesterov { step, momentum: None }, 21 + 18),
    ];
    for (method, expected) in methods {
        let mut stepper = build(&method, initial.clone(), 2.0, None);
        let mut solo = Solo::new(&identity, target.as_slice());
        loop {
            assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Arrived);
            assert_eq!(solo.answer().product, stepper.state().product(), "{method:?}");
            let rate = lifted(&solo.answer().matrix) * stepper.state().matrix();
            assert!((rate - stepper.rate().matrix()).norm() < 1e-14);
            if stepper.finished() {
                break;
            }
        }
        assert_eq!((stepper.counts().evaluations, stepper.counts().accepted), (expected, 20), "{method:?}");
    }
}

#[test]
fn continuing_from_any_saved_point_gives_the_same_bits() {
    let (target, initial) = (noise(6, 5, 5.0), start(6, 5, 4, 0.3));
    let operator = Gaussian::draw(6, 5, 40, Storage::F64, 3).unwrap();
    let data = operator.measure(&target);
    let step = 0.1;
    let integrator = FlowMethod::Adaptive { pair: Pair::Dop853, tolerance: tolerance(1e-8) };
    let methods = [
        Method::GradientDescent { step },
        Method::Exponential { step },
        Method::Cayley { step },
        Method::Momentum { step, momentum: 0.5 },
        Method::Nesterov { step, momentum: None },
        Method::ModifiedFlow { step, integrator },
    ];
    for method in methods {
        let field = || -> Box<dyn VectorField> {
            if let Method::ModifiedFlow { step, .. } = method {
                Box::new(ModifiedFlow::new(step, initial.shape()))
            } else {
                Box::new(GradientFlow)
            }
        };
        let rest = |stepper: &mut dyn Stepper| {
            let mut states = Vec::new();
            drive(stepper, &mut *field(), &operator, &data, |stepper| {
                states.push(stepper.save());
                ControlFlow::Continue(())
            })
            .unwrap();
            states
        };
        let whole: Vec<StepperState> = rest(&mut *build(&method, initial.clone(), 2.0, None));
        for at in 0..whole.len() - 1 {
            let bytes = postcard::to_stdvec(&whole[at]).unwrap();
            let mut second = build(&method, State::zeros(initial.shape()), 2.0, None);
            second.restore(postcard::from_bytes(&bytes).unwrap());
            assert_eq!(second.save(), whole[at]);
            assert_eq!(rest(&mut *second), whole[at + 1..], "{} from {at}", method_name(&method));
        }
    }
}

#[test]
fn a_target_of_zero_and_a_state_of_zero_stay() {
    for (method, _) in spectral_methods() {
        let zero = State::zeros(start(4, 3, 2, 1.0).shape());
        let visited = points(&method(0.1), &zero, &Matrix::zeros(4, 3), 1.0);
        assert!(visited.len() == 11 && visited.iter().all(|point| point.z.iter().all(|z| *z == 0.0)));
    }
}
