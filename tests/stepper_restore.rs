//! Times that must be met, saving and restoring, repeating polls.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stepper_support;

use pgflow::config::{FlowMethod, Method, Pair};
use pgflow::dynamics::{GradientFlow, Moment, State};
use pgflow::linalg::Matrix;
use pgflow::sensing::Identity;
use pgflow::stepper::{Solo, StepEvent, build, method_name};
use stepper_support::*;

fn swing(at: Moment, z: &[f64], out: &mut [f64]) {
    let sign = if at.piece.is_multiple_of(2) { 1.0 } else { -0.5 };
    out[0] = sign * z[1] * (1.0 + 0.3 * at.t.sin());
    out[1] = -z[0] + 0.1 * z[0] * z[0];
}

fn jumps() -> Vec<f64> {
    vec![0.3, 1.1, 2.5]
}

#[test]
fn continuing_from_any_saved_point_gives_the_same_bits() {
    for method in every_method() {
        let start = || build(&method, vector(&[1.0, 0.2]), 3.0, Some(vec![0.5, 1.7]));
        let mut field = Field { rate: swing, jumps: jumps() };
        let whole = run(&mut *start(), &mut field).unwrap();
        for at in 0..whole.len() - 1 {
            let mut first = start();
            for _ in 0..=at {
                first.poll(&mut field, None);
            }
            if at % 2 == 1 {
                // An interpolant leaves no trace, except in its own count.
                first.request_interpolant();
                assert_eq!(first.poll(&mut field, None), StepEvent::Interpolant);
            }
            let saved = first.save();
            let bytes = postcard::to_stdvec(&saved).unwrap();
            let mut second = build(&method, vector(&[7.0, 7.0]), 3.0, Some(vec![0.5, 1.7]));
            second.restore(postcard::from_bytes(&bytes).unwrap());
            assert_eq!(second.save(), saved, "{}", method_name(&method));
            assert_eq!(visited(&*second), whole[at]);
            assert_eq!(run(&mut *second, &mut field).unwrap(), whole[at + 1..], "{} from {at}", method_name(&method));
            let rest = run(&mut *first, &mut field).unwrap();
            assert_eq!(rest, whole[at + 1..]);
            assert_eq!(first.save(), second.save());
        }
    }
}

#[test]
fn flows_meet_every_time_to_the_bit_and_no_other_times_are_tiny() {
    let exact = vec![0.1, 0.1 + 1e-3, 0.5, 1.7, 2.999];
    for method in every_method().into_iter().filter(|method| matches!(method, Method::Flow(_))) {
        let mut stepper = build(&method, vector(&[1.0, 0.2]), 3.0, Some(exact.clone()));
        let points = run(&mut *stepper, &mut Field { rate: swing, jumps: jumps() }).unwrap();
        for time in exact.iter().chain(&jumps()).chain([&3.0]) {
            assert!(points.iter().any(|p| p.t == *time), "{} misses {time}", method_name(&method));
        }
        assert!(points.windows(2).all(|pair| pair[1].t - pair[0].t > 5e-4));
    }
}

#[test]
fn cuts_do_not_wreck_the_growth_of_steps() {
    // Five cuts cost at most one step each, and one rejection where a step was proposed on the strength of a short one.
    let rate = |_: Moment, z: &[f64], out: &mut [f64]| (out[0], out[1]) = (z[1], -z[0]);
    for pair in [Pair::Dopri5, Pair::Dop853] {
        let count = |times: Vec<f64>| {
            let mut stepper = build(&adaptive(pair, 1e-9), vector(&[1.0, 0.0]), 40.0, Some(times));
            run(&mut *stepper, &mut Field::new(rate)).unwrap();
            let counts = stepper.counts();
            (counts.accepted + counts.rejected) as i64
        };
        let free = count(vec![]);
        let cut = count((1..=5).map(|k| f64::from(k) * 6.0 + 1e-3).collect());
        println!("{pair:?}: {free} attempts, {cut} with cuts");
        assert!(cut - free <= 10, "{pair:?}: {free} attempts, {cut} with cuts");
    }
}

