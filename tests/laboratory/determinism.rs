//! A trajectory's numbers depend on its own description alone; an interrupted run goes on to the same bits.

use crate::setup::*;
use pgflow::config::{ErrorNorm, FlowMethod, Method, Pair, Spacing, Stop};
use pgflow::dynamics::State;
use pgflow::problem::Instance;
use pgflow::simulation::{End, Monitor, Outcome, RunRecord, SavedRun, Simulation, SimulationError};
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

/// With everything that a resumed run must remember: stop rules, cuts at recording times, logarithmic spacing, two error norms, warnings
/// of stability, comparisons with a reference that ends early.
#[test]
fn resuming_remembers_everything() {
    let (instance, start) = problem();
    let stop = Stop { gradient_norm: Some(2e-3), evaluations: Some(900), factor_norm: Some(1e3), ..Stop::default() };
    let mut lab = Lab::new(60.0, 150).stop(stop).flow("flow", Pair::Dop853, 1e-4).cross_check(1.0).flow("product", Pair::Dopri5, 1e-6);
    lab = lab.rk4("rk4", 0.1).cross_check(1e-3).descents("gd", &[0.3, 0.02]).descent("wild", 3.0).compare();
    if let Method::Flow(FlowMethod::Adaptive { tolerance, .. }) = &mut lab.experiment.trajectories[1].method {
        tolerance.norm = ErrorNorm::Product;
    }
    for exact_times in [false, true] {
        lab.experiment.record.exact_times = exact_times;
        lab.experiment.record.spacing = if exact_times { Spacing::Logarithmic { first: 1e-3 } } else { Spacing::Linear };
        let undisturbed = lab.run(&instance, &start);
        let outcomes: Vec<_> = undisturbed.trajectories.iter().map(|t| t.outcome.unwrap().label()).collect();
        assert!(outcomes.contains(&"converged") && outcomes.contains(&"evaluation limit"), "{outcomes:?}");
        for rounds in [vec![0, 1, 1, 1, 1], vec![13; 80], vec![37; 40], vec![300, 500]] {
            assert_eq!(interrupted(&lab, &instance, &start, &rounds), undisturbed, "{rounds:?}");
        }
    }
}

/// What an interrupted run says of itself is where it stands.
#[test]
fn an_interrupted_run_says_how_far_it_came() {
    let (instance, start) = problem();
    let lab = Lab::new(20.0, 41).flow("flow", Pair::Dop853, 1e-9).descent("gd", 0.1);
    let mut simulation = Simulation::new(&lab.experiment, &instance, vec![start.clone(), start]).unwrap();
    assert!(matches!(simulation.run(&After(AtomicUsize::new(90))), End::Interrupted(_)));
    for trajectory in simulation.record().trajectories {
        assert!(matches!(trajectory.outcome, Some(Outcome::Interrupted { t }) if t == trajectory.t && t > 0.0), "{trajectory:?}");
        assert!(trajectory.steps > 0 && trajectory.counts.accepted == trajectory.steps, "{}", trajectory.name);
        assert!(trajectory.counts.evaluations >= trajectory.steps && trajectory.operator_passes >= trajectory.counts.evaluations);
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

/// A file that the configuration names may have changed in between: its numbers must not be mixed with those of the old one.
#[test]
fn a_saved_run_is_refused_for_other_data() {
    let (mut instance, start) = problem();
    let lab = Lab::new(20.0, 41).descent("gd", 0.1);
    let starts = || vec![start.clone()];
    let mut simulation = Simulation::new(&lab.experiment, &instance, starts()).unwrap();
    let End::Interrupted(saved) = simulation.run(&After(AtomicUsize::new(9))) else { panic!("not interrupted") };
    assert!(Simulation::new(&lab.experiment, &instance, starts()).unwrap().restore((*saved).clone()).is_ok());
    let mut moved = start.clone();
    moved.as_mut_slice()[3] *= 1.0 + f64::EPSILON;
    let mut other = Simulation::new(&lab.experiment, &instance, vec![moved]).unwrap();
    assert!(matches!(other.restore((*saved).clone()), Err(SimulationError::OtherInstance)));
    instance.data[7] *= 1.0 + f64::EPSILON;
    let mut other = Simulation::new(&lab.experiment, &instance, starts()).unwrap();
    assert!(matches!(other.restore(*saved), Err(SimulationError::OtherInstance)));
}

/// The last moment at which a signal can come: all trajectories have ended, the cross-checks have not begun.
#[test]
fn a_run_interrupted_before_its_cross_checks_makes_them_when_resumed() {
    let (instance, start) = problem();
    let lab = lab();
    let undisturbed = lab.run(&instance, &start);
    let counter = Checkpoints { every: usize::MAX, rounds: AtomicUsize::new(0), saved: Mutex::new(0) };
    let starts = || vec![start.clone(); lab.experiment.trajectories.len()];
    Simulation::new(&lab.experiment, &instance, starts()).unwrap().run(&counter);
    let rounds = counter.rounds.into_inner();
    let mut simulation = Simulation::new(&lab.experiment, &instance, starts()).unwrap();
    assert!(matches!(simulation.run(&After(AtomicUsize::new(rounds))), End::Interrupted(_)));
    let record = simulation.record();
    assert!(record.trajectories.iter().all(|t| t.outcome == Some(Outcome::Completed) && t.cross_check.is_none()));
    assert_eq!(interrupted(&lab, &instance, &start, &[rounds]), undisturbed);
}
