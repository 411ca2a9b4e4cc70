//! What makes the flow of the symmetric model reproduce gradient descent.

use crate::linalg::{Form, Matrix, SymmetricEigen, View, multiply_into, symmetric_eigen, symmetrise};
use crate::perturbation::{Blocks, Circumstances, Perturbation};

/// On `[kη, (k+1)η]`, `E = N_k(I + sN_k)^{-1} − N(U)` with `s = t − kη` and `N_k` the drive of the trajectory's own state at `kη`: then
/// `U̇ = N_k(I + sN_k)^{-1}U`, whose solution is `(I + sN_k)U(kη)`, the step of gradient descent (THEORY 3.8, symmetric). In units of its own.
///
/// With `N_k = P diag(λ) Pᵀ` the first part is `P diag(λ/(1 + sλ)) Pᵀ`. It exists on the whole step only if `1 + ηλ > 0` for all eigenvalues
/// (in the asymmetric model, whose `sym(N)` has both `±σ`, that is `η‖N_k‖ < 1`); otherwise `E` is NaN, which ends the trajectory there, and the
/// [complaint](Perturbation::complaint) says so. Allocates in the decomposition, once a step.
pub(in crate::perturbation) struct SymmetricDescent {
    step: f64,
    drive: Matrix,
    eigen: Option<SymmetricEigen>,
    /// `P` with scaled columns.
    scaled: Matrix,
    complaint: Option<String>,
}

impl SymmetricDescent {
    /// With step `η`, for `side × side` products.
    pub fn new(step: f64, side: usize) -> Self {
        let zeros = || Matrix::zeros(side, side);
        SymmetricDescent { step, drive: zeros(), eigen: None, scaled: zeros(), complaint: None }
    }

    fn decompose(&mut self) {
        self.eigen = symmetric_eigen(&self.drive).ok();
    }

    fn check(&mut self, piece: u64) {
        let least = self.eigen.as_ref().map_or(f64::NAN, |eigen| eigen.values.first().copied().unwrap_or(0.0));
        // Not `<= −1`: a reach that is not a number must fail.
        let exists = self.step * least > -1.0;
        if !exists {
            self.eigen = None;
            self.complaint = Some(format!(
                "the law descent needs step·λ_min(N_k) > −1, and step {piece} has {:.6}: no perturbation reproduces it; lower perturbation.descent.step",
                self.step * least
            ));
        }
    }
}

impl Perturbation for SymmetricDescent {
    fn piece_end(&self, piece: u64) -> Option<f64> {
        Some((piece + 1) as f64 * self.step)
    }

    fn enter(&mut self, circumstances: &Circumstances<'_>) {
        self.drive.copy_from(circumstances.drive);
        self.decompose();
        self.check(circumstances.at.piece);
    }

    fn evaluate(&mut self, circumstances: &Circumstances<'_>, out: &mut Blocks) {
        let at = circumstances.at;
        let s = at.t - at.piece as f64 * self.step;
        let (Blocks::Symmetric(out), Some(eigen)) = (&mut *out, &self.eigen) else {
            out.matrices_mut().for_each(|matrix| matrix.fill(f64::NAN));
            return;
        };
        for ((mut scaled, column), value) in self.scaled.column_iter_mut().zip(eigen.vectors.column_iter()).zip(&eigen.values) {
            let weight = value / (1.0 + s * value);
            scaled.zip_apply(&column, |scaled, x| *scaled = weight * x);
        }
        let side = out.nrows();
        multiply_into(out, 0, side, 1.0, Form::RightTransposed, View::of(&self.scaled), View::of(&eigen.vectors));
        symmetrise(out);
        *out -= circumstances.drive;
    }

    fn memory(&self) -> Vec<f64> {
        self.drive.as_slice().to_vec()
    }

    fn restore(&mut self, memory: &[f64]) {
        if memory.len() == self.drive.len() {
            self.drive.as_mut_slice().copy_from_slice(memory);
            self.decompose();
        }
    }

    fn complaint(&self) -> Option<String> {
        self.complaint.clone()
    }
}
