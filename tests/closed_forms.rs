//! Closed forms against direct integration by `ode_solvers` (Dop853), and against each other.

// Helpers outside the test functions panic like them.
#![allow(clippy::unwrap_used)]

use ode_solvers::{DVector, Dop853, System};
use pgflow::dynamics::State;
use pgflow::linalg::*;
use pgflow::problem::Target;
use pgflow::random::{Purpose, stream};
use pgflow::theory::*;
use rand_distr::{Distribution, StandardNormal};

struct Field<V: Fn(&[f64], &mut [f64])>(V);

impl<V: Fn(&[f64], &mut [f64])> System<f64, DVector<f64>> for Field<V> {
    fn system(&self, _t: f64, y: &DVector<f64>, dy: &mut DVector<f64>) {
        (self.0)(y.as_slice(), dy.as_mut_slice());
    }
}

/// `y(t)` of `ẏ = field(y)`, to relative tolerance 1e-13 in every entry that matters.
fn integrate(field: impl Fn(&[f64], &mut [f64]), initial: &[f64], t: f64) -> Vec<f64> {
    let scale = initial.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let (start, atol) = (DVector::from_column_slice(initial), 1e-16 * scale);
    let (never, output) = (u32::MAX, ode_solvers::dop_shared::OutputType::Sparse);
    let mut solver =
        Dop853::from_param(Field(field), 0.0, t, t, start, 1e-13, atol, 0.9, 0.0, 0.333, 6.0, t, 0.0, 1_000_000, never, output);
    solver.integrate().unwrap();
    solver.y_out().last().unwrap().as_slice().to_vec()
}

fn gaussian(rows: usize, cols: usize, seed: u64) -> Matrix {
    let mut rng = stream(seed, Purpose::Initialisation, 0);
    Matrix::from_fn(rows, cols, |_, _| StandardNormal.sample(&mut rng))
}

fn orthonormal(rows: usize, cols: usize, seed: u64) -> Matrix {
    thin_qr(&gaussian(rows, cols, seed)).0
}

fn target(rows: usize, cols: usize, values: &[f64]) -> Target {
    let (u, v) = (orthonormal(rows, values.len(), 100), orthonormal(cols, values.len(), 101));
    let sigma = Matrix::from_diagonal(&nalgebra::DVector::from_column_slice(values));
    Target { matrix: &u * sigma * v.transpose(), left: u, values: values.to_vec(), right: v }
}

/// `(F, G)` at time `t` of the flow with full observation.
fn flow(y: &Matrix, f: &Matrix, g: &Matrix, t: f64) -> (Matrix, Matrix) {
    let ((m, n), h) = (y.shape(), f.ncols());
    let unpack = |z: &[f64]| (Matrix::from_column_slice(m, h, &z[..m * h]), Matrix::from_column_slice(n, h, &z[m * h..]));
    let initial: Vec<f64> = f.iter().chain(g.iter()).copied().collect();
    let field = |z: &[f64], rate: &mut [f64]| {
        let (f, g) = unpack(z);
        let residual = y - &f * g.transpose();
        rate[..m * h].copy_from_slice((&residual * &g).as_slice());
        rate[m * h..].copy_from_slice((residual.transpose() * &f).as_slice());
    };
    unpack(&integrate(field, &initial, t))
}

fn relative(found: &Matrix, expected: &Matrix) -> f64 {
    frobenius(&(found - expected)) / frobenius(expected)
}

/// Dop853 at 1e-13 over at most a few hundred steps, while modes grow by constant relative errors.
const INTEGRATOR: f64 = 1e-10;

