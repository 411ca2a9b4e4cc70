//! Solutions of the matrix Riccati equations that the flow's products obey.

use super::modes::integrated_decay;
use super::{TheoryError, check_time};
use crate::linalg::{
    DecompositionError, Form, Matrix, View, cholesky, frobenius, frobenius_squared, multiply, solve_lower_triangular, symmetric_eigen,
    thin_qr,
};

/// `UUᵀ` at time `t` of `U̇ = (X − UUᵀ)U`, `U(0) = U₀`, for any symmetric `X` (`n × n`) and any `U₀` (`n × k`):
///
/// `UUᵀ = W (I + 2U₀ᵀΦU₀)⁻¹ Wᵀ`, `W = e^{Xt}U₀`, `Φ = ∫₀ᵗ e^{2Xs} ds`.
///
/// The result has an error of some `ε·(1 + ‖X‖t)` relative to its norm, at any time and initial size: see the module's source for how.
/// (THEORY 3.4.)
///
/// # Errors
/// Shapes that do not fit, a matrix that is not finite, a negative time.
pub fn symmetric_product(target: &Matrix, initial: &Matrix, t: f64) -> Result<Matrix, TheoryError> {
    let n = initial.nrows();
    if target.shape() != (n, n) {
        return Err(TheoryError::Shape { what: "the target", found: target.shape(), expected: (n, n) });
    }
    let factor = riccati_factor(target, initial, 1.0, t)?;
    Ok(multiply(Form::RightTransposed, &factor, &factor))
}

/// `FGᵀ` at time `t` of the flow `Ḟ = (Y − FGᵀ)G, Ġ = (Y − FGᵀ)ᵀF` from balanced factors (`F₀ᵀF₀ = G₀ᵀG₀`):
///
/// `ZZᵀ = W (I + Z₀ᵀΦZ₀)⁻¹ Wᵀ`, `W = e^{St}Z₀`, `Φ = ∫₀ᵗ e^{2Ss} ds`, `S = sym(Y)`, `Z = [F; G]`; `FGᵀ` is the (1,2) block.
///
/// Accuracy as in [`symmetric_product`]. (THEORY 3.4.)
///
/// # Errors
/// Shapes that do not fit, a matrix that is not finite, a negative time, or factors that are not balanced.
pub fn balanced_product(target: &Matrix, left: &Matrix, right: &Matrix, t: f64) -> Result<Matrix, TheoryError> {
    let (rows, cols) = target.shape();
    if left.nrows() != rows {
        return Err(TheoryError::Shape { what: "F₀", found: left.shape(), expected: (rows, left.ncols()) });
    }
    if right.shape() != (cols, left.ncols()) {
        return Err(TheoryError::Shape { what: "G₀", found: right.shape(), expected: (cols, left.ncols()) });
    }
    let imbalance = frobenius(&(multiply(Form::LeftTransposed, left, left) - multiply(Form::LeftTransposed, right, right)));
    let allowed = 1e-10 * (frobenius_squared(left) + frobenius_squared(right));
    if imbalance > allowed {
        return Err(TheoryError::NotBalanced { imbalance, allowed });
    }
    let mut lifted = Matrix::zeros(rows + cols, rows + cols);
    lifted.view_mut((0, rows), (rows, cols)).copy_from(target);
    lifted.view_mut((rows, 0), (cols, rows)).copy_from(&target.transpose());
    let mut stacked = Matrix::zeros(rows + cols, left.ncols());
    stacked.rows_mut(0, rows).copy_from(left);
    stacked.rows_mut(rows, cols).copy_from(right);
    // Balanced: sym(FGᵀ) Z = ½ ZZᵀ Z.
    let factor = riccati_factor(&lifted, &stacked, 0.5, t)?;
    Ok(multiply(Form::RightTransposed, View::of_rows(&factor, 0, rows), View::of_rows(&factor, rows, cols)))
}

