//! Descents whose steps look at data of their own: mini-batches and fresh measurements.

use crate::determinism::interrupted;
use crate::setup::*;
use pgflow::config::{Method, Pair, Stop};
use pgflow::dynamics::{FreshMeasurements, MiniBatches, Moment, Next, State, VectorField};
use pgflow::linalg::{Matrix, frobenius, frobenius_squared, operator_norm};
use pgflow::problem::Instance;
use pgflow::simulation::{Outcome, RunRecord, Simulation};

const PARTS: [&str; 6] = [
    "perturbation",
    "perturbation_measurement",
    "perturbation_noise",
    "perturbation_motion",
    "perturbation_discretisation",
    "perturbation_sampling",
];

fn noisy(measurements: usize, size: f64) -> Instance {
    let mut instance = sensed(target(9, 7, &[1.0, 0.6], 1), measurements, 2);
    let noise: Vec<f64> = gaussian(measurements, 1, 6).iter().map(|e| size * e).collect();
    instance.data.iter_mut().zip(&noise).for_each(|(y, e)| *y += e);
    instance.noise_adjoint = Some(instance.operator.adjoint(&noise));
    instance
}

fn start() -> State {
    small_start(9, 7, 4, 0.1, 3)
}

fn stochastic(step: f64, batch: usize) -> Method {
    Method::StochasticGradientDescent { step, batch, seed: 11 }
}

fn fresh(step: f64, measurements: usize, noise: f64) -> Method {
    Method::FreshMeasurements { step, measurements, noise, seed: 12 }
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// `F`, `G` at a sample.
fn factors<'a>(record: &'a RunRecord, name: &str, sample: usize) -> (&'a Matrix, &'a Matrix) {
    let snapshots = find(record, name).snapshots.as_ref().unwrap();
    (&snapshots.f[sample], &snapshots.g[sample])
}

/// `N_S` by its definition.
fn sampled(instance: &Instance, x: &Matrix, indices: &[usize]) -> Matrix {
    let weight = instance.data.len() as f64 / indices.len() as f64;
    indices.iter().fold(Matrix::zeros(x.nrows(), x.ncols()), |sum, &i| {
        let row = instance.operator.row(i);
        sum + &row * (weight * (instance.data[i] - row.dot(x)))
    })
}

#[test]
fn steps_are_those_of_the_definition() {
    let instance = noisy(120, 0.02);
    for batch in [1, 7, 90] {
        let record = Lab::new(3.0, 31).trajectory("sgd", "sgd", stochastic(0.1, batch)).run(&instance, &start());
        let mut draws = MiniBatches::new(11, 120, batch);
        let state = start();
        let (mut f, mut g) = (state.left().to_matrix(), state.right().to_matrix());
        for k in 0..=30 {
            let (recorded_f, recorded_g) = factors(&record, "sgd", k);
            let (size, error) = (frobenius(&f) + frobenius(&g), frobenius(&(recorded_f - &f)) + frobenius(&(recorded_g - &g)));
            assert!(error < 1e-12 * size, "batch {batch}, step {k}: {error:e}");
            let n = sampled(&instance, &(&f * g.transpose()), draws.draw(k as u64));
            (f, g) = (&f + &n * &g * 0.1, &g + n.transpose() * &f * 0.1);
        }
        let trajectory = find(&record, "sgd");
        assert_eq!((trajectory.steps, trajectory.counts.evaluations, trajectory.operator_passes), (30, 31, 31), "samples alone are passes");
        assert_eq!(trajectory.method, "stochastic_gradient_descent");
    }
}

/// Rounding apart, which the short horizon keeps small.
#[test]
fn a_batch_of_all_measurements_is_gradient_descent() {
    for instance in [noisy(120, 0.02), full_observation(target(9, 7, &[1.0, 0.6], 1))] {
        let all = instance.data.len();
        let lab = Lab::new(8.0, 9).descent("gd", 0.1).trajectory("sgd", "sgd", stochastic(0.1, all));
        let record = lab.run(&instance, &start());
        for name in record.columns.iter().filter(|name| *name != "energy_defect") {
            for (a, b) in column(&record, "gd", name).iter().zip(column(&record, "sgd", name)) {
                assert!((a - b).abs() < 1e-11 * (1.0 + a.abs()), "{name}: {a} and {b}");
            }
        }
    }
}