#[test]
fn balanced_mode_follows_the_flow_of_its_factors() {
    for (sigma, initial, t) in [
        (1.7, 1e-3, 2.0),
        (1.7, 1e-3, 6.0),
        (1.0, 1e-20, 20.0),
        (1.0, 1e-20, 24.0),
        (1.0, 1e-20, 40.0),
        (0.3, 2.0, 5.0),
        (0.0, 0.4, 9.0),
        (-0.7, 0.4, 9.0),
    ] {
        let field = |z: &[f64], rate: &mut [f64]| {
            let residual = sigma - z[0] * z[1];
            (rate[0], rate[1]) = (residual * z[1], residual * z[0]);
        };
        let z = integrate(field, &[f64::sqrt(initial); 2], t);
        let s = balanced_mode(sigma, initial, t);
        assert!((z[0] * z[1] / s - 1.0).abs() < INTEGRATOR, "σ = {sigma}, s₀ = {initial}, t = {t}: {s} against {}", z[0] * z[1]);
    }
}

#[test]
fn balanced_mode_is_accurate_at_the_extremes() {
    // Where s ≪ σ it is s₀ e^{2σt} up to a factor 1 − s/σ.
    for initial in [1e-20, 1e-100, 1e-290] {
        let s = balanced_mode(1.0, initial, 10.0);
        assert!((s / (initial * 20f64.exp()) - 1.0).abs() < 1e-10, "{initial}: {s}");
        assert_eq!(balanced_mode(1.0, initial, 1000.0), 1.0);
    }
    assert!((balanced_mode(3.0, 1e-20, f64::MAX) / 3.0 - 1.0).abs() < 4.0 * f64::EPSILON);
    assert_eq!(balanced_mode(2.0, 2.0, 0.7), 2.0);
    assert_eq!(balanced_mode(2.0, 0.0, 5.0), 0.0);
    assert_eq!(balanced_mode(-2.0, 0.5, 1e4), 0.0);
    // Continuous through σ = 0.
    assert!((balanced_mode(1e-14, 0.4, 3.0) / balanced_mode(0.0, 0.4, 3.0) - 1.0).abs() < 1e-12);
    // The differential equation, by central differences of order h².
    for (sigma, initial, t) in [(1.0, 1e-12, 13.0), (2.0, 3.0, 0.1)] {
        let h = 1e-5;
        let slope = (balanced_mode(sigma, initial, t + h) - balanced_mode(sigma, initial, t - h)) / (2.0 * h);
        let s = balanced_mode(sigma, initial, t);
        assert!((slope / (2.0 * s * (sigma - s)) - 1.0).abs() < 1e-8);
    }
}

#[test]
fn spectral_initialisation_decouples_the_matrix_flow() {
    let y = target(6, 5, &[2.0, 1.0, 0.5]);
    let sizes: [f64; 3] = [1e-3, 2e-3, 5e-4];
    let root = Matrix::from_diagonal(&nalgebra::DVector::from_column_slice(&sizes.map(f64::sqrt)));
    let q = orthonormal(4, 3, 3);
    let (f, g) = (&y.left * &root * q.transpose(), &y.right * &root * q.transpose());
    for t in [1.0, 4.0, 10.0] {
        let (f, g) = flow(&y.matrix, &f, &g, t);
        let modes: Vec<f64> = (0..3).map(|i| balanced_mode(y.values[i], sizes[i], t)).collect();
        let expected = &y.left * Matrix::from_diagonal(&nalgebra::DVector::from_vec(modes)) * y.right.transpose();
        assert!(relative(&(f * g.transpose()), &expected) < INTEGRATOR);
    }
}

/// Integrates one mode of any width; the sum and difference norms of its start come with it.
fn integrate_mode(sigma: f64, f: &[f64], g: &[f64], t: f64) -> (f64, f64, f64) {
    let h = f.len();
    let field = |z: &[f64], rate: &mut [f64]| {
        let residual = sigma - (0..h).map(|i| z[i] * z[h + i]).sum::<f64>();
        for i in 0..h {
            (rate[i], rate[h + i]) = (residual * z[h + i], residual * z[i]);
        }
    };
    let z = integrate(field, &[f, g].concat(), t);
    let squares = |sign: f64| f.iter().zip(g).map(|(f, g)| (f + sign * g).powi(2)).sum::<f64>();
    ((0..h).map(|i| z[i] * z[h + i]).sum(), squares(1.0), squares(-1.0))
}

