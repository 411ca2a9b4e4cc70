//! The same matrix at all times.

use super::{direction, numbers};
use crate::config::Direction;
use crate::linalg::DecompositionError;
use crate::perturbation::{Blocks, Circumstances, Perturbation};

/// `E(t) = W`, `‖W‖_op = 1`. In the shared form it is gradient flow towards `Y + bW` (THEORY 2.1).
pub(in crate::perturbation) struct Constant {
    blocks: Blocks,
}

impl Constant {
    /// Blocks of the shapes of `zeros`.
    ///
    /// # Errors
    /// If a singular value decomposition does not converge.
    pub fn new(seed: u64, direction: Direction, zeros: &Blocks) -> Result<Self, DecompositionError> {
        let mut blocks = zeros.clone();
        for (b, block) in blocks.matrices_mut().enumerate() {
            let rng = &mut numbers(seed, 0, b);
            *block = match zeros.is_symmetric() {
                true => direction::draw_symmetric(direction, rng, block.nrows())?,
                false => direction::draw(direction, rng, block.nrows(), block.ncols())?,
            };
        }
        Ok(Constant { blocks })
    }
}

impl Perturbation for Constant {
    fn evaluate(&mut self, _circumstances: &Circumstances<'_>, out: &mut Blocks) {
        out.matrices_mut().zip(self.blocks.matrices()).for_each(|(out, block)| out.copy_from(block));
    }
}
