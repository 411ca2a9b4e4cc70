//! Single modes of the flow in closed form.

/// One balanced mode, `ṡ = 2s(σ − s)`, `s(0) = s₀ ≥ 0`, at `t ≥ 0`:
///
/// `s(t) = σ e^{2σt}/(e^{2σt} − 1 + σ/s₀) = s₀ / (e^{−2σt} + s₀ (1 − e^{−2σt})/σ)`.
///
/// Evaluated in the second arrangement, whose two terms are positive for σ > 0: no cancellation, no overflow at any time, full relative
/// accuracy at any `s₀` (up to the condition `2σt·ε` of the exponential itself). σ may be zero or negative (the mode then decays).
///
/// With spectral initialisation `F₀ = U_Y diag(√s₀) Qᵀ, G₀ = V_Y diag(√s₀) Qᵀ` every mode of `FGᵀ` follows this, each with its own σ
/// and `s₀`. (THEORY 3.2.)
///
/// ```
/// use pgflow::theory::balanced_mode;
/// assert_eq!(balanced_mode(2.0, 0.5, 0.0), 0.5);
/// assert_eq!(balanced_mode(2.0, 1e-20, 1e6), 2.0);
/// ```
pub fn balanced_mode(sigma: f64, initial: f64, t: f64) -> f64 {
    if initial == 0.0 {
        return 0.0;
    }
    let rate = 2.0 * sigma;
    initial / ((-rate * t).exp() + initial * 2.0 * integrated_decay(rate, t))
}

/// `∫₀ᵗ e^{−rate·s} ds = (1 − e^{−rate·t})/rate`, `t` for a rate of zero.
pub(super) fn integrated_decay(rate: f64, t: f64) -> f64 {
    if rate == 0.0 { t } else { -(-rate * t).exp_m1() / rate }
}

/// One mode of any width and any imbalance: with `F = u fᵀ`, `G = v gᵀ` (u, v the singular vectors of σ; `f, g ∈ R^h`) the value
/// `s(t) = ⟨f, g⟩` at `t ≥ 0`, from `sum = ‖f₀ + g₀‖²` and `difference = ‖f₀ − g₀‖²`.
///
/// With `a = sum`, `b = difference`, `D = √(4σ² + ab)`: `s = ¼(a y − b/y)`, where `y = exp 2∫(σ − s)` solves
/// `ẏ = 2σy + b/2 − ay²/2`, `y(0) = 1`. The solution `y = n/d` of this Riccati equation is evaluated as
///
/// `n = 1 + e^{−Dt} + φ (2σ + b)`, `d = 2e^{−Dt} + φ (a + ab/(D + 2σ))`, `φ = (1 − e^{−Dt})/D`,
///
/// whose terms are nonnegative for σ ≥ 0, also where the form with the roots `y± = (2σ ± D)/a` cancels (tiny a, b). A negative σ
/// is the mirror image `s(σ, a, b) = −s(−σ, b, a)`. Absolute error: a few `ε` times `¼(a y + b/y)`, what the two parts of `s` amount to.
/// (THEORY 3.3.)
pub fn imbalanced_mode(sigma: f64, sum: f64, difference: f64, t: f64) -> f64 {
    if sigma < 0.0 {
        return -imbalanced_mode(-sigma, difference, sum, t);
    }
    let (a, b) = (sum, difference);
    let (numerator, denominator) = growth_fraction(sigma, a, b, t);
    // Without a sum (a = 0) the denominator underflows in the end, while the first part stays zero.
    let first = if a == 0.0 { 0.0 } else { a * (numerator / denominator) };
    0.25 * (first - b * (denominator / numerator))
}

/// `y(t) = exp 2∫₀ᵗ (σ − s)` of [`imbalanced_mode`]: `f + g` is `√y` times, `f − g` is `1/√y` times what it was at `t = 0`. Infinite where it overflows,
/// which it does in the end if `sum` is zero.
pub fn imbalanced_growth(sigma: f64, sum: f64, difference: f64, t: f64) -> f64 {
    if sigma < 0.0 {
        return imbalanced_growth(-sigma, difference, sum, t).recip();
    }
    let (numerator, denominator) = growth_fraction(sigma, sum, difference, t);
    numerator / denominator
}

/// `y` as a fraction, for `σ ≥ 0`.
fn growth_fraction(sigma: f64, a: f64, b: f64, t: f64) -> (f64, f64) {
    let frequency = (2.0 * sigma).hypot(a.sqrt() * b.sqrt());
    let decay = (-frequency * t).exp();
    let growth = integrated_decay(frequency, t);
    let gap = if frequency > 0.0 { a * (b / (frequency + 2.0 * sigma)) } else { 0.0 };
    (1.0 + decay + growth * (2.0 * sigma + b), 2.0 * decay + growth * (a + gap))
}
