//! One step of a discrete method in the symmetric model, as a path: the perturbation under which it is a perturbed gradient flow.
//!
//! `E` is defined by `U̇ = (R + E) U`, `R = Y − UUᵀ`. A descent step of size `η` from `U_k` is read as `U(s) = (I + sN_k) U_k`, `0 ≤ s ≤ η`, which gives
//! `E(s) = N_k(I + sN_k)^{-1} − R(s)`: one symmetric matrix, where the asymmetric model needs a lifted one (THEORY 3.8). Its parts are
//!
//! measurement `(A*A − I)R_k`, noise `A*(e)`, motion `R_k − R(s) = s(N_kX + XN_k) + s²N_kXN_k` with `X = U_kU_kᵀ`, and discretisation
//! `−sN_k²(I + sN_k)^{-1}`, whose norm is `max_i sλ_i²/(1 + sλ_i)`.
//!
//! They exist on the whole step where `1 + ηλ > 0` for all eigenvalues `λ` of `N_k`. The exponential step is `U(s) = e^{sN_k} U_k` with
//! `E(s) = N_k − R(s)`.

use super::{Budget, Motion, Sample};
use crate::linalg::{Form, Matrix, SymmetricEigen, largest, multiply, operator_norm_symmetric, symmetric_eigen, symmetrise};

/// A step in the symmetric model, as a path.
pub struct SymmetricStepPath<'a> {
    sample: &'a Sample<'a>,
    residual: &'a Matrix,
    /// `N_k`, or what drives the step in its place.
    drive: &'a Matrix,
    motion: Motion,
    eigen: SymmetricEigen,
}

impl<'a> SymmetricStepPath<'a> {
    /// The path of the step that begins at a sample; `None` for flows, without a target, where `1 + ηλ_min(N_k) ≤ 0`, or where a
    /// stochastic step's matrix is not known.
    pub fn new(sample: &'a Sample<'a>, motion: Motion) -> Option<Self> {
        let drive = match motion {
            Motion::Stochastic(_) => sample.drive?.matrix,
            _ => &sample.answer.matrix,
        };
        let eigen = symmetric_eigen(drive).ok()?;
        let least = eigen.values.first().copied()?;
        match motion {
            Motion::Descent(step) | Motion::Stochastic(step) if step * least > -1.0 => {}
            Motion::Exponential(_) => {}
            _ => return None,
        }
        Some(SymmetricStepPath { sample, residual: sample.residual?, drive, motion, eigen })
    }

    /// `η`.
    pub fn step(&self) -> f64 {
        self.motion.step().unwrap_or(0.0)
    }

    /// `P diag(w(λ)) Pᵀ` with the eigenvectors of `N_k`.
    fn spectral(&self, weight: impl Fn(f64) -> f64) -> Matrix {
        let SymmetricEigen { values, vectors } = &self.eigen;
        let weighted = Matrix::from_fn(vectors.nrows(), vectors.ncols(), |i, j| vectors[(i, j)] * weight(values[j]));
        let mut out = multiply(Form::RightTransposed, &weighted, vectors);
        symmetrise(&mut out);
        out
    }

    /// `R_k − R(s) = δUᵀ + Uδᵀ + δδᵀ` with `δ = U(s) − U_k`.
    pub fn motion(&self, s: f64) -> Matrix {
        let u = self.sample.state.left();
        let delta = match self.motion {
            Motion::Exponential(_) => multiply(Form::Plain, &self.spectral(|value| (s * value).exp_m1()), u),
            _ => multiply(Form::Plain, self.drive, u) * s,
        };
        let mut linear = multiply(Form::RightTransposed, &delta, u);
        symmetrise(&mut linear);
        let mut out = linear * 2.0 + multiply(Form::RightTransposed, &delta, &delta);
        symmetrise(&mut out);
        out
    }

    /// `−sN_k²(I + sN_k)^{-1}`; zero for exponential steps.
    pub fn discretisation(&self, s: f64) -> Matrix {
        match self.motion {
            Motion::Descent(_) | Motion::Stochastic(_) => self.spectral(|value| -s * value * value / (1.0 + s * value)),
            _ => Matrix::zeros(self.eigen.values.len(), self.eigen.values.len()),
        }
    }

    /// `E(s)`, `d × d`, symmetric.
    pub fn perturbation(&self, s: f64) -> Matrix {
        // N − R(s) = (N − R_k) + (R_k − R(s)).
        self.drive - self.residual + self.motion(s) + self.discretisation(s)
    }

    /// `‖E(s)‖_op`.
    pub fn norm(&self, s: f64) -> f64 {
        operator_norm_symmetric(&self.perturbation(s))
    }

    /// The largest norms over the step.
    pub(super) fn budget(&self, noise: &Matrix) -> Budget {
        let step = self.step();
        let points = [0.0, 0.5 * step, step];
        // As in the asymmetric model.
        let (whole, noise) = match self.sample.drive.and_then(|drive| drive.noise) {
            Some(own) => (self.drive, own),
            None => (&self.sample.answer.matrix, noise),
        };
        let growth = |value: &f64| step * value * value / (1.0 + step * value);
        Budget {
            total: Some(largest(points.iter().map(|&s| self.norm(s)))),
            measurement: operator_norm_symmetric(&(whole - self.residual - noise)),
            noise: operator_norm_symmetric(noise),
            motion: largest(points[1..].iter().map(|&s| operator_norm_symmetric(&self.motion(s)))),
            // Largest at the step's end.
            discretisation: match self.motion {
                Motion::Descent(_) | Motion::Stochastic(_) => largest(self.eigen.values.iter().map(growth)),
                _ => 0.0,
            },
            imposed: 0.0,
            sampling: if std::ptr::eq(whole, self.drive) { 0.0 } else { operator_norm_symmetric(&(self.drive - whole)) },
        }
    }

    /// `∫₀^η ‖E(s)‖ ds` by Simpson's rule.
    pub fn integral(&self) -> f64 {
        let step = self.step();
        step / 6.0 * (self.norm(0.0) + 4.0 * self.norm(0.5 * step) + self.norm(step))
    }
}
