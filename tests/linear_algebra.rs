//! Norms, decompositions and angles against matrices whose singular structure is known in closed form.

use pgflow::linalg::*;
use pgflow::random::{Purpose, stream};
use rand_distr::{Distribution, StandardNormal};

const EPS: f64 = f64::EPSILON;

fn gaussian(rows: usize, cols: usize, seed: u64) -> Matrix {
    let mut rng = stream(seed, Purpose::Target, 0);
    Matrix::from_fn(rows, cols, |_, _| StandardNormal.sample(&mut rng))
}

/// The orthonormal cosine transform of size `n`: an orthogonal matrix in closed form.
fn cosines(n: usize) -> Matrix {
    Matrix::from_fn(n, n, |i, j| {
        let scale = if i == 0 { (1.0 / n as f64).sqrt() } else { (2.0 / n as f64).sqrt() };
        scale * (std::f64::consts::PI * (2 * j + 1) as f64 * i as f64 / (2 * n) as f64).cos()
    })
}

/// `m × n` with the given singular values.
fn with_singular_values(rows: usize, cols: usize, values: &[f64]) -> Matrix {
    let (u, v) = (cosines(rows), cosines(cols));
    let mut out = Matrix::zeros(rows, cols);
    for (k, s) in values.iter().enumerate() {
        out += u.column(k) * v.column(k).transpose() * *s;
    }
    out
}

fn max_abs(a: &Matrix) -> f64 {
    a.amax()
}

/// `max |QᵀQ − I|`
fn orthonormality_defect(q: &Matrix) -> f64 {
    max_abs(&(q.tr_mul(q) - Matrix::identity(q.ncols(), q.ncols())))
}

#[test]
fn operator_norm_is_the_largest_singular_value_to_fourteen_digits() {
    let graded: Vec<f64> = (0..30).map(|k| 10f64.powi(-k)).collect();
    let clustered: Vec<f64> = (0..30).map(|k| 1.0 - 1e-13 * k as f64).collect();
    for values in [graded, clustered, vec![2.0], vec![3.0, 3.0, 1e-200]] {
        for (rows, cols) in [(40, 30), (30, 40), (30, 30)] {
            let a = with_singular_values(rows, cols, &values);
            assert!((operator_norm(&a) / values[0] - 1.0).abs() < 1e-14, "{rows} × {cols}: {}", operator_norm(&a) / values[0] - 1.0);
        }
    }
}

#[test]
fn operator_norm_agrees_with_the_singular_value_decomposition() {
    for (seed, (rows, cols)) in [(1, 7), (7, 1), (2, 2), (5, 60), (60, 5), (100, 100), (64, 48), (150, 90)].into_iter().enumerate() {
        let a = gaussian(rows, cols, seed as u64);
        let (norm, svd) = (operator_norm(&a), singular_values(&a).unwrap()[0]);
        assert!((norm / svd - 1.0).abs() < 1e-14, "{rows} × {cols}: {norm} against {svd}");
    }
}

#[test]
fn scaling_by_a_power_of_two_scales_every_norm_and_singular_value_exactly() {
    let a = gaussian(20, 15, 3);
    let s = a.rows(0, 15) + a.rows(0, 15).transpose();
    let svd = singular_values(&a).unwrap();
    for exponent in [-960, -664, -1, 0, 5, 664, 960] {
        let power = 2f64.powi(exponent);
        assert_eq!(operator_norm(&(&a * power)), operator_norm(&a) * power);
        assert_eq!(operator_norm_symmetric(&(&s * power)), operator_norm_symmetric(&s) * power);
        assert_eq!(singular_values(&(&a * power)).unwrap(), svd.iter().map(|x| x * power).collect::<Vec<_>>());
        let eigen = symmetric_eigen(&(&s * power)).unwrap();
        assert_eq!(eigen.values, symmetric_eigen(&s).unwrap().values.iter().map(|x| x * power).collect::<Vec<_>>());
    }
    for tiny in [1e-200, 1e-300, 1e200, 1e300] {
        assert!((operator_norm(&(&a * tiny)) / tiny / svd[0] - 1.0).abs() < 1e-13, "{tiny}");
        assert!((frobenius(&(&a * tiny)) / tiny / frobenius(&a) - 1.0).abs() < 1e-13, "{tiny}");
    }
}

