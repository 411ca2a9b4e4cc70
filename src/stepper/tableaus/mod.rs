//! Explicit Runge–Kutta methods as plain data, one file each.
//!
//! A method with `s` stages computes `k_i = V(t + c_i h, z + h Σ_{j<i} a_ij k_j)` and `z⁺ = z + h Σ b_i k_i`. Behind its `s` stages every
//! tableau here counts one more slope, `k_{s+1} = V(t + h, z⁺)`: it is the first slope of the next step, the seventh stage of
//! Dormand–Prince 5(4), and the end slope of all three interpolants. Slopes that only the dense output needs come after it.

mod dop853;
mod dopri5;
mod rk4;

pub use super::controller::Control;
pub use dop853::DOP853;
pub use dopri5::DOPRI5;
pub use rk4::RK4;

/// The most slopes that a tableau here has (DOP853: 12 stages, the end, 3 for the dense output).
pub const MOST_SLOPES: usize = 16;

/// An explicit Runge–Kutta method with its dense output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tableau {
    /// Its name in configurations.
    pub name: &'static str,
    /// The order of a step.
    pub order: u32,
    /// `c_1 … c_s`.
    pub nodes: &'static [f64],
    /// Row `i` holds `a_i1 … a_{i,i−1}`.
    pub coupling: &'static [&'static [f64]],
    /// `b_1 … b_s`.
    pub weights: &'static [f64],
    /// The dense output.
    pub dense: Dense,
}

/// A dense output in Hairer's nested form, for `θ ∈ [0, 1]`:
///
/// `z(t + θh) = z + θ(Δ + (1−θ)(β + θ(γ + (1−θ)(d₁ + θ(d₂ + (1−θ)(d₃ + θ d₄))))))`
///
/// with `Δ = z⁺ − z`, `β = h k₁ − Δ`, `γ = Δ − h k_{s+1} − β` (cubic Hermite so far) and `d_j = h Σ_i rows[j][i] k_i`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dense {
    /// The order of the interpolant: its error at a fixed θ is `O(h^{order+1})`.
    pub order: u32,
    /// Nodes of the extra slopes.
    pub nodes: &'static [f64],
    /// Row `i` holds the coefficients of the `s + 1 + i` slopes before extra slope `i`.
    pub coupling: &'static [&'static [f64]],
    /// Weights of `d₁, d₂, …` (at most four), over all slopes.
    pub rows: &'static [&'static [f64]],
}

/// Weights of an embedded error estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ErrorWeights {
    /// `err = h ‖Σ e_i k_i‖`, over `s` slopes, or over `s + 1` where the end slope takes part.
    One(&'static [f64]),
    /// `err = h E₅²/√(E₅² + 0.01 E₃²)` with `E = ‖Σ e_i k_i‖` (DOP853).
    FifthAndThird {
        /// Weights of the estimate of order 5.
        fifth: &'static [f64],
        /// Weights of the estimate of order 3.
        third: &'static [f64],
    },
}

impl ErrorWeights {
    /// How many slopes the estimate reads.
    pub fn len(&self) -> usize {
        match self {
            ErrorWeights::One(weights) => weights.len(),
            ErrorWeights::FifthAndThird { fifth, third } => fifth.len().max(third.len()),
        }
    }

    /// Whether it reads none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A method that estimates its own error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Embedded {
    /// The method that advances.
    pub tableau: &'static Tableau,
    /// The estimate.
    pub error: ErrorWeights,
    /// Step size control.
    pub control: Control,
    /// The largest `h|λ|` that steps are to have, `|λ|` estimated as in Hairer's codes by `‖k_{s+1} − k_s‖/‖z⁺ − Z_s‖` (`Z_s` the last stage's
    /// point, at `t + h` too): a little inside the interval of stability on the negative real axis.
    pub stability_limit: f64,
}

impl Tableau {
    /// `s`.
    pub fn stages(&self) -> usize {
        self.weights.len()
    }

    /// All slopes: stages, the end, extra ones.
    pub fn slopes(&self) -> usize {
        self.stages() + 1 + self.dense.nodes.len()
    }

    /// The dense output's weights `w_i(θ)`: `z(t + θh) = z + h Σ w_i(θ) k_i` over all [`slopes`](Self::slopes); the rest of the
    /// array is zero.
    pub fn dense_weights(&self, theta: f64) -> [f64; MOST_SLOPES] {
        let (stages, rest) = (self.stages(), 1.0 - theta);
        let mut weights = [0.0; MOST_SLOPES];
        let (ends, first, hermite) = (theta, theta * rest, theta * theta * rest);
        for (weight, b) in weights.iter_mut().zip(self.weights) {
            *weight = (ends - first + 2.0 * hermite) * b;
        }
        weights[0] += first - hermite;
        weights[stages] -= hermite;
        let mut basis = hermite;
        for (j, row) in self.dense.rows.iter().enumerate() {
            basis *= if j % 2 == 0 { rest } else { theta };
            for (weight, d) in weights.iter_mut().zip(*row) {
                *weight += basis * d;
            }
        }
        weights
    }

    /// The weights of the dense output's derivative, `w_i'(θ)`: `ż(t + θh) = Σ w_i'(θ) k_i`.
    pub fn dense_rate_weights(&self, theta: f64) -> [f64; MOST_SLOPES] {
        let (stages, rest) = (self.stages(), 1.0 - theta);
        let mut weights = [0.0; MOST_SLOPES];
        // Values and derivatives of θ(1−θ), θ²(1−θ) and of what the rows are multiplied by.
        let first_rate = rest - theta;
        let (hermite, hermite_rate) = (theta * theta * rest, theta * (2.0 * rest - theta));
        for (weight, b) in weights.iter_mut().zip(self.weights) {
            *weight = (1.0 - first_rate + 2.0 * hermite_rate) * b;
        }
        weights[0] += first_rate - hermite_rate;
        weights[stages] -= hermite_rate;
        let (mut basis, mut basis_rate) = (hermite, hermite_rate);
        for (j, row) in self.dense.rows.iter().enumerate() {
            let (factor, factor_rate) = if j % 2 == 0 { (rest, -1.0) } else { (theta, 1.0) };
            basis_rate = basis_rate * factor + basis * factor_rate;
            basis *= factor;
            for (weight, d) in weights.iter_mut().zip(*row) {
                *weight += basis_rate * d;
            }
        }
        weights
    }
}
