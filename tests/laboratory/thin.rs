//! Steps that ask for `N G` and `Nᵀ F` alone: samples, stop rules and resumption are what they are with matrices.

use crate::determinism::interrupted;
use crate::setup::*;
use pgflow::config::{DEFAULT_COLUMNS, Form, Method, Pair, Stop};
use pgflow::dynamics::State;
use pgflow::linalg::Matrix;
use pgflow::problem::Instance;
use pgflow::sensing::{Answer, Cost, Entries, Question, RankOne, SensingOperator, Symmetrised, Workspace};
use pgflow::simulation::{Outcome, RunRecord};

/// The same operator without the offer of products.
#[derive(Debug)]
struct Full(Box<dyn SensingOperator>);

impl SensingOperator for Full {
    fn shape(&self) -> (usize, usize) {
        self.0.shape()
    }
    fn is_symmetric(&self) -> bool {
        self.0.is_symmetric()
    }
    fn measurements(&self) -> usize {
        self.0.measurements()
    }
    fn workspace(&self) -> Workspace {
        self.0.workspace()
    }
    fn answer(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], work: &mut Workspace) {
        self.0.answer(y, questions, answers, work);
    }
    fn measure(&self, x: &Matrix) -> Vec<f64> {
        self.0.measure(x)
    }
    fn adjoint(&self, v: &[f64]) -> Matrix {
        self.0.adjoint(v)
    }
    fn cost(&self, batch: usize) -> Cost {
        self.0.cost(batch)
    }
    fn storage_bytes(&self) -> u64 {
        self.0.storage_bytes()
    }
    fn row(&self, i: usize) -> Matrix {
        self.0.row(i)
    }
}

fn operators() -> [fn() -> Box<dyn SensingOperator>; 2] {
    [|| Box::new(RankOne::draw(12, 9, 300, 2).unwrap()), || Box::new(Entries::draw(12, 9, 80, 2).unwrap())]
}

fn instance(operator: Box<dyn SensingOperator>) -> Instance {
    with_operator(target(12, 9, &[1.0, 0.6], 1), operator)
}

fn start() -> State {
    small_start(12, 9, 6, 0.01, 3)
}

/// All methods, those included that need the matrix.
fn lab() -> Lab {
    Lab::new(12.0, 13)
        .rk4("rk4", 0.13)
        .descents("gd", &[0.1, 0.03])
        .trajectory("momentum", "momentum", Method::Momentum { step: 0.05, momentum: 0.5 })
        .trajectory("nesterov", "nesterov", Method::Nesterov { step: 0.05, momentum: None })
        .trajectory("exponential", "exponential", Method::Exponential { step: 0.1 })
        .compare()
}

fn largest_difference(a: &RunRecord, b: &RunRecord) -> f64 {
    let mut largest = 0.0_f64;
    for (a, b) in a.trajectories.iter().zip(&b.trajectories) {
        assert_eq!((a.rows.len(), a.counts, a.outcome), (b.rows.len(), b.counts, b.outcome), "{}", a.name);
        let (a, b) = (a.snapshots.as_ref().unwrap(), b.snapshots.as_ref().unwrap());
        for (a, b) in a.f.iter().zip(&b.f).chain(a.g.iter().zip(&b.g)) {
            largest = largest.max((a - b).amax());
        }
    }
    largest
}

/// Rounding errors, 1e-16 of factors of size one, grow with the modes from 0.01 to their size: by a factor of a hundred and a few powers of it.
#[test]
fn trajectories_are_those_of_full_answers() {
    for operator in operators() {
        let (thin, full) = (instance(operator()), instance(Box::new(Full(operator()))));
        let (a, b) = (lab().run(&thin, &start()), lab().run(&full, &start()));
        let difference = largest_difference(&a, &b);
        assert!(difference > 0.0 && difference < 1e-11, "{difference:e}");
        for trajectory in &a.trajectories {
            assert_eq!(trajectory.outcome, Some(Outcome::Completed));
            for row in &trajectory.rows {
                let loss = row.values[DEFAULT_COLUMNS.iter().position(|name| *name == "rip_error").unwrap()];
                assert!(loss.is_some(), "samples know N and FGᵀ");
            }
        }
    }
}