#[test]
fn imbalanced_mode_follows_the_flow_at_any_width_size_and_sign() {
    for (width, seed) in [(1, 1), (1, 2), (3, 3), (7, 4)] {
        for (left, right) in [(0.2, 0.05), (1.5, 0.1), (1e-10, 1e-10), (1e-6, 1e-10)] {
            let (f, g) = (gaussian(width, 1, seed) * left, gaussian(width, 1, seed + 50) * right);
            for (sigma, t) in [(1.3, 0.0001), (1.3, 1.0), (1.3, 6.0), (1.3, 25.0), (0.0, 2.0), (-0.8, 5.0)] {
                let (s, a, b) = integrate_mode(sigma, f.as_slice(), g.as_slice(), t);
                let found = imbalanced_mode(sigma, a, b, t);
                // s may pass through zero: its scale is that of the two parts it is the difference of.
                let scale = s.abs() + 0.25 * (a * b).sqrt() + 0.25 * (a - b).abs();
                assert!(
                    (found - s).abs() < INTEGRATOR * scale,
                    "h = {width}, σ = {sigma}, t = {t}, a = {a:e}, b = {b:e}: {found:e}, {s:e}"
                );
            }
        }
    }
}

#[test]
fn imbalanced_mode_agrees_with_other_closed_forms() {
    // Balanced: b = 0, a = 4 s₀.
    for (sigma, s, t) in [(1.7, 1e-3, 3.0), (1.0, 1e-20, 24.0), (2.0, 5.0, 0.3), (1.0, 1e-100, 1e5)] {
        assert!((imbalanced_mode(sigma, 4.0 * s, 0.0, t) / balanced_mode(sigma, s, t) - 1.0).abs() < 1e-12);
    }
    // Width one: s = (λ/2) sinh θ, u = tanh(θ/2), u̇ = σ(1 − u²) − λu.
    let (sigma, f, g, t) = (1.3_f64, 1.5_f64, 0.1_f64, 2.0);
    let lambda = f * f - g * g;
    let frequency = lambda.hypot(2.0 * sigma);
    let (high, low) = ((frequency - lambda) / (2.0 * sigma), (-frequency - lambda) / (2.0 * sigma));
    let start = (0.5 * (2.0 * f * g / lambda).asinh()).tanh();
    let w = (start - high) / (start - low) * (-frequency * t).exp();
    let u = (high - low * w) / (1.0 - w);
    let expected = 0.5 * lambda * (2.0 * u.atanh()).sinh();
    assert!((imbalanced_mode(sigma, (f + g).powi(2), (f - g).powi(2), t) / expected - 1.0).abs() < 1e-12);
    // Without a sum, the mode runs into the saddle at 0 from below and stays.
    assert_eq!(imbalanced_mode(1.0, 0.0, 0.0, 3.0), 0.0);
    assert_eq!(imbalanced_mode(0.0, 0.0, 0.0, 3.0), 0.0);
    assert_eq!(imbalanced_mode(1.0, 0.0, 4.0, 0.0), -1.0);
    let late = imbalanced_mode(1.0, 0.0, 4.0, 1e4);
    assert!(late <= 0.0 && late > -1e-300);
    // σ = 0: s decays, a·b stays.
    assert!(imbalanced_mode(0.0, 3.0, 1.0, 1e6).abs() < 1e-12);
}

