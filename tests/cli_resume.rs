//! Interrupted runs: what they leave, and that they resume to the bytes of an undisturbed run.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, TABLES, TINY, expect_code, expect_same_tables, lines_of, manifest, names, outcome, set, stderr, table};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Seconds of work: two descents of a thousand steps and more beside adaptive flows, with every kind of stepper.
fn long() -> String {
    let more = "[[trajectory]]\nname = \"fine\"\n[trajectory.gradient_descent]\nstep = 0.01\n\n\
                [[trajectory]]\nname = \"fixed\"\n[trajectory.flow]\nmethod = \"rk4\"\nstep = 0.05\n\n\
                [[trajectory]]\nname = \"fifth\"\n[trajectory.flow]\nmethod = \"dopri5\"\nrtol = 1e-9\n\n\
                [[compare]]\nreference = \"flow\"\nagainst = [\"gd\", \"fine\", \"fixed\", \"fifth\"]\n";
    let compare = TINY.find("[[compare]]").unwrap();
    TINY[..compare]
        .replace("rows = 12", "rows = 40")
        .replace("cols = 10", "cols = 30")
        .replace("measurements = 150", "measurements = 700")
        .replace("width = 4", "width = 20")
        .replace("horizon = 10.0", "horizon = 20.0")
        .replace("samples = 11", "samples = 101")
        + more
}

/// Runs the program and sends it a signal after some time, if it still runs then.
fn run_and_signal(scratch: &Scratch, arguments: &[&str], signal: &str, after: Duration) -> Output {
    let child = scratch.command(arguments).spawn().unwrap();
    std::thread::sleep(after);
    // Fails, harmlessly, if the program has ended: it is not waited for yet, so its number cannot belong to another.
    Command::new("kill").args([signal, &child.id().to_string()]).output().unwrap();
    child.wait_with_output().unwrap()
}

/// Interrupts a run that takes about `whole` undisturbed, in mid-run: earlier and earlier until it is not too late.
fn interrupt(scratch: &Scratch, arguments: &[&str], signal: &str, whole: Duration) {
    let mut after = whole / 3;
    for _ in 0..6 {
        let output = run_and_signal(scratch, arguments, signal, after);
        if output.status.code() == Some(75) {
            return;
        }
        expect_code(&output, 0);
        let directory = scratch.path(arguments[arguments.iter().position(|a| *a == "-o").unwrap() + 1]);
        std::fs::remove_dir_all(directory).unwrap();
        after /= 2;
    }
    panic!("the run always ended before the signal came");
}

fn expect_readable(interrupted: &Path, whole: &Path) {
    let left = names(interrupted);
    let known = set(&["manifest.json", "config.toml", "trajectories.csv", "spectrum.csv", "comparison.csv"]);
    for name in &left {
        assert!(known.contains(name) || name.starts_with("checkpoint"), "{name} in {left:?}");
    }
    assert!(known.is_subset(&left), "{left:?}");
    for file in TABLES {
        assert_eq!(table(interrupted, file).0, table(whole, file).0, "{file}");
    }
    let manifest = manifest(interrupted);
    let mut stopped = 0;
    for name in ["flow", "gd", "fine", "fixed", "fifth"] {
        let (part, all) = (lines_of(interrupted, "trajectories.csv", name), lines_of(whole, "trajectories.csv", name));
        // The last row may be the state at which the signal came, which an undisturbed run does not record.
        let sure = part.len().saturating_sub(1);
        assert_eq!(part[..sure], all[..sure], "{name}");
        stopped += usize::from(outcome(&manifest, name).contains("interrupted"));
    }
    assert!(stopped > 0, "the manifest says which trajectories were interrupted: {manifest:#}");
}

fn resumes_to_the_same_bytes(signal: &str) {
    let scratch = Scratch::new();
    let begin = Instant::now();
    let whole = scratch.run(&long(), "whole", &[]);
    let time = begin.elapsed();

    scratch.write("part.toml", &long());
    interrupt(&scratch, &["run", "part.toml", "-o", "part"], signal, time);
    let part = scratch.path("part");
    expect_readable(&part, &whole);

    // Once more in mid-run, then to the end; threads may change in between.
    let again = run_and_signal(&scratch, &["run", "part.toml", "-o", "part", "--resume", "--threads", "1"], signal, time / 4);
    assert!([Some(0), Some(75)].contains(&again.status.code()), "{}", stderr(&again));
    if again.status.code() == Some(75) {
        expect_readable(&part, &whole);
        expect_code(&scratch.pgflow(&["run", "part.toml", "-o", "part", "--resume"]), 0);
    }
    expect_same_tables(&whole, &part);
    assert_eq!(names(&part), names(&whole));
    for name in ["flow", "gd", "fine", "fixed", "fifth"] {
        assert!(outcome(&manifest(&part), name).contains("completed"), "{name}");
    }
}

