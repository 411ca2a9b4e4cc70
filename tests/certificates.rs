//! `pgflow certify` through the program: rows, ratios recomputed here, verdicts, exit codes.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, TINY, expect_code, stderr, stdout, table};
use serde_json::Value;
use std::path::Path;

fn certify(scratch: &Scratch, directory: &str) -> Value {
    let output = scratch.pgflow(&["certify", directory, "--json"]);
    expect_code(&output, 0);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn paper<'a>(certificate: &'a Value, name: &str) -> &'a Value {
    certificate["papers"].as_array().unwrap().iter().find(|table| table["paper"] == name).unwrap()
}

/// A row of the instance (`trajectory` empty) or of a trajectory.
fn row<'a>(certificate: &'a Value, name: &str, trajectory: &str, id: &str) -> &'a Value {
    let paper = paper(certificate, name);
    let rows = match trajectory {
        "" => &paper["instance"],
        _ => &paper["trajectories"].as_array().unwrap().iter().find(|block| block["trajectory"] == trajectory).unwrap()["rows"],
    };
    rows.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap_or_else(|| panic!("{name} {trajectory} {id}"))
}

fn close(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{found} against {expected}");
}

fn column(directory: &Path, trajectory: &str, name: &str) -> Vec<f64> {
    let (header, rows) = table(directory, "trajectories.csv");
    let index = header.iter().position(|column| column == name).unwrap();
    rows.iter().filter(|row| row[0] == trajectory).map(|row| row[index].parse().unwrap()).collect()
}

/// `σ_i(FGᵀ)` over time.
fn spectrum(directory: &Path, trajectory: &str, i: usize) -> Vec<(f64, f64)> {
    let (_, rows) = table(directory, "spectrum.csv");
    let wanted = |row: &&Vec<String>| row[0] == trajectory && row[3] == i.to_string();
    rows.iter().filter(wanted).map(|row| (row[2].parse().unwrap(), row[4].parse().unwrap())).collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::MIN, f64::max)
}

/// `κ = 2`, `r = 2`, `σ_r = ½`, horizon past the escape.
const MORE: &[&str] = &["--set", "record.horizon=40.0", "--set", "record.samples=81"];

