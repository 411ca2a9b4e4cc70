//! How far a disturbed trajectory can be from the reference flow, from what was measured along both.
//!
//! Reference `Ż_r = −∇f(Z_r)`, other `Ż = −∇f(Z) + g`, `δ = Z − Z_r`. With `H = ∇²f(Z_r)`, J the Jacobian of `A(FGᵀ)` at `Z_r` and
//! `Q = A(δF δGᵀ)`:
//!
//! `⟨δ, ∇f(Z_r + δ) − ∇f(Z_r)⟩ = δᵀHδ + 3⟨Jδ, Q⟩ + 2‖Q‖²`,
//!
//! and `−3⟨Jδ, Q⟩ − 2‖Q‖²` is at most `(9/8)‖Jδ‖²` (complete the square) and at most `3‖Jδ‖‖Q‖ ≤ (3/2)√(λ_GN λ_A)‖δ‖³`, hence
//!
//! `d‖δ‖/dt ≤ (−λ_min(H) + min((3/2)√(λ_GN λ_A)‖δ‖, (9/8)λ_GN)) ‖δ‖ + ‖g‖`,  `λ_GN = λ_max(JᵀJ)`, `λ_A = ‖A*A‖`.
//!
//! The derivation, and where the bound is vacuous, are in `docs/bounds.md`. (THEORY 3.13.)

use super::Envelope;

/// The bound on `‖δ‖_F` at the beginning and at the end of every interval (one number more than there are intervals), from
/// `initial ≥ ‖δ(0)‖_F`: the exact solution of the differential inequality with equality, interval by interval.
///
/// What overflows, and everything after a quantity that is not a number, is `+∞`.
pub fn deviation_bound(initial: f64, envelopes: &[Envelope]) -> Vec<f64> {
    accumulate(initial, envelopes, advance)
}

/// The same without the quadratic terms, `u̇ = −λ_min u + ‖g‖`: what linearisation about the reference predicts at most. **A heuristic, no bound**: it
/// neglects terms of order `‖δ‖²`.
pub fn first_order_estimate(initial: f64, envelopes: &[Envelope]) -> Vec<f64> {
    accumulate(initial, envelopes, |u, e| linear(-e.curvature_min, e.defect, u, e.duration))
}

fn accumulate(initial: f64, envelopes: &[Envelope], advance: impl Fn(f64, &Envelope) -> f64) -> Vec<f64> {
    let mut values = vec![if initial.is_nan() { f64::INFINITY } else { initial }];
    let mut current = values[0];
    for envelope in envelopes {
        let next = if current.is_finite() && is_usable(envelope) { advance(current, envelope) } else { f64::INFINITY };
        current = if next.is_nan() { f64::INFINITY } else { next.max(0.0) };
        values.push(current);
    }
    values
}

fn is_usable(e: &Envelope) -> bool {
    let sizes = [e.duration, e.gauss_newton, e.normal, e.defect];
    e.curvature_min.is_finite() && sizes.iter().all(|x| x.is_finite() && *x >= 0.0)
}

/// A bound on `‖FGᵀ − F'G'ᵀ‖_F` from one on `‖δ‖_F` and the reference's `σ₁(F)`, `σ₁(G)`:
///
/// `‖δF Gᵀ + F δGᵀ + δF δGᵀ‖_F ≤ σ₁(G)‖δF‖ + σ₁(F)‖δG‖ + ‖δF‖‖δG‖ ≤ √(σ₁(F)² + σ₁(G)²) ‖δ‖ + ½‖δ‖²`,
///
/// by Cauchy–Schwarz and `2‖δF‖‖δG‖ ≤ ‖δF‖² + ‖δG‖² = ‖δ‖²`.
pub fn product_bound(left_norm: f64, right_norm: f64, deviation: f64) -> f64 {
    if deviation.is_infinite() { f64::INFINITY } else { left_norm.hypot(right_norm) * deviation + 0.5 * deviation * deviation }
}

/// `u(τ)` of `u̇ = a u + min(b u, c) u + g`, `a = −λ_min`, `b = (3/2)√(λ_GN λ_A)`, `c = (9/8)λ_GN`.
///
/// Below the threshold `c/b` it is a Riccati equation, above it is linear. The right-hand side is continuous and does not depend on time, so that `u` is
/// monotone and crosses the threshold at most once, at a time that is known in closed form.
fn advance(u: f64, envelope: &Envelope) -> f64 {
    let (a, g, tau) = (-envelope.curvature_min, envelope.defect, envelope.duration);
    let b = 1.5 * envelope.gauss_newton.sqrt() * envelope.normal.sqrt();
    let c = 1.125 * envelope.gauss_newton;
    if b == 0.0 {
        return linear(a, g, u, tau);
    }
    let threshold = c / b;
    let rate_there = (a + c) * threshold + g;
    if u > threshold || (u == threshold && rate_there > 0.0) {
        let time = linear_time(a + c, g, u, threshold);
        return if time >= tau { linear(a + c, g, u, tau) } else { Riccati { a, b, g }.value(threshold, tau - time) };
    }
    let riccati = Riccati { a, b, g };
    let time = riccati.time(u, threshold);
    if time >= tau { riccati.value(u, tau) } else { linear(a + c, g, threshold, tau - time) }
}

