//! **pgflow**: a laboratory for *perturbed gradient flow* in low-rank matrix sensing.
//!
//! One sensing instance, continuous gradient flows (adaptive Runge–Kutta) and discrete gradient descents on it
//! side by side, the quantities that proofs track, and how far apart the trajectories are.
//!
//! The conventions are those of the literature: target `Y ∈ R^{m×n}`, factors `F ∈ R^{m×h}`, `G ∈ R^{n×h}`,
//! measurements `A(X)_i = ⟨A_i, X⟩/√p`, loss `f(F,G) = ½‖A(FGᵀ) − y‖²`, flow `Ḟ = NG, Ġ = NᵀF` with
//! `N = A*(y − A(FGᵀ))`.
//!
//! The modules, in the order of the layers (each imports only earlier ones): [`config`], [`linalg`], [`random`], [`sensing`],
//! [`dynamics`], [`problem`], [`perturbation`], [`stepper`], [`theory`], [`observe`], [`simulation`], [`output`], [`sweep`],
//! [`report`]; [`cli`] uses all.

pub mod cli;
pub mod config;
pub mod dynamics;
pub mod linalg;
pub mod observe;
pub mod output;
pub mod perturbation;
pub mod problem;
pub mod random;
pub mod report;
pub mod sensing;
pub mod simulation;
pub mod stepper;
pub mod sweep;
pub mod theory;
