//! Flows and descents of factored least squares under full observation, against closed forms and another library.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stepper_support;

use ode_solvers::dop_shared::OutputType;
use ode_solvers::{DVector, System};
use pgflow::config::{ErrorNorm, FlowMethod, Method, Pair, ToleranceSpec};
use pgflow::dynamics::{GradientFlow, Moment, State, VectorField};
use pgflow::linalg::{Matrix, operator_norm, thin_qr};
use pgflow::sensing::Identity;
use pgflow::stepper::{Counts, Solo, StepEvent, Stepper, build, drive};
use std::ops::ControlFlow;
use stepper_support::*;

/// Entries without structure, of size at most one.
fn scatter(rows: usize, cols: usize, salt: usize) -> Matrix {
    Matrix::from_fn(rows, cols, |i, j| ((1 + i + 17 * j + 71 * salt) as f64 * 12.9898).sin())
}

/// `U diag(σ) Vᵀ` with its frames.
fn target(rows: usize, cols: usize, sigma: &[f64]) -> (Matrix, Matrix, Matrix) {
    let (u, v) = (thin_qr(&scatter(rows, sigma.len(), 1)).0, thin_qr(&scatter(cols, sigma.len(), 2)).0);
    let y = &u * Matrix::from_diagonal(&nalgebra::DVector::from_column_slice(sigma)) * v.transpose();
    (y, u, v)
}

/// `F₀ = α U Qᵀ`, `G₀ = α V Qᵀ`.
fn spectral(u: &Matrix, v: &Matrix, alpha: f64, width: usize) -> State {
    let q = thin_qr(&scatter(width, u.ncols(), 3)).0;
    State::from_factors(&(u * q.transpose() * alpha), &(v * q.transpose() * alpha))
}

fn imbalance(state: &State) -> Matrix {
    let (f, g) = (state.left().to_matrix(), state.right().to_matrix());
    f.transpose() * &f - g.transpose() * &g
}

/// Runs to the end and hands every point to `visit`.
fn follow(stepper: &mut dyn Stepper, y: &Matrix, mut visit: impl FnMut(&dyn Stepper)) {
    drive(stepper, &mut GradientFlow, &Identity::new(y.nrows(), y.ncols()), y.as_slice(), |point| {
        visit(point);
        ControlFlow::Continue(())
    })
    .unwrap();
}

fn logistic(t: f64, sigma: f64, s0: f64) -> f64 {
    // σ/(1 + (σ/s₀ − 1)e^{−2σt}), the closed form without overflow.
    sigma / (1.0 + (sigma / s0 - 1.0) * (-2.0 * sigma * t).exp())
}

#[test]
fn balanced_modes_grow_as_logistic_curves_at_steps_and_between() {
    let sigma = [2.0, 1.0, 0.5];
    let (y, u, v) = target(9, 7, &sigma);
    let identity = Identity::new(9, 7);
    for (alpha, norm) in [(1e-3f64, ErrorNorm::Factors), (1e-10, ErrorNorm::Factors), (1e-3, ErrorNorm::Product)] {
        for pair in [Pair::Dopri5, Pair::Dop853] {
            let tolerance = ToleranceSpec { rtol: 1e-9, atol: 0.0, norm };
            let horizon = 10.0 - alpha.ln() * 4.0;
            let method = Method::Flow(FlowMethod::Adaptive { pair, tolerance });
            let mut stepper = build(&method, spectral(&u, &v, alpha, 5), horizon, None);
            let mut solo = Solo::new(&identity, y.as_slice());
            let deviation = |t: f64, state: &State| {
                let expected = sigma.map(|s| logistic(t, s, alpha * alpha));
                (u.transpose() * state.product() * &v - Matrix::from_diagonal(&expected.to_vec().into())).norm()
            };
            let (mut at_steps, mut between, mut out) = (0.0f64, 0.0f64, spectral(&u, &v, alpha, 5));
            while !stepper.finished() {
                assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Arrived);
                at_steps = at_steps.max(deviation(stepper.t(), stepper.state()));
                stepper.request_interpolant();
                assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Interpolant);
                for theta in [0.3, 0.7] {
                    let t = stepper.t_before() + theta * (stepper.t() - stepper.t_before());
                    stepper.interpolate(t, &mut out);
                    between = between.max(deviation(t, &out));
                }
            }
            println!("{pair:?} {norm:?} α = {alpha:e}: {at_steps:.1e} at steps, {between:.1e} between, {:?}", stepper.counts());
            // Every step may err by rtol relative to ‖Z‖, which moves products of size σ₁ by twice that; the dense output, one order below
            // the steps and without control of its own, is allowed ten times as much.
            let bound = 2.0 * sigma[0] * 1e-9 * stepper.counts().accepted as f64;
            assert!(at_steps < bound, "{pair:?} {norm:?} {alpha:e}: {at_steps:e}");
            assert!(between < 10.0 * bound, "{pair:?} {norm:?} {alpha:e}: {between:e}");
        }
    }
}

