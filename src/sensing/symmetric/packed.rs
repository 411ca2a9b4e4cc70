//! Symmetric measurement matrices, stored packed.

use super::packing::{pack_doubled, pack_mean, packed_length, place, unpack};
use crate::config::Storage;
use crate::linalg::{Matrix, symmetrise};
use crate::random::{Purpose, stream};
use crate::sensing::dense::Dense;
use crate::sensing::{Answer, BATCH, Cost, Question, SensingError, SensingOperator, Want, Workspace, write_point};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

/// An operator of `p` symmetric `d × d` matrices whose lower triangles are stored, `d(d + 1)/2` entries each: half the memory of [`Dense`], and half the
/// work of an application, by the same kernel.
///
/// `⟨A_i, X⟩ = Σ_j a_jj x_jj + Σ_{j>k} a_jk (x_jk + x_kj)` is an inner product of packed columns, and so are the entries of `A*(v)`. The bits have
/// [`Dense`]'s independence of batches and threads.
#[derive(Debug)]
pub struct PackedSymmetric {
    side: usize,
    packed: Dense,
}

/// Packed points, the kernel's answers about them, and the kernel's own buffers.
struct Buffers {
    points: Vec<Matrix>,
    answers: Vec<Answer>,
    inner: Workspace,
}

impl PackedSymmetric {
    /// The symmetrised Gaussian ensemble, `A_i = (G_i + G_iᵀ)/(2√p)`, `G_i` with independent standard normal entries: those of
    /// [`Gaussian`](crate::sensing::Gaussian) with the same seed, so that symmetric matrices are measured alike in both models. `E A*A = I` on symmetric
    /// matrices. With [`Storage::F32`] the entries are rounded to f32 after the symmetrisation.
    ///
    /// # Errors
    /// If the side is zero, or the ensemble does not fit into the memory that is left.
    pub fn draw(side: usize, measurements: usize, storage: Storage, seed: u64) -> Result<Self, SensingError> {
        let scale = (measurements as f64).sqrt();
        Self::build(side, measurements, storage, |i, packed| {
            let mut normals = stream(seed, Purpose::Sensing, i as u64);
            let matrix = Matrix::from_iterator(side, side, (0..side * side).map(|_| normals.sample::<f64, _>(StandardNormal) / scale));
            pack_mean(&matrix, packed);
        })
    }

    /// The symmetric parts of measurement matrices, given one after the other in column-major order, scaled already; stored as f64.
    ///
    /// # Errors
    /// If `entries` is not `measurements · side²` finite numbers; as [`draw`](Self::draw) otherwise.
    pub fn from_rows(side: usize, measurements: usize, entries: &[f64]) -> Result<Self, SensingError> {
        let length = side.saturating_mul(side);
        let expected = length.saturating_mul(measurements);
        if entries.len() != expected {
            return Err(SensingError::EntryCount { expected, found: entries.len() });
        }
        Self::build(side, measurements, Storage::F64, |i, packed| {
            pack_mean(&Matrix::from_column_slice(side, side, &entries[i * length..][..length]), packed);
        })
    }

    /// `fill(i, entries)` writes the lower triangle of matrix `i`, column after column.
    fn build(side: usize, measurements: usize, storage: Storage, fill: impl Fn(usize, &mut [f64]) + Sync) -> Result<Self, SensingError> {
        Self::check_fits(side, measurements, storage)?;
        let packed = Dense::build(packed_length(side), 1, measurements, storage, fill).map_err(|error| in_place(error, side))?;
        Ok(PackedSymmetric { side, packed })
    }

    /// Whether an ensemble of this size can be had: nothing is allocated.
    ///
    /// # Errors
    /// If the side or the number is zero, or the ensemble does not fit into the memory that is left.
    pub fn check_fits(side: usize, measurements: usize, storage: Storage) -> Result<(), SensingError> {
        Dense::check_fits(packed_length(side), 1, measurements, storage).map_err(|error| in_place(error, side))
    }

    /// Bytes that the ensemble takes.
    pub fn required_bytes(side: usize, measurements: usize, storage: Storage) -> u64 {
        Dense::required_bytes(packed_length(side), 1, measurements, storage)
    }
}

