//! Where things are in a drawing. Units are points of 1/72 inch; a drawing is as wide as a column of a paper.

use super::figure::{Axis, Figure, Stroke};
use super::notation;
use super::scale::{Scale, Ticks};

/// The width of a drawing: 86 mm.
pub(super) const PAGE: f64 = 244.0;
/// Font size of titles of axes.
pub(super) const LABEL: f64 = 8.0;
/// Font size of ticks, legend and notes.
pub(super) const SMALL: f64 = 7.0;
/// Height of the axes.
const HEIGHT: f64 = 148.0;
/// From one line of the legend to the next.
pub(super) const LINE: f64 = 10.0;
/// Length of a sample in the legend.
pub(super) const SAMPLE: f64 = 22.0;
/// The most entries of a legend.
const ENTRIES: usize = 14;
/// A line through no more points than these has a marker at each.
pub(super) const ALL_MARKED: usize = 24;
/// Between neighbouring columns of the legend.
const GUTTER: f64 = 10.0;

/// What stands in the legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sample {
    /// A series, by its number.
    Series(usize),
    /// A meaning of dashes.
    Key(usize),
    /// A level.
    Level(usize),
    /// A mark.
    Mark(usize),
    /// A contour.
    Contour(usize),
    /// Nothing but text.
    Text,
}

/// An entry of the legend, and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub sample: Sample,
    pub label: String,
    pub x: f64,
    pub y: f64,
}

/// The whole.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub height: f64,
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    pub x: Scale,
    pub y: Scale,
    pub x_ticks: Ticks,
    pub y_ticks: Ticks,
    pub legend: Vec<Entry>,
    /// Lines of notes, with the places of their baselines.
    pub notes: Vec<(f64, String)>,
}

impl Layout {
    pub fn new(figure: &Figure) -> Self {
        let (x, y) = scales(figure);
        let y_ticks = named(&figure.y.names, &y).unwrap_or_else(|| y.ticks(6));
        let widest = |ticks: &Ticks| ticks.major.iter().map(|(_, label)| notation::width(label, SMALL)).fold(0.0, f64::max);
        let left = (LABEL + 11.0 + widest(&y_ticks)).ceil();
        let right = PAGE - if figure.map.is_some() { 56.0 } else { 7.0 };
        let top = if figure.phases.is_empty() { 6.0 } else { 13.0 };
        let bottom = top + HEIGHT;
        // As many ticks as have room beside each other.
        let x_ticks = named(&figure.x.names, &x).unwrap_or_else(|| {
            let fits = |ticks: &Ticks| (widest(ticks) + 6.0) * ticks.major.len() as f64 <= right - left + 12.0;
            (2..=6).rev().map(|count| x.ticks(count)).find(fits).unwrap_or_else(|| x.ticks(2))
        });
        let mut below = bottom + 2.0 * SMALL + LABEL + 12.0;
        let legend = legend(figure, &mut below);
        let mut notes = Vec::new();
        for line in figure.notes.iter().flat_map(|note| wrap(note, PAGE - 12.0)) {
            notes.push((below, line));
            below += SMALL + 1.5;
        }
        Layout { height: (below - 2.0).ceil(), left, right, top, bottom, x, y, x_ticks, y_ticks, legend, notes }
    }

    /// The place of a value of `x`.
    pub fn across(&self, x: f64) -> Option<f64> {
        self.x.place(x).map(|place| self.left + (self.right - self.left) * place.clamp(-3.0, 4.0))
    }

    /// The place of a value of `y`. Places far outside are brought nearer: renderers compute in single precision.
    pub fn down(&self, y: f64) -> Option<f64> {
        self.y.place(y).map(|place| self.bottom - (self.bottom - self.top) * place.clamp(-3.0, 4.0))
    }

    /// The place of a point that a figure shows.
    pub fn place(&self, figure: &Figure, point: (f64, f64)) -> Option<(f64, f64)> {
        if figure.shows(point) { self.across(point.0).zip(self.down(point.1)) } else { None }
    }
}

fn named(names: &[(f64, String)], scale: &Scale) -> Option<Ticks> {
    let (low, high) = scale.range();
    let inside = names.iter().filter(|(place, _)| (low..=high).contains(place)).cloned();
    (!names.is_empty()).then(|| Ticks { major: inside.collect(), minor: Vec::new() })
}

