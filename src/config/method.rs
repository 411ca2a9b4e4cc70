//! How trajectories of a validated experiment advance, and what disturbs them.

use super::integrator::FlowMethod;
use std::path::PathBuf;

/// How a trajectory advances.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// Gradient flow.
    Flow(FlowMethod),
    /// Gradient flow under a perturbation.
    PerturbedFlow {
        /// The integrator.
        integrator: FlowMethod,
        /// What disturbs it.
        perturbation: PerturbationSpec,
    },
    /// The modified flow of descent with step `η`: `Ż = −∇(f + (η/4)‖∇f‖²)`.
    ModifiedFlow {
        /// `η`
        step: f64,
        /// The integrator.
        integrator: FlowMethod,
    },
    /// The exact solution, where one is known.
    ClosedForm,
    /// Gradient descent: `Z⁺ = Z + η sym(N) Z`.
    GradientDescent {
        /// `η`
        step: f64,
    },
    /// Gradient descent on mini-batches: `Z⁺ = Z + η sym(N_S) Z`.
    StochasticGradientDescent {
        /// `η`
        step: f64,
        /// Measurements of a step.
        batch: usize,
        /// The seed of the batches.
        seed: u64,
    },
    /// Gradient descent with new Gaussian measurements of the target at every step.
    FreshMeasurements {
        /// `η`
        step: f64,
        /// Measurements of a step.
        measurements: usize,
        /// Standard deviation of their noise.
        noise: f64,
        /// The seed of the measurements and of the noise.
        seed: u64,
    },
    /// `F⁺ = F + η N G (GᵀG + λI)⁻¹`, `G⁺ = G + η Nᵀ F (FᵀF + λI)⁻¹`.
    ScaledDescent {
        /// `η`
        step: f64,
        /// `λ`
        damping: f64,
    },
    /// `X⁺ = P(X + 2ηN)` with the projection onto positive semidefinite matrices.
    ProjectedDescent {
        /// `η`
        step: f64,
    },
    /// `U⁺ = (U + η N_R U)/(1 − η(‖U‖_F² − τ))` with the truncated risk's `N_R`.
    QuadraticNetwork {
        /// `η`
        step: f64,
        /// `R`, the largest output that a sample counts with.
        threshold: f64,
        /// Where `τ` comes from.
        trace: Trace,
    },
    /// `Z⁺ = e^{η sym(N)} Z`: conserves the imbalance.
    Exponential {
        /// `η`
        step: f64,
    },
    /// `Z⁺ = (I − (η/2) sym(N))^{-1}(I + (η/2) sym(N)) Z`: conserves the imbalance.
    Cayley {
        /// `η`
        step: f64,
    },
    /// Heavy ball: `Z⁺ = Z + η sym(N) Z + β (Z − Z₋)`.
    Momentum {
        /// `η`
        step: f64,
        /// `β`
        momentum: f64,
    },
    /// Nesterov: a descent step from `Z + β_k (Z − Z₋)`.
    Nesterov {
        /// `η`
        step: f64,
        /// `β`; absent: `β_k = (k − 1)/(k + 2)` for `k ≥ 1`, 0 before.
        momentum: Option<f64>,
    },
}

impl Method {
    /// `η`, for discrete methods.
    pub fn step_size(&self) -> Option<f64> {
        match *self {
            Method::Flow(_) | Method::PerturbedFlow { .. } | Method::ModifiedFlow { .. } | Method::ClosedForm => None,
            Method::GradientDescent { step }
            | Method::StochasticGradientDescent { step, .. }
            | Method::FreshMeasurements { step, .. }
            | Method::ScaledDescent { step, .. }
            | Method::ProjectedDescent { step }
            | Method::QuadraticNetwork { step, .. }
            | Method::Exponential { step }
            | Method::Cayley { step }
            | Method::Momentum { step, .. }
            | Method::Nesterov { step, .. } => Some(step),
        }
    }

    /// Whether its steps look at a few measurements, or at fresh ones.
    pub fn is_sampled(&self) -> bool {
        matches!(self, Method::StochasticGradientDescent { .. } | Method::FreshMeasurements { .. })
    }

