//! Sweeps on a cluster: the scripts, a stub of sbatch, simulated variables of an array, and (ignored by default) a real Slurm.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, TINY, expect_code, read, stdout};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

const GRID: &str = "\n[sweep]\n\"init.gaussian.scale\" = { log = [1e-2, 1e-4], points = 3 }\nrepeats = 4\n";

/// What `submit` writes, with the paths taken out.
const ARRAY: &str = r#"#!/bin/bash
#SBATCH --job-name=tiny
#SBATCH --chdir=DIR/cluster
#SBATCH --partition=main
#SBATCH --array=0-2
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=515M
#SBATCH --time=00:10:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%A_%a.log
'PGFLOW' sweep run 'DIR/cluster' &
child=$!
trap 'kill -USR1 "$child"' USR1 TERM
wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
done
if [ "$code" -eq 75 ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
"#;

const COLLECT: &str = r"#!/bin/bash
#SBATCH --job-name=tiny
#SBATCH --chdir=DIR/cluster
#SBATCH --partition=main
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --time=01:00:00
#SBATCH --output=slurm-collect-%j.log
exec 'PGFLOW' sweep collect 'DIR/cluster' --out 'DIR/cluster/collected.csv'
";

/// Answers like sbatch and notes its arguments.
const STUB: &str =
    "#!/bin/sh\necho \"$@\" >> \"$(dirname \"$0\")/calls\"\ncase \"$*\" in *afterany*) echo 43;; *) echo '42;cluster';; esac\n";

fn planned(scratch: &Scratch, directory: &str) {
    scratch.write("sweep.toml", &format!("{TINY}{GRID}"));
    expect_code(&scratch.pgflow(&["sweep", "plan", "sweep.toml", "-o", directory]), 0);
}

fn undisturbed(scratch: &Scratch) -> String {
    planned(scratch, "undisturbed");
    expect_code(&scratch.pgflow(&["sweep", "run", "undisturbed"]), 0);
    expect_code(&scratch.pgflow(&["sweep", "collect", "undisturbed"]), 0);
    read(&scratch.path("undisturbed"), "collected.csv")
}

const SUBMIT: [&str; 10] = ["sweep", "submit", "cluster", "--slurm", "--shards=3", "--jobs=2", "--time", "00:10:00", "--partition", "main"];

#[test]
fn scripts_are_written_shown_and_submitted() {
    let scratch = Scratch::new();
    planned(&scratch, "cluster");
    let root = scratch.path("").canonicalize().unwrap().display().to_string();
    let plain = |text: String| text.replace(env!("CARGO_BIN_EXE_pgflow"), "PGFLOW").replace(&root, "DIR");
    let dry = scratch.pgflow(&[&SUBMIT[..], &["--dry-run"]].concat());
    expect_code(&dry, 0);
    assert_eq!(plain(read(&scratch.path("cluster"), "array.sbatch")), ARRAY);
    assert_eq!(plain(read(&scratch.path("cluster"), "collect.sbatch")), COLLECT);
    assert!(plain(stdout(&dry)).contains(ARRAY));
    let stub = scratch.write("sbatch", STUB);
    std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{root}:{}", std::env::var("PATH").unwrap());
    let submitted = scratch.command(&SUBMIT).env("PATH", path).output().unwrap();
    expect_code(&submitted, 0);
    assert!(stdout(&submitted).contains("submitted: array 42, collector 43"), "{}", stdout(&submitted));
    let calls = plain(std::fs::read_to_string(scratch.path("calls")).unwrap());
    assert_eq!(calls, "--parsable DIR/cluster/array.sbatch\n--parsable --dependency=afterany:42 DIR/cluster/collect.sbatch\n");
}

#[test]
fn a_task_of_an_array_takes_its_shard_from_slurm() {
    let scratch = Scratch::new();
    let expected = undisturbed(&scratch);
    planned(&scratch, "array");
    for task in 5..8 {
        let mut command = scratch.command(&["sweep", "run", "array"]);
        command.env("SLURM_ARRAY_TASK_ID", task.to_string()).env("SLURM_ARRAY_TASK_COUNT", "3").env("SLURM_ARRAY_TASK_MIN", "5");
        let output = command.env("SLURM_CPUS_PER_TASK", "1").output().unwrap();
        expect_code(&output, 0);
        assert!(stdout(&output).contains("4 tasks done, 0 had results"), "{}", stdout(&output));
    }
    expect_code(&scratch.pgflow(&["sweep", "collect", "array"]), 0);
    assert_eq!(read(&scratch.path("array"), "collected.csv"), expected);
}

#[test]
#[ignore = "needs a Slurm: tests/slurm/run.sh starts one"]
fn an_array_on_a_real_slurm_gives_the_same_bytes() {
    let scratch = Scratch::new();
    let expected = undisturbed(&scratch);
    planned(&scratch, "cluster");
    let submit = ["sweep", "submit", "cluster", "--slurm", "--shards=3", "--jobs=1", "--time", "00:10:00"];
    expect_code(&scratch.pgflow(&submit), 0);
    let table = scratch.path("cluster/collected.csv");
    let begin = Instant::now();
    while !table.exists() {
        assert!(begin.elapsed() < Duration::from_secs(180), "no table after three minutes");
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(std::fs::read_to_string(table).unwrap(), expected);
}

/// The states and numbers of restarts of an array's tasks, as `squeue` tells them.
fn queue(job: &str) -> String {
    let output =
        std::process::Command::new("squeue").args(["--noheader", "--array", "--jobs", job, "--format", "%i %t %r"]).output().unwrap();
    stdout(&output)
}

/// A shard that is told that its time is nearly over ends with code 75, goes back into the queue, runs again and finishes.
#[test]
#[ignore = "needs a Slurm: tests/slurm/run.sh starts one"]
fn a_shard_out_of_time_is_queued_again_and_finishes() {
    const SLOW: &str =
        "\n[sweep]\n\"init.gaussian.scale\" = { log = [1e-2, 1e-4], points = 4 }\n\"sensing.gaussian.seed\" = { integers = [1, 10] }\n";
    let scratch = Scratch::new();
    // A second or more in all, so that the signal comes in the middle.
    let set = ["--set", "trajectory[gd].gradient_descent.step=2e-4", "--set", "record.horizon=10"];
    let plan = |directory: &str| {
        scratch.write("sweep.toml", &format!("{TINY}{SLOW}"));
        expect_code(&scratch.pgflow(&[&["sweep", "plan", "sweep.toml", "-o", directory], &set[..]].concat()), 0);
    };
    plan("undisturbed");
    expect_code(&scratch.pgflow(&["sweep", "run", "undisturbed"]), 0);
    expect_code(&scratch.pgflow(&["sweep", "collect", "undisturbed"]), 0);
    let expected = read(&scratch.path("undisturbed"), "collected.csv");
    plan("cluster");
    let submitted = scratch.pgflow(&["sweep", "submit", "cluster", "--slurm", "--shards=1", "--jobs=1", "--time", "00:10:00"]);
    expect_code(&submitted, 0);
    let text = stdout(&submitted);
    let job = text.split("array ").last().and_then(|rest| rest.split(',').next()).expect("the array's number").trim().to_owned();
    // As Slurm does two minutes before the end: SIGUSR1 to the batch script alone.
    let begin = Instant::now();
    let results = || {
        std::fs::read_dir(scratch.path("cluster/results"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "bin"))
            .count()
    };
    while results() == 0 {
        assert!(begin.elapsed() < Duration::from_secs(60), "the array does not begin: {}", queue(&job));
        std::thread::sleep(Duration::from_millis(20));
    }
    let signalled = std::process::Command::new("scancel").args(["--batch", "--signal=USR1", &job]).status().unwrap();
    assert!(signalled.success());
    let log = || {
        std::fs::read_dir(scratch.path("cluster"))
            .unwrap()
            .filter_map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name()?.to_str()?;
                (name.starts_with("slurm-") && !name.contains("collect")).then(|| std::fs::read_to_string(&path).unwrap())
            })
            .collect::<String>()
    };
    while !log().contains("interrupted: the same command goes on from here") {
        assert!(begin.elapsed() < Duration::from_secs(90), "no interruption: {}\n{}", queue(&job), log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let before = results();
    assert!(before < 40, "it was over before the signal came");
    // Slurm holds a requeued job back for two minutes or so; it need not wait.
    let table = scratch.path("cluster/collected.csv");
    let mut released = false;
    while !table.exists() || !std::fs::read_to_string(&table).is_ok_and(|text| text == expected) {
        assert!(begin.elapsed() < Duration::from_secs(400), "the shard does not run again: {}\n{}", queue(&job), log());
        std::thread::sleep(Duration::from_secs(1));
        if !released && queue(&job).contains(" PD ") {
            released = true;
            let _ = std::process::Command::new("scontrol").args(["update", &format!("JobId={job}"), "StartTime=now"]).status();
        }
    }
    assert!(log().contains(&format!("{} tasks done, {before} had results", 40 - before)), "{}", log());
}
