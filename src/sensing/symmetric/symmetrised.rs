//! Any ensemble, symmetrised.

use crate::linalg::{Matrix, symmetrise};
use crate::sensing::{Answer, BATCH, Cost, NamedArray, Question, SensingOperator, Workspace, write_point};

/// The operator of `½(A_i + A_iᵀ)`: `A(½(X + Xᵀ))`, and `½(A*(v) + A*(v)ᵀ)`, of any operator on square matrices. It costs what that one costs.
///
/// `E A*A = I` on symmetric matrices if it held on all.
#[derive(Debug)]
pub struct Symmetrised {
    inner: Box<dyn SensingOperator>,
}

/// Points in their symmetric form, and the inner operator's buffers.
struct Buffers {
    points: Vec<Matrix>,
    inner: Workspace,
}

impl Symmetrised {
    /// Of an operator on square matrices.
    ///
    /// # Panics
    /// If its matrices are not square.
    pub fn new(inner: Box<dyn SensingOperator>) -> Self {
        let (rows, cols) = inner.shape();
        assert_eq!(rows, cols, "only square measurement matrices can be symmetrised");
        Symmetrised { inner }
    }
}

impl SensingOperator for Symmetrised {
    fn shape(&self) -> (usize, usize) {
        self.inner.shape()
    }

    /// Of symmetric matrices: they are observed in full, every entry off the diagonal twice.
    fn is_identity(&self) -> bool {
        self.inner.is_identity()
    }

    fn is_symmetric(&self) -> bool {
        true
    }

    fn measurements(&self) -> usize {
        self.inner.measurements()
    }

    fn workspace(&self) -> Workspace {
        Box::new(Buffers { points: Vec::new(), inner: self.inner.workspace() })
    }

    /// As the inner operator's; besides, nothing is allocated after the first batch of the largest size.
    fn answer(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], work: &mut Workspace) {
        if !work.is::<Buffers>() {
            *work = self.workspace();
        }
        let Some(Buffers { points, inner }) = work.downcast_mut::<Buffers>() else { return };
        let (rows, cols) = self.shape();
        for (questions, answers) in questions.chunks(BATCH).zip(answers.chunks_mut(BATCH)) {
            while points.len() < questions.len() {
                points.push(Matrix::zeros(rows, cols));
            }
            for (question, point) in questions.iter().zip(&mut *points) {
                write_point(&question.point, point);
                symmetrise(point);
            }
            let mut asked = arrayvec::ArrayVec::<Question<'_>, BATCH>::new();
            asked.extend(questions.iter().zip(&*points).map(|(question, x)| question.at(x)));
            self.inner.answer(y, &asked, answers, inner);
            answers.iter_mut().for_each(|answer| symmetrise(&mut answer.matrix));
        }
    }

    fn answer_subset(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer, work: &mut Workspace) {
        if !work.is::<Buffers>() {
            *work = self.workspace();
        }
        let Some(Buffers { points, inner }) = work.downcast_mut::<Buffers>() else { return };
        if points.is_empty() {
            points.push(Matrix::zeros(self.shape().0, self.shape().1));
        }
        let Some(point) = points.first_mut() else { return };
        write_point(&question.point, point);
        symmetrise(point);
        self.inner.answer_subset(y, &question.at(point), answer, inner);
        symmetrise(&mut answer.matrix);
    }

    fn truncates(&self) -> bool {
        self.inner.truncates()
    }

    fn arrays(&self) -> Option<Vec<NamedArray<'_>>> {
        self.inner.arrays()
    }

    fn measure(&self, x: &Matrix) -> Vec<f64> {
        let mut symmetric = x.clone();
        symmetrise(&mut symmetric);
        self.inner.measure(&symmetric)
    }

    fn adjoint(&self, v: &[f64]) -> Matrix {
        let mut out = self.inner.adjoint(v);
        symmetrise(&mut out);
        out
    }

    fn cost(&self, batch: usize) -> Cost {
        self.inner.cost(batch)
    }

    fn storage_bytes(&self) -> u64 {
        self.inner.storage_bytes()
    }

    fn row(&self, i: usize) -> Matrix {
        let mut row = self.inner.row(i);
        symmetrise(&mut row);
        row
    }
}
