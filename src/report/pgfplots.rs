//! A figure as a pgfplots document that reads its data.

use super::figure::{Axis, Figure, Map, Series, Stroke};
use super::layout::{ALL_MARKED, Layout};
use super::notation::tex;
use super::scale::{Scale, Ticks};
use super::style::COLOURS;
use std::fmt::Write;

/// A document that draws `<id>.csv`, to be compiled in its folder with pdflatex or lualatex. Writing to a `String` cannot fail.
pub fn pgfplots(figure: &Figure) -> String {
    let mut out = String::from(
        "\\documentclass[border=2pt]{standalone}\n\\usepackage[T1]{fontenc}\n\\usepackage{amsmath,amssymb}\n\\usepackage{pgfplots}\n\
         \\pgfplotsset{compat=1.16}\n\\usepgfplotslibrary{fillbetween}\n",
    );
    for (k, colour) in COLOURS.iter().enumerate() {
        let _ = writeln!(out, "\\definecolor{{c{k}}}{{HTML}}{{{}}}", colour.trim_start_matches('#').to_uppercase());
    }
    out.push_str("\\begin{document}\n\\begin{tikzpicture}\n");
    let layout = Layout::new(figure);
    let (x, y) = (axis('x', &figure.x, &layout.x, &layout.x_ticks), axis('y', &figure.y, &layout.y, &layout.y_ticks));
    let _ = writeln!(out, "\\begin{{axis}}[width=8.6cm, height=6.2cm, {x},\n  {y},");
    out.push_str(
        "  legend cell align=left, legend columns=2, legend style={at={(0.5,-0.22)}, anchor=north, font=\\scriptsize, draw=none},\n  \
         label style={font=\\small}, tick label style={font=\\footnotesize}, unbounded coords=jump, mark size=1.4pt,\n  \
         set layers, clip mode=individual",
    );
    out.push_str(&figure.map.as_ref().map(bar).unwrap_or_default());
    out.push_str("]\n");
    match &figure.map {
        Some(map) => cells(&mut out, figure, map),
        None => {
            phases(&mut out, figure);
            figure.series.iter().enumerate().for_each(|(k, series)| plot(&mut out, figure, k, series));
        }
    }
    lines(&mut out, figure);
    out.push_str("\\end{axis}\n\\end{tikzpicture}\n\\end{document}\n");
    out
}

/// The same range and ticks as in the drawing.
fn axis(letter: char, axis: &Axis, scale: &Scale, ticks: &Ticks) -> String {
    let mode = if axis.log { "log" } else { "normal" };
    let (low, high) = scale.range();
    let list = |values: &mut dyn Iterator<Item = String>| values.collect::<Vec<_>>().join(",");
    let major = list(&mut ticks.major.iter().map(|(value, _)| format!("{value:e}")));
    let labels = list(&mut ticks.major.iter().map(|(_, label)| format!("{{{}}}", tex(label))));
    let minor = list(&mut ticks.minor.iter().map(|value| format!("{value:e}")));
    let label = tex(&axis.label);
    let mut out = format!("{letter}mode={mode}, {letter}label={{{label}}}, {letter}min={low:e}, {letter}max={high:e}, ");
    let _ = write!(out, "{letter}tick={{{major}}}, {letter}ticklabels={{{labels}}}, minor {letter}tick={{{minor}}}");
    out
}

fn phases(out: &mut String, figure: &Figure) {
    let at = |x: f64, y: f64| format!("({{axis cs:{x:e},1}} |- {{rel axis cs:0,{y}}})");
    for (k, phase) in figure.phases.iter().enumerate() {
        let shade = ["black!6", "black!14", "black!3"][k % 3];
        let (from, to) = (at(phase.from, 0.0), at(phase.to, 1.0));
        let _ = writeln!(out, "\\begin{{pgfonlayer}}{{axis background}}\\fill[{shade}] {from} rectangle {to};\\end{{pgfonlayer}}");
        // The number alone where the phase is short.
        let whole = figure.phases.iter().map(|other| other.to - other.from).fold(0.0, f64::max) < 4.0 * (phase.to - phase.from);
        let label = if whole { phase.label.as_str() } else { phase.label.split(' ').next().unwrap_or_default() };
        let middle = at(0.5 * (phase.from + phase.to), 1.0);
        let _ = writeln!(out, "\\node[anchor=south, font=\\scriptsize, inner sep=1pt] at {middle} {{{}}};", tex(label));
    }
}

fn plot(out: &mut String, figure: &Figure, k: usize, series: &Series) {
    let table = |column: &str| {
        format!("table[col sep=comma, x=x, y={column}, restrict expr to domain={{\\thisrow{{series}}}}{{{k}:{k}}}]{{{}.csv}}", figure.id)
    };
    let silent = if series.key.is_empty() { ", forget plot" } else { "" };
    let colour = series.colour % COLOURS.len();
    if matches!(series.stroke, Stroke::Area | Stroke::Band) {
        let edge = if series.stroke == Stroke::Area { "black, thin" } else { "draw=none" };
        let _ = writeln!(out, "\\addplot[name path=low{k}, draw=none, forget plot] {};", table("base"));
        let _ = writeln!(out, "\\addplot[name path=high{k}, {edge}, forget plot] {};", table("y"));
        let _ = writeln!(out, "\\addplot[c{colour}, fill opacity=0.35{silent}] fill between[of=low{k} and high{k}];");
    } else {
        let _ = writeln!(out, "\\addplot[{}{silent}] {};", options(series, colour), table("y"));
    }
    if !series.key.is_empty() {
        let _ = writeln!(out, "\\addlegendentry{{{}}}", tex(&series.key));
    }
}

