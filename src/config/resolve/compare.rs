//! Comparisons, with names of families expanded to members.

use super::Flaws;
use crate::config::error::Flaw;
use crate::config::experiment::{ComparisonSpec, TrajectorySpec};
use crate::config::located::{Located, Span};
use crate::config::method::Method;
use crate::config::schema::CompareTable;

/// The comparisons asked for; by default every other trajectory with the first flow, if there is a flow.
pub(super) fn comparisons(
    tables: &mut Option<Located<Vec<Located<CompareTable>>>>,
    families: &[Vec<TrajectorySpec>],
) -> Result<Vec<ComparisonSpec>, Vec<Flaw>> {
    let first_flow = families.iter().flatten().find(|trajectory| matches!(trajectory.method, Method::Flow(_)));
    let Some(tables) = tables else {
        let Some(flow) = first_flow else { return Ok(Vec::new()) };
        let against = all_but(&flow.name, families);
        if against.is_empty() {
            return Ok(Vec::new());
        }
        let comparison = ComparisonSpec { reference: flow.name.clone(), against, bound: false };
        *tables = Some(Located::filled(vec![Located::filled(written(&comparison))]));
        return Ok(vec![comparison]);
    };
    let mut flaws = Flaws::default();
    let mut found: Vec<ComparisonSpec> = Vec::new();
    for (i, table) in tables.value.iter_mut().enumerate() {
        let key = format!("compare[#{}]", i + 1);
        let comparison = flaws.keep(comparison(&key, table, families, first_flow).and_then(|new| distinct(&key, table, new, &found)));
        if let Some(comparison) = comparison {
            table.value = written(&comparison);
            found.push(comparison);
        }
    }
    if flaws.0.is_empty() { Ok(found) } else { Err(flaws.0) }
}

fn written(comparison: &ComparisonSpec) -> CompareTable {
    let against = comparison.against.iter().cloned().map(Located::filled).collect();
    CompareTable {
        reference: Some(Located::filled(comparison.reference.clone())),
        against: Some(Located::filled(against)),
        bound: Some(Located::filled(comparison.bound)),
    }
}

fn all_but(reference: &str, families: &[Vec<TrajectorySpec>]) -> Vec<String> {
    families.iter().flatten().filter(|trajectory| trajectory.name != reference).map(|trajectory| trajectory.name.clone()).collect()
}

fn comparison(
    key: &str,
    table: &Located<CompareTable>,
    families: &[Vec<TrajectorySpec>],
    first_flow: Option<&TrajectorySpec>,
) -> Result<ComparisonSpec, Flaw> {
    let reference = match (&table.value.reference, first_flow) {
        (Some(name), _) => reference(&format!("{key}.reference"), name, families)?,
        (None, Some(flow)) => flow.name.clone(),
        (None, None) => {
            let remedy = "there is no flow to take by default: give the name of one trajectory";
            return Err(Flaw::missing(format!("{key}.reference"), &table.span, remedy));
        }
    };
    let bound_key = format!("{key}.bound");
    let key = format!("{key}.against");
    let against = match &table.value.against {
        Some(names) => against(&key, names, &reference, families)?,
        None => all_but(&reference, families),
    };
    if against.is_empty() {
        let span = table.value.against.as_ref().map_or(&table.span, |names| &names.span);
        return Err(Flaw::presence(key, span, format!("holds no trajectory besides the reference \"{reference}\": add one")));
    }
    let bound = bound(&bound_key, table.value.bound.as_ref(), &reference, &against, families)?;
    Ok(ComparisonSpec { reference, against, bound })
}

/// Whether deviations are bounded: what is known of them rests on a reference that follows the gradient itself, and on the gradient along the others.
fn bound(
    key: &str,
    written: Option<&Located<bool>>,
    reference: &str,
    against: &[String],
    families: &[Vec<TrajectorySpec>],
) -> Result<bool, Flaw> {
    let Some(written) = written.filter(|written| written.value) else { return Ok(false) };
    let all = || families.iter().flatten();
    let is_flow = |trajectory: &TrajectorySpec| trajectory.name == reference && matches!(trajectory.method, Method::Flow(_));
    if !all().any(is_flow) {
        return Err(Flaw::value(key, &written.span, "needs a flow without a perturbation as the reference: choose one, or remove it"));
    }
    let unbound = |method: &Method| method.has_own_data() || matches!(method, Method::ProjectedDescent { .. });
    match all().find(|trajectory| unbound(&trajectory.method) && against.contains(&trajectory.name)) {
        None => Ok(true),
        Some(other) => {
            let rule = format!("needs the gradient at every step, which {} does not compute: compare it without a bound", other.name);
            Err(Flaw::value(key, &written.span, rule))
        }
    }
}

/// The members of a family, or the one member of that name.
fn members<'f>(key: &str, name: &str, span: &Span, families: &'f [Vec<TrajectorySpec>]) -> Result<Vec<&'f str>, Flaw> {
    let all = || families.iter().flatten();
    if let Some(one) = all().find(|trajectory| trajectory.name == name) {
        return Ok(vec![&one.name]);
    }
    let members: Vec<&str> = all().filter(|trajectory| trajectory.family == name).map(|trajectory| trajectory.name.as_str()).collect();
    if !members.is_empty() {
        return Ok(members);
    }
    let mut allowed: Vec<String> = Vec::new();
    for trajectory in all() {
        for name in [&trajectory.family, &trajectory.name] {
            if !allowed.contains(name) {
                allowed.push(name.clone());
            }
        }
    }
    Err(Flaw::unknown(key, span, name, allowed))
}

fn reference(key: &str, name: &Located<String>, families: &[Vec<TrajectorySpec>]) -> Result<String, Flaw> {
    match members(key, &name.value, &name.span, families)?.as_slice() {
        [one] => Ok((*one).to_owned()),
        many => {
            let rule = format!("is a family of {}, but a reference is one trajectory: choose among {}", many.len(), many.join(", "));
            Err(Flaw::value(key, &name.span, rule))
        }
    }
}

fn against(
    key: &str,
    names: &Located<Vec<Located<String>>>,
    reference: &str,
    families: &[Vec<TrajectorySpec>],
) -> Result<Vec<String>, Flaw> {
    let mut expanded: Vec<String> = Vec::new();
    for name in &names.value {
        if name.value == reference {
            return Err(Flaw::value(key, &name.span, "is the reference itself: remove it"));
        }
        for member in members(key, &name.value, &name.span, families)? {
            if expanded.iter().any(|known| known == member) {
                return Err(Flaw::value(key, &name.span, format!("names {member} a second time: remove one")));
            }
            // A family may contain the reference; the others are meant.
            if member != reference {
                expanded.push(member.to_owned());
            }
        }
    }
    Ok(expanded)
}

/// Refuses a pair that an earlier comparison has.
fn distinct(key: &str, table: &Located<CompareTable>, new: ComparisonSpec, found: &[ComparisonSpec]) -> Result<ComparisonSpec, Flaw> {
    let earlier = found.iter().filter(|known| known.reference == new.reference).flat_map(|known| &known.against);
    match earlier.into_iter().find(|name| new.against.contains(name)) {
        None => Ok(new),
        Some(name) => {
            let span = table.value.against.as_ref().map_or(&table.span, |names| &names.span);
            Err(Flaw::presence(key, span, format!("compares {name} with {} a second time: remove one", new.reference)))
        }
    }
}
