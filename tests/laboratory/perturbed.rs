//! Perturbed flows through the whole driver: closed forms, conservation, jumps, symmetries, resumption.

use crate::determinism::interrupted;
use crate::setup::*;
use pgflow::config::*;
use pgflow::dynamics::{Moment, Next, State, VectorField};
use pgflow::linalg::Matrix;
use pgflow::perturbation::{Blocks, build};
use pgflow::problem::{Instance, Target};
use pgflow::sensing::{Answer, Question};
use pgflow::simulation::RunRecord;
use pgflow::stepper::{RungeKutta, Stepper, drive, tableaus::DOP853};
use std::ops::ControlFlow;

fn sensing() -> (Instance, State) {
    (sensed(target(8, 7, &[1.0, 0.6], 1), 120, 2), small_start(8, 7, 5, 0.3, 3))
}

/// `E` of a constant shared perturbation.
fn constant(spec: &PerturbationSpec, instance: &Instance, start: &State) -> Matrix {
    let mut flow = build(spec, instance, start.shape(), 1.0).unwrap();
    let blocks = flow.perturbation(Moment { t: 0.0, piece: 0 }, start, &answer(instance, start)).clone();
    let Blocks::Shared(e) = blocks else { panic!() };
    e
}

fn state(record: &RunRecord, name: &str, index: usize) -> State {
    let snapshots = find(record, name).snapshots.as_ref().unwrap();
    State::from_factors(&snapshots.f[index], &snapshots.g[index])
}

#[test]
fn a_flat_constant_perturbation_moves_the_limit_to_y_plus_e() {
    for (width, seed) in [(5, 1), (8, 2)] {
        let y = target(6, 5, &[2.0, 1.0], 31);
        let start = small_start(6, 5, width, 0.3, seed);
        let instance = full_observation(y.clone());
        let spec = PerturbationSpec { seed, ..bounded(Form::Shared, Law::Constant { direction: Direction::Flat }, 0.3) };
        let goal = &y.matrix + constant(&spec, &instance, &start);
        let record = Lab::new(400.0, 3).perturbed("pgf", spec, 1e-10).run(&instance, &start);
        let deviation = (product(&record, "pgf", 2) - goal).norm();
        assert!(deviation < 1e-8, "width {width}: {deviation:e}");
    }
}

#[test]
fn a_constant_perturbation_is_the_flow_towards_another_target() {
    for direction in [Direction::Gaussian, Direction::Flat, Direction::RankOne] {
        let y = target(6, 5, &[2.0, 1.0], 31);
        let start = small_start(6, 5, 3, 0.1, 5);
        let instance = full_observation(y.clone());
        let spec = bounded(Form::Shared, Law::Constant { direction }, 0.2);
        let moved = Target::from_matrix(&y.matrix + constant(&spec, &instance, &start), None).unwrap();
        let perturbed = Lab::new(10.0, 21).perturbed("x", spec, 1e-12).run(&instance, &start);
        let plain = Lab::new(10.0, 21).flow("x", Pair::Dop853, 1e-12).run(&full_observation(moved), &start);
        for k in 0..21 {
            let deviation = (product(&perturbed, "x", k) - product(&plain, "x", k)).norm();
            assert!(deviation < 1e-10, "{direction:?}, sample {k}: {deviation:e}");
        }
    }
}

fn series(directory: &std::path::Path) -> Law {
    let file = directory.join("e.npz");
    let mut archive = pgflow::problem::ArchiveWriter::new(std::fs::File::create(&file).unwrap());
    archive.array("t", &[4], [0.0, 2.0, 3.5, 9.0]).unwrap();
    archive.array("e", &[4, 8, 7], (0..4).flat_map(|k| Vec::from(gaussian(8, 7, k).data)).map(|x| 0.02 * x)).unwrap();
    archive.finish().unwrap();
    Law::Replay { file, interpolation: Interpolation::Linear }
}

