//! W23: asymmetric matrix sensing as a perturbed gradient flow (THEORY 2.1).

use super::{Evidence, InstanceEvidence, Row, Step, Table, TrajectoryEvidence, TrajectoryRows, Verdict, escape_row, rip_row, width_row};
use crate::config::Method;

pub(super) fn table(evidence: &Evidence) -> Table {
    let instance = &evidence.instance;
    let order = instance.rank + 1;
    let rip = rip_row(
        instance,
        order,
        format!("δ_{{r+1}} ≲ 1/(√r κ²), r+1 = {order}"),
        1.0 / ((instance.rank as f64).sqrt() * instance.condition_number().powi(2)),
    );
    Table {
        paper: "W23",
        title: "Wind, arXiv 2309.01796: asymmetric matrix sensing as a perturbed gradient flow",
        remark: None,
        instance: vec![width_row(instance), rip],
        trajectories: evidence
            .trajectories
            .iter()
            .map(|trajectory| TrajectoryRows { trajectory: trajectory.name.clone(), rows: rows(instance, trajectory) })
            .collect(),
    }
}

/// `log(σ_r/a₀²)`, where it is positive.
fn logarithm(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence) -> Option<f64> {
    let log = instance.sigma_r.ln() - 2.0 * trajectory.initial_norm.ln();
    (log > 0.0 && log.is_finite()).then_some(log)
}

fn rows(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence) -> Vec<Row> {
    let log = logarithm(instance, trajectory);
    let time = log.map(|log| log / instance.sigma_r);
    vec![
        positive_start(trajectory),
        small_start(instance, trajectory),
        misalignment(trajectory),
        step(instance, trajectory, log),
        perturbation(instance, trajectory, log),
        stacked_norm(instance, trajectory),
        imbalance(trajectory),
        error(instance, trajectory),
        Row::time("time", "Kη ≍ log(σ_r/a₀²)/σ_r, observed: escape", trajectory.escape(instance).map(|(_, t)| t), time)
            .note_if(trajectory.escape(instance).and_then(|(_, t)| trajectory.in_steps(t, time))),
        escape_row(instance, trajectory),
    ]
}

fn positive_start(trajectory: &TrajectoryEvidence) -> Row {
    let size = trajectory.initial_norm;
    let row = Row::hypothesis("start_positive", "a₀ = ‖[F₀; G₀]‖ > 0", Some(size), None).verdict(Verdict::of(size > 0.0));
    if size > 0.0 { row } else { row.note("the origin is a stationary point") }
}

fn small_start(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence) -> Row {
    let square = trajectory.initial_norm.powi(2);
    Row::hypothesis("start_small", "a₀² < σ_r, so that log(σ_r/a₀²) > 0", Some(square), Some(instance.sigma_r))
        .verdict(Verdict::of(square < instance.sigma_r))
}

fn misalignment(trajectory: &TrajectoryEvidence) -> Row {
    let value = std::f64::consts::SQRT_2 * trajectory.initial_norm / trajectory.initial_signal;
    let row = Row::hypothesis("misalignment", "√2 a₀/σ_r(U_YᵀF₀ + V_YᵀG₀) ≲ 1", Some(value), Some(1.0));
    if trajectory.initial_signal > 0.0 {
        row
    } else {
        row.verdict(Verdict::Violated).note("infinite: the start misses a mode of the target")
    }
}

fn step(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence, log: Option<f64>) -> Row {
    let scale = log.map(|log| 1.0 / (instance.condition_number().powi(3) * instance.sigma_1 * log));
    let formula = "η ≲ 1/(κ³ σ₁ log(σ_r/a₀²))";
    let row = match trajectory.step() {
        Step::Flow => Row::hypothesis("step", formula, Some(0.0), scale).verdict(Verdict::Holds).note("a flow: the limit η → 0"),
        Step::Discrete(step) => Row::hypothesis("step", formula, Some(step), scale),
    };
    row.note_if(log.is_none().then(|| "no scale: log(σ_r/a₀²) ≤ 0".into()))
        .note_if(trajectory.foreign_method().filter(|_| !trajectory.method.is_sampled()))
}

/// `ξ`, the largest recorded `‖𝓔‖_op`. For a plain flow without noise `𝓔 = sym((A*A − I)(R))`, whose norm is `rip_error`; under full observation it is 0.
fn perturbation_size(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence) -> Option<f64> {
    let plain = matches!(trajectory.method, Method::Flow(_) | Method::ClosedForm) && instance.noisy == Some(false);
    match plain {
        true if instance.full_observation => Some(0.0),
        true => trajectory.largest("perturbation").or_else(|| trajectory.largest("rip_error")),
        false => trajectory.largest("perturbation"),
    }
}

