//! Figures of a collected sweep: a result against a parameter with bands over repetitions, and against two parameters as maps.

use super::figure::{Axis, Figure, Outcome, Series, Stroke};
use super::scale::short;
use super::style::MARKERS;
use super::sweep_data::{SweepData, logarithmic, name, quantile};
use super::sweep_map;

/// The most lines in a figure.
const LINES: usize = 8;
/// So many repetitions make quantiles of 10 % and 90 %; fewer make a least and a largest value.
const QUANTILES: usize = 10;

/// Outcomes, as the table has them, after which there is no error to speak of.
const LOST: [&str; 4] = ["diverged", "non-finite", "step underflow", "singular"];

/// One figure's question: which column against which axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question<'a> {
    pub x: &'a str,
    pub y: &'a str,
}

/// The result of a trajectory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Measure<'a> {
    /// A column; a trajectory that did not end well counts as infinite.
    Column(&'a str),
    /// 1 if the column is at most the threshold, 0 if not.
    Recovered(&'a str, f64),
    /// 1 if the trajectory ended well, 0 if not.
    Stable,
}

/// All figures of a sweep; `threshold` is the error up to which a trajectory counts as recovered.
pub fn sweep_figures(sweep: &SweepData, threshold: f64) -> Vec<Outcome> {
    let axes = sweep.free_axes();
    let error = ["final_relative_error", "final_train_error", "final_loss"].into_iter().find(|column| sweep.place(column).is_some());
    let mut questions: Vec<(String, Question<'_>)> = Vec::new();
    for (k, row) in sweep.fits.iter().enumerate() {
        let question = Question { x: &row.fit.x, y: &row.fit.y };
        if !questions.iter().any(|(_, known)| *known == question) {
            questions.push((if k == 0 { "fit".into() } else { format!("fit_{}", k + 1) }, question));
        }
    }
    for axis in &axes {
        let Some(y) = error else { continue };
        let question = Question { x: axis, y };
        if !questions.iter().any(|(_, known)| *known == question) {
            questions.push((format!("final_error_{}", file_name(axis)), question));
        }
    }
    let mut all: Vec<Outcome> = questions.iter().map(|(id, question)| against(sweep, id, question, Measure::Column(question.y))).collect();
    for axis in &axes {
        let Some(y) = error else { continue };
        let question = Question { x: axis, y };
        for (id, measure) in [("recovery", Measure::Recovered(y, threshold)), ("stability", Measure::Stable)] {
            if varies(sweep, measure) {
                all.push(against(sweep, &format!("{id}_{}", file_name(axis)), &question, measure));
            }
        }
    }
    if let Some(error) = error {
        all.extend(sweep_map::maps(sweep, &axes, error, threshold));
    }
    if all.is_empty() {
        all.push(Outcome::Skipped("final_error".into(), "no axis varies, or no result has an error; record relative_error".into()));
    }
    for outcome in &mut all {
        if let Outcome::Drawn(figure) = outcome {
            conclude(figure, sweep);
        }
    }
    all
}

fn conclude(figure: &mut Figure, sweep: &SweepData) {
    let (missing, failed) = (sweep.table.missing, sweep.table.failed);
    if missing > 0 {
        figure.notes.push(format!("{missing} tasks of the sweep have no result yet."));
    }
    if failed > 0 {
        figure.notes.push(format!("{failed} tasks of the sweep failed and are left out."));
    }
    let what =
        figure.map.as_ref().map_or_else(|| figure.y.label.clone(), |map| format!("{}, by colour, against {}", map.label, figure.y.label));
    let names: Vec<&str> = figure.series.iter().map(|series| series.label.as_str()).collect();
    figure.description = format!("{}. {what} against {}. {}. {}", figure.title, figure.x.label, names.join("; "), figure.notes.join(" "));
}

/// Letters and digits: the last two parts of a key.
pub(super) fn file_name(key: &str) -> String {
    let parts: Vec<&str> = key.split('.').collect();
    let last = parts.get(parts.len().saturating_sub(2)..).unwrap_or_default().join("_");
    last.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Whether a measure is more than one value over the whole table.
pub(super) fn varies(sweep: &SweepData, measure: Measure<'_>) -> bool {
    let values: Vec<f64> = sweep.rows().filter_map(|row| value(sweep, &row, measure)).collect();
    values.windows(2).any(|pair| pair[0] != pair[1])
}

/// The measure of a row; `None` where it has none.
pub(super) fn value(sweep: &SweepData, row: &super::sweep_data::Row<'_>, measure: Measure<'_>) -> Option<f64> {
    let outcome = row.cell(sweep.place("outcome")?);
    let failed = LOST.contains(&outcome);
    match measure {
        Measure::Stable => Some(f64::from(u8::from(!failed))),
        Measure::Column(_) if failed => Some(f64::INFINITY),
        Measure::Column(column) => row.number(sweep.place(column)?),
        Measure::Recovered(_, _) if failed => Some(0.0),
        Measure::Recovered(column, threshold) => Some(f64::from(u8::from(row.number(sweep.place(column)?)? <= threshold))),
    }
}

/// A line: what its rows have in common, and for each value of `x` the measures of its repetitions.
struct Line {
    label: String,
    points: Vec<(f64, Vec<f64>)>,
}

/// Lines by family and by the other axes; `None` if `x` is not an axis of numbers.
fn lines(sweep: &SweepData, question: &Question<'_>, measure: Measure<'_>) -> Option<Vec<Line>> {
    let (x, family) = (sweep.place(question.x)?, sweep.place("family")?);
    let fit = sweep.fits.iter().find(|row| row.fit.x == question.x && row.fit.y == question.y);
    let wanted = fit.and_then(|row| row.fit.trajectory.clone());
    let others: Vec<&str> = sweep.free_axes().into_iter().filter(|key| *key != question.x && !sweep.together(key, question.x)).collect();
    let families = sweep.values("family").len() > 1;
    let mut all: Vec<Line> = Vec::new();
    for row in sweep.rows() {
        if wanted.as_ref().is_some_and(|wanted| wanted != row.cell(family)) {
            continue;
        }
        let (Some(at), Some(y)) = (row.number(x), value(sweep, &row, measure)) else { continue };
        let mut parts: Vec<String> = if families || others.is_empty() { vec![row.cell(family).to_owned()] } else { Vec::new() };
        for key in &others {
            let cell = row.cell(sweep.place(key)?);
            let text = cell.parse().map_or_else(|_| cell.to_owned(), short);
            parts.push(format!("{} = {text}", symbol(key)));
        }
        let label = parts.join(", ");
        let place = match all.iter().position(|line| line.label == label) {
            Some(place) => place,
            None => {
                all.push(Line { label, points: Vec::new() });
                all.len() - 1
            }
        };
        let points = &mut all[place].points;
        match points.iter_mut().find(|(known, _)| *known == at) {
            Some((_, values)) => values.push(y),
            None => points.push((at, vec![y])),
        }
    }
    for line in &mut all {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
        line.points.iter_mut().for_each(|(_, values)| values.sort_by(f64::total_cmp));
    }
    (!all.is_empty()).then_some(all)
}

/// The sign of an axis, or the last part of its key.
fn symbol(key: &str) -> &str {
    const SIGNS: [(&str, &str); 7] =
        [("step", "η"), ("scale", "α"), ("measurements", "p"), ("width", "h"), ("rank", "r"), ("rows", "m"), ("cols", "n")];
    let last = key.rsplit('.').next().unwrap_or(key);
    SIGNS.iter().find(|(known, _)| *known == last).map_or(last, |(_, sign)| sign)
}

/// A measure against an axis.
fn against(sweep: &SweepData, id: &str, question: &Question<'_>, measure: Measure<'_>) -> Outcome {
    let Some(lines) = lines(sweep, question, measure) else {
        return Outcome::Skipped(id.into(), format!("{} has no numbers to draw against", question.x));
    };
    if lines.len() > LINES {
        return Outcome::Skipped(id.into(), format!("{} lines are too many for a figure; fix an axis, or see the maps", lines.len()));
    }
    let places: Vec<f64> = lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x).collect();
    let x = Axis { log: logarithmic(&places), ..Axis::linear(name(question.x)) };
    let (y, title) = match measure {
        Measure::Column(column) => (Axis::log(name(column)), format!("{}: {} against {}", sweep.name, name(column), name(question.x))),
        Measure::Recovered(column, threshold) => {
            let error = if column == "final_train_error" { "training error" } else { "test error" };
            let label = format!("share of runs with {error} ≤ {}", short(threshold));
            (Axis::linear(label.clone()), format!("{}: {label}", sweep.name))
        }
        Measure::Stable => (Axis::linear("share of runs that do not diverge"), format!("{}: stability", sweep.name)),
    };
    let mut figure = Figure::new(id, title, x, y);
    let shares = !matches!(measure, Measure::Column(_));
    if shares {
        (figure.y.least, figure.y.most) = (Some(0.0), Some(1.0));
    }
    let most = lines.iter().flat_map(|line| &line.points).map(|(_, values)| values.len()).max().unwrap_or(0);
    for (k, line) in lines.iter().enumerate() {
        if shares {
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let points = line.points.iter().map(|(x, values)| (*x, mean(values))).collect();
            figure.series.push(Series::line(&line.label, points).look(k));
        } else {
            band(&mut figure, line, k, most);
        }
    }
    if shares {
        figure.notes.push(format!("{most} runs a point."));
    } else {
        slopes(&mut figure, sweep, question);
        describe_band(&mut figure, most);
    }
    figure.or_skipped("no value is positive")
}

fn band(figure: &mut Figure, line: &Line, k: usize, most: usize) {
    let (low, high) = if most >= QUANTILES { (0.1, 0.9) } else { (0.0, 1.0) };
    let at = |part: f64| line.points.iter().map(|(x, values)| (*x, finite(quantile(values, part)))).collect::<Vec<_>>();
    if most > 1 {
        let base = at(low).into_iter().map(|(_, y)| y).collect();
        figure.series.push(Series::line(format!("{}, band", line.label), at(high)).stroke(Stroke::Band).base(base).colour(k).key(""));
    }
    figure.series.push(Series::line(&line.label, at(0.5)).colour(k).dashes(k).marker(k % MARKERS));
}

/// Infinite values have no place.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

fn describe_band(figure: &mut Figure, most: usize) {
    figure.notes.extend(match most {
        0 | 1 => None,
        many if many >= QUANTILES => Some(format!("Lines: median of {many} repetitions; bands: quantiles 0.1 and 0.9.")),
        many => Some(format!("Lines: median of {many} repetitions; bands: the least and the largest.")),
    });
    if figure.series.iter().flat_map(|series| &series.points).any(|(_, y)| y.is_nan()) {
        figure.notes.push("Runs that diverge count as infinite: nothing is drawn where a quantile is.".into());
    }
}

/// Lines of the fitted slopes, each through the median of the logarithms of its range.
fn slopes(figure: &mut Figure, sweep: &SweepData, question: &Question<'_>) {
    let rows: Vec<_> = sweep.fits.iter().filter(|row| row.fit.x == question.x && row.fit.y == question.y).collect();
    let several = rows.len() > 1;
    for (k, row) in rows.iter().enumerate().take(4) {
        let family = row.group.split(", ").find_map(|part| part.strip_prefix("family = ")).unwrap_or_default();
        let inside = |x: f64| row.fit.x_min.is_none_or(|least| x >= least) && row.fit.x_max.is_none_or(|most| x <= most);
        let line =
            figure.series.iter().filter(|series| series.stroke == Stroke::Line).find(|series| !several || series.label.starts_with(family));
        let points: Vec<(f64, f64)> =
            line.iter().flat_map(|series| &series.points).copied().filter(|(x, y)| inside(*x) && *x > 0.0 && *y > 0.0).collect();
        if points.len() < 2 {
            continue;
        }
        let n = points.len() as f64;
        let (x, y) = points.iter().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x.ln() / n, sum.1 + y.ln() / n));
        let fitted = points.iter().map(|(at, _)| (*at, (y + row.slope * (at.ln() - x)).exp())).collect();
        let width = row.half_width.map(|width| format!(" ± {}", short(width))).unwrap_or_default();
        let whose = if several { format!("{family}: ") } else { String::new() };
        let label = format!("{whose}slope {:.3}{width}", row.slope);
        figure.series.push(Series::line(label, fitted).stroke(Stroke::Emphasis).dashes(1 + k));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Outcome as Ending;

    #[test]
    fn outcomes_are_called_what_the_table_calls_them() {
        let t = 1.0;
        let lost = [Ending::Diverged { t, norm: 1.0 }, Ending::NonFinite { t }, Ending::StepUnderflow { t }, Ending::Singular { t }];
        assert_eq!(lost.map(|ending| ending.label()), LOST);
        let kept =
            [Ending::Completed, Ending::Converged { t }, Ending::EvaluationLimit { t }, Ending::TimeLimit { t }, Ending::Interrupted { t }];
        assert!(kept.iter().all(|ending| !LOST.contains(&ending.label())));
    }
}
