//! Trajectories of different lengths: they end together, and no number of theirs depends on when they had their turns.

use crate::determinism::interrupted;
use crate::setup::*;
use pgflow::config::*;
use pgflow::dynamics::State;
use pgflow::problem::Instance;
use pgflow::simulation::{End, Monitor, RunRecord, Simulation};
use std::sync::Mutex;

/// Notes, for every round, the part of the horizon that the slowest has gone, and how many are unfinished.
#[derive(Default)]
struct Progress(Mutex<Vec<(f64, usize)>>);

impl Monitor for Progress {
    fn progress(&self, fraction: f64, unfinished: usize) {
        self.0.lock().unwrap().push((fraction, unfinished));
    }
}

struct Run {
    record: RunRecord,
    passes: u64,
    questions: u64,
    progress: Vec<(f64, usize)>,
}

fn run(lab: &Lab, instance: &Instance, start: &State, everyone: bool) -> Run {
    let mut simulation = Simulation::new(&lab.experiment, instance, vec![start.clone(); lab.experiment.trajectories.len()]).unwrap();
    if everyone {
        simulation = simulation.serving_everyone();
    }
    let progress = Progress::default();
    assert!(matches!(simulation.run(&progress), End::Finished));
    let (passes, questions) = simulation.passes();
    Run { record: simulation.record(), passes, questions, progress: progress.0.into_inner().unwrap() }
}

fn problem() -> (Instance, State) {
    (sensed(target(9, 7, &[1.0, 0.6], 1), 120, 2), small_start(9, 7, 4, 0.03, 3))
}

/// Descents of 100 to 1500 steps beside flows by all kinds of integrators, with samples inside steps, comparisons, bounds and steps on data of their own.
fn lab() -> Lab {
    let tolerance = ToleranceSpec { rtol: 1e-6, atol: 0.0, norm: ErrorNorm::Factors };
    let tail = |method| Method::Flow(FlowMethod::Tail { method, tolerance });
    let mut lab = Lab::new(30.0, 50).flow("flow", Pair::Dop853, 1e-9).cross_check(1e-5).flow("dopri5", Pair::Dopri5, 1e-6).rk4("rk4", 0.15);
    lab.experiment.trajectories[0].certify = true;
    lab = lab.trajectory("auto", "auto", tail(TailMethod::Auto)).trajectory("rkc2", "rkc2", tail(TailMethod::Rkc2));
    lab = lab.descents("gd", &[0.3, 0.2, 0.1, 0.05, 0.02]);
    lab = lab.trajectory("sgd", "sgd", Method::StochasticGradientDescent { step: 0.1, batch: 10, seed: 1 });
    for (name, law) in random_laws() {
        lab = lab.perturbed(name, bounded(Form::Shared, law, 0.05), 1e-7);
    }
    let mut lab = lab.compare();
    lab.experiment.comparisons[0].bound = true;
    lab
}

#[test]
fn numbers_do_not_depend_on_turns() {
    let (instance, start) = problem();
    // Once to the horizon, and once with trajectories that stop for all kinds of reasons, the longest among them.
    let rules = Stop { gradient_norm: Some(1e-2), evaluations: Some(900), factor_norm: Some(1e3), ..Stop::default() };
    for (lab, ends) in [(lab(), 1), (lab().descent("wild", 3.0).stop(rules), 4)] {
        let (turns, everyone) = (run(&lab, &instance, &start, false), run(&lab, &instance, &start, true));
        for (one, other) in turns.record.trajectories.iter().zip(&everyone.record.trajectories) {
            assert_eq!(one, other);
        }
        assert_eq!(turns.record, everyone.record);
        assert_eq!(turns.questions, everyone.questions);
        let outcomes: std::collections::BTreeSet<_> = turns.record.trajectories.iter().map(|t| t.outcome.unwrap().label()).collect();
        assert_eq!(outcomes.len(), ends, "{outcomes:?}");
        // Somebody waited.
        let unfinished = |run: &Run| run.progress.iter().map(|(_, unfinished)| *unfinished).collect::<Vec<_>>();
        assert_ne!(unfinished(&turns), unfinished(&everyone));
        for rounds in [vec![40], vec![7, 301, 23, 500]] {
            assert_eq!(interrupted(&lab, &instance, &start, &rounds), turns.record, "{rounds:?}");
        }
    }
}

/// The exact solution asks at recording times, most of which lie within a thousandth of the horizon: it is not taken for the longest.
#[test]
fn a_closed_form_does_not_hold_others_back() {
    let instance = full_observation(target(6, 6, &[1.0, 0.5], 1));
    let spectral = InitSpec { seed: 0, kind: InitKind::Spectral, scale: 1e-2 };
    let mut lab = Lab::new(40.0, 200).trajectory("exact", "exact", Method::ClosedForm).descents("gd", &[0.1, 0.1, 0.1, 0.1, 0.1]);
    lab.experiment.record.spacing = Spacing::Logarithmic { first: 1e-5 };
    for trajectory in &mut lab.experiment.trajectories {
        trajectory.init = spectral;
    }
    let start = pgflow::problem::initial_state(&spectral, Some(3), &instance, None).unwrap();
    let (turns, everyone) = (run(&lab, &instance, &start, false), run(&lab, &instance, &start, true));
    assert_eq!(turns.record, everyone.record);
    assert_eq!(turns.passes, everyone.passes);
}

#[test]
fn a_round_serves_no_more_than_the_longest_leaves_room_for() {
    let (instance, start) = problem();
    // 1600, 400, 200, 100 and 100 steps: 2400 in all, one and a half times the longest.
    let lab = Lab::new(32.0, 2).descents("gd", &[0.02, 0.08, 0.16, 0.32, 0.32]);
    let (turns, everyone) = (run(&lab, &instance, &start, false), run(&lab, &instance, &start, true));
    assert_eq!(turns.record, everyone.record);
    // One evaluation at the start; all are in the first two rounds, after which their lengths are known.
    assert_eq!((turns.passes, everyone.passes), (1601, 1601));
    let alone = |run: &Run| run.progress.iter().filter(|(_, unfinished)| *unfinished == 1).count();
    assert!(alone(&everyone) >= 1199, "a descent of 1600 steps goes by itself when that of 400 has ended");
    // About 800 rounds of two, and as many of one.
    assert!((790..=810).contains(&alone(&turns)), "{}", alone(&turns));
    // The part of the horizon that the slowest has gone grows evenly: it is that of the whole run.
    for (round, (part, _)) in turns.progress.iter().enumerate() {
        assert!((part - round as f64 / 1601.0).abs() < 0.01, "{round}: {part}");
    }
}

#[test]
fn passes_serve_as_many_points_in_the_end_as_at_first() {
    let (instance, start) = problem();
    // Descents of 2000 to 250 steps, and flows of some hundred evaluations.
    let mut lab = Lab::new(40.0, 21).descents("gd", &[0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16]);
    for name in ["one", "two", "three", "four"] {
        lab = lab.flow(name, Pair::Dop853, 1e-8);
    }
    let (turns, everyone) = (run(&lab, &instance, &start, false), run(&lab, &instance, &start, true));
    assert_eq!(turns.record, everyone.record);
    assert!((2001..2010).contains(&everyone.passes) && (2001..2020).contains(&turns.passes), "{} {}", everyone.passes, turns.passes);
    let alone = |run: &Run| run.progress.iter().filter(|(_, unfinished)| *unfinished == 1).count();
    assert!(alone(&everyone) > 900 && alone(&turns) < 100, "{} {}", alone(&everyone), alone(&turns));
}
