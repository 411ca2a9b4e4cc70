//! The pair of orders 5(4) of Dormand and Prince with its dense output of order 4: Hairer, Nørsett, Wanner, *Solving Ordinary
//! Differential Equations I*, 2nd edition, table 5.2 of chapter II and §II.6 (Shampine's choice of the free parameter).

use super::{Control, Dense, Embedded, ErrorWeights, Tableau};

/// Dormand–Prince 5(4).
pub const DOPRI5: Embedded = Embedded {
    tableau: &TABLEAU,
    error: ErrorWeights::One(&ERROR),
    control: Control { exponent: 0.2, beta: 0.04, beta_share: 0.75, safety: 0.9, shrink: 0.2, growth: 10.0 },
    stability_limit: 3.0,
};

const TABLEAU: Tableau = Tableau {
    name: "dopri5",
    order: 5,
    nodes: &NODES,
    coupling: &COUPLING,
    weights: &WEIGHTS,
    dense: Dense { order: 4, nodes: &[], coupling: &[], rows: &DENSE_ROWS },
};

const NODES: [f64; 6] = [0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0];

const COUPLING: [&[f64]; 6] = [
    &[],
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
];

const WEIGHTS: [f64; 6] = [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0];

const ERROR: [f64; 7] = [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

const DENSE_ROWS: [&[f64]; 1] = [&[
    -12715105075.0 / 11282082432.0,
    0.0,
    87487479700.0 / 32700410799.0,
    -10690763975.0 / 1880347072.0,
    701980252875.0 / 199316789632.0,
    -1453857185.0 / 822651844.0,
    69997945.0 / 29380423.0,
]];
