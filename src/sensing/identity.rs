//! Full observation: `A = I`, `p = mn`, `y` the entries of `Y` (column-major) plus noise.

use super::subset::Subset;
use super::{Answer, Cost, Question, SensingOperator, Want, Workspace, assert_about_all, write_point};
use crate::linalg::{Matrix, frobenius_squared};

/// The identity on `R^{rows×cols}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    rows: usize,
    cols: usize,
}

impl Identity {
    /// The identity on `R^{rows×cols}`.
    pub fn new(rows: usize, cols: usize) -> Self {
        Identity { rows, cols }
    }
}

impl SensingOperator for Identity {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn is_identity(&self) -> bool {
        true
    }

    fn measurements(&self) -> usize {
        self.rows * self.cols
    }

    fn workspace(&self) -> Workspace {
        Box::new(())
    }

    fn answer(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], _work: &mut Workspace) {
        assert_about_all(questions);
        for (question, answer) in questions.iter().zip(answers) {
            write_point(&question.point, &mut answer.product);
            for ((out, x), y) in answer.matrix.as_mut_slice().iter_mut().zip(answer.product.as_slice()).zip(y) {
                *out = if question.data { y - x } else { -x };
            }
            // The sum that every norm of the same matrix takes, so that no constant but 0 comes out for an isometry.
            answer.residual_norm_squared = frobenius_squared(&answer.matrix);
            answer.given = Want::Matrix;
        }
    }

    /// The sum over some entries, which changes nothing else: `N_S` is zero off them.
    fn answer_subset(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer, _work: &mut Workspace) {
        if let Some(subset) = Subset::begin(question, y, answer) {
            subset.by_entries(answer, 1.0, |i| i);
        }
    }

    fn measure(&self, x: &Matrix) -> Vec<f64> {
        x.as_slice().to_vec()
    }

    fn adjoint(&self, v: &[f64]) -> Matrix {
        Matrix::from_column_slice(self.rows, self.cols, v)
    }

    fn cost(&self, batch: usize) -> Cost {
        let entries = (self.rows * self.cols * batch) as f64;
        Cost { bytes: 8.0 * entries, flops: 3.0 * entries }
    }

    fn storage_bytes(&self) -> u64 {
        0
    }

    fn row(&self, i: usize) -> Matrix {
        let mut row = Matrix::zeros(self.rows, self.cols);
        row.as_mut_slice()[i] = 1.0;
        row
    }
}
