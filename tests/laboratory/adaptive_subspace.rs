//! The adaptive subspace of LMZ18, recomputed from snapshots of every step.

use crate::determinism::interrupted;
use crate::setup::*;
use pgflow::dynamics::State;
use pgflow::linalg::{Matrix, operator_norm, singular_values, thin_qr};

const COLUMNS: [&str; 4] = ["adaptive_angle", "adaptive_signal_min", "adaptive_signal", "adaptive_error"];
const STEP: f64 = 0.1;
const STEPS: usize = 200;

fn lab() -> Lab {
    // A recording time for every step.
    let mut lab = Lab::new(STEP * STEPS as f64, STEPS + 1).descent("gd", STEP);
    lab.experiment.record.observables = COLUMNS.map(String::from).to_vec();
    lab
}

#[test]
fn columns_and_the_exact_recursion_of_the_error() {
    for (width, scale) in [(9, 1e-2), (3, 0.3)] {
        let y = semidefinite(9, &[1.0, 0.5], 4);
        let instance = symmetric_sensed(y.clone(), 150, 5);
        let start = small_symmetric_start(9, width, scale, 6);
        let record = lab().run(&instance, &start);
        let columns = COLUMNS.map(|name| column(&record, "gd", name));
        let factors = &find(&record, "gd").snapshots.as_ref().unwrap().f;
        assert_eq!(factors.len(), STEPS + 1);
        let identity = Matrix::identity(9, 9);
        let (mut subspace, mut before): (Matrix, Option<Matrix>) = (y.left.clone(), None);
        for (k, u) in factors.iter().enumerate() {
            // The projection onto the span, without an orthonormal basis: W(WᵀW)⁻¹Wᵀ.
            let gram = (subspace.transpose() * &subspace).try_inverse().unwrap();
            let projection = &subspace * gram * subspace.transpose();
            let (along, across) = (&projection * u, (&identity - &projection) * u);
            let sine = operator_norm(&((&identity - &y.left * y.left.transpose()) * thin_qr(&subspace).0));
            let signal = singular_values(&(y.left.transpose() * &along)).unwrap()[1];
            let expected = [sine, signal, operator_norm(&along), operator_norm(&across)];
            for ((column, expected), name) in columns.iter().zip(expected).zip(COLUMNS) {
                // Sines below 1e-8 are lost in 1 − cos², and the projections' rounding is 1e-16 of ‖U‖, amplified by the condition of W.
                assert!((column[k] - expected).abs() < 1e-12, "{name} at step {k}: {} against {expected}", column[k]);
            }
            let values = singular_values(&along).unwrap();
            assert!(values.get(2).is_none_or(|third| *third < 1e-14), "rank of Z_k");
            if let Some(error) = &before {
                let propagated = (&identity - &projection) * error;
                let difference = (&across - propagated).norm();
                assert!(difference < 1e-14 * (1.0 + u.norm()), "E_k+1 = (I − Id)(I − ηM)E_k at step {k}: {difference:e}");
            }
            let n = answer(&instance, &State::from_symmetric_factor(u.clone())).matrix;
            let growth = &identity + n * STEP;
            before = Some(&growth * &across);
            // Rescaled, so that no direction overflows; the span is all that counts.
            subspace = &growth * &subspace;
            subspace = thin_qr(&subspace).0;
        }
        let [.., signal, _, error] = columns.map(|column| *column.last().unwrap());
        assert!(signal > 0.5 && error < 10.0 * scale, "the signal has grown, the error has not: {signal} {error}");
    }
}

#[test]
fn the_subspace_survives_an_interruption_and_needs_no_samples() {
    let instance = symmetric_sensed(semidefinite(9, &[1.0, 0.5], 4), 150, 5);
    let start = small_symmetric_start(9, 5, 1e-2, 6);
    let undisturbed = lab().run(&instance, &start);
    assert_eq!(interrupted(&lab(), &instance, &start, &[50, 3, 70]), undisturbed);
    // A few samples see the same subspace, which went through every step.
    let mut sparse = lab();
    sparse.experiment.record.samples = 5;
    let sparse = sparse.run(&instance, &start);
    for name in COLUMNS {
        let (dense, few) = (column(&undisturbed, "gd", name), column(&sparse, "gd", name));
        assert_eq!(few, [0, 50, 100, 150, 200].map(|k| dense[k]).to_vec(), "{name}");
    }
}

#[test]
fn other_methods_and_models_have_no_adaptive_subspace() {
    let mut lab = Lab::new(2.0, 3).flow("flow", pgflow::config::Pair::Dop853, 1e-8).descent("gd", STEP);
    lab.experiment.record.observables = COLUMNS.map(String::from).to_vec();
    let symmetric = lab.run(&symmetric_sensed(semidefinite(6, &[1.0], 4), 60, 5), &small_symmetric_start(6, 2, 0.1, 6));
    let asymmetric = lab.run(&sensed(target(6, 5, &[1.0], 4), 60, 5), &small_start(6, 5, 2, 0.1, 6));
    let empty =
        |trajectory: &pgflow::simulation::TrajectoryRecord| trajectory.rows.iter().all(|row| row.values.iter().all(Option::is_none));
    assert!(empty(find(&symmetric, "flow")) && !empty(find(&symmetric, "gd")));
    assert!(asymmetric.trajectories.iter().all(empty));
}
