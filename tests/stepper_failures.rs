//! What a stepper does where it cannot go on: fields that are not finite, singularities, steps below the resolution of time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stepper_support;

use pgflow::config::{ErrorNorm, FlowMethod, Method, Pair};
use pgflow::dynamics::{Linearisation, Moment, Next, State, VectorField};
use pgflow::linalg::Matrix;
use pgflow::sensing::{Answer, Question};
use pgflow::stepper::{Auto, Failure, StepEvent, Stepper, Tail, build};
use stepper_support::*;

/// Polls until the stepper fails; the last point.
fn run_to_failure(stepper: &mut dyn Stepper, field: &mut dyn VectorField) -> (Failure, Option<Visited>) {
    let mut last = None;
    for _ in 0..1_000_000 {
        match stepper.poll(field, None) {
            StepEvent::Arrived => last = Some(visited(stepper)),
            StepEvent::Failed(failure) => {
                assert_eq!(stepper.poll(field, None), StepEvent::Failed(failure), "a failure stays");
                return (failure, last);
            }
            event => panic!("unexpected {event:?}"),
        }
        assert!(!stepper.finished(), "it must not reach the horizon");
    }
    panic!("no end")
}

fn adaptive_methods() -> Vec<Method> {
    let mut methods = Vec::new();
    for pair in [Pair::Dopri5, Pair::Dop853] {
        for norm in [ErrorNorm::Factors, ErrorNorm::Product] {
            let tolerance = pgflow::config::ToleranceSpec { rtol: 1e-8, atol: 0.0, norm };
            methods.push(Method::Flow(FlowMethod::Adaptive { pair, tolerance }));
        }
    }
    methods
}

/// One factor each: `z = (f, g)`.
fn factors(f: f64, g: f64) -> pgflow::dynamics::State {
    let matrix = |x| pgflow::linalg::Matrix::from_element(1, 1, x);
    pgflow::dynamics::State::from_factors(&matrix(f), &matrix(g))
}

#[test]
fn a_field_that_is_not_finite_at_the_start_fails_at_once() {
    for bad in [f64::NAN, f64::INFINITY] {
        for method in every_method() {
            let mut stepper = build(&method, factors(1.0, 1.0), 2.0, None);
            let mut field = Field::new(move |_: Moment, _: &[f64], out: &mut [f64]| out.fill(bad));
            assert_eq!(stepper.poll(&mut field, None), StepEvent::Failed(Failure::NonFinite));
            assert_eq!(stepper.counts().evaluations, 1);
            assert_eq!((stepper.t(), stepper.step()), (0.0, 0));
        }
    }
}

#[test]
fn a_field_that_stops_being_finite_is_approached_and_named() {
    for bad in [f64::NAN, f64::NEG_INFINITY] {
        let rate = move |at: Moment, z: &[f64], out: &mut [f64]| {
            out.copy_from_slice(z);
            // One entry alone, in the second factor.
            out[1] = if at.t > 0.51 { bad } else { out[1] };
        };
        for method in adaptive_methods() {
            let mut stepper = build(&method, factors(1.0, 1.0), 2.0, None);
            let (failure, last) = run_to_failure(&mut *stepper, &mut Field::new(rate));
            let last = last.unwrap();
            assert_eq!(failure, Failure::NonFinite, "{method:?}");
            assert!(last.t <= 0.51 && last.t > 0.51 - 1e-13, "{}", last.t);
            assert_eq!(visited(&*stepper), last, "it stands at the last good point");
            assert!((last.z[0] - 0.51f64.exp()).abs() < 1e-7);
            assert!(stepper.counts().evaluations < 5000, "{:?}", stepper.counts());
        }
        for method in [Method::Flow(FlowMethod::Rk4 { step: 0.1 }), Method::GradientDescent { step: 0.1 }] {
            let mut stepper = build(&method, factors(1.0, 1.0), 2.0, None);
            let (failure, last) = run_to_failure(&mut *stepper, &mut Field::new(rate));
            assert_eq!(failure, Failure::NonFinite);
            assert_eq!(visited(&*stepper), last.clone().unwrap());
            assert_eq!(last.unwrap().t, 0.5, "a fixed step is not tried again");
        }
    }
}

/// The Jacobian of `ż = z`, or one that is not finite from some point on.
#[derive(Debug)]
struct Unit {
    direction: Vec<f64>,
    broken_above: f64,
    broken: bool,
}

impl Unit {
    fn new(broken_above: f64) -> Box<Self> {
        Box::new(Unit { direction: vec![], broken_above, broken: false })
    }
}

impl Linearisation for Unit {
    fn move_to(&mut self, state: &State, _drive: Option<&Matrix>) {
        self.broken = state.as_slice()[0] > self.broken_above;
    }

    fn aim(&mut self, direction: &[f64]) -> Next {
        self.direction = direction.to_vec();
        Next::Rate
    }

    fn question(&self) -> Question<'_> {
        panic!("it answers itself")
    }

    fn image(&mut self, _answer: Option<&Answer>, out: &mut [f64]) {
        out.copy_from_slice(&self.direction);
        if self.broken {
            out[1] = f64::NAN;
        }
    }
}