#[test]
fn samples_know_all_the_data_and_the_dissipation_is_not_known() {
    let instance = noisy(120, 0.02);
    let lab = Lab::new(6.0, 13).trajectory("sgd", "sgd", stochastic(0.1, 3)).trajectory("fresh", "fresh", fresh(0.1, 40, 0.02));
    let record = lab.run(&instance, &start());
    for name in ["sgd", "fresh"] {
        let (loss, gradient) = (column(&record, name, "loss"), column(&record, name, "grad_norm"));
        let (error, rip) = (column(&record, name, "relative_error"), column(&record, name, "rip_error"));
        let y = &instance.target.as_ref().unwrap().matrix;
        for k in 0..13 {
            let (f, g) = factors(&record, name, k);
            let x = f * g.transpose();
            let residual: Vec<f64> = instance.data.iter().zip(instance.operator.measure(&x)).map(|(y, x)| y - x).collect();
            let n = instance.operator.adjoint(&residual);
            let exact_loss = 0.5 * residual.iter().map(|r| r * r).sum::<f64>();
            assert!((loss[k] / exact_loss - 1.0).abs() < 1e-12, "{name} {k}");
            assert!((gradient[k] / frobenius(&(&n * g)).hypot(frobenius(&(n.transpose() * f))) - 1.0).abs() < 1e-12);
            assert!((error[k] - frobenius(&(y - &x)) / frobenius(y)).abs() < 1e-13);
            let noise = instance.noise_adjoint.as_ref().unwrap();
            assert!((rip[k] - operator_norm(&(&n - (y - &x) - noise))).abs() < 1e-13);
        }
        let defect = record.columns.iter().position(|column| column == "energy_defect").unwrap();
        // At the beginning nothing has been dissipated.
        assert!(find(&record, name).rows.iter().skip(1).all(|row| row.values[defect].is_none()));
    }
}

fn sym(x: &Matrix) -> Matrix {
    let (rows, cols) = x.shape();
    let mut lifted = Matrix::zeros(rows + cols, rows + cols);
    lifted.view_mut((0, rows), (rows, cols)).copy_from(x);
    lifted.view_mut((rows, 0), (cols, rows)).copy_from(&x.transpose());
    lifted
}

/// `‖𝓔(s)‖` of the step with the matrix `n` in the place of `N_k`, by a dense inverse, the largest of three; and the norms of its last two parts.
fn exact(n: &Matrix, r: &Matrix, (f, g): (&Matrix, &Matrix), step: f64) -> [f64; 3] {
    let (rows, cols) = n.shape();
    let (m, identity) = (sym(n), Matrix::identity(rows + cols, rows + cols));
    let mut worst = [0.0_f64; 3];
    for s in [0.0, 0.5 * step, step] {
        let inverse = (&identity + &m * s).try_inverse().unwrap();
        let moved = (f + n * g * s) * (g + n.transpose() * f * s).transpose() - f * g.transpose();
        let norms = [&m * &inverse - sym(&(r - &moved)), sym(&moved), &m * &m * &inverse * s].map(|part| operator_norm(&part));
        worst.iter_mut().zip(norms).for_each(|(worst, norm)| *worst = worst.max(norm));
    }
    worst
}

