//! Maps of two axes of a sweep: median error, share of runs that recover, share of runs that are stable, with lines of equal value.

use super::contour::contour;
use super::figure::{Axis, Contour, Figure, Map, Outcome};
use super::scale::short;
use super::sweep::{Measure, file_name, value, varies};
use super::sweep_data::{SweepData, logarithmic, name, quantile};

/// The most families that have maps.
const FAMILIES: usize = 3;
/// The most lines of equal value.
const LEVELS: usize = 4;

/// The maps of every pair of the first three axes.
pub(super) fn maps(sweep: &SweepData, axes: &[&str], error: &str, threshold: f64) -> Vec<Outcome> {
    let mut all = Vec::new();
    let families = sweep.values("family");
    for (i, x) in axes.iter().enumerate().take(3) {
        for y in axes.iter().take(3).skip(i + 1) {
            for family in families.iter().take(FAMILIES) {
                let whose = if families.len() > 1 { format!("_{}", file_name(family)) } else { String::new() };
                for (kind, measure) in
                    [("error", Measure::Column(error)), ("recovery", Measure::Recovered(error, threshold)), ("stability", Measure::Stable)]
                {
                    if matches!(measure, Measure::Column(_)) || varies(sweep, measure) {
                        let id = format!("map_{kind}_{}_{}{whose}", file_name(x), file_name(y));
                        all.push(map(sweep, &id, (x, y), family, measure));
                    }
                }
            }
        }
    }
    all
}

/// Places of an axis's values: numbers where all are, else one after another.
struct Places {
    axis: Axis,
    /// Cells' texts in the order of the axis.
    texts: Vec<String>,
    centres: Vec<f64>,
    edges: Vec<f64>,
}

impl Places {
    fn new(sweep: &SweepData, key: &str) -> Self {
        let mut texts = sweep.values(key);
        let number = |text: &String| text.parse::<f64>().ok().filter(|x| x.is_finite());
        let mut axis = Axis::linear(name(key));
        let centres: Vec<f64> = match texts.iter().map(number).collect::<Option<Vec<f64>>>() {
            Some(_) => {
                texts.sort_by(|a, b| number(a).unwrap_or(0.0).total_cmp(&number(b).unwrap_or(0.0)));
                let numbers: Vec<f64> = texts.iter().filter_map(number).collect();
                axis.log = logarithmic(&numbers);
                numbers
            }
            None => {
                axis.names = texts.iter().enumerate().map(|(k, text)| (k as f64, text.clone())).collect();
                (0..texts.len()).map(|k| k as f64).collect()
            }
        };
        let edges = edges(&centres, axis.log);
        Places { axis, texts, centres, edges }
    }

    /// Centres in the measure of the axis.
    fn measured(&self) -> Vec<f64> {
        self.centres.iter().map(|x| if self.axis.log { x.ln() } else { *x }).collect()
    }

    fn back(&self, place: f64) -> f64 {
        if self.axis.log { place.exp() } else { place }
    }
}

/// Edges half-way between neighbours; the outer cells are symmetric about their centres.
fn edges(centres: &[f64], log: bool) -> Vec<f64> {
    let measured: Vec<f64> = centres.iter().map(|x| if log { x.ln() } else { *x }).collect();
    let half = |a: f64, b: f64| 0.5 * (b - a);
    let [first, .., last] = measured.as_slice() else { return centres.iter().flat_map(|x| [x - 0.5, x + 0.5]).collect() };
    let inner = measured.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]));
    let begin = first - half(measured[0], measured[1]);
    let end = last + half(measured[measured.len() - 2], measured[measured.len() - 1]);
    let all = std::iter::once(begin).chain(inner).chain(std::iter::once(end));
    all.map(|x| if log { x.exp() } else { x }).collect()
}

fn map(sweep: &SweepData, id: &str, (x, y): (&str, &str), family: &str, measure: Measure<'_>) -> Outcome {
    let (across, up) = (Places::new(sweep, x), Places::new(sweep, y));
    let Some((x_place, y_place, family_place)) =
        sweep.place(x).zip(sweep.place(y)).zip(sweep.place("family")).map(|((x, y), family)| (x, y, family))
    else {
        return Outcome::Skipped(id.into(), "the table has no such column".into());
    };
    let mut cells: Vec<Vec<Vec<f64>>> = vec![vec![Vec::new(); across.texts.len()]; up.texts.len()];
    for row in sweep.rows().filter(|row| row.cell(family_place) == family) {
        let find = |texts: &[String], place: usize| texts.iter().position(|text| text == row.cell(place));
        let (Some(i), Some(j), Some(value)) = (find(&across.texts, x_place), find(&up.texts, y_place), value(sweep, &row, measure)) else {
            continue;
        };
        cells[j][i].push(value);
    }
    let most = cells.iter().flatten().map(Vec::len).max().unwrap_or(0);
    let share = !matches!(measure, Measure::Column(_));
    let summary = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        if share && !values.is_empty() { values.iter().sum::<f64>() / values.len() as f64 } else { quantile(values, 0.5) }
    };
    let values: Vec<Vec<f64>> = cells.iter_mut().map(|row| row.iter_mut().map(summary).collect()).collect();
    let label = match measure {
        Measure::Column(column) => format!("median {}", name(column)),
        Measure::Recovered(_, threshold) => format!("share with error ≤ {}", short(threshold)),
        Measure::Stable => "share that do not diverge".into(),
    };
    let title = format!("{}, {family}: {label} against {} and {}", sweep.name, name(x), name(y));
    let mut figure = Figure::new(id, title, across.axis.clone(), up.axis.clone());
    let contours = contours(&across, &up, &values, share);
    if !share && values.iter().flatten().any(|value| value.is_infinite()) {
        figure.notes.push("Crosses: half of the runs or more diverge, or there is no result.".into());
    }
    figure.notes.push(format!("{most} runs a cell."));
    let finite = |value: f64| if value.is_finite() { value } else { f64::NAN };
    let values = values.into_iter().map(|row| row.into_iter().map(finite).collect()).collect();
    figure.map = Some(Map { label, log: !share, x: across.edges, y: up.edges, values, contours });
    figure.or_skipped("no cell has a value")
}

fn contours(across: &Places, up: &Places, values: &[Vec<f64>], share: bool) -> Vec<Contour> {
    let measured: Vec<Vec<f64>> = values.iter().map(|row| row.iter().map(|v| if share { *v } else { v.log10() }).collect()).collect();
    let (x, y) = (across.measured(), up.measured());
    let levels: Vec<f64> = if share { vec![0.5] } else { decades(&measured) };
    let line = |(k, level): (usize, &f64)| {
        let lines = contour(&x, &y, &measured, *level);
        let back = |line: Vec<(f64, f64)>| line.into_iter().map(|(x, y)| (across.back(x), up.back(y))).collect();
        let value = if share { *level } else { 10f64.powf(*level) };
        Contour {
            label: format!("{} = {}", if share { "share" } else { "error" }, short(value)),
            level: value,
            lines: lines.into_iter().map(back).collect(),
            dashes: k,
        }
    };
    levels.iter().enumerate().map(line).filter(|contour| !contour.lines.is_empty()).collect()
}

/// Whole decades within the values, a few of them.
fn decades(measured: &[Vec<f64>]) -> Vec<f64> {
    let finite = measured.iter().flatten().copied().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let (first, last) = (low.ceil(), high.floor());
    if first > last {
        return Vec::new();
    }
    let stride = ((last - first + 1.0) / LEVELS as f64).ceil().max(1.0);
    (0..LEVELS).map(|k| last - stride * k as f64).filter(|level| *level >= first).collect()
}