/// Every method that needs the Jacobian.
fn tails(broken_above: f64) -> [Box<dyn Stepper>; 3] {
    let start = || factors(1.0, 1.0);
    [
        Box::new(Tail::rkc2(tolerance(1e-8), start(), 2.0).with_jacobian(Unit::new(broken_above))),
        Box::new(Tail::exponential(tolerance(1e-8), start(), 2.0).with_jacobian(Unit::new(broken_above))),
        Box::new(Auto::new(tolerance(1e-8), start(), 2.0).with_jacobian(Unit::new(broken_above))),
    ]
}

#[test]
fn methods_for_long_tails_name_what_is_not_finite() {
    for bad in [f64::NAN, f64::NEG_INFINITY] {
        let rate = move |at: Moment, z: &[f64], out: &mut [f64]| {
            out.copy_from_slice(z);
            out[1] = if at.t > 0.51 { bad } else { out[1] };
        };
        for mut stepper in tails(f64::INFINITY) {
            let (failure, last) = run_to_failure(&mut *stepper, &mut Field::new(rate));
            let last = last.unwrap();
            assert_eq!(failure, Failure::NonFinite);
            assert!(last.t <= 0.51 && last.t > 0.51 - 1e-13, "{}", last.t);
            assert_eq!(visited(&*stepper), last, "it stands at the last good point");
            assert!((last.z[0] - 0.51f64.exp()).abs() < 1e-6, "{}", last.z[0]);
        }
    }
    // A product that is not finite: at once, at the last point.
    for mut stepper in tails(1.5).into_iter().take(2) {
        let mut field = Field::new(|_: Moment, z: &[f64], out: &mut [f64]| out.copy_from_slice(z));
        match run_to_failure_or_end(&mut *stepper, &mut field) {
            // The stabilised method asks for products now and then only, and may come to the end before.
            None => assert!(stepper.finished()),
            Some(failure) => {
                assert_eq!(failure, Failure::NonFinite);
                assert!(stepper.state().as_slice()[0] > 1.5 && stepper.state().is_finite());
            }
        }
    }
}

fn run_to_failure_or_end(stepper: &mut dyn Stepper, field: &mut dyn VectorField) -> Option<Failure> {
    run(stepper, field).err()
}

#[test]
fn a_finite_time_singularity_ends_in_underflow() {
    // ż = z² from 1: z = 1/(1 − t).
    for method in adaptive_methods() {
        let mut stepper = build(&method, factors(1.0, 1.0), 2.0, None);
        let mut field = Field::new(|_: Moment, z: &[f64], out: &mut [f64]| {
            for (out, z) in out.iter_mut().zip(z) {
                *out = z * z;
            }
        });
        let (failure, last) = run_to_failure(&mut *stepper, &mut field);
        assert_eq!(failure, Failure::Underflow, "{method:?}");
        // The local errors move the singularity by about the tolerance.
        assert!((last.unwrap().t - 1.0).abs() < 1e-7, "{}", stepper.t());
    }
}

#[test]
fn a_singular_right_hand_side_ends_in_underflow() {
    // ż = −1/(2z) from 1: z = √(1 − t), whose slope is infinite at t = 1; beyond it there is no solution.
    for method in adaptive_methods() {
        let mut stepper = build(&method, factors(1.0, 1.0), 2.0, None);
        let mut field = Field::new(|_: Moment, z: &[f64], out: &mut [f64]| {
            for (out, z) in out.iter_mut().zip(z) {
                *out = -0.5 / z;
            }
        });
        let (failure, last) = run_to_failure(&mut *stepper, &mut field);
        assert_eq!(failure, Failure::Underflow, "{method:?}");
        assert!((last.unwrap().t - 1.0).abs() < 1e-6, "{}", stepper.t());
    }
}

#[test]
fn overflow_of_fixed_steps_is_not_finite() {
    for method in [Method::Flow(FlowMethod::Rk4 { step: 0.5 }), Method::GradientDescent { step: 0.5 }] {
        let mut stepper = build(&method, factors(3.0, 3.0), 1e3, None);
        let mut field = Field::new(|_: Moment, z: &[f64], out: &mut [f64]| {
            for (out, z) in out.iter_mut().zip(z) {
                *out = z * z;
            }
        });
        let (failure, last) = run_to_failure(&mut *stepper, &mut field);
        assert_eq!(failure, Failure::NonFinite);
        assert!(last.unwrap().z.iter().all(|z| z.is_finite()));
    }
}

#[test]
fn steps_that_are_not_positive_end() {
    for step in [0.0, -1.0, f64::NAN] {
        let mut field = Field::new(|_: Moment, z: &[f64], out: &mut [f64]| out.copy_from_slice(z));
        let mut fixed = build(&Method::Flow(FlowMethod::Rk4 { step }), factors(1.0, 1.0), 1.0, None);
        assert_eq!(run_to_failure(&mut *fixed, &mut field).0, Failure::Underflow);
        let mut descent = build(&Method::GradientDescent { step }, factors(1.0, 1.0), 1.0, None);
        assert_eq!(run(&mut *descent, &mut field).unwrap().len(), 1);
    }
}