fn options(series: &Series, colour: usize) -> String {
    const DASHES: [&str; 6] = ["solid", "dashed", "dotted", "dashdotted", "loosely dashed", "densely dashed"];
    const MARKERS: [&str; 6] = ["*", "square*", "triangle*", "diamond*", "triangle*, mark options={rotate=180}", "+"];
    let dashes = DASHES[series.dashes % DASHES.len()];
    let repeat = if series.points.len() > ALL_MARKED { series.points.len() / 8 } else { 1 };
    let marker = |k: usize| format!("mark={}, mark repeat={repeat}", MARKERS[k % MARKERS.len()]);
    let marker = series.marker.map_or("mark=none".to_owned(), marker);
    match series.stroke {
        Stroke::Dots => format!("only marks, c{colour}, {}", if series.marker.is_some() { &marker } else { "mark=*" }),
        Stroke::Emphasis => format!("black, very thick, {dashes}, {marker}"),
        Stroke::Guide => format!("gray, {dashes}, {marker}"),
        _ => format!("c{colour}, thick, {dashes}, {marker}"),
    }
}

/// The bar of colours, as options of the axes.
fn bar(map: &Map) -> String {
    let scale = Scale::around(map.values.iter().flatten().copied(), map.log, 0.0);
    let measured = |value: f64| if map.log { value.log10() } else { value };
    let stops: Vec<String> = super::style::STOPS.iter().map(|[r, g, b]| format!("rgb255=({r},{g},{b})")).collect();
    let ticks = scale.ticks(5).major;
    let places: Vec<String> = ticks.iter().map(|(value, _)| measured(*value).to_string()).collect();
    let labels: Vec<String> = ticks.iter().map(|(_, label)| format!("{{{}}}", tex(label))).collect();
    let (low, high) = scale.range();
    format!(
        ",\n  colormap={{bar}}{{{}}}, colorbar, point meta min={}, point meta max={},\n  colorbar style={{ylabel={{{}}}, ytick={{{}}}, yticklabels={{{}}}}}",
        stops.join(" "),
        measured(low),
        measured(high),
        tex(&map.label),
        places.join(","),
        labels.join(",")
    )
}

/// Cells as filled rectangles, their colours computed here: pgfplots has no matrix of uneven cells.
fn cells(out: &mut String, figure: &Figure, map: &Map) {
    let _ = writeln!(out, "% {}: the values are in {}.csv", map.label, figure.id);
    let scale = Scale::around(map.values.iter().flatten().copied(), map.log, 0.0);
    let (Some(x), Some(y)) = (map.x.first().zip(map.x.last()), map.y.first().zip(map.y.last())) else { return };
    let _ = writeln!(out, "\\addplot[draw=none, forget plot] coordinates {{({:e},{:e}) ({:e},{:e})}};", x.0, y.0, x.1, y.1);
    for (row, y) in map.values.iter().zip(map.y.windows(2)) {
        for (value, x) in row.iter().zip(map.x.windows(2)) {
            let Some(place) = scale.place(*value).filter(|_| !map.log || *value > 0.0) else { continue };
            let [red, green, blue] = super::style::mixed(place);
            let colour = format!("{{rgb,255:red,{red};green,{green};blue,{blue}}}");
            let _ = writeln!(out, "\\fill[fill={colour}] (axis cs:{:e},{:e}) rectangle (axis cs:{:e},{:e});", x[0], y[0], x[1], y[1]);
        }
    }
    for contour in &map.contours {
        for line in &contour.lines {
            let path: Vec<String> = line.iter().map(|(x, y)| format!("(axis cs:{x:e},{y:e})")).collect();
            let _ = writeln!(out, "\\draw[red!75!black, thick] {}; % {}", path.join(" -- "), contour.label);
        }
    }
}

fn lines(out: &mut String, figure: &Figure) {
    for level in &figure.levels {
        let y = level.y;
        let _ = writeln!(
            out,
            "\\draw[black!70, dashed] ({{rel axis cs:0,0}} |- {{axis cs:1,{y:e}}}) -- ({{rel axis cs:1,0}} |- {{axis cs:1,{y:e}}});"
        );
        legend_only(out, "black!70, dashed", &level.label);
    }
    for mark in &figure.marks {
        let x = mark.x;
        let _ = writeln!(
            out,
            "\\draw[gray, dotted, thick] ({{axis cs:{x:e},1}} |- {{rel axis cs:0,0}}) -- ({{axis cs:{x:e},1}} |- {{rel axis cs:0,1}});"
        );
        legend_only(out, "gray, dotted, thick", &mark.label);
    }
    figure.keys.iter().for_each(|key| {
        let dashes = ["solid", "dashed", "dotted", "dashdotted"][key.dashes % 4];
        legend_only(out, dashes, &key.label);
    });
}

fn legend_only(out: &mut String, style: &str, label: &str) {
    if !label.is_empty() {
        let _ = writeln!(out, "\\addlegendimage{{{style}}}\\addlegendentry{{{}}}", tex(label));
    }
}
