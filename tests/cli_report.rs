//! `pgflow report` and `run --report` on the command line: files, bytes, messages, refusals; singular vectors of a run.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, TINY, expect_code, stderr, stdout};
use pgflow::linalg::Matrix;
use pgflow::problem::ArchiveReader;
use serde_json::Value;
use std::path::Path;

fn page(path: &Path) -> (String, Value) {
    let text = std::fs::read_to_string(path).unwrap();
    let data = text.split_once("id=\"data\">").unwrap().1.split_once("</script>").unwrap().0;
    let data = serde_json::from_str(data).unwrap();
    (text, data)
}

#[test]
fn a_run_becomes_one_page_of_the_same_bytes_each_time() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    let output = scratch.pgflow(&["run", "tiny.toml", "-o", "tiny", "--report", "--set", "record.singular_vectors=3"]);
    expect_code(&output, 0);
    assert!(stdout(&output).contains("report in tiny/report.html"), "{}", stdout(&output));
    assert!(scratch.path("tiny/figures/errors.svg").exists());
    let (text, data) = page(&scratch.path("tiny/report.html"));
    assert!(
        text.contains("A 12 × 10 matrix of rank 2 (singular values 1 and 0.5) is recovered from 150 Gaussian measurements without noise")
    );
    assert!(text.contains("gradient flow by DOP853 (flow) and gradient descent with step 0.1 (gd)"));
    for part in ["<h2>Outcome</h2>", "W23", "SSX23", "LMZ18", "not decided", "completed", "in words"] {
        assert!(text.contains(part), "{part}");
    }
    assert_eq!(data["trajectories"], serde_json::json!(["flow", "gd"]));
    assert_eq!(data["vectors"][0]["count"], 3);
    assert_eq!(data["space"]["rank"], 2);
    let figures: Vec<&str> = data["figures"].as_array().unwrap().iter().map(|figure| figure["id"].as_str().unwrap()).collect();
    assert!(["errors", "deviation", "spectrum_flow", "signal_gd"].iter().all(|id| figures.contains(id)), "{figures:?}");
    let output = scratch.pgflow(&["report", "tiny", "-o", "again.html"]);
    expect_code(&output, 0);
    assert_eq!(stdout(&output), "again.html\n");
    assert_eq!(std::fs::read_to_string(scratch.path("again.html")).unwrap(), text);
    // A finished run that is asked for its report has one, and only then.
    std::fs::remove_file(scratch.path("tiny/report.html")).unwrap();
    let resumed = ["run", "tiny.toml", "-o", "tiny", "--resume", "--json", "--set", "record.singular_vectors=3"];
    let json: Value = serde_json::from_str(&stdout(&scratch.pgflow(&resumed))).unwrap();
    assert!(json["report"].is_null() && !scratch.path("tiny/report.html").exists());
    let json: Value = serde_json::from_str(&stdout(&scratch.pgflow(&[&resumed[..], &["--report"]].concat()))).unwrap();
    assert_eq!(json["report"], "tiny/report.html");
    assert_eq!(std::fs::read_to_string(scratch.path("tiny/report.html")).unwrap(), text);
    // Results that are replaced take their page with them.
    expect_code(&scratch.pgflow(&["run", "tiny.toml", "-o", "tiny", "-q", "--force"]), 0);
    assert!(!scratch.path("tiny/report.html").exists() && !scratch.path("tiny/vectors.npz").exists());
}

#[test]
fn numbers_of_the_page_are_those_of_the_tables() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    expect_code(&scratch.pgflow(&["run", "tiny.toml", "-o", "tiny", "-q", "--report"]), 0);
    let (text, data) = page(&scratch.path("tiny/report.html"));
    let mut reader = csv::Reader::from_path(scratch.path("tiny/trajectories.csv")).unwrap();
    let column = reader.headers().unwrap().iter().position(|name| name == "relative_error").unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).filter(|row| &row[0] == "gd").collect();
    let values: Vec<f64> = rows.iter().map(|row| row[column].parse().unwrap()).collect();
    let series = data["figures"][0]["series"].as_array().unwrap();
    let series = series.iter().find(|series| series["label"] == "gd, test error").unwrap();
    assert_eq!(series["trajectory"], 1);
    let stored = &data["arrays"][series["y"].as_u64().unwrap() as usize];
    assert_eq!(stored["wide"], false);
    let bytes = decoded(stored["base64"].as_str().unwrap());
    let shown: Vec<f32> = bytes.chunks(4).map(|chunk| f32::from_le_bytes(chunk.try_into().unwrap())).collect();
    assert_eq!(shown, values.iter().map(|value| *value as f32).collect::<Vec<_>>());
    // The table of outcomes writes the last one as `run` does.
    assert!(text.contains(&format!("<td class=\"number\">{:.3e}</td>", values.last().unwrap())));
}

