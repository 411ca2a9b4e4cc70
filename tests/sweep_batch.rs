//! Points on one instance share passes over its measurements, and memory bounds what runs side by side.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scratch, TINY, expect_code, read, stdout};
use pgflow::problem::{build_instance, initial_state};
use pgflow::simulation::{End, Simulation, Unattended};
use pgflow::sweep::{RunOptions, Shard, Sweep, Tally, Watch, run};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

fn planned(scratch: &Scratch, sweep: &str) -> Sweep {
    scratch.write("sweep.toml", &format!("{TINY}{sweep}"));
    expect_code(&scratch.pgflow(&["sweep", "plan", "sweep.toml", "-o", "sweep"]), 0);
    Sweep::open(&scratch.path("sweep")).unwrap()
}

fn options(jobs: usize, memory: Option<u64>) -> RunOptions {
    RunOptions { shard: Shard::WHOLE, jobs, retry_failed: false, memory }
}

/// Counts what runs side by side.
#[derive(Default)]
struct Count {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Watch for Count {
    fn running(&self, tasks: usize) {
        let now = self.now.fetch_add(tasks, Ordering::SeqCst) + tasks;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn done(&self, _failed: bool) {
        let _ = self.now.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_sub(1)));
    }
}

/// Passes and questions of every point on its own.
fn alone(sweep: &Sweep) -> (u64, u64) {
    let (mut passes, mut questions) = (0, 0);
    for task in &sweep.manifest.tasks {
        let experiment = sweep.experiment(task).unwrap();
        let built = build_instance(&experiment).unwrap();
        let start = |spec: &pgflow::config::TrajectorySpec| initial_state(&spec.init, experiment.width, &built.instance, None).unwrap();
        let mut simulation = Simulation::new(&experiment, &built.instance, experiment.trajectories.iter().map(start).collect()).unwrap();
        assert!(matches!(simulation.run(&Unattended), End::Finished));
        let (more, answered) = simulation.passes();
        (passes, questions) = (passes + more, questions + answered);
    }
    (passes, questions)
}

#[test]
fn sixty_four_points_on_one_instance_take_a_fraction_of_their_passes() {
    let sizes = "\n[sweep]\n\"init.gaussian.scale\" = { log = [1e-1, 1e-4], points = 64 }\n";
    let steps = "\n[sweep]\n\"trajectory[gd].gradient_descent.step\" = { log = [0.1, 0.025], points = 64 }\n";
    for (sweep, shared) in [(sizes, false), (steps, true)] {
        for jobs in [1, 2] {
            let scratch = Scratch::new();
            let sweep = planned(&scratch, sweep);
            let separate = alone(&sweep);
            let tally = run(&sweep, options(jobs, None), &Count::default()).unwrap();
            assert_eq!((tally.done, tally.failed), (64, 0));
            // Batches hold up to 32 questions, a run of two trajectories has one or two at a time: with full batches a sixteenth to a
            // thirty-second. Descents of a quarter of the steps take turns, and samples make bursts: a sixth leaves room for that.
            assert!(6 * tally.passes <= separate.0, "{jobs} jobs: {tally:?}, alone {separate:?}");
            // Nothing is asked twice; and where all points compare with the same flow, it runs once in each lockstep.
            match shared {
                false => assert_eq!(tally.questions, separate.1),
                true => assert!(tally.questions < separate.1, "{tally:?}, alone {separate:?}"),
            }
        }
    }
}

#[test]
fn instances_wait_for_memory_and_are_refused_where_they_never_fit() {
    let instances = "\n[sweep]\n\"sensing.gaussian.seed\" = { integers = [1, 6] }\n";
    let measure = |memory: Option<u64>| -> (Tally, usize) {
        let scratch = Scratch::new();
        let (sweep, count) = (planned(&scratch, instances), Count::default());
        let tally = run(&sweep, options(3, memory), &count).unwrap();
        (tally, count.most.load(Ordering::SeqCst))
    };
    let scratch = Scratch::new();
    let cost = planned(&scratch, instances).manifest.tasks[0].cost;
    let bytes = cost.instance_bytes + cost.state_bytes;
    let (tally, most) = measure(Some(bytes));
    assert_eq!((tally.done, tally.failed, most), (6, 0, 1), "room for one: one at a time");
    let (tally, most) = measure(Some(2 * bytes));
    assert!((tally.done, tally.failed) == (6, 0) && most <= 2, "room for two: {most} at a time");
    let (tally, _) = measure(Some(cost.instance_bytes - 1));
    assert_eq!((tally.done, tally.failed), (6, 6));
}

#[test]
fn a_limit_on_memory_is_told_in_the_row() {
    let scratch = Scratch::new();
    planned(&scratch, "\n[sweep]\n\"sensing.gaussian.measurements\" = [100, 4000]\n");
    expect_code(&scratch.pgflow(&["sweep", "run", "sweep", "--memory", "2M"]), 1);
    expect_code(&scratch.pgflow(&["sweep", "collect", "sweep"]), 0);
    let rows = rows(&scratch.path("sweep"));
    let failed: Vec<_> = rows.iter().filter(|row| row["outcome"] == "failed").collect();
    let [row] = failed.as_slice() else { panic!("{rows:?}") };
    assert!(row["sensing.gaussian.measurements"] == "4000" && row["message"].contains("--memory allows 2000000"), "{row:?}");
    let output = scratch.pgflow(&["sweep", "run", "sweep", "--memory", "1G", "--retry-failed"]);
    expect_code(&output, 0);
    assert!(stdout(&output).contains("1 tasks done, 1 had results"), "{}", stdout(&output));
    let wrong = scratch.pgflow(&["sweep", "run", "sweep", "--memory", "much"]);
    expect_code(&wrong, 2);
}

fn rows(directory: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_reader(read(directory, "collected.csv").as_bytes()).deserialize().map(Result::unwrap).collect()
}