#[test]
fn perturbation_columns_are_those_of_the_steps_own_matrix() {
    let (instance, step) = (noisy(120, 0.02), 0.05);
    let noise = instance.noise_adjoint.as_ref().unwrap();
    let y = &instance.target.as_ref().unwrap().matrix;
    let mut lab = Lab::new(4.0, 9).trajectory("sgd", "sgd", stochastic(step, 20)).trajectory("fresh", "fresh", fresh(step, 60, 0.03));
    lab.experiment.record.observables.push("perturbation_integral".into());
    let record = lab.run(&instance, &start());
    let (mut draws, mut field) = (MiniBatches::new(11, 120, 20), FreshMeasurements::new(12, 60, 0.03, y.clone()));
    for name in ["sgd", "fresh"] {
        let columns = PARTS.map(|part| column(&record, name, part));
        for k in 0..9 {
            let (f, g) = factors(&record, name, k);
            let number = find(&record, name).rows[k].step.unwrap();
            let x = f * g.transpose();
            let r = y - &x;
            let residual: Vec<f64> = instance.data.iter().zip(instance.operator.measure(&x)).map(|(y, x)| y - x).collect();
            let n = instance.operator.adjoint(&residual);
            let (own, parts) = if name == "sgd" {
                let own = sampled(&instance, &x, draws.draw(number));
                let parts = [operator_norm(&(&n - &r - noise)), operator_norm(noise), operator_norm(&(&own - &n))];
                (own, parts)
            } else {
                let (state, mut rate) = (State::from_factors(f, g), State::from_factors(f, g));
                assert_eq!(field.begin(Moment { t: 0.0, piece: number }, &state, &mut rate), Next::Rate);
                let nothing = pgflow::sensing::Answer::new(9, 7);
                let drive = field.own_drive(&nothing).unwrap();
                let own_noise = drive.noise.unwrap();
                (drive.matrix.clone(), [operator_norm(&(drive.matrix - &r - own_noise)), operator_norm(own_noise), 0.0])
            };
            let [total, motion, discretisation] = exact(&own, &r, (f, g), step);
            let expected = [total, parts[0], parts[1], motion, discretisation, parts[2]];
            for ((part, column), expected) in PARTS.iter().zip(&columns).zip(expected) {
                assert!((column[k] - expected).abs() < 1e-11 * (1.0 + expected), "{name} {part} at {k}: {} and {expected}", column[k]);
            }
            let budget: f64 = columns[1..].iter().map(|column| column[k]).sum();
            assert!(columns[0][k] <= budget + 1e-12);
        }
        let integral = column(&record, name, "perturbation_integral");
        assert!(integral[0] == 0.0 && integral.windows(2).all(|pair| pair[0] < pair[1]), "{name}: {integral:?}");
    }
}

/// `E N_k = R`, and `E‖(A*A − I)R‖_F² = ‖R‖_F²(mn + 1)/p` (THEORY 3.10), over 4000 steps at one point: both means within five standard errors.
#[test]
fn fresh_measurements_have_the_moments_of_gaussian_ones() {
    let y = target(5, 4, &[1.0, 0.4], 7).matrix;
    let (p, steps, noise) = (25, 4000_u64, 0.1);
    let state = small_start(5, 4, 3, 0.5, 8);
    let r = &y - state.product();
    let nothing = pgflow::sensing::Answer::new(5, 4);
    let mut field = FreshMeasurements::new(3, p, noise, y);
    let (mut rate, mut mean, mut squares) = (state.clone(), Matrix::zeros(5, 4), vec![]);
    let (mut noise_mean, mut noise_squares) = (Matrix::zeros(5, 4), 0.0);
    for piece in 0..steps {
        assert_eq!(field.begin(Moment { t: 0.0, piece }, &state, &mut rate), Next::Rate);
        let drive = field.own_drive(&nothing).unwrap();
        let e = drive.noise.unwrap();
        let error = drive.matrix - e - &r;
        squares.push(frobenius_squared(&error));
        mean += error / steps as f64;
        noise_squares += frobenius_squared(e) / steps as f64;
        noise_mean += e / steps as f64;
    }
    let (size, count) = (frobenius_squared(&r) * 21.0 / p as f64, steps as f64);
    let average = squares.iter().sum::<f64>() / count;
    let spread = (squares.iter().map(|s| (s - average).powi(2)).sum::<f64>() / count).sqrt();
    assert!((average - size).abs() < 5.0 * spread / count.sqrt(), "{average} and {size}");
    // A mean of `count` independent matrices of mean square `size` has the mean square `size/count`, few times exceeded by more than 3.
    assert!(frobenius_squared(&mean) < 3.0 * size / count, "{}", frobenius(&mean));
    // ‖A*(e)‖_F² has the mean σ² mn.
    let noise_size = noise * noise * 20.0;
    assert!((noise_squares / noise_size - 1.0).abs() < 0.05, "{noise_squares} and {noise_size}");
    assert!(frobenius_squared(&noise_mean) < 3.0 * noise_size / count);
}

