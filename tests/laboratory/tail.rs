//! The methods for long tails through the whole driver.

use crate::determinism::interrupted;
use crate::setup::*;
use pgflow::config::{ErrorNorm, FlowMethod, Method, Pair, TailMethod, ToleranceSpec};
use pgflow::dynamics::State;
use pgflow::linalg::{Matrix, frobenius};
use pgflow::problem::Instance;
use pgflow::simulation::{RunRecord, TrajectoryRecord};
use pgflow::stepper::Regime;

const ALL: [TailMethod; 3] = [TailMethod::Rkc2, TailMethod::Exponential, TailMethod::Auto];

fn tail(method: TailMethod, rtol: f64) -> Method {
    Method::Flow(FlowMethod::Tail { method, tolerance: ToleranceSpec { rtol, atol: 0.0, norm: ErrorNorm::Factors } })
}

fn problem() -> (Instance, State) {
    (sensed(target(12, 9, &[1.0, 0.6], 1), 200, 2), small_start(12, 9, 6, 0.01, 3))
}

fn three(lab: Lab, rtol: f64) -> Lab {
    ALL.into_iter().fold(lab, |lab, method| lab.trajectory(method.name(), method.name(), tail(method, rtol)))
}

fn last_product(record: &TrajectoryRecord) -> Matrix {
    let snapshots = record.snapshots.as_ref().unwrap();
    let left = snapshots.f.last().unwrap();
    left * snapshots.g.last().unwrap_or(left).transpose()
}

/// The largest distance of products at recording times from those of the first trajectory.
fn deviation(record: &RunRecord, name: &str) -> f64 {
    let [reference, other] = [&record.trajectories[0], find(record, name)].map(|t| t.snapshots.as_ref().unwrap());
    assert_eq!(reference.t, other.t);
    let product = |s: &pgflow::simulation::Snapshots, i: usize| &s.f[i] * s.g.get(i).unwrap_or(&s.f[i]).transpose();
    (0..reference.t.len()).map(|i| frobenius(&(product(other, i) - product(reference, i)))).fold(0.0, f64::max)
}

#[test]
fn balanced_modes_follow_their_closed_form_from_escape_to_the_tail() {
    // THEORY 3.2: FGᵀ = Σ s_i(t) u_i v_iᵀ with logistic s_i, recorded between steps too.
    let sigma = [2.0, 1.0, 0.5];
    let target = target(9, 7, &sigma, 5);
    let frame = orthonormal(5, 3, 6);
    let start = State::from_factors(&(&target.left * frame.transpose() * 1e-3), &(&target.right * frame.transpose() * 1e-3));
    let (left, right) = (target.left.clone(), target.right.clone());
    let record = three(Lab::new(200.0, 101), 1e-8).run(&full_observation(target), &start);
    for trajectory in &record.trajectories {
        let snapshots = trajectory.snapshots.as_ref().unwrap();
        let mut worst = 0.0f64;
        for (i, &t) in snapshots.t.iter().enumerate() {
            let mode = |s: f64| s / (1.0 + (s / 1e-6 - 1.0) * (-2.0 * s * t).exp());
            let expected = &left * Matrix::from_diagonal(&sigma.map(mode).to_vec().into()) * right.transpose();
            worst = worst.max(frobenius(&(&snapshots.f[i] * snapshots.g[i].transpose() - expected)));
        }
        println!("{}: {worst:.1e} {:?}", trajectory.name, trajectory.counts);
        // A step may err by rtol relative to ‖Z‖ ≤ 2.7, which moves products of size 2 by some times that; escape amplifies what happened
        // before it, and dense outputs are without control of their own.
        assert!(worst < 1e-8 * 2.7 * 2.0 * trajectory.counts.accepted as f64, "{}: {worst:e}", trajectory.name);
    }
}

#[test]
fn errors_are_proportional_to_the_tolerance_and_far_fewer_evaluations_are_needed_on_a_long_tail() {
    let (instance, start) = (sensed(target(12, 10, &[1.0, 0.3], 1), 150, 2), small_start(12, 10, 8, 1e-3, 3));
    let mut lab = Lab::new(2000.0, 3).flow("reference", Pair::Dop853, 1e-12).flow("dop853", Pair::Dop853, 1e-7);
    let tolerances = [1e-4, 1e-6, 1e-8];
    for method in ALL {
        for rtol in tolerances {
            lab = lab.trajectory(&format!("{}{rtol:e}", method.name()), "tail", tail(method, rtol));
        }
    }
    let record = lab.run(&instance, &start);
    let exact = last_product(&record.trajectories[0]);
    let explicit = find(&record, "dop853").counts.evaluations;
    for method in ALL {
        let mut before = f64::INFINITY;
        for rtol in tolerances {
            let trajectory = find(&record, &format!("{}{rtol:e}", method.name()));
            let error = frobenius(&(last_product(trajectory) - &exact)) / 1.05;
            let switches: Vec<_> = trajectory.switches.iter().map(|s| (s.t, s.to)).collect();
            println!("{}: {error:.1e} of {explicit}: {:?} {switches:?}", trajectory.name, trajectory.counts);
            assert!(error < 30.0 * rtol && error < before, "{}: {error:e}", trajectory.name);
            before = error;
            if method == TailMethod::Auto {
                assert!(trajectory.switches.len() <= 3, "{switches:?}");
                assert_eq!((trajectory.switches[0].from, trajectory.switches[0].to), (Regime::Dop853, Regime::Exponential));
                assert!(trajectory.switches[0].t < 100.0 && trajectory.switches[0].step_size > 1.0);
                let times = if rtol > 1e-5 { 8 } else { 2 };
                assert!(times * trajectory.counts.evaluations < explicit, "{:?} of {explicit}", trajectory.counts);
            }
        }
    }
}

