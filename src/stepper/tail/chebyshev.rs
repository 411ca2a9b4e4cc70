//! The stabilised method of order 2 of Sommeijer, Shampine and Verwer.

use super::scheme::{Ends, Scheme, Step, Task};
use crate::dynamics::State;
use crate::random::{Purpose, stream};
use crate::stepper::controller::Control;
use crate::stepper::krylov::{Krylov, dot, norm};
use rand_distr::{Distribution, StandardNormal};

/// The part of the tolerance that a step is controlled to: true errors of this method are larger than its estimates.
pub(super) const SHARE: f64 = 0.1;

/// Most stages of a step.
const MOST_STAGES: f64 = 250.0;
/// `s = 1 + ⌊√(1 + 1.54 hρ)⌋`
const STABILITY: f64 = 1.54;
/// What an estimate of the spectral radius, which comes from within, is multiplied by.
const MARGIN: f64 = 1.1;
/// Products of an estimate from nothing, and of one from the last dominant vector.
const PRODUCTS: [usize; 2] = [12, 2];
/// Steps that an estimate is good for.
const LIFETIME: u32 = 15;
/// An estimate is made from nothing again when `‖Z‖²`, which the curvature is made of, has moved by this part of the radius.
const MOTION: f64 = 0.25;
/// Stream of the starting direction, apart from those of other eigenvalue searches.
const STREAM: u64 = 1 << 33;

/// With `s` stages, `ε = 2/13`, `w₀ = 1 + ε/s²`, `w₁ = T_s'(w₀)/T_s''(w₀)`, `b_j = T_j''(w₀)/T_j'(w₀)²` (`b₀ = b₁ = b₂`) and `a_j = 1 − b_j
/// T_j(w₀)`,
///
/// `Y₁ = Z + h w₁ b₁ V(Z)`, `Y_j = (1 − μ_j − ν_j) Z + μ_j Y_{j−1} + ν_j Y_{j−2} + h μ̃_j (V(Y_{j−1}) − a_{j−1} V(Z))`, `Z⁺ = Y_s`,
///
/// `μ_j = 2w₀ b_j/b_{j−1}`, `ν_j = −b_j/b_{j−2}`, `μ̃_j = 2w₁ b_j/b_{j−1}`. Stable for `hρ ≤ ⅔(s² − 1)(1 − 2ε/15)` on a real spectrum. The
/// error estimate is `⅘(Z − Z⁺) + ⅖h(V(Z) + V(Z⁺))`. `∫‖V‖²` is one more component of the same recursion.
#[derive(Debug)]
pub(super) struct Chebyshev {
    /// The spectral radius, with its margin, once it is known.
    radius: Option<f64>,
    /// Steps since it was estimated, and `‖Z‖²` there.
    age: u32,
    size_squared: f64,
    /// The dominant vector.
    dominant: Vec<f64>,
    space: Krylov,
    /// Products that the estimate under way takes.
    wanted: usize,
    stages: u32,
    stage: u32,
    recursion: Recursion,
    /// `Y_{j−1}`, `Y_{j−2}`, and the same of the dissipation.
    points: [State; 2],
    sums: [f64; 2],
    rate: State,
    /// `∫‖V‖²` over the last step.
    dissipated: f64,
}

/// Chebyshev polynomials at `w₀` with their derivatives, and what follows.
#[derive(Clone, Copy, Debug, Default)]
struct Recursion {
    w0: f64,
    w1: f64,
    /// `T`, `T'`, `T''` at `j − 1` and `j − 2`.
    values: [[f64; 2]; 3],
    /// `b_{j−1}`, `b_{j−2}`
    b: [f64; 2],
    /// The nodes of `Y_{j−1}`, `Y_{j−2}`.
    nodes: [f64; 2],
}

/// Coefficients of a stage.
struct Coefficients {
    mu: f64,
    nu: f64,
    mu_tilde: f64,
    a: f64,
}

impl Recursion {
    /// Up to the first stage; with `μ̃₁`.
    fn new(stages: u32) -> (Self, f64) {
        let s = f64::from(stages);
        let w0 = 1.0 + 2.0 / (13.0 * s * s);
        let root = (w0 * w0 - 1.0).sqrt();
        let argument = s * (w0 + root).ln();
        let w1 = argument.sinh() * root * root / (argument.cosh() * s * root - w0 * argument.sinh());
        let b = 1.0 / (4.0 * w0 * w0);
        let first = w1 * b;
        (Recursion { w0, w1, values: [[w0, 1.0], [1.0, 0.0], [0.0, 0.0]], b: [b, b], nodes: [first, 0.0] }, first)
    }

