//! The exponential Rosenbrock method of order 4 with two stages.

use super::scheme::{Ends, Scheme, Step, Task};
use crate::dynamics::State;
use crate::linalg::phi_functions;
use crate::stepper::controller::Control;
use crate::stepper::krylov::{Krylov, add, norm};

/// The part of the tolerance that each of the two Krylov approximations may err by.
const SHARE: f64 = 0.5;
/// Most dimensions of a Krylov space; a step that needs more is shortened.
const MOST_DIMENSIONS: usize = 100;
/// The node of the inner stage.
const NODE: f64 = 0.75;
/// `2/NODE²`, the weight of `φ₃`.
const WEIGHT: f64 = 32.0 / 9.0;

/// Nodes of the quadrature of `∫‖V‖²`.
const QUADRATURE: u32 = 24;

/// With `J = ∂V/∂Z(Z)`, `f = V(Z)`, `g(W) = V(W) − f − J(W − Z)`:
///
/// `U = Z + ¾hφ₁(¾hJ)f`, `D = g(U)`, `Z⁺ = Z + hφ₁(hJ)f + (32/9) hφ₃(hJ) D`.
///
/// `φ₁` of both stages comes from the Krylov space of `f`, `φ₃` from that of `D`; `J` times what these spaces hold is free. Dense output:
/// `Z(t + θh) = Z + θhφ₁(θhJ)f + θ³(32/9) hφ₃(θhJ) D`, from the same spaces.
///
/// **Error estimate.** The method of order 3 with the node 1 in the place of ¾ differs by `2hφ₃(hJ)E`, `E = g(Z⁺) − (16/9) D`. `φ₃` is
/// applied to what the two spaces hold of `E`; of the rest the norm counts with `φ₃ ≤ 1/6`.
#[derive(Debug)]
pub(super) struct Rosenbrock {
    /// Of `f`.
    first: Krylov,
    /// Of `D`.
    second: Krylov,
    in_second: bool,
    /// Components of the step in both spaces.
    components: [Vec<f64>; 2],
    stage: State,
    stage_rate: State,
    remainder: State,
    estimate: State,
    /// Nodes and weights on `[0, 1]`.
    quadrature: Vec<(f64, f64)>,
}

fn phi(k: usize, z: f64) -> f64 {
    phi_functions::<5>(z)[k]
}

impl Rosenbrock {
    pub fn new(state: &State) -> Self {
        let zeros = || State::zeros(state.shape());
        Rosenbrock {
            first: Krylov::default(),
            second: Krylov::default(),
            in_second: false,
            components: [vec![], vec![]],
            stage: zeros(),
            stage_rate: zeros(),
            remainder: zeros(),
            estimate: zeros(),
            quadrature: gauss_legendre(QUADRATURE),
        }
    }

    /// The error of `hφ₁(hJ)f` by its residual, which nothing amplifies on a spectrum without positive values.
    fn first_error(&self, h: f64) -> f64 {
        self.first.residual(|x| h * h * phi(2, h * x))
    }

    /// The same of `(32/9) hφ₃(hJ)D`.
    fn second_error(&self, h: f64) -> f64 {
        WEIGHT * self.second.residual(|x| h * h * phi(4, h * x))
    }

    /// Goes on with the space of `f` until it is good enough for the step, then to the stage.
    fn extend_first(&mut self, step: &Step<'_>) -> Task {
        let (h, allowed) = (step.size, SHARE * step.tolerance);
        if !self.first.is_exhausted() {
            if self.first.dimension() == 0 {
                return Task::Product;
            }
            let error = self.first_error(h);
            if error.is_nan() {
                return Task::Reject;
            }
            if error > allowed && self.first.dimension() < MOST_DIMENSIONS {
                return Task::Product;
            }
            if error > allowed {
                let shorter = (1..200).map(|k| h * 0.8_f64.powi(k)).find(|&h| self.first_error(h) <= allowed);
                return Task::Shorten(shorter.unwrap_or(0.0));
            }
        }
        let inner = self.first.of_start(|x| NODE * h * phi(1, NODE * h * x));
        self.stage.as_mut_slice().copy_from_slice(step.ends.start.as_slice());
        self.first.add_to(&inner, self.stage.as_mut_slice());
        self.components[0] = inner;
        Task::Rate
    }