/// `ppᵀ` (`r × r`) at time `t` of the signal block `ṗ = (Σ − ppᵀ)p`, `p(0) = p₀` (`r × h`) with independent rows:
///
/// `(ppᵀ)⁻¹(t) = e^{−Σt}(p₀p₀ᵀ)⁻¹e^{−Σt} + Σ⁻¹(I − e^{−2Σt})`.
///
/// `p = ½(U_YᵀF + V_YᵀG)` obeys this equation as long as its decaying partner `q` is negligible: small or balanced, aligned initial
/// factors. (THEORY 3.4.)
///
/// # Errors
/// Shapes that do not fit, singular values that are not positive, dependent rows of `p₀`, a negative time, sizes whose inverse square
/// overflows (`‖p₀‖` below 1e-150).
pub fn signal_block(singular_values: &[f64], initial: &Matrix, t: f64) -> Result<Matrix, TheoryError> {
    check_time(t)?;
    let modes = singular_values.len();
    if initial.nrows() != modes {
        return Err(TheoryError::Shape { what: "p₀", found: initial.shape(), expected: (modes, initial.ncols()) });
    }
    if let Some(&value) = singular_values.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
        return Err(TheoryError::SingularValue { value });
    }
    // p₀p₀ᵀ = RᵀR: the inverse from R keeps twice the digits that the Gram matrix has.
    let (_, r) = thin_qr(&initial.transpose());
    let smallest_pivot = f64::EPSILON * (modes + initial.ncols()) as f64 * frobenius(&r);
    if r.nrows() < modes || (0..modes).any(|i| r[(i, i)].abs() <= smallest_pivot) {
        return Err(TheoryError::DeficientSignal { modes });
    }
    let mut decayed = Matrix::from_fn(modes, modes, |i, j| if i == j { (-singular_values[i] * t).exp() } else { 0.0 });
    solve_lower_triangular(&r.transpose(), &mut decayed);
    let mut inverse = multiply(Form::LeftTransposed, &decayed, &decayed);
    for (i, sigma) in singular_values.iter().enumerate() {
        inverse[(i, i)] += 2.0 * integrated_decay(2.0 * sigma, t);
    }
    let lower = cholesky(&inverse)?;
    let mut inverse_lower = Matrix::identity(modes, modes);
    solve_lower_triangular(&lower, &mut inverse_lower);
    Ok(multiply(Form::LeftTransposed, &inverse_lower, &inverse_lower))
}

/// A matrix `U` with `UUᵀ = e^{Xt}U₀ (I + 2c U₀ᵀΦU₀)⁻¹ U₀ᵀe^{Xt}`: a square root of the solution of `U̇ = (X − c UUᵀ)U`.
///
/// Taken at once, the formula breaks down: after the first mode has saturated, `I + 2c U₀ᵀΦU₀` has a condition number of `e^{2λ₁t}`, and
/// the modes that still grow drown in its rounding errors. So the formula is composed with itself over intervals short enough for that matrix to
/// be well conditioned, which is exact because the flow is a semigroup; in the eigenbasis of `X` every mode is then a row that is
/// multiplied by its own `e^{λΔ}`, and keeps its own relative accuracy.
fn riccati_factor(target: &Matrix, initial: &Matrix, coefficient: f64, t: f64) -> Result<Matrix, TheoryError> {
    check_time(t)?;
    if !initial.iter().all(|x| x.is_finite()) {
        return Err(DecompositionError::NotFinite.into());
    }
    let eigen = symmetric_eigen(target)?;
    // The transpose of the factor in the eigenbasis: one column a mode.
    let mut factor = multiply(Form::LeftTransposed, initial, &eigen.vectors);
    let fastest = eigen.values.last().copied().unwrap_or(0.0).max(0.0);
    let mut elapsed = 0.0;
    while elapsed < t {
        let size = coefficient * frobenius_squared(&factor);
        if !size.is_finite() {
            return Err(DecompositionError::NotFinite.into());
        }
        let step = (t - elapsed).min(longest_step(fastest, size));
        advance(&mut factor, &eigen.values, coefficient, step)?;
        elapsed = if t - elapsed <= step { t } else { elapsed + step };
    }
    Ok(multiply(Form::RightTransposed, &eigen.vectors, &factor))
}

/// Keeps the condition number of `I + 2c U₀ᵀΦU₀` below about 100: `λ₁Δ ≤ 1` and `2c‖U₀‖²Δ ≤ 10`.
fn longest_step(fastest: f64, size: f64) -> f64 {
    let growth = if fastest > 0.0 { 1.0 / fastest } else { f64::INFINITY };
    let saturation = if size > 0.0 { 5.0 / size } else { f64::INFINITY };
    growth.min(saturation)
}

fn advance(factor: &mut Matrix, values: &[f64], coefficient: f64, step: f64) -> Result<(), TheoryError> {
    let width = factor.nrows();
    let mut weighted = factor.clone();
    for (mode, value) in values.iter().enumerate() {
        let integral = integrated_decay(-2.0 * value, step);
        weighted.column_mut(mode).scale_mut((2.0 * coefficient * integral).sqrt());
        factor.column_mut(mode).scale_mut((value * step).exp());
    }
    let system = Matrix::identity(width, width) + multiply(Form::RightTransposed, &weighted, &weighted);
    solve_lower_triangular(&cholesky(&system)?, factor);
    Ok(())
}
