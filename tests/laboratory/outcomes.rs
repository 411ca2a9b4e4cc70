//! How trajectories end.

use crate::setup::*;
use pgflow::config::{Pair, Stop};
use pgflow::problem::Instance;
use pgflow::simulation::{Outcome, RunRecord};

fn run(stop: Stop, horizon: f64, build: impl Fn(Lab) -> Lab) -> RunRecord {
    let instance = full_observation(target(6, 5, &[1.0, 0.5], 1));
    build(Lab::new(horizon, 11).stop(stop)).run(&instance, &small_start(6, 5, 3, 0.1, 2))
}

#[test]
fn reaching_the_horizon_is_completion() {
    let record = run(Stop::default(), 5.0, |lab| lab.flow("flow", Pair::Dop853, 1e-8).descent("gd", 0.1).rk4("rk4", 0.07));
    for trajectory in &record.trajectories {
        assert_eq!(trajectory.outcome, Some(Outcome::Completed));
        assert_eq!(trajectory.rows.len(), 11);
        assert!((trajectory.t - 5.0).abs() < 1e-12);
        assert_eq!(trajectory.rows.last().unwrap().t, trajectory.t);
    }
    assert_eq!(find(&record, "gd").steps, 50);
    assert_eq!(find(&record, "gd").counts.evaluations, 51);
}

#[test]
fn convergence_rules_end_a_trajectory_with_its_last_state_as_a_sample() {
    let rules = [
        Stop { relative_error: Some(1e-2), ..Stop::default() },
        Stop { train_error: Some(1e-2), ..Stop::default() },
        Stop { gradient_norm: Some(1e-3), ..Stop::default() },
    ];
    for stop in rules {
        let record = run(stop, 500.0, |lab| lab.flow("flow", Pair::Dop853, 1e-8).descent("gd", 0.1));
        for name in ["flow", "gd"] {
            let trajectory = find(&record, name);
            let Some(Outcome::Converged { t }) = trajectory.outcome else { panic!("{:?}", trajectory.outcome) };
            assert!(t < 500.0 && trajectory.rows.last().unwrap().t == t);
            let (error, gradient) = (column(&record, name, "relative_error"), column(&record, name, "grad_norm"));
            if stop.relative_error.is_some() {
                assert!(*error.last().unwrap() <= 1e-2 && error[error.len() - 2] > 1e-2);
            } else if stop.train_error.is_some() {
                let error = column(&record, name, "train_error");
                assert!(*error.last().unwrap() <= 1e-2 && error[error.len() - 2] > 1e-2);
            } else {
                assert!(*gradient.last().unwrap() <= 1e-3);
            }
        }
    }
}

#[test]
fn growth_beyond_the_factor_norm_is_divergence() {
    let record = run(Stop { factor_norm: Some(50.0), ..Stop::default() }, 400.0, |lab| lab.descent("gd", 4.0));
    let Some(Outcome::Diverged { t, norm }) = find(&record, "gd").outcome else { panic!("{:?}", find(&record, "gd").outcome) };
    assert!(norm > 50.0 && t > 0.0 && t < 400.0);
    assert_eq!(find(&record, "gd").rows.last().unwrap().t, t);
}

#[test]
fn overflow_is_not_finite_and_harms_no_neighbour() {
    let record = run(Stop::default(), 400.0, |lab| lab.descent("wild", 4.0).descent("tame", 0.1).compare());
    let wild = find(&record, "wild");
    let Some(Outcome::NonFinite { t }) = wild.outcome else { panic!("{:?}", wild.outcome) };
    assert!(t < 400.0);
    assert_eq!(wild.rows.last().unwrap().t, t);
    assert_eq!(find(&record, "tame").outcome, Some(Outcome::Completed));
}

#[test]
fn data_that_is_not_finite_ends_every_method() {
    let mut instance: Instance = full_observation(target(6, 5, &[1.0, 0.5], 1));
    instance.data[3] = f64::NAN;
    let lab = Lab::new(5.0, 11).flow("dop853", Pair::Dop853, 1e-8).flow("dopri5", Pair::Dopri5, 1e-8).rk4("rk4", 0.1).descent("gd", 0.1);
    let record = lab.run(&instance, &small_start(6, 5, 3, 0.1, 2));
    for trajectory in &record.trajectories {
        assert_eq!(trajectory.outcome, Some(Outcome::NonFinite { t: 0.0 }), "{}", trajectory.name);
    }
}

#[test]
fn limits_on_evaluations_and_time_are_outcomes() {
    let record =
        run(Stop { evaluations: Some(100), ..Stop::default() }, 500.0, |lab| lab.flow("flow", Pair::Dop853, 1e-8).descent("gd", 0.1));
    for name in ["flow", "gd"] {
        let trajectory = find(&record, name);
        assert!(matches!(trajectory.outcome, Some(Outcome::EvaluationLimit { .. })), "{:?}", trajectory.outcome);
        assert!((100..113).contains(&trajectory.counts.evaluations));
    }
    let record = run(Stop { wall_seconds: Some(0.0), ..Stop::default() }, 500.0, |lab| lab.descent("gd", 0.1));
    assert!(matches!(find(&record, "gd").outcome, Some(Outcome::TimeLimit { t }) if t == 0.1));
}