/// Changing any of these numbers changes every result that anyone has kept.
#[test]
fn fresh_measurements_keep_their_numbers() {
    let state = State::from_factors(&Matrix::from_element(2, 1, 0.0), &Matrix::from_element(1, 1, 1.0));
    let mut field = FreshMeasurements::new(7, 3, 0.5, Matrix::from_column_slice(2, 1, &[1.0, -2.0]));
    let mut rate = state.clone();
    let nothing = pgflow::sensing::Answer::new(2, 1);
    let mut found = Vec::new();
    for piece in [0_u64, 5] {
        field.begin(Moment { t: 0.0, piece }, &state, &mut rate);
        let drive = field.own_drive(&nothing).unwrap();
        // Row i is the beginning of stream piece·2²⁴ + i: two entries and the noise.
        let (mut n, mut adjoint) = (Matrix::zeros(2, 1), Matrix::zeros(2, 1));
        for i in 0..3_u64 {
            use rand::RngExt;
            let mut rng = pgflow::random::stream(7, pgflow::random::Purpose::Fresh, (piece << 24) + i);
            let mut normal = || rng.sample::<f64, _>(rand_distr::StandardNormal);
            let row = Matrix::from_column_slice(2, 1, &[normal() / 3f64.sqrt(), normal() / 3f64.sqrt()]);
            let e = 0.5 * normal();
            n += &row * (row[0] - 2.0 * row[1] + e);
            adjoint += &row * e;
        }
        assert!(frobenius(&(drive.matrix - &n)) < 1e-15 && frobenius(&(drive.noise.unwrap() - &adjoint)) < 1e-15);
        found.extend([drive.matrix, drive.noise.unwrap()].map(|x| [x[0], x[1]]));
    }
    let golden = [
        [0.12389791866941247, -0.642282855590221],
        [-0.7022422357742704, -0.17958014687468515],
        [0.2580437375007498, -0.2939960751514247],
        [0.23578528659077214, -0.11655532777273903],
    ];
    assert_eq!(found, golden, "{found:?}");
}

fn everything() -> Lab {
    let mut lab = Lab::new(12.0, 25)
        .flow("flow", Pair::Dop853, 1e-8)
        .trajectory("one", "one", stochastic(0.05, 1))
        .trajectory("many", "many", stochastic(0.05, 70))
        .trajectory("fresh", "fresh", fresh(0.1, 50, 0.01))
        .trajectory("scaled", "scaled", Method::ScaledDescent { step: 0.3, damping: 1e-3 })
        .descent("gd", 0.1)
        .compare();
    for name in ["perturbation_integral", "sharpness", "curvature_min"] {
        lab.experiment.record.observables.push(name.into());
    }
    lab
}

#[test]
fn bits_depend_neither_on_threads_nor_on_company_nor_on_interruptions() {
    let instance = noisy(120, 0.02);
    let one = on_threads(1, || everything().run(&instance, &start()));
    assert_eq!(on_threads(3, || everything().run(&instance, &start())), one);
    for rounds in [vec![0], vec![1], vec![1; 9], vec![40, 3, 1, 1]] {
        assert_eq!(interrupted(&everything(), &instance, &start(), &rounds), one, "{rounds:?}");
    }
    for name in ["one", "many", "fresh"] {
        let mut alone = everything();
        alone.experiment.comparisons.clear();
        alone.experiment.trajectories.retain(|spec| spec.name == name);
        let record = alone.run(&instance, &start());
        assert_eq!(record.trajectories[0].rows, find(&one, name).rows, "{name}");
    }
}

/// A reference whose points lie between the other's recording times is interpolated, linearly for these.
#[test]
fn a_stochastic_reference_is_interpolated() {
    let instance = noisy(120, 0.0);
    let lab = Lab::new(2.0, 5).trajectory("sgd", "sgd", stochastic(0.4, 5)).descent("gd", 0.25).compare();
    let record = lab.run(&instance, &start());
    let (times, fine) = (lab.run(&instance, &start()).comparison, Lab::new(2.0, 6).trajectory("sgd", "sgd", stochastic(0.4, 5)));
    let points = fine.run(&instance, &start());
    for row in times.iter().filter(|row| row.t < 2.0) {
        let k = (row.t / 0.4).floor() as usize;
        let fraction = row.t / 0.4 - k as f64;
        let at = |k: usize| factors(&points, "sgd", k);
        let between = |a: &Matrix, b: &Matrix| a + (b - a) * fraction;
        let (f, g) = (between(at(k).0, at(k + 1).0), between(at(k).1, at(k + 1).1));
        let sample = find(&record, "gd").rows.iter().position(|other| other.t == row.t).unwrap();
        let (other_f, other_g) = factors(&record, "gd", sample);
        let expected = frobenius(&(&f * g.transpose() - other_f * other_g.transpose()));
        assert!((row.product_deviation - expected).abs() < 1e-13, "t = {}", row.t);
    }
    assert!(times.len() >= 5);
}