/// Base64, decoded bit by bit.
fn decoded(text: &str) -> Vec<u8> {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = text
        .bytes()
        .filter(|letter| *letter != b'=')
        .flat_map(|letter| {
            let value = letters.iter().position(|known| *known == letter).unwrap();
            (0..6).map(move |k| (value >> (5 - k) & 1) as u8)
        })
        .collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit)).collect()
}

#[test]
fn what_is_no_run_and_what_was_altered_is_refused_and_nothing_is_written() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    expect_code(&scratch.pgflow(&["run", "tiny.toml", "-o", "tiny", "-q"]), 0);
    let refused = |arguments: &[&str], code: i32, reason: &str| {
        let output = scratch.pgflow(arguments);
        expect_code(&output, code);
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
    };
    refused(&["report", "nowhere"], 3, "manifest.json: cannot be read");
    std::fs::create_dir(scratch.path("foreign")).unwrap();
    std::fs::write(scratch.path("foreign/notes.txt"), "mine").unwrap();
    refused(&["report", "foreign"], 3, "manifest.json: cannot be read");
    refused(&["report", "tiny", "--trajectory", "gb"], 2, "has no trajectory \"gb\"; there are flow, gd");
    refused(&["report", "tiny", "-o", "nowhere/report.html"], 3, "nowhere/report.html");
    let manifest = std::fs::read_to_string(scratch.path("tiny/manifest.json")).unwrap();
    let digest = manifest.split("\"data_sha256\": \"").nth(1).unwrap().split('"').next().unwrap();
    std::fs::write(scratch.path("tiny/manifest.json"), manifest.replace(digest, &digest.chars().rev().collect::<String>())).unwrap();
    refused(&["report", "tiny"], 2, "has other numbers than the run's");
    std::fs::write(scratch.path("tiny/manifest.json"), manifest).unwrap();
    let configuration = std::fs::read_to_string(scratch.path("tiny/config.toml")).unwrap();
    std::fs::write(scratch.path("tiny/config.toml"), configuration.replace("seed = 3", "seed = 4")).unwrap();
    refused(&["report", "tiny"], 2, "is not the configuration that the manifest tells of");
    assert!(!scratch.path("tiny/report.html").exists());
}

#[test]
fn a_run_without_what_certificates_need_has_a_page_that_says_so() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    expect_code(&scratch.pgflow(&["instance", "tiny.toml", "-o", "whole.npz"]), 0);
    let mut archive = ArchiveReader::open(&scratch.path("whole.npz")).unwrap();
    let (y, operator) = (archive.vector("y").unwrap(), archive.matrices("operator").unwrap());
    let mut writer = pgflow::problem::ArchiveWriter::new(std::fs::File::create(scratch.path("data.npz")).unwrap());
    writer.array("y", &[y.len()], y.iter().copied()).unwrap();
    let entries = operator.iter().flat_map(|matrix| matrix.transpose().as_slice().to_vec()).collect::<Vec<f64>>();
    writer.array("operator", &[operator.len(), 12, 10], entries).unwrap();
    writer.finish().unwrap();
    let (_, rest) = TINY.split_once("[model]").unwrap();
    scratch.write("data.toml", &format!("name = \"data\"\nseed = 3\n[instance]\nfile = \"data.npz\"\n[model]{rest}"));
    expect_code(&scratch.pgflow(&["run", "data.toml", "-o", "data", "-q", "--report"]), 0);
    let (text, data) = page(&scratch.path("data/report.html"));
    assert!(text.contains("There is none: the run has no target of positive rank"), "certificate");
    assert!(data["target"].is_null() && data["space"].is_null());
}

