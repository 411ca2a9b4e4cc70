//! The worst direction at every moment.

use crate::config::Against;
use crate::dynamics::State;
use crate::linalg::{DecompositionError, Form, Matrix, ThinSvd, View, multiply, multiply_into, symmetrise, thin_svd, thin_svd_of_product};
use crate::perturbation::{Blocks, Circumstances, Perturbation};
use crate::problem::Target;

/// `E = −√(1+ε²) Σ s_i/√(s_i² + ε²s₁²) u_i v_iᵀ`, the smoothed negative polar factor of `H = Σ s_i u_i v_iᵀ`; shared form (THEORY 3.12). Of norm one exactly;
/// of all matrices of that norm it maximises `⟨−H, E⟩` up to `min(m,n)·ε·s₁`. `E = 0` if `H = 0`.
///
/// - Against the residual, `H = RGGᵀ + FFᵀR`: `d/dt ½‖R‖_F²` is `−⟨H, E⟩` plus what does not depend on `E`.
/// - Against the weakest mode, `H = (U_Yu)(Gv)ᵀ + (Fv)(V_Yu)ᵀ` with `(u, v)` the `r`-th singular pair of `p = ½(U_YᵀF + V_YᵀG)`: `d/dt σ_r(p)` is `½⟨H, E⟩` plus
///   what does not depend on `E`.
///
/// In the symmetric model the same formulas with `F = G = U`, `V_Y = U_Y` hold, `H` is symmetric and so is its polar factor.
///
/// `H` is decomposed from its factors, so that directions it does not have stay out of `E`. Allocates in that decomposition. Without a residual among the
/// circumstances it writes NaN.
pub(in crate::perturbation) struct Adversarial {
    against: Against,
    smoothing: f64,
    /// `U_Y`, `V_Y`
    sides: [Matrix; 2],
}

impl Adversarial {
    /// An adversary of the recovery of a target.
    pub fn new(against: Against, smoothing: f64, target: &Target) -> Self {
        Adversarial { against, smoothing, sides: [target.left.clone(), target.right.clone()] }
    }

    /// The singular value decomposition of `H`.
    fn decompose(&self, state: &State, residual: &Matrix) -> Result<ThinSvd, DecompositionError> {
        let (f, g, r) = (state.left(), state.right(), View::of(residual));
        let [left, right] = match self.against {
            Against::Residual => {
                let (rg, rtf) = (multiply(Form::Plain, r, g), multiply(Form::LeftTransposed, r, f));
                [beside(&rg, &f.to_matrix()), beside(&g.to_matrix(), &rtf)]
            }
            Against::WeakestMode => {
                let [u_y, v_y] = &self.sides;
                let p = (multiply(Form::LeftTransposed, u_y, f) + multiply(Form::LeftTransposed, v_y, g)) * 0.5;
                let svd = thin_svd(&p)?;
                let last = svd.values.len().saturating_sub(1);
                let (u, v) = (View::of_columns(&svd.left, last, 1), View::of_columns(&svd.right, last, 1));
                let along = |a: View<'_>, x| multiply(Form::Plain, a, x);
                [beside(&along(View::of(u_y), u), &along(f, v)), beside(&along(g, v), &along(View::of(v_y), u))]
            }
        };
        thin_svd_of_product(&left, &right)
    }
}

/// `[A, B]`
fn beside(a: &Matrix, b: &Matrix) -> Matrix {
    Matrix::from_iterator(a.nrows(), a.ncols() + b.ncols(), a.iter().chain(b.iter()).copied())
}

impl Perturbation for Adversarial {
    fn evaluate(&mut self, circumstances: &Circumstances<'_>, out: &mut Blocks) {
        let svd = circumstances.residual.and_then(|residual| self.decompose(circumstances.state, residual).ok());
        let symmetric = out.is_symmetric();
        for out in out.matrices_mut() {
            let Some(svd) = &svd else {
                out.fill(f64::NAN);
                continue;
            };
            let largest = svd.values.first().copied().unwrap_or(0.0);
            if largest == 0.0 {
                out.fill(0.0);
                continue;
            }
            let mut left = svd.left.clone();
            for (mut column, value) in left.column_iter_mut().zip(&svd.values) {
                let ratio = value / largest;
                column *= ratio * self.smoothing.hypot(1.0) / ratio.hypot(self.smoothing);
            }
            let rows = out.nrows();
            multiply_into(out, 0, rows, -1.0, Form::RightTransposed, View::of(&left), View::of(&svd.right));
            if symmetric {
                symmetrise(out);
            }
        }
    }
}
