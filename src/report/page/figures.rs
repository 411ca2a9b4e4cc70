//! Figures in the page: the card of each, with its static drawing, and its data for the script.

use super::super::figure::{Figure, Outcome, Series};
use super::super::notation;
use super::super::svg::svg;
use super::arrays::Arrays;
use super::html::escape;
use serde_json::{Value, json};
use std::fmt::Write;

/// The most bytes that the static drawings of a page take together; what comes later is a sentence.
const STATIC: usize = 1 << 20;

/// The figures that are drawn, as data for the script; `names` are the trajectories' names.
pub(super) fn data(outcomes: &[Outcome], names: &[&str], arrays: &mut Arrays) -> Value {
    let drawn = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Drawn(figure) => Some(figure_data(figure, names, arrays)),
        Outcome::Skipped(..) => None,
    });
    Value::Array(drawn.collect())
}

fn figure_data(figure: &Figure, names: &[&str], arrays: &mut Arrays) -> Value {
    let series: Vec<Value> = figure.series.iter().map(|series| series_data(series, names, arrays)).collect();
    // One rule with the figure: its horizontal axis is flow time, or it is not.
    let time = figure.x.label.starts_with("time");
    json!({
        "id": figure.id, "title": figure.title, "description": figure.description, "time": time,
        "x": figure.x, "y": figure.y, "series": series, "keys": figure.keys, "levels": figure.levels,
        "marks": figure.marks, "phases": figure.phases, "map": figure.map, "notes": figure.notes,
    })
}

fn series_data(series: &Series, names: &[&str], arrays: &mut Arrays) -> Value {
    let base = (!series.base.is_empty()).then(|| arrays.add(series.base.iter().copied()));
    json!({
        "label": series.label, "key": series.key, "stroke": series.stroke,
        "colour": series.colour, "dashes": series.dashes, "marker": series.marker,
        "trajectory": trajectory(&series.label, names),
        "x": arrays.add(series.points.iter().map(|point| point.0)),
        "y": arrays.add(series.points.iter().map(|point| point.1)),
        "base": base,
    })
}

/// The trajectory that a series is about: its label is the trajectory's name, or begins with it and a comma.
fn trajectory(label: &str, names: &[&str]) -> Option<usize> {
    let about = |name: &str| label.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(", "));
    names.iter().position(|name| about(name))
}

/// The cards of all figures; the first is as wide as the page.
pub(super) fn cards(name: &str, outcomes: &[Outcome], out: &mut String) {
    let mut room = STATIC;
    out.push_str("<div class=\"cards\">\n");
    let mut first = true;
    for outcome in outcomes {
        if let Outcome::Drawn(figure) = outcome {
            card(name, figure, first, &mut room, out);
            first = false;
        }
    }
    out.push_str("</div>\n");
    let skipped: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Skipped(id, why) => Some(format!("<li><b>{}</b>: {}</li>\n", escape(id), notation::html(why))),
            Outcome::Drawn(_) => None,
        })
        .collect();
    if !skipped.is_empty() {
        let _ = write!(
            out,
            "<details><summary>What is not drawn, and why</summary>\n<ul class=\"list\">\n{}</ul>\n</details>\n",
            skipped.concat()
        );
    }
}

fn card(name: &str, figure: &Figure, wide: bool, room: &mut usize, out: &mut String) {
    let id = escape(&figure.id);
    let drawing = svg(figure);
    let fallback = match room.checked_sub(drawing.len()) {
        Some(left) => {
            *room = left;
            drawing
        }
        None => format!(
            "<p class=\"note\">{} is too large to be drawn twice: see figures/{id}.svg, or allow this page its script.</p>\n",
            escape(&figure.title)
        ),
    };
    let _ = write!(
        out,
        "<figure class=\"card{}\" id=\"figure-{id}\">\n\
         <figcaption><h3>{}</h3></figcaption>\n<div class=\"drawing\"><noscript>\n{fallback}</noscript></div>\n",
        if wide { " wide" } else { "" },
        notation::html(heading(name, &figure.title))
    );
    for note in &figure.notes {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", notation::html(note));
    }
    let _ = writeln!(out, "<details><summary>in words</summary><p>{}</p></details>\n</figure>", notation::html(&figure.description));
}

/// A figure's title without the experiment's name, which stands at the top of the page.
fn heading<'a>(name: &str, title: &'a str) -> &'a str {
    let rest = title.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ").or(rest.strip_prefix(", ")));
    rest.unwrap_or(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_belong_to_trajectories_by_their_names() {
        let names = ["gd", "gd[step=0.1]", "flow"];
        let of = |label: &str| trajectory(label, &names);
        assert_eq!(of("gd"), Some(0));
        assert_eq!(of("gd[step=0.1]"), Some(1));
        assert_eq!(of("gd[step=0.1], test error"), Some(1));
        assert_eq!(of("flow, bound"), Some(2));
        assert_eq!(of("flow2"), None);
        assert_eq!(of("σ_{1}"), None);
        assert_eq!(of("gd: fitted slope 1.005"), None);
    }
}
