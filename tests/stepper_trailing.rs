//! Steps whose interpolants are completed beside the next step.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stepper_support;

use pgflow::config::Pair;
use pgflow::dynamics::{GradientFlow, State, VectorField};
use pgflow::linalg::Matrix;
use pgflow::sensing::{Answer, Identity, SensingOperator};
use pgflow::stepper::{Solo, StepEvent, build, method_name};
use stepper_support::*;

fn problem() -> (Matrix, State) {
    let entry = |i: usize, j: usize| ((7 * i + 3 * j) % 5) as f64 * 0.1 + 0.05;
    (Matrix::from_fn(6, 5, entry), State::from_factors(&Matrix::from_fn(6, 3, entry), &Matrix::from_fn(5, 3, |i, j| entry(j, i))))
}

fn answer(operator: &Identity, data: &[f64], question: &pgflow::sensing::Question<'_>) -> Answer {
    let mut answer = Answer::new(6, 5);
    operator.answer_one(data, question, &mut answer, &mut operator.workspace());
    answer
}

/// Values, dissipation and rates at a few times of a step, its ends and what is beyond them among these.
fn read(from: f64, to: f64, start: &State, mut look: impl FnMut(f64, &mut State, &mut State) -> f64) -> Vec<f64> {
    let (mut point, mut rate) = (start.clone(), start.clone());
    let thetas = [-0.5, 0.0, 0.1, 0.5, 0.77, 1.0, 1.5];
    let look = thetas.iter().flat_map(|theta| {
        let dissipation = look(from + theta * (to - from), &mut point, &mut rate);
        let inside = if (0.0..=1.0).contains(theta) { rate.as_slice().to_vec() } else { vec![] };
        [point.as_slice().to_vec(), vec![dissipation], inside].concat()
    });
    look.collect()
}

/// Every question of both is answered in turn; the interpolant is read when it is ready, amid the next step.
#[test]
fn a_trailing_step_has_the_bits_of_a_requested_interpolant() {
    let (target, start) = problem();
    let (operator, data) = (Identity::new(6, 5), target.as_slice());
    let method = adaptive(Pair::Dop853, 1e-8);
    let mut field = GradientFlow;
    let (mut one, mut other) = (build(&method, start.clone(), 6.0, None), build(&method, start.clone(), 6.0, None));
    let mut solo = Solo::new(&operator, data);
    solo.advance(&mut *one, &mut field);
    solo.advance(&mut *other, &mut field);
    solo.advance(&mut *one, &mut field);
    let mut event = solo.advance(&mut *other, &mut field);
    while !one.finished() {
        assert_eq!(event, StepEvent::Arrived);
        assert_eq!(visited(&*one), visited(&*other));
        one.request_interpolant();
        assert_eq!(solo.advance(&mut *one, &mut field), StepEvent::Interpolant);
        let (from, to) = (one.t_before(), one.t());
        let expected = read(from, to, &start, |t, point, rate| {
            one.interpolate_rate(t, rate);
            one.interpolate(t, point)
        });

        assert!(other.trail(&field), "t = {to}");
        assert_eq!(visited(&*one), visited(&*other), "the point is the same");
        let mut trails = other.trailing_mut().unwrap().poll(&mut field, None);
        event = other.poll(&mut field, None);
        let mut found = None;
        while event == StepEvent::Ask {
            if trails == StepEvent::Ask {
                let mut inside = start.clone();
                assert!(other.trailing().unwrap().interpolate(0.5 * (from + to), &mut inside).is_nan());
                let answer = answer(&operator, data, &other.trailing().unwrap().question(&field));
                trails = other.trailing_mut().unwrap().poll(&mut field, Some(&answer));
            } else if found.is_none() {
                assert_eq!(trails, StepEvent::Interpolant);
                let trailing = other.trailing().unwrap();
                assert_eq!((trailing.t_before(), trailing.t()), (from, to));
                found = Some(read(from, to, &start, |t, point, rate| {
                    trailing.interpolate_rate(t, rate);
                    trailing.interpolate(t, point)
                }));
            }
            let answer = answer(&operator, data, &other.question(&field));
            event = other.poll(&mut field, Some(&answer));
        }
        assert_eq!(found.unwrap(), expected);
        solo.advance(&mut *one, &mut field);
        assert_eq!(one.counts(), other.counts());
    }
    assert!(one.counts().accepted > 8);
    assert_eq!(one.save(), other.save());
}

#[test]
fn steps_trail_only_where_another_follows_on_the_same_piece() {
    let (target, start) = problem();
    let operator = Identity::new(6, 5);
    for method in every_method() {
        let mut stepper = build(&method, start.clone(), 3.0, None);
        let mut solo = Solo::new(&operator, target.as_slice());
        assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Arrived);
        assert!(!stepper.trail(&GradientFlow), "{}: no step was made", method_name(&method));
        while !stepper.finished() {
            assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Arrived);
            // Of all these methods one has an interpolant that costs evaluations.
            let can = method_name(&method) == "dop853" && !stepper.finished();
            assert_eq!(stepper.trail(&GradientFlow), can, "{} at {}", method_name(&method), stepper.t());
            assert!(!stepper.trail(&GradientFlow), "not twice");
        }
    }
    // A field that does not say that evaluations may overlap, and one that jumps.
    let rate = |_: pgflow::dynamics::Moment, z: &[f64], out: &mut [f64]| (out[0], out[1]) = (z[1], -z[0]);
    let mut field = Field::new(rate);
    let mut stepper = build(&adaptive(Pair::Dop853, 1e-8), vector(&[1.0, 0.2]), 3.0, None);
    for _ in 0..3 {
        assert_eq!(stepper.poll(&mut field, None), StepEvent::Arrived);
    }
    assert!(!field.interleaves() && !stepper.trail(&field));
}

#[test]
fn no_step_trails_across_a_jump() {
    let (target, start) = problem();
    let data = target.as_slice();
    let operator = Identity::new(6, 5);
    let law = pgflow::config::Law::Piecewise { interval: 0.7 };
    let bound = Some(pgflow::config::BoundSpec { bound: 0.1, relative_to: pgflow::config::RelativeTo::Absolute });
    let spec = pgflow::config::PerturbationSpec { form: pgflow::config::Form::Shared, bound, seed: 1, law };
    let instance =
        pgflow::problem::Instance { target: None, operator: Box::new(Identity::new(6, 5)), data: data.to_vec(), noise_adjoint: None };
    let mut field = pgflow::perturbation::build(&spec, &instance, start.shape(), 3.0).unwrap();
    let mut stepper = build(&adaptive(Pair::Dop853, 1e-6), start, 3.0, None);
    let mut solo = Solo::new(&operator, data);
    solo.advance(&mut *stepper, &mut field);
    let (mut trailed, mut jumps) = (0, 0);
    while !stepper.finished() {
        assert_eq!(solo.advance(&mut *stepper, &mut field), StepEvent::Arrived);
        let at_jump = (1..5).any(|piece| (stepper.t() - 0.7 * f64::from(piece)).abs() < 1e-12);
        jumps += usize::from(at_jump);
        let can = !at_jump && !stepper.finished();
        assert_eq!(stepper.trail(&field), can, "{}", stepper.t());
        trailed += usize::from(can);
    }
    assert!(trailed > 3 && jumps == 4, "{trailed} {jumps}");
}
