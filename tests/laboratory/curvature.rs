//! Sharpness and least curvature along trajectories, against dense Hessians and closed forms.

use crate::setup::*;
use pgflow::config::Pair;
use pgflow::dynamics::State;
use pgflow::linalg::{Matrix, symmetric_eigen};
use pgflow::problem::Instance;

fn lab(horizon: f64, samples: usize) -> Lab {
    let mut lab = Lab::new(horizon, samples);
    lab.experiment.record.observables.extend(["sharpness", "curvature_min"].map(String::from));
    lab
}

/// Extreme eigenvalues of the Hessian, column by column from its definition with dense measurements.
fn dense(instance: &Instance, f: &Matrix, g: &Matrix) -> (f64, f64) {
    let (m, h, n) = (f.nrows(), f.ncols(), g.nrows());
    let apply = |x: &Matrix| instance.operator.adjoint(&instance.operator.measure(x));
    let residual: Vec<f64> = instance.data.iter().zip(instance.operator.measure(&(f * g.transpose()))).map(|(y, x)| y - x).collect();
    let drive = instance.operator.adjoint(&residual);
    let size = (m + n) * h;
    let hessian = Matrix::from_columns(
        &(0..size)
            .map(|j| {
                let mut direction = vec![0.0; size];
                direction[j] = 1.0;
                let (df, dg) = (Matrix::from_column_slice(m, h, &direction[..m * h]), Matrix::from_column_slice(n, h, &direction[m * h..]));
                let d = apply(&(&df * g.transpose() + f * dg.transpose()));
                let left = &d * g - &drive * &dg;
                let right = d.transpose() * f - drive.transpose() * &df;
                nalgebra::DVector::from_iterator(size, left.iter().chain(right.iter()).copied())
            })
            .collect::<Vec<_>>(),
    );
    let values = symmetric_eigen(&((&hessian + hessian.transpose()) * 0.5)).unwrap().values;
    values.iter().fold((f64::NEG_INFINITY, f64::INFINITY), |(most, least), &x| (most.max(x), least.min(x)))
}

#[test]
fn curvature_along_flow_and_descent_is_that_of_dense_hessians() {
    let instance = sensed(target(6, 5, &[1.0, 0.6], 1), 60, 2);
    let start = small_start(6, 5, 3, 0.1, 3);
    let record = lab(12.0, 7).flow("flow", Pair::Dop853, 1e-9).descent("gd", 0.1).run(&instance, &start);
    for name in ["flow", "gd"] {
        let (most, least) = (column(&record, name, "sharpness"), column(&record, name, "curvature_min"));
        let snapshots = find(&record, name).snapshots.as_ref().unwrap();
        for (k, (most, least)) in most.into_iter().zip(least).enumerate() {
            let exact = dense(&instance, &snapshots.f[k], &snapshots.g[k]);
            let tolerance = 1e-3 * exact.0.abs().max(exact.1.abs());
            assert!(
                (most - exact.0).abs() < tolerance && (least - exact.1).abs() < tolerance,
                "{name} {k}: {most} {least} against {exact:?}"
            );
        }
    }
    // The other numbers of the run are those of a run that does not look at the curvature.
    let without = Lab::new(12.0, 7).flow("flow", Pair::Dop853, 1e-9).descent("gd", 0.1).run(&instance, &start);
    for name in ["flow", "gd"] {
        assert_eq!(column(&without, name, "loss"), column(&record, name, "loss"));
    }
}

#[test]
fn at_a_balanced_minimiser_the_sharpness_is_twice_the_largest_singular_value() {
    let y = target(9, 8, &[2.0, 1.0], 11);
    let root = |u: &Matrix| Matrix::from_fn(u.nrows(), 4, |i, j| if j < 2 { u[(i, j)] * y.values[j].sqrt() } else { 0.0 });
    let start = State::from_factors(&root(&y.left), &root(&y.right));
    let record = lab(1.0, 2).flow("flow", Pair::Dop853, 1e-9).run(&full_observation(y), &start);
    for sharpness in column(&record, "flow", "sharpness") {
        assert!((sharpness / 4.0 - 1.0).abs() < 1e-3, "{sharpness}");
    }
    assert!(column(&record, "flow", "curvature_min").iter().all(|least| least.abs() < 4e-3));
}
