//! What the benches time, and their yardsticks.

use pgflow::dynamics::{State, ThinGradientFlow};
use pgflow::linalg::{Form, Matrix, View, multiply_into};
use pgflow::sensing::{Answer, Question, SensingOperator, Want};
use pgflow::stepper::{Discrete, GradientDescent, Solo};
use rayon::prelude::*;

pub mod pages;

/// Sizes of the dense ensembles: name, side, measurements.
pub const SIZES: [(&str, usize, usize); 3] = [("S", 30, 600), ("M", 50, 1500), ("L", 100, 5000)];

/// Something to be timed.
pub type Job<'a> = Box<dyn FnMut() + Send + 'a>;

/// A factor with numbers between −0.4 and 0.6.
pub fn factor(side: usize, width: usize, seed: usize) -> Matrix {
    Matrix::from_fn(side, width, |i, j| ((i * 7 + j * 3 + seed) % 11) as f64 / 11.0 - 0.4)
}

/// One application to `batch` factored points of the given width, by products where they are offered.
pub fn application<'a>(operator: &'a dyn SensingOperator, batch: usize, width: usize) -> Job<'a> {
    let (rows, cols) = operator.shape();
    let y = vec![0.5; operator.measurements()];
    let points: Vec<_> = (0..batch).map(|q| (factor(rows, width, q), factor(cols, width, q + 5))).collect();
    let mut answers = vec![Answer::new(rows, cols); batch];
    let mut work = operator.workspace();
    let want = if operator.offers_products() { Want::Products } else { Want::Matrix };
    Box::new(move || {
        let ask = |(left, right)| Question { want, ..Question::residual(View::of(left), View::of(right)) };
        let questions: Vec<_> = points.iter().map(|(left, right)| ask((left, right))).collect();
        operator.answer(&y, &questions, &mut answers, &mut work);
        std::hint::black_box(&answers);
    })
}

/// One step of gradient descent from factors of the given width: an application, the products with the factors, the sum.
pub fn descent_step<'a>(operator: &'a dyn SensingOperator, y: &'a [f64], width: usize) -> Job<'a> {
    let (rows, cols) = operator.shape();
    let start = State::from_factors(&factor(rows, width, 1), &factor(cols, width, 2));
    // So small a step that the numbers stay what they are.
    let mut descent = Discrete::new(GradientDescent, 1e-12, start, 1.0);
    let mut solo = Solo::new(operator, y);
    Box::new(move || {
        std::hint::black_box(solo.advance(&mut descent, &mut ThinGradientFlow));
    })
}

/// A product into a matrix that is there already.
pub fn product<'a>(form: Form, a: &'a Matrix, b: &'a Matrix) -> Job<'a> {
    let (rows, cols) = match form {
        Form::Plain => (a.nrows(), b.ncols()),
        Form::RightTransposed => (a.nrows(), b.nrows()),
        Form::LeftTransposed => (a.ncols(), b.ncols()),
    };
    let mut out = Matrix::zeros(rows, cols);
    Box::new(move || {
        multiply_into(&mut out, 0, rows, 1.0, form, View::of(a), View::of(b));
        std::hint::black_box(&out);
    })
}

/// Sums all numbers, with as many independent sums as hide the latency of additions: a pass that only reads.
pub fn read_pass(numbers: &[f64]) -> Job<'_> {
    let share = numbers.len().div_ceil(8).next_multiple_of(64);
    let sum = |share: &[f64]| {
        let mut sums = [0.0; 32];
        for numbers in share.chunks_exact(32) {
            for (sum, x) in sums.iter_mut().zip(numbers) {
                *sum += x;
            }
        }
        sums.iter().sum::<f64>()
    };
    Box::new(move || {
        std::hint::black_box(numbers.par_chunks(share).with_max_len(1).map(sum).sum::<f64>());
    })
}

/// Side of the square product that is the yardstick of arithmetic.
pub const SQUARE: usize = 2000;

/// `A B` of that side, its columns shared evenly among the threads.
pub fn square_product() -> Job<'static> {
    let threads = rayon::current_num_threads();
    let a = factor(SQUARE, SQUARE, 1);
    let mut parts: Vec<_> = (0..threads).map(|t| (factor(SQUARE, SQUARE / threads, t), Matrix::zeros(SQUARE, SQUARE / threads))).collect();
    Box::new(move || {
        parts.par_iter_mut().with_max_len(1).for_each(|(b, out)| {
            multiply_into(out, 0, SQUARE, 1.0, Form::Plain, View::of(&a), View::of(b));
        });
        std::hint::black_box(&parts);
    })
}