#[test]
fn terminated_runs_resume_to_the_same_bytes() {
    resumes_to_the_same_bytes("-TERM");
}

#[test]
fn runs_stopped_from_the_keyboard_resume_to_the_same_bytes() {
    resumes_to_the_same_bytes("-INT");
}

/// Coarse steps beside a fine cross-check, which then takes half of the time or more: a signal late in the run comes within it, where all
/// trajectories have ended already.
#[test]
fn a_signal_during_the_cross_check_does_not_skip_it() {
    let scratch = Scratch::new();
    let problem = long();
    let problem = &problem[..problem.find("[[trajectory]]").unwrap()];
    let config = problem.replace("horizon = 20.0", "horizon = 200.0").replace("samples = 101", "samples = 5")
        + "[[trajectory]]\nname = \"flow\"\ncross_check = true\ncross_check_tolerance = 1.0\n[trajectory.flow]\nmethod = \"rk4\"\nstep = 0.8\n";
    let begin = Instant::now();
    let whole = scratch.run(&config, "whole", &[]);
    let time = begin.elapsed();
    scratch.write("part.toml", &config);
    interrupt(&scratch, &["run", "part.toml", "-o", "part"], "-TERM", 2 * time);
    let part = scratch.path("part");
    assert_eq!(manifest(&part)["status"], "interrupted");
    expect_code(&scratch.pgflow(&["run", "part.toml", "-o", "part", "--resume"]), 0);
    expect_same_tables(&whole, &part);
    let check = |directory| manifest(directory)["trajectories"][0]["cross_check"].clone();
    assert!(check(&whole).is_object());
    assert_eq!(check(&part), check(&whole));
}

#[test]
fn resuming_with_another_configuration_is_refused() {
    let scratch = Scratch::new();
    let begin = Instant::now();
    scratch.run(&long(), "whole", &[]);
    scratch.write("part.toml", &long());
    interrupt(&scratch, &["run", "part.toml", "-o", "part"], "-TERM", begin.elapsed());
    let before = common::read(&scratch.path("part"), "trajectories.csv");
    let output = scratch.pgflow(&["run", "part.toml", "-o", "part", "--resume", "--set", "seed=4"]);
    expect_code(&output, 2);
    assert_eq!(common::read(&scratch.path("part"), "trajectories.csv"), before);
}

#[test]
fn resuming_what_has_finished_says_so_in_the_format_asked_for() {
    let scratch = Scratch::new();
    let directory = scratch.run(TINY, "tiny", &[]);
    let before = common::read(&directory, "manifest.json");
    let output = scratch.pgflow(&["run", "tiny.toml", "-o", "tiny", "--resume", "--json"]);
    expect_code(&output, 0);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["finished_already"], &json["name"], &json["directory"]), (&true.into(), &"tiny".into(), &"tiny".into()));
    let output = scratch.pgflow(&["run", "tiny.toml", "-o", "tiny", "--resume", "-q"]);
    expect_code(&output, 0);
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    assert_eq!(common::read(&directory, "manifest.json"), before);
}

/// Two runs that write the same directory would mix their tables: the second one is refused, whatever it asks for.
#[test]
fn a_directory_in_use_is_refused() {
    let scratch = Scratch::new();
    scratch.write("long.toml", &long().replace("horizon = 20.0", "horizon = 2000.0"));
    let child = scratch.command(&["run", "long.toml", "-o", "shared"]).spawn().unwrap();
    let begin = Instant::now();
    while !scratch.path("shared").is_dir() && begin.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(50));
    scratch.write("tiny.toml", TINY);
    let codes: Vec<_> = [&[][..], &["--force"], &["--resume"]]
        .iter()
        .map(|more| scratch.pgflow(&[&["run", "tiny.toml", "-o", "shared"], *more].concat()))
        .map(|output| (output.status.code(), stderr(&output)))
        .collect();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).output().unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(75));
    for (code, message) in codes {
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains("another run") && message.contains("--out"), "{message}");
    }
    // The directory is free again, and still the first run's.
    expect_code(&scratch.pgflow(&["run", "tiny.toml", "-o", "shared"]), 2);
    expect_code(&scratch.pgflow(&["run", "tiny.toml", "-o", "shared", "--force"]), 0);
}
