//! A trajectory's numbers depend on its own description alone; an interrupted run goes on to the same bits.

use crate::setup::*;
use pgflow::config::Pair;
use pgflow::dynamics::State;
use pgflow::problem::Instance;
use pgflow::simulation::{End, Monitor, RunRecord, SavedRun, Simulation};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn problem() -> (Instance, State) {
    (sensed(target(12, 9, &[1.0, 0.6], 1), 200, 2), small_start(12, 9, 6, 0.01, 3))
}

fn lab() -> Lab {
    Lab::new(20.0, 41)
        .flow("dop853", Pair::Dop853, 1e-9)
        .cross_check(1e-6)
        .flow("dopri5", Pair::Dopri5, 1e-7)
        .rk4("rk4", 0.13)
        .descents("gd", &[0.2, 0.1, 0.03])
        .compare()
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let (instance, start) = problem();
    let one = on_threads(1, || lab().run(&instance, &start));
    for threads in [2, 3, 8] {
        assert_eq!(on_threads(threads, || lab().run(&instance, &start)), one, "{threads} threads");
    }
}

#[test]
fn bits_do_not_depend_on_the_company() {
    let (instance, start) = problem();
    let together = lab().run(&instance, &start);
    let alone = |build: fn(Lab) -> Lab| build(Lab::new(20.0, 41)).run(&instance, &start).trajectories.remove(0);
    let same = |name: &str, other: pgflow::simulation::TrajectoryRecord| {
        let mine = find(&together, name);
        assert_eq!(mine.rows, other.rows, "{name}");
        assert_eq!(mine.spectrum, other.spectrum, "{name}");
        assert_eq!(mine.counts.evaluations, other.counts.evaluations, "{name}");
    };
    same("dop853", alone(|lab| lab.flow("dop853", Pair::Dop853, 1e-9)));
    same("dopri5", alone(|lab| lab.flow("dopri5", Pair::Dopri5, 1e-7)));
    same("rk4", alone(|lab| lab.rk4("rk4", 0.13)));
    same("gd[step=0.03]", alone(|lab| lab.descents("gd", &[0.03])));
}

/// Interrupts after so many rounds.
struct After(AtomicUsize);

impl Monitor for After {
    fn interrupted(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn progress(&self, _fraction: f64, _unfinished: usize) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    }
}

pub fn interrupted(lab: &Lab, instance: &Instance, start: &State, rounds: &[usize]) -> RunRecord {
    let starts = || vec![start.clone(); lab.experiment.trajectories.len()];
    let mut saved: Option<Vec<u8>> = None;
    for &limit in rounds.iter().chain([&usize::MAX]) {
        let mut simulation = Simulation::new(&lab.experiment, instance, starts()).unwrap();
        if let Some(bytes) = &saved {
            simulation.restore(postcard::from_bytes::<SavedRun>(bytes).unwrap()).unwrap();
        }
        match simulation.run(&After(AtomicUsize::new(limit))) {
            End::Finished => return simulation.record(),
            End::Interrupted(run) => saved = Some(postcard::to_stdvec(&*run).unwrap()),
        }
    }
    panic!("never finished");
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    let (instance, start) = problem();
    let undisturbed = lab().run(&instance, &start);
    for rounds in [vec![0], vec![1], vec![50], vec![7, 1, 23, 100], vec![3; 60]] {
        assert_eq!(interrupted(&lab(), &instance, &start, &rounds), undisturbed, "{rounds:?}");
    }
}

/// Takes a checkpoint after every so many rounds.
struct Checkpoints {
    every: usize,
    rounds: AtomicUsize,
    saved: Mutex<usize>,
}

impl Monitor for Checkpoints {
    fn wants_checkpoint(&self) -> bool {
        self.rounds.load(Ordering::Relaxed) >= self.every
    }

    fn checkpoint(&self, _saved: SavedRun) {
        *self.saved.lock().unwrap() += 1;
        self.rounds.store(0, Ordering::Relaxed);
    }

    fn progress(&self, _fraction: f64, _unfinished: usize) {
        self.rounds.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn checkpoints_change_no_bit() {
    let (instance, start) = problem();
    let undisturbed = lab().run(&instance, &start);
    let lab = lab();
    let starts = vec![start.clone(); lab.experiment.trajectories.len()];
    let monitor = Checkpoints { every: 20, rounds: AtomicUsize::new(0), saved: Mutex::new(0) };
    let mut simulation = Simulation::new(&lab.experiment, &instance, starts).unwrap();
    assert!(matches!(simulation.run(&monitor), End::Finished));
    assert_eq!(simulation.record(), undisturbed);
    assert!(*monitor.saved.lock().unwrap() > 3);
}