#[test]
fn flows_keep_the_imbalance_and_dissipate_what_the_loss_loses() {
    let (y, _, _) = target(8, 6, &[1.5, 1.0, 0.7]);
    let initial = State::from_factors(&(scatter(8, 5, 4) * 0.3), &(scatter(6, 5, 5) * 0.2));
    for (method, bound) in
        [(adaptive(Pair::Dop853, 1e-10), 1e-8), (adaptive(Pair::Dopri5, 1e-10), 1e-8), (Method::Flow(FlowMethod::Rk4 { step: 0.01 }), 1e-8)]
    {
        let (start, loss) = (imbalance(&initial), |state: &State| 0.5 * (state.product() - &y).norm_squared());
        let mut worst = (0.0f64, 0.0f64);
        let mut stepper = build(&method, initial.clone(), 20.0, None);
        follow(&mut *stepper, &y, |point| {
            worst.0 = worst.0.max((imbalance(point.state()) - &start).norm());
            worst.1 = worst.1.max((loss(point.state()) + point.dissipation() - loss(&initial)).abs());
        });
        println!("{method:?}: imbalance {:.1e}, energy {:.1e}", worst.0, worst.1);
        assert!(worst.0 < bound, "{method:?}: imbalance {:e}", worst.0);
        // Dissipation takes no part in error control: the same order of magnitude, not the same bound.
        assert!(worst.1 < 100.0 * bound, "{method:?}: energy {:e}", worst.1);
    }
}

#[test]
fn descent_changes_the_imbalance_by_exactly_what_it_must() {
    // Λ_{k+1} − Λ_k = η²(GᵀNᵀNG − FᵀNNᵀF).
    let (y, _, _) = target(8, 6, &[1.5, 1.0, 0.7]);
    let initial = State::from_factors(&(scatter(8, 5, 4) * 0.5), &(scatter(6, 5, 5) * 0.4));
    let eta = 0.1;
    let mut predicted: Option<(Matrix, Matrix)> = None;
    let mut stepper = build(&Method::GradientDescent { step: eta }, initial, 5.0, None);
    follow(&mut *stepper, &y, |point| {
        let (here, f, g) = (imbalance(point.state()), point.state().left().to_matrix(), point.state().right().to_matrix());
        if let Some((before, change)) = &predicted {
            let defect = (&here - before - change).norm();
            assert!(defect <= 1e-12 * here.norm().max(before.norm()), "step {}: {defect:e}", point.step());
        }
        let n = &y - point.state().product();
        let change = (g.transpose() * n.transpose() * &n * &g - f.transpose() * &n * n.transpose() * &f) * (eta * eta);
        predicted = Some((here, change));
    });
    assert_eq!(stepper.step(), 50);
}

