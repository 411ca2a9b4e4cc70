//! The adaptive subspace of gradient descent in the symmetric model, and the parts of the factor along it and across it (LMZ18; THEORY 2.3).
//!
//! With `M_k = −N_k` and `U_{k+1} = (I − ηM_k) U_k`,
//!
//! `S_0 = span(U_Y)`, `S_{k+1} = (I − ηM_k) S_k`, `Z_k = Id_{S_k} U_k`, `E_k = (I − Id_{S_k}) U_k`,
//!
//! so that `rank Z_k ≤ r` and `E_{k+1} = (I − Id_{S_{k+1}})(I − ηM_k) E_k` exactly: `(I − ηM_k) Z_k` lies in `S_{k+1}`. The paper's proof shows that `Z_k` grows
//! to the target while `E_k` stays small.

use super::{Motion, Observer, Sample, Shared};
use crate::dynamics::State;
use crate::linalg::{Form, Matrix, largest_principal_angle_sine, multiply, operator_norm, singular_values, thin_qr};
use crate::problem::Instance;

pub(super) const COLUMNS: [&str; 4] = ["adaptive_angle", "adaptive_signal_min", "adaptive_signal", "adaptive_error"];

/// `sin(S_k, U_Y)`, `σ_r(U_Yᵀ Z_k)`, `‖Z_k‖_op`, `‖E_k‖_op`.
///
/// `S_k` depends on every step: it is carried from step to step as an orthonormal basis. Undefined for other models, methods than gradient descent, and without
/// a target.
pub(super) struct AdaptiveSubspace {
    /// `d × r`, orthonormal columns.
    basis: Option<Matrix>,
}

impl AdaptiveSubspace {
    /// `S_0` of an instance.
    pub fn new(instance: &Instance, initial: &State, motion: Motion) -> Self {
        let applies = initial.shape().is_symmetric() && matches!(motion, Motion::Descent(_));
        let basis = instance.target.as_ref().filter(|_| applies).map(|target| target.left.clone());
        AdaptiveSubspace { basis }
    }
}

/// `Id_S U` and `(I − Id_S) U` for the span of orthonormal columns.
pub(super) fn split(basis: &Matrix, state: &State) -> [Matrix; 2] {
    let along = multiply(Form::Plain, basis, &multiply(Form::LeftTransposed, basis, state.left()));
    let across = state.matrix() - &along;
    [along, across]
}

impl Observer for AdaptiveSubspace {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn needs_answer(&self) -> bool {
        false
    }

    fn observe(&mut self, sample: &Sample<'_>, _shared: &Shared, row: &mut [Option<f64>]) {
        let (Some(basis), Some(target)) = (&self.basis, &sample.instance.target) else { return };
        let [along, across] = split(basis, sample.state);
        let signal = singular_values(&multiply(Form::LeftTransposed, &target.left, &along)).ok();
        row[0] = Some(largest_principal_angle_sine(basis, &target.left));
        row[1] = signal.and_then(|values| values.get(target.rank().checked_sub(1)?).copied());
        row[2] = Some(operator_norm(&along));
        row[3] = Some(operator_norm(&across));
    }

    fn follows_steps(&self) -> bool {
        self.basis.is_some()
    }

    fn step(&mut self, step_size: f64, drive: &Matrix) {
        if let Some(basis) = &mut self.basis {
            *basis += multiply(Form::Plain, drive, &*basis) * step_size;
            *basis = thin_qr(&*basis).0;
        }
    }

    fn memory(&self) -> Vec<f64> {
        self.basis.as_ref().map_or_else(Vec::new, |basis| basis.as_slice().to_vec())
    }

    fn restore(&mut self, memory: &[f64]) -> bool {
        match &mut self.basis {
            Some(basis) if basis.len() == memory.len() => {
                basis.as_mut_slice().copy_from_slice(memory);
                true
            }
            Some(_) => false,
            None => memory.is_empty(),
        }
    }
}
