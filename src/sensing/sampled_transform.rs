//! What operators share that take some of the numbers of a fast orthogonal transform: `A(X) = s · S T vec X` with `T` the transform and `S` the numbers taken.

use super::{Answer, Question, SensingOperator, Want, Workspace, assert_about_all, write_point};
use crate::linalg::Matrix;

/// A transform of which measurements are taken.
pub(super) trait SampledTransform: SensingOperator {
    /// Numbers that the transform gives.
    fn size(&self) -> usize;

    /// Which of them the measurements are.
    fn taken(&self) -> &[u32];

    /// `s`.
    fn scale(&self) -> f64;

    /// `buffer = T vec X`, `x` column by column.
    fn forward(&self, x: &[f64], buffer: &mut [f64]);

    /// `out = Tᵀ Sᵀ w`, column by column; `weights` one a measurement.
    fn backward(&self, weights: impl Iterator<Item = f64>, buffer: &mut [f64], out: &mut [f64]);

    /// Operations of applying `A*A` to a batch: `levels` sums or differences a number, forth and back, and four operations a measurement.
    fn flops(&self, levels: u32, batch: usize) -> f64 {
        (2.0 * self.size() as f64 * f64::from(levels) + 4.0 * self.taken().len() as f64) * batch as f64
    }
}

/// What is kept between applications.
struct Buffers {
    transformed: Vec<f64>,
    /// One a measurement.
    weights: Vec<f64>,
}

impl Buffers {
    fn new(operator: &impl SampledTransform) -> Self {
        Buffers { transformed: vec![0.0; operator.size()], weights: vec![0.0; operator.taken().len()] }
    }

    fn fits(&self, operator: &impl SampledTransform) -> bool {
        self.transformed.len() == operator.size() && self.weights.len() == operator.taken().len()
    }
}

/// [`SensingOperator::workspace`].
pub(super) fn workspace(operator: &impl SampledTransform) -> Workspace {
    Box::new(Buffers::new(operator))
}

/// [`SensingOperator::answer`]: question after question, each shared among the threads. Allocates nothing.
pub(super) fn answer(
    operator: &impl SampledTransform,
    y: &[f64],
    questions: &[Question<'_>],
    answers: &mut [Answer],
    work: &mut Workspace,
) {
    assert_about_all(questions);
    assert_eq!(y.len(), operator.taken().len(), "the length of y is the number of measurements");
    assert_eq!(questions.len(), answers.len(), "as many answers as questions");
    if !work.downcast_ref::<Buffers>().is_some_and(|buffers| buffers.fits(operator)) {
        *work = workspace(operator);
    }
    let Some(buffers) = work.downcast_mut() else { return };
    for (question, answer) in questions.iter().zip(answers) {
        answer_one(operator, y, question, answer, buffers);
    }
}

fn answer_one(operator: &impl SampledTransform, y: &[f64], question: &Question<'_>, answer: &mut Answer, buffers: &mut Buffers) {
    write_point(&question.point, &mut answer.product);
    answer.given = Want::Matrix;
    let Buffers { transformed, weights } = buffers;
    operator.forward(answer.product.as_slice(), transformed);
    let (scale, mut squares) = (operator.scale(), 0.0);
    for ((&number, y), weight) in operator.taken().iter().zip(y).zip(weights.iter_mut()) {
        let product = scale * transformed[number as usize];
        let residual = if question.data { y - product } else { -product };
        squares += residual * residual;
        *weight = scale * residual;
    }
    answer.residual_norm_squared = squares;
    operator.backward(weights.iter().copied(), transformed, answer.matrix.as_mut_slice());
}

/// [`SensingOperator::measure`].
pub(super) fn measure(operator: &impl SampledTransform, x: &Matrix) -> Vec<f64> {
    assert_eq!(x.shape(), operator.shape(), "the shape of X is the operator's");
    let mut transformed = vec![0.0; operator.size()];
    operator.forward(x.as_slice(), &mut transformed);
    operator.taken().iter().map(|&number| operator.scale() * transformed[number as usize]).collect()
}

/// [`SensingOperator::adjoint`].
pub(super) fn adjoint(operator: &impl SampledTransform, v: &[f64]) -> Matrix {
    assert_eq!(v.len(), operator.taken().len(), "the length of v is the number of measurements");
    let (rows, cols) = operator.shape();
    let mut sum = Matrix::zeros(rows, cols);
    operator.backward(v.iter().map(|v| operator.scale() * v), &mut vec![0.0; operator.size()], sum.as_mut_slice());
    sum
}
