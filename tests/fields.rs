//! The modified flow, and what fields say about −∇f and the answer at their point.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stepper_support;

use pgflow::config::{Form, Pair, Storage};
use pgflow::dynamics::{GradientFlow, ModifiedFlow, Moment, Next, State, VectorField};
use pgflow::linalg::Matrix;
use pgflow::perturbation::{Blocks, Circumstances, Perturbation, PerturbedFlow};
use pgflow::sensing::{Answer, Dense, Gaussian, SensingOperator};
use pgflow::stepper::{Solo, StepEvent, build};
use stepper_support::*;

struct Problem {
    operator: Dense,
    data: Vec<f64>,
    state: State,
}

fn noise(rows: usize, cols: usize, seed: f64) -> Matrix {
    Matrix::from_fn(rows, cols, |i, j| ((i as f64 * 12.9898 + j as f64 * 78.233 + seed * 37.719).sin() * 43758.5453).fract())
}

fn problem() -> Problem {
    let (rows, cols, width) = (7, 6, 4);
    let operator = Gaussian::draw(rows, cols, 50, Storage::F64, 8).unwrap();
    let data = operator.measure(&noise(rows, cols, 3.0));
    Problem { operator, data, state: State::from_factors(&(noise(rows, width, 1.0) * 0.5), &(noise(cols, width, 2.0) * 0.5)) }
}

impl Problem {
    /// The rate of a field, the last answer, and how many questions it took.
    fn evaluate(&self, field: &mut dyn VectorField, state: &State) -> (State, Answer, usize) {
        let (rows, cols) = self.operator.shape();
        let (mut rate, mut answer, mut questions) = (State::zeros(state.shape()), Answer::new(rows, cols), 0);
        let (mut work, at) = (self.operator.workspace(), Moment { t: 0.0, piece: 0 });
        let mut next = field.begin(at, state, &mut rate);
        while next == Next::Ask {
            let question = field.question(state);
            self.operator.answer(&self.data, &[question], std::slice::from_mut(&mut answer), &mut work);
            questions += 1;
            next = field.resume(at, state, &answer, &mut rate);
        }
        (rate, answer, questions)
    }

    fn gradient_rate(&self, z: &Matrix) -> Matrix {
        let mut state = self.state.clone();
        state.matrix_mut().copy_from(z);
        self.evaluate(&mut GradientFlow, &state).0.matrix().clone()
    }
}

#[test]
fn the_hessian_term_agrees_with_finite_differences() {
    let problem = problem();
    let z = problem.state.matrix();
    let v = problem.gradient_rate(z);
    // Along a line −∇f is a cubic, which this five-point formula differentiates exactly: what remains is rounding over the step.
    let (step, at) = (0.05 / v.norm(), |k: f64, step: f64| problem.gradient_rate(&(z + &v * (k * step))));
    let derivative = ((at(1.0, step) - at(-1.0, step)) * 8.0 - (at(2.0, step) - at(-2.0, step))) / (12.0 * step);
    for eta in [0.01, 0.3, 2.0] {
        let modified = problem.evaluate(&mut ModifiedFlow::new(eta, problem.state.shape()), &problem.state).0;
        let expected = &v - &derivative * (0.5 * eta);
        let error = (modified.matrix() - &expected).norm() / (0.5 * eta * derivative.norm());
        // At the smallest η the term is a small part of the rate, whose rounding counts too.
        assert!(error < 1e-12 + 1e-14 / eta, "η = {eta}: {error:e}");
    }
}

#[test]
fn it_asks_twice_and_remembers_the_first_answer_and_the_gradient() {
    let problem = problem();
    let mut field = ModifiedFlow::new(0.3, problem.state.shape());
    let (plain, first, once) = problem.evaluate(&mut GradientFlow, &problem.state);
    let (rate, last, twice) = problem.evaluate(&mut field, &problem.state);
    assert_eq!((once, twice), (1, 2));
    assert_ne!(last, first);
    assert_eq!(field.answer(&last), &first);
    assert_eq!(field.steepest_descent(&rate), &plain);
    assert_eq!(field.dissipation(&rate), plain.sum_of_squares());
    assert_ne!(rate, plain);
    let no_step = problem.evaluate(&mut ModifiedFlow::new(0.0, problem.state.shape()), &problem.state).0;
    assert_eq!(no_step, plain);
}

