//! Perturbations of flows.

use super::checks::{absent, exactly_one, not_negative_at, path, positive, span_of};
use super::family::{Axis, Labels, number};
use super::methods::step_size;
use crate::config::error::Flaw;
use crate::config::experiment::Factorization;
use crate::config::located::{Located, Span, fill};
use crate::config::method::{Against, BoundSpec, Direction, Form, Interpolation, Law, PerturbationSpec, RelativeTo};
use crate::config::perturbation::{
    AdversarialTable, AgainstName, DirectionName, FormName, InterpolationName, OrnsteinUhlenbeckTable, PerturbationTable, RelativeToName,
};
use crate::config::values::OneOrMany;
use std::path::Path;

/// More jumps than this are a mistake.
const MOST_PIECES: f64 = 1e9;

/// What perturbations and methods depend on besides their tables.
pub(super) struct Surroundings<'a> {
    /// The experiment's seed.
    pub seed: u64,
    /// Flow time at which trajectories end.
    pub horizon: f64,
    /// Directory of relative paths.
    pub base: &'a Path,
    /// The number of measurements, if it is known.
    pub measurements: Option<usize>,
    /// Standard deviation of their noise.
    pub noise: f64,
    /// Whether they are known to be of another kind than outer products of vectors.
    pub not_rank_one: bool,
    /// The model.
    pub factorization: Factorization,
}

/// Every member of the family that bounds and seeds make, with the parameters that were written as lists.
pub(super) fn perturbations(
    key: &str,
    table: &mut Located<PerturbationTable>,
    around: &Surroundings<'_>,
) -> Result<Vec<(PerturbationSpec, Labels)>, Flaw> {
    let span = table.span.clone();
    let table = &mut table.value;
    let law = law(key, &span, table, around)?;
    let form = form(key, table, &law, around.factorization)?;
    let bounds = bounds(key, &span, table, &law)?;
    let seeds = seeds(key, table, &law, around.seed)?;
    let mut members = Vec::new();
    for &bound in &bounds.values {
        for &seed in &seeds.values {
            let mut labels = Labels::new();
            if let Some(bound) = bound.filter(|_| bounds.is_listed()) {
                labels.push(("bound", number(bound.bound)));
            }
            if seeds.is_listed() {
                labels.push(("perturbation_seed", seed.to_string()));
            }
            members.push((PerturbationSpec { form, bound, seed, law: law.clone() }, labels));
        }
    }
    Ok(members)
}

fn law(key: &str, span: &Span, table: &mut PerturbationTable, around: &Surroundings<'_>) -> Result<Law, Flaw> {
    let variants = [
        ("constant", span_of(&table.constant)),
        ("rotating", span_of(&table.rotating)),
        ("piecewise", span_of(&table.piecewise)),
        ("smooth", span_of(&table.smooth)),
        ("ornstein_uhlenbeck", span_of(&table.ornstein_uhlenbeck)),
        ("adversarial", span_of(&table.adversarial)),
        ("replay", span_of(&table.replay)),
        ("descent", span_of(&table.descent)),
    ];
    exactly_one(key, span, &variants)?;
    let duration = |name: &str, value: &Located<f64>| positive(&format!("{key}.{name}"), value);
    if let Some(law) = &mut table.constant {
        let direction = match fill(&mut law.value.direction, DirectionName::Gaussian) {
            DirectionName::Gaussian => Direction::Gaussian,
            DirectionName::Flat => Direction::Flat,
            DirectionName::RankOne => Direction::RankOne,
        };
        return Ok(Law::Constant { direction });
    }
    if let Some(law) = &table.rotating {
        return Ok(Law::Rotating { period: duration("rotating.period", &law.value.period)? });
    }
    if let Some(law) = &table.piecewise {
        let interval = duration("piecewise.interval", &law.value.interval)?;
        few_pieces(&format!("{key}.piecewise.interval"), &law.value.interval, around.horizon)?;
        return Ok(Law::Piecewise { interval });
    }
    if let Some(law) = &table.smooth {
        return Ok(Law::Smooth { correlation_time: duration("smooth.correlation_time", &law.value.correlation_time)? });
    }
    if let Some(law) = &mut table.ornstein_uhlenbeck {
        return ornstein_uhlenbeck(&format!("{key}.ornstein_uhlenbeck"), &mut law.value, around.horizon);
    }
    if let Some(law) = &mut table.adversarial {
        return adversarial(&format!("{key}.adversarial"), &mut law.value);
    }
    if let Some(law) = &mut table.replay {
        let interpolation = match fill(&mut law.value.interpolation, InterpolationName::Linear) {
            InterpolationName::Linear => Interpolation::Linear,
            InterpolationName::Previous => Interpolation::Previous,
        };
        let file = path(&format!("{key}.replay.file"), &mut law.value.file, around.base)?;
        return Ok(Law::Replay { file, interpolation });
    }
    let Some(law) = &table.descent else { return Err(Flaw::presence(key, span, "chooses no law")) };
    let step = &law.value.step;
    Ok(Law::Descent { step: step_size(&format!("{key}.descent.step"), &step.span, step.value, around.horizon)? })
}

