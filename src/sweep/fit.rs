//! Slopes of lines through `(log x, log y)`.
//!
//! Points are grouped by trajectory's family and by every parameter other than `x`, what is zipped with it, and the repetition. One line is fitted for each repetition; the slope
//! is their mean, with Student's interval of confidence 95 % over repetitions. With one repetition the interval is that of the regression: it measures how
//! straight the points lie, no randomness.

use super::collect::Collected;
use super::error::SweepError;
use crate::config::Fit;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// One fitted slope.
#[derive(Clone, Debug, PartialEq)]
pub struct FitRow {
    /// What was fitted.
    pub fit: Fit,
    /// The other parameters, and the family: `family = gd, model.width = 4`.
    pub group: String,
    /// The slope.
    pub slope: f64,
    /// Half of the interval of confidence 95 %; `None` where there are too few points or repetitions.
    pub half_width: Option<f64>,
    /// Points used.
    pub points: usize,
    /// Repetitions used.
    pub repeats: usize,
}

/// Fits what is asked for in a table of one row a trajectory; `keys` are the parameters' columns.
///
/// # Errors
/// A column that does not exist.
pub fn fit(table: &Collected, keys: &[String], fits: &[Fit]) -> Result<Vec<FitRow>, SweepError> {
    let mut all = Vec::new();
    for fit in fits.iter().filter(|fit| fit.below.is_none()) {
        all.extend(fit_one(table, keys, fit)?);
    }
    Ok(all)
}

type Lines = BTreeMap<String, Vec<(f64, f64)>>;

/// Where the columns of a fit stand.
pub(super) struct Places {
    pub x: usize,
    pub y: usize,
    family: usize,
    repeat: Option<usize>,
    /// The parameters that do not move with `x`.
    others: Vec<usize>,
}

impl Places {
    /// The group of a row, as text.
    pub fn group(&self, columns: &[String], row: &[String]) -> String {
        let labels = self.others.iter().map(|&place| format!("{} = {}", columns[place], cell(row, place)));
        std::iter::once(format!("family = {}", cell(row, self.family))).chain(labels).collect::<Vec<_>>().join(", ")
    }
}

/// A cell as text, empty where there is none.
pub(super) fn cell(row: &[String], place: usize) -> &str {
    row.get(place).map(String::as_str).unwrap_or_default()
}

/// The number in a cell, if there is one.
pub(super) fn value(row: &[String], place: usize) -> Option<f64> {
    cell(row, place).parse().ok()
}

pub(super) fn places(columns: &[String], keys: &[String], fit: &Fit) -> Result<Places, SweepError> {
    let find = |name: &str| {
        let names = || columns.join(", ");
        let unknown = || SweepError::Column { name: name.to_owned(), allowed: names() };
        columns.iter().position(|column| column == name).ok_or_else(unknown)
    };
    let moves = |key: &&String| fit.along.contains(*key) || **key == fit.x || key.as_str() == "repeat";
    Ok(Places {
        x: find(&fit.x)?,
        y: find(&fit.y)?,
        family: find("family")?,
        repeat: keys.iter().any(|key| key == "repeat").then(|| find("repeat")).transpose()?,
        others: keys.iter().filter(|key| !moves(key)).map(|key| find(key)).collect::<Result<_, _>>()?,
    })
}

/// Whether a row is of the family that is looked at.
pub(super) fn wanted(row: &[String], places: &Places, fit: &Fit) -> bool {
    fit.trajectory.as_ref().is_none_or(|wanted| wanted == cell(row, places.family))
}

fn fit_one(table: &Collected, keys: &[String], fit: &Fit) -> Result<Vec<FitRow>, SweepError> {
    let places = places(&table.columns, keys, fit)?;
    // In the order of the table.
    let mut groups: Vec<(String, Lines)> = Vec::new();
    for row in table.rows.iter().filter(|row| wanted(row, &places, fit)) {
        let (Some(x), Some(y)) = (value(row, places.x), value(row, places.y)) else { continue };
        let inside = fit.x_min.is_none_or(|least| x >= least) && fit.x_max.is_none_or(|most| x <= most);
        if !(inside && x > 0.0 && y > 0.0 && x.is_finite() && y.is_finite()) {
            continue;
        }
        let group = places.group(&table.columns, row);
        let lines = match groups.iter().position(|(known, _)| *known == group) {
            Some(place) => &mut groups[place].1,
            None => {
                groups.push((group, Lines::new()));
                let last = groups.len() - 1;
                &mut groups[last].1
            }
        };
        let repeat = places.repeat.map(|place| cell(row, place).to_owned()).unwrap_or_default();
        lines.entry(repeat).or_default().push((x.ln(), y.ln()));
    }
    Ok(groups.into_iter().filter_map(|(group, lines)| summarise(fit, group, &lines)).collect())
}

