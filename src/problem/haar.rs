//! Gaussian and Haar-distributed matrices.

use crate::linalg::{Matrix, thin_qr};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// A `rows × cols` matrix with independent standard normal entries, drawn in column-major order.
pub fn gaussian_matrix(rng: &mut impl Rng, rows: usize, cols: usize) -> Matrix {
    Matrix::from_iterator(rows, cols, (0..rows * cols).map(|_| StandardNormal.sample(rng)))
}

/// A Haar-distributed `rows × cols` matrix with orthonormal columns, or orthonormal rows where it is wider than high.
///
/// The `Q` of the QR decomposition of a tall (`max × min`) standard Gaussian matrix, its columns multiplied by the signs of the
/// diagonal of `R`, transposed where `cols > rows`. Without the signs `Q` would depend on the decomposition's convention and would
/// not be invariant (Mezzadri 2007, *How to generate random matrices from the classical compact groups*).
pub fn semi_orthogonal(rng: &mut impl Rng, rows: usize, cols: usize) -> Matrix {
    let gaussian = gaussian_matrix(rng, rows.max(cols), rows.min(cols));
    let (mut q, r) = thin_qr(&gaussian);
    for (j, mut column) in q.column_iter_mut().enumerate() {
        if r[(j, j)] < 0.0 {
            column.neg_mut();
        }
    }
    if cols > rows { q.transpose() } else { q }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{Form, multiply};
    use crate::random::{Purpose, stream};

    #[test]
    fn columns_or_rows_are_orthonormal() {
        for (rows, cols) in [(40, 3), (3, 40), (7, 7), (1, 5), (5, 1)] {
            let q = semi_orthogonal(&mut stream(3, Purpose::Target, 0), rows, cols);
            assert_eq!((q.nrows(), q.ncols()), (rows, cols));
            let form = if rows >= cols { (Form::LeftTransposed, cols) } else { (Form::RightTransposed, rows) };
            let gram = multiply(form.0, &q, &q);
            assert!((gram - Matrix::identity(form.1, form.1)).amax() < 1e-14, "{rows}×{cols}");
        }
    }

    /// On O(3): E tr Q = 0, E (tr Q)² = 1, E (tr Q)⁴ = 3 (Diaconis and Shahshahani 1994). With 2000 draws the standard errors are
    /// 0.022 and √2/√2000 = 0.032; five of them are allowed. The uncorrected Q of Householder reflections has a biased trace.
    #[test]
    fn trace_moments_are_those_of_haar_measure() {
        let draws = 2000;
        let traces: Vec<f64> = (0..draws).map(|i| semi_orthogonal(&mut stream(11, Purpose::Initialisation, i), 3, 3).trace()).collect();
        let mean = traces.iter().sum::<f64>() / draws as f64;
        let square = traces.iter().map(|t| t * t).sum::<f64>() / draws as f64;
        assert!(mean.abs() < 0.11, "mean {mean}");
        assert!((square - 1.0).abs() < 0.16, "mean square {square}");
    }

    #[test]
    fn one_by_one_takes_both_signs() {
        let signs: Vec<f64> = (0..40).map(|i| semi_orthogonal(&mut stream(5, Purpose::Target, i), 1, 1)[(0, 0)]).collect();
        assert!(signs.iter().all(|s| s.abs() == 1.0));
        assert!(signs.contains(&1.0) && signs.contains(&-1.0));
    }
}
