//! Which rows there are, at which times and steps, for every method and every way of recording.

use crate::setup::*;
use pgflow::config::*;
use pgflow::dynamics::State;
use pgflow::problem::Instance;
use pgflow::simulation::{
    Outcome, RunRecord, Simulation, SimulationError, TrajectoryRecord, number_of_steps, recording_steps, recording_times,
};

fn problem() -> (Instance, State) {
    (sensed(target(7, 6, &[1.0, 0.6], 1), 90, 2), small_start(7, 6, 3, 0.1, 3))
}

fn times(trajectory: &TrajectoryRecord) -> Vec<f64> {
    trajectory.rows.iter().map(|row| row.t).collect()
}

fn compared(record: &RunRecord, reference: &str, other: &str) -> Vec<f64> {
    record.comparison.iter().filter(|row| row.reference == reference && row.trajectory == other).map(|row| row.t).collect()
}

/// The spectrum, the snapshots and the comparisons have the times of the rows; steps belong to their times.
fn expect_consistent(record: &RunRecord, instance: &Instance) {
    for trajectory in &record.trajectories {
        let rows = times(trajectory);
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "{}: {rows:?}", trajectory.name);
        let spectrum: Vec<f64> = trajectory.spectrum.iter().map(|row| row.t).collect();
        assert_eq!(spectrum, rows, "{}", trajectory.name);
        assert_eq!(trajectory.snapshots.as_ref().unwrap().t, rows, "{}", trajectory.name);
        for (row, spectrum) in trajectory.rows.iter().zip(&trajectory.spectrum) {
            assert_eq!(row.step, trajectory.step_size.map(|step| (row.t / step).round() as u64), "{}", trajectory.name);
            assert_eq!(row.step, spectrum.step);
        }
        // Each row is about the state of its own time: the loss anew from the snapshot.
        let losses = column(record, &trajectory.name, "loss");
        for (index, loss) in losses.iter().enumerate() {
            let measured = instance.operator.measure(&product(record, &trajectory.name, index));
            let anew: f64 = measured.iter().zip(&instance.data).map(|(a, y)| 0.5 * (y - a) * (y - a)).sum();
            assert!((loss - anew).abs() <= 1e-12 * losses[0], "{} at {}: {loss} against {anew}", trajectory.name, rows[index]);
        }
    }
    // Where both sides have a row at a time, the deviation is that of their snapshots.
    for row in &record.comparison {
        let at = |name: &str| times(find(record, name)).iter().position(|t| *t == row.t).map(|i| product(record, name, i));
        if let (Some(a), Some(b)) = (at(&row.reference), at(&row.trajectory)) {
            assert!((row.product_deviation - (b - a).norm()).abs() < 1e-13, "{row:?}");
        }
    }
}

#[test]
fn every_row_is_there_once_at_its_time_and_step() {
    let (instance, start) = problem();
    // Fewer samples than steps and more; horizons that are no multiple of the steps.
    for (horizon, samples) in [(9.7, 5), (9.7, 1200), (0.9, 4), (0.3, 31), (6.0, 61)] {
        for spacing in [Spacing::Linear, Spacing::Logarithmic { first: horizon * 1e-3 }] {
            for exact_times in [false, true] {
                let mut lab = Lab::new(horizon, samples)
                    .flow("dop853", Pair::Dop853, 1e-8)
                    .flow("dopri5", Pair::Dopri5, 1e-6)
                    .rk4("rk4", 0.1)
                    .descents("gd", &[0.3, 0.1, 0.07])
                    .compare();
                lab.experiment.record.spacing = spacing;
                lab.experiment.record.exact_times = exact_times;
                let record = lab.run(&instance, &start);
                let expected = recording_times(&lab.experiment.record);
                assert_eq!(expected.len(), samples);
                for trajectory in &record.trajectories {
                    let name = format!("{}, horizon {horizon}, {samples} samples, {spacing:?}, exact {exact_times}", trajectory.name);
                    assert_eq!(trajectory.outcome, Some(Outcome::Completed), "{name}");
                    match trajectory.step_size {
                        None => {
                            assert_eq!(times(trajectory), expected, "{name}");
                            if exact_times {
                                // Only comparisons need an interpolant then.
                                assert_eq!(trajectory.operator_passes, trajectory.counts.evaluations + trajectory.counts.dense_evaluations);
                            }
                        }
                        Some(step) => {
                            let last = number_of_steps(horizon, step);
                            let mut steps = recording_steps(&expected, horizon, step);
                            if *steps.last().unwrap() < last {
                                steps.push(last);
                            }
                            let found: Vec<u64> = trajectory.rows.iter().map(|row| row.step.unwrap()).collect();
                            assert_eq!(found, steps, "{name}");
                            assert_eq!(trajectory.steps, last, "{name}");
                            assert_eq!((trajectory.counts.evaluations, trajectory.operator_passes), (last + 1, last + 1), "{name}");
                        }
                    }
                    if trajectory.name != "dop853" {
                        assert_eq!(compared(&record, "dop853", &trajectory.name), times(trajectory), "{name}");
                    }
                }
                expect_consistent(&record, &instance);
            }
        }
    }
}

