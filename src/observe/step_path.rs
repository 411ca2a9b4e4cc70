//! One step of a discrete method, as a path: the perturbation under which it is a perturbed gradient flow.
//!
//! A descent step is the path `Z(s) = (I + s sym(N_k)) Z_k`, `0 ≤ s ≤ η`, an exponential one `e^{s sym(N_k)} Z_k`; what they make of `𝓔(s)` and
//! its parts is in `perturbation.rs` and THEORY 3.8.

use super::perturbation::Known;
use super::{Budget, Motion, Sample, Shared};
use crate::dynamics::State;
use crate::linalg::{
    Form, Matrix, ThinSvd, View, cholesky, frobenius, largest, multiply, multiply_add_into, multiply_into, operator_norm,
    operator_norm_symmetric, solve_lower_triangular, symmetrise, thin_svd,
};

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
        StepPath::with(sample, motion, &Shared::default())
    }

    /// The same, with what others need of the sample too.
    pub(super) fn with(sample: &'a Sample<'a>, motion: Motion, shared: &Shared) -> Option<Self> {
        let residual = sample.residual?;
        let drive = match motion {
            Motion::Stochastic(_) => sample.drive?.matrix,
            _ => &sample.answer.matrix,
        };
        let reach = operator_norm(drive);
        let path = match motion {
            Motion::Descent(step) | Motion::Stochastic(step) if step * reach < 1.0 => {
                let (f, g) = (sample.state.left(), sample.state.right());
                let own;
                let direction = if std::ptr::eq(drive, &sample.answer.matrix) {
                    shared.descent(sample)
                } else {
                    own = direction(sample.state, drive);
                    &own
                };
                let (df, dg) = (direction.left(), direction.right());
                let mut linear = multiply(Form::RightTransposed, df, g);
                multiply_add_into(&mut linear, 0, f.nrows(), 1.0, Form::RightTransposed, f, dg);
                let (quadratic, square) = (multiply(Form::RightTransposed, df, dg), multiply(Form::RightTransposed, drive, drive));
                Path::Euler { linear, quadratic, square }
            }
            Motion::Exponential(_) => Path::Exponential(thin_svd(drive).ok()?),
            _ => return None,
        };
        Some(StepPath { sample, residual, drive, motion, reach, path })
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

    /// `N − R(s) = (N − R_k) + (R_k − R(s))`
    fn shared(&self, s: f64) -> Matrix {
        let mut out = self.motion(s);
        for ((x, n), r) in out.as_mut_slice().iter_mut().zip(self.drive.as_slice()).zip(self.residual.as_slice()) {
            *x += n - r;
        }
        out
    }

    /// `𝓔(s)`, `(m+n) × (m+n)`, symmetric. Not a number where `I − s²NNᵀ` is not positive definite to working precision.
    pub fn perturbation(&self, s: f64) -> Matrix {
        let n = self.drive;
        let (rows, cols) = n.shape();
        let mut shared = self.shared(s);
        let mut blocks = None;
        if let Path::Euler { square, .. } = &self.path {
            // With W = Nᵀ(I − s²NNᵀ)⁻¹N, (I − s²NᵀN)⁻¹ = I + s²W: N(I − s²NᵀN)⁻¹ − N = s²NW and N(I − s²NᵀN)⁻¹Nᵀ = NNᵀ + s²NWNᵀ, sums
            // without cancellation.
            let right = inside(n, square, s);
            let mut image = Matrix::zeros(rows, cols);
            multiply_into(&mut image, 0, rows, s * s, Form::Plain, View::of(n), View::of(&right));
            let mut left = square.clone();
            multiply_add_into(&mut left, 0, rows, 1.0, Form::RightTransposed, View::of(&image), View::of(n));
            symmetrise(&mut left);
            shared += &image;
            blocks = Some((left, right));
        }
        let mut lifted = Matrix::zeros(rows + cols, rows + cols);
        let mut columns = lifted.as_mut_slice().chunks_exact_mut((rows + cols).max(1));
        for (j, column) in columns.by_ref().take(rows).enumerate() {
            let (top, bottom) = column.split_at_mut(rows);
            if let Some((left, _)) = &blocks {
                top.iter_mut().zip(View::of(left).column(j)).for_each(|(to, x)| *to = -s * x);
            }
            bottom.iter_mut().zip(shared.as_slice().iter().skip(j).step_by(rows)).for_each(|(to, x)| *to = *x);
        }
        for (j, column) in columns.enumerate() {
            let (top, bottom) = column.split_at_mut(rows);
            top.copy_from_slice(View::of(&shared).column(j));
            if let Some((_, right)) = &blocks {
                bottom.iter_mut().zip(View::of(right).column(j)).for_each(|(to, x)| *to = -s * x);
            }
        }
        lifted
    }

    /// `‖𝓔(s)‖_op`.
    pub fn norm(&self, s: f64) -> f64 {
        match self.path {
            Path::Euler { .. } if s > 0.0 => operator_norm_symmetric(&self.perturbation(s)),
            _ if s == 0.0 => operator_norm(&(self.drive - self.residual)),
            _ => operator_norm(&self.shared(s)),
        }
    }

    /// The largest norms over the step.
    pub(super) fn budget(&self, known: &Known) -> Budget {
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
            total: Some(self.largest_norm(first)),
            measurement,
            noise,
            motion: self.largest_motion(),
            discretisation,
            imposed: 0.0,
            sampling: if sampled { operator_norm(&(self.drive - whole)) } else { 0.0 },
        }
    }

    /// `max ‖𝓔(s)‖_op` over `s = 0, η/2, η`, the first of them given.
    ///
    /// With `𝓔(0) = A`, `𝓔(η) = B`, `‖𝓔(η/2)‖ ≤ ½(‖A‖ + ‖B‖) + δ`, where `δ` bounds how far `𝓔(η/2)` is from `½(A + B)`: a quarter of
    /// `η²‖Q‖` for the motion `sL + s²Q`, and `η²/8` times the second derivative, `2‖N‖³/(1 − η‖N‖)³` at most, for `M(I + sM)⁻¹`. Where that
    /// is no more than the larger of the two, by more than all rounding, the norm in the middle is not the largest, and is not computed.
    fn largest_norm(&self, first: f64) -> f64 {
        let (step, last) = (self.step(), self.norm(self.step()));
        let bound = match &self.path {
            Path::Euler { quadratic, .. } => {
                let stretched = self.reach / (1.0 - step * self.reach);
                0.5 * (first + last) + 0.25 * step * step * (frobenius(quadratic) + stretched * stretched * stretched)
            }
            Path::Exponential(_) => f64::INFINITY,
        };
        if bound + self.slack(first + last + self.reach) <= f64::max(first, last) {
            return largest([first, last]);
        }
        largest([first, self.norm(0.5 * step), last])
    }

    /// `max ‖R_k − R(s)‖_op` over `s = η/2, η`: `½(ηL + η²Q) − ¼η²Q` is what is in the middle, and no larger than what is at the end where
    /// `½‖ηL + η²Q‖ + ¼η²‖Q‖` is not.
    fn largest_motion(&self) -> f64 {
        let step = self.step();
        let last = operator_norm(&self.motion(step));
        if let Path::Euler { quadratic, .. } = &self.path
            && 0.5 * last + 0.25 * step * step * frobenius(quadratic) + self.slack(last) <= last
        {
            return last;
        }
        largest([operator_norm(&self.motion(0.5 * step)), last])
    }

    /// More than what rounding makes of norms of matrices of that size.
    fn slack(&self, size: f64) -> f64 {
        let (rows, cols) = self.drive.shape();
        16.0 * (8 + rows + cols) as f64 * f64::EPSILON * size
    }

    /// `∫₀^η ‖𝓔(s)‖ ds` by Simpson's rule.
    pub fn integral(&self) -> f64 {
        let step = self.step();
        step / 6.0 * (self.norm(0.0) + 4.0 * self.norm(0.5 * step) + self.norm(step))
    }
}

/// `[DG; DᵀF]`
fn direction(state: &State, drive: &Matrix) -> State {
    let mut out = State::zeros(state.shape());
    state.drive_into(1.0, drive, &mut out);
    out
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