fn few_pieces(key: &str, value: &Located<f64>, horizon: f64) -> Result<(), Flaw> {
    if horizon / value.value <= MOST_PIECES {
        return Ok(());
    }
    let rule = format!("is too small: up to record.horizon = {} it makes more than 1e9 jumps", number(horizon));
    Err(Flaw::value(key, &value.span, rule))
}

fn ornstein_uhlenbeck(key: &str, table: &mut OrnsteinUhlenbeckTable, horizon: f64) -> Result<Law, Flaw> {
    let correlation_time = positive(&format!("{key}.correlation_time"), &table.correlation_time)?;
    // A default that is too small is the fault of what it was computed from.
    let place = table.correlation_time.span.clone();
    let resolution = table.resolution.get_or_insert_with(|| Located { value: correlation_time / 50.0, span: place });
    let key = format!("{key}.resolution");
    positive(&key, resolution)?;
    if resolution.value > correlation_time {
        let rule = format!(
            "is too large: points further apart than correlation_time = {} follow no path; lower it, or leave it out for a fiftieth",
            number(correlation_time)
        );
        return Err(Flaw::value(key, &resolution.span, rule));
    }
    few_pieces(&key, resolution, horizon)?;
    Ok(Law::OrnsteinUhlenbeck { correlation_time, resolution: resolution.value })
}

fn adversarial(key: &str, table: &mut AdversarialTable) -> Result<Law, Flaw> {
    let against = match fill(&mut table.against, AgainstName::Residual) {
        AgainstName::Residual => Against::Residual,
        AgainstName::WeakestMode => Against::WeakestMode,
        AgainstName::Limit => {
            absent(&format!("{key}.smoothing"), &table.smoothing, "against = \"limit\" is a constant, with nothing to smooth; remove it")?;
            return Ok(Law::AdversarialLimit);
        }
    };
    let smoothing = table.smoothing.get_or_insert_with(|| Located::filled(1e-8));
    if !(smoothing.value > 0.0 && smoothing.value < 1.0) {
        let rule = "is out of range: it must lie between 0 and 1, both excluded (the exact polar factor, at 0, is discontinuous)";
        return Err(Flaw::value(format!("{key}.smoothing"), &smoothing.span, rule));
    }
    Ok(Law::Adversarial { against, smoothing: smoothing.value })
}