/// 3 · 0.1 is above 0.3 by a rounding error, and 3 · 0.3 below 0.9: both are the last times of both sides.
#[test]
fn rounding_of_the_last_time_loses_no_row_of_a_comparison() {
    let (instance, start) = problem();
    let record = Lab::new(0.3, 4).flow("flow", Pair::Dop853, 1e-9).descent("gd", 0.1).compare().run(&instance, &start);
    assert!(find(&record, "gd").t > 0.3);
    assert_eq!(compared(&record, "flow", "gd"), times(find(&record, "gd")));
    let (flow, descent) = (product(&record, "flow", 3), product(&record, "gd", 3));
    assert!((record.comparison[3].product_deviation - (flow - descent).norm()).abs() < 1e-14);

    let record = Lab::new(0.9, 4).descent("gd", 0.3).flow("flow", Pair::Dop853, 1e-9).compare().run(&instance, &start);
    assert!(find(&record, "gd").t < 0.9);
    assert_eq!(compared(&record, "gd", "flow"), [0.0, 0.9 * (1.0 / 3.0), 0.9 * (2.0 / 3.0), 0.9]);
    let (flow, descent) = (product(&record, "flow", 3), product(&record, "gd", 3));
    assert!((record.comparison[3].product_deviation - (flow - descent).norm()).abs() < 1e-14);
}

/// A comparison runs to the earlier end, not beyond.
#[test]
fn comparisons_with_a_trajectory_that_ends_early_run_to_its_end() {
    let (instance, start) = problem();
    for (reference, limit) in [("flow", 80), ("gd", 25)] {
        let lab = Lab::new(20.0, 81).stop(Stop { evaluations: Some(limit), ..Stop::default() });
        let record = match reference {
            "flow" => lab.flow("flow", Pair::Dop853, 1e-10).descent("gd", 0.5).compare().run(&instance, &start),
            _ => lab.descent("gd", 0.5).flow("flow", Pair::Dop853, 1e-6).compare().run(&instance, &start),
        };
        let other = if reference == "flow" { "gd" } else { "flow" };
        let end = find(&record, "flow").t.min(find(&record, "gd").t);
        assert!(end > 0.3 && end < 20.0, "{end}");
        // The other's recording times; the sample at an unplanned end is none.
        let flow = recording_times(&lab_record());
        let descent = recording_steps(&flow, 20.0, 0.5).into_iter().map(|k| k as f64 * 0.5).collect();
        let planned: Vec<f64> = if other == "flow" { flow } else { descent };
        let expected: Vec<f64> = planned.into_iter().filter(|t| *t <= end).collect();
        assert_eq!(compared(&record, reference, other), expected);
        assert!(find(&record, "flow").rows.last().unwrap().t == find(&record, "flow").t);
    }
}

fn lab_record() -> Record {
    Lab::new(20.0, 81).experiment.record
}

/// A descent as reference is its linear interpolant.
#[test]
fn a_descent_as_reference_is_interpolated_linearly() {
    let (instance, start) = problem();
    let record = Lab::new(4.0, 5).descent("coarse", 0.8).descent("fine", 0.1).compare().run(&instance, &start);
    let every = Lab::new(4.0, 6).descent("coarse", 0.8).run(&instance, &start);
    let snapshots = find(&every, "coarse").snapshots.as_ref().unwrap();
    assert_eq!(compared(&record, "coarse", "fine"), times(find(&record, "fine")));
    for (index, row) in record.comparison.iter().enumerate() {
        let k = ((row.t / 0.8 + 1e-9).floor() as usize).min(4);
        let theta = row.t / 0.8 - k as f64;
        let f = &snapshots.f[k] * (1.0 - theta) + &snapshots.f[k + 1] * theta;
        let g = &snapshots.g[k] * (1.0 - theta) + &snapshots.g[k + 1] * theta;
        let expected = (f * g.transpose() - product(&record, "fine", index)).norm();
        assert!((row.product_deviation - expected).abs() < 1e-13, "{row:?} against {expected}");
    }
}

#[test]
fn without_a_target_the_columns_that_need_it_are_empty_and_its_rule_is_refused() {
    let (mut instance, start) = problem();
    (instance.target, instance.noise_adjoint) = (None, None);
    let lab = Lab::new(8.0, 9).stop(Stop { gradient_norm: Some(1e-1), ..Stop::default() });
    let lab = lab.flow("flow", Pair::Dop853, 1e-8).descent("gd", 0.2).compare();
    let record = lab.run(&instance, &start);
    let needs = ["residual_fro", "residual_op", "relative_error", "angle_left", "angle_right", "rip_error"];
    for row in record.trajectories.iter().flat_map(|t| &t.rows) {
        for (name, value) in record.columns.iter().zip(&row.values) {
            let families = ["signal_", "nuisance_", "misalignment", "perturbation"];
            let needed = needs.contains(&name.as_str()) || families.iter().any(|family| name.starts_with(family));
            assert_eq!(value.is_none(), needed, "{name}");
        }
    }
    assert!(!record.comparison.is_empty());

    let lab = lab.stop(Stop { relative_error: Some(1e-3), ..Stop::default() });
    let refused = Simulation::new(&lab.experiment, &instance, vec![start.clone(), start]);
    assert!(matches!(refused, Err(SimulationError::NoTarget)));
}

/// Thousands of samples within one step are taken some at a time: memory does not grow with them.
#[test]
fn samples_within_a_step_have_the_bits_of_fewer_samples() {
    let (instance, start) = problem();
    let run = |samples| Lab::new(6.0, samples).flow("flow", Pair::Dop853, 1e-6).run(&instance, &start);
    let (few, many) = (run(7), run(6001));
    let (few, many) = (find(&few, "flow"), find(&many, "flow"));
    assert!(many.steps < 60, "{}", many.steps);
    assert_eq!((few.counts.evaluations, many.rows.len()), (many.counts.evaluations, 6001));
    for row in &few.rows {
        assert!(many.rows.contains(row), "t = {}", row.t);
    }
    // The first and the last state are step ends.
    assert_eq!(many.operator_passes, many.counts.evaluations + many.counts.dense_evaluations + 6001 - 2);
}
