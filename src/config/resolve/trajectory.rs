//! Trajectories: methods, initialisation, families.

use super::Flaws;
use super::checks::{absent, exactly_one, name, not_negative, positive, positive_at, span_of};
use super::family::{Axis, member_name, number};
use super::init::{Shared, Sizes, own};
use crate::config::error::Flaw;
use crate::config::experiment::{ErrorNorm, FlowMethod, InitKind, InitSpec, Method, Pair, ToleranceSpec, TrajectorySpec};
use crate::config::located::{Located, Span, fill};
use crate::config::schema::{ErrorNormName, FlowTable, MethodName, TrajectoryTable};
use crate::config::values::OneOrMany;

/// What trajectories share.
pub(super) struct Context {
    pub shared: Shared,
    pub horizon: f64,
    pub sizes: Sizes,
}

/// One list of members per `[[trajectory]]`.
pub(super) fn families(
    tables: Option<&mut Located<Vec<Located<TrajectoryTable>>>>,
    context: &Context,
) -> Result<Vec<Vec<TrajectorySpec>>, Vec<Flaw>> {
    let remedy = "add at least one [[trajectory]] with a name and a table [trajectory.flow] or [trajectory.gradient_descent]";
    let Some(tables) = tables else { return Err(vec![Flaw::missing("trajectory", &(0..0), remedy)]) };
    if tables.value.is_empty() {
        return Err(vec![Flaw::missing("trajectory", &tables.span, remedy)]);
    }
    let mut flaws = Flaws::default();
    let mut names: Vec<String> = Vec::new();
    let mut families = Vec::new();
    for (i, table) in tables.value.iter_mut().enumerate() {
        let key = format!("trajectory[#{}].name", i + 1);
        let Some(name) = flaws.keep(name(&key, &table.value.name)) else { continue };
        if names.contains(&name) {
            let rule = "is taken by an earlier trajectory: names must differ";
            flaws.0.push(Flaw::value(key, &table.value.name.span, rule));
            continue;
        }
        families.extend(flaws.keep(family(&name, table, context)));
        names.push(name);
    }
    if flaws.0.is_empty() { Ok(families) } else { Err(flaws.0) }
}

fn family(family: &str, table: &mut Located<TrajectoryTable>, context: &Context) -> Result<Vec<TrajectorySpec>, Flaw> {
    let key = format!("trajectory[{family}]");
    let span = table.span.clone();
    let table = &mut table.value;
    exactly_one(&key, &span, &[("flow", span_of(&table.flow)), ("gradient_descent", span_of(&table.gradient_descent))])?;
    let methods = methods(&key, table, context.horizon)?;
    let cross_check = cross_check(&key, table)?;
    let (kind, scales, seeds) = initialisations(&key, &span, table, context)?;
    let mut members = Vec::new();
    for method in &methods.values {
        for &scale in &scales.values {
            for &seed in &seeds.values {
                let step = method.step_size().map(number).unwrap_or_default();
                let axes = [
                    ("step", methods.is_listed(), step),
                    ("scale", scales.is_listed(), number(scale)),
                    ("seed", seeds.is_listed(), seed.to_string()),
                ];
                let init = InitSpec { seed, kind, scale };
                members.push(TrajectorySpec {
                    name: member_name(family, axes),
                    family: family.to_owned(),
                    init,
                    method: method.clone(),
                    cross_check,
                    certify: false,
                });
            }
        }
    }
    Ok(members)
}

fn methods(key: &str, table: &mut TrajectoryTable, horizon: f64) -> Result<Axis<Method>, Flaw> {
    if let Some(flow) = &mut table.flow {
        return Ok(Axis::fixed(Method::Flow(flow_method(&format!("{key}.flow"), flow, horizon)?)));
    }
    let Some(descent) = &table.gradient_descent else { return Err(Flaw::presence(key, &(0..0), "chooses no method")) };
    let key = format!("{key}.gradient_descent.step");
    let steps = Axis::new(&key, &descent.value.step, |step, span| step_size(&key, span, step, horizon))?;
    Ok(steps.map(|step| Method::GradientDescent { step }))
}

fn step_size(key: &str, span: &Span, step: f64, horizon: f64) -> Result<f64, Flaw> {
    // Step numbers are exact in f64 up to here.
    const MOST_STEPS: f64 = 9_007_199_254_740_992.0;
    let step = positive_at(key, span, step)?;
    if step > horizon {
        return Err(Flaw::value(key, span, format!("is out of range: a step must be at most record.horizon = {}", number(horizon))));
    }
    if horizon / step > MOST_STEPS {
        return Err(Flaw::value(
            key,
            span,
            format!("is too small: up to record.horizon = {} it makes more than 2^53 steps", number(horizon)),
        ));
    }
    Ok(step)
}