    /// Goes on to stage `j`.
    fn next(&mut self) -> Coefficients {
        let [t, d, dd] = self.values;
        let two_w0 = 2.0 * self.w0;
        let value = two_w0 * t[0] - t[1];
        let first = two_w0 * d[0] - d[1] + 2.0 * t[0];
        let second = two_w0 * dd[0] - dd[1] + 4.0 * d[0];
        let b = second / (first * first);
        let a = 1.0 - t[0] * self.b[0];
        let (mu, nu, mu_tilde) = (two_w0 * b / self.b[0], -b / self.b[1], 2.0 * self.w1 * b / self.b[0]);
        let node = mu * self.nodes[0] + nu * self.nodes[1] + mu_tilde * (1.0 - a);
        self.values = [[value, t[0]], [first, d[0]], [second, dd[0]]];
        (self.b, self.nodes) = ([b, self.b[0]], [node, self.nodes[0]]);
        Coefficients { mu, nu, mu_tilde, a }
    }
}

impl Chebyshev {
    pub fn new(state: &State) -> Self {
        let zeros = || State::zeros(state.shape());
        Chebyshev {
            radius: None,
            age: 0,
            size_squared: 0.0,
            dominant: vec![0.0; state.as_slice().len()],
            space: Krylov::default(),
            wanted: 0,
            stages: 2,
            stage: 1,
            recursion: Recursion::default(),
            points: [zeros(), zeros()],
            sums: [0.0; 2],
            rate: zeros(),
            dissipated: 0.0,
        }
    }

    /// Begins an estimate of the spectral radius, from the last dominant vector, or from that and as much of a random one.
    fn estimate(&mut self, anew: bool) -> Task {
        if anew {
            let mut rng = stream(0, Purpose::Rip, STREAM);
            let random: Vec<f64> = self.dominant.iter().map(|_| StandardNormal.sample(&mut rng)).collect();
            let size = norm(&random);
            self.dominant.iter_mut().zip(&random).for_each(|(x, random)| *x += random / size);
        }
        self.wanted = PRODUCTS[usize::from(!anew)];
        self.space.begin(&self.dominant);
        if self.space.is_exhausted() { Task::Size } else { Task::Product }
    }

    /// Writes stage `j`, or the end.
    fn write_stage(&mut self, step: &mut Step<'_>, square: f64) {
        let Coefficients { mu, nu, mu_tilde, a } = self.recursion.next();
        let Step { size, ends, .. } = step;
        let [before, oldest] = &mut self.points;
        let out = if self.stage == self.stages {
            ends.end.as_mut_slice().copy_from_slice(oldest.as_slice());
            &mut ends.end
        } else {
            oldest
        };
        let points = out.as_mut_slice().iter_mut().zip(before.as_slice()).zip(ends.start.as_slice());
        let rates = self.rate.as_slice().iter().zip(ends.start_rate.as_slice());
        for (((out, before), start), (rate, first)) in points.zip(rates) {
            *out = mu * before + nu * *out + (1.0 - mu - nu) * start + *size * mu_tilde * (rate - a * first);
        }
        let sum = mu * self.sums[0] + nu * self.sums[1] + *size * mu_tilde * (square - a * ends.start_square);
        self.points.swap(0, 1);
        self.sums = [sum, self.sums[0]];
    }
}

impl Scheme for Chebyshev {
    fn control(&self) -> Control {
        Control { exponent: 1.0 / 3.0, beta: 0.04, beta_share: 0.2, safety: 0.8, shrink: 0.2, growth: 5.0 }
    }

    fn prepare(&mut self, step: &Step<'_>, again: bool) -> Task {
        self.age += u32::from(!again);
        let square = dot(step.ends.start.as_slice(), step.ends.start.as_slice());
        let anew = self.radius.is_none_or(|radius| (square - self.size_squared).abs() > MOTION * radius);
        if !anew && self.age <= if again { 1 } else { LIFETIME } {
            return Task::Size;
        }
        // Age 1 is this point's own.
        (self.size_squared, self.age) = (square, 1);
        self.estimate(anew)
    }

    fn largest_step(&self) -> f64 {
        let radius = self.radius.unwrap_or(0.0);
        // Rounding must not make it one stage more.
        if radius > 0.0 { ((MOST_STAGES - 1e-6).powi(2) - 1.0) / (STABILITY * radius) } else { f64::INFINITY }
    }