/// What the kernel says of packed columns, said of the matrices.
fn in_place(error: SensingError, side: usize) -> SensingError {
    match error {
        SensingError::Empty { measurements, .. } => SensingError::Empty { rows: side, cols: side, measurements },
        SensingError::TooLarge { needed, available, measurements, storage, entries, .. } => {
            SensingError::TooLarge { needed, available, rows: side, cols: side, measurements, storage, entries }
        }
        SensingError::NotFinite { measurement, row: index, .. } => {
            let (row, col) = place(side, index);
            SensingError::NotFinite { measurement, row, col }
        }
        other => other,
    }
}

impl SensingOperator for PackedSymmetric {
    fn shape(&self) -> (usize, usize) {
        (self.side, self.side)
    }

    fn is_symmetric(&self) -> bool {
        true
    }

    fn measurements(&self) -> usize {
        self.packed.measurements()
    }

    fn workspace(&self) -> Workspace {
        Box::new(Buffers { points: Vec::new(), answers: Vec::new(), inner: self.packed.workspace() })
    }

    /// As [`Dense`]'s: nothing is allocated after the first batch of the largest size.
    fn answer(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], work: &mut Workspace) {
        if !work.is::<Buffers>() {
            *work = self.workspace();
        }
        let Some(Buffers { points, answers: packed, inner }) = work.downcast_mut::<Buffers>() else { return };
        let length = packed_length(self.side);
        for (questions, answers) in questions.chunks(BATCH).zip(answers.chunks_mut(BATCH)) {
            while points.len() < questions.len() {
                points.push(Matrix::zeros(length, 1));
                packed.push(Answer::new(length, 1));
            }
            let batch = questions.len();
            let parts = questions.par_iter().zip(answers.par_iter_mut()).zip(&mut points[..batch]);
            parts.for_each(|((question, answer), point)| {
                write_point(&question.point, &mut answer.product);
                symmetrise(&mut answer.product);
                pack_doubled(&answer.product, point.as_mut_slice());
            });
            let mut asked = arrayvec::ArrayVec::<Question<'_>, BATCH>::new();
            asked.extend(questions.iter().zip(&*points).map(|(question, x)| question.at(x)));
            self.packed.answer(y, &asked, &mut packed[..batch], inner);
            answers.par_iter_mut().zip(&packed[..batch]).for_each(|(answer, packed)| {
                unpack(packed.matrix.as_slice(), &mut answer.matrix);
                answer.given = Want::Matrix;
                answer.residual_norm_squared = packed.residual_norm_squared;
            });
        }
    }

    /// Reads the rows asked for and nothing else.
    fn answer_subset(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer, work: &mut Workspace) {
        if !work.is::<Buffers>() {
            *work = self.workspace();
        }
        let Some(Buffers { points, answers: packed, inner }) = work.downcast_mut::<Buffers>() else { return };
        if points.is_empty() {
            points.push(Matrix::zeros(packed_length(self.side), 1));
            packed.push(Answer::new(packed_length(self.side), 1));
        }
        let (Some(point), Some(packed)) = (points.first_mut(), packed.first_mut()) else { return };
        write_point(&question.point, &mut answer.product);
        symmetrise(&mut answer.product);
        pack_doubled(&answer.product, point.as_mut_slice());
        self.packed.answer_subset(y, &question.at(point), packed, inner);
        unpack(packed.matrix.as_slice(), &mut answer.matrix);
        answer.given = Want::Matrix;
        answer.residual_norm_squared = packed.residual_norm_squared;
    }

    fn measure(&self, x: &Matrix) -> Vec<f64> {
        assert_eq!(x.shape(), self.shape(), "the shape of X is the operator's");
        let mut point = Matrix::zeros(packed_length(self.side), 1);
        pack_doubled(x, point.as_mut_slice());
        self.packed.measure(&point)
    }

    fn adjoint(&self, v: &[f64]) -> Matrix {
        let mut out = Matrix::zeros(self.side, self.side);
        unpack(self.packed.adjoint(v).as_slice(), &mut out);
        out
    }

    fn cost(&self, batch: usize) -> Cost {
        self.packed.cost(batch)
    }

    fn storage_bytes(&self) -> u64 {
        self.packed.storage_bytes()
    }

    fn row(&self, i: usize) -> Matrix {
        let mut out = Matrix::zeros(self.side, self.side);
        unpack(self.packed.row(i).as_slice(), &mut out);
        out
    }
}
