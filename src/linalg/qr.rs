//! QR decomposition by Householder reflections.
//!
//! Our own, because faer's dense QR (0.24) reveals ranks: a column whose part below the diagonal has a norm under `16 m ε` times the
//! column's counts as dependent and that part is dropped. The backward error is then hundreds of `ε`, exactly on the nearly rank-deficient
//! factors that trajectories consist of.

use super::vectorised::{Job, run};
use super::{Matrix, View};

/// `A = Q R` with `k = min(m, n)`: `Q` (`m × k`) has orthonormal columns, `R` (`k × n`) is upper trapezoidal. Backward stable column
/// by column, `Q` orthonormal to round-off for every finite `A` of any rank; the signs of `R`'s diagonal are not fixed. Entries that are
/// not finite spread over the result.
pub fn thin_qr<'a>(a: impl Into<View<'a>>) -> (Matrix, Matrix) {
    let packed = PackedQr::of(a.into());
    (packed.basis(), packed.triangular_factor())
}

/// A QR decomposition with `Q` as a product of reflections.
#[derive(Debug)]
pub(super) struct PackedQr {
    /// `R` on and above the diagonal, below it the reflections' vectors without their leading 1.
    packed: Matrix,
    /// Their factors τ.
    factors: Vec<f64>,
}

impl PackedQr {
    pub fn of(a: View<'_>) -> Self {
        run(Reflections(a.to_matrix()))
    }

    /// `R` of [`thin_qr`], the same bits.
    pub fn triangular_factor(&self) -> Matrix {
        let mut r = self.packed.rows(0, self.factors.len()).into_owned();
        r.fill_lower_triangle(0.0, 1);
        r
    }

    /// `Q`.
    fn basis(&self) -> Matrix {
        let mut q = Matrix::identity(self.packed.nrows(), self.factors.len());
        // Columns before k of the product of the later reflections are still those of the identity.
        run(Apply { qr: self, to: &mut q, of_identity: true });
        q
    }

    /// `Q X`, of a few columns.
    pub fn times(&self, x: Matrix) -> Matrix {
        let mut out = x.resize_vertically(self.packed.nrows(), 0.0);
        run(Apply { qr: self, to: &mut out, of_identity: false });
        out
    }
}

struct Reflections(Matrix);

impl Job for Reflections {
    type Output = PackedQr;

    #[inline(always)]
    fn run(self) -> PackedQr {
        let Reflections(mut packed) = self;
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
        PackedQr { packed, factors }
    }
}

struct Apply<'a> {
    qr: &'a PackedQr,
    to: &'a mut Matrix,
    /// Whether `to` is the identity's first columns.
    of_identity: bool,
}

impl Job for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let PackedQr { packed, factors } = self.qr;
        let rows = packed.nrows();
        for (k, &tau) in factors.iter().enumerate().rev() {
            let tail = &packed.as_slice()[k * rows + k + 1..(k + 1) * rows];
            let skipped = if self.of_identity { k } else { 0 };
            self.to.as_mut_slice().chunks_exact_mut(rows).skip(skipped).for_each(|column| reflect(&mut column[k..], tail, tau));
        }
    }
}

/// Turns a nonempty column `x` into `(β, v₂, v₃, …)` with `(I − τ v vᵀ) x = β e₁`, `v₁ = 1`; returns τ, 0 if `x` is a multiple of `e₁`.
#[inline(always)]
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
#[inline(always)]
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
#[inline(always)]
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