#[test]
fn ratios_are_those_of_the_tables() {
    let scratch = Scratch::new();
    let directory = scratch.run(TINY, "tiny", MORE);
    let certificate = certify(&scratch, "tiny");
    let (kappa, rank, sigma_r) = (2.0_f64, 2.0_f64, 0.5_f64);

    for (name, order, scale) in [
        ("W23", 3, 1.0 / (rank.sqrt() * kappa.powi(2))),
        ("SSX23", 6, 1.0 / (rank.sqrt() * kappa.powi(3))),
        ("LMZ18", 8, 1.0 / (rank.sqrt() * kappa.powi(3) * 12f64.ln().powi(2))),
    ] {
        let rip = row(&certificate, name, "", "rip");
        let bounds = certificate["rip_lower_bounds"].as_array().unwrap();
        let bound = bounds.iter().find(|bound| bound["order"] == order).unwrap()["lower_bound"].as_f64().unwrap();
        close(&rip["measured"], bound);
        close(&rip["scale"], scale);
        close(&rip["ratio"], bound / scale);
    }

    // The norm of a 22 × 4 matrix with entries N(0, α²).
    let start = row(&certificate, "W23", "gd", "start_positive")["measured"].as_f64().unwrap();
    assert!(start > 1e-2 && start < 1e-2 * (22f64.sqrt() + 2.0 + 3.0), "{start}");
    let log = (sigma_r / start.powi(2)).ln();
    let step = row(&certificate, "W23", "gd", "step");
    close(&step["scale"], 1.0 / (kappa.powi(3) * log));
    close(&step["ratio"], 0.1 * kappa.powi(3) * log);
    close(&row(&certificate, "SSX23", "gd", "step")["ratio"], 0.1 * kappa.powi(5));
    close(&row(&certificate, "W23", "gd", "time")["scale"], log / sigma_r);

    let drift = largest(&column(&directory, "gd", "imbalance_drift"));
    let imbalance = row(&certificate, "W23", "gd", "imbalance");
    close(&imbalance["ratio"], drift / (2.0 * 0.1 * column(&directory, "gd", "loss")[0]));
    assert_eq!(imbalance["verdict"], "holds");
    assert_eq!(row(&certificate, "W23", "flow", "imbalance")["verdict"], "holds");

    let (sigmas, imbalances) = (spectrum(&directory, "flow", 1), column(&directory, "flow", "imbalance"));
    let norms = sigmas.iter().zip(imbalances).map(|((_, sigma), imbalance)| (sigma + sigma.hypot(imbalance)).sqrt());
    close(&row(&certificate, "W23", "flow", "stacked_norm")["measured"], largest(&norms.collect::<Vec<_>>()));

    let (error, residual) = (row(&certificate, "W23", "gd", "error"), column(&directory, "gd", "residual_op"));
    close(&error["measured"], *residual.last().unwrap());
    let perturbation = largest(&column(&directory, "gd", "perturbation"));
    close(&error["scale"], start.powf(4.0 / 3.0) * sigma_r.cbrt() + kappa * perturbation);
    let fro = column(&directory, "gd", "residual_fro");
    close(&row(&certificate, "SSX23", "gd", "error")["ratio"], fro.last().unwrap() / 1e-2f64.powf(0.6));
    close(&row(&certificate, "LMZ18", "gd", "error")["measured"], fro.last().unwrap().powi(2));
    let third: Vec<f64> = spectrum(&directory, "gd", 3).iter().map(|(_, s)| *s).collect();
    close(&row(&certificate, "SSX23", "gd", "low_rank")["ratio"], largest(&third) / sigma_r);

    for name in ["flow", "gd"] {
        let escape = row(&certificate, "W23", name, "escape");
        let observed = spectrum(&directory, name, 2).iter().find(|(_, s)| *s >= 0.25).unwrap().0;
        close(&escape["measured"], observed);
        let ratio = escape["ratio"].as_f64().unwrap();
        assert!((0.7..1.4).contains(&ratio), "{name}: {ratio}");
    }
    // A plain flow without noise: its perturbation is the RIP error.
    close(&row(&certificate, "W23", "flow", "perturbation")["measured"], largest(&column(&directory, "flow", "rip_error")));
    let missing = row(&certificate, "W23", "gd", "perturbation");
    if !table(&directory, "trajectories.csv").0.iter().any(|column| column == "perturbation") {
        assert_eq!(missing["verdict"], "not decided");
        assert!(missing["note"].as_str().unwrap().contains("add perturbation to record.observables"), "{missing}");
    }
}

#[test]
fn what_is_violated_for_certain_is_said_to_be() {
    let scratch = Scratch::new();
    scratch.run(TINY, "narrow", &["--set", "model.width=1"]);
    let certificate = certify(&scratch, "narrow");
    for name in ["W23", "SSX23"] {
        let width = row(&certificate, name, "", "width");
        assert_eq!((&width["verdict"], &width["ratio"]), (&Value::from("certainly violated"), &Value::from(0.5)));
    }
    assert_eq!(row(&certificate, "W23", "gd", "misalignment")["verdict"], "certainly violated");
    assert!(row(&certificate, "W23", "gd", "escape")["measured"].is_null());
    let text = stdout(&scratch.pgflow(&["certify", "narrow"]));
    assert!(text.lines().any(|line| line.contains("h ≥ r") && line.contains("certainly violated")), "{text}");

    // Half as many measurements as entries: far from isometric on rank 6 of at most 10.
    scratch.run(TINY, "few", &["--set", "sensing.gaussian.measurements=60", "--set", "record.horizon=1.0"]);
    assert_eq!(row(&certify(&scratch, "few"), "SSX23", "", "rip")["verdict"], "certainly violated");

    scratch.run(TINY, "large", &["--set", "init.gaussian.scale=1.0", "--set", "record.horizon=1.0"]);
    let certificate = certify(&scratch, "large");
    assert_eq!(row(&certificate, "W23", "gd", "start_small")["verdict"], "certainly violated");
    assert!(row(&certificate, "W23", "gd", "step")["scale"].is_null());
}

