//! The command line on what goes wrong: exit codes, messages, and that nothing is written.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, TINY, expect_code, expect_same_tables, manifest, outcome, read, set, stderr, stdout};
use std::path::Path;
use std::process::Stdio;

/// A configuration made wrong: what is replaced by what, on which line the error is, what the message says.
struct Wrong {
    from: &'static str,
    to: &'static str,
    /// The first line that contains this text; `None`: the position is not unique.
    at: Option<&'static str>,
    says: &'static [&'static str],
}

const WRONG: &[Wrong] = &[
    Wrong { from: "width = 4", to: "widht = 4", at: Some("widht"), says: &["widht", "width"] },
    Wrong { from: "[model]", to: "[modle]", at: Some("modle"), says: &["modle", "model"] },
    Wrong { from: "rows = 12", to: "rows = \"twelve\"", at: Some("twelve"), says: &["rows"] },
    Wrong { from: "rows = 12", to: "rows = = 12", at: Some("rows"), says: &[] },
    Wrong { from: "width = 4", to: "width = 0", at: Some("width"), says: &["width", "0"] },
    Wrong { from: "step = 0.1", to: "step = -0.1", at: Some("step"), says: &["step", "-0.1"] },
    Wrong { from: "samples = 11", to: "samples = 1", at: Some("samples"), says: &["samples", "1"] },
    Wrong { from: "horizon = 10.0", to: "horizon = nan", at: Some("horizon"), says: &["horizon"] },
    Wrong { from: "rank = 2", to: "rank = 11", at: None, says: &["rank"] },
    Wrong { from: "\"dop853\"", to: "\"dop835\"", at: Some("dop835"), says: &["dop835", "dop853"] },
    Wrong { from: "rtol = 1e-8", to: "rtol = 0.0", at: Some("rtol"), says: &["rtol"] },
    Wrong { from: "reference = \"flow\"", to: "reference = \"flwo\"", at: Some("flwo"), says: &["flwo", "flow"] },
    Wrong { from: "name = \"gd\"", to: "name = \"flow\"", at: None, says: &["flow"] },
    Wrong { from: "name = \"tiny\"", to: "name = \"a/b\"", at: Some("a/b"), says: &["name", "a/b"] },
    Wrong { from: "[model]", to: "[sensing.identity]\n[model]", at: None, says: &["gaussian", "identity"] },
    Wrong { from: "[trajectory.gradient_descent]", to: "[trajectory.gradient_decent]", at: Some("decent"), says: &["gradient_descent"] },
];

/// The line and column that a message names for a file.
fn position(message: &str, file: &str) -> Option<(usize, usize)> {
    let rest = &message[message.find(&format!("{file}:"))? + file.len() + 1..];
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[test]
fn a_wrong_configuration_is_located_and_nothing_is_written() {
    for wrong in WRONG {
        let scratch = Scratch::new();
        assert!(TINY.contains(wrong.from), "{}", wrong.from);
        let text = TINY.replacen(wrong.from, wrong.to, 1);
        scratch.write("wrong.toml", &text);
        for command in ["run", "check"] {
            let output = scratch.pgflow(&[command, "wrong.toml"]);
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{} → {}: {message}", wrong.from, wrong.to);
            let (line, column) = position(&message, "wrong.toml").unwrap_or_else(|| panic!("{}: no position in {message}", wrong.to));
            assert!(column >= 1);
            if let Some(at) = wrong.at {
                let expected = 1 + text.lines().position(|line| line.contains(at)).unwrap();
                assert_eq!(line, expected, "{}: {message}", wrong.to);
            }
            for said in wrong.says {
                assert!(message.contains(said), "{} is not named: {message}", said);
            }
            assert!(output.stdout.is_empty());
            assert_eq!(scratch.names(), set(&["wrong.toml"]), "{}", wrong.to);
        }
    }
}

#[test]
fn wrong_settings_and_arguments_are_usage_errors() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    let wrong: &[&[&str]] = &[
        &[],
        &["rnu", "tiny.toml"],
        &["run"],
        &["run", "tiny.toml", "--treads", "2"],
        &["run", "tiny.toml", "--threads", "none"],
        &["run", "tiny.toml", "--set", "record.sampels=3"],
        &["run", "tiny.toml", "--set", "record.samples"],
        &["run", "tiny.toml", "--set", "trajectory[dg].gradient_descent.step=0.2"],
        &["instance", "tiny.toml"],
        &["completions", "tcl"],
    ];
    for arguments in wrong {
        let output = scratch.pgflow(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(!output.stderr.is_empty(), "{arguments:?}");
        assert_eq!(scratch.names(), set(&["tiny.toml"]), "{arguments:?}");
    }
    let output = scratch.pgflow(&["run", "tiny.toml", "--set", "record.sampels=3"]);
    assert!(stderr(&output).contains("sampels") && stderr(&output).contains("samples"), "{}", stderr(&output));
}

#[test]
fn asking_for_help_is_no_error() {
    let scratch = Scratch::new();
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"]] {
        let output = scratch.pgflow(arguments);
        expect_code(&output, 0);
        assert!(stdout(&output).contains("pgflow"), "{arguments:?}: {}", stdout(&output));
    }
}

