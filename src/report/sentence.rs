//! An experiment in a sentence.

use crate::config::{Experiment, Factorization, InitKind, Law, Method, Problem, TargetKind, TrajectorySpec};
use crate::output::{InstanceSummary, Manifest};

/// Families that are named one by one.
const NAMED: usize = 6;
/// Singular values that are listed.
const LISTED: usize = 6;

/// What is recovered, from what, by what, from which start, for how long. `target` holds `σ₁ ≥ … ≥ σ_r`, none if they are not known.
pub fn sentence(experiment: &Experiment, manifest: &Manifest, target: &[f64]) -> String {
    let instance = &manifest.instance;
    let InstanceSummary { rows, cols, .. } = instance;
    let what = match instance.rank {
        Some(rank) => format!("{} {rows} × {cols} matrix of rank {rank}{}{}", article(*rows), origin(experiment), values(target)),
        None => format!("{} {rows} × {cols} matrix", article(*rows)),
    };
    let (verb, factors) = match experiment.factorization {
        Factorization::Asymmetric => ("is recovered from", "factors F, G"),
        Factorization::Symmetric => ("is recovered from", "one factor U"),
    };
    let width = experiment.width.map(|width| format!(" of width {width}")).unwrap_or_default();
    let samples = match experiment.record.samples {
        1 => "one sample".to_owned(),
        samples => format!("{samples} samples"),
    };
    let horizon = experiment.record.horizon;
    format!(
        "{what} {verb} {} by {factors}{width}, {}, up to time {horizon} with {samples}: {}.",
        data(experiment, instance),
        start(experiment),
        methods(experiment, manifest)
    )
}

/// "An 80 × 20 matrix", "a 40 × 30 matrix".
fn article(number: usize) -> &'static str {
    let digits = number.to_string();
    let vowel = digits.starts_with('8') || (matches!(digits.get(..2), Some("11" | "18")) && digits.len() % 3 == 2);
    if vowel { "An" } else { "A" }
}

fn origin(experiment: &Experiment) -> String {
    match &experiment.problem {
        Problem::Generated { target, .. } => match &target.kind {
            TargetKind::File { path, .. } | TargetKind::SemidefiniteFile { path, .. } => {
                path.file_name().map(|name| format!(" from {}", name.to_string_lossy())).unwrap_or_default()
            }
            _ => String::new(),
        },
        Problem::File(path) => path.file_name().map(|name| format!(" from {}", name.to_string_lossy())).unwrap_or_default(),
    }
}

fn values(target: &[f64]) -> String {
    match (target.first(), target.last()) {
        (Some(first), Some(last)) if target.len() > LISTED => format!(" (singular values from {} to {})", short(*first), short(*last)),
        (Some(_), Some(_)) => format!(" (singular values {})", join(target.iter().map(|value| short(*value)).collect())),
        _ => String::new(),
    }
}

fn data(experiment: &Experiment, instance: &InstanceSummary) -> String {
    let p = instance.measurements;
    let what = match instance.ensemble.as_str() {
        "identity" => return "all of its entries".into(),
        "gaussian" => format!("{p} Gaussian measurements"),
        "rademacher" => format!("{p} measurements with random signs"),
        "rank_one" => format!("{p} rank-one measurements"),
        "hadamard" => format!("{p} rows of a randomised Walsh–Hadamard transform"),
        "pauli" => format!("{p} Pauli measurements"),
        "entries" => format!("{p} of its entries"),
        _ => format!("{p} measurements"),
    };
    match &experiment.problem {
        Problem::Generated { sensing, .. } if sensing.noise > 0.0 => format!("{what} with noise of standard deviation {}", sensing.noise),
        Problem::Generated { .. } => format!("{what} without noise"),
        Problem::File(_) => what,
    }
}

fn start(experiment: &Experiment) -> String {
    let Some(first) = experiment.trajectories.first().map(|trajectory| trajectory.init) else { return "from nothing".into() };
    let inits = || experiment.trajectories.iter().map(|trajectory| trajectory.init);
    let law = match first.kind {
        InitKind::Gaussian => "Gaussian entries",
        InitKind::Orthogonal => "orthogonal columns",
        InitKind::Identity => "columns of the identity",
        InitKind::Spectral => "the target's own singular vectors",
        InitKind::SpectralData => "the leading singular vectors of the data",
        InitKind::File => "factors from the file",
    };
    let law = if inits().all(|init| init.kind == first.kind) { format!("started from {law}") } else { "from several starts".into() };
    let (least, most) = inits().fold((f64::INFINITY, 0.0_f64), |(least, most), init| (least.min(init.scale), most.max(init.scale)));
    if least == most { format!("{law} of scale {least}") } else { format!("{law} of scales from {least} to {most}") }
}

