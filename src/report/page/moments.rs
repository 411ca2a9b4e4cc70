//! Spectra and singular vectors through time: what the slider moves through, within the room that a page has.

use super::Report;
use super::arrays::Arrays;
use super::html::escape;
use crate::linalg::{Form, Matrix, View, multiply};
use crate::simulation::SingularVectors;
use serde_json::{Value, json};
use std::fmt::Write;

/// The most singular values of a page, over all trajectories and samples.
const VALUES: usize = 400_000;
/// The most entries of singular vectors.
const ENTRIES: usize = 400_000;

/// Spectra, vectors and the target's space, as data for the script.
pub(super) fn data(report: &Report<'_>, names: &[&str], arrays: &mut Arrays) -> Value {
    let Some(run) = report.run else { return json!({ "target": null, "spectra": [], "vectors": [], "space": null }) };
    let target = (!run.target.is_empty()).then_some(&run.target);
    let count = kept(report);
    let mut spectra = Vec::new();
    for (index, trajectory) in run.trajectories.iter().enumerate().filter(|(_, trajectory)| !trajectory.spectrum.is_empty()) {
        let total = trajectory.spectrum.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let count = count.min(total);
        let value = |(_, values): &(f64, Vec<f64>), k: usize| values.get(k).copied().unwrap_or(f64::NAN);
        let t = arrays.add(trajectory.spectrum.iter().map(|(t, _)| *t));
        let values = arrays.add(trajectory.spectrum.iter().flat_map(|sample| (0..count).map(move |k| value(sample, k))));
        spectra.push(json!({ "trajectory": index, "t": t, "values": values, "count": count, "total": total }));
    }
    let stride = stride(&report.vectors);
    let vectors: Vec<Value> = report.vectors.iter().filter_map(|(name, one)| vectors(name, one, stride, report, names, arrays)).collect();
    let space = report.space.as_ref().filter(|_| !vectors.is_empty()).map(|(left, right)| {
        let columns = |matrix: &Matrix, arrays: &mut Arrays| arrays.add(matrix.as_slice().iter().copied());
        json!({ "rank": left.ncols(), "left": columns(left, arrays), "right": columns(right, arrays) })
    });
    json!({ "target": target, "spectra": spectra, "vectors": vectors, "space": space })
}

/// How many singular values of each sample the page has room for.
fn kept(report: &Report<'_>) -> usize {
    let Some(run) = report.run else { return 0 };
    let samples: usize = run.trajectories.iter().map(|trajectory| trajectory.spectrum.len()).sum();
    (VALUES / samples.max(1)).max(1)
}

/// Of how many samples one has its vectors in the page.
fn stride(all: &[(String, SingularVectors)]) -> usize {
    let entries: usize = all.iter().flat_map(|(_, one)| one.left.iter().chain(&one.right)).map(|matrix| matrix.len()).sum();
    entries.div_ceil(ENTRIES).max(1)
}

fn vectors(name: &str, one: &SingularVectors, stride: usize, report: &Report<'_>, names: &[&str], arrays: &mut Arrays) -> Option<Value> {
    let index = names.iter().position(|known| *known == name)?;
    let count = one.left.first()?.ncols();
    let signs = signs(one, report.space.as_ref());
    let chosen: Vec<usize> = (0..one.t.len()).filter(|k| k % stride == 0 || k + 1 == one.t.len()).collect();
    let mut side = |matrices: &[Matrix]| {
        let samples = chosen.iter().filter_map(|k| Some((matrices.get(*k)?, signs.get(*k)?)));
        let values: Vec<f64> = samples.flat_map(|(matrix, signs)| signed(matrix, signs)).collect();
        json!({ "size": matrices.first().map_or(0, |matrix| matrix.nrows()), "values": arrays.add(values.iter().copied()) })
    };
    let (left, right) = (side(&one.left), side(&one.right));
    let t = arrays.add(chosen.iter().filter_map(|k| one.t.get(*k).copied()));
    Some(json!({ "trajectory": index, "t": t, "count": count, "left": left, "right": right }))
}

/// The entries of the columns, each column with its sign.
fn signed(matrix: &Matrix, signs: &[f64]) -> Vec<f64> {
    matrix.column_iter().zip(signs).flat_map(|(column, sign)| column.iter().map(|x| sign * x).collect::<Vec<_>>()).collect()
}