#[test]
fn files_that_cannot_be_read_or_written_are_input_output_errors() {
    let scratch = Scratch::new();
    expect_code(&scratch.pgflow(&["run", "absent.toml"]), 3);
    expect_code(&scratch.pgflow(&["check", "absent.toml"]), 3);

    let from_file = "[target]\nfile = \"absent.csv\"\nrank = 2\n";
    let section = TINY.find("[target]").unwrap()..TINY.find("[sensing").unwrap();
    let text = format!("{}{from_file}\n{}", &TINY[..section.start], &TINY[section.end..]);
    scratch.write("file.toml", &text);
    let output = scratch.pgflow(&["run", "file.toml", "-o", "file"]);
    expect_code(&output, 3);
    assert!(stderr(&output).contains("absent.csv"), "{}", stderr(&output));

    scratch.write("tiny.toml", TINY);
    scratch.write("occupied", "a file, not a directory");
    expect_code(&scratch.pgflow(&["run", "tiny.toml", "-o", "occupied/run"]), 3);
    assert_eq!(scratch.names(), set(&["file.toml", "tiny.toml", "occupied"]));
}

#[test]
fn results_of_another_configuration_are_not_overwritten_unasked() {
    let scratch = Scratch::new();
    let directory = scratch.run(TINY, "tiny", &[]);
    let before = read(&directory, "trajectories.csv");
    let output = scratch.pgflow(&["run", "tiny.toml", "-o", "tiny", "--set", "seed=4"]);
    expect_code(&output, 2);
    assert!(stderr(&output).contains("--force"), "{}", stderr(&output));
    assert_eq!(read(&directory, "trajectories.csv"), before);

    // The same configuration comes to the same bytes, so nothing can be lost.
    expect_code(&scratch.pgflow(&["run", "tiny.toml", "-o", "tiny"]), 0);
    assert_eq!(read(&directory, "trajectories.csv"), before);

    expect_code(&scratch.pgflow(&["run", "tiny.toml", "-o", "tiny", "--set", "seed=4", "--force"]), 0);
    expect_same_tables(&directory, &scratch.run(&TINY.replace("seed = 3", "seed = 4"), "fresh", &[]));
}

