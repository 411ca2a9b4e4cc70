//! The experiment on baselines: what its comments promise.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, expect_code, manifest, table, trajectory};
use std::path::{Path, PathBuf};

fn run(scratch: &Scratch, name: &str, more: &[&str]) -> PathBuf {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/baselines.toml");
    let mut arguments = vec!["run", config.to_str().unwrap(), "-o", name];
    arguments.extend(more);
    expect_code(&scratch.pgflow(&arguments), 0);
    scratch.path(name)
}

/// A column of one trajectory, with empty cells as NaN.
fn column(directory: &Path, of: &str, name: &str) -> Vec<f64> {
    let (header, rows) = table(directory, "trajectories.csv");
    let place = header.iter().position(|column| column == name).unwrap();
    rows.iter().filter(|row| row[0] == of).map(|row| row[place].parse().unwrap_or(f64::NAN)).collect()
}

#[test]
fn every_baseline_recovers_the_target_as_the_comments_say() {
    let scratch = Scratch::new();
    let directory = run(&scratch, "baselines", &[]);
    let facts = manifest(&directory);
    let steps = |name: &str| trajectory(&facts, name)["steps"].as_u64().unwrap();
    let all = ["gd", "scaled", "single", "batches[batch=45]", "batches[batch=300]", "fresh[measurements=100]", "fresh[measurements=300]"];
    for name in all {
        assert_eq!(trajectory(&facts, name)["outcome"]["kind"], "converged", "{name}");
    }
    assert!(steps("scaled") < 100 && steps("gd") > 5 * steps("scaled"), "{} and {}", steps("scaled"), steps("gd"));
    let alone = "trajectory=[{name=\"scaled\", scaled_descent={step=0.5}, init={spectral={of=\"data\"}}}]";
    let hard = run(&scratch, "hard", &["--set", "target.condition_number=20", "--set", alone]);
    let hard = trajectory(&manifest(&hard), "scaled")["steps"].as_u64().unwrap();
    assert!(hard < 2 * steps("scaled"), "κ = 20 takes {hard} steps");

    for name in ["single", "batches[batch=45]"] {
        let (sampling, error) = (column(&directory, name, "perturbation_sampling"), column(&directory, name, "relative_error"));
        // It is proportional to the residual, up to the luck of the draw.
        let known: Vec<f64> = sampling.iter().zip(&error).map(|(s, e)| s / e).filter(|ratio| ratio.is_finite()).collect();
        let (least, most) = known.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &ratio| (a.min(ratio), b.max(ratio)));
        assert!(
            known.len() > 20 && sampling.last() < Some(&1e-5) && most < 1e3 && (least > 1e-2 || name == "single"),
            "{name}: {least} {most}"
        );
    }
    let (measurement, sampling) = ("perturbation_measurement", "perturbation_sampling");
    assert!(column(&directory, "fresh[measurements=100]", sampling).iter().all(|&x| x == 0.0));
    assert_ne!(column(&directory, "fresh[measurements=100]", measurement), column(&directory, "fresh[measurements=100]", "rip_error"));
    assert_eq!(column(&directory, "batches[batch=45]", measurement), column(&directory, "batches[batch=45]", "rip_error"));
}