#[test]
fn full_observation_decides_what_is_exact() {
    let scratch = Scratch::new();
    let text = TINY.replace("[sensing.gaussian]\nmeasurements = 150", "[sensing.identity]");
    scratch.run(&text, "full", MORE);
    let certificate = certify(&scratch, "full");
    for name in ["W23", "SSX23"] {
        let rip = row(&certificate, name, "", "rip");
        assert_eq!((&rip["verdict"], &rip["measured"]), (&Value::from("holds"), &Value::from(0.0)));
    }
    assert_eq!(row(&certificate, "W23", "flow", "perturbation")["verdict"], "holds");
    // The escape is the closed form's up to the spacing of samples, half a unit of time.
    let escape = row(&certificate, "W23", "flow", "escape");
    let (observed, predicted) = (escape["measured"].as_f64().unwrap(), escape["scale"].as_f64().unwrap());
    assert!(observed >= predicted - 0.05 && observed <= predicted + 0.55, "{observed} {predicted}");
}

#[test]
fn the_symmetric_theorem_decides_nothing_about_two_factors() {
    let scratch = Scratch::new();
    scratch.run(TINY, "tiny", &[]);
    let certificate = certify(&scratch, "tiny");
    let table = paper(&certificate, "LMZ18");
    let blocks = table["trajectories"].as_array().unwrap().iter().map(|block| &block["rows"]);
    for row in std::iter::once(&table["instance"]).chain(blocks).flat_map(|rows| rows.as_array().unwrap()) {
        assert_eq!((&row["verdict"], &row["note"]), (&Value::from("not decided"), &Value::from("applies to the symmetric model")));
    }
}

#[test]
fn the_text_fits_the_page_and_claims_no_proof() {
    let scratch = Scratch::new();
    scratch.run(TINY, "tiny", MORE);
    let output = scratch.pgflow(&["certify", "tiny"]);
    expect_code(&output, 0);
    let text = stdout(&output);
    for line in text.lines() {
        assert!(line.chars().count() <= 110, "{} columns: {line}", line.chars().count());
    }
    for said in ["Nothing here is a proof", "unknown", "lower bound", "W23", "SSX23", "LMZ18", "trajectory flow", "trajectory gd"] {
        assert!(text.contains(said), "{said}");
    }
    assert_eq!(text, stdout(&scratch.pgflow(&["certify", "tiny"])), "deterministic");
}

#[test]
fn what_is_no_finished_run_is_refused() {
    let scratch = Scratch::new();
    let output = scratch.pgflow(&["certify", "absent"]);
    expect_code(&output, 3);
    assert!(stderr(&output).contains("manifest.json"));

    let directory = scratch.run(TINY, "tiny", &[]);
    let config = std::fs::read_to_string(directory.join("config.toml")).unwrap();
    std::fs::write(directory.join("config.toml"), config.replace("seed = 3", "seed = 4")).unwrap();
    let output = scratch.pgflow(&["certify", "tiny"]);
    expect_code(&output, 2);
    assert!(stderr(&output).contains("not the configuration"), "{}", stderr(&output));

    std::fs::write(directory.join("config.toml"), config).unwrap();
    let manifest = std::fs::read_to_string(directory.join("manifest.json")).unwrap();
    std::fs::write(directory.join("manifest.json"), manifest.replacen("\"completed\"", "\"interrupted\"", 1)).unwrap();
    let output = scratch.pgflow(&["certify", "tiny"]);
    expect_code(&output, 2);
    assert!(stderr(&output).contains("--resume"), "{}", stderr(&output));

    std::fs::write(directory.join("manifest.json"), manifest).unwrap();
    std::fs::remove_file(directory.join("spectrum.csv")).unwrap();
    expect_code(&scratch.pgflow(&["certify", "tiny"]), 3);
}

