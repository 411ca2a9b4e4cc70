//! Measured orders: of steps, of dense outputs, of the dissipation integral, across a jump.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stepper_support;

use pgflow::dynamics::Moment;
use pgflow::stepper::tableaus::{DOP853, DOPRI5, RK4, Tableau};
use pgflow::stepper::{Discrete, GradientDescent, RungeKutta, Stepper};
use stepper_support::*;

/// Away from `t = 0`, where derivatives of even functions vanish and orders look higher.
const SHIFT: f64 = 0.5;

/// `ẋ = −2τx²`, `ẏ = y cos τ`, `u̇ = 2u(1.5 − u)`, `τ = t + SHIFT`: nonlinear, explicitly dependent on time, with closed solutions.
fn rate(at: Moment, z: &[f64], out: &mut [f64]) {
    let time = at.t + SHIFT;
    out[0] = -2.0 * time * z[0] * z[0];
    out[1] = z[1] * time.cos();
    out[2] = 2.0 * z[2] * (1.5 - z[2]);
}

fn solution(t: f64) -> Vec<f64> {
    let (sigma, growth) = (1.5, (3.0 * t).exp());
    let time = t + SHIFT;
    vec![1.0 / (1.0 + time * time), time.sin().exp(), sigma * growth / (growth - 1.0 + sigma / 0.2)]
}

fn tableaus() -> [&'static Tableau; 3] {
    [&RK4, DOPRI5.tableau, DOP853.tableau]
}

/// A test problem's right-hand side and solution.
type Problem = (fn(Moment, &[f64], &mut [f64]), fn(f64) -> Vec<f64>);

/// `ẏ = y cos τ` beside a rotation whose speed is `‖·‖²`: its errors of order 8 stay above rounding where steps are small enough to show it.
fn spin(at: Moment, z: &[f64], out: &mut [f64]) {
    let speed = z[1] * z[1] + z[2] * z[2];
    (out[0], out[1], out[2]) = (z[0] * (at.t + SHIFT).cos(), -speed * z[2], speed * z[1]);
}

#[test]
fn steps_have_their_order() {
    let first: Problem = (rate, solution);
    let second: Problem = (spin, |t| vec![(t + SHIFT).sin().exp(), t.cos(), t.sin()]);
    let cases = [(&RK4, first, [100, 200, 400]), (DOPRI5.tableau, first, [80, 120, 180]), (DOP853.tableau, second, [10, 13, 17])];
    for (tableau, (rate, solution), steps) in cases {
        let errors = steps.map(|n| {
            let step = 2.0 / f64::from(n);
            let mut method = RungeKutta::fixed(tableau, step, vector(&solution(0.0)), 2.0);
            let points = run(&mut method, &mut Field::new(rate)).unwrap();
            assert_eq!(points.len(), n as usize + 1);
            assert_eq!(points[n as usize].t, 2.0);
            (step, distance(&points[n as usize].z, &solution(2.0)))
        });
        let order = slope(&errors);
        println!("{}: {order:.3} {errors:?}", tableau.name);
        assert!((order - f64::from(tableau.order)).abs() < 0.1, "{}: {order} {errors:?}", tableau.name);
    }
}

#[test]
fn descent_has_order_one() {
    let errors = [1000, 2000, 4000].map(|n| {
        let step = 2.0 / f64::from(n);
        let mut method = Discrete::new(GradientDescent, step, vector(&solution(0.0)), 2.0);
        run(&mut method, &mut Field::new(rate)).unwrap();
        (step, distance(method.state().as_slice(), &solution(2.0)))
    });
    assert!((slope(&errors) - 1.0).abs() < 0.1, "{errors:?}");
}

#[test]
fn dense_outputs_have_their_order() {
    // One step from an exact value: the largest error over θ is O(h^{order+1}).
    for (tableau, steps) in [(&RK4, [0.08, 0.04, 0.02]), (DOPRI5.tableau, [0.04, 0.03, 0.02]), (DOP853.tableau, [0.16, 0.11, 0.08])] {
        let errors = steps.map(|step| {
            let mut field = Field::new(rate);
            let mut method = RungeKutta::fixed(tableau, step, vector(&solution(0.0)), step);
            run(&mut method, &mut field).unwrap();
            let times = (1..40).map(|j| f64::from(j) / 40.0 * step);
            (step, times.map(|t| distance(&dense(&mut method, &mut field, t).0, &solution(t))).fold(0.0, f64::max))
        });
        let (order, expected) = (slope(&errors), f64::from(tableau.dense.order + 1));
        println!("{}: {order:.3} {errors:?}", tableau.name);
        assert!((order - expected).abs() < 0.1, "{}: {order} {errors:?}", tableau.name);
    }
}

#[test]
fn dense_outputs_join_smoothly() {
    // Continuous at both ends, with slopes that are the rates there.
    for tableau in tableaus() {
        let mut field = Field::new(rate);
        let mut method = RungeKutta::fixed(tableau, 0.1, vector(&solution(0.0)), 1.0);
        for _ in 0..5 {
            method.poll(&mut field, None);
        }
        let before = method.t_before();
        let (at_start, _) = dense(&mut method, &mut field, before);
        let (tiny, end) = (1e-6, method.t());
        let (after, _) = dense(&mut method, &mut field, before + tiny);
        let (near, _) = dense(&mut method, &mut field, end - tiny);
        let mut slope_before = vec![0.0; 3];
        rate(Moment { t: before, piece: 0 }, &at_start, &mut slope_before);
        for i in 0..3 {
            // Differences of values of size one over 1e-6: rounding 1e-10, curvature 1e-5.
            assert!(((after[i] - at_start[i]) / tiny - slope_before[i]).abs() < 1e-4, "{} {i}", tableau.name);
            assert!(((method.state().as_slice()[i] - near[i]) / tiny - method.rate().as_slice()[i]).abs() < 1e-4, "{} {i}", tableau.name);
        }
    }
}

