//! A figure as data: axes, series, levels, marks, phases, or a map of two parameters. Nothing here knows how it is drawn.
//!
//! Labels are written in the notation of [`notation`](super::notation): Unicode with `_{…}` and `^{…}`. A value that does not exist is NaN, in JSON `null`.

use serde::Serialize;

/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Axis {
    /// What it shows, in mathematical notation, with its unit where it has one.
    pub label: String,
    /// Whether it is logarithmic; then only positive values are drawn.
    pub log: bool,
    /// The smallest value that it shows, where the data reach further than is of interest.
    pub least: Option<f64>,
    /// The largest value that it shows, likewise.
    pub most: Option<f64>,
    /// Names of places instead of numbers, for parameters that are no numbers.
    pub names: Vec<(f64, String)>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stroke {
    /// A line.
    Line,
    /// A thick black line, above all others.
    Emphasis,
    /// Markers at the points.
    Dots,
    /// A thin grey line.
    Guide,
    /// A filled part of a stack, from `base` to the points.
    Area,
    /// A pale band, from `base` to the points.
    Band,
}

/// A sequence of points. A point that is not finite interrupts the line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// Its full name.
    pub label: String,
    /// Its name in the legend; empty if it has no entry of its own.
    pub key: String,
    /// `(x, y)`
    pub points: Vec<(f64, f64)>,
    /// The lower edge at each point, for [`Stroke::Area`] and [`Stroke::Band`]; empty otherwise.
    pub base: Vec<f64>,
    /// How it is drawn.
    pub stroke: Stroke,
    /// Its colour's number.
    pub colour: usize,
    /// Its dash pattern's number; 0 is solid.
    pub dashes: usize,
    /// Its marker's number, if it has markers.
    pub marker: Option<usize>,
}

/// A horizontal line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Level {
    /// Its name in the legend.
    pub label: String,
    /// Its height.
    pub y: f64,
    /// Its dash pattern's number.
    pub dashes: usize,
}

/// A vertical line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mark {
    /// Its name in the legend.
    pub label: String,
    /// Its place.
    pub x: f64,
    /// Its dash pattern's number.
    pub dashes: usize,
}

/// A shaded interval of the horizontal axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// What stands above it.
    pub label: String,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

/// What a dash pattern means in a figure where colours and markers mean something else.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Key {
    /// Its meaning.
    pub label: String,
    /// The dash pattern's number.
    pub dashes: usize,
}

/// A line along which a map has one value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contour {
    /// The value, as text.
    pub label: String,
    /// The value.
    pub level: f64,
    /// Its pieces.
    pub lines: Vec<Vec<(f64, f64)>>,
    /// Its dash pattern's number.
    pub dashes: usize,
}

/// A value for each pair of two parameters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Map {
    /// What the values are.
    pub label: String,
    /// Whether colours follow the logarithm.
    pub log: bool,
    /// Edges of the columns, one more than there are columns.
    pub x: Vec<f64>,
    /// Edges of the rows, likewise.
    pub y: Vec<f64>,
    /// Row by row from the lowest; NaN where there is none.
    pub values: Vec<Vec<f64>>,
    /// Lines of equal value.
    pub contours: Vec<Contour>,
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Its file name without ending.
    pub id: String,
    /// What it shows, in a line.
    pub title: String,
    /// What can be seen in it, in sentences, for those who cannot see it.
    pub description: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// What is drawn.
    pub series: Vec<Series>,
    /// Meanings of dash patterns.
    pub keys: Vec<Key>,
    /// Horizontal lines.
    pub levels: Vec<Level>,
    /// Vertical lines.
    pub marks: Vec<Mark>,
    /// Shaded intervals.
    pub phases: Vec<Phase>,
    /// The map, in place of series.
    pub map: Option<Map>,
    /// What has to be said below it.
    pub notes: Vec<String>,
}

/// A figure, or a sentence that says why there is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It can be drawn.
    Drawn(Box<Figure>),
    /// It cannot: name, and why.
    Skipped(String, String),
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: impl Into<String>) -> Self {
        Axis { label: label.into(), log: false, least: None, most: None, names: Vec::new() }
    }

    /// A logarithmic axis.
    pub fn log(label: impl Into<String>) -> Self {
        Axis { log: true, ..Axis::linear(label) }
    }

    /// Whether a value has a place on it.
    pub fn shows(&self, value: f64) -> bool {
        value.is_finite() && (!self.log || value > 0.0)
    }
}

impl Series {
    /// A line with an entry in the legend.
    pub fn line(label: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        let label = label.into();
        Series { key: label.clone(), label, points, base: Vec::new(), stroke: Stroke::Line, colour: 0, dashes: 0, marker: None }
    }

    /// With a colour.
    pub fn colour(self, colour: usize) -> Self {
        Series { colour, ..self }
    }

    /// With a dash pattern.
    pub fn dashes(self, dashes: usize) -> Self {
        Series { dashes, ..self }
    }

    /// With markers.
    pub fn marker(self, marker: usize) -> Self {
        Series { marker: Some(marker), ..self }
    }

    /// Colour, dashes and marker of one number: what tells many alike series apart.
    pub fn look(self, number: usize) -> Self {
        self.colour(number).dashes(number).marker(number)
    }

    /// With another name in the legend; an empty one leaves it out.
    pub fn key(self, key: impl Into<String>) -> Self {
        Series { key: key.into(), ..self }
    }

    /// Drawn in another way.
    pub fn stroke(self, stroke: Stroke) -> Self {
        Series { stroke, ..self }
    }

    /// With a lower edge.
    pub fn base(self, base: Vec<f64>) -> Self {
        Series { base, ..self }
    }
}

impl Figure {
    /// A figure without content.
    pub fn new(id: impl Into<String>, title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Figure {
            id: id.into(),
            title: title.into(),
            description: String::new(),
            x,
            y,
            series: Vec::new(),
            keys: Vec::new(),
            levels: Vec::new(),
            marks: Vec::new(),
            phases: Vec::new(),
            map: None,
            notes: Vec::new(),
        }
    }

    /// Whether a point has a place in it.
    pub fn shows(&self, (x, y): (f64, f64)) -> bool {
        self.x.shows(x) && self.y.shows(y)
    }

    /// Whether nothing has a place in it.
    pub fn is_empty(&self) -> bool {
        let map = self.map.as_ref().is_some_and(|map| map.values.iter().flatten().any(|value| value.is_finite()));
        !map && !self.series.iter().any(|series| series.points.iter().any(|point| self.shows(*point)))
    }

    /// Itself, or why it cannot be drawn.
    pub fn or_skipped(self, why: &str) -> Outcome {
        if self.is_empty() { Outcome::Skipped(self.id, why.to_owned()) } else { Outcome::Drawn(Box::new(self)) }
    }
}
