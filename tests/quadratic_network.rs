//! The experiment on a quadratic network: what its comments promise, to the 200th step.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, expect_code, table};
use std::path::Path;

#[test]
fn the_rescaled_update_learns_what_plain_descent_does_not() {
    let scratch = Scratch::new();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/quadratic_network.toml");
    let arguments = ["run", config.to_str().unwrap(), "-o", "network", "--set", "record.horizon=20", "--set", "record.samples=3"];
    expect_code(&scratch.pgflow(&arguments), 0);
    let (header, rows) = table(&scratch.path("network"), "trajectories.csv");
    let last = |trajectory: &str, column: &str| -> f64 {
        let place = header.iter().position(|name| name == column).unwrap();
        rows.iter().rfind(|row| row[0] == trajectory).unwrap()[place].parse().unwrap()
    };
    let error = |trajectory: &str| last(trajectory, "relative_error");
    assert!(error("network") < 1e-4, "{:e}", error("network"));
    assert!(error("plain") > 10.0 * error("network"), "{:e}", error("plain"));
    // The mean of 10⁴ outputs ‖U*ᵀx‖², of variance 2‖X*‖_F² ≈ 4, is off by some 0.02 of τ = 2.
    assert!(error("estimated") < 1e-2 && error("estimated") > error("network"), "{:e}", error("estimated"));
    for name in ["network", "estimated", "plain"] {
        let ratio = last(name, "generalisation_error") / last(name, "generalisation_exact");
        // Five standard errors of the average over 4096 inputs, as in the laboratory's test.
        assert!((ratio - 1.0).abs() < 0.4, "{name}: {ratio}");
    }
}