/// A singular pair `(u, v)` and `(−u, −v)` are the same: the sign is the one with `⟨u, U_Y e_i⟩ + ⟨v, V_Y e_i⟩ ≥ 0` where the target has an
/// i-th pair, else the one nearer to the pair of the sample before.
fn signs(one: &SingularVectors, space: Option<&(Matrix, Matrix)>) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = Vec::new();
    let pairs: Vec<(&Matrix, &Matrix)> = one.left.iter().zip(&one.right).collect();
    for (k, (left, right)) in pairs.iter().enumerate() {
        let inner = |(u, v): (&Matrix, &Matrix)| {
            let products = [(u, left), (v, right)].map(|(a, b)| multiply(Form::LeftTransposed, View::of(a), View::of(b)));
            let known = u.ncols().min(left.ncols());
            (0..known).map(|i| products.iter().map(|product| product[(i, i)]).sum()).collect::<Vec<f64>>()
        };
        let targets = space.map(|(u, v)| inner((u, v))).unwrap_or_default();
        let continued = k.checked_sub(1).and_then(|k| pairs.get(k)).map(|pair| inner(*pair)).unwrap_or_default();
        let sign = |i: usize| {
            let last: f64 = all.last().and_then(|signs: &Vec<f64>| signs.get(i)).copied().unwrap_or(1.0);
            let towards = targets.get(i).copied().or(continued.get(i).map(|x| last * x)).unwrap_or(1.0);
            if towards < 0.0 { -1.0 } else { 1.0 }
        };
        let signs = (0..left.ncols()).map(sign).collect();
        all.push(signs);
    }
    all
}

/// The section that the slider stands in.
pub(super) fn section(report: &Report<'_>, out: &mut String) {
    out.push_str("<section id=\"moment\">\n<h2>Spectrum and singular vectors in time</h2>\n");
    out.push_str(
        "<noscript><p class=\"remark\">Moving through time needs this page's script; the figures above show the spectrum against time.</p>\
         </noscript>\n",
    );
    let mut remarks = vec![match report.vectors.first().and_then(|(_, one)| Some(one.left.first()?.ncols())) {
        None => "The run kept no singular vectors: with record.singular_vectors = 3, or record.snapshots = true, they stand here too."
            .to_owned(),
        Some(count) => {
            let stride = stride(&report.vectors);
            let thinned =
                if stride > 1 { format!(" Of the samples one in {stride} has its vectors here, and the last.") } else { String::new() };
            let sign = if report.space.is_some() { "Of the two signs of a pair, the one nearer to the target's is shown. " } else { "" };
            format!(
                "Vectors: the first {count} of each side. {sign}Where two singular values are equal, \
                 vectors are determined up to a rotation only.{thinned}"
            )
        }
    }];
    let count = kept(report);
    let most =
        report.run.into_iter().flat_map(|run| &run.trajectories).flat_map(|one| one.spectrum.first()).map(|(_, values)| values.len()).max();
    if most.is_some_and(|most| most > count) {
        remarks.push(format!("To keep the page small, the first {count} singular values of each sample are in it; spectrum.csv has all."));
    }
    let _ = writeln!(
        out,
        "<p class=\"remark\">{}</p>\n<div id=\"moment-view\" class=\"scripted-only\"></div>\n</section>",
        escape(&remarks.join(" "))
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_follow_the_target_and_then_the_sample_before() {
        let matrix = |entries: [f64; 4]| Matrix::from_column_slice(2, 2, &entries);
        let sample = [1.0, 0.1, -0.1, 1.0];
        let flipped = sample.map(|x| -x);
        let one = SingularVectors {
            count: 2,
            t: vec![0.0, 1.0, 2.0],
            left: vec![matrix(sample), matrix(flipped), matrix(flipped)],
            right: vec![matrix(sample), matrix(flipped), matrix(flipped)],
        };
        assert_eq!(signs(&one, None), [[1.0, 1.0], [-1.0, -1.0], [-1.0, -1.0]]);
        let space = (Matrix::from_column_slice(2, 1, &[-1.0, 0.0]), Matrix::from_column_slice(2, 1, &[-1.0, 0.0]));
        assert_eq!(signs(&one, Some(&space)), [[-1.0, 1.0], [1.0, -1.0], [1.0, -1.0]]);
    }

    #[test]
    fn many_vectors_are_thinned() {
        let one = |samples: usize| {
            let t = (0..samples).map(|k| k as f64).collect();
            let vectors = vec![Matrix::zeros(100, 2); samples];
            ("flow".to_owned(), SingularVectors { count: 2, t, left: vectors.clone(), right: vectors })
        };
        assert_eq!(stride(&[one(1000)]), 1);
        assert_eq!(stride(&[one(1000), one(1)]), 2);
        assert_eq!(stride(&[]), 1);
    }
}