#[test]
fn a_diverging_descent_is_an_outcome_and_an_exit_code() {
    let scratch = Scratch::new();
    let text = TINY.replace("step = 0.1", "step = 5.0").replace("horizon = 10.0", "horizon = 1000.0");
    let limited = text.replace("[[trajectory]]\nname = \"flow\"", "[record.stop]\nfactor_norm = 1e6\n\n[[trajectory]]\nname = \"flow\"");
    scratch.write("diverging.toml", &limited);
    expect_code(&scratch.pgflow(&["run", "diverging.toml", "-o", "diverging"]), 1);
    let manifest = manifest(&scratch.path("diverging"));
    assert!(outcome(&manifest, "gd").contains("diverged"), "{manifest:#}");
    assert!(outcome(&manifest, "flow").contains("completed"), "{manifest:#}");
    // Overflow, where no norm is out of bounds, is not taken for convergence.
    let table = read(&scratch.path("diverging"), "trajectories.csv");
    assert!(!table.to_lowercase().contains("nan") && !table.to_lowercase().contains("inf"), "undefined cells are empty");
}

/// The reading end is closed before the program starts, so its first write fails.
#[test]
fn a_broken_pipe_is_success() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    for arguments in [&["schema"][..], &["new"], &["completions", "bash"], &["check", "tiny.toml"], &["run", "tiny.toml", "-o", "r"]] {
        assert!(!scratch.pgflow(arguments).stdout.is_empty(), "{arguments:?} writes something that can fail");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = scratch.command(arguments).stdout(Stdio::from(writer)).output().unwrap();
        expect_code(&output, 0);
        let complaint = stderr(&output).to_lowercase();
        assert!(!complaint.contains("pipe") && !complaint.contains("panicked"), "{arguments:?}: {complaint}");
    }
}

/// Every file of the table of refused configurations, through the program: its messages, exit code 2, nothing on standard output,
/// nothing written. (`tests/config_errors.rs` compares the messages with those that each file announces, in full.)
#[test]
fn every_bad_configuration_is_refused_by_the_program() {
    let mut checked = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bad_configs")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let scratch = Scratch::new();
        let output = scratch.pgflow(&["run", path.to_str().unwrap()]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{}: {message}", path.display());
        for expected in text.lines().map_while(|line| line.strip_prefix("# expect: ")) {
            let beginning = expected.split(" … ").next().unwrap();
            let place = format!("{}:{beginning}", path.display());
            assert!(message.contains(&place), "{place} is not in {message}");
        }
        assert!(output.stdout.is_empty(), "{}", path.display());
        assert_eq!(scratch.names(), set(&[]), "{}", path.display());
        checked += 1;
    }
    assert!(checked >= 40, "{checked} files");
}

/// What no memory holds is a message and an exit code, before anything is allocated, and never an abort.
#[test]
fn sizes_beyond_the_memory_are_refused() {
    let scratch = Scratch::new();
    let identity = TINY.replace("[sensing.gaussian]\nmeasurements = 150", "[sensing.identity]");
    scratch.write("identity.toml", &identity);
    scratch.write("tiny.toml", TINY);
    // A target, factors of the target's singular vectors, and factors of a trajectory of some 100 TB.
    let wrong: &[&[&str]] = &[
        &["identity.toml", "--set", "target.rows=4000000", "--set", "target.cols=4000000"],
        &["tiny.toml", "--set", "target.rows=10000000000000"],
        &["tiny.toml", "--set", "model.width=1000000000000"],
        &["tiny.toml", "--set", "sensing.gaussian.measurements=1000000000000"],
    ];
    for arguments in wrong {
        for command in ["check", "run"] {
            let output = scratch.pgflow(&[&[command], *arguments].concat());
            assert_eq!(output.status.code(), Some(2), "{command} {arguments:?}: {}", stderr(&output));
            assert!(stderr(&output).contains("memory"), "{command} {arguments:?}: {}", stderr(&output));
            assert!(output.stdout.is_empty());
            assert_eq!(scratch.names(), set(&["identity.toml", "tiny.toml"]), "{arguments:?}");
        }
    }
}

#[test]
fn an_absurd_number_of_threads_is_refused() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    for threads in ["0", "1025", "65535", "-1", "1.5"] {
        let output = scratch.pgflow(&["run", "tiny.toml", &format!("--threads={threads}")]);
        expect_code(&output, 2);
        assert!(stderr(&output).contains("--threads"), "{}", stderr(&output));
    }
}
