//! QR decomposition by Householder reflections.
//!
//! Our own, because faer's dense QR (0.24) reveals ranks: a column whose part below the diagonal has a norm under `16 m ε` times the
//! column's counts as dependent and that part is dropped. The backward error is then hundreds of `ε`, exactly on the nearly rank-deficient
//! factors that trajectories consist of.

use super::{Matrix, View};

/// `A = Q R` with `k = min(m, n)`: `Q` (`m × k`) has orthonormal columns, `R` (`k × n`) is upper trapezoidal. Backward stable column
/// by column, `Q` orthonormal to round-off for every finite `A` of any rank; the signs of `R`'s diagonal are not fixed. Entries that are
/// not finite spread over the result.
pub fn thin_qr<'a>(a: impl Into<View<'a>>) -> (Matrix, Matrix) {
    let (packed, factors) = reflections(a.into());
    let (rows, size) = (packed.nrows(), factors.len());
    let mut q = Matrix::identity(rows, size);
    for (k, &tau) in factors.iter().enumerate().rev() {
        let tail = &packed.as_slice()[k * rows + k + 1..(k + 1) * rows];
        // Columns before k of the product of the later reflections are still those of the identity.
        q.as_mut_slice().chunks_exact_mut(rows).skip(k).for_each(|column| reflect(&mut column[k..], tail, tau));
    }
    (q, upper_part(packed, size))
}

/// `R` of [`thin_qr`], the same bits, without forming `Q`.
pub(super) fn triangular_factor(a: View<'_>) -> Matrix {
    let (packed, factors) = reflections(a);
    upper_part(packed, factors.len())
}

/// `R` on and above the diagonal, below it the reflections' vectors without their leading 1; and their factors τ.
fn reflections(a: View<'_>) -> (Matrix, Vec<f64>) {
    let mut packed = a.to_matrix();
    let rows = packed.nrows();
    let size = rows.min(packed.ncols());
    let mut factors = Vec::with_capacity(size);
    for k in 0..size {
        let (done, rest) = packed.as_mut_slice().split_at_mut((k + 1) * rows);
        let column = &mut done[k * rows + k..];
        let tau = make_reflection(column);
        let tail = &column[1..];
        rest.chunks_exact_mut(rows).for_each(|other| reflect(&mut other[k..], tail, tau));
        factors.push(tau);
    }
    (packed, factors)
}

/// Turns a nonempty column `x` into `(β, v₂, v₃, …)` with `(I − τ v vᵀ) x = β e₁`, `v₁ = 1`; returns τ, 0 if `x` is a multiple of `e₁`.
fn make_reflection(column: &mut [f64]) -> f64 {
    let head = column[0];
    if column[1..].iter().all(|x| *x == 0.0) {
        return 0.0;
    }
    let scale = column.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    let norm = if (1e-140..1e140).contains(&scale) {
        dot(column, column).sqrt()
    } else {
        scale * column.iter().map(|x| (x / scale).powi(2)).sum::<f64>().sqrt()
    };
    // β has the sign that makes head − β free of cancellation.
    let beta = if head > 0.0 { -norm } else { norm };
    let pivot = head - beta;
    column[1..].iter_mut().for_each(|x| *x /= pivot);
    column[0] = beta;
    (beta - head) / beta
}

/// `x ← (I − τ v vᵀ) x`, `v = (1, tail)`.
fn reflect(x: &mut [f64], tail: &[f64], tau: f64) {
    if tau == 0.0 {
        return;
    }
    if let Some((head, rest)) = x.split_first_mut() {
        let along = tau * (*head + dot(rest, tail));
        *head -= along;
        rest.iter_mut().zip(tail).for_each(|(x, v)| *x -= along * v);
    }
}

/// `Σ aᵢ bᵢ` in eight interleaved sums, an order that the compiler can vectorise.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_lanes, b_lanes) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_lanes.remainder().iter().zip(b_lanes.remainder()).map(|(x, y)| x * y).sum();
    let mut sums = [0.0; 8];
    for (a, b) in a_lanes.zip(b_lanes) {
        for ((sum, x), y) in sums.iter_mut().zip(a).zip(b) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f64>() + rest
}

fn upper_part(packed: Matrix, size: usize) -> Matrix {
    let mut r = packed.resize_vertically(size, 0.0);
    r.fill_lower_triangle(0.0, 1);
    r
}
