//! Tables, snapshots, manifest and checkpoint of a run.

// The lints spare test functions, not their helpers.
#![allow(clippy::unwrap_used)]

use pgflow::linalg::Matrix;
use pgflow::output::*;
use pgflow::problem::Instance;
use pgflow::sensing::Identity;
use pgflow::simulation::*;
use pgflow::stepper::Counts;
use serde::{Deserialize, Serialize};
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;

fn trajectory(name: &str, outcome: Outcome) -> TrajectoryRecord {
    TrajectoryRecord {
        name: name.into(),
        family: "gd".into(),
        method: "gradient_descent".into(),
        step_size: Some(0.1),
        modified_step: None,
        init: String::new(),
        rows: vec![
            Row { step: Some(0), t: 0.0, values: vec![Some(0.1), None] },
            Row { step: Some(3), t: 0.1 * 3.0, values: vec![Some(f64::NAN), Some(f64::INFINITY)] },
        ],
        spectrum: vec![SpectrumRow { step: Some(3), t: 0.25, values: vec![1.0, 5e-324] }],
        snapshots: None,
        vectors: None,
        outcome: Some(outcome),
        t: 0.3,
        steps: 3,
        counts: Counts { accepted: 3, rejected: 1, evaluations: 4, dense_evaluations: 2 },
        switches: vec![],
        operator_passes: 6,
        cross_check: None,
        error_bound: None,
        warnings: vec!["slow".into()],
    }
}

fn record() -> RunRecord {
    let mut flow = trajectory("flow", Outcome::Completed);
    flow.rows = vec![Row { step: None, t: 1.0 / 3.0, values: vec![Some(-0.0), Some(1e300)] }];
    flow.spectrum = vec![];
    let row = ComparisonRow {
        reference: "flow".into(),
        trajectory: "gd[step=0.1]".into(),
        step: Some(3),
        t: 0.5,
        product_deviation: 0.25,
        product_deviation_op: 0.125,
        factor_deviation: None,
        bound: None,
        bound_first_order: None,
    };
    let flow_row = ComparisonRow { step: None, factor_deviation: Some(2.0), ..row.clone() };
    RunRecord {
        columns: vec!["loss".into(), "angle_left".into()],
        trajectories: vec![flow, trajectory("gd[step=0.1,scale=1e-3]", Outcome::Diverged { t: 0.3, norm: f64::INFINITY })],
        comparison: vec![row, flow_row],
        bounded: false,
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn bounds_are_columns_only_where_some_comparison_asks_for_them() {
    let mut record = RunRecord { bounded: true, ..record() };
    (record.comparison[0].bound, record.comparison[1].bound_first_order) = (Some(4.0), Some(0.5));
    let table = text(|bytes| write_comparison(&record, bytes));
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].ends_with(",factor_deviation,bound,bound_first_order"));
    assert!(lines[1].ends_with(",,4.0000000000000000e0,") && lines[2].ends_with(",2.0000000000000000e0,,5.0000000000000000e-1"));
}

#[test]
fn trajectories_are_written_to_the_letter() {
    assert_eq!(
        text(|bytes| write_trajectories(&record(), bytes)),
        "trajectory,step,t,loss,angle_left\n\
         flow,,3.3333333333333331e-1,-0.0000000000000000e0,1.0000000000000001e300\n\
         \"gd[step=0.1,scale=1e-3]\",0,0.0000000000000000e0,1.0000000000000001e-1,\n\
         \"gd[step=0.1,scale=1e-3]\",3,3.0000000000000004e-1,NaN,inf\n"
    );
}

#[test]
fn spectrum_and_comparison_are_written_to_the_letter() {
    assert_eq!(
        text(|bytes| write_spectrum(&record(), bytes)),
        "trajectory,step,t,index,singular_value\n\
         \"gd[step=0.1,scale=1e-3]\",3,2.5000000000000000e-1,1,1.0000000000000000e0\n\
         \"gd[step=0.1,scale=1e-3]\",3,2.5000000000000000e-1,2,4.9406564584124654e-324\n"
    );
    assert_eq!(
        text(|bytes| write_comparison(&record(), bytes)),
        "reference,trajectory,step,t,product_deviation,product_deviation_op,factor_deviation\n\
         flow,gd[step=0.1],3,5.0000000000000000e-1,2.5000000000000000e-1,1.2500000000000000e-1,\n\
         flow,gd[step=0.1],,5.0000000000000000e-1,2.5000000000000000e-1,1.2500000000000000e-1,2.0000000000000000e0\n"
    );
    let empty = RunRecord::default();
    assert_eq!(text(|bytes| write_trajectories(&empty, bytes)), "trajectory,step,t\n");
}

