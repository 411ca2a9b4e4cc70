//! SSX23: coupling and low-rank bias of asymmetric gradient descent (THEORY 2.2).

use super::{Evidence, InstanceEvidence, Row, Step, Table, TrajectoryEvidence, TrajectoryRows, Verdict, escape_row, rip_row, width_row};
use crate::config::InitKind;

pub(super) fn table(evidence: &Evidence) -> Table {
    let instance = &evidence.instance;
    let order = 2 * (instance.rank + 1);
    let scale = instance.condition_number().powi(-3) / (instance.rank as f64).sqrt();
    let rip = rip_row(instance, order, format!("δ_{{2(r+1)}} ≲ 1/(κ³ √r), 2(r+1) = {order}"), scale);
    Table {
        paper: "SSX23",
        title: "Soltanolkotabi, Stöger, Xie, arXiv 2303.14244: coupling and low-rank bias of asymmetric gradient descent",
        remark: None,
        instance: vec![width_row(instance), rip],
        trajectories: evidence
            .trajectories
            .iter()
            .map(|trajectory| TrajectoryRows { trajectory: trajectory.name.clone(), rows: rows(instance, trajectory) })
            .collect(),
    }
}

fn rows(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence) -> Vec<Row> {
    let gaussian = trajectory.init.kind == InitKind::Gaussian;
    let alpha = gaussian.then_some(trajectory.init.scale);
    let scale = alpha.map(|alpha| alpha.powf(0.6) * instance.sigma_1.powf(0.7));
    vec![
        Row::hypothesis("init", "F₀, G₀ with entries N(0, α²)", alpha, None)
            .verdict(Verdict::of(gaussian))
            .note_if((!gaussian).then(|| "another initialisation".into())),
        Row::hypothesis("scale", "α exponentially small", alpha, None).note("no scale: how small is not known here"),
        step(instance, trajectory),
        Row::conclusion("coupling", "max ‖FᵀF − GᵀG‖ ≪ σ_r", trajectory.largest("imbalance"), Some(instance.sigma_r))
            .needs(trajectory, &["imbalance"]),
        Row::conclusion("low_rank", "max σ_{r+1}(FGᵀ) ≪ σ_r", trajectory.largest_singular_value(instance.rank + 1), Some(instance.sigma_r)),
        alignment(instance, trajectory),
        Row::conclusion("error", "‖FGᵀ − Y‖_F ≲ α^{3/5} σ₁^{7/10}, at the end", trajectory.last("residual_fro"), scale)
            .needs(trajectory, &["residual_fro"])
            .note_if((!gaussian).then(|| "no scale: α is that of a Gaussian start".into())),
        escape_row(instance, trajectory),
    ]
}

fn step(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence) -> Row {
    let scale = instance.condition_number().powi(-5) / instance.sigma_1;
    let formula = "η ≲ 1/(κ⁵ σ₁)";
    match trajectory.step() {
        Step::Flow => Row::hypothesis("step", formula, Some(0.0), Some(scale)).verdict(Verdict::Holds).note("a flow: the limit η → 0"),
        Step::Discrete(step) => Row::hypothesis("step", formula, Some(step), Some(scale)),
    }
    .note_if(trajectory.foreign_method())
}

/// The larger sine of the two angles at the first recorded time after the escape.
fn alignment(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence) -> Row {
    let sine = trajectory.escape(instance).and_then(|(_, t)| {
        let (left, right) = (trajectory.at("angle_left", t)?, trajectory.at("angle_right", t)?);
        Some(left.max(right))
    });
    let row = Row::conclusion("alignment", "sin∠(top-r spaces; U_Y, V_Y) ≪ 1, at escape", sine, Some(1.0));
    row.needs(trajectory, &["angle_left", "angle_right"])
        .note_if(trajectory.escape(instance).is_none().then(|| "no recorded time has escaped".into()))
}