#[test]
fn the_ends_of_an_interpolant_are_the_points_to_the_bit() {
    for method in every_method() {
        let mut field = Field::new(rate);
        let mut stepper = pgflow::stepper::build(&method, vector(&solution(0.0)), 2.0, None);
        let mut last = None;
        for _ in 0..6 {
            stepper.poll(&mut field, None);
            let here = visited(&*stepper);
            if let Some(Visited { t, z, dissipation, .. }) = last.replace(here.clone()) {
                assert_eq!(stepper.t_before(), t);
                assert_eq!(dense(&mut *stepper, &mut field, t), (z, dissipation));
                assert_eq!(dense(&mut *stepper, &mut field, here.t), (here.z, here.dissipation));
            }
        }
    }
}

#[test]
fn dissipation_is_the_integral_with_its_order_and_densely() {
    // ż = −z from 1: ∫ z² = (1 − e^{−2t})/2.
    let mut field = Field::new(|_: Moment, z: &[f64], out: &mut [f64]| out[0] = -z[0]);
    let integral = |t: f64| -f64::exp_m1(-2.0 * t) / 2.0;
    for (tableau, steps) in [(&RK4, [20, 40, 80]), (DOPRI5.tableau, [10, 20, 40]), (DOP853.tableau, [3, 4, 6])] {
        let errors = steps.map(|n| {
            let step = 1.5 / f64::from(n);
            let mut method = RungeKutta::fixed(tableau, step, vector(&[1.0]), 1.5);
            run(&mut method, &mut field).unwrap();
            let middle = 0.5 * (method.t_before() + method.t());
            let between = (dense(&mut method, &mut field, middle).1 - integral(middle)).abs();
            let bound = 2.0 * step.powi(tableau.dense.order as i32 + 1);
            assert!(between < bound, "{} {n}: {between:e}", tableau.name);
            (step, (method.dissipation() - integral(1.5)).abs())
        });
        let order = slope(&errors);
        println!("{}: {order:.3} {errors:?}", tableau.name);
        assert!(order > f64::from(tableau.order) - 0.2, "{}: {order} {errors:?}", tableau.name);
    }
}

#[test]
fn the_order_survives_a_jump_of_the_field() {
    // ż = z on [0, 0.7], ż = −3z + t after it; the rate at the jump is the left one.
    let after = |t: f64, z0: f64, t0: f64| {
        let particular = |t: f64| t / 3.0 - 1.0 / 9.0;
        particular(t) + (z0 - particular(t0)) * f64::exp(-3.0 * (t - t0))
    };
    let rate = |at: Moment, z: &[f64], out: &mut [f64]| out[0] = if at.piece == 0 { z[0] } else { -3.0 * z[0] + at.t };
    for (tableau, steps) in [(&RK4, [20, 40, 80]), (DOPRI5.tableau, [20, 40, 80]), (DOP853.tableau, [4, 6, 8])] {
        let errors = steps.map(|n| {
            // The jump is nowhere near the grid.
            let step = 2.0 / f64::from(n);
            let mut field = Field { rate, jumps: vec![0.7] };
            let mut method = RungeKutta::fixed(tableau, step, vector(&[1.0]), 2.0);
            let points = run(&mut method, &mut field).unwrap();
            let jump = points.iter().find(|p| p.t == 0.7).expect("a step ends at the jump");
            assert_eq!(jump.rate, jump.z);
            assert_eq!(method.counts().evaluations, 2 + u64::from(tableau.stages() as u32) * method.counts().accepted);
            (step, (method.state().as_slice()[0] - after(2.0, 0.7f64.exp(), 0.7)).abs())
        });
        let order = slope(&errors);
        println!("{}: {order:.3} {errors:?}", tableau.name);
        assert!(order > f64::from(tableau.order) - 0.5, "{}: {order} {errors:?}", tableau.name);
    }
}

#[test]
fn adaptive_errors_follow_the_tolerance() {
    for pair in [&DOPRI5, &DOP853] {
        let mut errors = Vec::new();
        for rtol in [1e-5, 1e-7, 1e-9, 1e-11] {
            let mut method = RungeKutta::adaptive(pair, tolerance(rtol), vector(&solution(0.0)), 6.0);
            let points = run(&mut method, &mut Field::new(rate)).unwrap();
            let error = points.iter().map(|p| distance(&p.z, &solution(p.t))).fold(0.0, f64::max);
            println!("{} {rtol:e}: {error:.1e} {:?}", pair.tableau.name, method.counts());
            assert!(error < 20.0 * rtol, "{} {rtol:e}: {error:e}", pair.tableau.name);
            errors.push((rtol, error));
        }
        // Error per step: proportional to the tolerance to the power p/(p+1) or better.
        assert!(slope(&errors) > 0.75, "{errors:?}");
    }
}