/// Everything that the tables read is recorded by the experiment that shows them, and nothing about it is violated for certain.
#[test]
fn the_experiment_for_certificates_fills_all_tables() {
    let scratch = Scratch::new();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/certificate.toml");
    expect_code(&scratch.pgflow(&["run", config.to_str().unwrap(), "-o", "certificate"]), 0);
    let certificate = certify(&scratch, "certificate");
    let text = stdout(&scratch.pgflow(&["certify", "certificate"]));
    assert!(!text.contains("not recorded") && !text.contains("certainly violated"), "{text}");
    for name in ["W23", "SSX23", "LMZ18"] {
        let table = paper(&certificate, name);
        assert_eq!(table["trajectories"].as_array().unwrap().len(), 3);
        let blocks = table["trajectories"].as_array().unwrap().iter().map(|block| &block["rows"]);
        for row in std::iter::once(&table["instance"]).chain(blocks).flat_map(|rows| rows.as_array().unwrap()) {
            assert!(row["measured"].is_number(), "{name}: {row}");
        }
    }
    // Above and below the step size of the theorem.
    for (name, below) in [("gd[step=0.1]", false), ("gd[step=0.005]", true)] {
        let ratio = row(&certificate, "W23", name, "step")["ratio"].as_f64().unwrap();
        assert_eq!(ratio < 1.0, below, "{name}: {ratio}");
    }
}

/// A run of the symmetric model, as in LMZ18: full width, U₀ = αI.
fn symmetric(scratch: &Scratch, init: &str) -> Value {
    let text = TINY
        .replace("cols = 10\n", "")
        .replace("width = 4", "width = 12\nfactorization = \"symmetric\"")
        .replace("[init.gaussian]", &format!("[init.{init}]"));
    scratch.run(&text, init, MORE);
    certify(scratch, init)
}

#[test]
fn theorems_about_two_factors_decide_nothing_about_one_and_the_symmetric_theorem_does() {
    let scratch = Scratch::new();
    for (init, orthonormal) in [("identity", "holds"), ("orthogonal", "holds"), ("gaussian", "certainly violated")] {
        let certificate = symmetric(&scratch, init);
        for name in ["W23", "SSX23"] {
            let table = paper(&certificate, name);
            assert!(table["remark"].as_str().unwrap().contains("this run has one"), "{table}");
            let blocks = table["trajectories"].as_array().unwrap().iter().map(|block| &block["rows"]);
            for row in std::iter::once(&table["instance"]).chain(blocks).flat_map(|rows| rows.as_array().unwrap()) {
                assert_eq!((&row["verdict"], &row["note"]), (&Value::from("not decided"), &Value::from("applies to the asymmetric model")));
            }
        }
        assert_eq!(paper(&certificate, "LMZ18")["remark"], Value::Null);
        for id in ["normalisation", "width"] {
            assert_eq!(row(&certificate, "LMZ18", "", id)["verdict"], "holds");
        }
        assert_eq!(row(&certificate, "LMZ18", "gd", "init")["verdict"], orthonormal, "{init}");
        // κ = 2, r = 2, d = 12, α = 1e-2: the allowed δ is 1/(8√2 log² 12).
        let delta = 1.0 / (8.0 * 2f64.sqrt() * 12f64.ln().powi(2));
        close(&row(&certificate, "LMZ18", "gd", "step")["ratio"], 0.1 / delta);
        close(&row(&certificate, "LMZ18", "gd", "scale")["ratio"], 1e-2 / (delta * 2f64.sqrt() * 2.0).min(1.0 / 12.0));
        close(&row(&certificate, "LMZ18", "gd", "error")["scale"], 1e-2 * 12f64.sqrt() / 4.0);
    }
}
