//! What the bound of a perturbation is relative to.

use super::Circumstances;
use crate::config::{BoundSpec, Form, RelativeTo};
use crate::linalg::{View, operator_norm};

/// `b(t, Z)`: the operator norm that a perturbation may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    spec: BoundSpec,
    form: Form,
    /// `σ_r(Y)`, if the target is known.
    sigma_r: f64,
}

impl Bound {
    /// The bound of a specification; `sigma_r` is that of the target (1 if it is unknown and not needed).
    pub fn new(spec: BoundSpec, form: Form, sigma_r: f64) -> Self {
        Bound { spec, form, sigma_r }
    }

    /// Its value at a state: `bound`, `bound·σ_r` (additive: `bound·σ_r^{3/2}`), or `bound·‖R‖_op` (additive: `bound·‖R‖_op‖Z‖_op`),
    /// with the residual of the data, `N`, where the target is unknown.
    pub fn value(&self, circumstances: &Circumstances<'_>) -> f64 {
        self.fixed().unwrap_or_else(|| {
            let residual = operator_norm(circumstances.residual.unwrap_or(circumstances.drive));
            let additive = self.form == Form::Additive;
            let scale = if additive { residual * operator_norm(View::of(circumstances.state.matrix())) } else { residual };
            self.spec.bound * scale
        })
    }

    /// Its value, if it is the same at all states.
    pub fn fixed(&self) -> Option<f64> {
        let scale = match self.spec.relative_to {
            RelativeTo::Absolute => 1.0,
            RelativeTo::SigmaR if self.form == Form::Additive => self.sigma_r.powf(1.5),
            RelativeTo::SigmaR => self.sigma_r,
            RelativeTo::Residual => return None,
        };
        Some(self.spec.bound * scale)
    }
}
