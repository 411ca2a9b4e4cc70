//! Instances that come back from arrays: what `pgflow instance` wrote, and what NumPy would write.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, TINY, expect_code, manifest, outcome, read, stderr, table};
use npyz::WriterBuilder;
use std::io::Write;
use std::path::Path;

/// Everything of `TINY` from `[record]` on, on an instance from a file.
fn imported(file: &str) -> String {
    format!("name = \"imported\"\n[instance]\nfile = \"{file}\"\n{}", &TINY[TINY.find("[record]").unwrap()..])
}

/// The same numbers in, the same trajectories out: every column but the two that need the target's singular vectors, which a file of
/// arrays does not hold and which are computed again from `target`; those agree to rounding.
#[test]
fn an_exported_instance_gives_the_same_trajectories() {
    let scratch = Scratch::new();
    let original = scratch.run(TINY, "tiny", &[]);
    expect_code(&scratch.pgflow(&["instance", "tiny.toml", "-o", "tiny.npz"]), 0);
    let copy = scratch.run(&imported("tiny.npz"), "copy", &[]);
    assert_eq!(read(&original, "comparison.csv"), read(&copy, "comparison.csv"));
    assert_eq!(read(&original, "spectrum.csv"), read(&copy, "spectrum.csv"));
    let (header, rows) = table(&original, "trajectories.csv");
    let (same_header, same_rows) = table(&copy, "trajectories.csv");
    assert_eq!((&header, rows.len()), (&same_header, same_rows.len()));
    for (row, same) in rows.iter().zip(&same_rows) {
        for ((column, cell), other) in header.iter().zip(row).zip(same) {
            if ["angle_", "signal_", "nuisance_", "misalignment"].iter().any(|family| column.starts_with(family)) {
                // Two computations of U_Y differ by some ε‖Y‖/gap, with a gap of 1/2 here.
                let (cell, other) = (cell.parse::<f64>().unwrap(), other.parse::<f64>().unwrap());
                assert!((cell - other).abs() <= 1e-13 * (1.0 + cell * cell), "{column}: {cell} and {other}");
            } else {
                assert_eq!(cell, other, "{column} of {row:?}");
            }
        }
    }
}

/// An array as NumPy saves it: `order` is C or Fortran, `values` in that order.
fn save<T: npyz::AutoSerialize>(
    archive: &mut zip::ZipWriter<std::fs::File>,
    name: &str,
    shape: &[u64],
    order: npyz::Order,
    values: Vec<T>,
) {
    archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).order(order).writer(&mut bytes).begin_nd().unwrap();
    writer.extend(values).unwrap();
    writer.finish().unwrap();
    archive.write_all(&bytes).unwrap();
}

/// Four measurements of 2 × 2 matrices, each of one entry; the target diag(1, 0), the data its measurements. Mixed types and orders, as
/// scripts have them; no `operator_kind`, no `operator_shape`.
fn write_by_hand(path: &Path, with_target: bool) {
    let operator: [[[f64; 2]; 2]; 4] =
        [[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]];
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    // Fortran order: the first index runs fastest.
    let fortran = (0..2).flat_map(|k| (0..2).flat_map(move |j| (0..4).map(move |i| operator[i][j][k])));
    save(&mut archive, "operator", &[4, 2, 2], npyz::Order::Fortran, fortran.collect());
    save(&mut archive, "y", &[4], npyz::Order::C, vec![1_i64, 0, 0, 0]);
    save(&mut archive, "f0", &[2, 2], npyz::Order::C, vec![0.1_f32, 0.0, 0.0, 0.05]);
    save(&mut archive, "g0", &[2, 2], npyz::Order::Fortran, vec![0.1_f32, 0.0, 0.0, 0.05]);
    if with_target {
        save(&mut archive, "target", &[2, 2], npyz::Order::C, vec![1_u8, 0, 0, 0]);
    }
    archive.finish().unwrap();
}

/// `½‖A(F₀G₀ᵀ) − y‖²` with F₀G₀ᵀ = diag(a², b²) is ½((1 − a²)² + b⁴); a and b are f32.
#[test]
fn arrays_from_a_script_are_read_with_and_without_the_target() {
    let scratch = Scratch::new();
    for with_target in [true, false] {
        let name = if with_target { "known" } else { "unknown" };
        write_by_hand(&scratch.path(&format!("{name}.npz")), with_target);
        let directory = scratch.run(&imported(&format!("{name}.npz")), name, &["--set", "record.horizon=40"]);
        let (header, rows) = table(&directory, "trajectories.csv");
        let cell = |row: &[String], column: &str| row[header.iter().position(|name| name == column).unwrap()].clone();
        let [a, b] = [0.1_f32, 0.05].map(|entry| f64::from(entry).powi(2));
        let loss: f64 = cell(&rows[0], "loss").parse().unwrap();
        assert!((loss - 0.5 * ((1.0 - a).powi(2) + b.powi(2))).abs() < 1e-15, "{loss}");
        for row in &rows {
            for column in ["residual_fro", "residual_op", "relative_error", "angle_left", "angle_right", "rip_error"] {
                assert_eq!(cell(row, column).is_empty(), !with_target, "{column} of {name}");
            }
            assert!(!cell(row, "loss").is_empty() && !cell(row, "train_error").is_empty());
        }
        let last = rows.iter().rfind(|row| row[0] == "gd").unwrap();
        assert!(cell(last, "loss").parse::<f64>().unwrap() < 1e-3 * loss);
        assert!(outcome(&manifest(&directory), "flow").contains("completed"));
    }
    // What needs the target says so, instead of never stopping.
    let output = scratch.pgflow(&["run", "unknown.toml", "-o", "stop", "--set", "record.stop.relative_error=1e-3"]);
    expect_code(&output, 2);
    assert!(stderr(&output).contains("gradient_norm"), "{}", stderr(&output));
}