#[test]
fn descent_decouples_into_scalar_recursions() {
    let (sigma, eta, alpha) = ([2.0, 1.0, 0.5], 0.2, 1e-3f64);
    let (y, u, v) = target(9, 7, &sigma);
    let mut modes = [alpha; 3];
    let mut stepper = build(&Method::GradientDescent { step: eta }, spectral(&u, &v, alpha, 5), 60.0, None);
    let mut worst = 0.0f64;
    follow(&mut *stepper, &y, |point| {
        let product = u.transpose() * point.state().product() * &v;
        let expected = Matrix::from_diagonal(&modes.map(|x| x * x).to_vec().into());
        worst = worst.max((product - &expected).norm() / expected.norm());
        modes = std::array::from_fn(|i| modes[i] + eta * modes[i] * (sigma[i] - modes[i] * modes[i]));
    });
    assert_eq!(stepper.step(), 300);
    assert!(worst < 1e-12, "{worst:e}");
}

#[test]
fn descent_interpolates_linearly_and_counts_the_left_end() {
    let (y, u, v) = target(5, 4, &[1.0, 0.6]);
    let (identity, eta) = (Identity::new(5, 4), 0.3);
    let mut stepper = build(&Method::GradientDescent { step: eta }, spectral(&u, &v, 0.2, 3), 3.0, None);
    let mut solo = Solo::new(&identity, y.as_slice());
    let mut out = stepper.state().clone();
    solo.advance(&mut *stepper, &mut GradientFlow);
    let mut dissipation = 0.0;
    while !stepper.finished() {
        let (z, rate, t) = (stepper.state().matrix().clone(), stepper.rate().matrix().clone(), stepper.t());
        solo.advance(&mut *stepper, &mut GradientFlow);
        stepper.request_interpolant();
        assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Interpolant);
        let since = 0.4 * eta;
        let partial = stepper.interpolate(t + since, &mut out);
        assert!((out.matrix() - (&z + &rate * since)).norm() < 1e-14);
        assert!((partial - dissipation - since * rate.norm_squared()).abs() < 1e-14);
        dissipation += eta * rate.norm_squared();
        assert!((stepper.dissipation() - dissipation).abs() < 1e-13);
        assert!((stepper.state().matrix() - (z + rate * eta)).norm() < 1e-14);
    }
}

#[test]
fn descent_is_stable_below_the_curvature_threshold_and_oscillates_above() {
    let sigma = [1.5, 1.0, 0.4];
    let (y, u, v) = target(8, 6, &sigma);
    let root = Matrix::from_diagonal(&sigma.map(f64::sqrt).to_vec().into());
    let nudge = 1e-4;
    let initial = State::from_factors(&(&u * &root + scatter(8, 3, 6) * nudge), &(&v * &root + scatter(6, 3, 7) * nudge));
    let residuals = |factor: f64| {
        let step = factor / sigma[0];
        let mut residuals = Vec::new();
        let mut stepper = build(&Method::GradientDescent { step }, initial.clone(), 4000.0 * step, None);
        follow(&mut *stepper, &y, |point| residuals.push((point.state().product() - &y).norm()));
        residuals
    };
    let stable = residuals(0.95);
    assert!(stable[4000] < 1e-10, "{:e}", stable[4000]);
    let unstable = residuals(1.05);
    let tail = &unstable[3000..];
    let (least, most) = (tail.iter().copied().fold(f64::INFINITY, f64::min), tail.iter().copied().fold(0.0, f64::max));
    println!("residual between {least} and {most}");
    assert!(least > 0.05 && most < 2.0 * operator_norm(&y), "{least} {most}");
}

/// The same flow for the other library.
struct Reference {
    y: Matrix,
    width: usize,
}

impl System<f64, DVector<f64>> for Reference {
    fn system(&self, _t: f64, z: &DVector<f64>, out: &mut DVector<f64>) {
        let (m, n) = self.y.shape();
        let z = Matrix::from_column_slice(m + n, self.width, z.as_slice());
        let (f, g) = (z.rows(0, m), z.rows(m, n));
        let residual = &self.y - f * g.transpose();
        let mut rate = Matrix::zeros(m + n, self.width);
        rate.rows_mut(0, m).copy_from(&(&residual * g));
        rate.rows_mut(m, n).copy_from(&(residual.transpose() * f));
        out.copy_from_slice(rate.as_slice());
    }
}

