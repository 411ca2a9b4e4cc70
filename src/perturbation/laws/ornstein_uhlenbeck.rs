//! Ornstein–Uhlenbeck paths, reflected at the bound.

use super::modes::Modes;
use super::numbers;
use crate::perturbation::{Blocks, Circumstances, Perturbation};
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Standard deviation of the process before reflection: the bound is two of them away.
const DEVIATION: f64 = 0.5;

/// `E(t) = U diag(d(t)) Vᵀ`; `d_i = fold(X_i)` at the points `k·resolution`, linear between them. `X_i` are independent stationary Ornstein–Uhlenbeck
/// processes with mean 0, standard deviation ½ and autocorrelation `e^{−|s|/correlation_time}`, by their exact transition
/// `X_{k+1} = ρX_k + ½√(1−ρ²) ξ_k`, `ρ = e^{−resolution/correlation_time}`, `X_0 ~ N(0, ¼)`; `fold` reflects at ±1 as often as needed.
///
/// The path depends on seed and resolution alone: the integrator cuts its steps at the points, whatever else it does. Points are made as they are
/// needed, and from the beginning if an earlier piece is asked for. Allocates nothing.
pub(in crate::perturbation) struct OrnsteinUhlenbeck {
    resolution: f64,
    blocks: Vec<(Modes, Path)>,
}

struct Path {
    seed: u64,
    block: usize,
    rng: ChaCha8Rng,
    persistence: f64,
    /// Index `k` of the interval that `from` and `to` are the ends of.
    interval: u64,
    /// `X_{k+1}`
    free: Vec<f64>,
    from: Vec<f64>,
    to: Vec<f64>,
}

impl Path {
    fn new(seed: u64, block: usize, persistence: f64, count: usize) -> Self {
        let rng = numbers(seed, 1, block);
        let zeros = || vec![0.0; count];
        let mut path = Path { seed, block, rng, persistence, interval: 0, free: zeros(), from: zeros(), to: zeros() };
        path.restart();
        path
    }

    fn restart(&mut self) {
        (self.rng, self.interval) = (numbers(self.seed, 1, self.block), 0);
        self.extend(0.0);
        self.extend(self.persistence);
    }

    /// One point more. With persistence 0 it is independent of the last one: the first point.
    fn extend(&mut self, persistence: f64) {
        let spread = DEVIATION * (-persistence).mul_add(persistence, 1.0).sqrt();
        std::mem::swap(&mut self.from, &mut self.to);
        for (free, to) in self.free.iter_mut().zip(&mut self.to) {
            let normal: f64 = StandardNormal.sample(&mut self.rng);
            *free = persistence * *free + spread * normal;
            *to = fold(*free);
        }
    }

    fn seek(&mut self, interval: u64) {
        if interval < self.interval {
            self.restart();
        }
        while self.interval < interval {
            self.extend(self.persistence);
            self.interval += 1;
        }
    }
}

/// Reflects at −1 and 1 until the value lies between.
fn fold(x: f64) -> f64 {
    let along = (x + 1.0).rem_euclid(4.0);
    (if along > 2.0 { 4.0 - along } else { along }) - 1.0
}

impl OrnsteinUhlenbeck {
    /// Blocks of the shapes of `zeros`.
    pub fn new(seed: u64, correlation_time: f64, resolution: f64, zeros: &Blocks) -> Self {
        let persistence = (-resolution / correlation_time).exp();
        let blocks = zeros.matrices().enumerate().map(|(b, block)| {
            let modes = Modes::draw(&mut numbers(seed, 0, b), zeros, block.shape());
            let path = Path::new(seed, b, persistence, modes.count());
            (modes, path)
        });
        OrnsteinUhlenbeck { resolution, blocks: blocks.collect() }
    }
}

impl Perturbation for OrnsteinUhlenbeck {
    fn piece_end(&self, piece: u64) -> Option<f64> {
        Some((piece + 1) as f64 * self.resolution)
    }

    fn evaluate(&mut self, circumstances: &Circumstances<'_>, out: &mut Blocks) {
        let at = circumstances.at;
        let weight = ((at.t - at.piece as f64 * self.resolution) / self.resolution).clamp(0.0, 1.0);
        for (out, (modes, path)) in out.matrices_mut().zip(&mut self.blocks) {
            path.seek(at.piece);
            modes.write(path.from.iter().zip(&path.to).map(|(from, to)| (1.0 - weight) * from + weight * to), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_reflects_at_both_ends() {
        let pairs = [
            (0.0, 0.0),
            (0.7, 0.7),
            (-1.0, -1.0),
            (1.0, 1.0),
            (1.25, 0.75),
            (-1.5, -0.5),
            (3.0, -1.0),
            (3.5, -0.5),
            (5.25, 0.75),
            (-3.25, 0.75),
        ];
        for (x, folded) in pairs {
            assert_eq!(fold(x), folded, "{x}");
        }
    }

    /// Of 4000 modes: the variance is that of the folded normal law at every point, and the covariance falls as that of the process. Folding moves
    /// them from ¼ and ¼ρ by less than 0.03; the standard error is 0.006.
    #[test]
    fn points_are_stationary_with_the_right_correlation() {
        let mut path = Path::new(5, 0, 0.5, 4000);
        for interval in [0, 1, 2, 7] {
            path.seek(interval);
            let mean = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / 4000.0;
            let (variance, covariance) = (mean(&path.from, &path.from), mean(&path.from, &path.to));
            assert!((variance - 0.235).abs() < 0.03, "{interval}: {variance}");
            assert!((covariance - 0.12).abs() < 0.03, "{interval}: {covariance}");
        }
    }

    #[test]
    fn going_back_gives_the_same_points() {
        let mut path = Path::new(5, 1, 0.9, 3);
        path.seek(4);
        let there = (path.from.clone(), path.to.clone());
        path.seek(9);
        path.seek(4);
        assert_eq!((path.from, path.to), there);
    }
}
