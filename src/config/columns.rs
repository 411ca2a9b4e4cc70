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
    "signal_min",
    "signal_gap",
    "nuisance_left",
    "nuisance_right",
    "misalignment",
    "perturbation",
    "perturbation_measurement",
    "perturbation_noise",
    "perturbation_motion",
    "perturbation_discretisation",
    "perturbation_imposed",
    "perturbation_sampling",
    "perturbation_integral",
    "phase",
    "sharpness",
    "curvature_min",
    "adaptive_angle",
    "adaptive_signal_min",
    "adaptive_signal",
    "adaptive_error",
    "generalisation_error",
    "generalisation_exact",
];

/// Those of [`COLUMNS`] at the end that cost more than a sample's own application, or that few ask for.
const ON_REQUEST: usize = 10;

/// What `observables = ["default"]` stands for, in this order: all but those at the end.
pub const DEFAULT_COLUMNS: &[&str] = COLUMNS.split_at(COLUMNS.len() - ON_REQUEST).0;

/// The word that stands for [`DEFAULT_COLUMNS`].
pub(super) const DEFAULT: &str = "default";
