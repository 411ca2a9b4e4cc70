//! Questions about some of the measurements: against plain loops, unbiased by enumeration, with bits of their own.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use pgflow::config::Storage;
use pgflow::linalg::{Matrix, View, frobenius, inner};
use pgflow::random::{Purpose, stream};
use pgflow::sensing::{
    Answer, Cost, Dense, Entries, Gaussian, Hadamard, Identity, Point, Question, Rademacher, RankOne, Rows, SensingOperator, Want,
    Workspace,
};
use rand::RngExt;
use rand_distr::StandardNormal;

fn gaussian(rows: usize, cols: usize, which: u64) -> Matrix {
    let mut rng = stream(which, Purpose::Initialisation, 5);
    Matrix::from_fn(rows, cols, |_, _| rng.sample(StandardNormal))
}

fn vector(length: usize, which: u64) -> Vec<f64> {
    gaussian(length, 1, which).as_slice().to_vec()
}

/// An operator that has only what the trait asks for.
#[derive(Debug)]
struct Plain(Dense);

impl SensingOperator for Plain {
    fn shape(&self) -> (usize, usize) {
        self.0.shape()
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

fn operators(m: usize, n: usize, p: usize) -> Vec<Box<dyn SensingOperator>> {
    let draw = |storage| Gaussian::draw(m, n, p, storage, 7).unwrap();
    vec![
        Box::new(draw(Storage::F64)),
        Box::new(draw(Storage::F32)),
        Box::new(draw(Storage::F64).portable()),
        Box::new(Plain(draw(Storage::F64))),
        Box::new(Identity::new(m, n)),
        Box::new(Entries::draw(m, n, p.min(m * n), 7).unwrap()),
        Box::new(RankOne::draw(m, n, p, 7).unwrap()),
        Box::new(Rademacher::draw(m, n, p, 7).unwrap()),
        Box::new(Hadamard::draw(m, n, p.min(m * n), 7).unwrap()),
    ]
}

fn ask(operator: &dyn SensingOperator, y: &[f64], question: Question<'_>) -> Answer {
    let (m, n) = operator.shape();
    let mut answer = Answer::new(m, n);
    // Leftovers in the buffers must not matter.
    answer.matrix.fill(7.0);
    answer.product.fill(f64::NAN);
    answer.given = Want::Products;
    operator.answer_one(y, &question, &mut answer, &mut operator.workspace());
    assert_eq!(answer.given, Want::Matrix);
    answer
}

fn bits(answer: &Answer) -> Vec<u64> {
    let numbers = answer.matrix.iter().chain(answer.product.iter()).chain([&answer.residual_norm_squared]);
    numbers.map(|x| x.to_bits()).collect()
}

#[test]
fn subsets_are_answered_like_plain_loops() {
    for (m, n, p) in [(1, 1, 9), (5, 4, 30), (9, 23, 207), (16, 32, 200)] {
        for operator in operators(m, n, p) {
            let p = operator.measurements();
            let (y, left, right) = (vector(p, 1), gaussian(m, 3, 2), gaussian(n, 3, 3));
            let x = &left * right.transpose();
            // One row, an odd few, and sizes on both sides of where the rows are shared among threads.
            for size in [1, 3, 63, 64, 150, p].into_iter().filter(|&size| size <= p) {
                let indices: Vec<usize> = (0..size).map(|i| i * p / size).collect();
                for data in [true, false] {
                    let rows = Rows::Subset { indices: &indices, weight: 2.5 };
                    let question = Question { data, ..Question::residual(View::of(&left), View::of(&right)) }.about(rows);
                    let answer = ask(operator.as_ref(), &y, question);
                    let mut expected = Matrix::zeros(m, n);
                    let (mut scale, mut squares) = (0.0, 0.0);
                    for &i in &indices {
                        let row = operator.row(i);
                        let residual = if data { y[i] } else { 0.0 } - inner(&row, &x);
                        squares += 2.5 * residual * residual;
                        scale += 2.5 * frobenius(&row) * (residual.abs() + frobenius(&row) * frobenius(&x));
                        expected += row * (2.5 * residual);
                    }
                    let error = frobenius(&(&answer.matrix - expected)) / scale;
                    assert!(error < 1e-14, "{operator:?} {size} of {p}: {error:e}");
                    assert!((answer.residual_norm_squared / squares - 1.0).abs() < 1e-11, "{operator:?} {size} of {p}");
                    assert!(frobenius(&(&answer.product - &x)) <= 1e-15 * (m * n) as f64 * (1.0 + frobenius(&x)));
                }
            }
        }
    }
}

/// The mean of N_S over all sets of a size is N, and that of the sums of squares is ‖y − A(X)‖².
#[test]
fn sampled_answers_are_unbiased() {
    let (m, n, p) = (3, 2, 7);
    for operator in operators(m, n, p) {
        let p = operator.measurements();
        let (y, x) = (vector(p, 4), gaussian(m, n, 5));
        let question = Question { data: true, ..Question::normal(Point::Dense(&x)) };
        let whole = ask(operator.as_ref(), &y, question);
        for size in 1..=p {
            let mut mean = Answer::new(m, n);
            let sets: Vec<u32> = (0..1u32 << p).filter(|set| set.count_ones() as usize == size).collect();
            for set in &sets {
                let indices: Vec<usize> = (0..p).filter(|i| set >> i & 1 == 1).collect();
                let rows = Rows::Subset { indices: &indices, weight: p as f64 / size as f64 };
                let answer = ask(operator.as_ref(), &y, question.about(rows));
                mean.matrix += answer.matrix / sets.len() as f64;
                mean.residual_norm_squared += answer.residual_norm_squared / sets.len() as f64;
            }
            assert!(frobenius(&(&mean.matrix - &whole.matrix)) < 1e-13 * (1.0 + frobenius(&whole.matrix)), "{operator:?} {size}");
            assert!((mean.residual_norm_squared / whole.residual_norm_squared - 1.0).abs() < 1e-13, "{operator:?} {size}");
        }
    }
}

#[test]
fn a_question_about_all_is_the_batched_one() {
    for operator in operators(6, 5, 40) {
        let (y, x) = (vector(operator.measurements(), 6), gaussian(6, 5, 7));
        let question = Question { data: true, ..Question::normal(Point::Dense(&x)) };
        let mut batched = [Answer::new(6, 5)];
        operator.answer(&y, &[question], &mut batched, &mut operator.workspace());
        assert_eq!(bits(&ask(operator.as_ref(), &y, question)), bits(&batched[0]));
        let indices: Vec<usize> = (0..operator.measurements()).collect();
        let all = ask(operator.as_ref(), &y, question.about(Rows::Subset { indices: &indices, weight: 1.0 }));
        assert!(frobenius(&(&all.matrix - &batched[0].matrix)) < 1e-13 * frobenius(&all.matrix), "{operator:?}");
    }
}

#[test]
fn bits_depend_neither_on_threads_nor_on_vector_instructions() {
    let (m, n, p) = (13, 11, 500);
    let draw = || Gaussian::draw(m, n, p, Storage::F64, 7).unwrap();
    let (y, x) = (vector(p, 8), gaussian(m, n, 9));
    for size in [1, 40, 64, 333] {
        let indices: Vec<usize> = (0..size).map(|i| i * p / size).collect();
        let question = Question { data: true, ..Question::normal(Point::Dense(&x)) }.about(Rows::Subset { indices: &indices, weight: 3.0 });
        let with = |threads: usize, operator: &Dense| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| bits(&ask(operator, &y, question)))
        };
        let one = with(1, &draw());
        assert_eq!(with(3, &draw()), one);
        assert_eq!(with(2, &draw().portable()), one);
    }
}

