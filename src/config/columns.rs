//! The columns that trajectories.csv can have.

/// Every observable that exists, by its column's name.
pub const COLUMNS: &[&str] = &[
    "loss",
    "grad_norm",
    "residual_fro",
    "residual_op",
    "relative_error",
    "train_error",
    "imbalance",
    "imbalance_drift",
    "effective_rank",
    "numerical_rank",
    "angle_left",
    "angle_right",
    "rip_error",
    "energy_defect",
];

/// What `observables = ["default"]` stands for, in this order.
pub const DEFAULT_COLUMNS: &[&str] = COLUMNS;

/// The word that stands for [`DEFAULT_COLUMNS`].
pub(super) const DEFAULT: &str = "default";
