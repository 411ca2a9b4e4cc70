//! The experiment on which perturbation does most harm, in full: what the documentation says of it.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "../examples/adversary_table.rs"]
mod example;

use common::{Scratch, expect_code, read};
use example::Table;
use pgflow::linalg::{Matrix, operator_norm, thin_svd};
use std::path::Path;

/// The largest error, in units of the bound, that a contraction `[[a, s], [s, −a]]` in the plane of the weakest mode leaves in the best
/// approximation of rank one, the second singular value being at most `σ_r/4`: by 20001 decompositions.
fn largest_limit(bound: f64) -> f64 {
    let mut largest = 0.0_f64;
    for k in 0..=20_000 {
        let a = -1.0 + f64::from(k) * 1e-4;
        let s = (1.0 - a * a).max(0.0).sqrt();
        let y = Matrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, 0.0]);
        let svd = thin_svd(&(&y + Matrix::from_row_slice(2, 2, &[a, s, s, -a]) * bound)).unwrap();
        if svd.values[1] <= 0.25 {
            let limit = svd.left.column(0) * svd.right.column(0).transpose() * svd.values[0];
            largest = largest.max(operator_norm(&(y - limit)) / bound);
        }
    }
    largest
}

fn table() -> Table {
    let scratch = Scratch::new();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/adversary.toml");
    expect_code(&scratch.pgflow(&["run", config.to_str().unwrap(), "-o", "adversary"]), 0);
    Table::read(&scratch.path("adversary").join("trajectories.csv")).unwrap()
}

/// The numbers after each law's name in the table of docs/perturbations.md.
fn documented(law: &str) -> Vec<f64> {
    let page = read(Path::new(env!("CARGO_MANIFEST_DIR")), "docs/perturbations.md");
    let block = page.split("<!-- adversary table -->").nth(1).unwrap();
    let line = block.lines().find(|line| line.split_whitespace().next() == Some(law)).unwrap_or_else(|| panic!("{law}"));
    line.split_whitespace().skip(1).map(|number| number.parse().unwrap()).collect()
}

#[test]
fn the_documented_table_is_what_the_experiment_gives() {
    let sigma_r = 0.25;
    let table = table();
    assert_eq!(table.bounds, documented("bound"));
    assert_eq!(table.laws.len(), 8);
    for (law, residuals) in &table.laws {
        // The undisturbed flow ends 0.3 % of the smallest bound away from the target: so much is the integrator's.
        for (residual, said) in residuals.iter().zip(documented(law)) {
            assert!((residual / said - 1.0).abs() < 0.01, "{law}: {residual} against {said}");
        }
    }
    // Greedy adversaries leave their bound; the other one what the limit is away from the target.
    for (law, residuals) in table.laws.iter().filter(|(law, _)| law.starts_with("adversary")) {
        for (residual, bound) in residuals.iter().zip(&table.bounds) {
            let expected = if law == "adversary_limit" { largest_limit(*bound) } else { 1.0 };
            let quotient = residual / (bound * sigma_r);
            assert!((quotient / expected - 1.0).abs() < 0.005, "{law} leaves {quotient} of its bound {bound}, expected {expected}");
        }
    }
    // Every law at every bound.
    let worst = table.worst_adversary();
    for (law, residuals) in &table.laws {
        for ((residual, worst), bound) in residuals.iter().zip(&worst).zip(&table.bounds) {
            assert!(*residual <= 1.01 * worst, "{law} leaves {residual} at {bound}, the worst adversary {worst}");
        }
    }
    // Greedy is not worst case: the flat constant leaves more than either greedy adversary at every bound.
    let of = |name: &str| &table.laws.iter().find(|(law, _)| law == name).unwrap().1;
    for greedy in ["adversary_residual", "adversary_weakest_mode"] {
        for (flat, greedy) in of("constant_flat").iter().zip(of(greedy)) {
            assert!(*flat > 1.05 * greedy, "the documentation says that it exceeds: {flat}, {greedy}");
        }
    }
}