#[test]
fn every_shared_perturbation_conserves_the_imbalance() {
    let directory = tempfile::tempdir().unwrap();
    let (instance, start) = sensing();
    let mut lab = Lab::new(12.0, 25);
    for (name, law) in random_laws().into_iter().chain(shared_laws()) {
        lab = lab.perturbed(name, bounded(Form::Shared, law, 0.1), 1e-12);
    }
    lab = lab.perturbed("replay", PerturbationSpec { bound: None, ..bounded(Form::Shared, series(directory.path()), 0.0) }, 1e-12);
    let record = lab.run(&instance, &start);
    let plain = Lab::new(12.0, 25).flow("flow", Pair::Dop853, 1e-12).run(&instance, &start);
    for trajectory in &record.trajectories {
        let worst = column(&record, &trajectory.name, "imbalance_drift").into_iter().fold(0.0, f64::max);
        assert!(worst < 1e-10, "{}: {worst:e}", trajectory.name);
        let away = (product(&record, &trajectory.name, 24) - product(&plain, "flow", 24)).norm();
        assert!(away > 1e-3, "{} does disturb: {away:e}", trajectory.name);
    }
}

fn imbalance(z: &State) -> Matrix {
    let (f, g) = (z.left().to_matrix(), z.right().to_matrix());
    f.transpose() * &f - g.transpose() * &g
}

#[test]
fn the_imbalance_of_the_other_forms_moves_by_its_law() {
    let (instance, start) = sensing();
    let dt = 5e-3;
    for form in [Form::TwoSided, Form::Additive, Form::Lifted] {
        for law in [Law::Smooth { correlation_time: 0.8 }, Law::Rotating { period: 2.0 }] {
            let spec = bounded(form, law, 0.3);
            let record = Lab::new(300.0 * dt, 301).perturbed("x", spec.clone(), 1e-13).run(&instance, &start);
            let mut flow = build(&spec, &instance, start.shape(), 2.0).unwrap();
            for k in [10, 100, 200, 290] {
                let l = |offset: i32| imbalance(&state(&record, "x", (k as i32 + offset) as usize));
                // Fourth order: dt⁴ times a fifth derivative of order 10²; rounding 1e-14/dt.
                let measured = ((l(1) - l(-1)) * 8.0 - (l(2) - l(-2))) / (12.0 * dt);
                let z = state(&record, "x", k);
                let (f, g) = (z.left().to_matrix(), z.right().to_matrix());
                let t = find(&record, "x").rows[k].t;
                let law = match flow.perturbation(Moment { t, piece: 0 }, &z, &answer(&instance, &z)) {
                    Blocks::TwoSided(first, second) => {
                        let half = f.transpose() * (first - second) * &g;
                        &half + half.transpose()
                    }
                    Blocks::Additive(p) => {
                        let (pf, pg) = (p.rows(0, 8).transpose() * &f, p.rows(8, 7).transpose() * &g);
                        &pf + pf.transpose() - &pg - pg.transpose()
                    }
                    Blocks::Lifted(e) => {
                        let j = Matrix::from_fn(15, 15, |i, j| {
                            if i != j {
                                0.0
                            } else if i < 8 {
                                1.0
                            } else {
                                -1.0
                            }
                        });
                        z.matrix().transpose() * (&j * e + e.transpose() * &j) * z.matrix()
                    }
                    _ => panic!(),
                };
                assert!(law.norm() > 1e-2);
                assert!((&measured - &law).norm() < 1e-6 * law.norm().max(1.0), "{form:?}, {k}: {:e}", (&measured - &law).norm());
            }
        }
    }
}

/// A field that keeps its jumps to itself.
struct Unannounced<F>(F, f64);

impl<F: VectorField> VectorField for Unannounced<F> {
    fn begin(&mut self, at: Moment, state: &State, rate: &mut State) -> Next {
        self.0.begin(self.moment(at), state, rate)
    }

    fn question<'a>(&'a self, state: &'a State) -> Question<'a> {
        self.0.question(state)
    }

    fn resume(&mut self, at: Moment, state: &State, answer: &Answer, rate: &mut State) -> Next {
        self.0.resume(self.moment(at), state, answer, rate)
    }
}

