//! What the command-line tests share: a scratch directory, small configurations, readers of the files of a run.

// Every test binary compiles this module for itself and uses a part of it.
#![allow(dead_code)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The three tables whose bytes are reproducible.
pub const TABLES: [&str; 3] = ["trajectories.csv", "spectrum.csv", "comparison.csv"];

/// A flow and a descent on a small instance: a few milliseconds.
pub const TINY: &str = r#"name = "tiny"
seed = 3

[target]
rows = 12
cols = 10
rank = 2
singular_values = [1.0, 0.5]

[sensing.gaussian]
measurements = 150

[model]
width = 4

[init.gaussian]
scale = 1e-2

[record]
horizon = 10.0
samples = 11

[[trajectory]]
name = "flow"
[trajectory.flow]
method = "dop853"
rtol = 1e-8

[[trajectory]]
name = "gd"
[trajectory.gradient_descent]
step = 0.1

[[compare]]
reference = "flow"
against = ["gd"]
"#;

/// A directory that goes away with the test, and the program run inside it.
pub struct Scratch {
    directory: tempfile::TempDir,
}

impl Scratch {
    pub fn new() -> Self {
        Scratch { directory: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program, to be run in this directory, with nothing on its standard input.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgflow"));
        command.args(arguments).current_dir(self.directory.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn pgflow(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the program with a text on its standard input.
    pub fn pgflow_with_input(&self, arguments: &[&str], input: &[u8]) -> Output {
        use std::io::Write;
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Writes `<directory>.toml`, runs it into `<directory>` with further arguments, and expects success.
    pub fn run(&self, config: &str, directory: &str, more: &[&str]) -> PathBuf {
        let file = format!("{directory}.toml");
        self.write(&file, config);
        let mut arguments = vec!["run", &file, "-o", directory];
        arguments.extend(more);
        expect_code(&self.pgflow(&arguments), 0);
        self.path(directory)
    }

    /// Names of everything in this directory.
    pub fn names(&self) -> BTreeSet<String> {
        names(self.directory.path())
    }
}

/// Fails with everything the program said unless it ended with `code`.
#[track_caller]
pub fn expect_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "exit code; stdout:\n{}\nstderr:\n{}", stdout(output), stderr(output));
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Names of everything in a directory, hidden files included.
pub fn names(directory: &Path) -> BTreeSet<String> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

pub fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| name.to_string()).collect()
}

pub fn read(directory: &Path, name: &str) -> String {
    std::fs::read_to_string(directory.join(name)).unwrap_or_else(|e| panic!("{name} of {}: {e}", directory.display()))
}

/// Fails unless the three tables of two runs are the same bytes.
#[track_caller]
pub fn expect_same_tables(a: &Path, b: &Path) {
    for table in TABLES {
        let (left, right) = (read(a, table), read(b, table));
        if left != right {
            let line = left.lines().zip(right.lines()).position(|(x, y)| x != y);
            panic!("{table} of {} and {} differ; first differing line: {line:?}", a.display(), b.display());
        }
    }
}

pub fn manifest(directory: &Path) -> Value {
    serde_json::from_str(&read(directory, "manifest.json")).unwrap()
}

/// A trajectory's entry in the manifest.
pub fn trajectory<'a>(manifest: &'a Value, name: &str) -> &'a Value {
    let found = match &manifest["trajectories"] {
        Value::Array(entries) => entries.iter().find(|entry| entry["name"] == name),
        other => other.get(name),
    };
    found.unwrap_or_else(|| panic!("trajectory {name} in {manifest:#}"))
}

/// A trajectory's outcome in the manifest, as text: `completed`, or a word with its numbers.
pub fn outcome(manifest: &Value, name: &str) -> String {
    trajectory(manifest, name)["outcome"].to_string().to_lowercase()
}

/// A table as header and rows of cells; every row must be complete.
pub fn table(directory: &Path, name: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_path(directory.join(name)).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    // The reader refuses rows of another length than the header's.
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    (header, rows)
}

/// The lines of `trajectories.csv` or `spectrum.csv` that belong to one trajectory.
pub fn lines_of(directory: &Path, table: &str, trajectory: &str) -> Vec<String> {
    let start = format!("{trajectory},");
    read(directory, table).lines().filter(|line| line.starts_with(&start)).map(str::to_owned).collect()
}
