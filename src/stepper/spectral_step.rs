//! Steps `Z⁺ = φ(η sym(N)) Z` of either model.

use super::discrete::{Departure, Prepared};
use super::singular_step::{Function, SingularStep};
use super::symmetric_step::{Growth, SymmetricStep};
use crate::dynamics::{Shape, State};

/// `φ`, for both models.
#[derive(Clone, Copy)]
pub(super) struct Phi {
    /// On pairs of singular vectors of `N`.
    pub pairs: Function,
    /// On eigenvectors of a symmetric `N`.
    pub growth: Growth,
}

/// The decomposition of the current step's `N`.
#[derive(Debug)]
pub(super) enum SpectralStep {
    /// Of `[F; G]`.
    Factors(SingularStep),
    /// Of `U`.
    Symmetric(SymmetricStep),
}

impl SpectralStep {
    pub fn new(shape: Shape) -> Self {
        match shape.is_symmetric() {
            true => SpectralStep::Symmetric(SymmetricStep::new(shape)),
            false => SpectralStep::Factors(SingularStep::new(shape)),
        }
    }

    /// `Z_{k+1}` from `Z_k` and `N_k`. Impossible if `N_k` is unknown or not finite, or beyond what `φ` is used for.
    pub fn prepare(&mut self, from: &Departure<'_>, phi: Phi, out: &mut State) -> Prepared {
        match self {
            SpectralStep::Factors(step) => step.prepare(from, phi.pairs, out),
            SpectralStep::Symmetric(step) => step.prepare(from, phi.growth, out),
        }
    }

    /// `φ((t − t_k) sym(N_k)) Z_k`, with the decomposition of the step that led on from `Z_k`.
    pub fn interpolate(&self, from: &Departure<'_>, phi: Phi, since: f64, out: &mut State) {
        match self {
            SpectralStep::Factors(step) => step.interpolate(from, phi.pairs, since, out),
            SpectralStep::Symmetric(step) => step.interpolate(from, phi.growth, since, out),
        }
    }
}
