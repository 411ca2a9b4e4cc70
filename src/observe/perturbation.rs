//! The perturbation under which a trajectory is a perturbed gradient flow, and its parts.
//!
//! `𝓔` is defined by `Ż = (sym(R) + 𝓔) Z` with the true residual `R = Y − FGᵀ`. A flow has `𝓔 = sym(N − R)` and what is imposed on it. A
//! descent step of size `η` from `Z_k`, read as the path `Z(s) = (I + s sym(N_k)) Z_k`, `0 ≤ s ≤ η`, has the `𝓔(s)` of THEORY 3.8, which exists
//! where `s‖N_k‖ < 1`; the exponential step, the path `e^{s sym(N_k)} Z_k`, has `𝓔(s) = sym(N_k − R(s))`. Of a step the largest values count,
//! at both ends and in the middle. The symmetric model's steps are in `symmetric_path.rs`.
//!
//! A stochastic step has the matrix `N_S` of its mini-batch in the place of `N_k`, and `sym(N_S − N)` as one more part; a step with measurements of its own
//! has their `N_k`, and their `(A_k*A_k − I)R_k` and `A_k*(e_k)` as parts.

use super::symmetric_path::SymmetricStepPath;
use super::{Observer, Sample, Shared};
use crate::config::Method;
use crate::linalg::{Form, Matrix, ThinSvd, largest, multiply, operator_norm, operator_norm_symmetric, thin_svd};

pub(super) const COLUMNS: [&str; 7] = [
    "perturbation",
    "perturbation_measurement",
    "perturbation_noise",
    "perturbation_motion",
    "perturbation_discretisation",
    "perturbation_imposed",
    "perturbation_sampling",
];

/// How a trajectory moves, as far as its perturbation depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Motion {
    /// A flow.
    Flow,
    /// Gradient descent with step `η`.
    Descent(f64),
    /// Descent with step `η` whose steps are driven by matrices of their own.
    Stochastic(f64),
    /// Exponential steps of size `η`.
    Exponential(f64),
    /// A method that is no perturbed gradient flow of these forms.
    Other,
}

impl Motion {
    /// The motion of a method.
    pub fn of(method: &Method) -> Self {
        match *method {
            Method::Flow(_) | Method::PerturbedFlow { .. } => Motion::Flow,
            Method::GradientDescent { step } => Motion::Descent(step),
            Method::StochasticGradientDescent { step, .. } | Method::FreshMeasurements { step, .. } => Motion::Stochastic(step),
            Method::Exponential { step } => Motion::Exponential(step),
            _ => Motion::Other,
        }
    }

    /// `η`, where steps are paths.
    pub fn step(self) -> Option<f64> {
        match self {
            Motion::Descent(step) | Motion::Stochastic(step) | Motion::Exponential(step) => Some(step),
            Motion::Flow | Motion::Other => None,
        }
    }
}

/// Norms of the perturbation's parts at a point of a trajectory, or the largest over the step that begins there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// `‖𝓔‖_op`; `None` where no matrix stands for the perturbation.
    pub total: Option<f64>,
    /// `‖(A*A − I)R‖_op`.
    pub measurement: f64,
    /// `‖A*(e)‖_op`.
    pub noise: f64,
    /// `‖R_k − R(s)‖_op`.
    pub motion: f64,
    /// `s‖N_k‖²/(1 − s‖N_k‖)`; in the symmetric model `max_i sλ_i²/(1 + sλ_i)`.
    pub discretisation: f64,
    /// `‖𝓔_imposed‖_op`.
    pub imposed: f64,
    /// `‖N_S − N‖_op`
    pub sampling: f64,
}

/// One step of a discrete method, as a path: what its perturbation is made of.
pub struct StepPath<'a> {
    sample: &'a Sample<'a>,
    residual: &'a Matrix,
    /// `N_k`
    drive: &'a Matrix,
    motion: Motion,
    svd: ThinSvd,
}

