//! Full disks, read-only and vanished directories under a sweep: a clear error, and nothing that was there is damaged.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, TINY, expect_code, names, read, stderr, stdout};
use std::process::{Command, Output};

const GRID: &str = "\n[sweep]\n\"init.gaussian.scale\" = { log = [1e-2, 1e-4], points = 12 }\n";

fn planned(scratch: &Scratch, directory: &str) {
    scratch.write("sweep.toml", &format!("{TINY}{GRID}"));
    expect_code(&scratch.pgflow(&["sweep", "plan", "sweep.toml", "-o", directory]), 0);
}

fn collected(scratch: &Scratch, directory: &str) -> String {
    expect_code(&scratch.pgflow(&["sweep", "collect", directory]), 0);
    read(&scratch.path(directory), "collected.csv")
}

fn undisturbed(scratch: &Scratch) -> String {
    planned(scratch, "undisturbed");
    expect_code(&scratch.pgflow(&["sweep", "run", "undisturbed"]), 0);
    collected(scratch, "undisturbed")
}

/// Runs a script in the scratch directory, with the program as `$PGFLOW`.
fn shell(scratch: &Scratch, script: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(scratch.path("")).env("PGFLOW", env!("CARGO_BIN_EXE_pgflow"));
    command.output().unwrap()
}

/// Runs a script with a small file system of its own at `small`, or says loudly that this is not allowed here.
fn on_a_small_disk(scratch: &Scratch, size: &str, script: &str) -> Option<Output> {
    std::fs::create_dir_all(scratch.path("small")).unwrap();
    let wrapped = format!("mount -t tmpfs -o size={size} none small || exit 99\n{script}");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &wrapped])
        .current_dir(scratch.path(""))
        .env("PGFLOW", env!("CARGO_BIN_EXE_pgflow"))
        .output();
    match output {
        Ok(output) if output.status.code() != Some(99) && !stderr(&output).contains("unshare:") => Some(output),
        other => {
            eprintln!("!!! SKIPPED: no file system of one's own can be mounted here ({other:?}); full disks were not tested");
            None
        }
    }
}

#[test]
fn a_file_that_grows_too_large_is_an_error_and_the_rest_is_done_later() {
    let scratch = Scratch::new();
    let expected = undisturbed(&scratch);
    planned(&scratch, "limited");
    // Files of at most one block of 512 or 1024 bytes, and no signal: writes fail as on a full disk.
    let output = shell(&scratch, "trap '' XFSZ; ulimit -f 1; exec \"$PGFLOW\" sweep run limited --quiet");
    expect_code(&output, 3);
    assert!(stderr(&output).contains("results/") && stderr(&output).contains("writing failed"), "{}", stderr(&output));
    assert!(names(&scratch.path("limited/results")).is_empty(), "half a result, or a temporary file, is left");
    // With the signal it ends like a killed process: temporary files may stay, results are whole or absent.
    let output = shell(&scratch, "ulimit -f 1; exec \"$PGFLOW\" sweep run limited --quiet");
    assert_ne!(output.status.code(), Some(0));
    assert!(names(&scratch.path("limited/results")).iter().all(|name| name.starts_with(".pgflow-")));
    expect_code(&scratch.pgflow(&["sweep", "run", "limited"]), 0);
    assert!(collected(&scratch, "limited") == expected);
}