#[test]
#[should_panic(expected = "questions about some of the measurements are answered one by one")]
fn a_subset_does_not_slip_into_a_batch() {
    let operator = Gaussian::draw(3, 2, 9, Storage::F64, 1).unwrap();
    let x = gaussian(3, 2, 1);
    let question = Question::normal(Point::Dense(&x)).about(Rows::Subset { indices: &[1], weight: 1.0 });
    operator.answer(&[0.0; 9], &[question], &mut [Answer::new(3, 2)], &mut operator.workspace());
}

/// Every residual whose measurement is beyond the limit is left out, whatever the operator, its point's form, and what is wanted.
#[test]
fn truncated_answers_leave_out_what_is_beyond_the_limit() {
    let (d, p) = (6, 300);
    let mut all = operators(d, d, p);
    all.push(Box::new(RankOne::draw_symmetric(d, p, 3).unwrap()));
    for operator in all {
        let (y, u) = (vector(operator.measurements(), 1), gaussian(d, 2, 2));
        let x = &u * u.transpose();
        let values = operator.measure(&x);
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        for limit in [f64::NEG_INFINITY, 0.5 * (sorted[sorted.len() / 2] + sorted[sorted.len() / 2 + 1]), f64::INFINITY] {
            for data in [true, false] {
                let kept = |(y, value): (&f64, &f64)| if *value <= limit { if data { y - value } else { -value } } else { 0.0 };
                let residual: Vec<f64> = y.iter().zip(&values).map(kept).collect();
                let (expected, squares) = (operator.adjoint(&residual), residual.iter().map(|r| r * r).sum::<f64>());
                let (mut answer, mut work) = (Answer::new(d, d), operator.workspace());
                for want in [Want::Matrix, Want::Products] {
                    let question = Question { data, want, ..Question::residual(View::of(&u), View::of(&u)) }.about(Rows::AtMost { limit });
                    operator.answer_one(&y, &question, &mut answer, &mut work);
                    let scale = 1e-13 * (1.0 + squares + frobenius(&expected));
                    assert!((answer.residual_norm_squared - squares).abs() < scale, "{operator:?}");
                    match answer.given {
                        Want::Matrix => assert!(frobenius(&(&answer.matrix - &expected)) < scale, "{operator:?} {limit}"),
                        Want::Products => {
                            let products = &expected * &u;
                            assert!(frobenius(&(answer.products.rows(0, d) - products)) < scale, "{operator:?} {limit}");
                        }
                    }
                }
            }
        }
    }
}