    /// Whether its steps look at data of their own, apart from the passes that trajectories share.
    pub fn has_own_data(&self) -> bool {
        matches!(self, Method::StochasticGradientDescent { .. } | Method::FreshMeasurements { .. } | Method::QuadraticNetwork { .. })
    }

    /// `η` of the descent that a flow follows to second order, for modified flows.
    pub fn modified_step(&self) -> Option<f64> {
        match *self {
            Method::ModifiedFlow { step, .. } => Some(step),
            _ => None,
        }
    }

    /// The integrator, for flows.
    pub fn integrator(&self) -> Option<FlowMethod> {
        match *self {
            Method::Flow(integrator) | Method::PerturbedFlow { integrator, .. } | Method::ModifiedFlow { integrator, .. } => {
                Some(integrator)
            }
            _ => None,
        }
    }
}

/// Where a quadratic network's `τ = tr X*` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// From the target.
    Known,
    /// The mean of the teacher's outputs.
    Estimated,
}

/// A bounded perturbation.
#[derive(Clone, Debug, PartialEq)]
pub struct PerturbationSpec {
    /// How it enters.
    pub form: Form,
    /// Its bound; absent for the laws that bring their own size (descent; replay without one).
    pub bound: Option<BoundSpec>,
    /// Its seed.
    pub seed: u64,
    /// Its law.
    pub law: Law,
}

/// How a perturbation enters the flow (THEORY 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One `E` for both factors.
    Shared,
    /// `P` is added to the rate.
    Additive,
    /// `E₁` for `F`, `E₂` for `G`.
    TwoSided,
    /// `𝓔` acts on the stacked factors.
    Lifted,
}

/// A bound on a perturbation's operator norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundSpec {
    /// The number.
    pub bound: f64,
    /// In which unit.
    pub relative_to: RelativeTo,
}

/// The unit of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelativeTo {
    /// 1.
    Absolute,
    /// `σ_r(Y)` (additive: its power 3/2).
    SigmaR,
    /// `‖R(t)‖_op` at the current state (additive: times `‖Z‖_op`).
    Residual,
}

/// A law of perturbation.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    /// The same matrix at all times.
    Constant {
        /// Its direction.
        direction: Direction,
    },
    /// `exp(2πt/period · K) W` with `K` skew.
    Rotating {
        /// One turn, in flow time.
        period: f64,
    },
    /// A new direction for every interval.
    Piecewise {
        /// In flow time.
        interval: f64,
    },
    /// `U diag(d(t)) Vᵀ` with band-limited `|d_i| ≤ 1`.
    Smooth {
        /// In flow time.
        correlation_time: f64,
    },
    /// `U diag(d(t)) Vᵀ` with Ornstein–Uhlenbeck processes reflected at ±1.
    OrnsteinUhlenbeck {
        /// In flow time.
        correlation_time: f64,
        /// Spacing of the path's points, between which it is linear.
        resolution: f64,
    },
    /// The worst direction at every moment.
    Adversarial {
        /// Against what.
        against: Against,
        /// `ε` of the smoothed polar factor.
        smoothing: f64,
    },
    /// The constant that leaves the largest error in the limit.
    AdversarialLimit,
    /// A series of matrices from an `.npz` file.
    Replay {
        /// The file.
        file: PathBuf,
        /// Between its times.
        interpolation: Interpolation,
    },
    /// What makes the flow reproduce gradient descent.
    Descent {
        /// `η`
        step: f64,
    },
}

/// The direction of a constant perturbation, of operator norm 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Gaussian entries.
    Gaussian,
    /// All singular values equal: the polar factor of a Gaussian matrix.
    Flat,
    /// `u vᵀ`.
    RankOne,
}

/// What an adversary works against at every moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// It raises `d/dt ½‖R‖_F²`.
    Residual,
    /// It lowers the growth of the weakest signal mode.
    WeakestMode,
}

/// How a series is read between its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// The last matrix holds until the next (which is a jump).
    Previous,
    /// Linear.
    Linear,
}
