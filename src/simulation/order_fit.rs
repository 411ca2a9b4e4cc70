//! The order at which descents deviate from their reference as the step size shrinks.

use super::RunRecord;

/// A least-squares line through `(log η, log sup_t ‖FGᵀ − F'G'ᵀ‖_F)`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OrderFit {
    /// Name of the reference.
    pub reference: String,
    /// Name of the family, with the parameters that its members share (`gd[scale=0.001]`).
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

/// One fit for every (reference, family of descents) with at least two step sizes whose trajectories ended well and deviate at all.
pub fn fit_orders(record: &RunRecord) -> Vec<OrderFit> {
    let mut keys: Vec<(&str, String)> = Vec::new();
    for row in &record.comparison {
        let key = (row.reference.as_str(), without_step(&row.trajectory));
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.into_iter().filter_map(|(reference, family)| fit(record, reference, &family)).collect()
}

/// The name of a family's member without its step size: members of equal rest differ in the step alone.
fn without_step(name: &str) -> String {
    let Some((family, parameters)) = name.strip_suffix(']').and_then(|name| name.split_once('[')) else { return name.into() };
    let rest: Vec<&str> = parameters.split(',').filter(|parameter| !parameter.starts_with("step=")).collect();
    if rest.is_empty() { family.into() } else { format!("{family}[{}]", rest.join(",")) }
}

fn fit(record: &RunRecord, reference: &str, family: &str) -> Option<OrderFit> {
    let mut points: Vec<(f64, f64)> = record
        .trajectories
        .iter()
        .filter(|t| without_step(&t.name) == family && t.outcome.is_some_and(|o| o.is_success()))
        .filter_map(|t| Some((t.step_size?, sup_deviation(record, reference, &t.name)?)))
        .filter(|&(_, deviation)| deviation > 0.0 && deviation.is_finite())
        .collect();
    points.sort_by(|a, b| b.0.total_cmp(&a.0));
    let distinct = points.windows(2).filter(|pair| pair[0].0 != pair[1].0).count() + 1;
    if points.len() < 2 || distinct < 2 {
        return None;
    }
    Some(OrderFit { reference: reference.into(), family: family.into(), slope: slope(&points), points })
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