#[test]
fn rows_of_another_length_are_refused() {
    let mut record = record();
    record.trajectories[0].rows[0].values.pop();
    assert!(write_trajectories(&record, Vec::new()).is_err());
}

proptest::proptest! {
    #[test]
    fn numbers_in_tables_round_trip(bits: u64) {
        let value = f64::from_bits(bits);
        let mut record = record();
        record.trajectories[0].rows[0].values[0] = Some(value);
        let table = text(|bytes| write_trajectories(&record, bytes));
        let cell: f64 = table.lines().nth(1).unwrap().split(',').nth(3).unwrap().parse().unwrap();
        assert!(cell.to_bits() == bits || (cell.is_nan() && value.is_nan()));
    }
}

fn snapshots() -> Snapshots {
    let factor = |rows: usize, s: usize| Matrix::from_fn(rows, 2, move |i, j| (100 * s + 10 * i + j) as f64);
    Snapshots { t: vec![0.0, 0.5, 1.5], f: (0..3).map(|s| factor(4, s)).collect(), g: (0..3).map(|s| factor(3, s)).collect() }
}

#[test]
fn snapshots_are_stacked_in_c_order() {
    let mut record = record();
    record.trajectories[1].snapshots = Some(snapshots());
    let write = |record: &RunRecord| {
        let mut bytes = Cursor::new(Vec::new());
        write_snapshots(record, &mut bytes).map(|()| bytes.into_inner())
    };
    let bytes = write(&record).unwrap();
    assert_eq!(bytes, write(&record).unwrap());
    let stored: Vec<u8> = (0..3)
        .flat_map(|s| (0..4).flat_map(move |i| (0..2).map(move |j| f64::from(100 * s + 10 * i + j))))
        .flat_map(f64::to_le_bytes)
        .collect();
    assert!(bytes.windows(stored.len()).any(|window| window == stored));
    let python = std::env::var("PGFLOW_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if Command::new(&python).args(["-c", "import numpy"]).output().is_ok_and(|output| output.status.success()) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(SNAPSHOTS);
        std::fs::write(&path, &bytes).unwrap();
        let script = "import numpy as np, sys; a = np.load(sys.argv[1]); n = 'gd[step=0.1,scale=1e-3]'
assert sorted(a.files) == [n + '.f', n + '.g', n + '.t'] and list(a[n + '.t']) == [0, .5, 1.5]
s, i, j = np.ogrid[:3, :4, :2]; assert (a[n + '.f'] == 100 * s + 10 * i + j).all() and a[n + '.g'].shape == (3, 3, 2)";
        let output = Command::new(&python).arg("-c").arg(script).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    } else {
        eprintln!("SKIPPED: {python} has no NumPy; set PGFLOW_PYTHON to one that has");
    }
    record.trajectories[1].snapshots.as_mut().unwrap().f.pop();
    assert!(write(&record).is_err());
}

fn description() -> (RunDescription, InstanceSummary) {
    let instance = Instance { target: None, operator: Box::new(Identity::new(1, 2)), data: vec![1.0, -0.0], noise_adjoint: None };
    let run = RunDescription { name: "quick".into(), config_hash: Digest::of("config"), seed: u64::MAX, threads: 2 };
    (run, InstanceSummary::new(&instance, "identity"))
}

#[test]
fn manifests_tell_what_ran_and_return_from_their_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(MANIFEST);
    let (run, instance) = description();
    let mut record = record();
    record.trajectories[0].cross_check =
        Some(CrossCheck { at_step_ends: 1e-9, at_recording_times: f64::NAN, tolerance: 1e-6, evaluations: 10 });
    let manifest = Manifest::new(&run, instance, &record, 1.5);
    write_manifest(&path, &manifest).unwrap();
    assert_eq!(Manifest::read(&path).unwrap(), manifest);
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["status"], "completed");
    assert_eq!(json["config_hash"], Digest::of("config").to_string());
    assert_eq!(json["seed"], u64::MAX);
    // sha256 of struct.pack('<2d', 1., -0.)
    assert_eq!(json["instance"]["data_sha256"], Digest::of([0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x80]).to_string());
    assert_eq!(json["instance"]["measurements"], 2);
    let [flow, descent] = [&json["trajectories"][0], &json["trajectories"][1]];
    assert_eq!((&flow["cross_check"]["at_recording_times"], &flow["cross_check"]["passed"]), (&serde_json::Value::Null, &false.into()));
    assert_eq!((&descent["outcome"]["kind"], &descent["outcome"]["t"]), (&"diverged".into(), &0.3.into()));
    assert!(descent["outcome"]["norm"].is_null() && descent["outcome"]["sentence"].as_str().unwrap().contains("‖Z‖_F = inf"));
    assert_eq!((&descent["accepted"], &descent["operator_passes"], &descent["step_size"]), (&3.into(), &6.into(), &0.1.into()));
    assert_eq!(descent["warnings"][0], "slow");
    assert!(json["dependencies"]["faer"].is_string() && json["pgflow_version"].is_string());
    record.trajectories[0].outcome = Some(Outcome::Interrupted { t: 0.1 });
    assert_eq!(Manifest::new(&run, description().1, &record, 1.5).status, Status::Interrupted);
}

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    numbers: Vec<f64>,
    matrix: Matrix,
    record: RunRecord,
}

