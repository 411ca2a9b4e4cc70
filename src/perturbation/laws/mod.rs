//! The laws, one file each. All are written in units of the bound: [`PerturbedFlow`](super::PerturbedFlow) multiplies.
//!
//! **Random streams.** Block `b` (0, or 1 for the second block of the two-sided form) draws from stream `2k + b` of
//! [`Purpose::Perturbation`](crate::random::Purpose::Perturbation): `k` is the interval for the piecewise law; for the others `k = 0` holds directions,
//! frames, frequencies and phases, and `k = 1` the path of the Ornstein–Uhlenbeck law.
//!
//! **The symmetric model.** Its one block `E` is symmetric: laws that draw a matrix draw a symmetric one of the same operator norm, from the same streams
//! (another matrix than the asymmetric model's).

mod adversarial;
mod conjugated;
mod constant;
mod descent;
mod direction;
mod limit;
mod modes;
mod ornstein_uhlenbeck;
mod piecewise;
mod replay;
mod rotating;
mod smooth;
mod symmetric_descent;

pub(super) use adversarial::Adversarial;
pub(super) use constant::Constant;
pub(super) use descent::Descent;
pub(super) use limit::AdversarialLimit;
pub(super) use ornstein_uhlenbeck::OrnsteinUhlenbeck;
pub(super) use piecewise::Piecewise;
pub(super) use replay::Replay;
pub(super) use rotating::Rotating;
pub(super) use smooth::Smooth;
pub(super) use symmetric_descent::SymmetricDescent;

use crate::random::{Purpose, stream};
use rand::rngs::ChaCha8Rng;

/// Stream `2k + b`.
fn numbers(seed: u64, k: u64, block: usize) -> ChaCha8Rng {
    stream(seed, Purpose::Perturbation, (2 * k).wrapping_add(block as u64))
}
