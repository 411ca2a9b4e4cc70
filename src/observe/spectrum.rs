//! Ranks of `FGᵀ`, soft and hard.

use super::{Observer, Sample, Shared};

pub(super) const COLUMNS: [&str; 2] = ["effective_rank", "numerical_rank"];

/// A singular value counts for the numerical rank above this fraction of the largest.
const RANK_THRESHOLD: f64 = 1e-3;

/// `exp(−Σ p_i ln p_i)` with `p_i = σ_i/Σσ`, and `#{σ_i > 10⁻³ σ₁}`.
pub(super) struct Spectrum;

/// `exp` of the entropy; `None` for no or only zero singular values.
fn effective_rank(values: &[f64]) -> Option<f64> {
    let largest = values.first().copied().filter(|s| *s > 0.0)?;
    // Relative to the largest, so that the sum cannot overflow and tiny spectra keep their digits.
    let total: f64 = values.iter().map(|s| s / largest).sum();
    let entropy: f64 = values.iter().map(|s| s / largest / total).filter(|p| *p > 0.0).map(|p| -p * p.ln()).sum();
    Some(entropy.exp())
}

impl Observer for Spectrum {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn needs_answer(&self) -> bool {
        false
    }

    fn observe(&mut self, sample: &Sample<'_>, shared: &Shared, row: &mut [Option<f64>]) {
        let Some(spectrum) = shared.spectrum(sample) else { return };
        let largest = spectrum.values.first().copied().unwrap_or(0.0);
        row[0] = effective_rank(&spectrum.values);
        row[1] = Some(spectrum.values.iter().filter(|s| **s > RANK_THRESHOLD * largest).count() as f64);
    }
}
