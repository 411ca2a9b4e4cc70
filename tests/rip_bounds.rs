//! Lower bounds of restricted isometry constants against operators whose constants are known.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used)]

use pgflow::config::Storage;
use pgflow::linalg::{Form, Matrix, frobenius, frobenius_squared, multiply, operator_norm_symmetric};
use pgflow::random::{Purpose, stream};
use pgflow::sensing::{
    Dense, Gaussian, Identity, RipLowerBound, RipSearch, SensingOperator, normal_operator_norm, rip_lower_bound, rip_lower_bounds,
};
use rand::RngExt;
use rand_distr::StandardNormal;

/// `A(X)_ij = w_ij X_ij`.
fn weighted(rows: usize, cols: usize, weights: &[f64]) -> Dense {
    let size = rows * cols;
    let entries: Vec<f64> = (0..size * size).map(|k| if k / size == k % size { weights[k / size] } else { 0.0 }).collect();
    Dense::from_rows(rows, cols, size, &entries).unwrap()
}

/// The quotient of a bound's own maximiser, by the operator's other method.
fn recomputed(operator: &dyn SensingOperator, bound: &RipLowerBound) -> f64 {
    let x = multiply(Form::RightTransposed, &bound.left, &bound.right);
    assert!((frobenius(&x) - 1.0).abs() < 1e-13 && x.rank(1e-10) <= bound.order);
    (operator.measure(&x).iter().map(|a| a * a).sum::<f64>() - 1.0).abs()
}

#[test]
fn full_observation_has_constant_zero_to_the_last_bit() {
    for bound in rip_lower_bounds(&Identity::new(9, 7), &[0, 1, 3, 7, 99], &RipSearch::default()) {
        assert_eq!(bound.value, 0.0);
        assert!(bound.order <= 7 && bound.passes <= 2);
    }
}

#[test]
fn scaled_entries_have_known_constants() {
    let mut rng = stream(1, Purpose::Rip, 5);
    for case in 0..6 {
        let squares: Vec<f64> = (0..30).map(|_| 0.6 + 0.7 * rng.random::<f64>()).collect();
        let weights: Vec<f64> = squares.iter().map(|w| w.sqrt()).collect();
        let operator = weighted(6, 5, &weights);
        // X = e_i e_jᵀ attains both ends, and no X does worse.
        let truth = squares.iter().map(|w| (w - 1.0).abs()).fold(0.0, f64::max);
        for order in [1, 2, 5] {
            let search = RipSearch { restarts: 16, ..RipSearch::default() };
            let found = rip_lower_bound(&operator, order, &search);
            assert!(found.value <= truth * (1.0 + 1e-12), "case {case}, order {order}: {} above {truth}", found.value);
            assert!(found.value >= 0.95 * truth, "case {case}, order {order}: {} of {truth}", found.value);
            assert!((recomputed(&operator, &found) - found.value).abs() < 1e-12);
        }
        let norm = normal_operator_norm(&operator, 1e-8, 0).unwrap();
        let largest = squares.iter().copied().fold(0.0, f64::max);
        assert!((norm.value - largest).abs() < 1e-8, "{norm:?} {largest}");
    }
}

#[test]
fn a_measurement_of_rank_one_matrices_is_found() {
    // One entry is not measured at all: δ_1 = 1, attained at one matrix only.
    let mut weights = vec![1.0; 30];
    weights[17] = 0.0;
    let found = rip_lower_bound(&weighted(6, 5, &weights), 1, &RipSearch::default());
    assert!((found.value - 1.0).abs() < 1e-4 && found.quotient < 1e-4, "{found:?}");
}

#[test]
fn bounds_stay_below_the_spectral_bound_and_grow_with_the_order() {
    for seed in 0..10 {
        let operator = Gaussian::draw(6, 5, 60, Storage::F64, seed).unwrap();
        let mut rows = Matrix::zeros(60, 30);
        for i in 0..60 {
            rows.row_mut(i).copy_from_slice(operator.row(i).as_slice());
        }
        let normal = multiply(Form::LeftTransposed, &rows, &rows);
        let spectral = operator_norm_symmetric(&(&normal - Matrix::identity(30, 30)));
        let found = rip_lower_bounds(&operator, &[1, 2, 3, 4, 5], &RipSearch { seed, ..RipSearch::default() });
        for pair in found.windows(2) {
            assert!(pair[1].value >= pair[0].value * (1.0 - 1e-13), "{} after {}", pair[1].value, pair[0].value);
        }
        for bound in &found {
            assert!(bound.value <= spectral * (1.0 + 1e-12) && bound.value > 0.0);
            assert!((recomputed(&operator, bound) - bound.value).abs() < 1e-12);
        }
        // Without a constraint on the rank the search is power iteration, which finds the spectral bound.
        assert!(found[4].value > 0.99 * spectral, "seed {seed}: {} of {spectral}", found[4].value);
    }
}

#[test]
fn gaussian_measurements_exceed_what_random_matrices_see() {
    let operator = Gaussian::draw(40, 30, 800, Storage::F64, 3).unwrap();
    let mut rng = stream(2, Purpose::Rip, 9);
    let mut probe = 0.0_f64;
    for _ in 0..200 {
        let mut draw = |rows| Matrix::from_fn(rows, 2, |_, _| rng.sample::<f64, _>(StandardNormal));
        let x = multiply(Form::RightTransposed, &draw(40), &draw(30));
        let quotient = operator.measure(&x).iter().map(|a| a * a).sum::<f64>() / frobenius_squared(&x);
        probe = probe.max((quotient - 1.0).abs());
    }
    let found = rip_lower_bound(&operator, 2, &RipSearch::default());
    println!("lower bound {} in {} passes, random probes {probe}", found.value, found.passes);
    // 200 random quotients have a spread of √(2/p); the search optimises over 2(40 + 30 − 2) parameters.
    assert!(found.value > 2.0 * probe, "{} against {probe}", found.value);
    assert_eq!(found, rip_lower_bound(&operator, 2, &RipSearch::default()), "deterministic");
}
