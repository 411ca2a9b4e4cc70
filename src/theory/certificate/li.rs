//! LMZ18: symmetric sensing (THEORY 2.3).

use super::{Evidence, InstanceEvidence, Row, Step, Table, TrajectoryEvidence, TrajectoryRows, Verdict, rip_row};
use crate::config::InitKind;

/// What every row says about a run of two factors.
const SYMMETRIC_ONLY: &str = "applies to the symmetric model";

const SYMMETRIC_REMARK: &str =
    "The theorem is about U Uᵀ; this run has two factors. Its scales are evaluated with d = max(m, n) for orientation, nothing is decided.";

pub(super) fn table(evidence: &Evidence) -> Table {
    let instance = &evidence.instance;
    let order = 4 * instance.rank;
    let formula = format!("δ_{{4r}} ≲ 1/(κ³ √r log² d), 4r = {order}");
    let table = Table {
        paper: "LMZ18",
        title: "Li, Ma, Zhang, arXiv 1712.09203: symmetric matrix sensing with full-width factors",
        remark: None,
        instance: vec![
            Row::hypothesis("normalisation", "‖X*‖ = 1", Some(instance.sigma_1), Some(1.0))
                .verdict(Verdict::of((instance.sigma_1 - 1.0).abs() <= 1e-9)),
            Row::hypothesis("width", "h = d", Some(instance.width as f64), Some(side(instance)))
                .verdict(Verdict::of(instance.width as f64 == side(instance))),
            rip_row(instance, order, formula, rip_scale(instance)),
            Row::conclusion("samples", "p ≍ d r² up to logarithms", Some(instance.measurements as f64), Some(samples(instance))),
        ],
        trajectories: evidence
            .trajectories
            .iter()
            .map(|trajectory| TrajectoryRows { trajectory: trajectory.name.clone(), rows: rows(instance, trajectory) })
            .collect(),
    };
    if instance.symmetric { table } else { table.restricted(SYMMETRIC_ONLY, SYMMETRIC_REMARK) }
}

/// `d`.
fn side(instance: &InstanceEvidence) -> f64 {
    instance.rows.max(instance.cols) as f64
}

fn samples(instance: &InstanceEvidence) -> f64 {
    side(instance) * (instance.rank as f64).powi(2)
}

fn rip_scale(instance: &InstanceEvidence) -> f64 {
    1.0 / (instance.condition_number().powi(3) * (instance.rank as f64).sqrt() * side(instance).ln().powi(2))
}

/// δ stands for the largest that the theorem allows, without its constant.
fn rows(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence) -> Vec<Row> {
    let (d, kappa, delta) = (side(instance), instance.condition_number(), rip_scale(instance));
    let alpha = trajectory.init.scale;
    // The identity is the paper's own choice in its experiments.
    let orthonormal = matches!(trajectory.init.kind, InitKind::Orthogonal | InitKind::Identity);
    let smallest = (delta * (instance.rank as f64).sqrt() * kappa).min(1.0 / d);
    let step = match trajectory.step() {
        Step::Flow => Row::hypothesis("step", "η ≲ δ", Some(0.0), Some(delta)).verdict(Verdict::Holds).note("a flow: the limit η → 0"),
        Step::Discrete(step) => Row::hypothesis("step", "η ≲ δ", Some(step), Some(delta)),
    }
    .note_if(trajectory.foreign_method());
    let error = trajectory.last("residual_fro").map(|error| error * error);
    vec![
        Row::hypothesis("init", "U₀ = αB, B orthonormal", Some(alpha), None).verdict(Verdict::of(orthonormal)),
        Row::hypothesis("scale", "α ≲ min(δ √r κ, 1/d)", Some(alpha), Some(smallest)),
        step,
        Row::time("earliest", "Tη ≳ κ log(d/α), observed: the end", trajectory.end(), Some(kappa * (d / alpha).ln())),
        Row::time("latest", "Tη ≲ 1/√(d κ α), observed: the end", trajectory.end(), Some(1.0 / (d * kappa * alpha).sqrt())),
        Row::conclusion("error", "‖UUᵀ − X*‖_F² ≲ α √d/κ², at the end", error, Some(alpha * d.sqrt() / (kappa * kappa)))
            .needs(trajectory, &["residual_fro"]),
    ]
}
