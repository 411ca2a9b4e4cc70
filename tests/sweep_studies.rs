//! The sweeps that are part of the repository, and what they show.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, expect_code, read, stdout};
use std::collections::BTreeMap;
use std::path::Path;

type Rows = Vec<BTreeMap<String, String>>;

fn study(name: &str, sets: &[&str]) -> (Rows, Rows) {
    let scratch = Scratch::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/sweeps").join(name).display().to_string();
    let mut arguments = vec!["sweep", "plan", &path, "-o", "study"];
    for set in sets {
        arguments.extend(["--set", set]);
    }
    expect_code(&scratch.pgflow(&arguments), 0);
    expect_code(&scratch.pgflow(&["sweep", "run", "study", "--quiet"]), 0);
    let output = scratch.pgflow(&["sweep", "collect", "study", "--fit"]);
    expect_code(&output, 0);
    let rows = |text: String| csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect();
    (rows(read(&scratch.path("study"), "collected.csv")), rows(stdout(&output)))
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap()
}

#[test]
fn step_sizes() {
    const STEP: &str = "trajectory[gd].gradient_descent.step";
    let (rows, fits) = study("step-size.toml", &[]);
    assert!(rows.len() >= 200, "{} rows", rows.len());
    let [fit] = fits.as_slice() else { panic!("{fits:?}") };
    // First order: the deviation is proportional to the step, up to relative corrections of the order of 0.05.
    // The whole interval of confidence lies in 1 ± 0.02.
    assert!((number(fit, "slope") - 1.0).abs() + number(fit, "half_width") <= 0.02 && fit["repeats"] == "5", "{fit:?}");
    // The linearisation at a balanced minimiser contracts by |1 − 2ησ₁|: the boundary is η = 1/σ₁ = 1.
    let converged = |row: &BTreeMap<String, String>| row["outcome"] == "completed" && number(row, "final_relative_error") < 1e-3;
    let descents: Vec<_> = rows.iter().filter(|row| row["family"] == "gd").collect();
    let stable = descents.iter().filter(|row| converged(row)).map(|row| number(row, STEP)).fold(0.0, f64::max);
    let unstable = descents.iter().filter(|row| !converged(row)).map(|row| number(row, STEP)).fold(f64::INFINITY, f64::min);
    assert!(stable < unstable && stable >= 0.98 && unstable <= 1.02, "stable up to {stable}, unstable from {unstable}");
}

#[test]
fn initial_sizes() {
    let (rows, fits) = study("init-scale.toml", &["sweep.\"init.gaussian.scale\"={ log = [1e-2, 1e-4], points = 3 }", "sweep.repeats=2"]);
    assert_eq!(rows.len(), 6);
    // In the limit the error is about proportional to α; of a flow that is cut short the exponent is a half.
    let slope = number(&fits[0], "slope");
    assert!((slope - 1.0).abs() < 0.3, "{fits:?}");
}

#[test]
fn numbers_of_measurements() {
    let (rows, fits) = study("measurements.toml", &["sweep.\"sensing.gaussian.measurements\"=[40, 60, 100]", "sweep.repeats=5"]);
    assert_eq!((rows.len(), fits.len()), (15, 3));
    for fit in &fits {
        // 40 numbers cannot tell 40 degrees of freedom, and leave the loss at zero all the same; 100 can.
        let successes = number(fit, "successes");
        match fit["value"].as_str() {
            "40" => assert_eq!(successes, 0.0, "{fit:?}"),
            "100" => assert_eq!(successes, 5.0, "{fit:?}"),
            _ => {}
        }
        assert!(number(fit, "low") <= successes / 5.0 && successes / 5.0 <= number(fit, "high"), "{fit:?}");
    }
    assert!(rows.iter().filter(|row| row["sensing.gaussian.measurements"] == "40").all(|row| number(row, "final_loss") < 1e-10));
}

#[test]
fn bounds_of_perturbations() {
    let (rows, fits) = study("perturbation.toml", &["sweep.repeats=2"]);
    assert_eq!(rows.len(), 28);
    // The error that a small perturbation leaves is proportional to it.
    for fit in &fits {
        assert!((number(fit, "slope") - 1.0).abs() < 0.1, "{fit:?}");
    }
}