    /// Goes on with the space of `D`, then to the end.
    fn extend_second(&mut self, step: &mut Step<'_>) -> Task {
        let (h, allowed) = (step.size, SHARE * step.tolerance);
        if !self.second.is_exhausted() {
            if self.second.dimension() == 0 {
                return Task::Product;
            }
            let error = self.second_error(h);
            if error.is_nan() {
                return Task::Reject;
            }
            if error > allowed {
                return if self.second.dimension() < MOST_DIMENSIONS { Task::Product } else { Task::Shorten(0.5 * h) };
            }
        }
        self.components = [self.first.of_start(|x| h * phi(1, h * x)), self.second.of_start(|x| WEIGHT * h * phi(3, h * x))];
        let Ends { start, end, .. } = &mut *step.ends;
        end.as_mut_slice().copy_from_slice(start.as_slice());
        self.first.add_to(&self.components[0], end.as_mut_slice());
        self.second.add_to(&self.components[1], end.as_mut_slice());
        Task::End
    }

    /// Components of `Z(t_n + τ) − Z_n` in both spaces, after a step of size `h`.
    fn increments(&self, tau: f64, h: f64) -> [Vec<f64>; 2] {
        let weight = WEIGHT * tau * (tau / h) * (tau / h);
        [self.first.of_start(|x| tau * phi(1, tau * x)), self.second.of_start(|x| weight * phi(3, tau * x))]
    }

    /// Components of its derivative.
    fn rates(&self, tau: f64, h: f64) -> [Vec<f64>; 2] {
        let weight = WEIGHT * (tau / h) * (tau / h);
        [self.first.of_start(|x| phi(0, tau * x)), self.second.of_start(|x| weight * phi(2, tau * x))]
    }
}

impl Scheme for Rosenbrock {
    fn control(&self) -> Control {
        Control { exponent: 0.25, beta: 0.0, beta_share: 0.0, safety: 0.85, shrink: 0.2, growth: 5.0 }
    }

    fn prepare(&mut self, step: &Step<'_>, again: bool) -> Task {
        if !again {
            self.first.begin(step.ends.start_rate.as_slice());
        }
        self.in_second = false;
        Task::Size
    }

    fn attempt(&mut self, step: &mut Step<'_>) -> Task {
        self.extend_first(step)
    }

    fn direction(&self) -> &[f64] {
        if self.in_second { self.second.direction() } else { self.first.direction() }
    }

    fn multiplied(&mut self, step: &mut Step<'_>, image: &mut [f64]) -> Task {
        match (self.in_second, image.iter().all(|x| x.is_finite())) {
            (true, true) if self.second.supply(image) => self.extend_second(step),
            (false, true) if self.first.supply(image) => self.extend_first(step),
            (true, _) => Task::Reject,
            (false, _) => Task::Impossible,
        }
    }

    fn stage(&mut self) -> (&State, &mut State) {
        (&self.stage, &mut self.stage_rate)
    }

    fn stage_point(&self) -> &State {
        &self.stage
    }

    fn node(&self) -> f64 {
        NODE
    }

    fn evaluated(&mut self, step: &mut Step<'_>, _square: f64) -> Task {
        let remainder = self.remainder.as_mut_slice();
        remainder.fill(0.0);
        self.first.add_image_to(&self.components[0], remainder);
        for ((out, stage), rate) in remainder.iter_mut().zip(self.stage_rate.as_slice()).zip(step.ends.start_rate.as_slice()) {
            *out = (stage - rate) - *out;
        }
        if !norm(remainder).is_finite() {
            return Task::Reject;
        }
        self.second.begin(remainder);
        self.in_second = true;
        self.extend_second(step)
    }

