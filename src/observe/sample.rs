//! What observers look at.

use crate::dynamics::{Blocks, Drive, State};
use crate::linalg::{Matrix, ProductSpectrum, operator_norm};
use crate::problem::Instance;
use crate::sensing::Answer;
use std::sync::OnceLock;

/// A recorded point of a trajectory, with everything that was computed there.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The experiment's instance.
    pub instance: &'a Instance,
    /// Flow time.
    pub t: f64,
    /// `Z`.
    pub state: &'a State,
    /// The operator's answer at `Z`: `N`, `FGᵀ`, `‖y − A(FGᵀ)‖²`.
    pub answer: &'a Answer,
    /// `R = Y − FGᵀ`, where the target is known.
    pub residual: Option<&'a Matrix>,
    /// `∫₀ᵗ ‖∇f‖² ds` by the stepper's own weights.
    pub dissipation: f64,
    /// What a law imposes there, on a perturbed flow.
    pub imposed: Option<&'a Blocks>,
    /// What drives the step that begins there, on a descent whose steps have a matrix of their own.
    pub drive: Option<Drive<'a>>,
}

/// What several families need of one sample: computed by the first that asks, then kept until the sample is done.
#[derive(Debug, Default)]
pub struct Shared {
    spectrum: OnceLock<Option<ProductSpectrum>>,
    measurement_error: OnceLock<Option<f64>>,
    descent: OnceLock<State>,
}

impl Shared {
    /// The singular values of `FGᵀ`, from the factors, and its first singular vectors; `None` if they are not finite.
    pub fn spectrum(&self, sample: &Sample<'_>) -> Option<&ProductSpectrum> {
        self.spectrum.get_or_init(|| spectrum(sample.state)).as_ref()
    }

    /// The same, handed over when the sample is done.
    pub fn into_spectrum(self, sample: &Sample<'_>) -> Option<ProductSpectrum> {
        self.spectrum.into_inner().unwrap_or_else(|| spectrum(sample.state))
    }

    /// `−∇f = [NG; NᵀF]`; `NU` in the symmetric model.
    pub fn descent(&self, sample: &Sample<'_>) -> &State {
        self.descent.get_or_init(|| {
            let mut descent = State::zeros(sample.state.shape());
            sample.state.drive_into(1.0, &sample.answer.matrix, &mut descent);
            descent
        })
    }

    /// `‖(A*A − I)(R)‖_op = ‖N − R − A*(e)‖_op`; `None` without a target.
    pub fn measurement_error(&self, sample: &Sample<'_>) -> Option<f64> {
        *self.measurement_error.get_or_init(|| {
            let (residual, noise) = (sample.residual?, sample.instance.noise_adjoint.as_ref()?);
            // N − R first: with small noise they are the two close ones.
            Some(operator_norm(&(&sample.answer.matrix - residual - noise)))
        })
    }
}

fn spectrum(state: &State) -> Option<ProductSpectrum> {
    match state.shape().is_symmetric() {
        true => ProductSpectrum::of_square(state.left()).ok(),
        false => ProductSpectrum::of(state.left(), state.right()).ok(),
    }
}
