//! Which directories a run may write to.

// The lints spare test functions, not their helpers.
#![allow(clippy::unwrap_used)]

use pgflow::output::*;
use pgflow::problem::Instance;
use pgflow::sensing::Identity;
use pgflow::simulation::{Outcome, RunRecord, TrajectoryRecord};
use std::path::Path;

fn ours() -> Digest {
    Digest::of("ours")
}

fn manifest(directory: &Path, configuration: &str, outcome: Outcome) {
    let instance = Instance { target: None, operator: Box::new(Identity::new(1, 1)), data: vec![1.0], noise_adjoint: None };
    let run = RunDescription { name: "x".into(), config_hash: Digest::of(configuration), seed: 0, threads: 1 };
    let trajectory = TrajectoryRecord {
        name: "gd".into(),
        family: "gd".into(),
        method: "gradient_descent".into(),
        step_size: None,
        modified_step: None,
        init: String::new(),
        rows: vec![],
        spectrum: vec![],
        snapshots: None,
        vectors: None,
        outcome: Some(outcome),
        t: 0.0,
        steps: 0,
        counts: Default::default(),
        switches: vec![],
        operator_passes: 0,
        cross_check: None,
        error_bound: None,
        warnings: vec![],
    };
    let record = RunRecord { trajectories: vec![trajectory], ..RunRecord::default() };
    let manifest = Manifest::new(&run, InstanceSummary::new(&instance, "identity"), &record, 0.0);
    write_manifest(&directory.join(MANIFEST), &manifest).unwrap();
}

/// What `prepare` says to each policy: `Ok`, or the error's variant.
fn verdicts(fill: impl Fn(&Path)) -> [String; 3] {
    [Existing::Protect, Existing::Resume, Existing::Replace].map(|existing| {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("runs/x");
        std::fs::create_dir_all(&path).unwrap();
        fill(&path);
        match RunDirectory::prepare(&path, &ours(), existing) {
            Ok(_) => "Ok".to_owned(),
            Err(error) => format!("{error:?}").split([' ', '{']).next().unwrap().to_owned(),
        }
    })
}

const INTERRUPTED: Outcome = Outcome::Interrupted { t: 0.5 };

#[test]
fn directories_are_judged_by_whose_results_they_hold() {
    let checkpoint = |path: &Path, configuration: &str| save_checkpoint(&path.join(CHECKPOINT), &Digest::of(configuration), &1u8).unwrap();
    assert_eq!(verdicts(|_| ()), ["Ok", "Ok", "Ok"]);
    assert_eq!(verdicts(|path| manifest(path, "ours", Outcome::Completed)), ["Ok", "Ok", "Ok"]);
    let interrupted = |path: &Path| {
        manifest(path, "ours", INTERRUPTED);
        checkpoint(path, "ours");
    };
    assert_eq!(verdicts(interrupted), ["InterruptedRun", "Ok", "Ok"]);
    assert_eq!(verdicts(|path| manifest(path, "ours", INTERRUPTED)), ["InterruptedRun", "Ok", "Ok"]);
    assert_eq!(verdicts(|path| checkpoint(path, "ours")), ["InterruptedRun", "Ok", "Ok"]);
    for fill in [|path: &Path| manifest(path, "theirs", Outcome::Completed), |path: &Path| manifest(path, "theirs", INTERRUPTED)] {
        assert_eq!(verdicts(fill), ["OtherConfiguration", "OtherConfiguration", "Ok"]);
    }
    assert_eq!(verdicts(|path| checkpoint(path, "theirs")), ["OtherConfiguration", "OtherConfiguration", "Ok"]);
    assert_eq!(verdicts(|path| std::fs::write(path.join("thesis.tex"), "").unwrap()), ["ForeignFiles", "ForeignFiles", "Ok"]);
    // A run that could write its configuration and no more: whose it is shows, and the same run may try again.
    assert_eq!(verdicts(|path| std::fs::write(path.join(CONFIG), "theirs").unwrap()), ["OtherConfiguration", "OtherConfiguration", "Ok"]);
    assert_eq!(verdicts(|path| std::fs::write(path.join(CONFIG), "ours").unwrap()), ["Ok", "Ok", "Ok"]);
    assert_eq!(verdicts(|path| std::fs::write(path.join(".pgflow-x.tmp"), "").unwrap()), ["Ok", "Ok", "Ok"]);
    assert_eq!(verdicts(|path| std::fs::write(path.join(MANIFEST), "{}").unwrap()), ["Manifest", "Manifest", "Ok"]);
    // A user's notes beside a run of this configuration do no harm.
    let notes = |path: &Path| {
        manifest(path, "ours", Outcome::Completed);
        std::fs::write(path.join("notes.txt"), "").unwrap();
    };
    assert_eq!(verdicts(notes), ["Ok", "Ok", "Ok"]);
}

#[test]
fn force_removes_results_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path();
    manifest(path, "theirs", Outcome::Completed);
    for name in [CONFIG, SNAPSHOTS, TRAJECTORIES, CHECKPOINT, ".pgflow-abc.tmp", "notes.txt", "mine.csv"] {
        std::fs::write(path.join(name), "theirs").unwrap();
    }
    std::fs::create_dir(path.join("figures")).unwrap();
    let error = RunDirectory::prepare(path, &ours(), Existing::Protect).unwrap_err().to_string();
    assert!(error.contains("another configuration") && error.contains("--out") && error.contains("--force"), "{error}");
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 9, "a refusal touches nothing");
    let directory = RunDirectory::prepare(path, &ours(), Existing::Replace).unwrap();
    let mut left: Vec<_> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["figures", "mine.csv", "notes.txt"]);
    directory.write_record(&RunRecord::default()).unwrap();
    assert!(directory.file(TRAJECTORIES).exists() && directory.file(SPECTRUM).exists() && directory.file(COMPARISON).exists());
    assert!(!directory.file(SNAPSHOTS).exists());
    directory.remove_checkpoint().unwrap();
}

#[test]
fn directories_are_made_and_files_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("a/b/c");
    assert_eq!(RunDirectory::prepare(&path, &ours(), Existing::Protect).unwrap().path(), path);
    assert!(path.is_dir());
    let file = scratch.path().join("file");
    std::fs::write(&file, "").unwrap();
    for existing in [Existing::Protect, Existing::Replace] {
        assert!(matches!(RunDirectory::prepare(&file, &ours(), existing), Err(OutputError::NotADirectory { .. })));
        let error = RunDirectory::prepare(&file.join("below"), &ours(), existing).unwrap_err().to_string();
        assert!(error.contains("--out"), "{error}");
    }
    assert_eq!(default_directory("quickstart"), Path::new("runs/quickstart"));
}
