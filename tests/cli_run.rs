//! The command line on experiments that succeed: files, bytes, standard streams.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    Scratch, TABLES, TINY, expect_code, expect_same_tables, lines_of, manifest, names, outcome, read, set, stderr, stdout, table,
};
use std::path::Path;

const FILES: [&str; 5] = ["manifest.json", "config.toml", "trajectories.csv", "spectrum.csv", "comparison.csv"];

/// Large enough for several blocks of rows per thread.
const MEDIUM: &[&str] = &["--set", "target.rows=40", "--set", "target.cols=30", "--set", "sensing.gaussian.measurements=700"];

#[test]
fn a_run_writes_its_files_and_nothing_else() {
    let scratch = Scratch::new();
    let directory = scratch.run(TINY, "tiny", &[]);
    assert_eq!(names(&directory), set(&FILES));
    assert_eq!(scratch.names(), set(&["tiny", "tiny.toml"]));
    let manifest = manifest(&directory);
    for name in ["flow", "gd"] {
        assert!(outcome(&manifest, name).contains("completed"), "{manifest:#}");
    }
}

#[test]
fn the_default_directory_is_named_after_the_experiment() {
    let scratch = Scratch::new();
    scratch.write("other.toml", TINY);
    expect_code(&scratch.pgflow(&["run", "other.toml"]), 0);
    assert_eq!(names(&scratch.path("runs/tiny")), set(&FILES));
}

#[test]
fn snapshots_are_written_when_asked_for() {
    let scratch = Scratch::new();
    let directory = scratch.run(TINY, "tiny", &["--set", "record.snapshots=true"]);
    let mut files = set(&FILES);
    files.insert("snapshots.npz".into());
    assert_eq!(names(&directory), files);
}

#[test]
fn tables_have_the_columns_of_the_contract() {
    let scratch = Scratch::new();
    let directory = scratch.run(TINY, "tiny", &[]);
    let (header, rows) = table(&directory, "trajectories.csv");
    assert_eq!(header[..3], ["trajectory", "step", "t"]);
    for column in ["loss", "relative_error", "imbalance_drift"] {
        assert!(header.iter().any(|name| name == column), "{column} in {header:?}");
    }
    let (flow, gd): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row[0] == "flow");
    assert_eq!((flow.len(), gd.len()), (11, 11));
    for (j, (flow, gd)) in flow.iter().zip(&gd).enumerate() {
        assert_eq!(flow[1], "", "a flow has no step number");
        assert_eq!(flow[2].parse::<f64>().unwrap(), j as f64);
        assert_eq!(gd[1], (10 * j).to_string());
        assert!((gd[2].parse::<f64>().unwrap() - j as f64).abs() < 1e-13);
    }
    let (header, rows) = table(&directory, "spectrum.csv");
    assert_eq!(header, ["trajectory", "step", "t", "index", "singular_value"]);
    assert_eq!(rows.len(), 2 * 11 * 4, "two trajectories, eleven samples, min(m, n, h) = 4 values");
    let (header, rows) = table(&directory, "comparison.csv");
    assert_eq!(header[..7], ["reference", "trajectory", "step", "t", "product_deviation", "product_deviation_op", "factor_deviation"]);
    assert_eq!(rows.len(), 11);
    assert!(rows.iter().all(|row| row[0] == "flow" && row[1] == "gd"));
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let scratch = Scratch::new();
    let one = scratch.run(TINY, "one", &[MEDIUM, &["--threads", "1"]].concat());
    for threads in ["2", "3"] {
        let more = scratch.run(TINY, &format!("threads-{threads}"), &[MEDIUM, &["--threads", threads]].concat());
        expect_same_tables(&one, &more);
    }
}

#[test]
fn another_trajectory_changes_no_byte_of_the_others() {
    let scratch = Scratch::new();
    let alone = scratch.run(TINY, "alone", MEDIUM);
    let second = TINY.rfind("[[trajectory]]").unwrap();
    let more = "[[trajectory]]\nname = \"other\"\n[trajectory.flow]\nmethod = \"dopri5\"\nrtol = 1e-6\n\n\
                [[trajectory]]\nname = \"fine\"\n[trajectory.gradient_descent]\nstep = [0.05, 0.025]\n\n\
                [[trajectory]]\nname = \"fixed\"\n[trajectory.flow]\nmethod = \"rk4\"\nstep = 0.05\n\n";
    let company = scratch.run(&format!("{}{more}{}", &TINY[..second], &TINY[second..]), "company", MEDIUM);
    for name in ["flow", "gd"] {
        for file in ["trajectories.csv", "spectrum.csv"] {
            let lines = lines_of(&alone, file, name);
            assert!(!lines.is_empty());
            assert_eq!(lines, lines_of(&company, file, name), "{file}, {name}");
        }
    }
    assert_eq!(lines_of(&alone, "comparison.csv", "flow,gd"), lines_of(&company, "comparison.csv", "flow,gd"));
    for name in ["other", "fine[step=0.05]", "fine[step=0.025]", "fixed"] {
        assert!(!lines_of(&company, "trajectories.csv", name).is_empty(), "{name}");
    }
}

