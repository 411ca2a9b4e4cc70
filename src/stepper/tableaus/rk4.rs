//! The classical method of order 4 (Kutta 1901) with cubic Hermite interpolation.

use super::{Dense, Tableau};

/// The classical Runge–Kutta method.
pub const RK4: Tableau = Tableau {
    name: "rk4",
    order: 4,
    nodes: &[0.0, 0.5, 0.5, 1.0],
    coupling: &[&[], &[0.5], &[0.0, 0.5], &[0.0, 0.0, 1.0]],
    weights: &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0],
    dense: Dense { order: 3, nodes: &[], coupling: &[], rows: &[] },
};
