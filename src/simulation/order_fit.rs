//! The order at which descents deviate from their reference as the step size shrinks.

use super::{RunRecord, TrajectoryRecord};

/// A least-squares line through `(log η, log sup_t ‖FGᵀ − F'G'ᵀ‖_F)`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OrderFit {
    /// Name of the reference.
    pub reference: String,
    /// Name of the family, with the parameters that its members share (`gd[scale=0.001]`); the method, if they are of several families.
    pub family: String,
    /// The slope: the observed order.
    pub slope: f64,
    /// `(η, sup deviation)`, the points that it used.
    pub points: Vec<(f64, f64)>,
}

/// `sup_t` of the deviation of `trajectory` from `reference` over their common recording times; NaN if one of them is.
pub fn sup_deviation(record: &RunRecord, reference: &str, trajectory: &str) -> Option<f64> {
    record
        .comparison
        .iter()
        .filter(|row| row.reference == reference && row.trajectory == trajectory)
        .map(|row| row.product_deviation)
        // `f64::max` alone would drop a NaN.
        .reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) })
}

/// One fit for every reference and kind of descents — same method, same start — with at least two step sizes, where all have ended well
/// and deviate at all. A family of modified flows is one reference: each member is held against the descent of its own step size.
pub fn fit_orders(record: &RunRecord) -> Vec<OrderFit> {
    let find = |name: &str| record.trajectories.iter().find(|t| t.name == name);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for row in &record.comparison {
        let (Some(reference), Some(other)) = (find(&row.reference), find(&row.trajectory)) else { continue };
        if reference.modified_step.is_some() && reference.modified_step != other.step_size {
            continue;
        }
        match groups.iter_mut().find(|group| group.takes(reference, other)) {
            None => groups.push(Group { reference: reference_label(reference), pairs: vec![(reference, other)] }),
            Some(group) if group.pairs.iter().all(|(known, member)| (&known.name, &member.name) != (&reference.name, &other.name)) => {
                group.pairs.push((reference, other));
            }
            Some(_) => {}
        }
    }
    groups.iter().filter_map(|group| fit(record, group)).collect()
}

/// Pairs of a reference and a descent that belong to one fit.
struct Group<'a> {
    reference: String,
    pairs: Vec<(&'a TrajectoryRecord, &'a TrajectoryRecord)>,
}

impl Group<'_> {
    fn takes(&self, reference: &TrajectoryRecord, other: &TrajectoryRecord) -> bool {
        let like = |(_, first): &(&TrajectoryRecord, &TrajectoryRecord)| first.method == other.method && first.init == other.init;
        self.reference == reference_label(reference) && self.pairs.first().is_some_and(like)
    }
}

fn reference_label(reference: &TrajectoryRecord) -> String {
    if reference.modified_step.is_some() { without_step(&reference.name) } else { reference.name.clone() }
}

/// The name of a family's member without its step size: members of equal rest differ in the step alone.
fn without_step(name: &str) -> String {
    let Some((family, parameters)) = name.strip_suffix(']').and_then(|name| name.split_once('[')) else { return name.into() };
    let rest: Vec<&str> = parameters.split(',').filter(|parameter| !parameter.starts_with("step=")).collect();
    if rest.is_empty() { family.into() } else { format!("{family}[{}]", rest.join(",")) }
}

/// What the members have in common by name, or else their method.
fn label(pairs: &[(&TrajectoryRecord, &TrajectoryRecord)]) -> String {
    let names: Vec<String> = pairs.iter().map(|(_, member)| without_step(&member.name)).collect();
    match names.first() {
        Some(first) if names.iter().all(|name| name == first) => first.clone(),
        _ => pairs.first().map_or_else(String::new, |(_, member)| member.method.clone()),
    }
}

fn ended_well(trajectory: &TrajectoryRecord) -> bool {
    trajectory.outcome.is_some_and(|outcome| outcome.is_success())
}

fn fit(record: &RunRecord, group: &Group<'_>) -> Option<OrderFit> {
    let mut points: Vec<(f64, f64)> = group
        .pairs
        .iter()
        .filter(|(reference, member)| ended_well(member) && ended_well(reference))
        .filter_map(|(reference, member)| Some((member.step_size?, sup_deviation(record, &reference.name, &member.name)?)))
        .filter(|&(_, deviation)| deviation > 0.0 && deviation.is_finite())
        .collect();
    points.sort_by(|a, b| b.0.total_cmp(&a.0));
    let distinct = points.windows(2).any(|pair| pair[0].0 != pair[1].0);
    let (reference, family) = (group.reference.clone(), label(&group.pairs));
    distinct.then(|| OrderFit { reference, family, slope: slope(&points), points })
}

fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0.ln()), mean(|p| p.1.ln()));
    let (mut xx, mut xy) = (0.0, 0.0);
    for (step, deviation) in points {
        xx += (step.ln() - x).powi(2);
        xy += (step.ln() - x) * (deviation.ln() - y);
    }
    xy / xx
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_grouped_by_everything_but_the_step() {
        assert_eq!(without_step("gd"), "gd");
        assert_eq!(without_step("gd[step=0.1]"), "gd");
        assert_eq!(without_step("gd[step=0.1,scale=0.001]"), "gd[scale=0.001]");
    }

    #[test]
    fn a_deviation_that_is_not_a_number_is_not_forgotten() {
        let row = |t: f64, deviation: f64| crate::simulation::ComparisonRow {
            bound: None,
            bound_first_order: None,
            reference: "a".into(),
            trajectory: "b".into(),
            step: None,
            t,
            product_deviation: deviation,
            product_deviation_op: deviation,
            factor_deviation: None,
        };
        let sup = |deviations: [f64; 3]| {
            let comparison = deviations.iter().enumerate().map(|(i, d)| row(i as f64, *d)).collect();
            sup_deviation(&RunRecord { comparison, ..RunRecord::default() }, "a", "b")
        };
        assert_eq!(sup([1.0, 3.0, 2.0]), Some(3.0));
        assert!(sup([1.0, f64::NAN, 2.0]).unwrap().is_nan());
    }

    #[test]
    fn the_slope_of_a_power_law_is_its_exponent() {
        let points: Vec<(f64, f64)> = [0.1, 0.05, 0.01f64].iter().map(|&h| (h, 3.0 * h.powf(1.7))).collect();
        assert!((slope(&points) - 1.7).abs() < 1e-13);
    }
}