impl<F> Unannounced<F> {
    fn moment(&self, at: Moment) -> Moment {
        Moment { piece: (at.t / self.1) as u64, ..at }
    }
}

#[test]
fn the_order_of_dop853_is_kept_across_jumps() {
    let (instance, start) = sensing();
    let (interval, horizon) = (0.73, 4.0);
    let spec = bounded(Form::Shared, Law::Piecewise { interval }, 0.5);
    let field = || build(&spec, &instance, start.shape(), horizon).unwrap();
    let run = |stepper: &mut RungeKutta, field: &mut dyn VectorField| {
        drive(stepper, field, instance.operator.as_ref(), &instance.data, |_| ControlFlow::Continue(())).unwrap();
        stepper.state().clone()
    };
    let tolerance = ToleranceSpec { rtol: 1e-14, atol: 0.0, norm: ErrorNorm::Factors };
    let exact = run(&mut RungeKutta::adaptive(&DOP853, tolerance, start.clone(), horizon), &mut field());
    let error = |step: f64, announced: bool| {
        let mut stepper = RungeKutta::fixed(DOP853.tableau, step, start.clone(), horizon);
        let end = if announced { run(&mut stepper, &mut field()) } else { run(&mut stepper, &mut Unannounced(field(), interval)) };
        (end.matrix() - exact.matrix()).norm() / exact.norm()
    };
    // Subdivisions of the intervals, so that all steps shrink alike.
    let points: Vec<(f64, f64)> = [1.0, 2.0, 3.0, 4.0].map(|n| (interval / n, error(interval / n, true))).to_vec();
    let slope = order(&points);
    assert!((7.0..9.5).contains(&slope), "{slope}: {points:?}");
    // With jumps off the grid all steps are at most 0.25, and the error is below that of larger steps on the grid; a method that steps across
    // the jumps is not even near.
    let (across, without) = (error(0.25, true), error(0.25, false));
    assert!(across < points[1].1 && without > 1e4 * across, "{across:e} against {without:e}");
}

#[test]
fn ode_solvers_agrees_on_perturbed_flows() {
    let directory = tempfile::tempdir().unwrap();
    let (instance, start) = sensing();
    let mut lab = Lab::new(8.0, 17);
    for (name, law) in random_laws().into_iter().chain(shared_laws()) {
        lab = lab.perturbed(name, bounded(Form::Shared, law, 0.1), 1e-9).cross_check(1e-6);
    }
    for form in [Form::Additive, Form::TwoSided, Form::Lifted] {
        let law = Law::Piecewise { interval: 0.7 };
        lab = lab.perturbed(&format!("{form:?}"), bounded(form, law, 0.1), 1e-9).cross_check(1e-6);
    }
    lab = lab
        .perturbed("replay", PerturbationSpec { bound: None, ..bounded(Form::Shared, series(directory.path()), 0.0) }, 1e-9)
        .cross_check(1e-6);
    lab = lab.perturbed("descent", as_descent(0.1), 1e-9).cross_check(1e-6);
    for trajectory in &lab.run(&instance, &start).trajectories {
        let check = trajectory.cross_check.unwrap();
        assert!(check.at_step_ends > 0.0 && check.at_step_ends < 3e-8, "{}: {check:?}", trajectory.name);
        assert!(check.at_recording_times < 1e-6, "{}: {check:?}", trajectory.name);
    }
}

#[test]
fn interrupted_perturbed_flows_go_on_to_the_same_bits() {
    let (instance, start) = sensing();
    let mut lab = Lab::new(6.0, 41).perturbed("descent", as_descent(0.11), 1e-9);
    for (name, law) in random_laws().into_iter().chain(shared_laws()) {
        lab = lab.perturbed(name, bounded(Form::Shared, law, 0.1), 1e-9);
    }
    let lab = lab.perturbed("lifted", bounded(Form::Lifted, Law::OrnsteinUhlenbeck { correlation_time: 1.0, resolution: 0.3 }, 0.1), 1e-7);
    let undisturbed = lab.run(&instance, &start);
    for rounds in [vec![1], vec![50], vec![7, 1, 23, 100], vec![3; 40]] {
        assert_eq!(interrupted(&lab, &instance, &start, &rounds), undisturbed, "{rounds:?}");
    }
}

