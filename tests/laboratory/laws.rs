//! The laws of perturbation by themselves: their norms, paths, jumps; the adversary's optimality; what is refused.

use crate::setup::*;
use pgflow::config::*;
use pgflow::dynamics::{Moment, Shape, State, VectorField};
use pgflow::linalg::{Matrix, inner, singular_values};
use pgflow::perturbation::{Blocks, PerturbedFlow, build};
use pgflow::problem::{ArchiveWriter, Instance};
use rand::RngExt;

const FORMS: [Form; 4] = [Form::Shared, Form::Additive, Form::TwoSided, Form::Lifted];

fn norm(a: &Matrix) -> f64 {
    singular_values(a).unwrap()[0]
}

/// The blocks at a time, on the piece it lies in.
fn at(flow: &mut PerturbedFlow, instance: &Instance, state: &State, t: f64) -> Vec<Matrix> {
    let moment = Moment { t, piece: piece_at(flow, t) };
    flow.perturbation(moment, state, &answer(instance, state)).matrices().cloned().collect()
}

fn shape(rows: usize, cols: usize, width: usize) -> Shape {
    Shape::Factors { rows, cols, width }
}

/// The bound as documented, from its definition.
fn expected(spec: &PerturbationSpec, instance: &Instance, state: &State) -> f64 {
    let (target, bound) = (instance.target.as_ref().unwrap(), spec.bound.unwrap());
    let additive = spec.form == Form::Additive;
    let sigma = *target.values.last().unwrap();
    let unit = match bound.relative_to {
        RelativeTo::Absolute => 1.0,
        RelativeTo::SigmaR => {
            if additive {
                sigma * sigma.sqrt()
            } else {
                sigma
            }
        }
        RelativeTo::Residual => norm(&(&target.matrix - state.product())) * if additive { norm(state.matrix()) } else { 1.0 },
    };
    bound.bound * unit
}