#[test]
fn bits_depend_neither_on_company_nor_on_threads() {
    let (instance, start) = problem();
    let lab = || three(Lab::new(150.0, 61).descents("gd", &[0.2, 0.1]).flow("flow", Pair::Dop853, 1e-8), 1e-6);
    let on =
        |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| lab().run(&instance, &start));
    let together = on(1);
    assert_eq!(on(3), together);
    for method in ALL {
        let alone = Lab::new(150.0, 61).trajectory(method.name(), method.name(), tail(method, 1e-6)).run(&instance, &start);
        assert_eq!(&alone.trajectories[0], find(&together, method.name()));
    }
    assert!(!find(&together, "auto").switches.is_empty());
}

#[test]
fn interrupted_runs_go_on_to_the_same_bits() {
    let (instance, start) = problem();
    for exact_times in [false, true] {
        let mut lab = three(Lab::new(150.0, 31), 1e-6);
        lab.experiment.record.exact_times = exact_times;
        let undisturbed = lab.run(&instance, &start);
        for rounds in [vec![0], vec![1; 8], vec![7, 1, 23, 100, 40], vec![13; 40], vec![3; 120]] {
            assert_eq!(interrupted(&lab, &instance, &start, &rounds), undisturbed, "{rounds:?}");
        }
        assert!(!find(&undisturbed, "auto").switches.is_empty(), "exact times: {exact_times}");
    }
}

#[test]
fn exact_times_are_met_and_change_results_by_the_tolerance() {
    let (instance, start) = problem();
    let mut lab = three(Lab::new(60.0, 25).flow("reference", Pair::Dop853, 1e-12), 1e-7);
    let between = lab.run(&instance, &start);
    lab.experiment.record.exact_times = true;
    let met = lab.run(&instance, &start);
    for method in ALL {
        let (cut, free) = (find(&met, method.name()), find(&between, method.name()));
        assert_eq!(cut.t, 60.0);
        assert!(cut.steps >= 24 && cut.steps > free.steps);
        for record in [&met, &between] {
            let error = deviation(record, method.name());
            println!("{}: {error:.1e} {:?}", method.name(), find(record, method.name()).counts);
            assert!(error < 1e-7 * 50.0, "{}: {error:e}", method.name());
        }
    }
}

#[test]
fn the_symmetric_model_and_structured_operators_have_tails_too() {
    let symmetric = (symmetric_sensed(semidefinite(10, &[1.0, 0.4], 4), 90, 5), small_symmetric_start(10, 6, 1e-2, 6));
    let rank_one = {
        let operator = pgflow::sensing::RankOne::draw(10, 8, 200, 7).unwrap();
        (with_operator(target(10, 8, &[1.0, 0.5], 8), Box::new(operator)), small_start(10, 8, 5, 1e-2, 9))
    };
    for (instance, start) in [symmetric, rank_one] {
        let record = three(Lab::new(150.0, 11).flow("reference", Pair::Dop853, 1e-12), 1e-7).run(&instance, &start);
        for method in ALL {
            let error = deviation(&record, method.name());
            println!("{}: {error:.1e} {:?}", method.name(), find(&record, method.name()).counts);
            assert!(error < 1e-7 * 100.0, "{}: {error:e}", method.name());
        }
    }
}

#[test]
fn the_energy_defect_is_small_and_the_imbalance_is_kept() {
    let (instance, start) = problem();
    let record = three(Lab::new(100.0, 41), 1e-9).run(&instance, &start);
    let column = |name: &str| record.columns.iter().position(|column| column == name).unwrap();
    for trajectory in &record.trajectories {
        let largest = |name: &str| trajectory.rows.iter().filter_map(|row| row.values[column(name)]).fold(0.0, f64::max);
        println!("{}: energy {:.1e}, imbalance {:.1e}", trajectory.name, largest("energy_defect"), largest("imbalance_drift"));
        assert!(largest("energy_defect") < 1e-6, "{}", trajectory.name);
        assert!(largest("imbalance_drift") < 1e-6, "{}", trajectory.name);
    }
}

#[test]
fn a_certificate_and_a_second_opinion_can_be_had() {
    let (instance, start) = (sensed(target(8, 6, &[1.0, 0.6], 1), 120, 2), small_start(8, 6, 4, 0.05, 3));
    for method in ALL {
        let mut lab = Lab::new(12.0, 13).trajectory("flow", "flow", tail(method, 1e-9)).cross_check(1e-6);
        lab.experiment.trajectories[0].certify = true;
        let record = lab.run(&instance, &start);
        let flow = &record.trajectories[0];
        let (check, bound) = (flow.cross_check.unwrap(), flow.error_bound.unwrap());
        println!("{}: {check:?} {bound:?}", method.name());
        assert!(check.at_step_ends < 1e-7 && check.at_recording_times < 1e-7, "{check:?}");
        assert!(bound.product >= 0.1 * check.at_recording_times, "{bound:?} {check:?}");
        assert!(bound.product.is_finite() || method == TailMethod::Rkc2, "{bound:?}");
    }
}