#[test]
fn another_library_agrees() {
    let (y, _, _) = target(8, 6, &[1.5, 1.0, 0.7]);
    let initial = State::from_factors(&(scatter(8, 4, 4) * 0.1), &(scatter(6, 4, 5) * 0.1));
    let (horizon, step) = (5.0, 0.0625);
    let system = || Reference { y: y.clone(), width: 4 };
    let start = DVector::from_column_slice(initial.as_slice());
    let ours = |method: Method| {
        let mut stepper = build(&method, initial.clone(), horizon, None);
        follow(&mut *stepper, &y, |_| {});
        stepper.state().as_slice().to_vec()
    };

    let mut theirs = ode_solvers::Rk4::new(system(), 0.0, start.clone(), horizon, step);
    theirs.integrate().unwrap();
    let difference = distance(&ours(Method::Flow(FlowMethod::Rk4 { step })), theirs.y_out().last().unwrap().as_slice());
    // The same method with the same step: rounding of 80 steps, amplified by the escape (at most e^{1.5·t} until it is over).
    assert!(difference < 1e-13, "rk4: {difference:e}");

    let mut theirs = ode_solvers::Dop853::new(system(), 0.0, horizon, horizon, start.clone(), 1e-13, 1e-15);
    // Its dense output gives an extrapolated last point when the last output interval holds several steps.
    theirs.set_output(OutputType::Sparse);
    theirs.integrate().unwrap();
    let difference = distance(&ours(adaptive(Pair::Dop853, 1e-12)), theirs.y_out().last().unwrap().as_slice());
    assert!(difference < 1e-10, "dop853: {difference:e}");

    let mut theirs = ode_solvers::Dopri5::new(system(), 0.0, horizon, horizon, start, 1e-12, 1e-14);
    theirs.set_output(OutputType::Sparse);
    theirs.integrate().unwrap();
    let difference = distance(&ours(adaptive(Pair::Dopri5, 1e-12)), theirs.y_out().last().unwrap().as_slice());
    assert!(difference < 1e-9, "dopri5: {difference:e}");
}

/// Times of all points and the counts.
fn history(method: Method, initial: State, horizon: f64, field: &mut dyn VectorField) -> (Vec<f64>, Counts) {
    let mut stepper = build(&method, initial, horizon, None);
    let points = run(&mut *stepper, field).unwrap();
    (points.iter().map(|p| p.t).collect(), stepper.counts())
}

#[test]
fn a_linear_field_takes_the_same_steps_at_every_scale() {
    let rate = |_: Moment, z: &[f64], out: &mut [f64]| (out[0], out[1]) = (z[1] - 0.1 * z[0], 0.5 * z[1] - z[0]);
    for pair in [Pair::Dopri5, Pair::Dop853] {
        for norm in [ErrorNorm::Factors, ErrorNorm::Product] {
            let method = Method::Flow(FlowMethod::Adaptive { pair, tolerance: ToleranceSpec { rtol: 1e-9, atol: 0.0, norm } });
            let start = |scale: f64| State::from_factors(&Matrix::from_element(1, 1, scale), &Matrix::from_element(1, 1, 0.3 * scale));
            let expected = history(method.clone(), start(1.0), 20.0, &mut Field::new(rate));
            for power in [-300, 200] {
                let scaled = history(method.clone(), start(2f64.powi(power)), 20.0, &mut Field::new(rate));
                assert_eq!(scaled, expected, "{pair:?} {norm:?} 2^{power}");
            }
            // Where squares would underflow or overflow norms are scaled, and rounded otherwise: ε times weights of size ten over rtol
            // changes a step by 2e-6 of its size, all of them by that part of the horizon.
            for power in [-900, 900] {
                let (times, counts) = history(method.clone(), start(2f64.powi(power)), 20.0, &mut Field::new(rate));
                assert_eq!(counts, expected.1, "{pair:?} {norm:?} 2^{power}");
                assert!(distance(&times, &expected.0) < 1e-4, "{pair:?} {norm:?} 2^{power}");
            }
        }
    }
}