fn summarise(fit: &Fit, group: String, lines: &Lines) -> Option<FitRow> {
    let fitted: Vec<(f64, Option<f64>)> = lines.values().filter_map(|points| line(points)).collect();
    let points = lines.values().filter(|points| line(points).is_some()).map(Vec::len).sum();
    let repeats = fitted.len();
    let mean = fitted.iter().map(|(slope, _)| slope).sum::<f64>() / repeats as f64;
    let half_width = match fitted.as_slice() {
        [] => return None,
        [(_, error)] => error.map(|error| student(points - 2) * error),
        many => {
            let variance = many.iter().map(|(slope, _)| (slope - mean).powi(2)).sum::<f64>() / (repeats - 1) as f64;
            Some(student(repeats - 1) * (variance / repeats as f64).sqrt())
        }
    };
    Some(FitRow { fit: fit.clone(), group, slope: mean, half_width, points, repeats })
}

/// The slope through at least two different abscissae, and its standard error where there are more than two points.
fn line(points: &[(f64, f64)]) -> Option<(f64, Option<f64>)> {
    let n = points.len() as f64;
    let (x, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let xx: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let xy: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    if xx <= 0.0 || xx.is_nan() {
        return None;
    }
    let slope = xy / xx;
    let residual: f64 = points.iter().map(|p| (p.1 - y - slope * (p.0 - x)).powi(2)).sum();
    Some((slope, (points.len() > 2).then(|| (residual / (n - 2.0) / xx).sqrt())))
}

/// The 0.975 quantile of Student's law: a table, and beyond it the expansion in powers of 1/ν (Abramowitz and Stegun 26.7.5).
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 10] =
        [12.706_205, 4.302_653, 3.182_446, 2.776_445, 2.570_582, 2.446_912, 2.364_624, 2.306_004, 2.262_157, 2.228_139];
    if let Some(value) = freedom.checked_sub(1).and_then(|place| TABLE.get(place)) {
        return *value;
    }
    let (x, v) = (1.959_963_984_540_054_f64, freedom.max(1) as f64);
    let first = (x.powi(3) + x) / 4.0;
    let second = (5.0 * x.powi(5) + 16.0 * x.powi(3) + 3.0 * x) / 96.0;
    let third = (3.0 * x.powi(7) + 19.0 * x.powi(5) + 17.0 * x.powi(3) - 15.0 * x) / 384.0;
    let fourth = (79.0 * x.powi(9) + 776.0 * x.powi(7) + 1482.0 * x.powi(5) - 1920.0 * x.powi(3) - 945.0 * x) / 92160.0;
    x + first / v + second / (v * v) + third / v.powi(3) + fourth / v.powi(4)
}

/// Writes fits as CSV: `x,y,x_min,x_max,group,slope,half_width,points,repeats`.
///
/// # Errors
/// A write that fails.
pub fn write_fits(rows: &[FitRow], mut writer: impl Write) -> io::Result<()> {
    let optional = |value: Option<f64>| value.map(|value| format!("{value:.16e}")).unwrap_or_default();
    writeln!(writer, "x,y,x_min,x_max,group,slope,half_width,points,repeats")?;
    for row in rows {
        let (least, most) = (optional(row.fit.x_min), optional(row.fit.x_max));
        let (slope, half_width) = (optional(Some(row.slope)), optional(row.half_width));
        let (fit, group) = (&row.fit, row.group.replace('"', "\"\""));
        writeln!(writer, "{},{},{least},{most},\"{group}\",{slope},{half_width},{},{}", fit.x, fit.y, row.points, row.repeats)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_quantiles_agree_with_tables() {
        for (freedom, value) in [(1, 12.7062), (10, 2.2281), (11, 2.2010), (20, 2.0860), (30, 2.0423), (120, 1.9799)] {
            assert!((student(freedom) - value).abs() < 6e-5, "{freedom}: {}", student(freedom));
        }
    }

    #[test]
    fn a_power_law_is_found_over_repetitions() {
        let columns = ["x", "repeat", "family", "y"].map(str::to_owned).to_vec();
        let mut rows = Vec::new();
        for repeat in 0..3 {
            for x in [0.1_f64, 0.2, 0.4, 10.0] {
                let y = (repeat + 1) as f64 * x.powf(1.5 + 0.01 * f64::from(repeat - 1));
                rows.push(vec![x.to_string(), repeat.to_string(), "gd".into(), y.to_string()]);
            }
        }
        let table = Collected { columns, rows, ..Collected::default() };
        let wanted = Fit {
            x: "x".into(),
            y: "y".into(),
            trajectory: Some("gd".into()),
            x_min: None,
            x_max: Some(1.0),
            below: None,
            along: vec!["x".into()],
        };
        let fits = fit(&table, &["x".into(), "repeat".into()], &[wanted]).unwrap();
        let [row] = fits.as_slice() else { panic!("{fits:?}") };
        assert!((row.slope - 1.5).abs() < 1e-12 && (row.points, row.repeats) == (9, 3));
        // The slopes are 1.49, 1.5, 1.51: a standard deviation of 0.01.
        assert!((row.half_width.unwrap() - 4.302_653 * 0.01 / 3f64.sqrt()).abs() < 1e-8);
    }
}
