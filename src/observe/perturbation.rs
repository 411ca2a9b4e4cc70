//! The perturbation under which a trajectory is a perturbed gradient flow, and its parts.
//!
//! `𝓔` is defined by `Ż = (sym(R) + 𝓔) Z` with the true residual `R = Y − FGᵀ`. A flow has `𝓔 = sym(N − R)` and what is imposed on it. A
//! descent step of size `η` from `Z_k`, read as the path `Z(s) = (I + s sym(N_k)) Z_k`, `0 ≤ s ≤ η`, has the `𝓔(s)` of THEORY 3.8, which
//! exists
//! where `s‖N_k‖ < 1`; the exponential step, the path `e^{s sym(N_k)} Z_k`, has `𝓔(s) = sym(N_k − R(s))`. Of a step the largest values
//! count,
//! at both ends and in the middle. The symmetric model's steps are in `symmetric_path.rs`.
//!
//! A stochastic step has the matrix `N_S` of its mini-batch in the place of `N_k`, and `sym(N_S − N)` as one more part; a step with
//! measurements of its own
//! has their `N_k`, and their `(A_k*A_k − I)R_k` and `A_k*(e_k)` as parts.

use super::symmetric_path::SymmetricStepPath;
use super::{Observer, Sample, Shared};
use crate::config::Method;
use crate::linalg::{
    Form, Matrix, ThinSvd, View, cholesky, largest, multiply, multiply_add_into, operator_norm, operator_norm_symmetric,
    solve_lower_triangular, symmetrise, thin_svd,
};
use crate::problem::Instance;

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
    /// `‖N_k‖_op`
    reach: f64,
    path: Path,
}

/// How the product moves.
enum Path {
    /// As a polynomial in `s`, `X(s) − X_k = s·linear + s²·quadratic`: `(NG) Gᵀ + F (NᵀF)ᵀ` and `(NG)(NᵀF)ᵀ`; and `square = NNᵀ`.
    Euler { linear: Matrix, quadratic: Matrix, square: Matrix },
    /// By the singular vectors of `N_k`.
    Exponential(ThinSvd),
}

impl<'a> StepPath<'a> {
    /// The path of the step that begins at a sample of the asymmetric model; `None` for flows, without a target, where `η‖N_k‖ ≥ 1`, or
    /// where a
    /// stochastic step's matrix is not known.
    pub fn new(sample: &'a Sample<'a>, motion: Motion) -> Option<Self> {
        let drive = match motion {
            Motion::Stochastic(_) => sample.drive?.matrix,
            _ => &sample.answer.matrix,
        };
        let reach = operator_norm(drive);
        let path = match motion {
            Motion::Descent(step) | Motion::Stochastic(step) if step * reach < 1.0 => {
                let (f, g) = (sample.state.left(), sample.state.right());
                let (df, dg) = (multiply(Form::Plain, drive, g), multiply(Form::LeftTransposed, drive, f));
                let linear = multiply(Form::RightTransposed, &df, g) + multiply(Form::RightTransposed, f, &dg);
                let (quadratic, square) = (multiply(Form::RightTransposed, &df, &dg), multiply(Form::RightTransposed, drive, drive));
                Path::Euler { linear, quadratic, square }
            }
            Motion::Exponential(_) => Path::Exponential(thin_svd(drive).ok()?),
            _ => return None,
        };
        Some(StepPath { sample, residual: sample.residual?, drive, motion, reach, path })
    }

    /// `η`.
    pub fn step(&self) -> f64 {
        self.motion.step().unwrap_or(0.0)
    }

    /// `R_k − R(s)`.
    fn motion(&self, s: f64) -> Matrix {
        let svd = match &self.path {
            Path::Euler { linear, quadratic, .. } => {
                return linear.zip_map(quadratic, |linear, quadratic| s * (linear + s * quadratic));
            }
            Path::Exponential(svd) => svd,
        };
        // A diag(w(σ)) Bᵀ
        let spectral = |a: &Matrix, b: &Matrix, weight: &dyn Fn(f64) -> f64| {
            let weighted = Matrix::from_fn(a.nrows(), a.ncols(), |i, j| a[(i, j)] * weight(svd.values[j]));
            multiply(Form::RightTransposed, &weighted, b)
        };
        let (f, g) = (self.sample.state.left(), self.sample.state.right());
        let (p, q) = (&svd.left, &svd.right);
        let cosh_less_one = |sigma: f64| 2.0 * (0.5 * s * sigma).sinh().powi(2);
        let sinh = |sigma: f64| (s * sigma).sinh();
        let df = multiply(Form::Plain, &spectral(p, p, &cosh_less_one), f) + multiply(Form::Plain, &spectral(p, q, &sinh), g);
        let dg = multiply(Form::Plain, &spectral(q, q, &cosh_less_one), g) + multiply(Form::Plain, &spectral(q, p, &sinh), f);
        multiply(Form::RightTransposed, &df, g) + multiply(Form::RightTransposed, f, &dg) + multiply(Form::RightTransposed, &df, &dg)
    }