#[test]
fn norms_of_special_matrices() {
    assert_eq!(operator_norm(&Matrix::zeros(5, 3)), 0.0);
    assert_eq!(operator_norm(&Matrix::zeros(0, 3)), 0.0);
    assert_eq!(operator_norm(&Matrix::zeros(3, 0)), 0.0);
    assert_eq!(operator_norm_symmetric(&Matrix::zeros(0, 0)), 0.0);
    assert_eq!(frobenius(&Matrix::zeros(0, 0)), 0.0);
    assert!((operator_norm(&Matrix::from_row_slice(1, 2, &[3e250, -4e250])) / 5e250 - 1.0).abs() < 4.0 * EPS);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for at in [0, 4, 8] {
            let mut a = gaussian(3, 3, 1);
            a.as_mut_slice()[at] = bad;
            assert!(operator_norm(&a).is_nan() && operator_norm_symmetric(&a).is_nan(), "{bad} at {at}");
            assert!(!frobenius(&a).is_finite() && frobenius(&a).is_nan() == bad.is_nan(), "{bad} at {at}");
            assert_eq!(singular_values(&a), Err(DecompositionError::NotFinite));
            assert!(thin_svd(&a).is_err() && symmetric_eigen(&a).is_err() && cholesky(&a).is_err());
            assert!(singular_values_of_product(&a, &a).is_err() && thin_svd_of_product(&a, &a).is_err());
            assert!(largest_principal_angle_sine(&a, &Matrix::identity(3, 3)).is_nan());
        }
    }
}

#[test]
fn symmetric_norm_sees_the_most_negative_eigenvalue() {
    let (q, n) = (cosines(12), 12);
    let values = Matrix::from_fn(n, 1, |i, _| if i == 3 { -5.0 } else { 4.0 / (i + 1) as f64 });
    let s = &q * Matrix::from_diagonal(&values.column(0).into_owned()) * q.transpose();
    assert!((operator_norm_symmetric(&s) / 5.0 - 1.0).abs() < 1e-14);
    let eigen = symmetric_eigen(&s).unwrap();
    assert!(orthonormality_defect(&eigen.vectors) < 50.0 * EPS);
    assert!(eigen.values.windows(2).all(|w| w[0] <= w[1]));
    let lambda = Matrix::from_diagonal(&nalgebra::DVector::from_vec(eigen.values.clone()));
    assert!(max_abs(&(&eigen.vectors * lambda * eigen.vectors.transpose() - &s)) < 50.0 * EPS * 5.0);
    assert!((eigen.values[0] + 5.0).abs() < 50.0 * EPS);
}

#[test]
fn decomposition_recomposes_rank_deficient_and_graded_matrices() {
    let graded: Vec<f64> = (0..9).map(|k| 10f64.powi(-2 * k)).collect();
    for (rows, cols) in [(12, 9), (9, 12), (9, 9), (60, 9), (9, 60), (70, 65)] {
        for values in [vec![], vec![1.0], vec![2.0, 2.0, 1.0], graded.clone()] {
            for scale in [1.0, 1e-200, 1e200] {
                let a = with_singular_values(rows, cols, &values) * scale;
                let svd = thin_svd(&a).unwrap();
                assert!(orthonormality_defect(&svd.left) < 100.0 * EPS && orthonormality_defect(&svd.right) < 100.0 * EPS);
                let sigma = Matrix::from_diagonal(&nalgebra::DVector::from_vec(svd.values.clone()));
                let largest = values.first().copied().unwrap_or(0.0) * scale;
                let tolerance = 100.0 * EPS * largest;
                assert!(max_abs(&(&svd.left * sigma * svd.right.transpose() - &a)) <= tolerance, "{rows} × {cols}, {values:?} · {scale}");
                let alone = singular_values(&a).unwrap();
                for (k, (value, value_alone)) in svd.values.iter().zip(&alone).enumerate() {
                    let expected = values.get(k).copied().unwrap_or(0.0) * scale;
                    assert!((value - expected).abs() <= tolerance && (value_alone - expected).abs() <= tolerance);
                    assert!(*value >= 0.0 && *value_alone >= 0.0);
                }
                assert!(svd.values.windows(2).all(|w| w[0] >= w[1]) && alone.windows(2).all(|w| w[0] >= w[1]));
            }
        }
    }
}

#[test]
fn qr_is_orthonormal_and_recomposes_at_every_shape_rank_and_size() {
    for (rows, cols) in [(1, 1), (7, 3), (3, 7), (60, 40), (40, 60), (200, 20)] {
        for scale in [1.0, 1e-200, 1e200] {
            let full = gaussian(rows, cols, 5) * scale;
            // Rank three at most: the remaining columns are dependent up to rounding, where a QR that truncates shows.
            let deficient = with_singular_values(rows, cols, &[2.0, 1.5, 1.0][..rows.min(cols).min(3)]) * scale;
            for a in [full, deficient, Matrix::zeros(rows, cols), Matrix::identity(rows, cols) * scale] {
                let (q, r) = thin_qr(&a);
                let size = rows.min(cols);
                assert_eq!((q.shape(), r.shape()), ((rows, size), (size, cols)));
                assert!(orthonormality_defect(&q) < 100.0 * EPS, "{rows} × {cols} at {scale}");
                assert!(max_abs(&(&q * &r - &a)) <= 30.0 * EPS * max_abs(&a), "{rows} × {cols} at {scale}");
                assert!((0..size).all(|i| (0..i.min(cols)).all(|j| r[(i, j)] == 0.0)));
            }
        }
    }
    for at in [0, 3, 7] {
        let mut a = Matrix::zeros(4, 2);
        a.as_mut_slice()[at] = f64::NAN;
        assert!(thin_qr(&a).1.iter().any(|x| x.is_nan()), "a NaN at {at} is lost");
    }
    assert_eq!(thin_qr(&Matrix::zeros(4, 0)).0.shape(), (4, 0));
    assert_eq!(thin_qr(&Matrix::zeros(0, 4)).1.shape(), (0, 4));
}

