//! Dense operators: every entry of every measurement matrix in memory, and the normal operator as one pass over them.

mod apply;
mod buffer;
mod kernel;
mod simd;
mod subset;
mod sum;

pub(super) use kernel::{Job, run};
pub(super) use simd::Lanes;

use super::{Answer, Cost, Question, Rows, SensingError, SensingOperator, Workspace, assert_about_all, available_memory};
use crate::config::Storage;
use crate::linalg::Matrix;
use apply::{Buffers, Ensemble};
use buffer::Buffer;
use rayon::prelude::*;
use simd::Entry;

/// An operator whose measurement matrices are stored, whatever drew them: `A(X)_i = ⟨M_i, X⟩`, the `M_i` scaled already.
///
/// Entries are f64 or f32, arithmetic is f64. An application reads the ensemble once for a whole batch and uses all threads of the
/// current rayon pool. The order of summation is fixed by the number of measurements alone: the same bits for every batch, number of
/// threads, processor and storage of the same numbers.
pub struct Dense {
    rows: usize,
    cols: usize,
    ensemble: Stored,
    portable: bool,
}

enum Stored {
    F64(Ensemble<f64>),
    F32(Ensemble<f32>),
}

/// Evaluates an expression for the ensemble, of whichever type.
macro_rules! with_ensemble {
    ($operator:expr, $ensemble:ident => $body:expr) => {
        match &$operator.ensemble {
            Stored::F64($ensemble) => $body,
            Stored::F32($ensemble) => $body,
        }
    };
}

impl Dense {
    /// Makes an operator of `measurements` matrices of shape `rows × cols`; `fill(i, entries)` writes the entries of matrix `i` in
    /// column-major order (all of them; what it finds there is undefined). It is called once for each `i`, from several threads.
    ///
    /// # Errors
    /// If the shape is empty, the ensemble does not fit into the memory that is left, or an entry is not finite in the storage.
    pub fn build(
        rows: usize,
        cols: usize,
        measurements: usize,
        storage: Storage,
        fill: impl Fn(usize, &mut [f64]) + Sync,
    ) -> Result<Self, SensingError> {
        Self::check_fits(rows, cols, measurements, storage)?;
        let ensemble = match storage {
            Storage::F64 => Stored::F64(Self::stored(rows, cols, measurements, fill)?),
            Storage::F32 => Stored::F32(Self::stored(rows, cols, measurements, fill)?),
        };
        Ok(Dense { rows, cols, ensemble, portable: false })
    }

    /// Whether an ensemble of this shape can be had: nothing is allocated.
    ///
    /// # Errors
    /// If the shape is empty, or the ensemble does not fit into the memory that is left.
    pub fn check_fits(rows: usize, cols: usize, measurements: usize, storage: Storage) -> Result<(), SensingError> {
        if rows == 0 || cols == 0 || measurements == 0 {
            return Err(SensingError::Empty { rows, cols, measurements });
        }
        let needed = Self::required_bytes(rows, cols, measurements, storage);
        match available_memory() {
            Some(available) if needed > available => {
                let entries = rows.saturating_mul(cols);
                Err(SensingError::TooLarge { needed, available, rows, cols, measurements, storage, entries })
            }
            _ => Ok(()),
        }
    }

    fn stored<E: Entry>(
        rows: usize,
        cols: usize,
        measurements: usize,
        fill: impl Fn(usize, &mut [f64]) + Sync,
    ) -> Result<Ensemble<E>, SensingError> {
        let length = rows * cols;
        let stride = stride::<E>(length).unwrap_or(usize::MAX);
        let refused = SensingError::Allocation { needed: stride as u64 };
        let mut entries = Buffer::<E>::zeros(measurements.checked_mul(stride).ok_or(refused)?)?;
        let bad = entries
            .par_chunks_mut(stride)
            .enumerate()
            .map_init(
                || vec![0.0; length],
                |row, (i, stored)| {
                    fill(i, row);
                    for (stored, &entry) in stored.iter_mut().zip(row.iter()) {
                        *stored = E::from_f64(entry);
                    }
                    stored.iter().position(|entry| !entry.to_f64().is_finite()).map(|at| (i, at))
                },
            )
            .flatten()
            .min();
        match bad {
            Some((measurement, at)) => Err(SensingError::NotFinite { measurement, row: at % rows, col: at / rows }),
            None => Ok(Ensemble { entries, length, stride, measurements }),
        }
    }

    /// An operator of the given entries, stored as f64: matrix after matrix, each in column-major order, scaled already (a Gaussian
    /// ensemble includes its `1/√p`).
    ///
    /// # Errors
    /// If `entries` is not `measurements · rows · cols` finite numbers; as [`build`](Self::build) otherwise.
    pub fn from_rows(rows: usize, cols: usize, measurements: usize, entries: &[f64]) -> Result<Self, SensingError> {
        let length = rows.saturating_mul(cols);
        let expected = length.saturating_mul(measurements);
        if entries.len() != expected {
            return Err(SensingError::EntryCount { expected, found: entries.len() });
        }
        Self::build(rows, cols, measurements, Storage::F64, |i, row| row.copy_from_slice(&entries[i * length..][..length]))
    }

    /// Bytes that the ensemble takes: `p · mn` entries, `mn` rounded up to a multiple of 16 (and 16 more where rows would lie a
    /// multiple of 4 KiB apart). Saturates.
    pub fn required_bytes(rows: usize, cols: usize, measurements: usize, storage: Storage) -> u64 {
        let length = rows.checked_mul(cols);
        let (stride, size) = match storage {
            Storage::F64 => (length.and_then(stride::<f64>), 8),
            Storage::F32 => (length.and_then(stride::<f32>), 4),
        };
        stride.map_or(u64::MAX, |stride| (stride as u64).saturating_mul(size).saturating_mul(measurements as u64))
    }