fn form(key: &str, table: &mut PerturbationTable, law: &Law, factorization: Factorization) -> Result<Form, Flaw> {
    let symmetric = factorization == Factorization::Symmetric;
    let default = if matches!(law, Law::Descent { .. }) && !symmetric { FormName::Lifted } else { FormName::Shared };
    let form = match fill(&mut table.form, default) {
        FormName::Shared => Form::Shared,
        FormName::Additive => Form::Additive,
        FormName::TwoSided => Form::TwoSided,
        FormName::Lifted => Form::Lifted,
    };
    let rule = match (law, form) {
        (_, Form::TwoSided) if symmetric => {
            "disturbs F and G apart, and the symmetric model has one factor: set \"shared\" (one symmetric E), or \"additive\""
        }
        (Law::Descent { .. } | Law::Adversarial { .. }, Form::Additive) if symmetric => {
            "is not offered for this law, whose E is a matrix that acts on the factor: set \"shared\", or leave it out"
        }
        (Law::AdversarialLimit, _) if symmetric => {
            let place = span_of(&table.adversarial).unwrap_or_default();
            let rule = "with against = \"limit\" is worked out for the two factors of the asymmetric model: choose \"residual\" or \"weakest_mode\"";
            return Err(Flaw::presence(format!("{key}.adversarial"), &place, rule));
        }
        _ if symmetric => return Ok(form),
        (Law::Descent { .. }, Form::Shared) => {
            "is impossible for the law descent: a shared E conserves FᵀF − GᵀG, which a step of descent moves by η²(GᵀNᵀNG − FᵀNNᵀF); set \"lifted\""
        }
        (Law::Descent { .. }, Form::Additive | Form::TwoSided) => {
            "is not offered for the law descent, which exists for any width in the lifted form: set \"lifted\", or leave it out"
        }
        (Law::Adversarial { .. }, Form::Additive | Form::TwoSided | Form::Lifted) => {
            "is not offered for the law adversarial: its worst direction is that of a linear functional of one shared E; set \"shared\""
        }
        (Law::AdversarialLimit, Form::Additive | Form::TwoSided | Form::Lifted) => {
            "is not offered for the law adversarial: against = \"limit\" is the worst constant among shared ones; set \"shared\""
        }
        _ => return Ok(form),
    };
    let span = span_of(&table.form).unwrap_or_default();
    Err(Flaw::value(format!("{key}.form"), &span, rule))
}

fn bounds(key: &str, span: &Span, table: &mut PerturbationTable, law: &Law) -> Result<Axis<Option<BoundSpec>>, Flaw> {
    let (bound_key, unit_key) = (format!("{key}.bound"), format!("{key}.relative_to"));
    if matches!(law, Law::Descent { .. }) {
        let reason = "the law descent brings its own size, that of the perturbation which descent is; remove it";
        absent(&bound_key, &table.bound, reason)?;
        absent(&unit_key, &table.relative_to, reason)?;
        return Ok(Axis::fixed(None));
    }
    let Some(bound) = &table.bound else {
        if matches!(law, Law::Replay { .. }) {
            absent(&unit_key, &table.relative_to, "it is the unit of `bound`, which is absent; add bound, or remove it")?;
            return Ok(Axis::fixed(None));
        }
        return Err(Flaw::missing(bound_key, span, "give the operator norm that the perturbation must not exceed, such as bound = 0.05"));
    };
    let bounds = Axis::new(&bound_key, bound, |bound, span| not_negative_at(&bound_key, span, bound))?;
    let relative_to = match fill(&mut table.relative_to, RelativeToName::Absolute) {
        RelativeToName::Absolute => RelativeTo::Absolute,
        RelativeToName::SigmaR => RelativeTo::SigmaR,
        RelativeToName::Residual => RelativeTo::Residual,
    };
    if matches!(law, Law::Replay { .. }) {
        replay_bound(key, table, &bounds, relative_to)?;
    }
    Ok(bounds.map(|bound| Some(BoundSpec { bound, relative_to })))
}

/// Replay's bound is a check of the file.
fn replay_bound(key: &str, table: &PerturbationTable, bounds: &Axis<f64>, relative_to: RelativeTo) -> Result<(), Flaw> {
    if relative_to == RelativeTo::Residual {
        let span = span_of(&table.relative_to).unwrap_or_default();
        let rule = "cannot bound the law replay, whose matrices do not follow the residual: set \"absolute\" or \"sigma_r\"";
        return Err(Flaw::value(format!("{key}.relative_to"), &span, rule));
    }
    if bounds.is_listed() {
        let span = span_of(&table.bound).unwrap_or_default();
        return Err(Flaw::value(
            format!("{key}.bound"),
            &span,
            "cannot be a list for the law replay, whose matrices it does not scale: give one number",
        ));
    }
    Ok(())
}

fn seeds(key: &str, table: &mut PerturbationTable, law: &Law, default: u64) -> Result<Axis<u64>, Flaw> {
    let key = format!("{key}.seed");
    if matches!(law, Law::Adversarial { .. } | Law::Replay { .. } | Law::Descent { .. }) {
        absent(&key, &table.seed, "nothing is random about this law; remove it")?;
        return Ok(Axis::fixed(default));
    }
    let written = table.seed.get_or_insert_with(|| Located::filled(OneOrMany::One(default)));
    Axis::new(&key, written, |seed, _| Ok(seed))
}
