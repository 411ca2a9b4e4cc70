//! Any ensemble, symmetrised.

use crate::linalg::{Matrix, View, symmetrise};
use crate::sensing::{Answer, BATCH, Cost, NamedArray, Point, Question, SensingOperator, Want, Workspace, write_point};

/// The operator of `½(A_i + A_iᵀ)`: `A(½(X + Xᵀ))`, and `½(A*(v) + A*(v)ᵀ)`, of any operator on square matrices. It costs what that one costs.
///
/// It offers products where the inner operator does, at points `X = U Uᵀ`, which are symmetric: with that one's `N U` and `Nᵀ U` both `N_s U` and `N_sᵀ U`
/// are `½(N U + Nᵀ U)`, and no square matrix is formed. At other points the answer is the matrix.
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

/// Whether a point is `U Uᵀ`, by the numbers of its factors.
fn is_gram(point: &Point<'_>) -> bool {
    let same = |left: &View<'_>, right: &View<'_>| {
        let columns = 0..left.ncols();
        left.ncols() == right.ncols() && left.nrows() == right.nrows() && columns.into_iter().all(|j| left.column(j) == right.column(j))
    };
    matches!(point, Point::Factored { left, right } if same(left, right))
}

/// Replaces both halves of every column by their mean.
fn average_halves(products: &mut Matrix) {
    let rows = products.nrows();
    for column in products.as_mut_slice().chunks_exact_mut(rows) {
        let (first, second) = column.split_at_mut(rows / 2);
        for (a, b) in first.iter_mut().zip(second) {
            *a = 0.5 * (*a + *b);
            *b = *a;
        }
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

    fn offers_products(&self) -> bool {
        self.inner.offers_products()
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
            let mut thin = [false; BATCH];
            for ((question, point), thin) in questions.iter().zip(&mut *points).zip(&mut thin) {
                *thin = self.offers_products() && question.want == Want::Products && is_gram(&question.point);
                if !*thin {
                    write_point(&question.point, point);
                    symmetrise(point);
                }
            }
            let mut asked = arrayvec::ArrayVec::<Question<'_>, BATCH>::new();
            asked.extend(
                questions.iter().zip(&*points).zip(thin).map(|((question, x), thin)| if thin { *question } else { question.at(x) }),
            );
            self.inner.answer(y, &asked, answers, inner);
            for answer in answers {
                match answer.given {
                    Want::Matrix => symmetrise(&mut answer.matrix),
                    Want::Products => average_halves(&mut answer.products),
                }
            }
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