/// `u(τ)` of `u̇ = k u + g`.
fn linear(k: f64, g: f64, u: f64, tau: f64) -> f64 {
    let integral = if k == 0.0 { tau } else { (k * tau).exp_m1() / k };
    let grown = if u == 0.0 { 0.0 } else { u * (k * tau).exp() };
    grown + if g == 0.0 { 0.0 } else { g * integral }
}

/// The time at which `u̇ = k u + g` has fallen from `u` to `level < u`; infinite if it never does.
fn linear_time(k: f64, g: f64, u: f64, level: f64) -> f64 {
    let (here, there) = (k * u + g, k * level + g);
    if here >= 0.0 || there >= 0.0 {
        return f64::INFINITY;
    }
    if k == 0.0 { (level - u) / g } else { (k * (level - u) / here).ln_1p() / k }
}

/// `u̇ = b u² + a u + g` with `b > 0`, `g ≥ 0`.
///
/// With `D = a²/4 − bg`, `ω = √|D|` and `p = 1 + a/2ω`, `m = 1 − a/2ω` (`pm = −bg/ω²`, which gives the smaller one without cancellation) the solution for
/// `D > 0` is, `e = exp(−2ωτ)`,
///
/// `u(τ) = [u₀(p + em) + g(1−e)/ω] / [m + ep − b u₀(1−e)/ω]`.
struct Riccati {
    a: f64,
    b: f64,
    g: f64,
}

/// Where a Riccati equation stands between real and complex equilibria.
enum Kind {
    Real { omega: f64, p: f64, m: f64 },
    Double,
    Complex { omega: f64 },
}

impl Riccati {
    /// `Double` where `ω time` is so small that the limit `ω → 0` is exact to round-off.
    fn kind(&self, time: f64) -> Kind {
        let half = 0.5 * self.a;
        let product = self.b.sqrt() * self.g.sqrt();
        // a²/4 − bg without the squares' rounding where the two are close.
        let discriminant = (half.abs() - product) * (half.abs() + product);
        let omega = discriminant.abs().sqrt();
        if omega * time < 1e-8 {
            Kind::Double
        } else if discriminant < 0.0 {
            Kind::Complex { omega }
        } else {
            let large = 1.0 + half.abs() / omega;
            let small = -(product / omega).powi(2) / large;
            let (p, m) = if self.a >= 0.0 { (large, small) } else { (small, large) };
            Kind::Real { omega, p, m }
        }
    }

    /// `u(τ)`, for τ before the solution's pole.
    fn value(&self, u: f64, tau: f64) -> f64 {
        let Riccati { a, b, g } = *self;
        let (numerator, denominator) = match self.kind(tau) {
            Kind::Double => (u + tau * (0.5 * a * u + g), 1.0 - tau * (b * u + 0.5 * a)),
            Kind::Complex { omega } => {
                let (sine, cosine) = (omega * tau).sin_cos();
                let s = sine / omega;
                (cosine * u + s * (0.5 * a * u + g), cosine - s * (b * u + 0.5 * a))
            }
            Kind::Real { omega, p, m } => {
                let e = (-2.0 * omega * tau).exp();
                let s = -(-2.0 * omega * tau).exp_m1() / omega;
                (u * (p + e * m) + g * s, m + e * p - b * u * s)
            }
        };
        if denominator > 0.0 { numerator / denominator } else { f64::INFINITY }
    }

