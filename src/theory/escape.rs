//! When modes escape from a small initialisation: `σ_r(FGᵀ)` reaches `σ_r/2`.

use crate::dynamics::State;
use crate::linalg::{Form, Matrix, View, multiply, singular_values, thin_qr};
use crate::problem::Target;

/// Time at which a mode `ṡ = 2·rate·s(1 − s/σ)` with `s(0) = s₀` reaches `σ/2`: `ln(σ/s₀ − 1)/(2·rate)`; 0 if it begins above, infinite for
/// `s₀ = 0`.
///
/// The flow has `rate = σ`; for gradient descent of step η take [`descent_rate`]`(σ, η)`, and `k = t/η` steps. (THEORY 3.9.)
///
/// ```
/// use pgflow::theory::{descent_rate, escape_time};
/// let flow = escape_time(1.0, 1.0, 1e-20);
/// let descent = escape_time(descent_rate(1.0, 0.1), 1.0, 1e-20);
/// assert!((flow - 23.026).abs() < 1e-3 && descent > flow);
/// ```
pub fn escape_time(rate: f64, sigma: f64, initial: f64) -> f64 {
    if initial >= 0.5 * sigma {
        return 0.0;
    }
    let excess = (sigma - 2.0 * initial) / initial;
    let logarithm = if excess.is_finite() || initial == 0.0 { excess.ln_1p() } else { sigma.ln() - initial.ln() };
    logarithm / (2.0 * rate)
}

/// `ln(1 + ησ)/η`: the rate at which gradient descent of step η grows a mode of the target, in place of the flow's σ. (THEORY 3.9.)
pub fn descent_rate(sigma: f64, step: f64) -> f64 {
    (step * sigma).ln_1p() / step
}

/// `ln(2σ/(hα²))/(2·rate)`: the escape time from factors with entries `N(0, α²)`, before they are drawn; 0 if that is negative. It is
/// [`escape_time`] at the mean initial size `hα²/2` with the `−1` dropped. (THEORY 3.9.)
pub fn gaussian_escape_time(rate: f64, sigma: f64, width: usize, scale: f64) -> f64 {
    let logarithm = (2.0 * sigma).ln() - (width as f64).ln() - 2.0 * scale.ln();
    logarithm.max(0.0) / (2.0 * rate)
}

/// The growing signal `p = ½(U_YᵀF + V_YᵀG)`, `r × h`. (THEORY 2.1.)
///
/// # Panics
/// If the state's shape is not that of the target.
pub fn signal(target: &Target, state: &State) -> Matrix {
    let left = multiply(Form::LeftTransposed, &target.left, state.left());
    (left + multiply(Form::LeftTransposed, &target.right, state.right())) * 0.5
}

/// The `s₀` with which the last mode of a signal block `p₀` (`r × h`) follows the closed form of one mode: `1/[(p₀p₀ᵀ)⁻¹]_rr`, the squared
/// distance of its last row from the span of the others. Where the last `multiplicity` singular values of the target are equal, the slowest
/// combination of theirs: the inverse of the largest eigenvalue of the last block of `(p₀p₀ᵀ)⁻¹`. Zero if the rows are dependent.
///
/// From a QR decomposition of `p₀ᵀ`, without the inverse: no digits are lost to squaring. NaN if `p₀` is not finite. (THEORY 3.4.)
///
/// # Panics
/// If `multiplicity` is zero or exceeds the number of rows.
pub fn effective_initial_size(initial: &Matrix, multiplicity: usize) -> f64 {
    let modes = initial.nrows();
    assert!((1..=modes).contains(&multiplicity), "multiplicity {multiplicity} of {modes} modes");
    if initial.ncols() < modes {
        return 0.0;
    }
    let (_, r) = thin_qr(&initial.transpose());
    let first = modes - multiplicity;
    let last_block = r.view((first, first), (multiplicity, multiplicity)).into_owned();
    match singular_values(View::of(&last_block)) {
        Ok(values) => values.last().map_or(0.0, |smallest| smallest * smallest),
        Err(_) => f64::NAN,
    }
}

/// Predicted time at which `σ_r(FGᵀ)` reaches `σ_r(Y)/2` from an initial state: [`escape_time`] of the last mode with the
/// [`effective_initial_size`] of its signal. `step` is that of a gradient descent, `None` for the flow. `None` for a target of rank zero.
///
/// For full observation and small factors it is exact up to what the decaying part `q` contributes (measured: 0.4 % at α = 1e-2, 0.01 % at
/// 1e-4); under sensing it is a rough guide (±12 %). (THEORY 3.9.)
///
/// # Panics
/// If the state's shape is not that of the target.
pub fn predicted_escape_time(target: &Target, initial: &State, step: Option<f64>) -> Option<f64> {
    let sigma = *target.values.last()?;
    let multiplicity = target.values.iter().filter(|value| **value <= sigma * (1.0 + 1e-9)).count();
    let size = effective_initial_size(&signal(target, initial), multiplicity);
    Some(escape_time(step.map_or(sigma, |step| descent_rate(sigma, step)), sigma, size))
}
