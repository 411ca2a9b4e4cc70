//! Integrators of flows, as they are meant.

/// An integrator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FlowMethod {
    /// Adaptive Runge–Kutta.
    Adaptive {
        /// The pair.
        pair: Pair,
        /// Its tolerances.
        tolerance: ToleranceSpec,
    },
    /// The classical method of order four with a fixed step.
    Rk4 {
        /// Its step.
        step: f64,
    },
    /// A method that is not limited by stability in the long tail.
    Tail {
        /// Which.
        method: TailMethod,
        /// Its tolerances, in the norm of the factors.
        tolerance: ToleranceSpec,
    },
}

impl FlowMethod {
    /// Its tolerances, unless its step is fixed.
    pub fn tolerance(&self) -> Option<ToleranceSpec> {
        match *self {
            FlowMethod::Adaptive { tolerance, .. } | FlowMethod::Tail { tolerance, .. } => Some(tolerance),
            FlowMethod::Rk4 { .. } => None,
        }
    }

    /// Whether it needs `N` itself at its points, for products with the Jacobian.
    pub fn needs_drive(&self) -> bool {
        matches!(self, FlowMethod::Tail { .. })
    }
}

/// A method for long tails, which needs products with the Jacobian of gradient flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailMethod {
    /// The stabilised explicit method of order 2.
    Rkc2,
    /// The exponential Rosenbrock method of order 4.
    Exponential,
    /// DOP853 until stability limits it, then the exponential one.
    Auto,
}

impl TailMethod {
    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            TailMethod::Rkc2 => "rkc2",
            TailMethod::Exponential => "exponential",
            TailMethod::Auto => "auto",
        }
    }
}

/// An embedded pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// Dormand–Prince 5(4).
    Dopri5,
    /// Dormand–Prince 8(5,3).
    Dop853,
}

/// Error control.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToleranceSpec {
    /// Relative to the norm.
    pub rtol: f64,
    /// Absolute; 0 by default.
    pub atol: f64,
    /// In which norm.
    pub norm: ErrorNorm,
}

/// In which norm the local error is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorNorm {
    /// `‖δZ‖_F` against `rtol·max(‖Z_n‖_F, ‖Z_{n+1}‖_F) + atol`.
    Factors,
    /// `‖δF Gᵀ + F δGᵀ‖_F` against `rtol·‖FGᵀ‖_F + atol`; does not control the imbalance.
    Product,
}