#[test]
fn stop_rules_act_on_what_is_known() {
    let instance = noisy(120, 0.0);
    let run = |stop: Stop| {
        let lab =
            Lab::new(200.0, 11).stop(stop).trajectory("sgd", "sgd", stochastic(0.05, 40)).trajectory("fresh", "fresh", fresh(0.1, 60, 0.0));
        lab.run(&instance, &start())
    };
    let error = run(Stop { relative_error: Some(1e-2), ..Stop::default() });
    let gradient = run(Stop { gradient_norm: Some(1e-3), ..Stop::default() });
    let fit = run(Stop { train_error: Some(1e-2), ..Stop::default() });
    for name in ["sgd", "fresh"] {
        let values = column(&error, name, "relative_error");
        let trajectory = find(&error, name);
        assert!(matches!(trajectory.outcome, Some(Outcome::Converged { .. })), "{name}: {:?}", trajectory.outcome);
        let (last, before) = (values[values.len() - 1], values[values.len() - 2]);
        assert!(last <= 1e-2 && before > 1e-2, "{name}: {values:?}");
        assert!((trajectory.t / 20.0).fract() != 0.0, "{name}: within a step, not at a sample only");
        // The gradient and the fit of all the data are known at samples alone, every 20 units of time.
        for (record, rule, limit) in [(&gradient, "grad_norm", 1e-3), (&fit, "train_error", 1e-2)] {
            let (values, trajectory) = (column(record, name, rule), find(record, name));
            assert!(matches!(trajectory.outcome, Some(Outcome::Converged { t }) if (t / 20.0 - (t / 20.0).round()).abs() < 1e-9), "{name}");
            let (last, before) = (values[values.len() - 1], values[values.len() - 2]);
            assert!(last <= limit && before > limit, "{name}: {values:?}");
            assert_eq!(trajectory.operator_passes as usize, values.len());
        }
    }
    let limited = run(Stop { evaluations: Some(33), ..Stop::default() });
    assert!(limited.trajectories.iter().all(|t| matches!(t.outcome, Some(Outcome::EvaluationLimit { .. })) && t.counts.evaluations == 33));
}

#[test]
fn a_stochastic_descent_that_blows_up_says_so_and_ends_with_a_sample() {
    let instance = noisy(120, 0.0);
    let record = Lab::new(4000.0, 3).trajectory("sgd", "sgd", stochastic(40.0, 1)).run(&instance, &start());
    let trajectory = find(&record, "sgd");
    assert!(matches!(trajectory.outcome, Some(Outcome::NonFinite { .. })), "{:?}", trajectory.outcome);
    assert_eq!(trajectory.rows.last().unwrap().t, trajectory.t);
    let place = |name: &str| record.columns.iter().position(|column| column == name).unwrap();
    assert_eq!(trajectory.rows.last().unwrap().values[place("perturbation")], None, "the last step has no matrix");
}

#[test]
fn what_an_instance_does_not_have_is_refused() {
    let mut instance = noisy(120, 0.0);
    let refused = |lab: Lab, instance: &Instance| match Simulation::new(&lab.experiment, instance, vec![start()]) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    };
    let message = refused(Lab::new(1.0, 3).trajectory("sgd", "sgd", stochastic(0.1, 121)), &instance);
    assert!(message.contains("trajectory[sgd]") && message.contains("batch = 121") && message.contains("120 measurements"), "{message}");
    instance.target = None;
    let message = refused(Lab::new(1.0, 3).trajectory("fresh", "fresh", fresh(0.1, 10, 0.0)), &instance);
    assert!(message.contains("trajectory[fresh]") && message.contains("target"), "{message}");
}
