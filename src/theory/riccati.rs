//! Solutions of the matrix Riccati equations that the flow's products obey.

use super::modes::integrated_decay;
use super::{TheoryError, check_time};
use crate::linalg::{
    DecompositionError, Form, Matrix, SymmetricEigen, View, cholesky, frobenius, frobenius_squared, multiply, multiply_into,
    solve_lower_triangular, symmetric_eigen, thin_qr,
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
    let factor = Riccati::new(target, 1.0)?.factor_at(initial, t)?;
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
    let mut stacked = Matrix::zeros(rows + cols, left.ncols());
    stacked.rows_mut(0, rows).copy_from(left);
    stacked.rows_mut(rows, cols).copy_from(right);
    let factor = Riccati::balanced(target)?.factor_at(&stacked, t)?;
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

/// `U̇ = (X − c UUᵀ)U`, solved up to a rotation on the right: `UUᵀ = e^{Xt}U₀ (I + 2c U₀ᵀΦU₀)⁻¹ U₀ᵀe^{Xt}`.
///
/// Taken at once, the formula breaks down: after the first mode has saturated, `I + 2c U₀ᵀΦU₀` has a condition number of `e^{2λ₁t}`, and
/// the modes that still grow drown in its rounding errors. So the formula is composed with itself over intervals short enough for that matrix to
/// be well conditioned, which is exact because the flow is a semigroup; in the eigenbasis of `X` every mode is then a row that is
/// multiplied by its own `e^{λΔ}`, and keeps its own relative accuracy. Its *coordinates*, `Uᵀ` in that basis (one column a mode), are therefore
/// what is carried from time to time: turning back to `U` mixes the modes' rounding errors.
#[derive(Debug)]
pub(super) struct Riccati {
    eigen: SymmetricEigen,
    coefficient: f64,
}

impl Riccati {
    /// For a symmetric `X` and `c`.
    pub fn new(target: &Matrix, coefficient: f64) -> Result<Self, TheoryError> {
        Ok(Riccati { eigen: symmetric_eigen(target)?, coefficient })
    }

    /// The stacked factors of a balanced flow towards `target` (`m × n`): `X = sym(Y)`, and `sym(FGᵀ) Z = ½ ZZᵀ Z`.
    pub fn balanced(target: &Matrix) -> Result<Self, TheoryError> {
        let (rows, cols) = target.shape();
        let mut lifted = Matrix::zeros(rows + cols, rows + cols);
        lifted.view_mut((0, rows), (rows, cols)).copy_from(target);
        lifted.view_mut((rows, 0), (cols, rows)).copy_from(&target.transpose());
        Riccati::new(&lifted, 0.5)
    }

    /// The coordinates of `U`.
    pub fn coordinates(&self, initial: &Matrix) -> Matrix {
        multiply(Form::LeftTransposed, initial, &self.eigen.vectors)
    }

    /// `U` of coordinates.
    pub fn factor(&self, coordinates: &Matrix) -> Matrix {
        multiply(Form::RightTransposed, &self.eigen.vectors, coordinates)
    }

    /// `U(t)`, up to a rotation.
    fn factor_at(&self, initial: &Matrix, t: f64) -> Result<Matrix, TheoryError> {
        check_time(t)?;
        if !initial.iter().all(|x| x.is_finite()) {
            return Err(DecompositionError::NotFinite.into());
        }
        let mut coordinates = self.coordinates(initial);
        self.advance(&mut coordinates, t)?;
        Ok(self.factor(&coordinates))
    }

    /// Moves coordinates on by `duration`.
    pub fn advance(&self, coordinates: &mut Matrix, duration: f64) -> Result<(), TheoryError> {
        let fastest = self.eigen.values.last().copied().unwrap_or(0.0).max(0.0);
        let mut elapsed = 0.0;
        while elapsed < duration {
            let size = self.coefficient * frobenius_squared(coordinates);
            if !size.is_finite() {
                return Err(DecompositionError::NotFinite.into());
            }
            let rest = duration - elapsed;
            let step = rest.min(longest_step(fastest, size));
            self.advance_briefly(coordinates, step)?;
            elapsed = if rest <= step { duration } else { elapsed + step };
        }
        Ok(())
    }

    /// One interval: coordinates times `(I + 2c U₀ᵀΦU₀)^{-1/2}`, the symmetric root, which is the identity where nothing moves.
    fn advance_briefly(&self, coordinates: &mut Matrix, step: f64) -> Result<(), TheoryError> {
        let width = coordinates.nrows();
        let mut weighted = coordinates.clone();
        for (mode, value) in self.eigen.values.iter().enumerate() {
            let integral = integrated_decay(-2.0 * value, step);
            weighted.column_mut(mode).scale_mut((2.0 * self.coefficient * integral).sqrt());
            coordinates.column_mut(mode).scale_mut((value * step).exp());
        }
        let system = Matrix::identity(width, width) + multiply(Form::RightTransposed, &weighted, &weighted);
        let SymmetricEigen { values, vectors } = symmetric_eigen(&system)?;
        let mut turned = multiply(Form::LeftTransposed, &vectors, &*coordinates);
        for (mut row, value) in turned.row_iter_mut().zip(&values) {
            row /= value.sqrt();
        }
        multiply_into(coordinates, 0, width, 1.0, Form::Plain, View::of(&vectors), View::of(&turned));
        Ok(())
    }
}

/// Keeps the condition number of `I + 2c U₀ᵀΦU₀` below about 100: `λ₁Δ ≤ 1` and `2c‖U₀‖²Δ ≤ 10`.
fn longest_step(fastest: f64, size: f64) -> f64 {
    let growth = if fastest > 0.0 { 1.0 / fastest } else { f64::INFINITY };
    let saturation = if size > 0.0 { 5.0 / size } else { f64::INFINITY };
    growth.min(saturation)
}