#[test]
fn a_configuration_may_come_from_standard_input() {
    let scratch = Scratch::new();
    let from_file = scratch.run(TINY, "file", &[]);
    expect_code(&scratch.pgflow_with_input(&["run", "-", "-o", "input"], TINY.as_bytes()), 0);
    expect_same_tables(&from_file, &scratch.path("input"));
}

#[test]
fn the_resolved_configuration_runs_again_to_the_same_bytes() {
    let scratch = Scratch::new();
    let first = scratch.run(TINY, "first", &["--set", "record.samples=5"]);
    expect_code(&scratch.pgflow(&["run", "first/config.toml", "-o", "second"]), 0);
    expect_same_tables(&first, &scratch.path("second"));
    assert_eq!(read(&first, "config.toml"), read(&scratch.path("second"), "config.toml"));
}

#[test]
fn keys_can_be_set_on_the_command_line() {
    let scratch = Scratch::new();
    let set = ["--set", "record.samples=6", "--set", "trajectory[gd].gradient_descent.step=[0.2,0.1]"];
    let directory = scratch.run(TINY, "set", &set);
    assert_eq!(lines_of(&directory, "trajectories.csv", "flow").len(), 6);
    for member in ["gd[step=0.2]", "gd[step=0.1]"] {
        assert_eq!(lines_of(&directory, "trajectories.csv", member).len(), 6, "{member}");
    }
    let edited = TINY.replace("samples = 11", "samples = 6");
    let by_hand = scratch.run(&edited, "by-hand", &[]);
    expect_same_tables(&by_hand, &scratch.run(TINY, "by-set", &["--set", "record.samples=6"]));
}

#[test]
fn results_go_to_standard_output() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    let output = scratch.pgflow(&["run", "tiny.toml", "-o", "text"]);
    expect_code(&output, 0);
    assert!(stdout(&output).contains("flow") && stdout(&output).contains("gd"), "{}", stdout(&output));
    assert!(!stdout(&output).contains('\u{1b}') && !stderr(&output).contains('\u{1b}'), "no colour without a terminal");

    let output = scratch.pgflow(&["run", "tiny.toml", "-o", "json", "--json"]);
    expect_code(&output, 0);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json.is_object() && json.to_string().contains("\"gd\""), "{json:#}");

    let output = scratch.pgflow(&["run", "tiny.toml", "-o", "quiet", "-q"]);
    expect_code(&output, 0);
    assert_eq!(stderr(&output), "");
}

#[test]
fn check_prints_the_cost_and_writes_nothing() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    let output = scratch.pgflow(&["check", "tiny.toml"]);
    expect_code(&output, 0);
    let text = stdout(&output);
    // 150 measurements of 12 × 10 entries of 8 bytes.
    let plain: String = text.chars().filter(|c| !"_, \u{202f}\u{a0}".contains(*c)).collect();
    assert!(["144000", "144.0kB", "144kB", "140.6KiB", "141KiB", "0.14MB"].iter().any(|size| plain.contains(size)), "{text}");
    assert!(text.to_lowercase().contains("pass"), "{text}");
    assert!(text.contains("[target]") && text.contains("horizon"), "the resolved configuration: {text}");
    assert_eq!(scratch.names(), set(&["tiny.toml"]));
}

#[test]
fn the_starter_configuration_runs() {
    let scratch = Scratch::new();
    let starter = scratch.pgflow(&["new"]);
    expect_code(&starter, 0);
    expect_code(&scratch.pgflow_with_input(&["run", "-", "-o", "started"], &starter.stdout), 0);
    assert!(TABLES.iter().all(|table| scratch.path("started").join(table).is_file()));
}

#[test]
fn schema_is_json_and_completions_name_the_commands() {
    let scratch = Scratch::new();
    let output = scratch.pgflow(&["schema"]);
    expect_code(&output, 0);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(schema["properties"]["trajectory"].is_object(), "{schema:#}");
    for shell in ["bash", "zsh", "fish"] {
        let output = scratch.pgflow(&["completions", shell]);
        expect_code(&output, 0);
        assert!(["run", "check", "instance"].iter().all(|command| stdout(&output).contains(command)), "{shell}");
    }
}

#[test]
fn instance_writes_an_archive() {
    let scratch = Scratch::new();
    scratch.write("tiny.toml", TINY);
    expect_code(&scratch.pgflow(&["instance", "tiny.toml", "-o", "tiny.npz"]), 0);
    assert_eq!(scratch.names(), set(&["tiny.toml", "tiny.npz"]));
    let mut archive = zip::ZipArchive::new(std::fs::File::open(scratch.path("tiny.npz")).unwrap()).unwrap();
    for (name, shape) in [("target", &[12, 10][..]), ("y", &[150]), ("f0", &[12, 4]), ("g0", &[10, 4]), ("operator", &[150, 12, 10])] {
        let array = npyz::NpyFile::new(archive.by_name(&format!("{name}.npy")).unwrap()).unwrap();
        assert_eq!(array.shape(), shape, "{name}");
    }
}

