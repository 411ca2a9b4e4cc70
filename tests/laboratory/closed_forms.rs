//! Trajectories with closed forms: decoupled modes, the imbalanced mode, the Riccati solutions; conservation.

use crate::setup::*;
use pgflow::config::Pair;
use pgflow::dynamics::State;
use pgflow::linalg::{Form, Matrix, multiply};

/// `s(t) = σe^{2σt}/(e^{2σt} − 1 + σ/s₀)`, with the exponential taken out.
fn logistic(sigma: f64, s0: f64, t: f64) -> f64 {
    sigma / (1.0 + (sigma / s0 - 1.0) * (-2.0 * sigma * t).exp())
}

fn spectral_start(values: &[f64], s0: &[f64]) -> (pgflow::problem::Target, State) {
    let y = target(9, 7, values, 5);
    let q = orthonormal(6, values.len(), 9);
    let scaled = |u: &Matrix| Matrix::from_fn(u.nrows(), values.len(), |i, j| u[(i, j)] * s0[j].sqrt());
    let f = multiply(Form::RightTransposed, &scaled(&y.left), &q);
    let g = multiply(Form::RightTransposed, &scaled(&y.right), &q);
    (y, State::from_factors(&f, &g))
}

#[test]
fn a_spectral_start_decouples_the_flow_into_logistic_modes() {
    let (values, s0) = ([2.0, 1.0, 0.5], [1e-3, 2e-3, 5e-4]);
    let (y, start) = spectral_start(&values, &s0);
    let (left, right) = (y.left.clone(), y.right.clone());
    let instance = full_observation(y);
    let lab = Lab::new(10.0, 21).flow("dop853", Pair::Dop853, 1e-11).flow("dopri5", Pair::Dopri5, 1e-11).rk4("rk4", 0.01);
    let record = lab.run(&instance, &start);
    // Local errors of size rtol grow by at most e^{∫2σ₁} of the unstable phase, which ends at relative size one: a small multiple.
    for (name, tolerance) in [("dop853", 1e-9), ("dopri5", 1e-9), ("rk4", 1e-7)] {
        for (index, row) in find(&record, name).rows.iter().enumerate() {
            let modes = Matrix::from_fn(9, 3, |i, j| left[(i, j)] * logistic(values[j], s0[j], row.t));
            let exact = multiply(Form::RightTransposed, &modes, &right);
            let deviation = (product(&record, name, index) - &exact).norm() / exact.norm();
            assert!(deviation < tolerance, "{name} at t = {}: {deviation:e}", row.t);
        }
    }
}

#[test]
fn a_spectral_start_decouples_descent_into_scalar_recursions() {
    let (values, s0) = ([2.0, 1.0, 0.5], [1e-3, 2e-3, 5e-4]);
    let (y, start) = spectral_start(&values, &s0);
    let (left, right) = (y.left.clone(), y.right.clone());
    let record = Lab::new(20.0, 201).descent("gd", 0.1).run(&full_observation(y), &start);
    // Balanced: f = g = √s in every mode, f⁺ = f (1 + η(σ − f²)).
    let mut f = s0.map(f64::sqrt);
    for index in 0..=200 {
        let modes = Matrix::from_fn(9, 3, |i, j| left[(i, j)] * f[j] * f[j]);
        let exact = multiply(Form::RightTransposed, &modes, &right);
        assert!((product(&record, "gd", index) - &exact).norm() / exact.norm() < 1e-12, "step {index}");
        for (f, sigma) in f.iter_mut().zip(values) {
            *f *= 1.0 + 0.1 * (sigma - *f * *f);
        }
    }
}

#[test]
fn one_imbalanced_mode_follows_its_closed_form_at_any_width() {
    let (sigma, width) = (1.3, 7);
    let (u, v) = (orthonormal(5, 1, 21), orthonormal(4, 1, 22));
    let (f, g) = (gaussian(width, 1, 23) * 0.2, gaussian(width, 1, 24) * 0.05);
    let start = State::from_factors(&multiply(Form::RightTransposed, &u, &f), &multiply(Form::RightTransposed, &v, &g));
    let y = pgflow::problem::Target {
        matrix: multiply(Form::RightTransposed, &u, &v) * sigma,
        left: u.clone(),
        values: vec![sigma],
        right: v.clone(),
    };
    let record = Lab::new(6.0, 25).flow("flow", Pair::Dop853, 1e-12).run(&full_observation(y), &start);
    let (a, b) = ((&f + &g).norm_squared(), (&f - &g).norm_squared());
    let d = (4.0 * sigma * sigma + a * b).sqrt();
    let (plus, minus) = ((2.0 * sigma + d) / a, (2.0 * sigma - d) / a);
    for (index, row) in find(&record, "flow").rows.iter().enumerate() {
        let w = (1.0 - plus) / (1.0 - minus) * (-d * row.t).exp();
        let ratio = (plus - minus * w) / (1.0 - w);
        let s = 0.25 * (a * ratio - b / ratio);
        let measured = (u.transpose() * product(&record, "flow", index) * &v)[(0, 0)];
        assert!((measured - s).abs() < 1e-10 * sigma, "t = {}: {measured} against {s}", row.t);
    }
}