fn perturbation(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence, log: Option<f64>) -> Row {
    let scale = log.map(|log| instance.sigma_1 / (instance.condition_number().powi(3) * log));
    let size = perturbation_size(instance, trajectory);
    let row = Row::hypothesis("perturbation", "ξ = max ‖𝓔‖ ≲ σ₁/(κ³ log(σ_r/a₀²))", size, scale);
    let row = row.note_if(log.is_none().then(|| "no scale: log(σ_r/a₀²) ≤ 0".into()));
    match size {
        Some(0.0) => row.verdict(Verdict::Holds).note("𝓔 = 0: a plain flow of full observation"),
        Some(_) if trajectory.has("perturbation") => row,
        Some(_) => row.note("from rip_error, which it is for a plain flow without noise"),
        None => row.needs(trajectory, &["perturbation"]),
    }
}

fn stacked_norm(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence) -> Row {
    let allowed = 1.5 * instance.sigma_1.sqrt();
    let bounds = trajectory.stacked_norm();
    let row = Row::conclusion("stacked_norm", "max ‖[F; G]‖ ≤ 1.5 √σ₁ up to time Kη", bounds.map(|(_, high)| high), Some(allowed));
    let row = row.needs(trajectory, &["imbalance"]);
    let Some((low, high)) = bounds else { return row };
    let row = row.note(format!("measured: an upper bound over all recorded times, from σ₁(FGᵀ) and ‖Λ‖; the norm is at least {low:.4e}"));
    if high <= allowed {
        row.verdict(Verdict::Holds)
    } else if trajectory.initial_norm > allowed {
        row.verdict(Verdict::Violated).note("exceeded by the start")
    } else if low > allowed {
        row.note("exceeded at some recorded time, perhaps after Kη")
    } else {
        row
    }
}

fn imbalance(trajectory: &TrajectoryEvidence) -> Row {
    let drift = trajectory.largest("imbalance_drift");
    if let (Method::GradientDescent { step }, loss) = (&trajectory.method, trajectory.first("loss")) {
        let scale = loss.map(|loss| 2.0 * step * loss);
        let row = Row::conclusion("imbalance", "max ‖Λ − Λ₀‖ ≤ 2η f₀ (an identity's bound)", drift, scale);
        let row = match row.ratio {
            Some(ratio) if ratio <= 1.0 => row.verdict(Verdict::Holds),
            Some(_) => row.verdict(Verdict::Violated).note("so some step has not decreased the loss by η/2 ‖∇f‖²"),
            None => row,
        };
        return row.needs(trajectory, &["imbalance_drift", "loss"]);
    }
    let size = trajectory.stacked_norm().map(|(_, high)| high * high);
    let tolerance = trajectory.conservation_tolerance();
    let scale = tolerance.zip(size).map(|(tolerance, size)| tolerance * size);
    let row = match tolerance {
        Some(tolerance) => {
            let formula = format!("Λ conserved: max ‖Λ − Λ₀‖ ≤ {tolerance:.0e} ‖Z‖²");
            let row = Row::conclusion("imbalance", formula, drift, scale);
            match row.ratio {
                Some(ratio) => row.verdict(Verdict::of(ratio <= 1.0)),
                None => row,
            }
        }
        None => Row::conclusion("imbalance", "max ‖Λ − Λ₀‖", drift, size)
            .note("not conserved by this form of perturbation or method, or to an unknown tolerance"),
    };
    row.needs(trajectory, &["imbalance_drift", "imbalance"])
}

fn error(instance: &InstanceEvidence, trajectory: &TrajectoryEvidence) -> Row {
    let size = perturbation_size(instance, trajectory);
    let start = trajectory.initial_norm.powf(4.0 / 3.0) * instance.sigma_r.cbrt();
    let scale = start + instance.condition_number() * size.unwrap_or(0.0);
    let formula = "‖FGᵀ − Y‖ ≲ a₀^{4/3} σ_r^{1/3} + κ ξ, at the end";
    let row = Row::conclusion("error", formula, trajectory.last("residual_op"), Some(scale)).needs(trajectory, &["residual_op"]);
    match size {
        Some(_) => row,
        None => row.note("scale without κ ξ").needs(trajectory, &["perturbation"]),
    }
}
