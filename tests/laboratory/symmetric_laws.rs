//! The laws of perturbation in the symmetric model: one symmetric E within the bound, and the flows that it drives.

use crate::determinism::interrupted;
use crate::setup::*;
use pgflow::config::*;
use pgflow::dynamics::{Moment, Shape, State};
use pgflow::linalg::{Matrix, inner, operator_norm, singular_values, symmetric_eigen, thin_svd};
use pgflow::perturbation::{Blocks, PerturbedFlow, build};
use pgflow::problem::{ArchiveWriter, Instance};
use pgflow::simulation::sup_deviation;
use rand::RngExt;

/// The block at a time, on the piece it lies in.
fn at(flow: &mut PerturbedFlow, instance: &Instance, state: &State, t: f64) -> Matrix {
    let moment = Moment { t, piece: piece_at(flow, t) };
    let blocks: Vec<Matrix> = flow.perturbation(moment, state, &answer(instance, state)).matrices().cloned().collect();
    assert_eq!(blocks.len(), 1);
    blocks.into_iter().next().unwrap()
}

fn problem(side: usize) -> Instance {
    symmetric_sensed(semidefinite(side, if side > 1 { &[2.0, 0.7] } else { &[0.7] }, 3), 40, 4)
}

fn e_at(law: Law, instance: &Instance, state: &State, t: f64) -> Matrix {
    at(&mut build(&bounded(Form::Shared, law, 1.0), instance, state.shape(), 1.0).unwrap(), instance, state, t)
}

#[test]
fn every_law_is_symmetric_and_attains_the_bound_or_stays_below_it() {
    for (size, &(side, width)) in [(7, 4), (6, 9), (2, 1), (1, 2)].iter().enumerate() {
        let instance = problem(side);
        let y = instance.target.as_ref().unwrap();
        let sigma = *y.values.last().unwrap();
        let mut times = pgflow::random::stream(9, pgflow::random::Purpose::Initialisation, size as u64);
        for form in [Form::Shared, Form::Lifted, Form::Additive] {
            for (name, law) in random_laws() {
                let attains = !matches!(law, Law::Smooth { .. } | Law::OrnsteinUhlenbeck { .. });
                for (seed, relative_to) in [RelativeTo::Absolute, RelativeTo::SigmaR, RelativeTo::Residual].into_iter().enumerate() {
                    let bound = Some(BoundSpec { bound: 0.3, relative_to });
                    let spec = PerturbationSpec { form, bound, seed: seed as u64, law: law.clone() };
                    let mut flow = build(&spec, &instance, Shape::Symmetric { side, width }, 1000.0).unwrap();
                    for k in 0..6 {
                        let state = small_symmetric_start(side, width, [1e-3, 0.5, 2.0][k % 3], 20 + k as u64);
                        let block = at(&mut flow, &instance, &state, 300.0 * times.random::<f64>());
                        let residual = operator_norm(&(&y.matrix - state.product()));
                        let unit = match (relative_to, form) {
                            (RelativeTo::Absolute, _) => 1.0,
                            (RelativeTo::SigmaR, Form::Additive) => sigma.powf(1.5),
                            (RelativeTo::SigmaR, _) => sigma,
                            (RelativeTo::Residual, Form::Additive) => residual * operator_norm(state.matrix()),
                            (RelativeTo::Residual, _) => residual,
                        };
                        let (norm, allowed) = (singular_values(&block).unwrap()[0], 0.3 * unit);
                        let place = format!("{name} {form:?} {relative_to:?}, side {side}");
                        if form == Form::Additive {
                            assert_eq!(block.shape(), (side, width), "{place}");
                        } else {
                            assert_eq!(block, block.transpose(), "{place}");
                        }
                        assert!(norm > 0.0 && norm <= allowed * (1.0 + 1e-12), "{place}: {norm} > {allowed}");
                        assert!(!attains || norm >= allowed * (1.0 - 1e-12), "{place}: {norm} < {allowed}");
                    }
                }
            }
        }
    }
}