fn flow_method(key: &str, table: &mut Located<FlowTable>, horizon: f64) -> Result<FlowMethod, Flaw> {
    let span = table.span.clone();
    let table = &mut table.value;
    let pair = match fill(&mut table.method, MethodName::Dop853) {
        MethodName::Dopri5 => Pair::Dopri5,
        MethodName::Dop853 => Pair::Dop853,
        MethodName::Rk4 => {
            let reason = "rk4 has a fixed step and no error control; remove it, or choose dopri5 or dop853";
            absent(&format!("{key}.rtol"), &table.rtol, reason)?;
            absent(&format!("{key}.atol"), &table.atol, reason)?;
            absent(&format!("{key}.error_norm"), &table.error_norm, reason)?;
            let key = format!("{key}.step");
            let Some(step) = &table.step else {
                return Err(Flaw::missing(key, &span, "rk4 has a fixed step: give it, such as step = 0.01"));
            };
            return Ok(FlowMethod::Rk4 { step: step_size(&key, &step.span, step.value, horizon)? });
        }
    };
    absent(&format!("{key}.step"), &table.step, "only method = \"rk4\" has a fixed step; remove it, or choose rk4")?;
    let rtol = table.rtol.get_or_insert_with(|| Located::filled(1e-8));
    if !(rtol.value > 1e-15 && rtol.value < 1.0) {
        let rule = "is out of range: it must lie between 1e-15 and 1, both excluded";
        return Err(Flaw::value(format!("{key}.rtol"), &rtol.span, rule));
    }
    let rtol = rtol.value;
    let atol = not_negative(&format!("{key}.atol"), table.atol.get_or_insert_with(|| Located::filled(0.0)))?;
    let norm = match fill(&mut table.error_norm, ErrorNormName::Factors) {
        ErrorNormName::Factors => ErrorNorm::Factors,
        ErrorNormName::Product => ErrorNorm::Product,
    };
    Ok(FlowMethod::Adaptive { pair, tolerance: ToleranceSpec { rtol, atol, norm } })
}

fn cross_check(key: &str, table: &mut TrajectoryTable) -> Result<Option<f64>, Flaw> {
    if table.flow.is_none() {
        absent(&format!("{key}.cross_check"), &table.cross_check, "only flows can be integrated a second time; remove it")?;
    }
    let asked = fill(&mut table.cross_check, false);
    if table.flow.is_none() {
        table.cross_check = None;
    }
    let key = format!("{key}.cross_check_tolerance");
    if !asked {
        absent(&key, &table.cross_check_tolerance, "there is no cross-check; set cross_check = true on a flow, or remove it")?;
        return Ok(None);
    }
    if let Some(tolerance) = &table.cross_check_tolerance {
        return positive(&key, tolerance).map(Some);
    }
    match table.flow.as_ref().and_then(|flow| flow.value.rtol.as_ref()) {
        Some(rtol) => Ok(Some(fill(&mut table.cross_check_tolerance, 1000.0 * rtol.value))),
        None => {
            let span = span_of(&table.cross_check).unwrap_or_default();
            Err(Flaw::missing(key, &span, "rk4 has no rtol to take it from: give the largest relative deviation that passes"))
        }
    }
}

fn initialisations(
    key: &str,
    span: &Span,
    table: &mut TrajectoryTable,
    context: &Context,
) -> Result<(InitKind, Axis<f64>, Axis<u64>), Flaw> {
    let Some(init) = &mut table.init else {
        let Some(init) = context.shared.init else {
            let remedy = "add a table [init.gaussian] for all trajectories, or [trajectory.init.gaussian] for this one, with scale";
            return Err(Flaw::missing(format!("{key}.init"), span, remedy));
        };
        return Ok((init.kind, Axis::fixed(init.scale), Axis::fixed(init.seed)));
    };
    let key = format!("{key}.init");
    let (law, kind, table) = own(&key, init, context.sizes)?;
    let key = format!("{key}.{law}");
    let scale_key = format!("{key}.scale");
    let scales = Axis::new(&scale_key, &table.value.scale, |scale, span| positive_at(&scale_key, span, scale))?;
    let written = table.value.seed.get_or_insert_with(|| Located::filled(OneOrMany::One(context.shared.seed)));
    let seeds = Axis::new(&format!("{key}.seed"), written, |seed, _| Ok(seed))?;
    Ok((kind, scales, seeds))
}
