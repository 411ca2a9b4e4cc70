//! Bounded perturbations of the flow: `Ż = (sym(N) + 𝓔(t, Z)) Z`, and its special forms.
//!
//! A law says *what* disturbs, in units of the bound; [`PerturbedFlow`] multiplies by the bound and drives the state. A law of one's own
//! implements [`Perturbation`] (`examples/own_law.rs`); [`build`] makes the flow of an experiment's law. `docs/perturbations.md` has the formulas.

mod bound;
mod build;
mod error;
mod flow;
mod laws;

pub use bound::Bound;
pub use build::{build, build_law};
pub use error::PerturbationError;
pub use flow::PerturbedFlow;

pub use crate::dynamics::Blocks;

use crate::dynamics::{Moment, State};
use crate::linalg::Matrix;

/// Where and when a law is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Flow time and piece.
    pub at: Moment,
    /// `Z`.
    pub state: &'a State,
    /// `N = A*(y − A(FGᵀ))`, `m × n`.
    pub drive: &'a Matrix,
    /// `R = Y − FGᵀ`, where the target is known.
    pub residual: Option<&'a Matrix>,
}

/// A law of perturbation, in units of the bound: every block that it writes has operator norm at most 1.
pub trait Perturbation: Send {
    /// Where piece `piece` ends (the law jumps there), if it ends. Integrators cut their steps there.
    fn piece_end(&self, _piece: u64) -> Option<f64> {
        None
    }

    /// A piece begins (also piece 0, at `t = 0`): the state is the trajectory's at that moment.
    fn enter(&mut self, _circumstances: &Circumstances<'_>) {}

    /// The blocks at a moment of the current piece: a function of the circumstances, and of what [`enter`](Self::enter) left. Moments come
    /// in any order, those of a finished step (for its dense output and samples) among those of the next. Should allocate nothing where it
    /// can: it is called at every stage of every step.
    fn evaluate(&mut self, circumstances: &Circumstances<'_>, out: &mut Blocks);

    /// What must be kept to go on in mid-piece, if [`enter`](Self::enter) left something.
    fn memory(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Goes back to what [`memory`](Self::memory) gave.
    fn restore(&mut self, _memory: &[f64]) {}

    /// Why the blocks are not finite, if that is the law's doing: a sentence for the record.
    fn complaint(&self) -> Option<String> {
        None
    }
}
