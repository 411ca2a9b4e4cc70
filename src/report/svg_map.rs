//! Maps of two parameters: cells, lines of equal value, the bar of colours.

use super::figure::Map;
use super::layout::{LABEL, Layout, SMALL};
use super::notation;
use super::scale::Scale;
use super::style::{dashes, shade};
use std::fmt::Write;

/// Steps of the bar.
const STEPS: usize = 48;

fn scale(map: &Map) -> Scale {
    Scale::around(map.values.iter().flatten().copied(), map.log, 0.0)
}

/// Cells; one without a value stays white with a cross.
pub(super) fn cells(id: &str, map: &Map, layout: &Layout, out: &mut String) {
    let scale = scale(map);
    let _ = writeln!(out, r#"<g class="map" id="{id}-map">"#);
    for (row, y) in map.values.iter().zip(map.y.windows(2)) {
        for (value, x) in row.iter().zip(map.x.windows(2)) {
            let edges = [layout.across(x[0]), layout.across(x[1]), layout.down(y[1]), layout.down(y[0])];
            let [Some(left), Some(right), Some(top), Some(bottom)] = edges else { continue };
            let place = if value.is_finite() && (!map.log || *value > 0.0) { scale.place(*value) } else { None };
            let _ = match place {
                Some(place) => write!(
                    out,
                    r#"<rect x="{left:.2}" y="{top:.2}" width="{:.2}" height="{:.2}" fill="{}"/>"#,
                    right - left + 0.15,
                    bottom - top + 0.15,
                    shade(place)
                ),
                None => write!(
                    out,
                    r##"<path d="M{left:.2} {top:.2}L{right:.2} {bottom:.2}M{left:.2} {bottom:.2}L{right:.2} {top:.2}" stroke="#999" stroke-width="0.5"/>"##
                ),
            };
        }
    }
    out.push_str("</g>\n");
    for contour in &map.contours {
        let mut path = String::new();
        for line in &contour.lines {
            for (k, (x, y)) in line.iter().filter_map(|(x, y)| layout.across(*x).zip(layout.down(*y))).enumerate() {
                let _ = write!(path, "{}{x:.2} {y:.2}", if k == 0 { 'M' } else { 'L' });
            }
        }
        let _ = writeln!(
            out,
            r##"<path class="contour" d="{path}" stroke="#fff" stroke-width="2.2"/><path d="{path}" {}/>"##,
            contour_style(contour.dashes)
        );
    }
}

pub(super) fn contour_style(number: usize) -> String {
    format!(r##"stroke="#c00000" stroke-width="1.1"{}"##, dashes(number))
}

/// The bar of colours at the right.
pub(super) fn bar(map: &Map, layout: &Layout, out: &mut String) {
    let scale = scale(map);
    let (left, width) = (layout.right + 7.0, 8.0);
    let height = layout.bottom - layout.top;
    let step = height / STEPS as f64;
    out.push_str(r#"<g class="bar">"#);
    for k in 0..STEPS {
        let place = (k as f64 + 0.5) / STEPS as f64;
        let y = layout.bottom - step * (k + 1) as f64;
        let _ = write!(out, r#"<rect x="{left}" y="{y:.2}" width="{width}" height="{:.2}" fill="{}"/>"#, step + 0.15, shade(place));
    }
    let _ = write!(
        out,
        r##"<rect x="{left}" y="{}" width="{width}" height="{height}" fill="none" stroke="#000" stroke-width="0.5"/>"##,
        layout.top
    );
    for (value, label) in scale.ticks(5).major {
        let Some(place) = scale.place(value) else { continue };
        let (y, x) = (layout.bottom - height * place, left + width);
        let label = notation::svg(&label, SMALL);
        let _ = write!(
            out,
            r##"<path d="M{x} {y:.2}h2.5" stroke="#000" stroke-width="0.5"/><text x="{}" y="{:.2}" class="bar tick">{label}</text>"##,
            x + 3.5,
            y + 0.36 * SMALL
        );
    }
    let size = LABEL.min(LABEL * height / notation::width(&map.label, LABEL).max(1.0));
    let _ = writeln!(
        out,
        r#"<text transform="translate({:.2} {:.2}) rotate(-90)" text-anchor="middle" font-size="{size:.2}" class="bar label">{}</text></g>"#,
        super::layout::PAGE - 3.0,
        0.5 * (layout.top + layout.bottom),
        notation::svg(&map.label, size)
    );
}