    /// Bytes that a workspace takes once it has seen a batch of that many questions, up to small change. Saturates.
    pub fn workspace_bytes(rows: usize, cols: usize, batch: usize) -> u64 {
        apply::workspace_numbers(rows.saturating_mul(cols), batch).saturating_mul(8)
    }

    /// The same operator without the processor's vector instructions: slower, the same bits.
    pub fn portable(self) -> Self {
        Dense { portable: true, ..self }
    }

    /// What entries are stored as.
    pub fn storage(&self) -> Storage {
        match self.ensemble {
            Stored::F64(_) => Storage::F64,
            Stored::F32(_) => Storage::F32,
        }
    }
}

/// From one row to the next: entries padded to the kernel's width, and rows that are not a multiple of 4 KiB apart, which would crowd
/// a few sets of the cache.
fn stride<E: Entry>(length: usize) -> Option<usize> {
    let stride = length.checked_next_multiple_of(kernel::PADDING)?;
    let crowded = stride.checked_mul(size_of::<E>())?.is_multiple_of(4096);
    stride.checked_add(if crowded { kernel::PADDING } else { 0 })
}

impl std::fmt::Debug for Dense {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Dense")
            .field("rows", &self.rows)
            .field("cols", &self.cols)
            .field("measurements", &self.measurements())
            .field("storage", &self.storage())
            .finish_non_exhaustive()
    }
}

impl SensingOperator for Dense {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn measurements(&self) -> usize {
        with_ensemble!(self, ensemble => ensemble.measurements)
    }

    fn workspace(&self) -> Workspace {
        Box::new(Buffers::new())
    }

    /// The workspace grows when it first sees a batch of a new largest size; after that nothing is allocated here (rayon itself
    /// allocates now and then where this is called from a thread outside of its pools).
    ///
    /// # Panics
    /// If there are not as many answers as questions, a length or shape does not fit, or a question is about a subset.
    fn answer(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], work: &mut Workspace) {
        assert_eq!(y.len(), self.measurements(), "the length of y is the number of measurements");
        assert_eq!(questions.len(), answers.len(), "as many answers as questions");
        assert_about_all(questions);
        if !work.is::<Buffers>() {
            *work = self.workspace();
        }
        let Some(buffers) = work.downcast_mut::<Buffers>() else { return };
        for (questions, answers) in questions.chunks(super::BATCH).zip(answers.chunks_mut(super::BATCH)) {
            with_ensemble!(self, ensemble => ensemble.answer(y, questions, answers, buffers, self.portable));
        }
    }

    /// Reads the rows asked for and nothing else. Once the workspace has seen a large or a small subset, another one of the kind allocates nothing.
    ///
    /// # Panics
    /// If a length or shape does not fit, or an index is not below `p`.
    fn answer_subset(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer, work: &mut Workspace) {
        let Rows::Subset { indices, weight } = question.rows else { return };
        assert_eq!(y.len(), self.measurements(), "the length of y is the number of measurements");
        assert_eq!(answer.matrix.shape(), self.shape(), "the answer has the shape of X");
        if !work.is::<Buffers>() {
            *work = self.workspace();
        }
        let Some(buffers) = work.downcast_mut::<Buffers>() else { return };
        crate::sensing::write_point(&question.point, &mut answer.product);
        let y = question.data.then_some(y);
        with_ensemble!(self, ensemble => ensemble.answer_subset(y, indices, weight, answer, buffers, self.portable));
    }

    fn measure(&self, x: &Matrix) -> Vec<f64> {
        assert_eq!(x.shape(), self.shape(), "the shape of X is the operator's");
        with_ensemble!(self, ensemble => ensemble.measure(x.as_slice(), self.portable))
    }

    fn adjoint(&self, v: &[f64]) -> Matrix {
        assert_eq!(v.len(), self.measurements(), "the length of v is the number of measurements");
        let entries = with_ensemble!(self, ensemble => ensemble.adjoint(v, self.portable));
        Matrix::from_column_slice(self.rows, self.cols, &entries)
    }

    fn cost(&self, batch: usize) -> Cost {
        let entries = self.rows as f64 * self.cols as f64 * self.measurements() as f64;
        Cost { bytes: self.storage_bytes() as f64, flops: 4.0 * entries * batch as f64 }
    }

    fn storage_bytes(&self) -> u64 {
        Self::required_bytes(self.rows, self.cols, self.measurements(), self.storage())
    }

    fn row(&self, i: usize) -> Matrix {
        with_ensemble!(self, ensemble => Matrix::from_iterator(self.rows, self.cols, ensemble.row(i)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_never_lie_a_multiple_of_a_page_apart() {
        for length in [1, 15, 16, 17, 500, 512, 1024, 4096, 10_000] {
            for stride in [stride::<f64>(length).unwrap() * 8, stride::<f32>(length).unwrap() * 4] {
                assert!(!stride.is_multiple_of(4096) && stride.is_multiple_of(64), "{length}: {stride}");
            }
        }
        assert_eq!((stride::<f64>(900), stride::<f64>(512), stride::<f32>(1024)), (Some(912), Some(528), Some(1040)));
    }

    #[test]
    fn sizes_that_overflow_saturate() {
        assert_eq!(Dense::required_bytes(usize::MAX, 2, 1, Storage::F64), u64::MAX);
        assert_eq!(Dense::required_bytes(1 << 31, 1 << 31, 1 << 31, Storage::F32), u64::MAX);
        assert_eq!(Dense::required_bytes(100, 100, 5000, Storage::F64), 400_000_000);
        assert_eq!(Dense::required_bytes(100, 100, 5000, Storage::F32), 200_000_000);
    }
}
