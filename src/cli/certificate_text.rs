//! A certificate as text, at most 110 columns wide.

use super::certify::Finished;
use crate::sensing::RipLowerBound;
use crate::theory::certificate::{DISCLAIMER, Kind, Row, Table};

/// Columns of the page.
const PAGE: usize = 110;
/// Columns of a formula.
const FORMULA: usize = 49;
/// Columns of a number.
const NUMBER: usize = 11;

/// The tables with what has to be said beside them.
pub fn text(finished: &Finished, tables: &[Table]) -> String {
    let mut out = wrap(&instance_line(finished), 0);
    out.push_str(&wrap(DISCLAIMER, 0));
    for line in rip_lines(finished) {
        out.push_str(&wrap(&line, 0));
    }
    for table in tables {
        out.push('\n');
        out.push_str(&wrap(&format!("{}: {}", table.paper, table.title), 0));
        if let Some(remark) = table.remark {
            out.push_str(&wrap(remark, 0));
        }
        block(&mut out, "instance and model", &table.instance);
        for trajectory in &table.trajectories {
            block(&mut out, &format!("trajectory {}", trajectory.trajectory), &trajectory.rows);
        }
    }
    out
}

/// What the certificate is about.
pub fn instance_line(finished: &Finished) -> String {
    let instance = &finished.evidence.instance;
    format!(
        "{}: {}×{} of rank {}, σ₁ = {:.4e}, σ_r = {:.4e}, κ = {:.4}, width {}, {} measurements ({})",
        finished.manifest.name,
        instance.rows,
        instance.cols,
        instance.rank,
        instance.sigma_1,
        instance.sigma_r,
        instance.condition_number(),
        instance.width,
        instance.measurements,
        finished.manifest.instance.ensemble,
    )
}

/// The bounds on restricted isometry constants, a line each.
pub fn rip_lines(finished: &Finished) -> Vec<String> {
    let line = |bound: &RipLowerBound| {
        let effort = format!("{} starts for each end, {} passes", bound.restarts, bound.passes);
        format!("δ_{} ≥ {:.4e}: a lower bound ({effort})", bound.order, bound.value)
    };
    finished.rip.iter().map(line).collect()
}

fn block(out: &mut String, title: &str, rows: &[Row]) {
    out.push_str(&wrap(title, 1));
    for (kind, heading) in [
        (Kind::Hypothesis, ["hypotheses", "measured", "scale"]),
        (Kind::Conclusion, ["conclusions", "measured", "scale"]),
        (Kind::Time, ["times", "observed", "predicted"]),
    ] {
        let mut rows = rows.iter().filter(|row| row.kind == kind).peekable();
        if rows.peek().is_none() {
            continue;
        }
        out.push_str(&line(heading[0], heading[1], heading[2], "ratio", "verdict"));
        for row in rows {
            let [measured, scale, ratio] = [row.measured, row.scale, row.ratio].map(number);
            out.push_str(&line(&row.formula, &measured, &scale, &ratio, row.verdict.label()));
            if let Some(note) = &row.note {
                out.push_str(&wrap(note, 6));
            }
        }
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |value| if value == 0.0 { "0".into() } else { format!("{value:.3e}") })
}

fn line(formula: &str, measured: &str, scale: &str, ratio: &str, verdict: &str) -> String {
    let formula = pad(formula, FORMULA, false);
    let numbers: String = [measured, scale, ratio].map(|cell| pad(cell, NUMBER, true)).concat();
    format!("  {formula}{numbers}  {verdict}\n")
}

fn pad(text: &str, width: usize, right: bool) -> String {
    let blanks = " ".repeat(width.saturating_sub(text.chars().count()));
    if right { format!("{blanks}{text}") } else { format!("{text}{blanks}") }
}

/// A paragraph, indented, broken at blanks.
fn wrap(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let (mut out, mut length) = (margin.clone(), indent);
    for word in text.split_whitespace() {
        let size = word.chars().count();
        if length > indent && length + 1 + size > PAGE {
            out.push('\n');
            out.push_str(&margin);
            length = indent;
        } else if length > indent {
            out.push(' ');
            length += 1;
        }
        out.push_str(word);
        length += size;
    }
    out.push('\n');
    out
}