#[test]
fn seeds_matter_and_paths_are_functions_of_time_alone() {
    let (instance, state) = (problem(6), small_symmetric_start(6, 3, 0.5, 1));
    for (name, law) in random_laws() {
        let draw = |seed, t| {
            let spec = PerturbationSpec { seed, ..bounded(Form::Shared, law.clone(), 1.0) };
            at(&mut build(&spec, &instance, state.shape(), 100.0).unwrap(), &instance, &state, t)
        };
        assert!((draw(1, 4.3) - draw(2, 4.3)).norm() > 0.1, "{name}");
        let mut flow =
            build(&PerturbationSpec { seed: 1, ..bounded(Form::Shared, law.clone(), 1.0) }, &instance, state.shape(), 1.0).unwrap();
        // Forwards in small and large steps, and backwards.
        for t in [0.0, 0.1, 3.17, 3.18, 40.0, 5.3, 0.1] {
            assert_eq!(at(&mut flow, &instance, &state, t), draw(1, t), "{name} at {t}");
        }
    }
}

#[test]
fn directions_and_rotations_have_their_eigenvalues() {
    let (instance, state) = (problem(6), small_symmetric_start(6, 3, 0.5, 1));
    let eigen = |e: &Matrix| symmetric_eigen(e).unwrap().values;
    let flat = eigen(&e_at(Law::Constant { direction: Direction::Flat }, &instance, &state, 0.5));
    assert!(flat.iter().all(|value| (value.abs() - 1.0).abs() < 1e-14) && flat[0] < 0.0 && flat[5] > 0.0, "{flat:?}");
    let mut signs = [0, 0];
    for seed in 0..20 {
        let spec = PerturbationSpec { seed, ..bounded(Form::Shared, Law::Constant { direction: Direction::RankOne }, 1.0) };
        let values = eigen(&at(&mut build(&spec, &instance, state.shape(), 1.0).unwrap(), &instance, &state, 0.5));
        assert!(values.iter().filter(|value| value.abs() > 1e-14).count() == 1, "{values:?}");
        signs[usize::from(values[5] > 0.5)] += 1;
    }
    // Twenty tosses of a coin: three or fewer of a kind has probability 0.003.
    assert!(signs[0] > 3 && signs[1] > 3, "{signs:?}");
    let turned = |t| e_at(Law::Rotating { period: 3.0 }, &instance, &state, t);
    let start = turned(0.0);
    assert!((turned(3.0) - &start).norm() < 1e-13 && (turned(1.0) - &start).norm() > 0.1);
    assert!(eigen(&turned(1.1)).iter().zip(eigen(&start)).all(|(a, b)| (a - b).abs() < 1e-14));
}

/// What the adversaries' functionals say about E, by differences: `d/dt ½‖R‖²` and twice `d/dt σ_r(U_YᵀU)`.
fn gain(against: Against, instance: &Instance, u: &Matrix, e: &Matrix) -> f64 {
    let y = instance.target.as_ref().unwrap();
    let h = 1e-4;
    let moved = |s: f64| u + e * u * s;
    let value = |s: f64| match against {
        Against::Residual => 0.5 * (&y.matrix - moved(s) * moved(s).transpose()).norm_squared(),
        Against::WeakestMode => -2.0 * singular_values(&(y.left.transpose() * moved(s))).unwrap()[1],
    };
    ((value(h) - value(-h)) * 8.0 - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h)
}

#[test]
fn no_symmetric_perturbation_gains_more_than_the_stated_loss_over_the_adversary() {
    let (bound, smoothing, side) = (0.3, 1e-4, 6);
    let instance = problem(side);
    for against in [Against::Residual, Against::WeakestMode] {
        for (seed, width) in [(1, 2), (2, 4), (3, 9)] {
            let state = small_symmetric_start(side, width, 0.6, seed);
            let u = state.matrix();
            let spec = bounded(Form::Shared, Law::Adversarial { against, smoothing }, bound);
            let e = at(&mut build(&spec, &instance, state.shape(), 1.0).unwrap(), &instance, &state, 0.0);
            assert_eq!(e, e.transpose());
            assert!((singular_values(&e).unwrap()[0] - bound).abs() < 1e-12 * bound);
            let y = instance.target.as_ref().unwrap();
            let (x, r) = (u * u.transpose(), &y.matrix - u * u.transpose());
            let h = match against {
                Against::Residual => &r * &x + &x * &r,
                Against::WeakestMode => {
                    let svd = thin_svd(&(y.left.transpose() * u)).unwrap();
                    let half = (&y.left * svd.left.column(1)) * (u * svd.right.column(1)).transpose();
                    &half + half.transpose()
                }
            };
            let own = -inner(&h, &e);
            // The functional is the derivative it stands for: a five-point formula with step 1e-4 leaves rounding of 1e-12.
            assert!((gain(against, &instance, u, &e) - own).abs() < 1e-9, "{against:?}: {} against {own}", gain(against, &instance, u, &e));
            let most = bound * singular_values(&h).unwrap().iter().sum::<f64>();
            let loss = bound * side as f64 * smoothing * operator_norm(&h);
            assert!(own <= most * (1.0 + 1e-12) && own >= most - loss, "{own} of {most}");
            for k in 0..100 {
                let noise = gaussian(side, side, 1000 + k);
                let near = &e / bound + (&noise + noise.transpose()) * 10f64.powi(-(k as i32 % 8));
                let other = &near * (bound / operator_norm(&near));
                assert!(-inner(&h, &other) <= own + loss, "{against:?} {k}");
            }
        }
    }
}