#[test]
fn a_stepper_of_the_modified_flow_asks_two_questions_an_evaluation() {
    let problem = problem();
    let (rows, cols) = problem.operator.shape();
    let mut field = ModifiedFlow::new(0.1, problem.state.shape());
    let mut stepper = build(&adaptive(Pair::Dop853, 1e-8), problem.state.clone(), 2.0, None);
    let (mut answer, mut work, mut questions) = (Answer::new(rows, cols), problem.operator.workspace(), 0);
    let mut event = stepper.poll(&mut field, None);
    while !stepper.finished() {
        event = match event {
            StepEvent::Ask => {
                let question = stepper.question(&field);
                problem.operator.answer(&problem.data, &[question], std::slice::from_mut(&mut answer), &mut work);
                questions += 1;
                stepper.poll(&mut field, Some(&answer))
            }
            _ => {
                assert!((&field.answer(&answer).product - stepper.state().product()).norm() < 1e-14);
                stepper.poll(&mut field, None)
            }
        };
    }
    assert_eq!(questions, 2 * stepper.counts().evaluations);
}

/// The imbalance of a state.
fn imbalance(state: &State) -> Matrix {
    let (f, g) = (state.left().to_matrix(), state.right().to_matrix());
    f.transpose() * &f - g.transpose() * &g
}

#[test]
fn its_imbalance_moves_by_the_law_of_descent_over_the_step() {
    let problem = problem();
    let eta = 0.2;
    // Along the field, exactly: Λ̇ = ḞᵀF + FᵀḞ − ĠᵀG − GᵀĠ.
    let law = |state: &State| {
        let n = problem.evaluate(&mut GradientFlow, state).1.matrix;
        let (f, g) = (state.left().to_matrix(), state.right().to_matrix());
        let (ng, nf) = (&n * &g, n.transpose() * &f);
        (ng.transpose() * &ng - nf.transpose() * &nf) * eta
    };
    let mut field = ModifiedFlow::new(eta, problem.state.shape());
    let rate = problem.evaluate(&mut field, &problem.state).0;
    let half = rate.left().to_matrix().transpose() * problem.state.left().to_matrix()
        - rate.right().to_matrix().transpose() * problem.state.right().to_matrix();
    let expected = law(&problem.state);
    assert!((&half + half.transpose() - &expected).norm() < 1e-12 * expected.norm());
    // And along the integrated trajectory, by finite differences.
    // The five-point formula is wrong by (λh)⁴/30 at rates λ of about 10: 5e-9 here.
    let step = 0.002;
    let times: Vec<f64> = (1..=100).map(|k| f64::from(k) * step).collect();
    let mut stepper = build(&adaptive(Pair::Dop853, 1e-13), problem.state.clone(), times[99], Some(times.clone()));
    let mut solo = Solo::new(&problem.operator, &problem.data);
    let mut states = vec![problem.state.clone()];
    while !stepper.finished() {
        assert_eq!(solo.advance(&mut *stepper, &mut field), StepEvent::Arrived);
        if times.contains(&stepper.t()) {
            states.push(stepper.state().clone());
        }
    }
    assert_eq!(states.len(), 101);
    let size = law(&states[0]).norm();
    for window in states.windows(5) {
        let [a, b, c, d] = [0, 1, 3, 4].map(|i| imbalance(&window[i]));
        let difference = ((c - b) * 8.0 - (d - a)) / (12.0 * step);
        let error = (difference - law(&window[2])).norm() / size;
        assert!(error < 1e-6, "{error:e}");
    }
}

/// A fixed perturbation.
struct Constant(Blocks);

impl Perturbation for Constant {
    fn evaluate(&mut self, _circumstances: &Circumstances<'_>, out: &mut Blocks) {
        out.clone_from(&self.0);
    }
}

#[test]
fn a_perturbed_flow_dissipates_by_the_gradient_alone() {
    let problem = problem();
    let plain = problem.evaluate(&mut GradientFlow, &problem.state).0;
    for form in [Form::Shared, Form::Additive, Form::TwoSided, Form::Lifted] {
        let mut blocks = Blocks::zeros(form, problem.state.shape());
        blocks.matrices_mut().for_each(|matrix| matrix.fill(0.3));
        let mut field = PerturbedFlow::new(Box::new(Constant(blocks)), form, None, None, problem.state.shape());
        let rate = problem.evaluate(&mut field, &problem.state).0;
        assert_ne!(rate, plain, "{form:?}");
        assert_eq!(field.steepest_descent(&rate), &plain);
        assert_eq!(field.dissipation(&rate), plain.sum_of_squares());
    }
}
