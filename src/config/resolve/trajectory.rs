//! Trajectories: methods, initialisation, families.

use super::Flaws;
use super::checks::{absent, name, positive, positive_at, span_of};
use super::family::{Axis, member_name, number};
use super::init::{Shared, Sizes, own};
use super::methods::methods;
use super::perturbation::Surroundings;
use crate::config::error::Flaw;
use crate::config::experiment::{InitKind, InitSpec, TrajectorySpec};
use crate::config::located::{Located, Span, fill};
use crate::config::schema::TrajectoryTable;

/// What trajectories share.
pub(super) struct Context<'a> {
    pub shared: Shared,
    pub sizes: Sizes,
    pub around: Surroundings<'a>,
}

/// One list of members per `[[trajectory]]`.
pub(super) fn families(
    tables: Option<&mut Located<Vec<Located<TrajectoryTable>>>>,
    context: &Context<'_>,
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

fn family(family: &str, table: &mut Located<TrajectoryTable>, context: &Context<'_>) -> Result<Vec<TrajectorySpec>, Flaw> {
    let key = format!("trajectory[{family}]");
    let span = table.span.clone();
    let table = &mut table.value;
    let methods = methods(&key, &span, table, &context.around)?;
    let cross_check = cross_check(&key, table)?;
    let certify = certify(&key, table)?;
    let (kind, scales, seeds) = initialisations(&key, &span, table, context)?;
    let mut members = Vec::new();
    for member in &methods {
        for &scale in &scales.values {
            for &seed in &seeds.values {
                let mut labels = member.labels.clone();
                if scales.is_listed() {
                    labels.push(("scale", number(scale)));
                }
                if seeds.is_listed() {
                    labels.push(("seed", seed.to_string()));
                }
                members.push(TrajectorySpec {
                    name: member_name(family, &labels),
                    family: family.to_owned(),
                    init: InitSpec { seed, kind, scale },
                    method: member.method.clone(),
                    cross_check,
                    certify,
                });
            }
        }
    }
    Ok(members)
}

fn cross_check(key: &str, table: &mut TrajectoryTable) -> Result<Option<f64>, Flaw> {
    let is_flow = table.flow.is_some() || table.modified_flow.is_some();
    if !is_flow {
        absent(&format!("{key}.cross_check"), &table.cross_check, "only flows can be integrated a second time; remove it")?;
    }
    let asked = is_flow && fill(&mut table.cross_check, false);
    let key = format!("{key}.cross_check_tolerance");
    if !asked {
        absent(&key, &table.cross_check_tolerance, "there is no cross-check; set cross_check = true on a flow, or remove it")?;
        return Ok(None);
    }
    if let Some(tolerance) = &table.cross_check_tolerance {
        return positive(&key, tolerance).map(Some);
    }
    let flow_rtol = table.flow.as_ref().and_then(|flow| flow.value.rtol.as_ref());
    match flow_rtol.or_else(|| table.modified_flow.as_ref().and_then(|flow| flow.value.rtol.as_ref())) {
        Some(rtol) => Ok(Some(fill(&mut table.cross_check_tolerance, 1000.0 * rtol.value))),
        None => {
            let span = span_of(&table.cross_check).unwrap_or_default();
            Err(Flaw::missing(key, &span, "rk4 has no rtol to take it from: give the largest relative deviation that passes"))
        }
    }
}

/// Whether the numerical error is bounded: of gradient flow itself only, because the bound rests on what is known of its field.
fn certify(key: &str, table: &mut TrajectoryTable) -> Result<bool, Flaw> {
    if table.flow.is_some() && table.perturbation.is_none() {
        return Ok(fill(&mut table.certify, false));
    }
    absent(&format!("{key}.certify"), &table.certify, "only the error of a flow without a perturbation can be bounded; remove it")?;
    Ok(false)
}

fn initialisations(
    key: &str,
    span: &Span,
    table: &mut TrajectoryTable,
    context: &Context<'_>,
) -> Result<(InitKind, Axis<f64>, Axis<u64>), Flaw> {
    let Some(init) = &mut table.init else {
        let Some(init) = context.shared.init else {
            let remedy = "add a table [init.gaussian] for all trajectories, or [trajectory.init.gaussian] for this one, with scale";
            return Err(Flaw::missing(format!("{key}.init"), span, remedy));
        };
        return Ok((init.kind, Axis::fixed(init.scale), Axis::fixed(init.seed)));
    };
    let (key, kind, scales, seeds) = own(&format!("{key}.init"), init, context.shared, context.sizes)?;
    let scale_key = format!("{key}.scale");
    let scales = Axis::new(&scale_key, scales, |scale, span| positive_at(&scale_key, span, scale))?;
    let seeds = match seeds {
        Some(seeds) => Axis::new(&format!("{key}.seed"), seeds, |seed, _| Ok(seed))?,
        None => Axis::fixed(context.shared.seed),
    };
    Ok((kind, scales, seeds))
}
