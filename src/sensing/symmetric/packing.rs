//! The lower triangle of a symmetric matrix as a column, column after column.

use crate::linalg::Matrix;

/// `d(d + 1)/2`, saturating.
pub(super) fn packed_length(side: usize) -> usize {
    // One of the two factors is even.
    let (a, b) = if side.is_multiple_of(2) { (side / 2, side.saturating_add(1)) } else { (side, side / 2 + 1) };
    a.saturating_mul(b)
}

/// Writes `x_ii` and `x_ij + x_ji` for `i > j`: what the packed entries of a symmetric measurement are multiplied by.
pub(super) fn pack_doubled(x: &Matrix, out: &mut [f64]) {
    let mut out = out.iter_mut();
    for j in 0..x.ncols() {
        for (i, slot) in (j..x.nrows()).zip(&mut out) {
            *slot = if i == j { x[(i, i)] } else { x[(i, j)] + x[(j, i)] };
        }
    }
}

/// Writes `½(x_ij + x_ji)`, `i ≥ j`.
pub(super) fn pack_mean(x: &Matrix, out: &mut [f64]) {
    let mut out = out.iter_mut();
    for j in 0..x.ncols() {
        for (i, slot) in (j..x.nrows()).zip(&mut out) {
            *slot = if i == j { x[(i, i)] } else { 0.5 * (x[(i, j)] + x[(j, i)]) };
        }
    }
}

/// The symmetric matrix of packed entries.
pub(super) fn unpack(packed: &[f64], out: &mut Matrix) {
    let mut packed = packed.iter();
    for j in 0..out.ncols() {
        for (i, entry) in (j..out.nrows()).zip(&mut packed) {
            out[(i, j)] = *entry;
            out[(j, i)] = *entry;
        }
    }
}

/// The row and column of a packed entry.
pub(super) fn place(side: usize, mut index: usize) -> (usize, usize) {
    for j in 0..side {
        if index < side - j {
            return (j + index, j);
        }
        index -= side - j;
    }
    (side, side)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::inner;

    #[test]
    fn packing_keeps_inner_products_and_unpacking_goes_back() {
        for side in [1, 2, 5] {
            let x = Matrix::from_fn(side, side, |i, j| (1.0 + i as f64 * 0.7 + j as f64 * 1.9).sin());
            let a = Matrix::from_fn(side, side, |i, j| (2.0 + i as f64 * 1.1 + j as f64 * 0.4).cos());
            let length = packed_length(side);
            assert_eq!(length, side * (side + 1) / 2);
            let (mut doubled, mut mean) = (vec![0.0; length], vec![0.0; length]);
            pack_doubled(&x, &mut doubled);
            pack_mean(&a, &mut mean);
            let symmetric = (&a + a.transpose()) * 0.5;
            let packed: f64 = doubled.iter().zip(&mean).map(|(x, a)| x * a).sum();
            assert!((packed - inner(&symmetric, &x)).abs() < 1e-14);
            let mut back = Matrix::zeros(side, side);
            unpack(&mean, &mut back);
            assert_eq!(back, symmetric);
            assert!((0..length).all(|k| mean[k] == symmetric[place(side, k)]));
        }
        assert_eq!(packed_length(usize::MAX), usize::MAX);
    }
}
