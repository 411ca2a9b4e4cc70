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
/// and deviate at all.
pub fn fit_orders(record: &RunRecord) -> Vec<OrderFit> {
    let find = |name: &str| record.trajectories.iter().find(|t| t.name == name);
    let mut groups: Vec<(&TrajectoryRecord, Vec<&TrajectoryRecord>)> = Vec::new();
    for row in &record.comparison {
        let (Some(reference), Some(other)) = (find(&row.reference), find(&row.trajectory)) else { continue };
        let fits = |(known, members): &&mut (&TrajectoryRecord, Vec<&TrajectoryRecord>)| {
            known.name == reference.name && members.first().is_some_and(|first| first.method == other.method && first.init == other.init)
        };
        match groups.iter_mut().find(fits) {
            None => groups.push((reference, vec![other])),
            Some((_, members)) if members.iter().all(|member| member.name != other.name) => members.push(other),
            Some(_) => {}
        }
    }
    groups.iter().filter_map(|(reference, members)| fit(record, reference, members)).collect()
}

/// The name of a family's member without its step size: members of equal rest differ in the step alone.
fn without_step(name: &str) -> String {
    let Some((family, parameters)) = name.strip_suffix(']').and_then(|name| name.split_once('[')) else { return name.into() };
    let rest: Vec<&str> = parameters.split(',').filter(|parameter| !parameter.starts_with("step=")).collect();
    if rest.is_empty() { family.into() } else { format!("{family}[{}]", rest.join(",")) }
}

/// What the members have in common by name, or else their method.
fn label(members: &[&TrajectoryRecord]) -> String {
    let names: Vec<String> = members.iter().map(|member| without_step(&member.name)).collect();
    match names.first() {
        Some(first) if names.iter().all(|name| name == first) => first.clone(),
        _ => members.first().map_or_else(String::new, |member| member.method.clone()),
    }
}

fn ended_well(trajectory: &TrajectoryRecord) -> bool {
    trajectory.outcome.is_some_and(|outcome| outcome.is_success())
}

fn fit(record: &RunRecord, reference: &TrajectoryRecord, members: &[&TrajectoryRecord]) -> Option<OrderFit> {
    let mut points: Vec<(f64, f64)> = members
        .iter()
        .filter(|member| ended_well(member) && ended_well(reference))
        .filter_map(|member| Some((member.step_size?, sup_deviation(record, &reference.name, &member.name)?)))
        .filter(|&(_, deviation)| deviation > 0.0 && deviation.is_finite())
        .collect();
    points.sort_by(|a, b| b.0.total_cmp(&a.0));
    let distinct = points.windows(2).any(|pair| pair[0].0 != pair[1].0);
    distinct.then(|| OrderFit { reference: reference.name.clone(), family: label(members), slope: slope(&points), points })
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