impl<'a> StepPath<'a> {
    /// The path of the step that begins at a sample of the asymmetric model; `None` for flows, without a target, where `η‖N_k‖ ≥ 1`, or where a
    /// stochastic step's matrix is not known.
    pub fn new(sample: &'a Sample<'a>, motion: Motion) -> Option<Self> {
        let drive = match motion {
            Motion::Stochastic(_) => sample.drive?.matrix,
            _ => &sample.answer.matrix,
        };
        let svd = thin_svd(drive).ok()?;
        let largest = svd.values.first().copied()?;
        match motion {
            Motion::Descent(step) | Motion::Stochastic(step) if step * largest < 1.0 => {}
            Motion::Exponential(_) => {}
            _ => return None,
        }
        Some(StepPath { sample, residual: sample.residual?, drive, motion, svd })
    }

    /// `η`.
    pub fn step(&self) -> f64 {
        self.motion.step().unwrap_or(0.0)
    }

    /// `A diag(w(σ)) Bᵀ` with the singular vectors of `N_k`.
    fn spectral(&self, a: &Matrix, b: &Matrix, weight: impl Fn(f64) -> f64) -> Matrix {
        let weighted = Matrix::from_fn(a.nrows(), a.ncols(), |i, j| a[(i, j)] * weight(self.svd.values[j]));
        multiply(Form::RightTransposed, &weighted, b)
    }

    /// `R_k − R(s)`.
    fn motion(&self, s: f64) -> Matrix {
        let (f, g) = (self.sample.state.left(), self.sample.state.right());
        match self.motion {
            Motion::Exponential(_) => {
                let (p, q) = (&self.svd.left, &self.svd.right);
                let cosh_less_one = |sigma: f64| 2.0 * (0.5 * s * sigma).sinh().powi(2);
                let sinh = |sigma: f64| (s * sigma).sinh();
                let df =
                    multiply(Form::Plain, &self.spectral(p, p, cosh_less_one), f) + multiply(Form::Plain, &self.spectral(p, q, sinh), g);
                let dg =
                    multiply(Form::Plain, &self.spectral(q, q, cosh_less_one), g) + multiply(Form::Plain, &self.spectral(q, p, sinh), f);
                multiply(Form::RightTransposed, &df, g)
                    + multiply(Form::RightTransposed, f, &dg)
                    + multiply(Form::RightTransposed, &df, &dg)
            }
            _ => {
                let n = self.drive;
                let (df, dg) = (multiply(Form::Plain, n, g) * s, multiply(Form::LeftTransposed, n, f) * s);
                multiply(Form::RightTransposed, &df, g)
                    + multiply(Form::RightTransposed, f, &dg)
                    + multiply(Form::RightTransposed, &df, &dg)
            }
        }
    }

    /// `𝓔(s)`, `(m+n) × (m+n)`, symmetric.
    pub fn perturbation(&self, s: f64) -> Matrix {
        let n = self.drive;
        let (rows, cols) = n.shape();
        // N − R(s) = (N − R_k) + (R_k − R(s)).
        let mut shared = n - self.residual + self.motion(s);
        let mut lifted = Matrix::zeros(rows + cols, rows + cols);
        if let Motion::Descent(_) | Motion::Stochastic(_) = self.motion {
            // N(I − s²NᵀN)^{-1} − N and −sNNᵀ(I − s²NNᵀ)^{-1} by the singular values of N.
            shared += self.spectral(&self.svd.left, &self.svd.right, |sigma| sigma * (s * sigma).powi(2) / (1.0 - (s * sigma).powi(2)));
            let diagonal = |sigma: f64| -s * sigma * sigma / (1.0 - (s * sigma).powi(2));
            lifted.view_mut((0, 0), (rows, rows)).copy_from(&self.spectral(&self.svd.left, &self.svd.left, diagonal));
            lifted.view_mut((rows, rows), (cols, cols)).copy_from(&self.spectral(&self.svd.right, &self.svd.right, diagonal));
        }
        lifted.view_mut((0, rows), (rows, cols)).copy_from(&shared);
        lifted.view_mut((rows, 0), (cols, rows)).copy_from(&shared.transpose());
        lifted
    }

    /// `‖𝓔(s)‖_op`.
    pub fn norm(&self, s: f64) -> f64 {
        match self.motion {
            Motion::Descent(_) | Motion::Stochastic(_) if s > 0.0 => operator_norm_symmetric(&self.perturbation(s)),
            _ => operator_norm(&(self.drive - self.residual + self.motion(s))),
        }
    }