    fn error(&mut self, step: &Step<'_>) -> f64 {
        let (h, estimate) = (step.size, self.estimate.as_mut_slice());
        estimate.fill(0.0);
        self.first.add_image_to(&self.components[0], estimate);
        self.second.add_image_to(&self.components[1], estimate);
        let rates = step.ends.end_rate.as_slice().iter().zip(step.ends.start_rate.as_slice());
        for ((out, (end, start)), remainder) in estimate.iter_mut().zip(rates).zip(self.remainder.as_slice()) {
            *out = (end - start) - *out - 0.5 * WEIGHT * remainder;
        }
        // What is not filtered counts whole: with 2φ₃(0).
        let mut filtered = vec![0.0; estimate.len()];
        for space in [&self.second, &self.first] {
            let held = space.components(estimate);
            space.add_to(&space.of_components(|x| 2.0 * phi(3, h * x), &held), &mut filtered);
            let held: Vec<f64> = held.iter().map(|x| -x).collect();
            space.add_to(&held, estimate);
        }
        add(&mut filtered, 1.0 / 3.0, estimate);
        h * norm(&filtered)
    }

    fn interpolate(&self, theta: f64, size: f64, ends: &Ends, out: &mut State) {
        out.as_mut_slice().copy_from_slice(ends.start.as_slice());
        let [first, second] = self.increments(theta * size, size);
        self.first.add_to(&first, out.as_mut_slice());
        self.second.add_to(&second, out.as_mut_slice());
    }

    fn interpolate_rate(&self, theta: f64, size: f64, _ends: &Ends, out: &mut State) {
        out.as_mut_slice().fill(0.0);
        let [first, second] = self.rates(theta * size, size);
        self.first.add_to(&first, out.as_mut_slice());
        self.second.add_to(&second, out.as_mut_slice());
    }

    /// By the rates of the dense output: the square of the Krylov space of `f` exactly, the rest by quadrature in `τ = θh s³`, which is
    /// fine where the fast modes decay.
    fn dissipated(&self, theta: f64, size: f64, _ends: &Ends) -> f64 {
        let span = theta * size;
        let plain = self.first.of_start(|x| span * phi(1, 2.0 * span * x));
        let start = self.first.of_start(|_| 1.0);
        let exact: f64 = plain.iter().zip(&start).map(|(a, b)| a * b).sum();
        let gram = self.first.gram(&self.second);
        let mut rest = 0.0;
        for (node, weight) in &self.quadrature {
            let tau = span * node.powi(3);
            let [first, second] = self.rates(tau, size);
            let cross: f64 = gram.iter().zip(&second).map(|(row, b)| b * row.iter().zip(&first).map(|(g, a)| g * a).sum::<f64>()).sum();
            let square: f64 = second.iter().map(|b| b * b).sum();
            rest += weight * 3.0 * node * node * span * (2.0 * cross + square);
        }
        exact + rest
    }

    fn memory(&self) -> Vec<f64> {
        Vec::new()
    }

    fn restore(&mut self, _memory: &[f64]) {}
}

/// Nodes and weights of the Gauss–Legendre rule of `count` points on `[0, 1]`, the roots by Newton's method.
fn gauss_legendre(count: u32) -> Vec<(f64, f64)> {
    let n = f64::from(count);
    let rule = (1..=count).map(|i| {
        let mut x = (std::f64::consts::PI * (f64::from(i) - 0.25) / (n + 0.5)).cos();
        let mut slope = 0.0;
        for _ in 0..100 {
            // P_n and P_{n−1} by their recurrence.
            let (value, before) = (2..=count).map(f64::from).fold((x, 1.0), |(p, q), k| (((2.0 * k - 1.0) * x * p - (k - 1.0) * q) / k, p));
            slope = n * (x * value - before) / (x * x - 1.0);
            let change = value / slope;
            x -= change;
            if change.abs() < 4.0 * f64::EPSILON {
                break;
            }
        }
        (0.5 * (1.0 - x), 1.0 / ((1.0 - x * x) * slope * slope))
    });
    rule.collect()
}

#[cfg(test)]
mod tests {
    use super::gauss_legendre;

    #[test]
    fn the_rule_integrates_powers_exactly() {
        let rule = gauss_legendre(super::QUADRATURE);
        for degree in [0, 1, 7, 20, 47] {
            let sum: f64 = rule.iter().map(|(node, weight)| weight * node.powi(degree)).sum();
            assert!((sum * f64::from(degree + 1) - 1.0).abs() < 1e-13, "degree {degree}: {sum}");
        }
    }
}
