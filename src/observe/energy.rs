//! How well the loss balances its own dissipation.

use super::{Observer, Sample, Shared};

pub(super) const COLUMNS: [&str; 1] = ["energy_defect"];

/// `|f(t) − f(0) + ∫₀ᵗ ‖∇f‖² ds| / f(0)`, the integral by the stepper's own weights. `f(0)` is taken from the sample at time 0 and is its
/// memory.
#[derive(Default)]
pub(super) struct EnergyDefect {
    initial_loss: Option<f64>,
}

impl Observer for EnergyDefect {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn observe(&mut self, sample: &Sample<'_>, _shared: &Shared, row: &mut [Option<f64>]) {
        let loss = sample.state.shape().loss_factor() * sample.answer.residual_norm_squared;
        if sample.t == 0.0 {
            self.initial_loss = Some(loss).filter(|loss| loss.is_finite());
        }
        row[0] = self.initial_loss.map(|initial| (loss - initial + sample.dissipation).abs() / initial);
    }

    fn memory(&self) -> Vec<f64> {
        self.initial_loss.into_iter().collect()
    }

    fn restore(&mut self, memory: &[f64]) -> bool {
        self.initial_loss = memory.first().copied();
        memory.len() <= 1
    }
}