/// `N_k(I + sN_k)^{-1} − N(U)` by a dense inverse.
#[test]
fn the_perturbation_that_descent_is_has_its_closed_form() {
    let (step, piece, side) = (0.2, 3, 6);
    let instance = problem(side);
    let (entry, later) = (small_symmetric_start(side, 3, 0.5, 1), small_symmetric_start(side, 3, 0.5, 2));
    for form in [Form::Shared, Form::Lifted] {
        let spec = PerturbationSpec { form, ..as_descent(step) };
        let mut flow = build(&spec, &instance, entry.shape(), 10.0).unwrap();
        let moment = |s: f64| Moment { t: 3.0 * step + s, piece };
        let n = answer(&instance, &entry).matrix;
        flow.perturbation(moment(0.0), &entry, &answer(&instance, &entry));
        for s in [0.0, 0.07, 0.2] {
            let there = answer(&instance, &later);
            let Blocks::Symmetric(e) = flow.perturbation(moment(s), &later, &there) else { panic!() };
            let exact = &n * (Matrix::identity(side, side) + &n * s).try_inverse().unwrap() - &there.matrix;
            assert!((e - &exact).norm() < 1e-13 * exact.norm());
        }
    }
}

#[test]
fn the_law_descent_reproduces_descent() {
    let instance = symmetric_sensed(semidefinite(7, &[1.0, 0.5], 1), 80, 2);
    let start = small_symmetric_start(7, 5, 0.05, 3);
    for (form, step) in [(Form::Shared, 0.25), (Form::Lifted, 0.1)] {
        let spec = PerturbationSpec { form, ..as_descent(step) };
        let lab = Lab::new(20.0, 81).perturbed("as_descent", spec, 1e-11).descent("gd", step).compare();
        let deviation = sup_deviation(&lab.run(&instance, &start), "as_descent", "gd").unwrap();
        assert!(deviation < 1e-8, "{form:?} {step}: {deviation:e}");
    }
}

/// Only eigenvalues at or below −1/η are in the way; in the asymmetric model those above 1/η are too.
#[test]
fn the_law_descent_ends_where_a_step_turns_a_mode_around() {
    let instance = symmetric_full_observation(semidefinite(4, &[1.0], 5));
    let step = 1.5;
    // N = Y at the start, with eigenvalues 0 and 1: ηλ = 1.5.
    let record = Lab::new(3.0, 3).perturbed("small", as_descent(step), 1e-9).run(&instance, &small_symmetric_start(4, 2, 1e-3, 6));
    assert_eq!(find(&record, "small").outcome.unwrap().label(), "completed");
    let wide = State::from_symmetric_factor(Matrix::identity(4, 4) * 1.2);
    let record = Lab::new(3.0, 3).perturbed("large", as_descent(step), 1e-9).run(&instance, &wide);
    let large = find(&record, "large");
    assert_eq!(large.outcome.unwrap().label(), "non-finite");
    assert!(large.warnings.iter().any(|warning| warning.contains("step·λ_min(N_k) > −1, and step 0 has -2.16")), "{:?}", large.warnings);
}