#[test]
fn tiny_initialisations_cost_in_proportion_to_the_time_of_escape() {
    // Equal modes: of two unequal ones the slower would drown in the rounding of the faster when σ₁-growth outruns it by 1e16.
    let (y, u, v) = target(9, 7, &[1.0, 1.0]);
    let evaluations = |alpha: f64| {
        // One unit of time after the escape at t = ln(σ/α² − 1)/(2σ), where an error in its time would still show.
        let horizon = -alpha.ln() + 1.0;
        let mut stepper = build(&adaptive(Pair::Dop853, 1e-8), spectral(&u, &v, alpha, 5), horizon, None);
        let mut error = 0.0;
        follow(&mut *stepper, &y, |point| error = (point.state().product() - &y).norm());
        let left = 2f64.sqrt() * (1.0 - logistic(horizon, 1.0, alpha * alpha));
        // Relative errors of rtol a step while it grows, of the product twice that.
        let bound = 2.0 * 1e-8 * stepper.counts().accepted as f64;
        assert!(left > 0.1 && (error - left).abs() < bound, "α = {alpha:e}: {error:e} against {left:e}");
        (stepper.counts().evaluations as f64, horizon)
    };
    let (few, short) = evaluations(1e-3);
    for alpha in [1e-10, 1e-100] {
        let (many, long) = evaluations(alpha);
        println!("α = {alpha:e}: {many} evaluations, {:.2} a unit of time, {:.2} at 1e-3", many / long, few / short);
        assert!(many / long < 1.5 * few / short);
    }
}

#[test]
fn evaluation_counts_are_known() {
    // Golden values: a change here is a change of the controller, the error norm, the first or the last steps. SciPy 1.17 on the same problem with
    // atol = rtol/1000: DOP853 takes 338 and 698 evaluations, RK45 386.
    let (y, _, _) = target(12, 10, &[1.0, 0.4]);
    let initial = State::from_factors(&(scatter(12, 6, 8) * 1e-3), &(scatter(10, 6, 9) * 1e-3));
    let counts = |pair: Pair, rtol: f64| {
        let mut stepper = build(&adaptive(pair, rtol), initial.clone(), 30.0, None);
        follow(&mut *stepper, &y, |_| {});
        let Counts { accepted, rejected, evaluations, .. } = stepper.counts();
        (accepted, rejected, evaluations)
    };
    let found = [counts(Pair::Dop853, 1e-6), counts(Pair::Dop853, 1e-9), counts(Pair::Dopri5, 1e-6)];
    assert_eq!(found, [(28, 2, 359), (57, 4, 729), (60, 3, 379)]);
}

#[test]
fn steps_limited_by_stability_are_counted() {
    // ż = −40 z + forcing of size one: after the transient accuracy would allow far larger steps than stability.
    let rate = |_: Moment, z: &[f64], out: &mut [f64]| (out[0], out[1]) = (40.0 * (1.0 - z[0]), -0.1 * z[1]);
    for pair in [Pair::Dopri5, Pair::Dop853] {
        let mut stiff = build(&adaptive(pair, 1e-6), vector(&[0.5, 1.0]), 100.0, None);
        run(&mut *stiff, &mut Field::new(rate)).unwrap();
        let (limited, steps) = (stiff.stability_limited_steps(), stiff.counts().accepted);
        println!("{pair:?}: {limited} of {steps} steps");
        assert!(limited > steps / 2, "{pair:?}: {limited} of {steps}");
        let saved = stiff.save();
        let mut restored = build(&adaptive(pair, 1e-6), vector(&[0.5, 1.0]), 100.0, None);
        restored.restore(saved);
        assert_eq!(restored.stability_limited_steps(), limited);

        let mut smooth = build(&adaptive(pair, 1e-9), vector(&[1.0, 0.0]), 30.0, None);
        run(&mut *smooth, &mut Field::new(|_: Moment, z: &[f64], out: &mut [f64]| (out[0], out[1]) = (z[1], -z[0]))).unwrap();
        assert_eq!(smooth.stability_limited_steps(), 0, "{pair:?}");
    }
}