    /// `𝓔(s)`, `(m+n) × (m+n)`, symmetric. Not a number where `I − s²NNᵀ` is not positive definite to working precision.
    pub fn perturbation(&self, s: f64) -> Matrix {
        let n = self.drive;
        let (rows, cols) = n.shape();
        // N − R(s) = (N − R_k) + (R_k − R(s)).
        let mut shared = n - self.residual + self.motion(s);
        let mut lifted = Matrix::zeros(rows + cols, rows + cols);
        if let Path::Euler { square, .. } = &self.path {
            // With W = Nᵀ(I − s²NNᵀ)⁻¹N, (I − s²NᵀN)⁻¹ = I + s²W: N(I − s²NᵀN)⁻¹ − N = s²NW and N(I − s²NᵀN)⁻¹Nᵀ = NNᵀ + s²NWNᵀ, sums
            // without cancellation.
            let right = inside(n, square, s);
            let image = multiply(Form::Plain, n, &right) * (s * s);
            let mut left = square.clone();
            multiply_add_into(&mut left, 0, rows, 1.0, Form::RightTransposed, View::of(&image), View::of(n));
            symmetrise(&mut left);
            shared += &image;
            lifted.view_mut((0, 0), (rows, rows)).copy_from(&(left * -s));
            lifted.view_mut((rows, rows), (cols, cols)).copy_from(&(right * -s));
        }
        lifted.view_mut((0, rows), (rows, cols)).copy_from(&shared);
        lifted.view_mut((rows, 0), (cols, rows)).copy_from(&shared.transpose());
        lifted
    }

    /// `‖𝓔(s)‖_op`.
    pub fn norm(&self, s: f64) -> f64 {
        match self.path {
            Path::Euler { .. } if s > 0.0 => operator_norm_symmetric(&self.perturbation(s)),
            _ if s == 0.0 => operator_norm(&(self.drive - self.residual)),
            _ => operator_norm(&(self.drive - self.residual + self.motion(s))),
        }
    }

    /// The largest norms over the step.
    fn budget(&self, known: &Known) -> Budget {
        let step = self.step();
        let discretisation = match self.path {
            Path::Euler { .. } => step * self.reach * self.reach / (1.0 - step * self.reach),
            Path::Exponential(_) => 0.0,
        };
        // Measurements of the step's own have their own noise, and nothing is sampled from the instance's.
        let own = self.sample.drive.and_then(|drive| drive.noise);
        let whole = if own.is_some() { self.drive } else { &self.sample.answer.matrix };
        let (measurement, noise) = match own {
            Some(own) => (operator_norm(&(whole - self.residual - own)), operator_norm(own)),
            None => (known.measurement, known.noise),
        };
        let sampled = !std::ptr::eq(whole, self.drive);
        // Without noise 𝓔(0) is what the measurements make of the residual.
        let first = if noise == 0.0 && !sampled { measurement } else { self.norm(0.0) };
        Budget {
            total: Some(largest([first, self.norm(0.5 * step), self.norm(step)])),
            measurement,
            noise,
            motion: largest([0.5 * step, step].map(|s| operator_norm(&self.motion(s)))),
            discretisation,
            imposed: 0.0,
            sampling: if sampled { operator_norm(&(self.drive - whole)) } else { 0.0 },
        }
    }

    /// `∫₀^η ‖𝓔(s)‖ ds` by Simpson's rule.
    pub fn integral(&self) -> f64 {
        let step = self.step();
        step / 6.0 * (self.norm(0.0) + 4.0 * self.norm(0.5 * step) + self.norm(step))
    }
}

/// `Nᵀ(I − s²NNᵀ)⁻¹N = HᵀH` with `H = L⁻¹N`, `LLᵀ = I − s²NNᵀ`, given `NNᵀ`: symmetric to the last bit. NaN where there is no `L`.
fn inside(n: &Matrix, square: &Matrix, s: f64) -> Matrix {
    let mut metric = square * (-s * s);
    (0..metric.nrows()).for_each(|i| metric[(i, i)] += 1.0);
    let Ok(lower) = cholesky(&metric) else { return Matrix::from_element(n.ncols(), n.ncols(), f64::NAN) };
    let mut half = n.clone();
    solve_lower_triangular(&lower, &mut half);
    let mut out = multiply(Form::LeftTransposed, &half, &half);
    symmetrise(&mut out);
    out
}

/// Norms at a sample that do not depend on how the trajectory moves.
struct Known {
    /// `‖(A*A − I)(R)‖_op`
    measurement: f64,
    /// `‖A*(e)‖_op`
    noise: f64,
}

/// The perturbation's norms at a sample; `None` where they are not defined.
pub fn budget(sample: &Sample<'_>, motion: Motion) -> Option<Budget> {
    budget_with(sample, motion, &Shared::default(), noise_norm(sample.instance)?)
}

/// `‖A*(e)‖_op`, where the noise is known.
fn noise_norm(instance: &Instance) -> Option<f64> {
    instance.noise_adjoint.as_ref().map(operator_norm)
}

fn budget_with(sample: &Sample<'_>, motion: Motion, shared: &Shared, noise: f64) -> Option<Budget> {
    let (residual, adjoint) = (sample.residual?, sample.instance.noise_adjoint.as_ref()?);
    if motion != Motion::Flow && sample.state.shape().is_symmetric() {
        return Some(SymmetricStepPath::new(sample, motion)?.budget(adjoint));
    }
    let known = Known { measurement: shared.measurement_error(sample)?, noise };
    if motion != Motion::Flow {
        return Some(StepPath::new(sample, motion)?.budget(&known));
    }
    let total = match sample.imposed {
        None if noise == 0.0 => Some(known.measurement),
        _ => total(sample, &(&sample.answer.matrix - residual)),
    };
    Some(Budget {
        total,
        measurement: known.measurement,
        noise,
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
    motion: Motion,
    /// `‖A*(e)‖_op`, the same at every sample.
    noise: Option<f64>,
}

impl Perturbation {
    pub fn new(instance: &Instance, motion: Motion) -> Self {
        Perturbation { motion, noise: noise_norm(instance) }
    }
}

impl Observer for Perturbation {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn observe(&mut self, sample: &Sample<'_>, shared: &Shared, row: &mut [Option<f64>]) {
        let Some(budget) = self.noise.and_then(|noise| budget_with(sample, self.motion, shared, noise)) else { return };
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
