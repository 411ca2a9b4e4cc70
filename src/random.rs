//! Random streams: one per purpose, so that changing one part of an experiment changes no other part's numbers.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};

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
    /// Starting points of the search for a lower bound of a restricted isometry constant, and of eigenvalue iterations.
    Rip,
    /// Perturbations; the stream index is made of interval and block (`perturbation::laws`).
    Perturbation,
    /// Which measurements a step of stochastic descent looks at; stream index = step.
    Batch,
    /// Measurements that are drawn for one step; stream index = `step · 2²⁴ + row`.
    Fresh,
    /// Inputs that a quadratic network has not seen.
    Inputs,
}

impl Purpose {
    fn tag(self) -> &'static [u8; 8] {
        match self {
            Purpose::Target => b"target  ",
            Purpose::Sensing => b"sensing ",
            Purpose::Noise => b"noise   ",
            Purpose::Initialisation => b"init    ",
            Purpose::Rip => b"rip     ",
            Purpose::Perturbation => b"perturb ",
            Purpose::Batch => b"batch   ",
            Purpose::Fresh => b"fresh   ",
            Purpose::Inputs => b"inputs  ",
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

/// `count` of the numbers `0 .. total`, every subset equally likely, ascending (Floyd's algorithm: `count` draws, one bit a number).
///
/// For `j = total − count, …, total − 1`: `t` uniform on `0 ..= j`; it joins the subset, or `j` does if `t` is in it already. More than `total`
/// numbers are all of them.
pub(crate) fn without_replacement(rng: &mut impl Rng, count: usize, total: usize) -> Vec<u32> {
    let mut chosen = vec![0_u64; total.div_ceil(64)];
    let mut add = |t: usize| {
        let bit = 1 << (t % 64);
        let fresh = chosen[t / 64] & bit == 0;
        chosen[t / 64] |= bit;
        fresh
    };
    for j in total.saturating_sub(count)..total {
        if !add(rng.random_range(0..=j as u64) as usize) {
            add(j);
        }
    }
    let mut subset = Vec::with_capacity(count.min(total));
    for (nth, &word) in chosen.iter().enumerate() {
        let mut rest = word;
        while rest != 0 {
            subset.push((64 * nth) as u32 + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
    subset
}

/// An integer below `n ≥ 1`, uniform: the high word of the 128-bit product of a word and `n`, words whose low word falls below `2⁶⁴ mod n`
/// drawn again (Lemire 2019).
pub fn below(rng: &mut impl Rng, n: u64) -> u64 {
    let threshold = n.wrapping_neg() % n;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(n);
        if product as u64 >= threshold {
            return (product >> 64) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::StandardNormal;

    /// Changing any of these numbers changes every result that anyone has kept.
    #[test]
    fn golden_streams() {
        let mut words = Vec::new();
        let mut normals: Vec<u64> = Vec::new();
        for purpose in [Purpose::Target, Purpose::Sensing, Purpose::Noise, Purpose::Initialisation, Purpose::Perturbation] {
            words.push(stream(7, purpose, 3).next_u64());
            let normal: f64 = stream(7, purpose, 3).sample(StandardNormal);
            normals.push(normal.to_bits());
        }
        // The words were recomputed from the definition of ChaCha8 (key, stream number as nonce) outside of Rust.
        assert_eq!(
            words,
            [0x38d1_5135_7b9d_ea87, 0xaaae_84aa_878c_7768, 0x3434_9c9a_f2aa_2ae5, 0x1d06_9d21_34ce_795c, 0x7063_05e0_38bd_c058]
        );
        assert_eq!(
            normals,
            [0xbfea_7b57_64c6_eb98, 0x3fe2_2b00_1f04_b899, 0xbfdd_3e5a_ee42_d584, 0xbff6_2a6f_fcf7_2b4f, 0xbfcc_7463_8f5b_982d]
        );
    }

    /// Recomputed like the words above.
    #[test]
    fn golden_words_of_steps() {
        let first = |purpose| stream(7, purpose, 3).next_u64();
        assert_eq!([first(Purpose::Batch), first(Purpose::Fresh)], [0x5e93_c18e_97c7_be9a, 0x8cfb_e61d_fa2c_462a]);
    }

    #[test]
    fn integers_stay_below_their_bound() {
        let mut rng = stream(1, Purpose::Batch, 0);
        assert!((0..1000).all(|_| below(&mut rng, 1) == 0));
        let seen: std::collections::BTreeSet<u64> = (0..1000).map(|_| below(&mut rng, 7)).collect();
        assert_eq!(seen, (0..7).collect());
        let large = (1 << 63) + 1;
        assert!((0..100).all(|_| below(&mut rng, large) < large));
    }

    #[test]
    fn seeds_purposes_and_indices_separate_streams() {
        let first = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        let base = first(7, Purpose::Sensing, 3);
        assert_eq!(base, first(7, Purpose::Sensing, 3));
        for other in [first(8, Purpose::Sensing, 3), first(7, Purpose::Noise, 3), first(7, Purpose::Sensing, 4)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn subsets_are_ascending_and_of_the_right_size() {
        for (count, total) in [(0, 5), (1, 1), (3, 64), (64, 64), (100, 130), (130, 130), (7, 5)] {
            let subset = without_replacement(&mut stream(1, Purpose::Sensing, 0), count, total);
            assert_eq!(subset.len(), count.min(total));
            assert!(subset.windows(2).all(|pair| pair[0] < pair[1]) && subset.iter().all(|&t| (t as usize) < total));
        }
    }

    /// 3 of 5: each of the ten subsets has probability 1/10. χ² with 9 degrees of freedom exceeds 33.7 with probability 1e-4.
    #[test]
    fn subsets_are_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        let draws = 5000;
        for seed in 0..draws {
            *counts.entry(without_replacement(&mut stream(seed, Purpose::Sensing, 0), 3, 5)).or_insert(0.0) += 1.0;
        }
        let expected = draws as f64 / 10.0;
        let chi_squared: f64 = counts.values().map(|count: &f64| (count - expected).powi(2) / expected).sum();
        assert!(counts.len() == 10 && chi_squared < 33.7, "{counts:?}: {chi_squared}");
    }
}