#[test]
fn singular_vectors_are_those_of_the_factors() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    let set = ["--set", "record.singular_vectors=3", "--set", "record.snapshots=true"];
    expect_code(&scratch.pgflow(&[&["run", "tiny.toml", "-o", "tiny", "-q"], &set[..]].concat()), 0);
    let mut factors = ArchiveReader::open(&scratch.path("tiny/snapshots.npz")).unwrap();
    let mut vectors = ArchiveReader::open(&scratch.path("tiny/vectors.npz")).unwrap();
    let mut checked = 0;
    for name in ["flow", "gd"] {
        assert_eq!(factors.vector(&format!("{name}.t")).unwrap(), vectors.vector(&format!("{name}.t")).unwrap());
        let of = |archive: &mut ArchiveReader, part: &str| archive.matrices(&format!("{name}.{part}")).unwrap();
        let (f, g) = (of(&mut factors, "f"), of(&mut factors, "g"));
        let (left, right) = (of(&mut vectors, "left"), of(&mut vectors, "right"));
        for (((f, g), u), v) in f.iter().zip(&g).zip(&left).zip(&right) {
            let product: Matrix = f * g.transpose();
            assert_eq!((u.shape(), v.shape()), ((12, 3), (10, 3)));
            // Errors of a backward stable decomposition: some ε times the dimension, relative to the factors.
            let tolerance = 1e-13 * (f.norm() * g.norm()).max(f64::MIN_POSITIVE);
            let values = u.transpose() * &product * v;
            assert!(
                (u.transpose() * u - Matrix::identity(3, 3)).norm() < 1e-13 && (v.transpose() * v - Matrix::identity(3, 3)).norm() < 1e-13
            );
            assert!(
                (&product * v - u * &values).norm() < tolerance && (product.transpose() * u - v * values.transpose()).norm() < tolerance
            );
            assert!(
                (0..3).all(|i| (0..3).all(|j| i == j || values[(i, j)].abs() < tolerance))
                    && values[(0, 0)] >= values[(1, 1)]
                    && values[(1, 1)] >= values[(2, 2)]
            );
            checked += 1;
        }
    }
    assert_eq!(checked, 22);
    // Those of the factors are shown where none were kept.
    std::fs::remove_file(scratch.path("tiny/vectors.npz")).unwrap();
    expect_code(&scratch.pgflow(&["report", "tiny"]), 0);
    let (_, data) = page(&scratch.path("tiny/report.html"));
    assert!(data["vectors"][1]["trajectory"] == 1 && data["vectors"][1]["count"] == 3);
}

#[test]
fn a_sweep_has_a_page_of_figures_and_results() {
    let scratch = Scratch::new();
    let sweep = "[sweep]\n\"trajectory[gd].gradient_descent.step\" = [0.1, 0.05, 0.025]\n\"init.gaussian.scale\" = [1e-2, 1e-3]\n";
    scratch.write("sweep.toml", &format!("{TINY}{sweep}"));
    expect_code(&scratch.pgflow(&["sweep", "plan", "sweep.toml", "-o", "sweep"]), 0);
    expect_code(&scratch.pgflow(&["report", "sweep"]), 0);
    assert!(page(&scratch.path("sweep/report.html")).0.contains("Of its experiments, 6 have no result yet."));
    expect_code(&scratch.pgflow(&["sweep", "run", "sweep", "-q"]), 0);
    let output = scratch.pgflow(&["report", "sweep"]);
    expect_code(&output, 0);
    let (text, data) = page(&scratch.path("sweep/report.html"));
    assert!(text.contains("A sweep of 6 experiments") && text.contains("<h2>Results</h2>") && !text.contains("id=\"certificate\""));
    let ids: Vec<&str> = data["figures"].as_array().unwrap().iter().map(|figure| figure["id"].as_str().unwrap()).collect();
    assert!(ids.iter().any(|id| id.starts_with("map_error")) && ids.contains(&"final_error_gaussian_scale"), "{ids:?}");
    expect_code(&scratch.pgflow(&["report", "sweep", "--trajectory", "gd"]), 2);
}
