//! How deviations shrink with the step size; where descent stops being stable.

use crate::setup::*;
use pgflow::config::Pair;
use pgflow::dynamics::State;
use pgflow::linalg::Matrix;
use pgflow::simulation::{fit_orders, sup_deviation};

#[test]
fn descent_deviates_from_the_flow_at_first_order() {
    let instance = sensed(target(8, 7, &[1.0, 0.6], 1), 120, 2);
    let start = small_start(8, 7, 4, 0.2, 3);
    let steps = [0.02, 0.01, 0.005, 0.0025];
    let record = Lab::new(20.0, 101).flow("flow", Pair::Dop853, 1e-11).descents("gd", &steps).compare().run(&instance, &start);
    let fits = fit_orders(&record);
    assert_eq!(fits.len(), 1);
    assert_eq!(fits[0].points.len(), 4);
    assert!((fits[0].slope - 1.0).abs() < 0.03, "{}", fits[0].slope);
}

#[test]
fn descents_of_several_names_are_fitted_together() {
    let instance = sensed(target(8, 7, &[1.0, 0.6], 1), 120, 2);
    let start = small_start(8, 7, 4, 0.2, 3);
    let lab = Lab::new(20.0, 101).flow("flow", Pair::Dop853, 1e-10).descent("fast", 0.02).descent("middle", 0.01).descent("slow", 0.005);
    let fits = fit_orders(&lab.compare().run(&instance, &start));
    assert_eq!(fits.len(), 1);
    assert_eq!((fits[0].family.as_str(), fits[0].points.len()), ("gradient_descent", 3));
    assert!((fits[0].slope - 1.0).abs() < 0.03);
}

#[test]
fn the_fixed_step_method_deviates_at_fourth_order() {
    let instance = sensed(target(8, 7, &[1.0, 0.6], 11), 120, 12);
    let start = small_start(8, 7, 4, 0.2, 13);
    let mut lab = Lab::new(16.0, 17).flow("flow", Pair::Dop853, 1e-13);
    let steps = [0.1, 0.05, 0.025, 0.0125];
    for step in steps {
        lab = lab.rk4(&format!("rk4-{step}"), step);
    }
    let record = lab.compare().run(&instance, &start);
    let points: Vec<(f64, f64)> = steps.iter().map(|&h| (h, sup_deviation(&record, "flow", &format!("rk4-{h}")).unwrap())).collect();
    let slope = order(&points);
    assert!((slope - 4.0).abs() < 0.1, "{slope}: {points:?}");
}

#[test]
fn the_error_of_a_flow_follows_its_tolerance() {
    let instance = sensed(target(8, 7, &[1.0, 0.6], 21), 120, 22);
    let start = small_start(8, 7, 4, 1e-3, 23);
    let mut lab = Lab::new(40.0, 41).flow("reference", Pair::Dop853, 1e-13);
    for pair in [Pair::Dop853, Pair::Dopri5] {
        for rtol in [1e-5, 1e-7, 1e-9] {
            lab = lab.flow(&format!("{pair:?}-{rtol:e}"), pair, rtol);
        }
    }
    let record = lab.compare().run(&instance, &start);
    for pair in [Pair::Dop853, Pair::Dopri5] {
        let errors: Vec<f64> =
            ["1e-5", "1e-7", "1e-9"].map(|rtol| sup_deviation(&record, "reference", &format!("{pair:?}-{rtol}")).unwrap()).to_vec();
        // Proportional to the tolerance within a factor that the dense output and the unstable phase may cost.
        for (error, rtol) in errors.iter().zip([1e-5, 1e-7, 1e-9]) {
            assert!(*error < 1e3 * rtol, "{pair:?} at {rtol:e}: {error:e}");
        }
        assert!(errors[2] < 1e-2 * errors[0], "{pair:?}: {errors:?}");
    }
}

#[test]
fn descent_is_stable_below_the_curvature_threshold_and_oscillates_above_it() {
    let y = target(6, 5, &[3.0, 1.0], 31);
    let root = |u: &Matrix| {
        let mut factor = Matrix::zeros(u.nrows(), 4);
        for (j, sigma) in [3.0f64, 1.0].into_iter().enumerate() {
            factor.set_column(j, &(u.column(j) * sigma.sqrt()));
        }
        factor
    };
    let minimiser = State::from_factors(&root(&y.left), &root(&y.right));
    let perturbation = small_start(6, 5, 4, 1e-3, 32);
    let mut start = minimiser;
    start.as_mut_slice().iter_mut().zip(perturbation.as_slice()).for_each(|(z, d)| *z += d);
    let instance = full_observation(y);
    let run = |factor: f64| {
        let step = factor / 3.0;
        let record = Lab::new(4000.0 * step, 101).descent("gd", step).run(&instance, &start);
        column(&record, "gd", "residual_fro")
    };
    let stable = run(0.95);
    assert!(stable.last().unwrap() < &1e-4, "{:?}", stable.last());
    let unstable = run(1.05);
    assert!((0.3..1.0).contains(unstable.last().unwrap()), "{:?}", unstable.last());
    assert!(unstable.iter().all(|r| *r < 2.0), "bounded");
}

#[test]
fn ode_solvers_agrees() {
    let instance = sensed(target(8, 7, &[1.0, 0.6], 41), 120, 42);
    let start = small_start(8, 7, 4, 1e-3, 43);
    let lab = Lab::new(30.0, 61)
        .flow("dop853", Pair::Dop853, 1e-9)
        .cross_check(1e-6)
        .flow("dopri5", Pair::Dopri5, 1e-9)
        .cross_check(1e-6)
        .rk4("rk4", 0.02)
        .cross_check(1e-6);
    let record = lab.run(&instance, &start);
    for trajectory in &record.trajectories {
        let check = trajectory.cross_check.unwrap();
        let factor = if trajectory.name == "rk4" { 1e3 } else { 30.0 };
        assert!(check.at_step_ends > 0.0 && check.at_step_ends < factor * 1e-9, "{}: {check:?}", trajectory.name);
        assert!(check.at_recording_times < 1e-6, "{}: {check:?}", trajectory.name);
        assert!(check.evaluations > 100);
    }
}

/// Where steps end a rounding error beside recording times: 3 · 0.1 and 0.3.
#[test]
fn the_cross_check_tells_apart_no_times_that_rounding_sets_apart() {
    let (instance, start) = (sensed(target(7, 6, &[1.0, 0.6], 1), 90, 2), small_start(7, 6, 3, 0.1, 3));
    let record = Lab::new(3.0, 31).rk4("rk4", 0.1).cross_check(1e-3).run(&instance, &start);
    let check = find(&record, "rk4").cross_check.unwrap();
    // The method's own error: measured 1e-7 and 3e-7, its order is four.
    assert!(check.at_step_ends < 1e-5 && check.at_recording_times < 1e-5, "{check:?}");
}
