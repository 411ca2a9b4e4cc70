//! `report.html`: a run or a sweep as one page that needs nothing else, neither network nor program.
//!
//! [`page`] makes it from a [`Report`], data to data. What can be said without a script is HTML: sentence, tables, certificate, the
//! figures' static drawings (in `noscript`, so that they cost a browser with scripts nothing). The same figures, as JSON, are drawn by the
//! page's own script, which is kept in this folder as it is: no library, because curves on time grids of their own, printing as vectors,
//! dash patterns and reading by keyboard and voice are what libraries of that size leave out. Equal data give equal bytes.
//!
//! Everything that comes from a user is escaped where it becomes HTML (`html.rs`) and JSON (`arrays.rs`); the script puts it in as text
//! alone. The page's own content security policy forbids every request, and every script but that one, which it names by its digest.

mod arrays;
mod figures;
mod html;
mod moments;
mod tables;

use super::figure::Outcome;
use super::run::RunData;
use crate::linalg::Matrix;
use crate::simulation::SingularVectors;
use crate::theory::certificate::Table as Theorem;
use arrays::{Arrays, base64, script_json};
use html::{escape, list};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fmt::Write;

pub use html::{Cell, Table};

/// The script's parts, in order.
const SCRIPT: [&str; 9] = [
    include_str!("base.js"),
    include_str!("data.js"),
    include_str!("scale.js"),
    include_str!("curves.js"),
    include_str!("plot.js"),
    include_str!("pointer.js"),
    include_str!("cards.js"),
    include_str!("slider.js"),
    include_str!("main.js"),
];
const STYLE: &str = include_str!("style.css");

/// What a page is made from.
#[derive(Clone, Debug, Default)]
pub struct Report<'a> {
    /// The experiment's name.
    pub name: String,
    /// The experiment in a sentence.
    pub sentence: String,
    /// Versions, hashes and the like.
    pub facts: Vec<String>,
    /// What must not be overlooked.
    pub alert: Option<String>,
    /// The heading of the table of outcomes.
    pub heading: &'static str,
    /// One row a trajectory, or a group of a sweep.
    pub outcomes: Table,
    /// What does not fit into the table.
    pub remarks: Vec<Remark>,
    /// The certificate; for a run that has none, why. Absent for sweeps.
    pub certificate: Option<Result<Certificate, String>>,
    /// The figures, and what could not be drawn.
    pub figures: &'a [Outcome],
    /// The run whose spectra can be moved through; absent for sweeps.
    pub run: Option<&'a RunData>,
    /// Names of trajectories with the singular vectors that they have kept.
    pub vectors: Vec<(String, SingularVectors)>,
    /// `U_Y`, `V_Y`.
    pub space: Option<(Matrix, Matrix)>,
}

/// A sentence below the table of outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The sentence.
    pub text: String,
    /// Whether something is wrong.
    pub bad: bool,
}

/// What `pgflow certify` prints.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// The instance, in a line.
    pub instance: String,
    /// What has to be said with it.
    pub disclaimer: &'static str,
    /// The bounds on restricted isometry constants, a line each.
    pub rip: Vec<String>,
    /// The theorems' tables.
    pub theorems: Vec<Theorem>,
}

/// The page. Writing to a `String` cannot fail.
pub fn page(report: &Report<'_>) -> String {
    let mut arrays = Arrays::default();
    let names: Vec<&str> = report.run.map(|run| run.trajectories.iter().map(|one| one.name.as_str()).collect()).unwrap_or_default();
    let drawn = figures::data(report.figures, &names, &mut arrays);
    let moments = moments::data(report, &names, &mut arrays);
    let mut data = json!({ "trajectories": names, "figures": drawn });
    if let (Some(data), Some(moments)) = (data.as_object_mut(), moments.as_object()) {
        data.extend(moments.clone());
    }
    data["arrays"] = arrays.json();
    let script = format!("(() => {{\n\"use strict\";\n{}}})();\n", SCRIPT.concat());
    let mut out = head(report, &script);
    body(report, &mut out);
    let _ = write!(
        out,
        "<script type=\"application/json\" id=\"data\">{}</script>\n<script>{script}</script>\n</body>\n</html>\n",
        script_json(&data)
    );
    out
}

fn head(report: &Report<'_>, script: &str) -> String {
    let name = escape(&report.name);
    let digest = base64(&Sha256::digest(script.as_bytes()));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
         script-src 'sha256-{digest}'; \
         base-uri 'none'; form-action 'none'\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"generator\" content=\"pgflow {}\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{name}: report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn body(report: &Report<'_>, out: &mut String) {
    let (name, sentence) = (escape(&report.name), escape(&report.sentence));
    let _ = write!(
        out,
        "<a class=\"skip\" href=\"#main\">to the results</a>\n<header>\n<h1>{name}</h1>\n<p class=\"sentence\">{sentence}</p>\n\
         <p class=\"facts\">{}</p>\n",
        escape(&report.facts.join(" · "))
    );
    if let Some(alert) = &report.alert {
        let _ = writeln!(out, "<p class=\"alert\" role=\"alert\">{}</p>", escape(alert));
    }
    out.push_str("</header>\n");
    let moments = report.run.is_some_and(|run| run.trajectories.iter().any(|one| !one.spectrum.is_empty()));
    bar(report, moments, out);
    out.push_str("<main id=\"main\">\n");
    let _ = writeln!(
        out,
        "<section id=\"outcome\">\n<h2>{}</h2>\n<div class=\"scroll\" tabindex=\"0\">\n{}</div>",
        report.heading,
        report.outcomes.html("outcomes")
    );
    list(out, report.remarks.iter().map(|remark| (remark.text.as_str(), if remark.bad { "bad" } else { "" })));
    out.push_str("</section>\n<section id=\"figures\">\n<h2>Figures</h2>\n");
    out.push_str(
        "<p class=\"remark scripted-only\">Drag across a figure to zoom, double-click to see all again; point at a curve, or press the arrow keys \
         in a figure, to read values (five digits of the tables' seventeen). Entries of a legend show and hide.</p>\n",
    );
    figures::cards(&report.name, report.figures, out);
    out.push_str("</section>\n");
    if moments {
        moments::section(report, out);
    }
    if let Some(certificate) = &report.certificate {
        tables::certificate(certificate, out);
    }
    let _ = write!(
        out,
        "</main>\n<footer>Made by pgflow {}. This page holds all that it shows; it asks no server for anything. The tables beside \
         it hold the same numbers in full precision.</footer>\n",
        env!("CARGO_PKG_VERSION")
    );
}

fn bar(report: &Report<'_>, moments: bool, out: &mut String) {
    let link = |id: &str, label: &str| format!("<a href=\"#{id}\">{label}</a>");
    let mut links = link("outcome", report.heading) + &link("figures", "Figures");
    if moments {
        links += &link("moment", "Spectrum in time");
    }
    if report.certificate.is_some() {
        links += &link("certificate", "Certificate");
    }
    let _ = writeln!(
        out,
        "<div class=\"bar\"><div><nav aria-label=\"sections\">{links}</nav><button type=\"button\" id=\"theme\" hidden>theme: auto</button>\
         <div id=\"trajectories\" class=\"scripted-only\" role=\"group\" aria-label=\"trajectories shown\"></div></div></div>"
    );
}

#[cfg(test)]
mod tests;