#[test]
fn a_constant_moves_the_target() {
    let y = semidefinite(6, &[2.0, 1.0], 7);
    let start = small_symmetric_start(6, 4, 0.1, 8);
    let spec = bounded(Form::Shared, Law::Constant { direction: Direction::Gaussian }, 0.1);
    let instance = symmetric_full_observation(y.clone());
    let e = at(&mut build(&spec, &instance, start.shape(), 1.0).unwrap(), &instance, &start, 0.0);
    let moved = pgflow::problem::Target { matrix: &y.matrix + &e, ..y };
    let perturbed = Lab::new(8.0, 17).perturbed("flow", spec, 1e-11).run(&instance, &start);
    let plain = Lab::new(8.0, 17).flow("flow", Pair::Dop853, 1e-11).run(&symmetric_full_observation(moved), &start);
    let factors = |record: &pgflow::simulation::RunRecord| find(record, "flow").snapshots.as_ref().unwrap().f.clone();
    for (a, b) in factors(&perturbed).iter().zip(factors(&plain)) {
        assert!((a - &b).norm() < 1e-8 * b.norm());
    }
}

#[test]
fn perturbed_flows_agree_with_an_independent_library_and_survive_interruptions() {
    let instance = symmetric_sensed(semidefinite(6, &[1.0, 0.5], 1), 60, 2);
    let start = small_symmetric_start(6, 4, 0.1, 3);
    let mut lab = Lab::new(6.0, 13);
    for (name, law) in random_laws().into_iter().chain(adversaries()) {
        lab = lab.perturbed(name, bounded(Form::Shared, law, 0.1), 1e-8).cross_check(1e-5);
    }
    lab = lab.perturbed("descent", as_descent(0.2), 1e-8).cross_check(1e-5);
    let additive = bounded(Form::Additive, Law::Smooth { correlation_time: 1.5 }, 0.05);
    lab = lab.perturbed("additive", additive, 1e-8).cross_check(1e-5);
    let record = lab.run(&instance, &start);
    for trajectory in &record.trajectories {
        let check = trajectory.cross_check.unwrap();
        assert!(check.at_step_ends < 1e-6 && check.at_recording_times < 1e-5, "{}: {check:?}", trajectory.name);
    }
    assert_eq!(interrupted(&lab, &instance, &start, &[11, 47, 120]), record);
}

#[test]
fn series_must_be_symmetric() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("e.npz");
    let instance = symmetric_full_observation(semidefinite(2, &[2.0, 0.5], 3));
    let state = small_symmetric_start(2, 1, 0.5, 1);
    let read = |form, name: &str, entries: [f64; 4]| {
        let mut archive = ArchiveWriter::new(std::fs::File::create(&file).unwrap());
        archive.array("t", &[1], [0.0]).unwrap();
        archive.array(name, &[1, 2, 2], entries).unwrap();
        archive.finish().unwrap();
        let law = Law::Replay { file: file.clone(), interpolation: Interpolation::Linear };
        let spec = PerturbationSpec { form, bound: None, seed: 0, law };
        build(&spec, &instance, state.shape(), 9.0).map(|mut flow| at(&mut flow, &instance, &state, 0.5)).map_err(|error| error.to_string())
    };
    let symmetric = [0.1, 0.2, 0.2, -0.3];
    let expected = Matrix::from_row_slice(2, 2, &symmetric);
    assert_eq!(read(Form::Shared, "e", symmetric), Ok(expected.clone()));
    assert_eq!(read(Form::Lifted, "lifted", symmetric), Ok(expected));
    let error = read(Form::Shared, "e", [0.1, 0.2, 0.3, 0.1]).unwrap_err();
    assert!(error.contains("\"e\"[0] is not symmetric: two opposite entries differ by 9.99"), "{error}");
}

#[test]
fn what_one_factor_cannot_have_is_refused() {
    let instance = problem(6);
    let on = |spec: &PerturbationSpec| match build(spec, &instance, Shape::Symmetric { side: 6, width: 1 }, 10.0) {
        Ok(_) => "built".to_owned(),
        Err(error) => error.to_string(),
    };
    for (_, law) in random_laws().into_iter().chain(adversaries()) {
        assert!(on(&bounded(Form::TwoSided, law, 0.1)).contains("the symmetric model has one factor"));
    }
    assert!(on(&bounded(Form::Additive, adversaries()[0].1.clone(), 0.1)).contains("needs perturbation.form = \"shared\""));
    assert!(on(&PerturbationSpec { form: Form::Additive, ..as_descent(0.1) }).contains("perturbation.descent needs"));
    assert!(on(&bounded(Form::Shared, Law::AdversarialLimit, 0.1)).contains("symmetric model"));
    // Width 1, rank 2.
    assert!(on(&bounded(Form::Shared, adversaries()[1].1.clone(), 0.1)).contains("width = 1, rank = 2"));
}
