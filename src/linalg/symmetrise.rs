//! The symmetric part of a matrix.

use super::Matrix;

/// Replaces a square matrix `X` by `½(X + Xᵀ)`, symmetric to the last bit; a matrix that is symmetric already keeps its bits (but where the sum
/// of two equal entries overflows). Allocates nothing.
///
/// # Panics
/// If `X` is not square.
pub fn symmetrise(x: &mut Matrix) {
    assert_eq!(x.nrows(), x.ncols(), "only a square matrix has a symmetric part");
    for j in 0..x.ncols() {
        for i in j + 1..x.nrows() {
            let mean = 0.5 * (x[(i, j)] + x[(j, i)]);
            x[(i, j)] = mean;
            x[(j, i)] = mean;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_symmetric_part_is_symmetric_and_kept() {
        let x = Matrix::from_fn(5, 5, |i, j| (1.3 * i as f64 + 7.1 * j as f64).sin());
        let mut part = x.clone();
        symmetrise(&mut part);
        assert_eq!(part, part.transpose());
        assert!((&part - (&x + x.transpose()) * 0.5).amax() == 0.0);
        let mut again = part.clone();
        symmetrise(&mut again);
        assert_eq!(again, part);
    }
}