/// Line by line the same words. Numbers may differ by what another mathematical library makes of them: errors of integrators and of rounding, those below
/// 1e-7, by a factor of three, others by a hundredth. The last line tells where results are, and the time.
fn expect_same_summary(printed: &str, shown: &str) {
    let words = |line: &str| line.split_whitespace().map(|word| word.trim_matches(&[',', '(', ')'][..]).to_owned()).collect::<Vec<_>>();
    let lines = |text: &str| text.lines().filter(|line| !line.starts_with("results in")).map(words).collect::<Vec<_>>();
    let (printed, shown) = (lines(printed), lines(shown));
    assert!(printed.len() == shown.len() && printed.len() >= 7, "{printed:#?}\n{shown:#?}");
    for (mine, other) in printed.iter().zip(&shown) {
        assert_eq!(mine.len(), other.len(), "{mine:?} {other:?}");
        for (word, expected) in mine.iter().zip(other) {
            match (word.parse::<f64>(), expected.parse::<f64>()) {
                (Ok(number), Ok(expected)) => {
                    let most = if expected < 1e-7 { 3.0 } else { 1.01 };
                    assert!(number <= most * expected && expected <= most * number, "{number:e} for {expected:e} in {other:?}");
                }
                _ => assert_eq!(word, expected, "in {other:?}"),
            }
        }
    }
}

/// Runs the README's first command, and fits the order of the deviation to the table, not to the summary.
#[test]
fn the_readme_command_shows_first_order() {
    let scratch = Scratch::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = read(root, "README.md");
    let command = readme.lines().find_map(|line| line.strip_prefix("cargo run --release -- ")).expect("the README's command");
    let directory = scratch.path("quickstart");
    let mut arguments: Vec<&str> = command.split_whitespace().collect();
    arguments.extend(["-o", directory.to_str().unwrap()]);
    let output = scratch.command(&arguments).current_dir(root).output().unwrap();
    expect_code(&output, 0);
    let shown = readme.split("quickstart output -->\n```text\n").nth(1).unwrap().split("```").next().unwrap();
    expect_same_summary(&stdout(&output), shown);

    let (_, rows) = table(&directory, "comparison.csv");
    let mut worst = std::collections::BTreeMap::<String, f64>::new();
    for row in rows.iter().filter(|row| row[1].contains("[step=")) {
        let entry = worst.entry(row[1].clone()).or_default();
        *entry = entry.max(row[4].parse().unwrap());
    }
    let points: Vec<(f64, f64)> = worst
        .iter()
        .map(|(name, deviation)| {
            let step = name.split("[step=").nth(1).unwrap().trim_end_matches(']');
            (step.parse::<f64>().unwrap().ln(), deviation.ln())
        })
        .collect();
    assert!(points.len() >= 3, "{points:?}");
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / count, y + p.1 / count));
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    assert!((slope - 1.0).abs() <= 0.03, "order {slope} from {points:?}");
}

#[test]
fn the_example_in_the_readme_is_valid() {
    let scratch = Scratch::new();
    let readme = read(Path::new(env!("CARGO_MANIFEST_DIR")), "README.md");
    let example = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let output = scratch.pgflow_with_input(&["check", "-"], example.as_bytes());
    expect_code(&output, 0);
    assert!(stdout(&output).contains("mine"), "{}", stdout(&output));
}

#[test]
fn every_configuration_of_the_repository_runs() {
    let scratch = Scratch::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut configs: Vec<std::path::PathBuf> = Vec::new();
    for directory in ["configs", "configs/papers"] {
        let files = names(&root.join(directory)).into_iter().filter(|name| name.ends_with(".toml"));
        configs.extend(files.map(|name| root.join(directory).join(name)));
    }
    configs.sort();
    assert!(configs.len() >= 3, "{configs:?}");
    for path in &configs {
        let output = scratch.pgflow(&[
            "run",
            path.to_str().unwrap(),
            "-o",
            path.file_stem().unwrap().to_str().unwrap(),
            "--set",
            "record.horizon=2.0",
            "--set",
            "record.samples=5",
        ]);
        assert_eq!(output.status.code(), Some(0), "{}: {}", path.display(), stderr(&output));
    }
}

#[test]
fn the_manifest_and_the_summary_tell_of_switches() {
    let scratch = Scratch::new();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/long_tail.toml");
    let output = scratch.pgflow(&["run", config.to_str().unwrap(), "-o", "tail"]);
    expect_code(&output, 0);
    let manifest = manifest(&scratch.path("tail"));
    let switches = |index: usize| manifest["trajectories"][index]["switches"].as_array().unwrap().clone();
    let first = &switches(0)[0];
    assert_eq!((first["from"].as_str(), first["to"].as_str()), (Some("dop853"), Some("exponential")));
    let (t, step, size) = (first["t"].as_f64().unwrap(), first["step"].as_u64().unwrap(), first["step_size"].as_f64().unwrap());
    assert!(t > 10.0 && t < 200.0 && step > 10 && size > 1.0, "{first}");
    assert!(switches(1).is_empty() && switches(2).is_empty());
    assert!(stdout(&output).contains("auto: switched to exponential at t = "), "{}", stdout(&output));
}