#[test]
fn norms_attain_the_bound_or_stay_below_it() {
    for (size, &(rows, cols, width)) in [(7, 5, 4), (5, 5, 6), (1, 4, 2), (4, 1, 1)].iter().enumerate() {
        let values: &[f64] = if rows.min(cols) > 1 { &[2.0, 0.7] } else { &[0.7] };
        let instance = sensed(target(rows, cols, values, 3), 40, 4);
        let mut times = pgflow::random::stream(9, pgflow::random::Purpose::Initialisation, size as u64);
        for form in FORMS {
            for (name, law) in random_laws() {
                let attains = !matches!(law, Law::Smooth { .. } | Law::OrnsteinUhlenbeck { .. });
                for (seed, relative_to) in [RelativeTo::Absolute, RelativeTo::SigmaR, RelativeTo::Residual].into_iter().enumerate() {
                    let bound = Some(BoundSpec { bound: 0.3, relative_to });
                    let spec = PerturbationSpec { form, bound, seed: seed as u64, law: law.clone() };
                    let mut flow = build(&spec, &instance, shape(rows, cols, width), 1000.0).unwrap();
                    for k in 0..6 {
                        let state = small_start(rows, cols, width, [1e-3, 0.5, 2.0][k % 3], 20 + k as u64);
                        let t = 300.0 * times.random::<f64>();
                        let allowed = expected(&spec, &instance, &state);
                        let found = at(&mut flow, &instance, &state, t).iter().map(norm).collect::<Vec<_>>();
                        for norm in found {
                            assert!(norm <= allowed * (1.0 + 1e-12), "{name} {form:?} {relative_to:?}: {norm} > {allowed}");
                            assert!(!attains || norm >= allowed * (1.0 - 1e-12), "{name} {form:?} {relative_to:?}: {norm} < {allowed}");
                            assert!(norm > 0.0);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn blocks_of_the_two_sided_form_are_independent_and_seeds_matter() {
    let instance = full_observation(target(6, 5, &[2.0, 0.7], 3));
    let state = small_start(6, 5, 3, 0.5, 1);
    for (name, law) in random_laws() {
        let draw = |seed| {
            let spec = PerturbationSpec { seed, ..bounded(Form::TwoSided, law.clone(), 1.0) };
            at(&mut build(&spec, &instance, state.shape(), 100.0).unwrap(), &instance, &state, 4.3)
        };
        let (one, other) = (draw(1), draw(2));
        assert!((&one[0] - &one[1]).norm() > 0.1, "{name}");
        assert!((&one[0] - &other[0]).norm() > 0.1, "{name}");
        assert_eq!(one, draw(1), "{name}");
    }
}

#[test]
fn constant_directions_have_their_singular_values() {
    let instance = full_observation(target(6, 5, &[2.0, 0.7], 3));
    let state = small_start(6, 5, 3, 0.5, 1);
    let values = |direction| {
        let mut flow = build(&bounded(Form::Shared, Law::Constant { direction }, 1.0), &instance, state.shape(), 1.0).unwrap();
        singular_values(&at(&mut flow, &instance, &state, 0.5)[0]).unwrap()
    };
    assert!(values(Direction::Flat).iter().all(|s| (s - 1.0).abs() < 1e-14));
    assert!(values(Direction::RankOne)[1] < 1e-15);
    let gaussian = values(Direction::Gaussian);
    assert!(gaussian[4] > 1e-3 && gaussian[4] < 0.9, "{gaussian:?}");
}

#[test]
fn a_rotation_turns_once_a_period_with_its_singular_values() {
    for rows in [6, 7] {
        let instance = full_observation(target(rows, 5, &[2.0, 0.7], 3));
        let state = small_start(rows, 5, 3, 0.5, 1);
        let mut flow = build(&bounded(Form::Shared, Law::Rotating { period: 3.0 }, 1.0), &instance, state.shape(), 1.0).unwrap();
        let mut e = |t| at(&mut flow, &instance, &state, t).remove(0);
        let (start, half) = (e(0.0), e(1.5));
        assert!((e(3.0) - &start).norm() < 1e-13 && (e(300.0) - &start).norm() < 1e-12);
        for t in [0.4, 1.1, 2.9] {
            let pairs = singular_values(&e(t)).unwrap().into_iter().zip(singular_values(&start).unwrap());
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-14));
        }
        // Half a turn negates every plane; of an odd number of rows one direction rests.
        let resting = singular_values(&(&half + &start)).unwrap();
        assert!(resting[1] < 1e-14 && (resting[0] > 1e-3) == (rows % 2 == 1), "{resting:?}");
        // Uniform speed 2π/period: a chord of the circle.
        let chord = 2.0 * (std::f64::consts::TAU / 3.0 * 0.05).sin();
        assert!(norm(&(e(1.1) - e(1.0))) <= chord * (1.0 + 1e-12));
    }
}

#[test]
fn smooth_perturbations_are_band_limited() {
    let (tau, side) = (1.5, 30);
    let limit = std::f64::consts::PI / tau;
    let instance = full_observation(target(side, side, &[2.0, 0.7], 3));
    let state = small_start(side, side, 3, 0.5, 1);
    let mut flow = build(&bounded(Form::Shared, Law::Smooth { correlation_time: tau }, 1.0), &instance, state.shape(), 1.0).unwrap();
    let mut e = |t| at(&mut flow, &instance, &state, t).remove(0);
    let (mut square, mut lagged, mut steepest) = (0.0, 0.0, 0.0_f64);
    let times = 200;
    for k in 0..times {
        let t = 7.3 * f64::from(k);
        let (here, near, later) = (e(t), e(t + 1e-3), e(t + tau));
        // Bernstein: the derivative of a function with |d| ≤ 1 and frequencies below Ω is at most Ω.
        steepest = steepest.max(norm(&(&near - &here)) / 1e-3);
        // With fixed orthonormal frames, ⟨E, E'⟩ is the sum of d_i d'_i.
        square += inner(&here, &here) / f64::from(times * 30);
        lagged += inner(&here, &later) / f64::from(times * 30);
    }
    assert!(steepest <= limit * (1.0 + 1e-9) && steepest > 0.3 * limit, "{steepest} against {limit}");
    // 180 frequencies: the standard error of the mean of cos ωτ is 0.05, and five of them over 12 are 0.022.
    assert!((square - 1.0 / 12.0).abs() < 0.01, "{square}");
    assert!(lagged.abs() < 0.022, "{lagged}");
}

#[test]
fn paths_are_functions_of_time_and_seed_alone() {
    let instance = full_observation(target(6, 5, &[2.0, 0.7], 3));
    let state = small_start(6, 5, 3, 0.5, 1);
    for (name, law) in random_laws() {
        let spec = bounded(Form::TwoSided, law, 1.0);
        let fresh = |t| at(&mut build(&spec, &instance, state.shape(), 1.0).unwrap(), &instance, &state, t);
        let mut flow = build(&spec, &instance, state.shape(), 1.0).unwrap();
        // Forwards in small and large steps, and backwards.
        for t in [0.0, 0.1, 0.15, 3.17, 3.18, 12.9, 40.0, 5.3, 0.1] {
            assert_eq!(at(&mut flow, &instance, &state, t), fresh(t), "{name} at {t}");
        }
    }
}

#[test]
fn ornstein_uhlenbeck_paths_are_continuous_and_piecewise_ones_jump() {
    let instance = full_observation(target(6, 5, &[2.0, 0.7], 3));
    let state = small_start(6, 5, 3, 0.5, 1);
    let there = answer(&instance, &state);
    let jump = |law, t, piece| {
        let mut flow = build(&bounded(Form::Shared, law, 1.0), &instance, state.shape(), 1.0).unwrap();
        assert_eq!(flow.piece_end(piece), Some(t));
        let mut on = |piece| flow.perturbation(Moment { t, piece }, &state, &there).matrices().next().unwrap().clone();
        (on(piece) - on(piece + 1)).norm()
    };
    for piece in [0, 1, 8, 33] {
        let resolution = 0.2;
        let law = Law::OrnsteinUhlenbeck { correlation_time: 1.5, resolution };
        assert!(jump(law, (piece + 1) as f64 * resolution, piece) < 1e-14);
        assert!(jump(Law::Piecewise { interval: 0.7 }, (piece + 1) as f64 * 0.7, piece) > 0.5);
    }
}

/// `H` of the adversaries, from its definition.
fn functional(against: Against, instance: &Instance, state: &State) -> Matrix {
    let y = instance.target.as_ref().unwrap();
    let (f, g) = (state.left().to_matrix(), state.right().to_matrix());
    let r = &y.matrix - &f * g.transpose();
    match against {
        Against::Residual => &r * &g * g.transpose() + &f * f.transpose() * &r,
        Against::WeakestMode => {
            let p = (y.left.transpose() * &f + y.right.transpose() * &g) * 0.5;
            let svd = pgflow::linalg::thin_svd(&p).unwrap();
            let last = y.rank() - 1;
            let (u, v) = (svd.left.columns(last, 1).into_owned(), svd.right.columns(last, 1).into_owned());
            (&y.left * &u) * (&g * &v).transpose() + (&f * &v) * (&y.right * &u).transpose()
        }
    }
}

#[test]
fn no_random_perturbation_gains_more_than_the_stated_loss_over_the_adversary() {
    let (bound, smoothing) = (0.3, 1e-4);
    let instance = sensed(target(7, 5, &[2.0, 0.7], 3), 60, 4);
    for against in [Against::Residual, Against::WeakestMode] {
        for (seed, width, scale) in [(1, 2, 0.5), (2, 4, 1e-4), (3, 9, 1.0), (4, 9, 1e-7)] {
            let state = small_start(7, 5, width, scale, seed);
            let spec = bounded(Form::Shared, Law::Adversarial { against, smoothing }, bound);
            let mut flow = build(&spec, &instance, state.shape(), 1.0).unwrap();
            let e = at(&mut flow, &instance, &state, 0.0).remove(0);
            assert!((norm(&e) - bound).abs() < 1e-12 * bound);
            let h = functional(against, &instance, &state);
            let gain = |e: &Matrix| -inner(&h, e);
            let loss = bound * 5.0 * smoothing * norm(&h);
            // Nuclear norm: what no matrix of this norm can pass.
            let most = bound * singular_values(&h).unwrap().iter().sum::<f64>();
            assert!(gain(&e) <= most * (1.0 + 1e-12) && gain(&e) >= most - loss, "{against:?}: {} of {most}", gain(&e));
            for k in 0..200 {
                let noise = gaussian(7, 5, 1000 + k);
                // From far away to very near.
                let near = &e / bound + noise * 10f64.powi(-(k as i32 % 8));
                let other = &near * (bound / norm(&near));
                assert!(gain(&other) <= gain(&e) + loss, "{against:?} {k}");
            }
        }
    }
}

#[test]
fn the_adversary_rests_where_there_is_nothing_to_work_against() {
    let instance = full_observation(target(7, 5, &[2.0, 0.7], 3));
    let state = State::zeros(shape(7, 5, 4));
    for (name, law) in adversaries() {
        let mut flow = build(&bounded(Form::Shared, law, 0.3), &instance, state.shape(), 1.0).unwrap();
        assert_eq!(at(&mut flow, &instance, &state, 0.0)[0], Matrix::zeros(7, 5), "{name}");
    }
}

/// `M(I + sM)^{-1} − sym(N(Z))` by a dense inverse.
#[test]
fn the_perturbation_that_descent_is_has_its_closed_form() {
    let (step, piece) = (0.2, 3);
    for (rows, cols) in [(6, 5), (4, 7)] {
        let instance = sensed(target(rows, cols, &[1.0, 0.6], 3), 60, 4);
        let (entry, later) = (small_start(rows, cols, 3, 0.5, 1), small_start(rows, cols, 3, 0.5, 2));
        let lift = |n: &Matrix| {
            let mut m = Matrix::zeros(rows + cols, rows + cols);
            m.view_mut((0, rows), (rows, cols)).copy_from(n);
            m.view_mut((rows, 0), (cols, rows)).copy_from(&n.transpose());
            m
        };
        let mut flow = build(&as_descent(step), &instance, entry.shape(), 10.0).unwrap();
        let moment = |s: f64| Moment { t: f64::from(piece) * step + s, piece: u64::from(piece as u32) };
        let m = lift(&answer(&instance, &entry).matrix);
        flow.perturbation(moment(0.0), &entry, &answer(&instance, &entry));
        for s in [0.0, 0.07, 0.2] {
            let there = answer(&instance, &later);
            let Blocks::Lifted(e) = flow.perturbation(moment(s), &later, &there) else { panic!() };
            let inverse = (Matrix::identity(rows + cols, rows + cols) + &m * s).try_inverse().unwrap();
            let exact = &m * inverse - lift(&there.matrix);
            assert!((e - &exact).norm() < 1e-13 * exact.norm(), "{:e}", (e - &exact).norm());
        }
    }
}

fn write_series(path: &std::path::Path, arrays: &[(&str, &[usize], Vec<f64>)]) {
    let mut archive = ArchiveWriter::new(std::fs::File::create(path).unwrap());
    for (name, shape, values) in arrays {
        archive.array(name, shape, values.iter().copied()).unwrap();
    }
    archive.finish().unwrap();
}

#[test]
fn a_series_is_replayed_between_its_times() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("e.npz");
    let instance = full_observation(target(2, 3, &[2.0], 3));
    let state = small_start(2, 3, 1, 0.5, 1);
    let values: Vec<f64> = (0..18).map(f64::from).collect();
    write_series(&file, &[("t", &[3], vec![0.0, 1.0, 3.0]), ("e", &[3, 2, 3], values)]);
    let matrix = |k: f64| Matrix::from_fn(2, 3, |i, j| 6.0 * k + (3 * i + j) as f64);
    let spec = |interpolation| {
        let law = Law::Replay { file: file.clone(), interpolation };
        PerturbationSpec { form: Form::Shared, bound: None, seed: 0, law }
    };
    let mut linear = build(&spec(Interpolation::Linear), &instance, state.shape(), 9.0).unwrap();
    let mut previous = build(&spec(Interpolation::Previous), &instance, state.shape(), 9.0).unwrap();
    assert_eq!([0, 1, 2].map(|piece| linear.piece_end(piece)), [Some(1.0), Some(3.0), None]);
    for (t, linearly, before) in [(0.0, 0.0, 0.0), (0.25, 0.25, 0.0), (1.0, 1.0, 0.0), (2.0, 1.5, 1.0), (3.5, 2.0, 2.0), (100.0, 2.0, 2.0)]
    {
        assert!((at(&mut linear, &instance, &state, t).remove(0) - matrix(linearly)).norm() < 1e-14, "{t}");
        assert_eq!(at(&mut previous, &instance, &state, t)[0], matrix(before), "{t}");
    }
}

#[test]
fn every_form_is_replayed_from_its_own_arrays() {
    let directory = tempfile::tempdir().unwrap();
    let instance = full_observation(target(2, 3, &[2.0], 3));
    let state = small_start(2, 3, 4, 0.5, 1);
    type Arrays = &'static [(&'static str, [usize; 3])];
    let arrays: [(Form, Arrays); 4] = [
        (Form::Shared, &[("e", [1, 2, 3])]),
        (Form::TwoSided, &[("e1", [1, 2, 3]), ("e2", [1, 2, 3])]),
        (Form::Additive, &[("p", [1, 5, 4])]),
        (Form::Lifted, &[("lifted", [1, 5, 5])]),
    ];
    for (form, arrays) in arrays {
        let file = directory.path().join(format!("{form:?}.npz"));
        let mut written: Vec<(&str, &[usize], Vec<f64>)> = vec![("t", &[1], vec![0.0])];
        for (k, (name, shape)) in arrays.iter().enumerate() {
            written.push((name, shape, (0..shape.iter().product()).map(|i| (i + 100 * k) as f64).collect()));
        }
        write_series(&file, &written);
        let law = Law::Replay { file, interpolation: Interpolation::Linear };
        let mut flow = build(&PerturbationSpec { form, bound: None, seed: 0, law }, &instance, state.shape(), 1.0).unwrap();
        let blocks = at(&mut flow, &instance, &state, 0.5);
        assert_eq!(blocks.len(), arrays.len());
        for (k, (block, (_, [_, rows, cols]))) in blocks.iter().zip(arrays).enumerate() {
            assert_eq!(block, &Matrix::from_fn(*rows, *cols, |i, j| (i * cols + j + 100 * k) as f64), "{form:?}");
        }
    }
}

#[test]
fn series_that_do_not_fit_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("e.npz");
    let instance = full_observation(target(2, 2, &[2.0, 0.5], 3));
    let refused = |bound: Option<f64>, relative_to, arrays: &[(&str, &[usize], Vec<f64>)]| {
        write_series(&file, arrays);
        let bound = bound.map(|bound| BoundSpec { bound, relative_to });
        let law = Law::Replay { file: file.clone(), interpolation: Interpolation::Linear };
        let spec = PerturbationSpec { form: Form::Shared, bound, seed: 0, law };
        build(&spec, &instance, shape(2, 2, 1), 9.0).err().map(|error| error.to_string())
    };
    let e = || vec![0.1, 0.0, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0];
    let good: [(&str, &[usize], Vec<f64>); 2] = [("t", &[2], vec![0.0, 1.0]), ("e", &[2, 2, 2], e())];
    assert_eq!(refused(None, RelativeTo::Absolute, &good), None);
    assert_eq!(refused(Some(0.3), RelativeTo::Absolute, &good), None);
    let beyond = refused(Some(0.29), RelativeTo::Absolute, &good).unwrap();
    assert!(beyond.contains("\"e\"[1] has operator norm 3e-1, beyond the bound 2.9e-1"), "{beyond}");
    assert_eq!(refused(Some(0.6), RelativeTo::SigmaR, &good), None);
    assert!(refused(Some(0.58), RelativeTo::SigmaR, &good).unwrap().contains("beyond the bound 2.9e-1"));
    assert!(refused(Some(1.0), RelativeTo::Residual, &good).unwrap().contains("relative_to = \"residual\""));
    let with = |t: Vec<f64>, shape: &'static [usize], e: Vec<f64>| {
        let length = [t.len()];
        refused(None, RelativeTo::Absolute, &[("t", &length, t), ("e", shape, e)]).unwrap()
    };
    assert!(with(vec![0.5, 1.0], &[2, 2, 2], e()).contains("must begin with 0"));
    assert!(with(vec![0.0, 0.0], &[2, 2, 2], e()).contains("ascend strictly"));
    assert!(with(vec![0.0, 1.0], &[1, 2, 4], e()).contains("has shape (1, 2, 4); expected (2, 2, 2)"));
    assert!(with(vec![0.0, 1.0], &[8], e()).contains("expected three dimensions"));
    assert!(with(vec![0.0], &[1, 2, 2], vec![0.0, f64::NAN, 0.0, 0.0]).contains("must be finite"));
    let other = refused(None, RelativeTo::Absolute, &[("t", &[1], vec![0.0]), ("e1", &[1, 2, 2], vec![0.0; 4])]).unwrap();
    assert!(other.contains("has an array \"e1\"; this form reads \"t\" and \"e\""), "{other}");
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let instance = sensed(target(7, 5, &[2.0, 0.7], 3), 60, 4);
    let nameless = Instance { target: None, ..sensed(target(7, 5, &[2.0, 0.7], 3), 60, 4) };
    let on = |instance: &Instance, spec: &PerturbationSpec| match build(spec, instance, shape(7, 5, 1), 10.0) {
        Ok(_) => "built".to_owned(),
        Err(error) => error.to_string(),
    };
    let refused = |spec: PerturbationSpec| on(&instance, &spec);
    for form in [Form::Additive, Form::TwoSided, Form::Lifted] {
        assert!(refused(bounded(form, adversaries()[0].1.clone(), 0.1)).contains("needs perturbation.form = \"shared\""));
    }
    for form in [Form::Shared, Form::Additive, Form::TwoSided] {
        assert!(refused(PerturbationSpec { form, ..as_descent(0.1) }).contains("η²(GᵀNᵀNG − FᵀNNᵀF)"));
    }
    // Width 1, rank 2.
    assert!(refused(bounded(Form::Shared, adversaries()[1].1.clone(), 0.1)).contains("width = 1, rank = 2"));
    assert!(on(&nameless, &bounded(Form::Shared, adversaries()[0].1.clone(), 0.1)).contains("does not know"));
    let constant = Law::Constant { direction: Direction::Flat };
    let sigma = PerturbationSpec {
        bound: Some(BoundSpec { bound: 0.1, relative_to: RelativeTo::SigmaR }),
        ..bounded(Form::Shared, constant.clone(), 0.1)
    };
    assert!(on(&nameless, &sigma).contains("needs the target"));
    assert_eq!(on(&nameless, &bounded(Form::Shared, constant.clone(), 0.1)), "built");
    assert!(refused(PerturbationSpec { bound: None, ..bounded(Form::Shared, constant.clone(), 0.1) }).contains("bound is missing"));
    assert!(refused(PerturbationSpec { bound: sigma.bound, ..as_descent(0.1) }).contains("brings its own size"));
    assert!(refused(bounded(Form::Shared, constant, f64::NAN)).contains("finite and at least 0"));
    assert!(refused(bounded(Form::Shared, Law::Rotating { period: 0.0 }, 0.1)).contains("rotating.period"));
    assert!(refused(bounded(Form::Shared, Law::Piecewise { interval: 1e-9 }, 0.1)).contains("more than 1e9 jumps"));
    assert!(refused(bounded(Form::Shared, Law::Adversarial { against: Against::Residual, smoothing: 0.0 }, 0.1)).contains("smoothing"));
}
