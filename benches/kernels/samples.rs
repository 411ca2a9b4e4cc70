//! What a sample of a descent costs, family by family, and what it is made of, at a point half-way to the target.

use criterion::Criterion;
use pgflow::config::{DEFAULT_COLUMNS, Source, load};
use pgflow::dynamics::State;
use pgflow::linalg::{PartialSvd, ProductSpectrum, operator_norm, operator_norm_symmetric};
use pgflow::observe::{Motion, Observers, Sample};
use pgflow::problem::{build_instance, initial_state};
use pgflow::sensing::{Answer, Question};

/// Columns that are computed together, and all.
const FAMILIES: [(&str, &[&str]); 9] = [
    ("spectrum alone", &["relative_error"]),
    ("loss", &["loss"]),
    ("residual_op", &["residual_op"]),
    ("imbalance", &["imbalance"]),
    ("angles", &["angle_left"]),
    ("rip_error", &["rip_error"]),
    ("signal", &["signal_min"]),
    ("perturbation", &["perturbation"]),
    ("default columns", DEFAULT_COLUMNS),
];

pub fn bench(criterion: &mut Criterion) {
    for (rows, cols, measurements) in [(40, 30, 700), (50, 50, 1500), (100, 100, 3000)] {
        let text = format!(
            "name = \"samples\"\nseed = 1\n[target]\nrows = {rows}\ncols = {cols}\nrank = 3\ncondition_number = 10.0\n[sensing.gaussian]\n\
             measurements = {measurements}\n[model]\nwidth = {cols}\n[init.gaussian]\nscale = 1e-3\n[record]\nhorizon = 1.0\n[[trajectory]]\n\
             name = \"one\"\n[trajectory.gradient_descent]\nstep = 0.1\n"
        );
        let experiment = load(Source { name: "samples", text: &text }, &[], ".".as_ref()).unwrap().experiment;
        let instance = build_instance(&experiment).unwrap().instance;
        let start = initial_state(&experiment.trajectories[0].init, Some(cols), &instance, None).unwrap();
        let (mut state, mut answers, mut work) = (start.clone(), [Answer::new(rows, cols)], instance.operator.workspace());
        let mut direction = State::zeros(state.shape());
        for _ in 0..300 {
            instance.operator.answer(&instance.data, &[Question::residual(state.left(), state.right())], &mut answers, &mut work);
            state.drive_into(0.1, &answers[0].matrix, &mut direction);
            *state.matrix_mut() += direction.matrix();
        }
        instance.operator.answer(&instance.data, &[Question::residual(state.left(), state.right())], &mut answers, &mut work);
        let residual = &instance.target.as_ref().unwrap().matrix - &answers[0].product;
        let (answer, residual_here) = (&answers[0], Some(&residual));
        let sample = Sample {
            instance: &instance,
            t: 30.0,
            state: &state,
            answer,
            residual: residual_here,
            dissipation: 0.0,
            imposed: None,
            drive: None,
        };
        let shape = format!("{rows} × {cols}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for (name, columns) in FAMILIES {
            let mut observers = Observers::with_motion(columns, &instance, &start, Motion::Descent(0.1)).unwrap();
            criterion.bench_function(&format!("a sample, {shape}, {name}"), |bencher| {
                pool.install(|| bencher.iter(|| observers.record(&sample)));
            });
        }
        let gram = residual.transpose() * &residual;
        criterion.bench_function(&format!("operator norm, {shape}"), |bencher| bencher.iter(|| operator_norm(&residual)));
        criterion
            .bench_function(&format!("operator norm, symmetric, side {cols}"), |bencher| bencher.iter(|| operator_norm_symmetric(&gram)));
        let product = state.product();
        criterion.bench_function(&format!("singular values, {shape}"), |bencher| bencher.iter(|| PartialSvd::of(&product).unwrap()));
        criterion.bench_function(&format!("singular values of F G', {shape}"), |bencher| {
            bencher.iter(|| ProductSpectrum::of(state.left(), state.right()).unwrap());
        });
    }
}