#[test]
fn a_table_that_does_not_fit_leaves_the_old_one() {
    let scratch = Scratch::new();
    let expected = undisturbed(&scratch);
    for format in ["csv", "parquet"] {
        expect_code(&scratch.pgflow(&["sweep", "collect", "undisturbed", "--format", format]), 0);
        let path = scratch.path("undisturbed").join(format!("collected.{format}"));
        let before = std::fs::read(&path).unwrap();
        let output = shell(&scratch, &format!("trap '' XFSZ; ulimit -f 1; exec \"$PGFLOW\" sweep collect undisturbed --format {format}"));
        expect_code(&output, 3);
        assert!(stderr(&output).contains(&format!("collected.{format}: writing failed")), "{}", stderr(&output));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
    assert_eq!(collected(&scratch, "undisturbed"), expected);
}

#[test]
fn a_full_disk_is_an_error_and_what_fitted_is_whole() {
    let scratch = Scratch::new();
    let expected = undisturbed(&scratch);
    planned(&scratch, "planned");
    // The plan and some of the twelve results fit. Then there is room again, and the run goes on.
    let script = "cp -r planned small/sweep && \"$PGFLOW\" sweep run small/sweep --quiet --jobs 1; code=$?\n\
        ls small/sweep/results | wc -l; ls -A small/sweep/results | grep -c tmp\n\
        mount -o remount,size=8m small && \"$PGFLOW\" sweep run small/sweep && \"$PGFLOW\" sweep collect small/sweep -o collected.csv; exit $code";
    let Some(output) = on_a_small_disk(&scratch, "64k", script) else { return };
    expect_code(&output, 3);
    assert!(stderr(&output).contains("No space left on device"), "{}", stderr(&output));
    let (text, numbers) = (stdout(&output), stdout(&output).lines().map(|line| line.trim().parse().ok()).collect::<Vec<Option<u32>>>());
    assert!(numbers[0].is_some_and(|results| (1..12).contains(&results)) && numbers[1] == Some(0), "{text}");
    assert!(text.contains("had results") && !text.contains("damaged"), "{text}");
    assert_eq!(read(&scratch.path(""), "collected.csv"), expected);
}

#[test]
fn a_read_only_directory_is_an_error() {
    let scratch = Scratch::new();
    planned(&scratch, "planned");
    let script = "cp -r planned small/sweep && mount -o remount,ro small && \"$PGFLOW\" sweep run small/sweep --quiet; code=$?\n\
        \"$PGFLOW\" sweep status small/sweep; exit $code";
    let Some(output) = on_a_small_disk(&scratch, "8m", script) else { return };
    expect_code(&output, 3);
    assert!(stderr(&output).contains("Read-only file system") && stderr(&output).contains("small/sweep/results"), "{}", stderr(&output));
    assert!(stdout(&output).contains("0 of 12 tasks done, 0 failed, 12 left"), "{}", stdout(&output));
}

#[test]
fn what_has_vanished_is_named() {
    let scratch = Scratch::new();
    planned(&scratch, "sweep");
    let refused = |arguments: &[&str], code: i32, expected: &[&str]| {
        let output = scratch.pgflow(arguments);
        expect_code(&output, code);
        assert!(expected.iter().all(|part| stderr(&output).contains(part)), "{}", stderr(&output));
    };
    std::fs::rename(scratch.path("sweep/results"), scratch.path("elsewhere")).unwrap();
    for command in ["run", "status", "collect"] {
        refused(&["sweep", command, "sweep"], 3, &["sweep/results: is not there", "bring it back"]);
    }
    std::fs::rename(scratch.path("elsewhere"), scratch.path("sweep/results")).unwrap();
    let text = std::fs::read(scratch.path("sweep/sweep.toml")).unwrap();
    std::fs::remove_file(scratch.path("sweep/sweep.toml")).unwrap();
    refused(&["sweep", "run", "sweep"], 3, &["sweep/sweep.toml: cannot be read"]);
    std::fs::write(scratch.path("sweep/sweep.toml"), [&text[..], b"\n"].concat()).unwrap();
    refused(&["sweep", "run", "sweep"], 2, &["is not the configuration that was planned"]);
    std::fs::write(scratch.path("sweep/sweep.toml"), text).unwrap();
    refused(&["sweep", "run", "nowhere"], 3, &["nowhere/manifest.json: cannot be read"]);
    std::fs::write(scratch.path("sweep/manifest.json"), "{").unwrap();
    refused(&["sweep", "run", "sweep"], 2, &["is not the manifest of a sweep"]);
}
