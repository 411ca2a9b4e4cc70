//! The certificate as tables.

use super::Certificate;
use super::html::{escape, list};
use crate::theory::certificate::{Kind, Row, Table, Verdict};
use std::fmt::Write;

/// The section with the certificate, or the reason why there is none.
pub(super) fn certificate(certificate: &Result<Certificate, String>, out: &mut String) {
    out.push_str("<section id=\"certificate\" class=\"certificate\">\n<h2>Certificate</h2>\n");
    match certificate {
        Err(reason) => {
            let _ = writeln!(out, "<p class=\"remark\">There is none: {}</p>", escape(reason));
        }
        Ok(certificate) => {
            let _ = writeln!(
                out,
                "<p class=\"remark\">{}</p>\n<p class=\"remark\">{}</p>",
                escape(&certificate.instance),
                escape(certificate.disclaimer)
            );
            list(out, certificate.rip.iter().map(|line| (line.as_str(), "")));
            for table in &certificate.theorems {
                theorem(table, out);
            }
        }
    }
    out.push_str("</section>\n");
}

fn theorem(table: &Table, out: &mut String) {
    let rows = || table.instance.iter().chain(table.trajectories.iter().flat_map(|block| &block.rows));
    let count = |verdict: Verdict| rows().filter(|row| row.verdict == verdict).count();
    let verdicts: Vec<String> = [Verdict::Violated, Verdict::Holds, Verdict::Undecided]
        .into_iter()
        .map(|verdict| (verdict, count(verdict)))
        .filter(|(_, count)| *count > 0)
        .map(|(verdict, count)| match verdict {
            Verdict::Holds if count > 1 => format!("{count} hold"),
            verdict => format!("{count} {}", verdict.label()),
        })
        .collect();
    let _ = writeln!(
        out,
        "<details><summary>{}: {} <span class=\"facts\">({})</span></summary>",
        escape(table.paper),
        escape(table.title),
        verdicts.join(", ")
    );
    if let Some(remark) = table.remark {
        let _ = writeln!(out, "<p class=\"remark\">{}</p>", escape(remark));
    }
    block("instance and model", &table.instance, out);
    for trajectory in &table.trajectories {
        block(&format!("trajectory {}", trajectory.trajectory), &trajectory.rows, out);
    }
    out.push_str("</details>\n");
}

fn block(title: &str, rows: &[Row], out: &mut String) {
    let _ = writeln!(out, "<h4>{}</h4>", escape(title));
    for (kind, headings) in [
        (Kind::Hypothesis, ["hypotheses", "measured", "scale"]),
        (Kind::Conclusion, ["conclusions", "measured", "scale"]),
        (Kind::Time, ["times", "observed", "predicted"]),
    ] {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.kind == kind).collect();
        if rows.is_empty() {
            continue;
        }
        let [first, second, third] = headings;
        let _ = write!(
            out,
            "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">{first}</th>\
             <th scope=\"col\" class=\"number\">{second}</th>\
             <th scope=\"col\" class=\"number\">{third}</th><th scope=\"col\" class=\"number\">ratio</th>\
             <th scope=\"col\">verdict</th></tr></thead>\n<tbody>\n"
        );
        for row in rows {
            let [measured, scale, ratio] = [row.measured, row.scale, row.ratio].map(number);
            let note = row.note.as_ref().map(|note| format!("<span class=\"note\">{}</span>", escape(note))).unwrap_or_default();
            let class = match row.verdict {
                Verdict::Holds => " good",
                Verdict::Violated => " bad",
                Verdict::Undecided => "",
            };
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\">{}{note}</th><td class=\"number\">{measured}</td>\
                 <td class=\"number\">{scale}</td><td class=\"number\">{ratio}</td>\
                 <td class=\"verdict{class}\">{}</td></tr>",
                escape(&row.formula),
                row.verdict.label()
            );
        }
        out.push_str("</tbody></table></div>\n");
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |value| if value == 0.0 { "0".into() } else { format!("{value:.3e}") })
}
