//! Random streams: one per purpose, so that changing one part of an experiment changes no other part's numbers.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// What random numbers are drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Singular vectors of the target.
    Target,
    /// Measurement matrices; stream index = row.
    Sensing,
    /// Measurement noise.
    Noise,
    /// Initial factors.
    Initialisation,
}

impl Purpose {
    fn tag(self) -> &'static [u8; 8] {
        match self {
            Purpose::Target => b"target  ",
            Purpose::Sensing => b"sensing ",
            Purpose::Noise => b"noise   ",
            Purpose::Initialisation => b"init    ",
        }
    }
}

/// ChaCha8 with the 256-bit key `seed (8 bytes, little-endian) ‖ tag of the purpose (8 bytes) ‖ 0` and the given stream
/// number, at its beginning.
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(purpose.tag());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(index);
    rng
}
