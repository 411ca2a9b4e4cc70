//! Figures of a run or a sweep: what is drawn (as data), and how (SVG, PNG, pgfplots).
//!
//! A [`Figure`] is plain data that serialises to JSON: axes, series of points, levels, marks, phases, a map. [`figures`] makes those of a
//! run from a [`RunData`], [`sweep_figures`] those of a sweep from a [`SweepData`]; [`svg()`] draws one, [`png()`] rasterises the drawing
//! with the font that the crate carries, [`csv()`] and [`pgfplots()`] hand the same numbers to other tools. Labels are in the notation of
//! [`notation`]. [`page`] puts all of a run into one HTML file.

mod budget;
mod build;
mod contour;
mod data;
mod deviation;
mod errors;
mod family;
mod figure;
mod imbalance;
mod layout;
pub mod notation;
pub mod page;
mod pgfplots;
mod phases;
mod raster;
mod run;
mod scale;
mod sentence;
mod signal;
mod spectrum;
mod style;
mod svg;
mod svg_map;
mod svg_series;
mod sweep;
mod sweep_data;
mod sweep_map;

pub use build::{Selection, figures};
pub use data::csv;
pub use figure::{Axis, Contour, Figure, Key, Level, Map, Mark, Outcome, Phase, Series, Stroke};
pub use pgfplots::pgfplots;
pub use phases::{Phases, phases};
pub use raster::{RasterError, ZOOM, png};
pub use run::{ComparisonData, Ending, ExactSpectrum, RunData, TrajectoryData};
pub use sentence::sentence;
pub use style::{colour, dash_array};
pub use svg::svg;
pub use sweep::sweep_figures;
pub use sweep_data::SweepData;
