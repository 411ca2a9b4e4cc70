//! A small builder of experiments.

use pgflow::config::*;
use pgflow::dynamics::State;
use pgflow::linalg::{Form as Product, Matrix, multiply};
use pgflow::problem::{Instance, Target};
use pgflow::random::{Purpose, stream};
use pgflow::sensing::{Identity, SensingOperator};
use pgflow::simulation::{End, RunRecord, Simulation, TrajectoryRecord, Unattended};
use rand::RngExt;
use rand_distr::StandardNormal;

/// A `rows × cols` matrix of standard normal numbers.
pub fn gaussian(rows: usize, cols: usize, seed: u64) -> Matrix {
    let mut rng = stream(seed, Purpose::Initialisation, 77);
    Matrix::from_fn(rows, cols, |_, _| rng.sample(StandardNormal))
}

/// `rows × cols` with orthonormal columns.
pub fn orthonormal(rows: usize, cols: usize, seed: u64) -> Matrix {
    pgflow::linalg::thin_qr(&gaussian(rows, cols, seed)).0
}

/// `U diag(values) Vᵀ` with random singular vectors.
pub fn target(rows: usize, cols: usize, values: &[f64], seed: u64) -> Target {
    let (left, right) = (orthonormal(rows, values.len(), seed), orthonormal(cols, values.len(), seed + 1));
    let scaled = Matrix::from_fn(rows, values.len(), |i, j| left[(i, j)] * values[j]);
    Target { matrix: multiply(Product::RightTransposed, &scaled, &right), left, values: values.to_vec(), right }
}

/// `U diag(values) Uᵀ` with random eigenvectors.
pub fn semidefinite(side: usize, values: &[f64], seed: u64) -> Target {
    let left = orthonormal(side, values.len(), seed);
    let scaled = Matrix::from_fn(side, values.len(), |i, j| left[(i, j)] * values[j]);
    let mut matrix = multiply(Product::RightTransposed, &scaled, &left);
    pgflow::linalg::symmetrise(&mut matrix);
    Target { matrix, right: left.clone(), left, values: values.to_vec() }
}

/// Full observation of a target of the symmetric model.
pub fn symmetric_full_observation(target: Target) -> Instance {
    let operator = pgflow::sensing::Symmetrised::new(Box::new(Identity::new(target.matrix.nrows(), target.matrix.ncols())));
    with_operator(target, Box::new(operator))
}

/// `p` symmetrised Gaussian measurements of a target, without noise.
pub fn symmetric_sensed(target: Target, measurements: usize, seed: u64) -> Instance {
    let operator = pgflow::sensing::PackedSymmetric::draw(target.matrix.nrows(), measurements, Storage::F64, seed).unwrap();
    with_operator(target, Box::new(operator))
}

/// `α` times a Gaussian factor of the symmetric model.
pub fn small_symmetric_start(side: usize, width: usize, scale: f64, seed: u64) -> State {
    State::from_symmetric_factor(gaussian(side, width, seed) * scale)
}

/// Full observation of a target.
pub fn full_observation(target: Target) -> Instance {
    let operator = Identity::new(target.matrix.nrows(), target.matrix.ncols());
    with_operator(target, Box::new(operator))
}

/// `p` Gaussian measurements of a target, without noise.
pub fn sensed(target: Target, measurements: usize, seed: u64) -> Instance {
    let (rows, cols) = target.matrix.shape();
    let operator = pgflow::sensing::Gaussian::draw(rows, cols, measurements, Storage::F64, seed).unwrap();
    with_operator(target, Box::new(operator))
}

/// An operator applied to a target, without noise.
pub fn with_operator(target: Target, operator: Box<dyn SensingOperator>) -> Instance {
    let data = operator.measure(&target.matrix);
    let noise_adjoint = Some(Matrix::zeros(target.matrix.nrows(), target.matrix.ncols()));
    Instance { target: Some(target), operator, data, noise_adjoint }
}

/// `α` times Gaussian factors.
pub fn small_start(rows: usize, cols: usize, width: usize, scale: f64, seed: u64) -> State {
    State::from_factors(&(gaussian(rows, width, seed) * scale), &(gaussian(cols, width, seed + 1) * scale))
}

/// An experiment under construction.
pub struct Lab {
    pub experiment: Experiment,
}

impl Lab {
    pub fn new(horizon: f64, samples: usize) -> Self {
        let record = Record {
            horizon,
            samples,
            spacing: Spacing::Linear,
            exact_times: false,
            snapshots: true,
            singular_vectors: 0,
            observables: DEFAULT_COLUMNS.iter().map(|name| name.to_string()).collect(),
            stop: Stop::default(),
        };
        let problem = Problem::File("unused".into());
        let experiment = Experiment {
            name: "test".into(),
            seed: 0,
            problem,
            factorization: Factorization::Asymmetric,
            width: None,
            record,
            trajectories: vec![],
            comparisons: vec![],
        };
        Lab { experiment }
    }

    pub fn trajectory(mut self, name: &str, family: &str, method: Method) -> Self {
        let init = InitSpec { seed: 0, kind: InitKind::Gaussian, scale: 1.0 };
        let spec = TrajectorySpec { name: name.into(), family: family.into(), init, method, cross_check: None, certify: false };
        self.experiment.trajectories.push(spec);
        self
    }

    pub fn flow(self, name: &str, pair: Pair, rtol: f64) -> Self {
        let tolerance = ToleranceSpec { rtol, atol: 0.0, norm: ErrorNorm::Factors };
        self.trajectory(name, name, Method::Flow(FlowMethod::Adaptive { pair, tolerance }))
    }

