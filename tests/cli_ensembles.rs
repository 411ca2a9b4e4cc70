//! Structured ensembles on the command line: they run, are told by their cost, exported as arrays, and come back with the same bits.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests are not recognised as tests.

mod common;

use common::*;
use serde_json::Value;

/// Ensembles and the arrays that tell them.
const ENSEMBLES: [(&str, &str, &[&str]); 5] = [
    ("entries", "[sensing.entries]\nfraction = 0.8", &["rows", "cols"]),
    ("rademacher", "[sensing.rademacher]\nmeasurements = 150", &["sign_bits"]),
    ("hadamard", "[sensing.hadamard]\nmeasurements = 100", &["indices", "signs"]),
    ("pauli", "[sensing.pauli]\nmeasurements = 200", &["shifts", "phases"]),
    ("rank_one", "[sensing.rank_one]\noversampling = 8.0\nnoise = 1e-3", &["left", "right"]),
];

/// Columns that a file of arrays fixes to the last bit: those that need singular vectors of the target, or the noise, are computed again.
const COLUMNS: &str = "samples = 11\nobservables = [\"loss\", \"grad_norm\", \"relative_error\", \"train_error\", \"imbalance_drift\"]";

fn config(sensing: &str) -> String {
    let tiny = if sensing.contains("pauli") { TINY.replace("rows = 12\ncols = 10", "rows = 16\ncols = 16") } else { TINY.to_owned() };
    tiny.replace("[sensing.gaussian]\nmeasurements = 150", sensing).replace("samples = 11", COLUMNS)
}

/// The same experiment from an instance's file.
fn imported(file: &str) -> String {
    let tail = &TINY[TINY.find("[record]").unwrap()..];
    format!("name = \"imported\"\n[instance]\nfile = \"{file}\"\n{}", tail.replace("samples = 11", COLUMNS))
}

fn columns(scratch: &Scratch, run: &str) -> Vec<Vec<f64>> {
    let (_, rows) = table(&scratch.path(run), "trajectories.csv");
    rows.iter().map(|row| row[2..].iter().map(|cell| cell.parse().unwrap_or(f64::NAN)).collect()).collect()
}

#[test]
fn instances_come_back_with_the_same_bits() {
    for (name, sensing, arrays) in ENSEMBLES {
        let scratch = Scratch::new();
        let original = scratch.run(&config(sensing), "original", &[]);
        expect_code(&scratch.pgflow(&["instance", "original.toml", "-o", "compact.npz"]), 0);
        expect_code(&scratch.pgflow(&["instance", "original.toml", "-o", "dense.npz", "--dense"]), 0);
        let held = pgflow::problem::ArchiveReader::open(&scratch.path("compact.npz")).unwrap().names();
        assert!(arrays.iter().all(|array| held.iter().any(|name| name == array)), "{name}: {held:?}");
        assert!(!held.iter().any(|array| array == "operator"), "{name}: {held:?}");
        let compact = scratch.run(&imported("compact.npz"), "compact", &[]);
        expect_same_tables(&original, &compact);
        // Dense, the order of summation is another one.
        scratch.run(&imported("dense.npz"), "dense", &[]);
        for (a, b) in columns(&scratch, "original").iter().zip(columns(&scratch, "dense")) {
            assert!(
                a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-6 * a.abs() + 1e-9 || a.is_nan() && b.is_nan()),
                "{name}: {a:?} {b:?}"
            );
        }
    }
}

#[test]
fn tables_do_not_depend_on_threads() {
    for (_, sensing, _) in ENSEMBLES {
        let scratch = Scratch::new();
        let one = scratch.run(&config(sensing), "one", &["--threads", "1"]);
        let three = scratch.run(&config(sensing), "three", &["--threads", "3"]);
        expect_same_tables(&one, &three);
    }
}

#[test]
fn check_tells_the_cost() {
    for (name, sensing, _) in ENSEMBLES {
        let scratch = Scratch::new();
        scratch.write("it.toml", &config(sensing));
        let output = scratch.pgflow(&["check", "it.toml"]);
        expect_code(&output, 0);
        assert!(stdout(&output).contains(&format!("# one application ({name}): ")), "{}", stdout(&output));
        let json: Value = serde_json::from_str(&stdout(&scratch.pgflow(&["check", "it.toml", "--json"]))).unwrap();
        assert_eq!(json["ensemble"], name);
        assert!(json["operator_bytes"].as_u64().unwrap() > 0 && json["operations_per_point"].as_f64().unwrap() > 0.0, "{json:#}");
    }
}

/// Refused by size, with a remedy, before anything of that size is allocated.
#[test]
fn what_does_not_fit_is_refused() {
    for sensing in ["[sensing.rademacher]\nmeasurements = 1000000000000", "[sensing.rank_one]\nmeasurements = 1000000000000"] {
        let scratch = Scratch::new();
        scratch.write("it.toml", &config(sensing));
        for command in ["check", "run"] {
            let output = scratch.pgflow(&[command, "it.toml"]);
            expect_code(&output, 2);
            assert!(stderr(&output).contains("1000000000000") && stderr(&output).contains("TiB"), "{}", stderr(&output));
        }
    }
}

/// Stopping by the error works where steps do not form FGᵀ, and moves no digit of the way there.
#[test]
fn stop_rules_see_the_product() {
    for (name, sensing, _) in ENSEMBLES {
        let scratch = Scratch::new();
        let config = config(sensing).replace("horizon = 10.0\nsamples = 11", "horizon = 400.0\nsamples = 401");
        let whole = scratch.run(&config, "whole", &[]);
        let stopped = scratch.run(&config, "stopped", &["--set", "record.stop.relative_error=0.2"]);
        assert!(outcome(&manifest(&stopped), "gd").contains("converged"), "{name}: {}", outcome(&manifest(&stopped), "gd"));
        let (all, some) = (lines_of(&whole, "trajectories.csv", "gd"), lines_of(&stopped, "trajectories.csv", "gd"));
        assert!(some.len() > 3 && some.len() < all.len());
        assert_eq!(some[..some.len() - 1], all[..some.len() - 1], "{name}");
    }
}

/// A coherent target cannot be completed: most of its support is never seen, and a random one of the same spectrum can.
#[test]
fn completion_needs_incoherence() {
    let scratch = Scratch::new();
    let text = |coherence: &str| {
        config("[sensing.entries]\nfraction = 0.6")
            .replace("rows = 12\ncols = 10", &format!("rows = 40\ncols = 30\ncoherence = \"{coherence}\""))
            .replace("horizon = 10.0", "horizon = 60.0")
    };
    let error = |coherence: &str| {
        let directory = scratch.run(&text(coherence), coherence, &[]);
        let (header, rows) = table(&directory, "trajectories.csv");
        let column = header.iter().position(|name| name == "relative_error").unwrap();
        rows.last().unwrap()[column].parse::<f64>().unwrap()
    };
    let (incoherent, coherent) = (error("incoherent"), error("coherent"));
    assert!(incoherent < 0.05, "{incoherent}");
    assert!(coherent > 0.2, "{coherent}");
}