/// The same in the symmetric model, where a step wants `N U` alone; `A_i = x xᵀ` doubles the rate, and its start is smaller for that.
#[test]
fn symmetric_trajectories_are_those_of_full_answers() {
    let operators: [fn() -> Box<dyn SensingOperator>; 3] = [
        || Box::new(Symmetrised::new(Box::new(RankOne::draw_symmetric(9, 300, 2).unwrap()))),
        || Box::new(Symmetrised::new(Box::new(RankOne::draw(9, 9, 300, 2).unwrap()))),
        || Box::new(Symmetrised::new(Box::new(Entries::draw(9, 9, 60, 2).unwrap()))),
    ];
    for operator in operators {
        assert!(operator().offers_products());
        let instance = |operator| with_operator(semidefinite(9, &[1.0, 0.6], 1), operator);
        let (thin, full) = (instance(operator()), instance(Box::new(Full(operator()))));
        let start = small_symmetric_start(9, 4, 0.01, 3);
        let symmetric_lab = || Lab::new(6.0, 7).rk4("rk4", 0.06).descents("gd", &[0.05, 0.03]).compare();
        let (a, b) = (symmetric_lab().run(&thin, &start), symmetric_lab().run(&full, &start));
        let difference = largest_difference(&a, &b);
        assert!(difference > 0.0 && difference < 1e-11, "{difference:e}");
        assert!(a.trajectories.iter().all(|trajectory| trajectory.outcome == Some(Outcome::Completed)));
    }
}

#[test]
fn thin_steps_end_resume_and_share_like_others() {
    let stop = Stop { relative_error: Some(0.05), ..Stop::default() };
    for operator in operators() {
        let instance = instance(operator());
        for lab in [lab(), lab().flow("flow", Pair::Dop853, 1e-8).cross_check(1e-4).stop(stop)] {
            let undisturbed = lab.run(&instance, &start());
            let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
            assert_eq!(pool.install(|| lab.run(&instance, &start())), undisturbed);
            for rounds in [vec![0], vec![1, 1, 1, 1, 1], vec![7, 1, 23, 40], vec![3; 30]] {
                assert_eq!(interrupted(&lab, &instance, &start(), &rounds), undisturbed, "{rounds:?}");
            }
        }
    }
}

/// The last state is a sample whatever ended the trajectory, once.
#[test]
fn the_last_state_is_a_sample_once() {
    for operator in operators() {
        let instance = instance(operator());
        let stop = Stop { evaluations: Some(40), factor_norm: Some(1e3), ..Stop::default() };
        let record = Lab::new(150.0, 4).stop(stop).descents("gd", &[0.1, 3.0]).rk4("rk4", 0.1).run(&instance, &start());
        for trajectory in &record.trajectories {
            assert_ne!(trajectory.outcome, Some(Outcome::Completed), "{}", trajectory.name);
            let times: Vec<f64> = trajectory.rows.iter().map(|row| row.t).collect();
            assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{}: {times:?}", trajectory.name);
            assert_eq!(times.last(), Some(&trajectory.t), "{}", trajectory.name);
        }
    }
}

/// Perturbed flows, and the columns that are integrated, need the matrix at every step.
#[test]
fn perturbed_flows_get_matrices() {
    for operator in operators() {
        let instance = instance(operator());
        let law = pgflow::config::Law::Rotating { period: 3.0 };
        let mut lab = Lab::new(6.0, 7).perturbed("p", bounded(Form::Shared, law, 0.02), 1e-8).descent("gd", 0.1);
        lab.experiment.record.observables.push("perturbation_integral".into());
        let record = lab.run(&instance, &start());
        for trajectory in &record.trajectories {
            let last = trajectory.rows.last().unwrap();
            assert!(last.values.iter().all(|value| value.is_some_and(f64::is_finite)), "{}: {:?}", trajectory.name, last.values);
        }
    }
}