#[test]
fn fixed_steps_keep_their_grid_and_cut_the_last() {
    let method = Method::Flow(FlowMethod::Rk4 { step: 0.25 });
    let times = |horizon: f64, exact: Vec<f64>| -> Vec<f64> {
        let mut stepper = build(&method, vector(&[1.0, 0.2]), horizon, Some(exact));
        run(&mut *stepper, &mut Field::new(swing)).unwrap().iter().map(|p| p.t).collect()
    };
    assert_eq!(times(1.0, vec![]), [0.0, 0.25, 0.5, 0.75, 1.0]);
    assert_eq!(times(0.9, vec![0.3]), [0.0, 0.25, 0.3, 0.5, 0.75, 0.9]);
    let ragged = 0.1 + 0.2;
    let tenth = Method::Flow(FlowMethod::Rk4 { step: 0.1 });
    let mut stepper = build(&tenth, vector(&[1.0, 0.2]), ragged, None);
    let points = run(&mut *stepper, &mut Field::new(swing)).unwrap();
    assert_eq!((points.len(), points[3].t), (4, ragged), "rounding of horizon/step makes no step of its own");
}

#[test]
fn descent_makes_the_documented_number_of_steps() {
    for (step, horizon, expected) in [(0.1, 0.3, 3), (0.1, 1.0, 10), (0.3, 1.0, 3), (0.05, 60.0, 1200), (2.0, 1.0, 0)] {
        let mut stepper = build(&Method::GradientDescent { step }, vector(&[1.0, 0.2]), horizon, Some(vec![0.11]));
        let points = run(&mut *stepper, &mut Field::new(swing)).unwrap();
        assert_eq!(points.len(), expected + 1);
        assert_eq!(stepper.counts().evaluations, expected as u64 + 1);
        assert!(points.iter().enumerate().all(|(k, p)| p.t == k as f64 * step));
    }
}

#[test]
fn a_stepper_that_waits_keeps_asking_and_one_that_ended_stays() {
    let target = Matrix::from_row_slice(2, 2, &[1.0, 0.3, 0.0, 0.5]);
    let identity = Identity::new(2, 2);
    for method in every_method() {
        let initial = State::from_factors(&(Matrix::identity(2, 2) * 0.1), &(Matrix::identity(2, 2) * 0.1));
        let mut stepper = build(&method, initial, 1.0, None);
        let mut solo = Solo::new(&identity, target.as_slice());
        assert_eq!(stepper.poll(&mut GradientFlow, None), StepEvent::Ask);
        assert_eq!(stepper.poll(&mut GradientFlow, None), StepEvent::Ask);
        while !stepper.finished() {
            assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Arrived);
            assert!((&solo.answer().product - stepper.state().product()).norm() < 1e-15, "the last answer is the one at the point");
        }
        let end = stepper.save();
        assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Arrived);
        assert_eq!(stepper.save(), end);
    }
}

#[test]
fn without_an_interpolant_nothing_plausible_comes_out() {
    let mut field = Field::new(swing);
    let mut stepper = build(&adaptive(Pair::Dop853, 1e-8), vector(&[1.0, 0.2]), 3.0, None);
    stepper.poll(&mut field, None);
    stepper.poll(&mut field, None);
    let (mut out, middle) = (stepper.state().clone(), 0.5 * stepper.t());
    assert!(stepper.interpolate(middle, &mut out).is_nan() && out.as_slice().iter().all(|x| x.is_nan()));
    let (known, _) = dense(&mut *stepper, &mut field, middle);
    assert!(known.iter().all(|x| x.is_finite()));
    assert_eq!(stepper.counts().dense_evaluations, 3);
    dense(&mut *stepper, &mut field, middle);
    assert_eq!(stepper.counts().dense_evaluations, 3, "asked once");
    let saved = stepper.save();
    stepper.restore(saved);
    assert!(stepper.interpolate(middle, &mut out).is_nan());
}

#[test]
fn an_empty_horizon_is_one_point() {
    for method in every_method() {
        let mut stepper = build(&method, vector(&[1.0, 0.2]), 0.0, None);
        assert_eq!(run(&mut *stepper, &mut Field::new(swing)).unwrap().len(), 1);
    }
}