    /// A perturbed flow by DOP853.
    pub fn perturbed(self, name: &str, perturbation: PerturbationSpec, rtol: f64) -> Self {
        let tolerance = ToleranceSpec { rtol, atol: 0.0, norm: ErrorNorm::Factors };
        let integrator = FlowMethod::Adaptive { pair: Pair::Dop853, tolerance };
        self.trajectory(name, name, Method::PerturbedFlow { integrator, perturbation })
    }

    pub fn rk4(self, name: &str, step: f64) -> Self {
        self.trajectory(name, name, Method::Flow(FlowMethod::Rk4 { step }))
    }

    pub fn descent(self, name: &str, step: f64) -> Self {
        self.trajectory(name, name, Method::GradientDescent { step })
    }

    pub fn descents(mut self, family: &str, steps: &[f64]) -> Self {
        for step in steps {
            self = self.trajectory(&format!("{family}[step={step}]"), family, Method::GradientDescent { step: *step });
        }
        self
    }

    pub fn cross_check(mut self, tolerance: f64) -> Self {
        self.experiment.trajectories.last_mut().unwrap().cross_check = Some(tolerance);
        self
    }

    pub fn stop(mut self, stop: Stop) -> Self {
        self.experiment.record.stop = stop;
        self
    }

    /// Compares every trajectory with the first.
    pub fn compare(mut self) -> Self {
        let names: Vec<String> = self.experiment.trajectories.iter().map(|t| t.name.clone()).collect();
        self.experiment.comparisons = vec![ComparisonSpec { reference: names[0].clone(), against: names[1..].to_vec(), bound: false }];
        self
    }

    /// Runs all trajectories from one start.
    pub fn run(&self, instance: &Instance, start: &State) -> RunRecord {
        self.run_from(instance, vec![start.clone(); self.experiment.trajectories.len()])
    }

    pub fn run_from(&self, instance: &Instance, starts: Vec<State>) -> RunRecord {
        let mut simulation = Simulation::new(&self.experiment, instance, starts).unwrap();
        assert!(matches!(simulation.run(&Unattended), End::Finished));
        simulation.record()
    }
}

/// A perturbation with an absolute bound.
pub fn bounded(form: Form, law: Law, bound: f64) -> PerturbationSpec {
    PerturbationSpec { form, bound: Some(BoundSpec { bound, relative_to: RelativeTo::Absolute }), seed: 7, law }
}

/// The law that makes a flow a descent.
pub fn as_descent(step: f64) -> PerturbationSpec {
    PerturbationSpec { form: Form::Lifted, bound: None, seed: 0, law: Law::Descent { step } }
}

/// The laws that are random and know nothing of the state, with time scales around one.
pub fn random_laws() -> Vec<(&'static str, Law)> {
    vec![
        ("gaussian", Law::Constant { direction: Direction::Gaussian }),
        ("flat", Law::Constant { direction: Direction::Flat }),
        ("rank_one", Law::Constant { direction: Direction::RankOne }),
        ("rotating", Law::Rotating { period: 3.0 }),
        ("piecewise", Law::Piecewise { interval: 0.7 }),
        ("smooth", Law::Smooth { correlation_time: 1.5 }),
        ("ornstein_uhlenbeck", Law::OrnsteinUhlenbeck { correlation_time: 1.5, resolution: 0.2 }),
    ]
}

/// The adversaries, well smoothed: rounding errors enter `E` magnified by one over the smoothing.
pub fn adversaries() -> Vec<(&'static str, Law)> {
    let adversary = |against| Law::Adversarial { against, smoothing: 1e-2 };
    vec![("against_residual", adversary(Against::Residual)), ("against_weakest_mode", adversary(Against::WeakestMode))]
}

/// Laws of the shared form alone.
pub fn shared_laws() -> Vec<(&'static str, Law)> {
    adversaries().into_iter().chain([("against_limit", Law::AdversarialLimit)]).collect()
}

/// The answer of an instance's operator at a state.
pub fn answer(instance: &Instance, state: &State) -> pgflow::sensing::Answer {
    use pgflow::sensing::{Answer, Question};
    let (rows, cols) = instance.operator.shape();
    let mut answers = [Answer::new(rows, cols)];
    let mut work = instance.operator.workspace();
    instance.operator.answer(&instance.data, &[Question::residual(state.left(), state.right())], &mut answers, &mut work);
    let [answer] = answers;
    answer
}

/// The piece of a law that a time lies in, the left one at a jump.
pub fn piece_at(field: &dyn pgflow::dynamics::VectorField, t: f64) -> u64 {
    (0..).find(|&piece| field.piece_end(piece).is_none_or(|end| t <= end)).unwrap()
}

/// A column of one trajectory.
pub fn column(record: &RunRecord, trajectory: &str, name: &str) -> Vec<f64> {
    let index = record.columns.iter().position(|column| column == name).unwrap();
    find(record, trajectory)
        .rows
        .iter()
        .map(|row| row.values[index].unwrap_or_else(|| panic!("{name} is undefined at t = {}", row.t)))
        .collect()
}

pub fn find<'a>(record: &'a RunRecord, trajectory: &str) -> &'a TrajectoryRecord {
    record.trajectories.iter().find(|t| t.name == trajectory).unwrap()
}

/// `FGᵀ` at sample `index`.
pub fn product(record: &RunRecord, trajectory: &str, index: usize) -> Matrix {
    let snapshots = find(record, trajectory).snapshots.as_ref().unwrap();
    multiply(Product::RightTransposed, &snapshots.f[index], &snapshots.g[index])
}

/// Slope of a least-squares line through `(ln x, ln y)`.
pub fn order(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0.ln() / n, y + p.1.ln() / n));
    let (xy, xx) = points.iter().fold((0.0, 0.0), |(xy, xx), p| (xy + (p.0.ln() - x) * (p.1.ln() - y), xx + (p.0.ln() - x).powi(2)));
    xy / xx
}
