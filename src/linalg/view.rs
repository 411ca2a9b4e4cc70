//! A borrowed matrix with contiguous columns.

use super::Matrix;

/// A borrowed `rows × cols` matrix, column-major, whose columns start `stride ≥ rows` apart: a whole [`Matrix`], or
/// some of the rows of a taller one (a factor inside `Z = [F; G]`).
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    data: &'a [f64],
    rows: usize,
    cols: usize,
    stride: usize,
}

impl<'a> View<'a> {
    /// The whole of `matrix`.
    pub fn of(matrix: &'a Matrix) -> Self {
        View { data: matrix.as_slice(), rows: matrix.nrows(), cols: matrix.ncols(), stride: matrix.nrows() }
    }

    /// Rows `first .. first + rows` of `matrix`.
    ///
    /// # Panics
    /// If `matrix` has fewer rows.
    pub fn of_rows(matrix: &'a Matrix, first: usize, rows: usize) -> Self {
        assert!(first + rows <= matrix.nrows(), "rows {first}..{} of a matrix with {}", first + rows, matrix.nrows());
        View { data: matrix.as_slice().get(first..).unwrap_or(&[]), rows, cols: matrix.ncols(), stride: matrix.nrows() }
    }

    /// Columns `first .. first + cols` of `matrix`.
    ///
    /// # Panics
    /// If `matrix` has fewer columns.
    pub fn of_columns(matrix: &'a Matrix, first: usize, cols: usize) -> Self {
        assert!(first + cols <= matrix.ncols(), "columns {first}..{} of a matrix with {}", first + cols, matrix.ncols());
        View { data: &matrix.as_slice()[first * matrix.nrows()..], rows: matrix.nrows(), cols, stride: matrix.nrows() }
    }

    /// Number of rows.
    pub fn nrows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn ncols(&self) -> usize {
        self.cols
    }

    /// Column `j`.
    ///
    /// # Panics
    /// If `j` is not below the number of columns.
    pub fn column(&self, j: usize) -> &'a [f64] {
        &self.data[j * self.stride..][..self.rows]
    }

    /// All entries, in as few contiguous parts as there are.
    pub(super) fn parts(&self) -> impl Iterator<Item = &'a [f64]> {
        let whole = self.stride == self.rows && self.cols > 0;
        let (data, length, stride) = (self.data, self.rows, self.stride);
        let (count, length) = if whole { (1, length * self.cols) } else { (self.cols, length) };
        (0..count).map(move |j| &data[j * stride..][..length])
    }

    /// An owned copy.
    pub fn to_matrix(&self) -> Matrix {
        let mut entries = Vec::with_capacity(self.rows * self.cols);
        self.parts().for_each(|part| entries.extend_from_slice(part));
        Matrix::from_vec(self.rows, self.cols, entries)
    }

    pub(super) fn as_faer(&self) -> faer::MatRef<'a, f64> {
        if self.rows == 0 || self.cols == 0 {
            return faer::MatRef::from_column_major_slice(&[], self.rows, self.cols);
        }
        let span = (self.cols - 1) * self.stride + self.rows;
        faer::MatRef::from_column_major_slice_with_stride(&self.data[..span], self.rows, self.cols, self.stride)
    }
}

impl<'a> From<&'a Matrix> for View<'a> {
    fn from(matrix: &'a Matrix) -> Self {
        View::of(matrix)
    }
}