    /// The largest norms over the step.
    fn budget(&self, noise: &Matrix) -> Budget {
        let step = self.step();
        let points = [0.0, 0.5 * step, step];
        let reach = self.svd.values.first().copied().unwrap_or(0.0);
        let discretisation = match self.motion {
            Motion::Descent(_) | Motion::Stochastic(_) => step * reach * reach / (1.0 - step * reach),
            _ => 0.0,
        };
        // Measurements of the step's own have their own noise, and nothing is sampled from the instance's.
        let (whole, noise) = match self.sample.drive.and_then(|drive| drive.noise) {
            Some(own) => (self.drive, own),
            None => (&self.sample.answer.matrix, noise),
        };
        Budget {
            total: Some(largest(points.iter().map(|&s| self.norm(s)))),
            measurement: operator_norm(&(whole - self.residual - noise)),
            noise: operator_norm(noise),
            motion: largest(points[1..].iter().map(|&s| operator_norm(&self.motion(s)))),
            discretisation,
            imposed: 0.0,
            sampling: if std::ptr::eq(whole, self.drive) { 0.0 } else { operator_norm(&(self.drive - whole)) },
        }
    }

    /// `∫₀^η ‖𝓔(s)‖ ds` by Simpson's rule.
    pub fn integral(&self) -> f64 {
        let step = self.step();
        step / 6.0 * (self.norm(0.0) + 4.0 * self.norm(0.5 * step) + self.norm(step))
    }
}

/// The perturbation's norms at a sample; `None` where they are not defined.
pub fn budget(sample: &Sample<'_>, motion: Motion) -> Option<Budget> {
    let (residual, noise) = (sample.residual?, sample.instance.noise_adjoint.as_ref()?);
    if motion != Motion::Flow && sample.state.shape().is_symmetric() {
        return Some(SymmetricStepPath::new(sample, motion)?.budget(noise));
    }
    if motion != Motion::Flow {
        return Some(StepPath::new(sample, motion)?.budget(noise));
    }
    let measured = &sample.answer.matrix - residual;
    Some(Budget {
        total: total(sample, &measured),
        measurement: operator_norm(&(&measured - noise)),
        noise: operator_norm(noise),
        motion: 0.0,
        discretisation: 0.0,
        imposed: sample.imposed.map_or(0.0, |blocks| blocks.norm()),
        sampling: 0.0,
    })
}

fn total(sample: &Sample<'_>, measured: &Matrix) -> Option<f64> {
    match sample.imposed {
        None => Some(operator_norm(measured)),
        Some(blocks) => blocks.norm_with(measured),
    }
}

/// `‖𝓔‖_op` of a flow at a sample.
pub fn flow_norm(sample: &Sample<'_>) -> Option<f64> {
    total(sample, &(&sample.answer.matrix - sample.residual?))
}

/// The norms of the perturbation and of its parts.
pub(super) struct Perturbation {
    pub motion: Motion,
}

impl Observer for Perturbation {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn observe(&mut self, sample: &Sample<'_>, _shared: &Shared, row: &mut [Option<f64>]) {
        let Some(budget) = budget(sample, self.motion) else { return };
        let values = [budget.measurement, budget.noise, budget.motion, budget.discretisation, budget.imposed, budget.sampling];
        row[0] = budget.total;
        row[1..].iter_mut().zip(values).for_each(|(cell, value)| *cell = Some(value));
    }
}

pub(super) const INTEGRAL: [&str; 1] = ["perturbation_integral"];

/// `∫₀ᵗ ‖𝓔‖dt`: a place for the column, which the driver fills from [`integrand`].
pub(super) struct PerturbationIntegral;

impl Observer for PerturbationIntegral {
    fn columns(&self) -> &'static [&'static str] {
        &INTEGRAL
    }

    fn observe(&mut self, _sample: &Sample<'_>, _shared: &Shared, _row: &mut [Option<f64>]) {}
}

/// What is integrated: of a flow `‖𝓔‖_op` at the sample, of a discrete method `∫‖𝓔‖dt` over the step that begins there.
pub fn integrand(sample: &Sample<'_>, motion: Motion) -> Option<f64> {
    match motion {
        Motion::Flow => flow_norm(sample),
        _ if sample.state.shape().is_symmetric() => Some(SymmetricStepPath::new(sample, motion)?.integral()),
        _ => Some(StepPath::new(sample, motion)?.integral()),
    }
}
