//! What makes the flow reproduce gradient descent.

use crate::dynamics::Shape;
use crate::linalg::{Form, Matrix, ThinSvd, View, multiply_into, thin_svd};
use crate::perturbation::{Blocks, Circumstances, Perturbation};

/// On `[kη, (k+1)η]`, `𝓔 = M_k(I + sM_k)^{-1} − sym(N(Z))` with `s = t − kη`, `M_k = sym(N_k)` and `N_k` the drive of the trajectory's own state at `kη`: then
/// `Ż = M_k(I + sM_k)^{-1}Z`, whose solution is `(I + sM_k)Z(kη)`, the step of gradient descent (THEORY 3.8). Lifted form; in units of its own.
///
/// With `N_k = P diag(σ) Qᵀ` the blocks of `M_k(I + sM_k)^{-1}` are `P diag(σ/(1−s²σ²)) Qᵀ`, its transpose, `−P diag(sσ²/(1−s²σ²)) Pᵀ` and
/// `−Q diag(sσ²/(1−s²σ²)) Qᵀ`. They exist on the whole step only if `η‖N_k‖ < 1`; otherwise 𝓔 is NaN, which ends the trajectory there, and the
/// [complaint](Perturbation::complaint) says so. Allocates in the decomposition, once a step.
pub(in crate::perturbation) struct Descent {
    step: f64,
    drive: Matrix,
    svd: Option<ThinSvd>,
    /// `P` and `Q` with scaled columns.
    scaled: [Matrix; 2],
    /// A block.
    block: [Matrix; 3],
    complaint: Option<String>,
}

impl Descent {
    /// With step `η`.
    pub fn new(step: f64, shape: Shape) -> Self {
        let (rows, cols) = (shape.rows(), shape.cols());
        let size = rows.min(cols);
        Descent {
            step,
            drive: Matrix::zeros(rows, cols),
            svd: None,
            scaled: [Matrix::zeros(rows, size), Matrix::zeros(cols, size)],
            block: [Matrix::zeros(rows, cols), Matrix::zeros(rows, rows), Matrix::zeros(cols, cols)],
            complaint: None,
        }
    }

    fn decompose(&mut self) {
        self.svd = thin_svd(&self.drive).ok();
    }

    fn check(&mut self, piece: u64) {
        let reach = self.svd.as_ref().map_or(f64::NAN, |svd| self.step * svd.values.first().copied().unwrap_or(0.0));
        // Not `reach >= 1`: a reach that is not a number must fail.
        let exists = reach < 1.0;
        if !exists {
            self.svd = None;
            self.complaint = Some(format!(
                "the law descent needs step·‖N_k‖ < 1, and step {piece} has {reach:.6}: no lifted perturbation reproduces it; lower perturbation.descent.step"
            ));
        }
    }
}

/// Columns of `from` times `weight(σ)`.
fn scale(out: &mut Matrix, from: &Matrix, values: &[f64], weight: impl Fn(f64) -> f64) {
    for ((mut out, from), &sigma) in out.column_iter_mut().zip(from.column_iter()).zip(values) {
        let weight = weight(sigma);
        out.zip_apply(&from, |out, x| *out = weight * x);
    }
}

impl Perturbation for Descent {
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
        let (Blocks::Lifted(out), Some(svd)) = (&mut *out, &self.svd) else {
            out.matrices_mut().for_each(|matrix| matrix.fill(f64::NAN));
            return;
        };
        let Descent { scaled: [p, q], block: [off, left, right], .. } = self;
        let (rows, cols) = off.shape();
        let common = |sigma: f64| (1.0 - s * sigma) * (1.0 + s * sigma);
        scale(p, &svd.left, &svd.values, |sigma| sigma / common(sigma));
        multiply_into(off, 0, rows, 1.0, Form::RightTransposed, View::of(p), View::of(&svd.right));
        scale(p, &svd.left, &svd.values, |sigma| s * sigma * sigma / common(sigma));
        multiply_into(left, 0, rows, -1.0, Form::RightTransposed, View::of(p), View::of(&svd.left));
        scale(q, &svd.right, &svd.values, |sigma| s * sigma * sigma / common(sigma));
        multiply_into(right, 0, cols, -1.0, Form::RightTransposed, View::of(q), View::of(&svd.right));
        *off -= circumstances.drive;
        for j in 0..cols {
            for i in 0..rows {
                out[(i, rows + j)] = off[(i, j)];
                out[(rows + j, i)] = off[(i, j)];
            }
        }
        out.view_mut((0, 0), (rows, rows)).copy_from(left);
        out.view_mut((rows, rows), (cols, cols)).copy_from(right);
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