fn payload() -> Payload {
    let quiet = f64::from_bits(0x7ff8_0000_dead_beef);
    let numbers = vec![0.1, -0.0, f64::NEG_INFINITY, quiet, f64::from_bits(1), f64::MAX];
    Payload { numbers, matrix: Matrix::from_fn(3, 2, |i, j| (i as f64 - 0.1) / (j as f64 + 0.7)), record: record() }
}

#[test]
fn checkpoints_return_every_bit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(CHECKPOINT);
    let configuration = Digest::of("config");
    save_checkpoint(&path, &configuration, &payload()).unwrap();
    let loaded: Payload = load_checkpoint(&path, &configuration).unwrap();
    let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&loaded.numbers), bits(&payload().numbers));
    assert_eq!(loaded.matrix, payload().matrix);
    // The record holds a NaN, which is unlike itself.
    assert_eq!(format!("{:?}", loaded.record), format!("{:?}", record()));
    assert_eq!(checkpoint_configuration(&path).unwrap(), configuration);
}

#[test]
fn checkpoints_that_cannot_be_used_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(CHECKPOINT);
    let configuration = Digest::of("config");
    save_checkpoint(&path, &configuration, &payload()).unwrap();
    let good = std::fs::read(&path).unwrap();
    let load = |bytes: &[u8], configuration: &Digest| {
        std::fs::write(&path, bytes).unwrap();
        load_checkpoint::<Payload>(&path, configuration).unwrap_err()
    };
    assert!(matches!(load(&good, &Digest::of("other")), CheckpointError::OtherConfiguration { .. }));
    assert!(matches!(load(b"something else", &configuration), CheckpointError::NotACheckpoint { .. }));
    assert!(matches!(load(b"", &configuration), CheckpointError::NotACheckpoint { .. }));
    let mut newer = good.clone();
    newer[8] += 1;
    assert!(matches!(load(&newer, &configuration), CheckpointError::OtherVersion { found, .. } if found == CHECKPOINT_VERSION + 1));
    for length in [8, 12, 20, 60, good.len() - 1] {
        assert!(matches!(load(&good[..length], &configuration), CheckpointError::Damaged { .. }), "{length}");
    }
    for place in (12..good.len()).step_by(7) {
        let mut bytes = good.clone();
        bytes[place] ^= 0x10;
        assert!(matches!(load(&bytes, &configuration), CheckpointError::Damaged { .. }), "{place}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(load_checkpoint::<Payload>(&path, &configuration), Err(CheckpointError::Read { .. })));
    save_checkpoint(&path, &configuration, &vec![1u64, 2, 3]).unwrap();
    assert!(matches!(load_checkpoint::<u64>(&path, &configuration), Err(CheckpointError::Damaged { .. })), "bytes are left over");
}

fn entries(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_failed_write_leaves_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    write_atomically(&path, |writer| writer.write_all(b"old")).unwrap();
    let error = write_atomically(&path, |writer| {
        writer.write_all(&[b'x'; 1 << 20])?;
        Err(std::io::ErrorKind::StorageFull.into())
    })
    .unwrap_err();
    assert!(error.to_string().contains("a.csv") && error.to_string().ends_with("free some space, or choose another directory with --out"));
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(entries(directory.path()), ["a.csv"]);
    write_atomically(&path, |writer| writer.write_all(b"new")).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    let error = write_atomically(&directory.path().join("absent/a.csv"), |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("create its directory first"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_apart_by_every_format() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let errors = [
        write_trajectories(&record(), full()).unwrap_err(),
        write_spectrum(&record(), full()).unwrap_err(),
        write_comparison(&record(), full()).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{error:?}");
    }
}
