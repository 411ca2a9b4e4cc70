//! The exponential step.

use super::discrete::{Departure, Prepared, Update};
use super::singular_step::Gains;
use super::spectral_step::{Phi, SpectralStep};
use crate::dynamics::{Shape, State};

/// `Z_{k+1} = e^{η sym(N_k)} Z_k`: the flow with `N` held for a step. It conserves the imbalance `FᵀF − GᵀG` to round-off; between points it is
/// `e^{(t − t_k) sym(N_k)} Z_k`, which does so too. With `N = P diag(s) Qᵀ` (THEORY 3.5)
///
/// `F⁺ = F + P[(cosh ηs − 1)PᵀF + sinh ηs QᵀG]`, `G⁺ = G + Q[(cosh ηs − 1)QᵀG + sinh ηs PᵀF]`.
///
/// In the symmetric model `U_{k+1} = e^{ηN_k} U_k`, by the eigenvalues of `N_k`.
///
/// For gradient flow alone: the field must answer with `N`. The decomposition of `N` allocates in every step.
#[derive(Debug)]
pub struct Exponential(SpectralStep);

impl Exponential {
    /// Steps for states of a shape.
    pub fn new(shape: Shape) -> Self {
        Exponential(SpectralStep::new(shape))
    }
}

/// `cosh x − 1 = 2 sinh²(x/2)` keeps its digits for small `x`.
fn gains(x: f64) -> Option<Gains> {
    let half = (0.5 * x).sinh();
    Some(Gains { own: 2.0 * half * half, other: x.sinh() })
}

/// `e^x − 1` keeps its digits for small `x` of either sign.
const PHI: Phi = Phi { pairs: gains, growth: |x| Some(x.exp_m1()) };

impl Update for Exponential {
    fn needs_drive(&self) -> bool {
        true
    }

    fn prepare(&mut self, from: &Departure<'_>, out: &mut State) -> Prepared {
        self.0.prepare(from, PHI, out)
    }

    fn interpolate(&self, from: &Departure<'_>, _end: &State, since: f64, out: &mut State) {
        self.0.interpolate(from, PHI, since, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_arguments_keep_their_digits() {
        for x in [1e-3_f64, 1e-9, 1e-100] {
            let Gains { own, other } = gains(x).unwrap();
            assert!((own / (0.5 * x * x * (1.0 + x * x / 12.0)) - 1.0).abs() < 1e-14, "{x}");
            assert!((other / (x * (1.0 + x * x / 6.0)) - 1.0).abs() < 1e-12, "{x}");
        }
    }
}