    /// The time at which the solution has risen from `u` to `level ≥ u`; infinite if it never does.
    fn time(&self, u: f64, level: f64) -> f64 {
        let Riccati { a, b, g } = *self;
        let rise = level - u;
        let along = 0.5 * a * (u + level) + g + b * u * level;
        // The first-order time decides which case is exact; where it is infinite, so is the case's.
        match self.kind(if along > 0.0 { rise / along } else { f64::INFINITY }) {
            Kind::Double => rise / along,
            Kind::Complex { omega } => (omega * rise).atan2(along) / omega,
            Kind::Real { omega, p, m } => {
                let low = omega * (p * u - m * level) + g + b * u * level;
                if low > 0.0 { (2.0 * omega * rise / low).ln_1p() / (2.0 * omega) } else { f64::INFINITY }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use rand::RngExt;

    fn envelope(curvature_min: f64, gauss_newton: f64, normal: f64, defect: f64, duration: f64) -> Envelope {
        Envelope { duration, curvature_min, gauss_newton, normal, defect }
    }

    /// The inequality's right-hand side by a fixed-step method, with steps far below its time scales.
    fn integrated(u: f64, e: &Envelope) -> f64 {
        let rate = |u: f64| (-e.curvature_min + (1.5 * (e.gauss_newton * e.normal).sqrt() * u).min(1.125 * e.gauss_newton)) * u + e.defect;
        let steps = 20_000;
        let h = e.duration / f64::from(steps);
        let mut u = u;
        for _ in 0..steps {
            let k1 = rate(u);
            let k2 = rate(u + 0.5 * h * k1);
            let k3 = rate(u + 0.5 * h * k2);
            let k4 = rate(u + h * k3);
            u += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
        }
        u
    }

    #[test]
    fn every_regime_agrees_with_numerical_integration() {
        let mut rng = stream(3, Purpose::Rip, 0);
        let mut crossings = [0; 2];
        for _ in 0..800 {
            let size = |rng: &mut rand::rngs::ChaCha8Rng| 10f64.powf(rng.random::<f64>() * 4.0 - 3.0);
            let sign = if rng.random::<f64>() < 0.5 { -1.0 } else { 1.0 };
            // Strong curvature brings large deviations down to the threshold.
            let curvature = if sign > 0.0 { 2.0 * size(&mut rng) } else { -size(&mut rng) };
            let e = envelope(curvature, size(&mut rng), size(&mut rng), size(&mut rng), 2.0 * rng.random::<f64>());
            let start = 3.0 * size(&mut rng);
            let (found, expected) = (advance(start, &e), integrated(start, &e));
            // The kink of the right-hand side leaves the fixed-step method with an error of second order in its step of 1e-4.
            assert!((found / expected - 1.0).abs() < 1e-6, "{e:?} from {start}: {found} against {expected}");
            let threshold = 0.75 * (e.gauss_newton / e.normal).sqrt();
            crossings[0] += i32::from(start < threshold && found > threshold);
            crossings[1] += i32::from(start > threshold && found < threshold);
        }
        assert!(crossings[0] > 10 && crossings[1] > 10, "both crossings occur: {crossings:?}");
    }

    #[test]
    fn splitting_an_interval_changes_nothing() {
        let mut rng = stream(3, Purpose::Rip, 1);
        for _ in 0..300 {
            let mut number = |low: f64, high: f64| 10f64.powf(low + (high - low) * rng.random::<f64>());
            let whole = envelope(number(-2.0, 0.5) - 1.0, number(-3.0, 1.0), number(0.0, 1.0), number(-12.0, 0.0), number(-1.0, 1.0));
            let start = number(-12.0, 0.0);
            let part = Envelope { duration: whole.duration / 7.0, ..whole };
            let once = deviation_bound(start, &[whole])[1];
            let often = *deviation_bound(start, &[part; 7]).last().unwrap();
            assert!((once / often - 1.0).abs() < 1e-11, "{whole:?} from {start}: {once} against {often}");
        }
    }

    #[test]
    fn tiny_deviations_keep_their_digits_through_a_long_growth() {
        // Growth by e^40, far below the threshold: linear to a relative 1e-12 or so.
        let e = envelope(-1.0, 1.0, 1.0, 0.0, 40.0);
        let grown = advance(1e-32, &e);
        assert!((grown / (1e-32 * 40f64.exp()) - 1.0).abs() < 1e-13, "{grown}");
        // The exact solution of u̇ = u + 1.5u² is u₀eᵗ/(1 − 1.5u₀(eᵗ − 1)).
        let exact = 1e-18 * 40f64.exp() / (1.0 - 1.5e-18 * 40f64.exp_m1());
        assert!((advance(1e-18, &e) / exact - 1.0).abs() < 1e-13);
    }

    #[test]
    fn the_linear_cases() {
        assert_eq!(advance(2.0, &envelope(0.0, 0.0, 5.0, 3.0, 4.0)), 14.0);
        let decayed = advance(1.0, &envelope(2.0, 0.0, 1.0, 0.0, 3.0));
        assert!((decayed - (-6.0_f64).exp()).abs() < 1e-16);
        let estimate = first_order_estimate(0.0, &[envelope(-1.0, 9.0, 9.0, 1.0, 1.0)]);
        assert!((estimate[1] - 1f64.exp_m1()).abs() < 1e-15);
        assert_eq!(deviation_bound(0.0, &[envelope(-1.0, 2.0, 1.0, 0.0, 5.0)]), [0.0, 0.0]);
    }

    #[test]
    fn what_cannot_be_bounded_is_infinite() {
        let fine = envelope(1.0, 1.0, 1.0, 1.0, 1.0);
        assert_eq!(deviation_bound(1.0, &[envelope(-800.0, 1.0, 1.0, 0.0, 1.0), fine])[1..], [f64::INFINITY; 2]);
        for bad in
            [Envelope { defect: f64::NAN, ..fine }, Envelope { curvature_min: f64::NAN, ..fine }, Envelope { gauss_newton: -1.0, ..fine }]
        {
            let bound = deviation_bound(0.5, &[fine, bad, fine]);
            assert!(bound[1].is_finite() && bound[2..] == [f64::INFINITY; 2], "{bound:?}");
        }
        assert_eq!(deviation_bound(f64::NAN, &[]), [f64::INFINITY]);
        assert_eq!(product_bound(1.0, 1.0, f64::INFINITY), f64::INFINITY);
    }
}