#[test]
fn products_are_decomposed_through_their_factors() {
    for (rows, cols, width) in [(30, 20, 5), (30, 20, 25), (30, 20, 40), (5, 30, 10), (30, 5, 10), (4, 4, 1), (6, 5, 0)] {
        let (left, right) = (gaussian(rows, width, 1), gaussian(cols, width, 2));
        let size = rows.min(cols).min(width);
        let dense = singular_values(&(&left * right.transpose())).unwrap();
        let tolerance = 50.0 * EPS * operator_norm(&left) * operator_norm(&right);
        let (values, svd) = (singular_values_of_product(&left, &right).unwrap(), thin_svd_of_product(&left, &right).unwrap());
        assert_eq!((values.len(), svd.values.len()), (size, size));
        assert_eq!((svd.left.shape(), svd.right.shape()), ((rows, size), (cols, size)));
        for (k, value) in values.iter().enumerate() {
            assert!((value - dense[k]).abs() <= tolerance && (svd.values[k] - dense[k]).abs() <= tolerance);
        }
        let sigma = Matrix::from_diagonal(&nalgebra::DVector::from_vec(svd.values.clone()));
        assert!(max_abs(&(&svd.left * sigma * svd.right.transpose() - &left * right.transpose())) <= tolerance);
        assert!(orthonormality_defect(&svd.left) < 100.0 * EPS && orthonormality_defect(&svd.right) < 100.0 * EPS);
        // Factors far out of range whose product is in range lose nothing.
        let far = singular_values_of_product(&(&left * 2f64.powi(-700)), &(&right * 2f64.powi(700))).unwrap();
        assert_eq!(far, values);
    }
}

#[test]
fn cholesky_and_triangular_solves() {
    let a = gaussian(12, 8, 4);
    let s = a.tr_mul(&a);
    let lower = cholesky(&s).unwrap();
    assert!(max_abs(&(&lower * lower.transpose() - &s)) < 50.0 * EPS * max_abs(&s));
    assert!((0..8).all(|i| (i + 1..8).all(|j| lower[(i, j)] == 0.0)));
    let x = gaussian(8, 3, 5);
    let mut b = &lower * &x;
    solve_lower_triangular(&lower, &mut b);
    assert!(max_abs(&(b - x)) < 1e-12);
    assert_eq!(cholesky(&-Matrix::identity(3, 3)), Err(DecompositionError::NotPositiveDefinite));
    assert_eq!(cholesky(&Matrix::zeros(2, 2)), Err(DecompositionError::NotPositiveDefinite));
}

/// Bases of two subspaces at the given principal angles, turned by an orthogonal matrix and re-based within each.
fn subspaces_at(angles: &[f64], rows: usize) -> (Matrix, Matrix) {
    let (q, rank) = (cosines(rows), angles.len());
    let u = q.columns(0, rank).into_owned();
    let v = Matrix::from_fn(rows, rank, |i, k| angles[k].cos() * q[(i, k)] + angles[k].sin() * q[(i, rank + k)]);
    (u * thin_qr(&gaussian(rank, rank, 1)).0, v * thin_qr(&gaussian(rank, rank, 2)).0)
}

#[test]
fn largest_principal_angle_is_right_from_a_billionth_to_ninety_degrees() {
    let right_angle = std::f64::consts::FRAC_PI_2;
    for angle in [0.0, 1e-15, 1e-9, 1e-4, 0.3, 1.0, right_angle - 1e-9, right_angle] {
        for others in [vec![], vec![0.0], vec![angle / 2.0, 0.0]] {
            let angles: Vec<f64> = others.iter().copied().chain([angle]).collect();
            let (u, v) = subspaces_at(&angles, 20);
            for sine in [largest_principal_angle_sine(&u, &v), largest_principal_angle_sine(&v, &u)] {
                assert!((sine - angle.sin()).abs() < 30.0 * EPS, "{angles:?}: {sine}");
                assert!((0.0..=1.0).contains(&sine));
            }
        }
    }
    assert_eq!(largest_principal_angle_sine(&Matrix::zeros(5, 0), &Matrix::zeros(5, 0)), 0.0);
    let (e, f) = (Matrix::identity(6, 2), Matrix::from_fn(6, 2, |i, j| f64::from(u8::from(i == j + 2))));
    assert_eq!((largest_principal_angle_sine(&e, &e), largest_principal_angle_sine(&e, &f)), (0.0, 1.0));
}