fn worst(a: &RunRecord, b: &RunRecord, name: &str, scale: f64) -> f64 {
    let count = find(a, name).rows.len();
    (0..count).map(|k| (product(a, name, k) - product(b, name, k) / scale).norm() / product(a, name, k).norm()).fold(0.0, f64::max)
}

#[test]
fn rotating_the_factors_from_the_right_changes_no_product() {
    let (instance, start) = sensing();
    let q = orthonormal(5, 5, 9);
    let rotated = State::from_factors(&(start.left().to_matrix() * &q), &(start.right().to_matrix() * &q));
    for form in [Form::Shared, Form::TwoSided, Form::Lifted] {
        let mut lab = Lab::new(6.0, 13);
        for (name, law) in random_laws().into_iter().chain(shared_laws().into_iter().filter(|_| form == Form::Shared)) {
            lab = lab.perturbed(name, bounded(form, law, 0.1), 1e-12);
        }
        let (a, b) = (lab.run(&instance, &start), lab.run(&instance, &rotated));
        for trajectory in &a.trajectories {
            let deviation = worst(&a, &b, &trajectory.name, 1.0);
            assert!(deviation < 1e-10, "{form:?} {}: {deviation:e}", trajectory.name);
        }
    }
}

#[test]
fn scaling_the_problem_scales_the_perturbed_flow() {
    let c = 2.5_f64;
    let (instance, start) = sensing();
    let y = instance.target.clone().unwrap();
    let scaled = Target { matrix: &y.matrix * c, values: y.values.iter().map(|s| s * c).collect(), ..y };
    let larger = Instance { data: instance.data.iter().map(|y| y * c).collect(), target: Some(scaled), ..sensing().0 };
    let mut larger_start = start.clone();
    larger_start.as_mut_slice().iter_mut().for_each(|z| *z *= c.sqrt());
    // t → t/c: the laws' times shrink alike.
    let faster = |law: &Law| match *law {
        Law::Rotating { period } => Law::Rotating { period: period / c },
        Law::Piecewise { interval } => Law::Piecewise { interval: interval / c },
        Law::Smooth { correlation_time } => Law::Smooth { correlation_time: correlation_time / c },
        Law::OrnsteinUhlenbeck { correlation_time, resolution } => {
            Law::OrnsteinUhlenbeck { correlation_time: correlation_time / c, resolution: resolution / c }
        }
        ref other => other.clone(),
    };
    for form in [Form::Shared, Form::Additive, Form::TwoSided, Form::Lifted] {
        let (mut a, mut b) = (Lab::new(6.0, 13), Lab::new(6.0 / c, 13));
        let laws = random_laws().into_iter().chain(shared_laws().into_iter().filter(|_| form == Form::Shared));
        for (name, law) in laws {
            for relative_to in [RelativeTo::SigmaR, RelativeTo::Residual, RelativeTo::Absolute] {
                let name = format!("{name}-{relative_to:?}");
                let with = |law: Law, bound| PerturbationSpec { bound: Some(BoundSpec { bound, relative_to }), ..bounded(form, law, 0.0) };
                // E → cE and P → c^{3/2}P: by itself in relative units.
                let factor = match (relative_to, form) {
                    (RelativeTo::Absolute, Form::Additive) => c.powf(1.5),
                    (RelativeTo::Absolute, _) => c,
                    _ => 1.0,
                };
                b = b.perturbed(&name, with(faster(&law), 0.1 * factor), 1e-12);
                a = a.perturbed(&name, with(law.clone(), 0.1), 1e-12);
            }
        }
        let (a, b) = (a.run(&instance, &start), b.run(&larger, &larger_start));
        for trajectory in &a.trajectories {
            let deviation = worst(&a, &b, &trajectory.name, c);
            assert!(deviation < 1e-10, "{form:?} {}: {deviation:e}", trajectory.name);
        }
    }
}
