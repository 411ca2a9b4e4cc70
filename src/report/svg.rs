//! A figure as SVG, at the width of a column. The legend stands below the axes, so that it covers no data.

use super::figure::{Figure, Series, Stroke};
use super::layout::{Entry, LABEL, Layout, PAGE, SAMPLE, SMALL, Sample};
use super::style::{colour, dashes, marker};
use super::{notation, svg_map, svg_series};
use std::fmt::Write;

/// The drawing. Its identifiers begin with the figure's, so that several can stand in one page. Writing to a `String` cannot fail.
pub fn svg(figure: &Figure) -> String {
    let layout = Layout::new(figure);
    let Layout { height, left, right, top, bottom, .. } = layout;
    let (plot_width, plot_height) = (right - left, bottom - top);
    let mut out = String::new();
    let _ = writeln!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{PAGE}pt" height="{height}pt" viewBox="0 0 {PAGE} {height}" role="img" font-family="'DejaVu Sans', Verdana, 'Noto Sans', sans-serif" font-size="{SMALL}" fill="#000">
<title>{}</title>
<desc>{}</desc>
<rect class="page" width="{PAGE}" height="{height}" fill="#fff"/>
<clipPath id="{id}-clip"><rect x="{left}" y="{top}" width="{plot_width}" height="{plot_height}"/></clipPath>"##,
        notation::escaped(&notation::plain(&figure.title)),
        notation::escaped(&notation::plain(&figure.description)),
        id = figure.id,
    );
    svg_series::hatches(figure, &mut out);
    phases(figure, &layout, &mut out);
    let _ = writeln!(out, r#"<g clip-path="url(#{}-clip)" fill="none" stroke-linejoin="round">"#, figure.id);
    if let Some(map) = &figure.map {
        svg_map::cells(&figure.id, map, &layout, &mut out);
    }
    svg_series::series(figure, &layout, &mut out);
    lines(figure, &layout, &mut out);
    out.push_str("</g>\n");
    axes(figure, &layout, &mut out);
    if let Some(map) = &figure.map {
        svg_map::bar(map, &layout, &mut out);
    }
    for entry in &layout.legend {
        legend(figure, entry, &mut out);
    }
    for (y, note) in &layout.notes {
        let _ = writeln!(out, r##"<text x="6" y="{y:.1}" class="note" fill="#333">{}</text>"##, notation::svg(note, SMALL));
    }
    out.push_str("</svg>\n");
    out
}

fn phases(figure: &Figure, layout: &Layout, out: &mut String) {
    let Layout { left, right, top, bottom, .. } = layout;
    for (k, phase) in figure.phases.iter().enumerate() {
        let edge = |x: f64, otherwise: f64| layout.across(x).unwrap_or(otherwise).clamp(*left, *right);
        let (from, to) = (edge(phase.from, *left), edge(phase.to, *right));
        let shade = ["#f0f0f0", "#dddddd", "#f7f7f7"][k % 3];
        let _ = writeln!(
            out,
            r#"<rect class="phase" x="{from:.2}" y="{top}" width="{:.2}" height="{}" fill="{shade}"/>"#,
            (to - from).max(0.0),
            bottom - top
        );
        // Where the whole does not fit, its number may.
        let number = phase.label.split(' ').next().unwrap_or_default();
        if let Some(label) = [phase.label.as_str(), number].into_iter().find(|label| notation::width(label, SMALL) <= to - from + 2.0) {
            let middle = 0.5 * (from + to);
            let label = notation::svg(label, SMALL);
            let _ = writeln!(out, r#"<text x="{middle:.2}" y="{:.2}" text-anchor="middle" class="phase">{label}</text>"#, top - 3.5);
        }
    }
}

fn axes(figure: &Figure, layout: &Layout, out: &mut String) {
    let Layout { left, right, top, bottom, .. } = layout;
    let _ = writeln!(out, r##"<g stroke="#000" stroke-width="0.6" fill="none">"##);
    let mut ticks = String::new();
    let mut tick = |across: bool, place: f64, length: f64| {
        let _ = match across {
            true => write!(ticks, "M{place:.2} {bottom}v{length}"),
            false => write!(ticks, "M{left} {place:.2}h{}", -length),
        };
    };
    let places = |values: &mut dyn Iterator<Item = f64>, across: bool| -> Vec<f64> {
        values.filter_map(|value| if across { layout.across(value) } else { layout.down(value) }).collect()
    };
    for (across, axis) in [(true, &layout.x_ticks), (false, &layout.y_ticks)] {
        places(&mut axis.major.iter().map(|(value, _)| *value), across).into_iter().for_each(|place| tick(across, place, 3.0));
        places(&mut axis.minor.iter().copied(), across).into_iter().for_each(|place| tick(across, place, 1.6));
    }
    let (width, height) = (right - left, bottom - top);
    let _ =
        writeln!(out, r#"<path class="ticks" d="{ticks}"/><rect class="frame" x="{left}" y="{top}" width="{width}" height="{height}"/>"#);
    out.push_str("</g>\n");
    for (x, label) in layout.x_ticks.major.iter().filter_map(|(x, label)| Some((layout.across(*x)?, label))) {
        // What stands at an edge of the page is moved inwards.
        let half = 0.5 * notation::width(label, SMALL);
        let x = x.clamp(half, PAGE - half - 0.5);
        let label = notation::svg(label, SMALL);
        let _ = writeln!(out, r#"<text x="{x:.2}" y="{:.2}" text-anchor="middle" class="x tick">{label}</text>"#, bottom + 4.5 + SMALL);
    }
    for (y, label) in layout.y_ticks.major.iter().filter_map(|(y, label)| Some((layout.down(*y)?, label))) {
        let label = notation::svg(label, SMALL);
        let _ = writeln!(out, r#"<text x="{:.2}" y="{:.2}" text-anchor="end" class="y tick">{label}</text>"#, left - 4.5, y + 0.36 * SMALL);
    }
    let (middle, centre) = (0.5 * (top + bottom), 0.5 * (left + right));
    let title = |label: &str, room: f64| {
        let size = LABEL.min(LABEL * room / notation::width(label, LABEL).max(1.0));
        (size, notation::svg(label, size))
    };
    let ((x_size, x), (y_size, y)) = (title(&figure.x.label, right - 6.0), title(&figure.y.label, height + 6.0));
    let _ = writeln!(
        out,
        r#"<text x="{centre:.2}" y="{:.2}" text-anchor="middle" font-size="{x_size:.2}" class="x label">{x}</text>
<text transform="translate({:.2} {middle:.2}) rotate(-90)" text-anchor="middle" font-size="{y_size:.2}" class="y label">{y}</text>"#,
        bottom + 7.0 + SMALL + LABEL,
        LABEL + 0.5
    );
}

fn lines(figure: &Figure, layout: &Layout, out: &mut String) {
    for (level, y) in figure.levels.iter().filter_map(|level| Some((level, layout.down(level.y)?))) {
        let _ = writeln!(out, r#"<path class="level" d="M{} {y:.2}H{}" {}/>"#, layout.left, layout.right, level_style(level.dashes));
    }
    for (mark, x) in figure.marks.iter().filter_map(|mark| Some((mark, layout.across(mark.x)?))) {
        let _ = writeln!(out, r#"<path class="mark" d="M{x:.2} {}V{}" {}/>"#, layout.top, layout.bottom, mark_style(mark.dashes));
    }
}

fn level_style(number: usize) -> String {
    format!(r##"stroke="#333" stroke-width="0.8"{}"##, dashes(number))
}

fn mark_style(number: usize) -> String {
    format!(r##"stroke="#777" stroke-width="0.9"{}"##, dashes(number))
}

fn legend(figure: &Figure, entry: &Entry, out: &mut String) {
    let (x, y, end) = (entry.x, entry.y - 0.36 * SMALL, entry.x + SAMPLE);
    let line = |style: &str| format!(r#"<path d="M{x:.2} {y:.2}H{end:.2}" fill="none" {style}/>"#);
    let sample = match entry.sample {
        Sample::Series(k) => figure.series.get(k).map(|series| series_sample(figure, series, x, y)).unwrap_or_default(),
        Sample::Key(k) => {
            figure.keys.get(k).map(|key| line(&format!(r##"stroke="#333" stroke-width="1.1"{}"##, dashes(key.dashes)))).unwrap_or_default()
        }
        Sample::Level(k) => figure.levels.get(k).map(|level| line(&level_style(level.dashes))).unwrap_or_default(),
        Sample::Mark(k) => figure.marks.get(k).map(|mark| line(&mark_style(mark.dashes))).unwrap_or_default(),
        Sample::Contour(k) => {
            let contour = figure.map.as_ref().and_then(|map| map.contours.get(k));
            contour.map(|contour| line(&svg_map::contour_style(contour.dashes))).unwrap_or_default()
        }
        Sample::Text => String::new(),
    };
    // What would leave the page is set smaller.
    let size = SMALL.min(SMALL * (PAGE - end - 8.0) / notation::width(&entry.label, SMALL).max(1.0));
    let smaller = if size < SMALL { format!(r#" font-size="{size:.2}""#) } else { String::new() };
    let label = notation::svg(&entry.label, size);
    let _ = writeln!(out, r#"{sample}<text x="{:.2}" y="{:.2}" class="legend"{smaller}>{label}</text>"#, end + 4.0, entry.y);
}

fn series_sample(figure: &Figure, series: &Series, x: f64, y: f64) -> String {
    let (end, middle) = (x + SAMPLE, x + 0.5 * SAMPLE);
    let dots = |number: usize| format!(r#"<path d="{}" fill="{}"/>"#, marker(number, middle, y, svg_series::RADIUS), colour(series.colour));
    match series.stroke {
        Stroke::Dots => dots(series.marker.unwrap_or(0)),
        Stroke::Area | Stroke::Band => {
            let rectangle = format!("M{x:.2} {:.2}H{end:.2}V{:.2}H{x:.2}Z", y - 3.0, y + 3.0);
            svg_series::filled(figure, series, &rectangle, "")
        }
        _ => {
            let line = format!(r#"<path d="M{x:.2} {y:.2}H{end:.2}" fill="none" {}/>"#, svg_series::stroke(series));
            line + &series.marker.map(dots).unwrap_or_default()
        }
    }
}
