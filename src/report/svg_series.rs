//! Series of a drawing: lines with a few markers, dots, stacked areas with hatches, bands.

use super::figure::{Figure, Series, Stroke};
use super::layout::{ALL_MARKED, Layout};
use super::style::{colour, dashes, marker};
use std::fmt::Write;

/// Radius of markers.
pub(super) const RADIUS: f64 = 1.9;
/// Markers on a line.
const MARKERS: usize = 8;

/// Hatches that tell the parts of a stack apart in black and white.
pub(super) fn hatches(figure: &Figure, out: &mut String) {
    let areas = || figure.series.iter().filter(|series| series.stroke == Stroke::Area);
    let mut numbers: Vec<usize> = areas().map(|series| series.dashes % 6).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let lines = match number {
            0 => "M-1 1L1 -1M0 5L5 0M4 6L6 4",
            1 => "M-1 4L1 6M0 0L5 5M4 -1L6 1",
            2 => "M1 1h0.8v0.8h-0.8ZM3.5 3.5h0.8v0.8h-0.8Z",
            3 => "M0 2.5H5",
            4 => "M2.5 0V5",
            _ => "M0 2.5H5M2.5 0V5",
        };
        let _ = writeln!(
            out,
            r##"<pattern id="{}-hatch{number}" width="5" height="5" patternUnits="userSpaceOnUse"><path d="{lines}" stroke="#000" stroke-opacity="0.55" stroke-width="0.5" fill="none"/></pattern>"##,
            figure.id
        );
    }
}

/// Colour, width and dashes of a line.
pub(super) fn stroke(series: &Series) -> String {
    let dashes = dashes(series.dashes);
    match series.stroke {
        Stroke::Emphasis => format!(r##"stroke="#000" stroke-width="1.5"{dashes}"##),
        Stroke::Guide => format!(r##"stroke="#888" stroke-width="0.7"{dashes}"##),
        _ => format!(r#"stroke="{}" stroke-width="1.1"{dashes}"#, colour(series.colour)),
    }
}

/// A filled outline; `upper` is its upper edge.
pub(super) fn filled(figure: &Figure, series: &Series, outline: &str, upper: &str) -> String {
    let colour = colour(series.colour);
    if series.stroke == Stroke::Band {
        return format!(r#"<path d="{outline}" fill="{colour}" fill-opacity="0.22" stroke="none"/>"#);
    }
    let edge =
        if upper.is_empty() { String::new() } else { format!(r##"<path d="{upper}" fill="none" stroke="#000" stroke-width="0.5"/>"##) };
    let hatch = format!(r#"<path d="{outline}" fill="url(#{}-hatch{})" stroke="none"/>"#, figure.id, series.dashes % 6);
    format!(r#"<path d="{outline}" fill="{colour}" fill-opacity="0.45" stroke="none"/>{hatch}{edge}"#)
}

/// All series, one group each; bands lie below all else.
pub(super) fn series(figure: &Figure, layout: &Layout, out: &mut String) {
    let count = figure.series.len();
    let (bands, others): (Vec<_>, Vec<_>) = figure.series.iter().enumerate().partition(|(_, series)| series.stroke == Stroke::Band);
    for (k, series) in bands.into_iter().chain(others) {
        let _ = write!(out, r#"<g class="series" data-series="{k}">"#);
        let visible: Vec<(f64, f64)> = series.points.iter().filter_map(|point| layout.place(figure, *point)).collect();
        match series.stroke {
            Stroke::Area | Stroke::Band => {
                for (outline, upper) in outlines(figure, series, layout) {
                    out.push_str(&filled(figure, series, &outline, &upper));
                }
            }
            Stroke::Dots => markers(series, &visible, out),
            // One point makes no line.
            _ if visible.len() == 1 => markers(series, &visible, out),
            _ => {
                let _ = write!(out, r#"<path d="{}" {}/>"#, path(figure, series, layout), stroke(series));
                if series.marker.is_some() {
                    markers(series, &sparse(&visible, layout, k, count), out);
                }
            }
        }
        out.push_str("</g>\n");
    }
}

fn markers(series: &Series, places: &[(f64, f64)], out: &mut String) {
    let (colour, number) = (colour(series.colour), series.marker.unwrap_or(0));
    for (x, y) in places {
        let _ = write!(out, r#"<path d="{}" fill="{colour}" stroke="none"/>"#, marker(number, *x, *y, RADIUS));
    }
}

/// A few of many places, evenly across the axes; those of different series lie between each other.
fn sparse(places: &[(f64, f64)], layout: &Layout, number: usize, count: usize) -> Vec<(f64, f64)> {
    if places.len() <= ALL_MARKED {
        return places.to_vec();
    }
    let stride = (layout.right - layout.left) / MARKERS as f64;
    let offset = stride * (0.25 + 0.75 * (number % count.max(1)) as f64 / count.max(1) as f64);
    let mut chosen = Vec::new();
    let mut next = layout.left + offset;
    for place in places {
        if place.0 >= next && (layout.top..=layout.bottom).contains(&place.1) {
            chosen.push(*place);
            while next <= place.0 {
                next += stride;
            }
        }
    }
    chosen
}

fn path(figure: &Figure, series: &Series, layout: &Layout) -> String {
    let mut path = String::new();
    let mut pen_down = false;
    for point in &series.points {
        match layout.place(figure, *point) {
            Some((x, y)) => {
                let _ = write!(path, "{}{x:.2} {y:.2}", if pen_down { 'L' } else { 'M' });
                pen_down = true;
            }
            None => pen_down = false,
        }
    }
    path
}

/// Places of the upper and of the lower edge.
type Edges = ((f64, f64), (f64, f64));

/// Closed outlines of the runs of points at which both edges are known, with their upper edges.
fn outlines(figure: &Figure, series: &Series, layout: &Layout) -> Vec<(String, String)> {
    let edges = series.points.iter().zip(&series.base).map(|(point, base)| {
        let upper = layout.place(figure, *point)?;
        // Below what the axis shows: its lower end.
        let lower = if *base <= 0.0 && figure.y.log { Some(layout.bottom) } else { layout.down(*base) }?;
        Some((upper, (upper.0, lower)))
    });
    let edges: Vec<_> = edges.collect();
    edges
        .split(Option::is_none)
        .filter(|run| !run.is_empty())
        .map(|run| outline(&run.iter().flatten().copied().collect::<Vec<_>>()))
        .collect()
}

fn outline(run: &[Edges]) -> (String, String) {
    // One point: as wide as can be seen.
    if let [((x, y), (_, base))] = run {
        let upper = format!("M{:.2} {y:.2}H{:.2}", x - 1.0, x + 1.0);
        return (format!("{upper}V{base:.2}H{:.2}Z", x - 1.0), upper);
    }
    let mut upper = String::new();
    for (k, ((x, y), _)) in run.iter().enumerate() {
        let _ = write!(upper, "{}{x:.2} {y:.2}", if k == 0 { 'M' } else { 'L' });
    }
    let mut whole = upper.clone();
    for (_, (x, y)) in run.iter().rev() {
        let _ = write!(whole, "L{x:.2} {y:.2}");
    }
    (whole + "Z", upper)
}
