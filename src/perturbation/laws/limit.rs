//! The constant that leaves the largest error in the limit.

use super::numbers;
use crate::linalg::{Form, Matrix, View, multiply};
use crate::perturbation::{Blocks, Circumstances, Perturbation};
use crate::problem::{Target, gaussian_matrix};
use rand::Rng;

/// The second singular value that the limit's plane may have, in units of `σ_r`: there the nuisance grows a third as fast as the signal, and
/// the limit lasts from the signal's escape until three times that time.
const LARGEST_NUISANCE: f64 = 0.25;

/// `E = [u_r u⊥] [[a, s], [s, −a]] [v_r v⊥]ᵀ`, `a² + s² = 1`: of norm one, at all times; shared form.
///
/// Before modes that `E` alone feeds have grown, a flow towards `Y + bE` rests at its best approximation of rank `r`, which differs from `Y`
/// by at most `2b/√3` to first order in `b`, and by that much for `a = ±1/√3`; to second order the minus leaves more. `u⊥` and `v⊥` are
/// uniform unit vectors orthogonal to the target's column and row space.
///
/// With `β = b/σ_r`, the plane's part of `Y + bE` has the singular values `σ_r(1 − λ)` and `σ_r λ`, where `a = −(λ(1 − λ) + β²)/β`, and its
/// best approximation of rank one is away from `Y` by `σ_r N`, `N = ½(λ + √(λ² + 4q))`, `q = (1 − λ)(β² − λ²)/(1 − 2λ)`. The law maximises
/// `N` over `0 ≤ λ ≤ min(¼, β, 1 − β)`; for `β ≥ 1`, where nothing separates signal from nuisance, `a = −1`: `E` takes the mode away. Where
/// the bound follows the residual, which takes it to zero, `a` is that of `β = 0`.
pub(in crate::perturbation) struct AdversarialLimit {
    matrix: Matrix,
}

impl AdversarialLimit {
    /// For a bound of `relative_bound` in units of `σ_r`; the target has neither full row nor full column rank.
    pub fn new(seed: u64, relative_bound: f64, target: &Target) -> Self {
        let mut rng = numbers(seed, 0, 0);
        let left = weakest_and_beside(&mut rng, &target.left);
        let right = weakest_and_beside(&mut rng, &target.right);
        let a = corner(relative_bound);
        let s = ((1.0 - a) * (1.0 + a)).sqrt();
        let middle = Matrix::from_row_slice(2, 2, &[a, s, s, -a]);
        AdversarialLimit { matrix: multiply(Form::RightTransposed, &multiply(Form::Plain, &left, &middle), &right) }
    }
}

impl Perturbation for AdversarialLimit {
    fn evaluate(&mut self, _circumstances: &Circumstances<'_>, out: &mut Blocks) {
        out.matrices_mut().for_each(|out| out.copy_from(&self.matrix));
    }
}

/// The last column of an orthonormal basis, and a uniform unit vector orthogonal to all of them.
fn weakest_and_beside(rng: &mut impl Rng, basis: &Matrix) -> Matrix {
    let mut beside = gaussian_matrix(rng, basis.nrows(), 1);
    // Twice: what the first leaves in the space by rounding may be large beside a small remainder.
    for _ in 0..2 {
        let inside = multiply(Form::Plain, basis, &multiply(Form::LeftTransposed, basis, &beside));
        beside -= inside;
        let norm = beside.norm();
        beside /= norm;
    }
    let weakest = View::of_columns(basis, basis.ncols().saturating_sub(1), 1).to_matrix();
    Matrix::from_iterator(basis.nrows(), 2, weakest.iter().chain(beside.iter()).copied())
}

/// `a` for a bound of `β = b/σ_r`.
fn corner(beta: f64) -> f64 {
    if beta >= 1.0 {
        return -1.0;
    }
    // x = λ/β, which has a limit at β = 0, where both quotients are infinite.
    let most = 1.0_f64.min(LARGEST_NUISANCE / beta).min((1.0 - beta) / beta);
    let (mut low, mut high) = (0.0, most);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if grows(beta, middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    let x = 0.5 * (low + high);
    (-(x * (1.0 - beta * x) + beta)).clamp(-1.0, 1.0)
}

/// Whether `N` grows with `λ` at `λ = βx`: since `N² − λN − q = 0`, its derivative has the sign of `N + q'(λ)`. Its zero is a simple one,
/// so that `x` is known to rounding errors, as a search for the largest value would not.
fn grows(beta: f64, x: f64) -> bool {
    let gap = 1.0 - 2.0 * beta * x;
    let (weight, room) = ((1.0 - beta * x) / gap, (1.0 - x) * (1.0 + x));
    let error = 0.5 * (x + (x * x + 4.0 * weight * room).sqrt());
    error + beta * room / (gap * gap) > 2.0 * x * weight
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::thin_svd;

    /// What the best approximation of rank one to `diag(1, 0) + βE` leaves, over `β`, by a decomposition.
    fn left(beta: f64, a: f64) -> f64 {
        let s = (1.0 - a * a).max(0.0).sqrt();
        let y = Matrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, 0.0]);
        let svd = thin_svd(&(&y + Matrix::from_row_slice(2, 2, &[a, s, s, -a]) * beta)).unwrap();
        let limit = svd.left.column(0) * svd.right.column(0).transpose() * svd.values[0];
        crate::linalg::operator_norm(&(y - limit)) / beta
    }

    /// The singular values of the plane's part, by a decomposition.
    fn nuisance(beta: f64, a: f64) -> f64 {
        let s = (1.0 - a * a).max(0.0).sqrt();
        let sum = Matrix::from_row_slice(2, 2, &[1.0 + beta * a, beta * s, beta * s, -beta * a]);
        thin_svd(&sum).unwrap().values[1]
    }

    #[test]
    fn no_other_angle_of_either_sign_leaves_more() {
        for beta in [1e-3, 0.01, 0.05, 0.15, 0.3, 0.37, 0.4, 0.5, 0.7, 0.76, 0.9] {
            let own = left(beta, corner(beta));
            assert!(nuisance(beta, corner(beta)) <= LARGEST_NUISANCE * (1.0 + 1e-12), "{beta}");
            for k in 0..=20_000 {
                let a = -1.0 + f64::from(k) * 1e-4;
                if nuisance(beta, a) <= LARGEST_NUISANCE {
                    assert!(left(beta, a) <= own + 1e-12 / beta, "β = {beta}: {} at {a}, {own} at {}", left(beta, a), corner(beta));
                }
            }
        }
    }

    #[test]
    fn the_corner_has_its_limits() {
        assert!((corner(0.0) + 1.0 / 3f64.sqrt()).abs() < 1e-15);
        assert_eq!([corner(1.0), corner(3.0), corner(f64::INFINITY)], [-1.0; 3]);
        // a(β) is smooth up to where the nuisance is limited, and continuous beyond.
        for k in 1..1000 {
            let beta = f64::from(k) * 1e-3;
            assert!((corner(beta) - corner(beta - 1e-3)).abs() < 5e-3, "{beta}");
        }
    }
}