#[test]
fn symmetric_product_follows_the_flow_for_any_rank_width_and_sign() {
    let b = gaussian(7, 2, 5);
    let indefinite = {
        let s = gaussian(7, 7, 6);
        (&s + s.transpose()) * 0.2
    };
    for x in [&b * b.transpose() / 4.0, indefinite, Matrix::zeros(7, 7)] {
        for (width, scale) in [(1, 0.1), (4, 0.1), (9, 2.0), (4, 1e-10)] {
            let initial = gaussian(7, width, 7) * scale;
            let field = |z: &[f64], rate: &mut [f64]| {
                let u = Matrix::from_column_slice(7, width, z);
                rate.copy_from_slice(((&x - &u * u.transpose()) * &u).as_slice());
            };
            for t in [0.3, 6.0, 30.0] {
                let u = Matrix::from_vec(7, width, integrate(field, initial.as_slice(), t));
                let error = relative(&symmetric_product(&x, &initial, t).unwrap(), &(&u * u.transpose()));
                assert!(error < INTEGRATOR, "width {width}, scale {scale}, t = {t}: {error:e}");
            }
        }
    }
}

#[test]
fn symmetric_product_keeps_every_mode_from_a_tiny_start_to_late_times() {
    // Diagonal target and start: modes decouple, each by its own logistic, over sixty orders of magnitude of e^{2σt}s₀.
    let values = [2.0, 1.0, 0.5, 0.1, 0.0, -1.0];
    let x = Matrix::from_diagonal(&nalgebra::DVector::from_column_slice(&values));
    for (scale, t) in [(1e-10, 30.0), (1e-10, 400.0), (1e-20, 46.0), (3.0, 1e3)] {
        let initial = Matrix::identity(6, 6) * scale;
        let product = symmetric_product(&x, &initial, t).unwrap();
        for (i, sigma) in values.iter().enumerate() {
            let expected = balanced_mode(*sigma, scale * scale, t);
            assert!(
                (product[(i, i)] - expected).abs() <= 1e-12 * expected,
                "σ = {sigma}, α = {scale}, t = {t}: {:e}, {expected:e}",
                product[(i, i)]
            );
        }
    }
    // Turned by an orthogonal matrix from the right, nothing changes.
    let (initial, q) = (gaussian(6, 6, 8) * 1e-10, orthonormal(6, 6, 9));
    let (a, b) = (symmetric_product(&x, &initial, 30.0).unwrap(), symmetric_product(&x, &(&initial * q), 30.0).unwrap());
    assert!(relative(&a, &b) < 1e-12);
    // Composing two times is the time of their sum only through a state; at t = 0 the start comes back.
    assert!(relative(&symmetric_product(&x, &initial, 0.0).unwrap(), &(&initial * initial.transpose())) < 1e-14);
}

#[test]
fn balanced_product_follows_the_flow() {
    let y = target(6, 5, &[2.0, 0.7]).matrix;
    for (scale, times) in [(0.2, [0.5, 2.0, 6.0]), (1e-10, [5.0, 15.0, 30.0])] {
        let core = gaussian(4, 4, 10) * scale;
        let (f, g) = (orthonormal(6, 4, 11) * &core, orthonormal(5, 4, 12) * &core);
        for t in times {
            let (moved_f, moved_g) = flow(&y, &f, &g, t);
            let error = relative(&balanced_product(&y, &f, &g, t).unwrap(), &(moved_f * moved_g.transpose()));
            assert!(error < INTEGRATOR, "scale {scale}, t = {t}: {error:e}");
        }
    }
}

#[test]
fn signal_block_agrees_with_the_flow_and_with_the_riccati_solution() {
    let values = [2.0, 1.0, 0.4];
    let x = Matrix::from_diagonal(&nalgebra::DVector::from_column_slice(&values));
    for (scale, t) in [(0.3, 0.0), (1e-4, 3.0), (1e-4, 12.0), (1e-4, 40.0), (1e-10, 30.0), (1e-10, 60.0), (1e-10, 2e3)] {
        let initial = gaussian(3, 6, 13) * scale;
        let block = signal_block(&values, &initial, t).unwrap();
        assert!(relative(&block, &symmetric_product(&x, &initial, t).unwrap()) < 1e-12, "α = {scale}, t = {t}");
        if t > 0.0 && t < 100.0 {
            let field = |z: &[f64], rate: &mut [f64]| {
                let p = Matrix::from_column_slice(3, 6, z);
                rate.copy_from_slice(((&x - &p * p.transpose()) * &p).as_slice());
            };
            let p = Matrix::from_vec(3, 6, integrate(field, initial.as_slice(), t));
            assert!(relative(&block, &(&p * p.transpose())) < INTEGRATOR, "α = {scale}, t = {t}");
        }
        // The last mode's Schur complement follows the closed form of one mode.
        let schur = effective_initial_size(&cholesky(&block).unwrap(), 1);
        let expected = balanced_mode(0.4, effective_initial_size(&initial, 1), t);
        assert!((schur / expected - 1.0).abs() < 1e-11, "α = {scale}, t = {t}: {schur:e}, {expected:e}");
    }
}