    fn attempt(&mut self, step: &mut Step<'_>) -> Task {
        let stages = 1.0 + (1.0 + STABILITY * step.size * self.radius.unwrap_or(0.0)).sqrt().floor();
        self.stages = stages.clamp(2.0, MOST_STAGES) as u32;
        let (recursion, first) = Recursion::new(self.stages);
        (self.recursion, self.stage) = (recursion, 1);
        let [before, oldest] = &mut self.points;
        oldest.as_mut_slice().copy_from_slice(step.ends.start.as_slice());
        let from = step.ends.start.as_slice().iter().zip(step.ends.start_rate.as_slice());
        for (out, (start, rate)) in before.as_mut_slice().iter_mut().zip(from) {
            *out = start + step.size * first * rate;
        }
        self.sums = [step.size * first * step.ends.start_square, 0.0];
        Task::Rate
    }

    fn direction(&self) -> &[f64] {
        self.space.direction()
    }

    fn multiplied(&mut self, _step: &mut Step<'_>, image: &mut [f64]) -> Task {
        if !self.space.supply(image) {
            return Task::Impossible;
        }
        if self.space.dimension() < self.wanted && !self.space.is_exhausted() {
            return Task::Product;
        }
        self.radius = Some(MARGIN * self.space.dominant(&mut self.dominant).abs());
        Task::Size
    }

    fn stage(&mut self) -> (&State, &mut State) {
        (&self.points[0], &mut self.rate)
    }

    fn stage_point(&self) -> &State {
        &self.points[0]
    }

    fn node(&self) -> f64 {
        self.recursion.nodes[0]
    }

    fn evaluated(&mut self, step: &mut Step<'_>, square: f64) -> Task {
        self.stage += 1;
        self.write_stage(step, square);
        if self.stage < self.stages {
            return Task::Rate;
        }
        self.dissipated = self.sums[0];
        Task::End
    }

    fn error(&mut self, step: &Step<'_>) -> f64 {
        let Step { size, ends, .. } = step;
        let points = ends.start.as_slice().iter().zip(ends.end.as_slice());
        let rates = ends.start_rate.as_slice().iter().zip(ends.end_rate.as_slice());
        let estimate = points.zip(rates).zip(self.rate.as_mut_slice());
        for (((start, end), (first, last)), out) in estimate {
            *out = 0.8 * (start - end) + 0.4 * size * (first + last);
        }
        self.rate.norm()
    }

    fn interpolate(&self, theta: f64, size: f64, ends: &Ends, out: &mut State) {
        let weights = hermite(theta);
        let points = ends.start.as_slice().iter().zip(ends.end.as_slice());
        let rates = ends.start_rate.as_slice().iter().zip(ends.end_rate.as_slice());
        for (out, ((start, end), (first, last))) in out.as_mut_slice().iter_mut().zip(points.zip(rates)) {
            *out = start + weights[0] * (end - start) + size * (weights[1] * first + weights[2] * last);
        }
    }

    fn interpolate_rate(&self, theta: f64, size: f64, ends: &Ends, out: &mut State) {
        let rest = 1.0 - theta;
        let (chord, first_weight, last_weight) = (6.0 * theta * rest / size, rest * (rest - 2.0 * theta), theta * (theta - 2.0 * rest));
        let points = ends.start.as_slice().iter().zip(ends.end.as_slice());
        let rates = ends.start_rate.as_slice().iter().zip(ends.end_rate.as_slice());
        for (out, ((start, end), (first, last))) in out.as_mut_slice().iter_mut().zip(points.zip(rates)) {
            *out = chord * (end - start) + first_weight * first + last_weight * last;
        }
    }

    fn dissipated(&self, theta: f64, size: f64, ends: &Ends) -> f64 {
        if theta >= 1.0 {
            return self.dissipated;
        }
        let weights = hermite(theta);
        weights[0] * self.dissipated + size * (weights[1] * ends.start_square + weights[2] * ends.end_square)
    }

    fn memory(&self) -> Vec<f64> {
        let numbers = [self.radius.unwrap_or(-1.0), f64::from(self.age), self.size_squared];
        numbers.into_iter().chain(self.dominant.iter().copied()).collect()
    }

    fn restore(&mut self, memory: &[f64]) {
        let Some((&[radius, age, size_squared], dominant)) = memory.split_first_chunk::<3>() else { return };
        (self.radius, self.age, self.size_squared) = ((radius >= 0.0).then_some(radius), age as u32, size_squared);
        self.dominant.copy_from_slice(dominant);
    }
}

/// Weights of the chord and of both slopes of a cubic Hermite polynomial.
fn hermite(theta: f64) -> [f64; 3] {
    let rest = 1.0 - theta;
    [theta * theta * (3.0 - 2.0 * theta), theta * rest * rest, -theta * theta * rest]
}
