//! `pgflow plot` on the command line: files, messages, refusals.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, TINY, expect_code, stderr, stdout};
use std::path::Path;

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn tiny(scratch: &Scratch) -> std::path::PathBuf {
    scratch.write("tiny.toml", TINY);
    expect_code(&scratch.pgflow(&["run", "tiny.toml", "-o", "tiny", "-q"]), 0);
    scratch.path("tiny")
}

#[test]
fn every_figure_is_a_file_and_a_line() {
    let scratch = Scratch::new();
    let run = tiny(&scratch);
    let output = scratch.pgflow(&["plot", "tiny", "--data"]);
    expect_code(&output, 0);
    let text = stdout(&output);
    assert!(text.contains("sharpness: not drawn: sharpness was not recorded"), "{text}");
    let figures = names(&run.join("figures"));
    let drawn = text.lines().filter(|line| line.ends_with(".svg")).count();
    let endings = if cfg!(feature = "raster") { 4 } else { 3 };
    assert_eq!(figures.len(), endings * drawn, "{figures:?}");
    for id in ["errors", "deviation", "spectrum_flow", "signal_gd", "budget_gd"] {
        for ending in ["svg", "csv", "tex"] {
            assert!(figures.contains(&format!("{id}.{ending}")), "{id}.{ending}: {figures:?}");
        }
    }
    // What is drawn are the table's numbers, to the last digit.
    let table = std::fs::read_to_string(run.join("trajectories.csv")).unwrap();
    let data = std::fs::read_to_string(run.join("figures/errors.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let column = reader.headers().unwrap().iter().position(|name| name == "relative_error").unwrap();
    for record in reader.records().map(Result::unwrap).filter(|record| &record[0] == "flow") {
        assert!(data.contains(&format!("0,{},{},", &record[2], &record[column])), "{record:?}");
    }
}

#[test]
fn descents_drift_as_the_exact_law_has_it_and_closed_forms_are_drawn() {
    let scratch = Scratch::new();
    tiny(&scratch);
    expect_code(&scratch.pgflow(&["plot", "tiny", "--data"]), 0);
    // Series: the flow, the descent, the descent's law.
    let data = std::fs::read_to_string(scratch.path("tiny/figures/imbalance_drift.csv")).unwrap();
    let series = |number: &str| -> Vec<f64> {
        let rows = data.lines().filter(|line| line.split(',').next() == Some(number));
        rows.map(|line| line.split(',').nth(2).unwrap().parse().unwrap()).collect()
    };
    let (measured, law) = (series("1"), series("2"));
    assert!(measured.len() == 11 && measured[10] > 1e-4, "{measured:?}");
    for (measured, law) in measured.iter().zip(&law) {
        // Round-off of FᵀF − GᵀG, which is of the size of ‖Z‖², about 1.
        assert!((measured - law).abs() < 1e-13, "{measured} {law}");
    }
    let exact = TINY.replace("[sensing.gaussian]\nmeasurements = 150", "[sensing.identity]").replace("[init.gaussian]", "[init.spectral]");
    scratch.write("exact.toml", &exact);
    expect_code(&scratch.pgflow(&["run", "exact.toml", "-o", "exact", "-q"]), 0);
    expect_code(&scratch.pgflow(&["plot", "exact", "--data"]), 0);
    let data = std::fs::read_to_string(scratch.path("exact/figures/spectrum_flow.csv")).unwrap();
    let drawing = std::fs::read_to_string(scratch.path("exact/figures/spectrum_flow.svg")).unwrap();
    assert!(drawing.contains("closed form of the flow"));
    // Four singular values, and the closed forms of the target's two.
    let point = |series: &str| -> f64 {
        let row = data.lines().rfind(|line| line.split(',').next() == Some(series)).unwrap();
        row.split(',').nth(2).unwrap().parse().unwrap()
    };
    for (measured, exact) in [("0", "4"), ("1", "5")] {
        assert!((point(measured) - point(exact)).abs() < 1e-6, "{data}");
    }
    let mode = |sigma: f64, start: f64| pgflow::theory::balanced_mode(sigma, start, 10.0);
    assert!(
        (point("4") - mode(1.0, point_at_start(&data, "4"))).abs() < 1e-12
            && (point("5") - mode(0.5, point_at_start(&data, "5"))).abs() < 1e-12
    );
}

fn point_at_start(data: &str, series: &str) -> f64 {
    let row = data.lines().find(|line| line.split(',').next() == Some(series)).unwrap();
    row.split(',').nth(2).unwrap().parse().unwrap()
}

#[test]
fn old_figures_go_and_other_files_stay() {
    let scratch = Scratch::new();
    let run = tiny(&scratch);
    expect_code(&scratch.pgflow(&["plot", "tiny", "--data", "--trajectory", "gd"]), 0);
    let folder = run.join("figures");
    assert!(folder.join("budget_gd.tex").exists() && !folder.join("budget_flow.svg").exists());
    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    std::fs::write(folder.join("mine.csv"), "mine").unwrap();
    expect_code(&scratch.pgflow(&["plot", "tiny", "--trajectory", "flow"]), 0);
    let figures = names(&folder);
    assert!(figures.contains(&"budget_flow.svg".to_owned()) && !figures.iter().any(|name| name.starts_with("budget_gd")), "{figures:?}");
    assert!(figures.contains(&"notes.txt".to_owned()) && figures.contains(&"mine.csv".to_owned()), "{figures:?}");
    // Results that are replaced take their figures with them.
    expect_code(&scratch.pgflow(&["run", "tiny.toml", "-o", "tiny", "-q", "--force"]), 0);
    assert_eq!(names(&folder), ["mine.csv", "notes.txt"]);
}

#[test]
fn what_is_no_run_and_what_was_altered_is_refused() {
    let scratch = Scratch::new();
    let run = tiny(&scratch);
    let refused = |arguments: &[&str], code: i32, reason: &str| {
        let output = scratch.pgflow(arguments);
        expect_code(&output, code);
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
    };
    refused(&["plot", "nowhere"], 3, "manifest.json: cannot be read");
    refused(&["plot", "tiny", "--trajectory", "gb"], 2, "has no trajectory \"gb\"; there are flow, gd");
    let manifest = std::fs::read_to_string(run.join("manifest.json")).unwrap();
    let digest = manifest.split("\"data_sha256\": \"").nth(1).unwrap().split('"').next().unwrap();
    let other = digest.chars().rev().collect::<String>();
    std::fs::write(run.join("manifest.json"), manifest.replace(digest, &other)).unwrap();
    refused(&["plot", "tiny"], 2, "has other numbers than the run's");
    std::fs::write(run.join("manifest.json"), &manifest).unwrap();
    let table = std::fs::read_to_string(run.join("trajectories.csv")).unwrap();
    std::fs::write(run.join("trajectories.csv"), table.replacen("flow,,0", "flow,,zero", 1)).unwrap();
    refused(&["plot", "tiny"], 2, "where a number belongs");
    assert!(!run.join("figures").exists());
}

#[test]
fn sweeps_have_figures_as_far_as_they_have_come() {
    let scratch = Scratch::new();
    let sweep = "[sweep]\n\"trajectory[gd].gradient_descent.step\" = [0.1, 0.05, 0.025]\n\"init.gaussian.scale\" = [1e-2, 1e-3]\nrepeats = 2\n\
                 fit = { x = \"trajectory[gd].gradient_descent.step\", y = \"sup_deviation\", trajectory = \"gd\" }\n";
    scratch.write("sweep.toml", &format!("{TINY}{sweep}"));
    expect_code(&scratch.pgflow(&["sweep", "plan", "sweep.toml", "-o", "sweep"]), 0);
    let output = scratch.pgflow(&["plot", "sweep"]);
    expect_code(&output, 0);
    assert!(stdout(&output).contains("not drawn"), "{}", stdout(&output));
    expect_code(&scratch.pgflow(&["sweep", "run", "sweep", "-q"]), 0);
    let output = scratch.pgflow(&["plot", "sweep", "--data"]);
    expect_code(&output, 0);
    let figures = names(&scratch.path("sweep/figures"));
    for id in
        ["fit", "final_error_gradient_descent_step", "final_error_gaussian_scale", "map_error_gradient_descent_step_gaussian_scale_gd"]
    {
        assert!(figures.contains(&format!("{id}.svg")), "{id}: {}", stdout(&output));
    }
    let output = scratch.pgflow(&["plot", "sweep", "--trajectory", "gd"]);
    expect_code(&output, 2);
    let output = scratch.pgflow(&["plot", "sweep", "--recovered", "-1"]);
    expect_code(&output, 2);
}