#[test]
fn misuse_is_an_error_that_names_the_remedy() {
    let (y, f, g) = (gaussian(4, 3, 1), gaussian(4, 2, 2), gaussian(3, 2, 3));
    assert!(matches!(balanced_product(&y, &f, &g, 1.0), Err(TheoryError::NotBalanced { .. })));
    assert!(matches!(balanced_product(&y, &g, &f, 1.0), Err(TheoryError::Shape { .. })));
    assert!(matches!(balanced_product(&y, &f, &f, 1.0), Err(TheoryError::Shape { .. })));
    assert!(matches!(symmetric_product(&y, &f, 1.0), Err(TheoryError::Shape { .. })));
    assert!(matches!(symmetric_product(&Matrix::identity(4, 4), &f, -1.0), Err(TheoryError::Time { .. })));
    assert!(matches!(symmetric_product(&Matrix::identity(4, 4), &(&f * f64::NAN), 1.0), Err(TheoryError::Decomposition(_))));
    assert!(matches!(symmetric_product(&Matrix::identity(4, 4), &(&f * 1e200), 1.0), Err(TheoryError::Decomposition(_))));
    assert!(matches!(signal_block(&[1.0, 0.5, 0.2], &g, 1.0), Err(TheoryError::DeficientSignal { modes: 3 })));
    assert!(matches!(signal_block(&[1.0, 0.0], &gaussian(2, 3, 1), 1.0), Err(TheoryError::SingularValue { .. })));
    assert!(matches!(signal_block(&[1.0], &gaussian(2, 3, 1), f64::NAN), Err(TheoryError::Time { .. })));
}

#[test]
fn effective_size_is_the_schur_complement_without_its_squaring() {
    // Rows (1, 0, 0), (1, ε, 0): the distance of the second from the first is ε, which a Gram matrix would lose below 1e-8.
    for distance in [1.0, 1e-5, 1e-12] {
        for scale in [1.0, 1e-10, 1e-120] {
            let p = Matrix::from_row_slice(2, 3, &[1.0, 0.0, 0.0, 1.0, distance, 0.0]) * scale;
            let size = effective_initial_size(&p, 1);
            assert!((size / (distance * scale).powi(2) - 1.0).abs() < 1e-3, "{distance}, {scale}: {size:e}");
        }
    }
    let p = gaussian(3, 8, 14);
    let gram = &p * p.transpose();
    let det = |m: &Matrix| m.determinant();
    let minor = gram.view((0, 0), (2, 2)).into_owned();
    assert!((effective_initial_size(&p, 1) / (det(&gram) / det(&minor)) - 1.0).abs() < 1e-12);
    // All three equal: the smallest eigenvalue of the Gram matrix.
    assert!((effective_initial_size(&p, 3) / symmetric_eigen(&gram).unwrap().values[0] - 1.0).abs() < 1e-12);
    assert_eq!(effective_initial_size(&gaussian(3, 2, 1), 1), 0.0);
    assert!(effective_initial_size(&(p * f64::NAN), 1).is_nan());
}