#[test]
fn a_balanced_start_follows_the_riccati_solution() {
    let (m, n, h) = (6, 5, 4);
    let y = target(m, n, &[2.0, 1.0], 31);
    let z = gaussian(h, h, 32) * 0.2;
    let start = State::from_factors(&(orthonormal(m, h, 33) * &z), &(orthonormal(n, h, 34) * &z));
    // The formula loses e^{2σ₁t}·‖Z₀‖² in digits, here 1e4 at most.
    let record = Lab::new(3.0, 13).flow("flow", Pair::Dop853, 1e-12).run(&full_observation(y.clone()), &start);
    for (index, row) in find(&record, "flow").rows.iter().enumerate() {
        let exact = riccati(&y.matrix, start.matrix(), row.t);
        let exact = exact.view((0, m), (m, n));
        let deviation = (product(&record, "flow", index) - exact).norm();
        assert!(deviation < 1e-10, "t = {}: {deviation:e}", row.t);
    }
}

/// `ZZᵀ = W(I + Z₀ᵀΦZ₀)^{-1}Wᵀ`, `W = e^{St}Z₀`, `Φ = ∫₀ᵗ e^{2Ss}ds`, by Taylor series with squaring: no decomposition that the crate uses.
fn riccati(y: &Matrix, z0: &Matrix, t: f64) -> Matrix {
    let (m, n) = y.shape();
    let mut s = Matrix::zeros(m + n, m + n);
    s.view_mut((0, m), (m, n)).copy_from(y);
    s.view_mut((m, 0), (n, m)).copy_from(&y.transpose());
    // Φ(2t) = Φ(t) + e^{2St}Φ(t), e^{2St} = (e^{St})².
    let doublings = 12;
    let short = t / f64::from(1 << doublings);
    let identity = Matrix::identity(m + n, m + n);
    let (mut exponential, mut integral) = (identity.clone(), &identity * short);
    let mut term = identity.clone();
    for k in 1..12 {
        term = &term * &s * (2.0 * short / f64::from(k));
        exponential += &term;
        integral += &term * (short / f64::from(k + 1));
    }
    for _ in 0..doublings {
        integral = &integral + &exponential * &integral;
        exponential = &exponential * &exponential;
    }
    // exponential = e^{2St}; ZZᵀ = e^{St}Z₀ K Z₀ᵀe^{St} with e^{St} from half the time.
    let mut half = identity.clone();
    let mut term = identity;
    for k in 1..12 {
        term = &term * &s * (short / f64::from(k));
        half += &term;
    }
    for _ in 0..doublings {
        half = &half * &half;
    }
    let w = half * z0;
    let inner = Matrix::identity(z0.ncols(), z0.ncols()) + z0.transpose() * integral * z0;
    let solved = inner.lu().solve(&w.transpose()).unwrap();
    w * solved
}

#[test]
fn every_flow_conserves_the_imbalance_under_sensing() {
    let instance = sensed(target(8, 7, &[1.0, 0.6], 41), 90, 42);
    let start = small_start(8, 7, 5, 0.3, 43);
    let record = Lab::new(30.0, 31).flow("dop853", Pair::Dop853, 1e-11).flow("dopri5", Pair::Dopri5, 1e-11).run(&instance, &start);
    for name in ["dop853", "dopri5"] {
        let worst = column(&record, name, "imbalance_drift").into_iter().fold(0.0, f64::max);
        assert!(worst < 1e-9, "{name}: {worst:e}");
    }
}

#[test]
fn the_imbalance_of_descent_moves_by_its_exact_law() {
    let instance = sensed(target(8, 7, &[1.0, 0.6], 51), 90, 52);
    let start = small_start(8, 7, 5, 0.3, 53);
    let step = 0.05;
    let record = Lab::new(10.0, 201).descent("gd", step).run(&instance, &start);
    let snapshots = find(&record, "gd").snapshots.as_ref().unwrap();
    let imbalance = |k: usize| snapshots.f[k].transpose() * &snapshots.f[k] - snapshots.g[k].transpose() * &snapshots.g[k];
    for k in 0..200 {
        let (f, g) = (&snapshots.f[k], &snapshots.g[k]);
        let residual: Vec<f64> = instance.data.iter().zip(instance.operator.measure(&(f * g.transpose()))).map(|(y, x)| y - x).collect();
        let n = instance.operator.adjoint(&residual);
        let law = ((&n * g).transpose() * (&n * g) - (n.transpose() * f).transpose() * (n.transpose() * f)) * (step * step);
        let size = f.norm_squared() + g.norm_squared();
        let deviation = (imbalance(k + 1) - imbalance(k) - law).norm();
        assert!(deviation < 1e-14 * size, "step {k}: {deviation:e}");
    }
}

#[test]
fn the_loss_of_a_flow_falls_by_what_it_dissipates() {
    let instance = sensed(target(8, 7, &[1.0, 0.6], 61), 90, 62);
    let start = small_start(8, 7, 5, 0.3, 63);
    let record = Lab::new(30.0, 61).flow("dop853", Pair::Dop853, 1e-11).flow("dopri5", Pair::Dopri5, 1e-11).run(&instance, &start);
    for name in ["dop853", "dopri5"] {
        let worst = column(&record, name, "energy_defect").into_iter().fold(0.0, f64::max);
        assert!(worst < 1e-8, "{name}: {worst:e}");
    }
}
