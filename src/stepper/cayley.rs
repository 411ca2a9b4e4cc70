//! The Cayley step.

use super::discrete::{Departure, Prepared, Update};
use super::singular_step::Gains;
use super::spectral_step::{Phi, SpectralStep};
use crate::dynamics::{Shape, State};

/// `Z_{k+1} = (I − (η/2) sym(N_k))⁻¹ (I + (η/2) sym(N_k)) Z_k`: the (1,1) Padé approximation of the exponential step, which conserves the imbalance
/// `FᵀF − GᵀG` to round-off as well. Between points, the step of length `t − t_k`.
///
/// With `N = P diag(s) Qᵀ` the matrix acts on each pair `(PᵀF, QᵀG)_i` as `[[c, d],[d, c]]`, `c = (1 + θ²)/(1 − θ²)`, `d = 2θ/(1 − θ²)`, `θ = ηs_i/2` (half the
/// sum and half the difference of its eigenvalues `(1 ± θ)/(1 ∓ θ)`); no system is solved. `c − 1 = 2θ²/(1 − θ²)` keeps its digits.
///
/// At `η‖N_k‖ ≥ 2` the inverse has passed a pole and the step would be a plausible number of the wrong sign: the stepper fails there as
/// [`NonFinite`](super::Failure::NonFinite). For gradient flow alone: the field must answer with `N`. The decomposition of `N` allocates in
/// every step.
///
/// In the symmetric model `U_{k+1} = (I − (η/2)N_k)⁻¹(I + (η/2)N_k) U_k` by the eigenvalues of `N_k`, within the same limit: at an eigenvalue
/// `λ ≤ −2/η`, where there is no pole, the factor has passed zero, and modes would change sign where the flow makes them decay.
#[derive(Debug)]
pub struct Cayley(SpectralStep);

impl Cayley {
    /// Steps for states of a shape.
    pub fn new(shape: Shape) -> Self {
        Cayley(SpectralStep::new(shape))
    }
}

fn gains(x: f64) -> Option<Gains> {
    let theta = 0.5 * x;
    // Without the rounding of 1 − θ² near the pole.
    let gap = (1.0 - theta) * (1.0 + theta);
    (theta < 1.0).then(|| Gains { own: 2.0 * theta * theta / gap, other: 2.0 * theta / gap })
}

/// `φ(x) − 1 = (1 + θ)/(1 − θ) − 1`, `θ = x/2`, where `|θ| < 1`.
fn growth(x: f64) -> Option<f64> {
    let theta = 0.5 * x;
    (theta.abs() < 1.0).then(|| 2.0 * theta / (1.0 - theta))
}

const PHI: Phi = Phi { pairs: gains, growth };

impl Update for Cayley {
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
    fn the_gains_are_those_of_the_two_by_two_system() {
        // (I − θ J)⁻¹(I + θ J), J = [[0,1],[1,0]], has the eigenvalues (1 ± θ)/(1 ∓ θ).
        for theta in [1e-9_f64, 0.1, 0.5, 0.99] {
            let Gains { own, other } = gains(2.0 * theta).unwrap();
            assert!((1.0 + own + other - (1.0 + theta) / (1.0 - theta)).abs() < 1e-14 / (1.0 - theta).powi(2));
            assert!((1.0 + own - other - (1.0 - theta) / (1.0 + theta)).abs() < 1e-14 / (1.0 - theta).powi(2));
            assert!((own / (2.0 * theta * theta / (1.0 - theta * theta)) - 1.0).abs() < 1e-13);
        }
        assert_eq!(gains(2.0), None);
        assert_eq!(gains(f64::NAN), None);
        assert_eq!((growth(2.0), growth(-2.0), growth(f64::NAN)), (None, None, None));
        for x in [-1.9, -0.3, 1e-9, 0.7] {
            let Gains { own, other } = gains(f64::abs(x)).unwrap();
            assert!((growth(x).unwrap() - (own + other * x.signum())).abs() < 1e-13 / (1.0 - 0.5 * x.abs()).powi(2));
        }
    }
}