#[test]
fn escape_times_of_one_mode_are_where_it_passes_half() {
    for (sigma, initial) in [(1.0, 1e-20), (0.3, 1e-3), (2.0, 0.999), (1.0, 1e-300), (5.0, 2.4)] {
        let t = escape_time(sigma, sigma, initial);
        // The condition of e^{2σt} allows 2σt·ε.
        assert!((balanced_mode(sigma, initial, t) / (0.5 * sigma) - 1.0).abs() < 1e-12, "σ = {sigma}, s₀ = {initial}");
    }
    assert_eq!(escape_time(1.0, 1.0, 0.5), 0.0);
    assert_eq!(escape_time(1.0, 1.0, 3.0), 0.0);
    assert_eq!(escape_time(1.0, 1.0, 0.0), f64::INFINITY);
    assert!((escape_time(1.0, 1.0, 5e-324) - 0.5 * 1074.0 * std::f64::consts::LN_2).abs() < 1e-9);
    // The mean start of a Gaussian draw, without the −1.
    let expected = escape_time(1.0, 1.0, 20.0 * 1e-12);
    assert!((gaussian_escape_time(1.0, 1.0, 40, 1e-6) - expected).abs() < 1e-10);
    assert!((gaussian_escape_time(1.0, 1.0, 40, 1e-6) - 12.3).abs() < 0.05);
    assert_eq!(gaussian_escape_time(1.0, 1.0, 40, 1.0), 0.0);
    assert!(gaussian_escape_time(1.0, 1.0, 40, 1e-200).is_finite());
}

#[test]
fn descent_escapes_one_percent_from_the_predicted_step() {
    for (sigma, step) in [(1.0, 0.1), (1.0, 0.5), (0.5, 0.3), (2.0, 0.01)] {
        let (initial, mut s, mut steps) = (1e-20, 1e-20_f64, 0.0);
        // Fractional step at which the scalar recursion passes σ/2.
        let crossing = loop {
            let next = s * (1.0 + step * (sigma - s)).powi(2);
            if next >= 0.5 * sigma {
                break steps + (0.5 * sigma / s).ln() / (next / s).ln();
            }
            (s, steps) = (next, steps + 1.0);
        };
        let predicted = escape_time(descent_rate(sigma, step), sigma, initial) / step;
        assert!((predicted / crossing - 1.0).abs() < 0.01, "σ = {sigma}, η = {step}: {predicted} against {crossing}");
    }
    assert!((descent_rate(1.0, 1e-12) - 1.0).abs() < 1e-11);
}

#[test]
fn the_weakest_mode_of_the_matrix_flow_escapes_when_predicted() {
    // A single weakest value, and a double one, for which the last row alone would be a wrong guess.
    for values in [&[2.0, 1.0][..], &[1.0, 1.0, 1.0][..], &[1.5, 0.7, 0.7][..]] {
        let y = target(12, 10, values);
        let (f, g) = (gaussian(12, 8, 21) * 1e-8, gaussian(10, 8, 22) * 1e-8);
        let predicted = predicted_escape_time(&y, &State::from_factors(&f, &g), None).unwrap();
        let (rank, half) = (values.len(), 0.5 * values[values.len() - 1]);
        let weakest = |t: f64| {
            let (f, g) = flow(&y.matrix, &f, &g, t);
            singular_values_of_product(&f, &g).unwrap()[rank - 1]
        };
        let (before, after) = (weakest(0.99 * predicted), weakest(1.01 * predicted));
        assert!(before < half && half < after, "{values:?}: σ_r = {before}, {after} around t = {predicted}");
        let slower = predicted_escape_time(&y, &State::from_factors(&f, &g), Some(0.2)).unwrap();
        assert!(slower > predicted);
    }
    let empty = Target { matrix: Matrix::zeros(3, 2), left: Matrix::zeros(3, 0), values: vec![], right: Matrix::zeros(2, 0) };
    assert_eq!(predicted_escape_time(&empty, &State::from_factors(&Matrix::zeros(3, 1), &Matrix::zeros(2, 1)), None), None);
}