fn scales(figure: &Figure) -> (Scale, Scale) {
    if let Some(map) = &figure.map {
        return (Scale::around(map.x.iter().copied(), figure.x.log, 0.0), Scale::around(map.y.iter().copied(), figure.y.log, 0.0));
    }
    let within = |axis: &Axis, value: f64| axis.least.is_none_or(|least| value >= least) && axis.most.is_none_or(|most| value <= most);
    let ends = |axis: &Axis| axis.least.into_iter().chain(axis.most);
    let points = || figure.series.iter().flat_map(|series| &series.points);
    // A time at which nothing can be seen is a time all the same.
    let across = points().map(|(x, _)| *x).filter(|x| within(&figure.x, *x)).chain(ends(&figure.x));
    let visible = points().filter(|point| figure.shows(**point) && within(&figure.x, point.0)).map(|(_, y)| *y);
    let edges = figure.series.iter().flat_map(|series| series.base.iter().copied());
    let levels = figure.levels.iter().map(|level| level.y);
    let heights: Vec<f64> = visible.chain(edges).chain(levels).filter(|y| within(&figure.y, *y)).chain(ends(&figure.y)).collect();
    // Markers at the ends need room, lines do not.
    let marked = figure.series.iter().any(|s| s.stroke == Stroke::Dots || (s.marker.is_some() && s.points.len() <= ALL_MARKED));
    // A stack stands on its axis.
    let stacked = figure.series.iter().any(|series| series.stroke == Stroke::Area);
    let x = Scale::around(across, figure.x.log, if marked { 0.03 } else { 0.0 });
    let y = Scale::around(heights.into_iter(), figure.y.log, 0.04);
    (x, y.from(figure.y.least.filter(|_| stacked)))
}

/// The legend's entries: series and what is short in as many columns as fit beside each other, then what is long.
fn legend(figure: &Figure, below: &mut f64) -> Vec<Entry> {
    let width = |label: &String| SAMPLE + 4.0 + notation::width(label, SMALL);
    let room = PAGE - 12.0;
    let beside = |(sample, label): &(Sample, String)| matches!(sample, Sample::Series(_)) || width(label) <= 0.5 * (room - GUTTER);
    let (short, long): (Vec<_>, Vec<_>) = labels(figure).into_iter().partition(beside);
    let columns = |count: usize| -> Vec<f64> {
        let widest = |k| short.iter().skip(k).step_by(count).map(|(_, label)| width(label)).fold(0.0, f64::max);
        (0..count).map(|k| widest(k) + GUTTER).collect()
    };
    let count = (1..=4).rev().find(|count| columns(*count).iter().sum::<f64>() - GUTTER <= room).unwrap_or(1);
    let widths = columns(count);
    let rows = short.len().div_ceil(count);
    let mut entries: Vec<Entry> = Vec::new();
    for (k, (sample, label)) in short.into_iter().enumerate() {
        let x = 6.0 + widths.iter().take(k % count).sum::<f64>();
        entries.push(Entry { sample, label, x, y: *below + LINE * (k / count) as f64 });
    }
    *below += LINE * rows as f64;
    for (sample, label) in long {
        entries.push(Entry { sample, label, x: 6.0, y: *below });
        *below += LINE;
    }
    entries
}

fn labels(figure: &Figure) -> Vec<(Sample, String)> {
    let series = figure.series.iter().enumerate().map(|(k, series)| (Sample::Series(k), series.key.clone()));
    let mut all: Vec<_> = series.filter(|(_, label)| !label.is_empty()).collect();
    if all.len() > ENTRIES {
        let more = all.len() - ENTRIES + 1;
        all.truncate(ENTRIES - 1);
        all.push((Sample::Text, format!("… and {more} more")));
    }
    let keys = figure.keys.iter().enumerate().map(|(k, key)| (Sample::Key(k), &key.label));
    let levels = figure.levels.iter().enumerate().map(|(k, level)| (Sample::Level(k), &level.label));
    let marks = figure.marks.iter().enumerate().map(|(k, mark)| (Sample::Mark(k), &mark.label));
    let contours = figure.map.iter().flat_map(|map| &map.contours).enumerate().map(|(k, contour)| (Sample::Contour(k), &contour.label));
    let rest = keys.chain(levels).chain(marks).chain(contours).filter(|(_, label)| !label.is_empty());
    all.extend(rest.map(|(sample, label)| (sample, label.clone())));
    all
}

/// Lines of at most the given width, broken at blanks.
fn wrap(text: &str, width: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if line.is_empty() || notation::width(&longer, SMALL) <= width {
                *line = longer;
            } else {
                lines.push(word.to_owned());
            }
        }
    }
    lines
}
