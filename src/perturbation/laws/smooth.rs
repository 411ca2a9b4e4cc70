//! A band-limited random path.

use super::modes::Modes;
use super::numbers;
use crate::perturbation::{Blocks, Circumstances, Perturbation};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use std::f64::consts::{PI, TAU};

/// Sinusoids in each mode: enough that no period is seen, few enough that the root mean square `1/√12` is no small part of the bound.
const SINUSOIDS: usize = 6;

/// `E(t) = U diag(d(t)) Vᵀ` with `d_i(t) = ⅙ Σ_j cos(ω_ij t + φ_ij)`, six terms, `ω_ij` uniform below the band limit `Ω = π/correlation_time`, `φ_ij` uniform:
/// `|d_i| ≤ 1` at all times, derivatives at most `Ω^k`, and an expected autocorrelation `sin(Ωs)/(12Ωs)`, which first vanishes at the correlation time.
pub(in crate::perturbation) struct Smooth {
    blocks: Vec<(Modes, Vec<Wave>)>,
}

/// Frequencies and phases of one mode.
type Wave = [(f64, f64); SINUSOIDS];

fn value(wave: &Wave, t: f64) -> f64 {
    wave.iter().map(|(frequency, phase)| (frequency * t + phase).cos()).sum::<f64>() / SINUSOIDS as f64
}

impl Smooth {
    /// Blocks of the shapes of `zeros`.
    pub fn new(seed: u64, correlation_time: f64, zeros: &Blocks) -> Self {
        let limit = PI / correlation_time;
        let wave = |rng: &mut ChaCha8Rng| [(); SINUSOIDS].map(|()| (limit * rng.random::<f64>(), TAU * rng.random::<f64>()));
        let blocks = zeros.matrices().enumerate().map(|(b, block)| {
            let mut rng = numbers(seed, 0, b);
            let modes = Modes::draw(&mut rng, zeros, block.shape());
            let waves = (0..modes.count()).map(|_| wave(&mut rng)).collect();
            (modes, waves)
        });
        Smooth { blocks: blocks.collect() }
    }
}

impl Perturbation for Smooth {
    fn evaluate(&mut self, circumstances: &Circumstances<'_>, out: &mut Blocks) {
        for (out, (modes, waves)) in out.matrices_mut().zip(&mut self.blocks) {
            modes.write(waves.iter().map(|wave| value(wave, circumstances.at.t)), out);
        }
    }
}
