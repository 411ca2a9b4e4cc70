//! A new direction for every interval.

use super::{direction, numbers};
use crate::perturbation::{Blocks, Circumstances, Perturbation};

/// On `[k·interval, (k+1)·interval)`, a Gaussian matrix (in the symmetric model its symmetric part) over its operator norm, drawn from the seed and `k` alone. Allocates once an interval.
pub(in crate::perturbation) struct Piecewise {
    seed: u64,
    interval: f64,
    drawn: Option<u64>,
    blocks: Blocks,
}

impl Piecewise {
    /// Blocks of the shapes of `zeros`.
    pub fn new(seed: u64, interval: f64, zeros: &Blocks) -> Self {
        Piecewise { seed, interval, drawn: None, blocks: zeros.clone() }
    }
}

impl Perturbation for Piecewise {
    fn piece_end(&self, piece: u64) -> Option<f64> {
        Some((piece + 1) as f64 * self.interval)
    }

    fn evaluate(&mut self, circumstances: &Circumstances<'_>, out: &mut Blocks) {
        let piece = circumstances.at.piece;
        if self.drawn != Some(piece) {
            let symmetric = self.blocks.is_symmetric();
            for (b, block) in self.blocks.matrices_mut().enumerate() {
                let rng = &mut numbers(self.seed, piece, b);
                *block = match symmetric {
                    true => direction::symmetric_gaussian(rng, block.nrows()),
                    false => direction::gaussian(rng, block.nrows(), block.ncols()),
                };
            }
            self.drawn = Some(piece);
        }
        out.matrices_mut().zip(self.blocks.matrices()).for_each(|(out, block)| out.copy_from(block));
    }
}
