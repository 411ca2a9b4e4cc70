//! A collected sweep as data: columns, what varies, groups of trajectories that differ in repetitions alone.

use crate::sweep::{Collected, FitRow};

/// A collected sweep, and the slopes that were fitted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SweepData {
    /// Its name.
    pub name: String,
    /// Its axes, and `repeat`.
    pub keys: Vec<String>,
    /// The table.
    pub table: Collected,
    /// Slopes.
    pub fits: Vec<FitRow>,
}

/// A row of the table that belongs to a trajectory.
pub(super) struct Row<'a> {
    cells: &'a [String],
}

impl SweepData {
    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.table.columns.iter().position(|known| known == column)
    }

    /// Rows that have a trajectory: not those of tasks that failed or have no result.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let trajectory = self.place("trajectory");
        let has = move |cells: &&Vec<String>| trajectory.and_then(|place| cells.get(place)).is_some_and(|name| !name.is_empty());
        self.table.rows.iter().filter(has).map(|cells| Row { cells })
    }

    /// Different values of a column, in the order of the table.
    pub(super) fn values(&self, column: &str) -> Vec<String> {
        let mut known: Vec<String> = Vec::new();
        let Some(place) = self.place(column) else { return known };
        for row in self.rows() {
            if !known.iter().any(|value| value == row.cell(place)) {
                known.push(row.cell(place).to_owned());
            }
        }
        known
    }

    /// The axes that vary, without those that move together with an earlier one.
    pub(super) fn free_axes(&self) -> Vec<&str> {
        let mut free: Vec<&str> = Vec::new();
        for key in self.keys.iter().filter(|key| *key != "repeat") {
            if self.values(key).len() > 1 && !free.iter().any(|other| self.together(other, key)) {
                free.push(key);
            }
        }
        free
    }

    /// Whether each value of one column comes with one value of another, and the other way round.
    pub(super) fn together(&self, one: &str, other: &str) -> bool {
        let (Some(one), Some(other)) = (self.place(one), self.place(other)) else { return false };
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for row in self.table.rows.iter() {
            let (Some(a), Some(b)) = (row.get(one), row.get(other)) else { continue };
            if !pairs.contains(&(a, b)) {
                pairs.push((a, b));
            }
        }
        let unique = |pick: fn(&(&str, &str)) -> String| {
            let mut all: Vec<String> = pairs.iter().map(pick).collect();
            all.sort();
            all.windows(2).all(|pair| pair[0] != pair[1])
        };
        unique(|pair| pair.0.to_owned()) && unique(|pair| pair.1.to_owned())
    }
}

impl<'a> Row<'a> {
    pub fn cell(&self, place: usize) -> &'a str {
        self.cells.get(place).map(String::as_str).unwrap_or_default()
    }

    /// A number, also an infinite one; `None` where the cell is none.
    pub fn number(&self, place: usize) -> Option<f64> {
        self.cell(place).parse().ok().filter(|value: &f64| !value.is_nan())
    }
}

/// Whether an axis through these values is better logarithmic: they span a decade and crowd at its lower end.
pub(super) fn logarithmic(values: &[f64]) -> bool {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    match (sorted.first(), sorted.get(sorted.len() / 2), sorted.last()) {
        (Some(least), Some(middle), Some(most)) => *least > 0.0 && (most / least >= 30.0 || (most / least >= 8.0 && *middle < 0.35 * most)),
        _ => false,
    }
}

/// The quantile of sorted values, linear between neighbours; infinite values count.
pub(super) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = part * last as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[(place.ceil() as usize).min(last)]);
    if low == high { low } else { low + (place - place.floor()) * (high - low) }
}

/// What an axis or a column is called in mathematics.
pub(super) fn name(column: &str) -> String {
    let known = match column {
        "final_relative_error" => "final test error ‖FGᵀ − Y‖_{F}/‖Y‖_{F}",
        "final_train_error" => "final training error ‖A(FGᵀ) − y‖/‖y‖",
        "final_imbalance_drift" => "final drift ‖Λ − Λ₀‖_{op}",
        "sup_deviation" => "max_{t} ‖FGᵀ − F′G′ᵀ‖_{F}",
        "observed_escape" => "first recorded escape t",
        "predicted_escape" => "predicted escape t",
        "step_size" => "step size η",
        "model.width" => "width h",
        "target.rank" => "rank r",
        "target.rows" => "rows m",
        "target.cols" => "columns n",
        "target.condition_number" => "condition number κ",
        "record.horizon" => "horizon t",
        _ => "",
    };
    if !known.is_empty() {
        return known.into();
    }
    let ending = |ending: &str| column.ends_with(ending);
    let known = if ending(".step") {
        "step size η"
    } else if ending(".scale") {
        "initial size α"
    } else if ending(".measurements") {
        "measurements p"
    } else if ending(".oversampling") {
        "oversampling p/(r(m + n − r))"
    } else if ending(".noise") {
        "noise level"
    } else if ending(".bound") {
        "bound of the perturbation"
    } else {
        column
    };
    known.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_and_keep_infinities() {
        let values = [1.0, 2.0, 3.0, f64::INFINITY];
        assert_eq!(quantile(&values, 0.5), 2.5);
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 0.9), f64::INFINITY);
        assert_eq!(quantile(&[f64::INFINITY; 2], 0.5), f64::INFINITY);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn axes_are_logarithmic_where_values_crowd_below() {
        assert!(logarithmic(&[0.1, 1e-3, 1e-5]) && logarithmic(&[1.0, 2.0, 4.0, 8.0, 16.0]));
        assert!(!logarithmic(&[20.0, 60.0, 100.0, 140.0, 200.0]) && !logarithmic(&[0.0, 1.0]) && !logarithmic(&[]));
    }
}
