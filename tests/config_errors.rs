//! Configurations that are refused: each file of `tests/data/bad_configs` begins with the messages it must give.
//!
//! A line `# expect: LINE:COLUMN: MESSAGE` gives the place and the beginning of one message; ` … ` in it stands for anything.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests are not recognised as tests.

use pgflow::config::{Source, TEMPLATES, load};
use std::path::{Path, PathBuf};

fn bad_configs() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bad_configs");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Whether `line` is `expected` up to what ` … ` leaves open and what follows.
fn begins_with(line: &str, expected: &str) -> bool {
    let mut parts = expected.split(" … ");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    parts.all(|part| match rest.find(part) {
        Some(start) => {
            rest = &rest[start + part.len()..];
            true
        }
        None => false,
    })
}

#[test]
fn every_bad_configuration_gives_its_messages() {
    let paths = bad_configs();
    assert!(paths.len() >= 100, "{} files", paths.len());
    let mut failures = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# expect: ")).collect();
        assert!(!expected.is_empty(), "{name} expects nothing");
        let message = match load(Source { name, text: &text }, &[], Path::new("/")) {
            Ok(_) => "(loaded)".to_owned(),
            Err(error) => error.to_string(),
        };
        let lines: Vec<&str> = message.lines().collect();
        let fits = lines.len() == expected.len()
            && lines.iter().zip(&expected).all(|(line, expected)| begins_with(line, &format!("{name}:{expected}")));
        if !fits {
            failures.push(format!("{name}\n  expected: {}\n  found:    {message}", expected.join("\n            ")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_table_can_fail() {
    assert!(begins_with("a:1:2: one two three", "a:1:2: one … three"));
    assert!(!begins_with("a:1:3: one two three", "a:1:2: one … three"));
    assert!(!begins_with("a:1:2: one two three", "a:1:2: one … four"));
}

/// The message of the minimal template under overrides.
fn refused(overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    load(Source { name: "m.toml", text: TEMPLATES[2].1 }, &overrides, Path::new("/")).unwrap_err().to_string()
}

#[test]
fn bad_overrides_are_named() {
    let table = [
        ("record.horizon=-1", "in --set record.horizon=-1: `record.horizon` = -1 is out of range: it must be positive"),
        ("record.horizon=soon", "in --set record.horizon=soon: `record.horizon` = soon is a string, but it must be a number"),
        ("record.hroizon=3", "in --set record.hroizon=3: unknown key `hroizon` in `record`: did you mean `horizon`?"),
        ("momentum.step=3", "in --set momentum.step=3: unknown key `momentum` in the top level"),
        ("record.horizon", "in --set record.horizon: a value is missing: write key.path=value"),
        ("=3", "in --set =3: `` is no path of a key"),
        ("record..horizon=3", "in --set record..horizon=3: `record..horizon` is no path of a key"),
        ("trajectory[gd.step=3", "in --set trajectory[gd.step=3: `trajectory[gd.step` is no path of a key"),
        (
            "trajectory[gf].gradient_descent.step=3",
            "in --set … there is no trajectory named \"gf\": did you mean \"gd\"? the names are flow, gd",
        ),
        (
            "trajectory[flwo].flow.rtol=1e-3",
            "in --set … there is no trajectory named \"flwo\": did you mean \"flow\"? the names are flow, gd",
        ),
        ("trajectory[#3].name=x", "in --set … there is no trajectory named \"#3\""),
        ("trajectory.gd.step=3", "in --set … `trajectory` is an array of tables: write trajectory[NAME]"),
        ("trajectory[gd]=3", "in --set … `trajectory[gd]` is a whole table: go on to one of its keys"),
        ("record[gd].horizon=3", "in --set … `record` is no array of tables here, so [gd] names nothing"),
        ("name.first=3", "in --set name.first=3: `first` lies inside a value that is no table"),
        (
            "trajectory[gd].gradient_descent.step=[0.1,0.1]",
            "in --set … `trajectory[gd].gradient_descent.step` = 0.1 stands twice in the list",
        ),
        ("trajectory[gd].gradient_descent.step=[0.1,50]", "in --set … `trajectory[gd].gradient_descent.step` = 50 is out of range"),
        ("trajectory[flow].flow.method=rkc3", "in --set … `trajectory[flow].flow.method` = rkc3 is not allowed: "),
        ("sensing.gaussian.measurements=10", "in --set … `sensing.gaussian` cannot stand beside `sensing.identity`: choose one"),
        ("record.stop.factor_norm=0", "in --set … `record.stop.factor_norm` = 0 is out of range"),
        ("target.rank=99", "in --set target.rank=99: `target.rank` = 99 is out of range: it must be from 1 to min(rows, cols) = 15"),
        ("seed=99999999999999999999", "in --set … an integer lies outside the 64-bit range"),
        ("trajectory=[]", "in --set trajectory=[]: `trajectory` is missing: add at least one [[trajectory]]"),
    ];
    for (text, expected) in table {
        let found = refused(&[text]);
        assert!(begins_with(&found, expected), "{text}\n  expected: {expected}\n  found:    {found}");
    }
}

#[test]
fn the_override_at_fault_is_the_one_that_is_named() {
    let found = refused(&["record.horizon=3", "target.rank=99", "seed=1"]);
    assert!(found.starts_with("in --set target.rank=99: "), "{found}");
    // A rule between an override and the file points at the value that the rule is about.
    let found = refused(&["record.horizon=0.01"]);
    assert!(
        found.starts_with("m.toml:29:8: `trajectory[gd].gradient_descent.step` = 0.05 is out of range: a step must be at most"),
        "{found}"
    );
}

#[test]
fn columns_are_counted_in_characters() {
    let text = "name = \"x\"\nrecord = { \"größe\" = 1 }\n";
    let error = load(Source { name: "<stdin>", text }, &[], Path::new("/")).unwrap_err().to_string();
    assert!(error.starts_with("<stdin>:2:12: unknown key `größe` in `record`"), "{error}");
    let text = "größe = \"é\"; name = 3";
    let error = load(Source { name: "<stdin>", text }, &[], Path::new("/")).unwrap_err().to_string();
    assert!(error.starts_with("<stdin>:1:12: invalid TOML"), "{error}");
}

#[test]
fn long_values_are_cut_and_several_lines_shown_as_one() {
    let values: Vec<String> = (0..50).map(|i| format!("{i}.5")).collect();
    let text = TEMPLATES[2].1.replace("condition_number = 2.0", &format!("singular_values = [\n{}]", values.join(",\n")));
    let error = load(Source { name: "m", text: &text.replace("rank = 2\n", "") }, &[], Path::new("/")).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1);
    assert!(begins_with(&error, "m:8:19: `target.singular_values` = [ 0.5, 1.5, … has 50 entries"), "{error}");
}

proptest::proptest! {
    /// No text makes loading panic, and every refusal has a place.
    #[test]
    fn damaged_configurations_are_refused_without_panic(start in 0usize..600, length in 0usize..40, middle in "[\\[\\]={}\",.#a-z0-9\n é-]{0,12}") {
        let text: Vec<char> = TEMPLATES[2].1.chars().collect();
        let start = start.min(text.len());
        let end = (start + length).min(text.len());
        let damaged: String = text[..start].iter().copied().chain(middle.chars()).chain(text[end..].iter().copied()).collect();
        if let Err(error) = load(Source { name: "d", text: &damaged }, &[], Path::new("/")) {
            proptest::prop_assert!(!error.complaints.is_empty());
            proptest::prop_assert!(error.to_string().lines().all(|line| line.starts_with("d:")), "{}", error);
        }
        let set = vec![middle.clone(), format!("record.horizon={middle}"), format!("trajectory[{middle}].flow=1")];
        for text in set {
            let _ = load(Source { name: "d", text: TEMPLATES[2].1 }, &[text], Path::new("/"));
        }
    }
}
