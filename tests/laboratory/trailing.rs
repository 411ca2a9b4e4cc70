//! Steps that trail: interpolants and samples of a finished step beside the next one, with the bits of one after the other.

use crate::setup::*;
use pgflow::config::*;
use pgflow::dynamics::State;
use pgflow::problem::Instance;
use pgflow::sensing::{Entries, Hadamard, Rademacher, RankOne, SensingOperator, Symmetrised};
use pgflow::simulation::{End, Monitor, RunRecord, SavedRun, Simulation, Unattended};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Lets trajectories stand still at every point: no step trails then.
#[derive(Default)]
struct Standstill {
    stepped: AtomicBool,
    rounds: AtomicUsize,
}

impl Monitor for Standstill {
    fn wants_checkpoint(&self) -> bool {
        self.stepped.load(Ordering::Relaxed)
    }

    fn checkpoint(&self, _saved: SavedRun) {
        self.stepped.store(false, Ordering::Relaxed);
    }

    fn progress(&self, _fraction: f64, _unfinished: usize) {
        self.stepped.store(true, Ordering::Relaxed);
        self.rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// The records of both orders, with the applications and answers of each.
fn both(lab: &Lab, instance: &Instance, start: &State) -> [(RunRecord, (u64, u64)); 2] {
    let run = |monitor: &dyn Monitor| {
        let starts = vec![start.clone(); lab.experiment.trajectories.len()];
        let mut simulation = Simulation::new(&lab.experiment, instance, starts).unwrap();
        assert!(matches!(simulation.run(monitor), End::Finished));
        (simulation.record(), simulation.passes())
    };
    [run(&Unattended), run(&Standstill::default())]
}

fn flow(integrator: FlowMethod) -> Method {
    Method::Flow(integrator)
}

/// All that flows are made of: laws with pieces and without, every integrator, what certificates and bounds measure inside steps.
fn lab(laws: Vec<(&'static str, Law)>) -> Lab {
    let tolerance = |rtol| ToleranceSpec { rtol, atol: 0.0, norm: ErrorNorm::Factors };
    let auto = FlowMethod::Tail { method: TailMethod::Auto, tolerance: tolerance(1e-6) };
    let mut lab = Lab::new(30.0, 50).flow("flow", Pair::Dop853, 1e-8).cross_check(1e-5).flow("dopri5", Pair::Dopri5, 1e-6).rk4("rk4", 0.3);
    lab.experiment.record.observables.extend(["sharpness", "curvature_min"].map(String::from));
    lab.experiment.trajectories[0].certify = true;
    lab = lab.trajectory("auto", "auto", flow(auto)).descent("gd", 0.1);
    let integrator = FlowMethod::Adaptive { pair: Pair::Dop853, tolerance: tolerance(1e-7) };
    lab = lab.trajectory("modified", "modified", Method::ModifiedFlow { step: 0.1, integrator });
    for (name, law) in laws {
        lab = lab.perturbed(name, bounded(Form::Shared, law, 0.05), 1e-7);
    }
    let mut lab = lab.perturbed("as_descent", as_descent(0.9), 1e-7).compare();
    lab.experiment.comparisons[0].bound = true;
    lab
}

#[test]
fn samples_beside_the_next_step_have_the_bits_of_samples_before_it() {
    let with = |adversaries: Vec<_>| random_laws().into_iter().chain(adversaries).collect();
    let asymmetric = (sensed(target(9, 7, &[1.0, 0.6], 1), 120, 2), small_start(9, 7, 4, 0.03, 3), with(shared_laws()));
    let symmetric = (symmetric_sensed(semidefinite(8, &[1.0, 0.6], 1), 60, 2), small_symmetric_start(8, 4, 0.03, 3), with(adversaries()));
    for (instance, start, laws) in [asymmetric, symmetric] {
        let [beside, before] = both(&lab(laws), &instance, &start);
        for (one, other) in beside.0.trajectories.iter().zip(&before.0.trajectories) {
            assert_eq!(one, other);
            assert!(one.counts.dense_evaluations > 30 || !["flow", "smooth"].contains(&one.name.as_str()), "{one:?}");
        }
        assert_eq!(beside.0, before.0);
        assert_eq!(beside.1.1, before.1.1, "the same questions");
    }
}

/// Each step has samples inside: alone they would take four applications more.
#[test]
fn samples_take_no_applications_of_their_own() {
    let (instance, start) = (sensed(target(9, 7, &[1.0, 0.6], 1), 120, 2), small_start(9, 7, 4, 0.03, 3));
    let rotating = bounded(Form::Lifted, Law::Rotating { period: 3.0 }, 0.05);
    for lab in [Lab::new(30.0, 200).flow("one", Pair::Dop853, 1e-8), Lab::new(30.0, 200).perturbed("one", rotating, 1e-8)] {
        let [(beside, passes), (_, apart)] = both(&lab, &instance, &start);
        let counts = beside.trajectories[0].counts;
        assert!(counts.dense_evaluations > 60, "{counts:?}");
        assert_eq!(passes.1, counts.evaluations + counts.dense_evaluations + 198, "the two ends are points of the trajectory");
        // The last step, which may take extra slopes or none, has no other beside it.
        assert!([1, 3 + 1].contains(&(passes.0 - counts.evaluations)), "{passes:?} {counts:?}");
        assert!(apart.0 >= counts.evaluations + counts.dense_evaluations, "{apart:?}");
    }
}

/// More samples in a step than one application takes, and than there are applications in the next step.
#[test]
fn any_number_of_samples_has_room_beside_a_step() {
    let (instance, start) = (sensed(target(7, 6, &[1.0, 0.6], 1), 90, 2), small_start(7, 6, 3, 0.1, 3));
    for samples in [900, 9000] {
        let lab = Lab::new(6.0, samples).flow("flow", Pair::Dop853, 1e-6).cross_check(1e-5).descent("gd", 0.2).compare();
        let [(beside, _), (before, _)] = both(&lab, &instance, &start);
        assert_eq!(beside, before);
        assert_eq!(beside.trajectories[0].rows.len(), samples);
        assert!(beside.trajectories[0].steps < 30);
    }
}

/// Columns that are made of the factors and the target alone.
const UNASKED: [&str; 9] = [
    "residual_fro",
    "relative_error",
    "residual_op",
    "imbalance",
    "imbalance_drift",
    "effective_rank",
    "angle_left",
    "signal_min",
    "misalignment",
];

/// Beside a column that needs the operator's answer the same columns have the same bits. Operators that answer by products are asked at no sample, not
/// even at points of the trajectory.
#[test]
fn the_operator_is_not_asked_where_nobody_looks_at_its_answer() {
    let y = || target(8, 8, &[1.0, 0.6], 1);
    let operators: [Box<dyn SensingOperator>; 4] = [
        Box::new(Rademacher::draw(8, 8, 90, 2).unwrap()),
        Box::new(RankOne::draw(8, 8, 90, 2).unwrap()),
        Box::new(Hadamard::draw(8, 8, 50, 2).unwrap()),
        Box::new(Entries::draw(8, 8, 50, 2).unwrap()),
    ];
    let mut instances: Vec<Instance> = operators.map(|operator| with_operator(y(), operator)).into();
    instances.extend([sensed(y(), 90, 2), full_observation(y())]);
    let s = || semidefinite(8, &[1.0, 0.6], 1);
    let symmetrised = Symmetrised::new(Box::new(RankOne::draw(8, 8, 90, 2).unwrap()));
    let symmetric = [symmetric_sensed(s(), 60, 2), symmetric_full_observation(s()), with_operator(s(), Box::new(symmetrised))];
    let instances = instances.into_iter().map(|instance| (instance, small_start(8, 8, 4, 0.05, 3)));
    for (instance, start) in instances.chain(symmetric.map(|instance| (instance, small_symmetric_start(8, 4, 0.05, 3)))) {
        let run = |more: &[&str]| {
            let rotating = bounded(Form::Shared, Law::Rotating { period: 3.0 }, 0.05);
            let mut lab = Lab::new(12.0, 50).flow("flow", Pair::Dop853, 1e-7).flow("dopri5", Pair::Dopri5, 1e-6);
            lab = lab.descent("gd", 0.1).perturbed("rotating", rotating, 1e-7).compare();
            lab.experiment.record.observables = UNASKED.iter().chain(more).map(|name| name.to_string()).collect();
            lab.run(&instance, &start)
        };
        let (unasked, asked) = (run(&[]), run(&["loss"]));
        assert_eq!(unasked.comparison, asked.comparison);
        for (one, other) in unasked.trajectories.iter().zip(&asked.trajectories) {
            assert_eq!((&one.spectrum, &one.snapshots, one.counts), (&other.spectrum, &other.snapshots, other.counts), "{}", one.name);
            for (row, beside) in one.rows.iter().zip(&other.rows) {
                assert_eq!((row.t, row.step), (beside.t, beside.step));
                assert_eq!(row.values, beside.values[..UNASKED.len()], "{} at {}", one.name, row.t);
            }
            assert!(one.rows.len() >= 50 && one.rows[1].values[1].is_some());
            assert_eq!(one.operator_passes, one.counts.evaluations + one.counts.dense_evaluations, "{}", one.name);
            let flow = one.name != "gd";
            assert!(!flow || other.operator_passes >= one.operator_passes + 40, "{}", one.name);
        }
    }
}

/// A bound and a certificate look at the answer at samples, whatever the columns.
#[test]
fn measures_ask_at_samples_whatever_the_columns() {
    let (instance, start) = (sensed(target(8, 7, &[1.0, 0.6], 1), 90, 2), small_start(8, 7, 4, 0.05, 3));
    let run = |more: &[&str]| {
        let rotating = bounded(Form::Shared, Law::Rotating { period: 3.0 }, 0.05);
        let mut lab = Lab::new(9.0, 20).flow("flow", Pair::Dop853, 1e-7).perturbed("rotating", rotating, 1e-7).compare();
        lab = lab.perturbed("as_descent", as_descent(0.5), 1e-7).compare();
        lab.experiment.comparisons[0].bound = true;
        lab.experiment.trajectories[0].certify = true;
        lab.experiment.record.observables = ["relative_error"].iter().chain(more).map(|name| name.to_string()).collect();
        lab.run(&instance, &start)
    };
    let (unasked, asked) = (run(&[]), run(&["loss"]));
    assert_eq!(unasked.comparison, asked.comparison);
    assert!(unasked.comparison.iter().all(|row| row.bound.is_some_and(|bound| bound >= 0.0)));
    assert_eq!(unasked.trajectories[0].error_bound, asked.trajectories[0].error_bound);
    assert!(unasked.trajectories[0].error_bound.is_some());
}
