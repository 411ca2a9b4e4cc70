//! A figure's exact data as CSV.

use super::figure::Figure;
use std::fmt::Write;

/// `series,x,y,base`: all points of all series, numbered from 0, 17 significant digits; an undefined value is `nan`, `base` (the lower edge of areas and
/// bands) empty elsewhere. A map is `x_low,x_high,y_low,y_high,value`, a row a cell. Writing to a `String` cannot fail.
pub fn csv(figure: &Figure) -> String {
    if let Some(map) = &figure.map {
        let mut out = String::from("x_low,x_high,y_low,y_high,value\n");
        for (row, y) in map.values.iter().zip(map.y.windows(2)) {
            for (value, x) in row.iter().zip(map.x.windows(2)) {
                let _ = writeln!(out, "{},{},{},{},{}", cell(x[0]), cell(x[1]), cell(y[0]), cell(y[1]), cell(*value));
            }
        }
        return out;
    }
    let mut out = String::from("series,x,y,base\n");
    for (k, series) in figure.series.iter().enumerate() {
        for (i, (x, y)) in series.points.iter().enumerate() {
            let base = series.base.get(i).map(|base| cell(*base)).unwrap_or_default();
            let _ = writeln!(out, "{k},{},{},{base}", cell(*x), cell(*y));
        }
    }
    out
}

fn cell(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { format!("{value:.16e}") }
}