fn methods(experiment: &Experiment, manifest: &Manifest) -> String {
    let mut families: Vec<(&str, Vec<&TrajectorySpec>)> = Vec::new();
    for trajectory in &experiment.trajectories {
        match families.iter_mut().find(|(name, _)| *name == trajectory.family) {
            Some((_, members)) => members.push(trajectory),
            None => families.push((&trajectory.family, vec![trajectory])),
        }
    }
    let rest = families.len().saturating_sub(NAMED);
    let mut named: Vec<String> = families.iter().take(NAMED).map(|(name, members)| family(name, members, manifest)).collect();
    if rest > 0 {
        let others: usize = families.iter().skip(NAMED).map(|(_, members)| members.len()).sum();
        named.push(format!("{others} more trajectories"));
    }
    join(named)
}

fn family(name: &str, members: &[&TrajectorySpec], manifest: &Manifest) -> String {
    let Some(first) = members.first() else { return name.to_owned() };
    let mut steps: Vec<f64> = members.iter().filter_map(|member| member.method.step_size()).collect();
    steps.dedup();
    let details = match steps.as_slice() {
        [] => String::new(),
        [step] => format!(" with step {step}"),
        steps if steps.len() <= LISTED => format!(" with steps {}", join(steps.iter().map(f64::to_string).collect())),
        steps => {
            let (least, most) = steps.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), step| (least.min(*step), most.max(*step)));
            format!(" with {} steps from {least} to {most}", steps.len())
        }
    };
    let count = if members.len() > 1 && members.len() != steps.len() { format!(", {} trajectories", members.len()) } else { String::new() };
    let recorded = manifest.trajectories.iter().find(|trajectory| trajectory.name == first.name);
    format!("{}{details} ({name}{count})", method(&first.method, recorded.map_or("", |trajectory| &trajectory.method)))
}

/// `recorded` is the method's name in the manifest, for a flow its integrator's.
fn method(method: &Method, recorded: &str) -> String {
    match method {
        Method::Flow(_) => format!("gradient flow by {}", integrator(recorded)),
        Method::PerturbedFlow { perturbation, .. } => format!("gradient flow under {} perturbation", law(&perturbation.law)),
        Method::ModifiedFlow { step, .. } => format!("the modified flow of descent with step {step}"),
        Method::ClosedForm => "the exact solution".into(),
        Method::GradientDescent { .. } => "gradient descent".into(),
        Method::StochasticGradientDescent { batch, .. } => format!("gradient descent on batches of {batch}"),
        Method::FreshMeasurements { .. } => "gradient descent with fresh measurements".into(),
        Method::ScaledDescent { .. } => "scaled descent".into(),
        Method::ProjectedDescent { .. } => "projected descent".into(),
        Method::QuadraticNetwork { .. } => "training of a quadratic network".into(),
        Method::Exponential { .. } => "exponential steps".into(),
        Method::Cayley { .. } => "Cayley steps".into(),
        Method::Momentum { .. } => "heavy-ball descent".into(),
        Method::Nesterov { .. } => "Nesterov's descent".into(),
    }
}

fn integrator(recorded: &str) -> &str {
    match recorded {
        "dop853" => "DOP853",
        "dopri5" => "Dormand–Prince 5(4)",
        "rk4" => "the classical Runge–Kutta method",
        "rkc2" => "RKC2",
        "exponential" => "the exponential method",
        "auto" => "DOP853, then the exponential method,",
        other => other,
    }
}

fn law(law: &Law) -> &'static str {
    match law {
        Law::Constant { .. } => "a constant",
        Law::Rotating { .. } => "a rotating",
        Law::Piecewise { .. } => "a piecewise constant",
        Law::Smooth { .. } => "a smooth random",
        Law::OrnsteinUhlenbeck { .. } => "an Ornstein–Uhlenbeck",
        Law::Adversarial { .. } | Law::AdversarialLimit => "an adversarial",
        Law::Replay { .. } => "a replayed",
        Law::Descent { .. } => "descent's own",
    }
}

/// Four significant digits at most.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    if rounded != 0.0 && !(1e-3..1e5).contains(&rounded.abs()) { format!("{rounded:e}") } else { rounded.to_string() }
}

/// "a", "a and b", "a, b and c".
fn join(mut items: Vec<String>) -> String {
    match (items.pop(), items.is_empty()) {
        (None, _) => String::new(),
        (Some(last), true) => last,
        (Some(last), false) => format!("{} and {last}", items.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_articles_read_well() {
        assert_eq!(join(vec!["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(join(vec!["a".into()]), "a");
        assert_eq!([8, 11, 18, 40, 80, 110, 1100, 11000].map(article), ["An", "An", "An", "A", "An", "A", "A", "An"]);
        assert_eq!([1.0, 0.5, 1.0 / 3.0, 1e-7].map(short), ["1", "0.5", "0.3333", "1e-7"]);
    }
}
