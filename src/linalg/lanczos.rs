//! Extreme eigenvalues of a symmetric operator that is known by its products only.

use super::{Matrix, symmetric_eigen};

/// A Ritz value, and how far from it an eigenvalue may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// `θ`
    pub value: f64,
    /// `‖S v − θ v‖₂` of its normalised Ritz vector: some eigenvalue lies within this distance (in exact arithmetic).
    pub residual: f64,
}

/// Both ends of a spectrum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    /// At or above the least eigenvalue.
    pub least: Estimate,
    /// At or below the greatest eigenvalue.
    pub greatest: Estimate,
}

/// The symmetric Lanczos iteration as a polled state machine: it hands out a direction, is handed the operator's image of it, and so on, so
/// that many iterations can share one pass over the measurements.
///
/// With `Q = (q₁ … q_k)` from the three-term recurrence, orthogonalised twice against all earlier vectors, `T = QᵀSQ` is tridiagonal. Its
/// eigenvalues θ with eigenvectors `w` satisfy `‖S(Qw) − θ Qw‖ = β_k |w_k|`. The iteration has converged when this is at most `tolerance ·
/// max(|θ_min|, |θ_max|)` for both ends of the spectrum, at two successive examinations, or when the Krylov space is exhausted. There is no restart.
///
/// Ritz values lie inside the spectrum, so the ends are approached from within. What is orthogonal to the start is never seen; take a random one.
/// Deterministic: the same start and images give the same bits.
///
/// ```
/// use pgflow::linalg::Lanczos;
/// let mut lanczos = Lanczos::new(&[1.0, 1.0, 1.0]);
/// while !lanczos.is_finished() {
///     let q = lanczos.direction();
///     let image = [-2.0 * q[0], 0.5 * q[1], 3.0 * q[2]];
///     lanczos.supply(&image);
/// }
/// let (least, greatest) = lanczos.extremes().unwrap();
/// assert!((least + 2.0).abs() < 1e-12 && (greatest - 3.0).abs() < 1e-12);
/// ```
#[derive(Clone, Debug)]
pub struct Lanczos {
    /// `q₁ … q_k`, and, while unfinished, the direction whose image is wanted.
    basis: Vec<Vec<f64>>,
    diagonal: Vec<f64>,
    off_diagonal: Vec<f64>,
    tolerance: f64,
    least_dimension: usize,
    largest_dimension: usize,
    estimates: Option<Extremes>,
    passed_before: bool,
    finished: bool,
    converged: bool,
    image: Vec<f64>,
}

impl Lanczos {
    /// Relative tolerance of [`new`](Self::new).
    pub const TOLERANCE: f64 = 1e-3;
    /// Largest dimension of the Krylov space of [`new`](Self::new).
    pub const DIMENSION: usize = 200;

    /// An iteration from a start of any positive length, to a relative tolerance of `1e-3`, in at most 200 products. A start that is zero, empty
    /// or not finite gives an iteration that is finished without result.
    pub fn new(start: &[f64]) -> Self {
        Self::with_limits(start, Self::TOLERANCE, Self::DIMENSION)
    }

    /// As [`new`](Self::new) with another tolerance and limit on products.
    pub fn with_limits(start: &[f64], tolerance: f64, largest_dimension: usize) -> Self {
        let mut first = start.to_vec();
        let largest = first.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        // The scaling keeps the squares in range.
        first.iter_mut().for_each(|x| *x /= largest);
        let norm = dot(&first, &first).sqrt();
        let usable = norm.is_finite() && norm > 0.0 && largest_dimension > 0;
        first.iter_mut().for_each(|x| *x /= norm);
        Lanczos {
            image: vec![0.0; if usable { first.len() } else { 0 }],
            least_dimension: 0,
            largest_dimension: largest_dimension.min(first.len()),
            basis: if usable { vec![first] } else { Vec::new() },
            diagonal: Vec::new(),
            off_diagonal: Vec::new(),
            tolerance,
            estimates: None,
            passed_before: false,
            finished: !usable,
            converged: false,
        }
    }

    /// The same, not taken to have converged before this many products. Small residuals say that *some* eigenvalue is near; an outermost one that the start hardly
    /// sees shows later. Spaces of at most this dimension are exhausted.
    pub fn at_least(self, dimension: usize) -> Self {
        Lanczos { least_dimension: dimension, ..self }
    }

    /// The unit vector whose image is wanted next; empty once the iteration is finished.
    pub fn direction(&self) -> &[f64] {
        if self.finished { &[] } else { self.basis.last().map_or(&[], Vec::as_slice) }
    }

    /// Takes the operator's image of [`direction`](Self::direction). An image that is not finite ends the iteration without result; once it is
    /// finished, nothing happens.
    ///
    /// # Panics
    /// If the length is another than the direction's.
    pub fn supply(&mut self, image: &[f64]) {
        if self.finished {
            return;
        }
        assert_eq!(image.len(), self.image.len(), "the image has the length of the direction");
        self.image.copy_from_slice(image);
        let Some(last) = self.basis.last() else { return };
        let rayleigh = dot(last, &self.image);
        self.diagonal.push(rayleigh);
        // Twice is enough: the second time removes what cancellation in the first has left.
        for _ in 0..2 {
            for q in self.basis.iter().rev() {
                let along = dot(q, &self.image);
                self.image.iter_mut().zip(q).for_each(|(x, q)| *x -= along * q);
            }
        }
        let next = dot(&self.image, &self.image).sqrt();
        if !(rayleigh.is_finite() && next.is_finite()) {
            self.finished = true;
            self.estimates = None;
            return;
        }
        self.go_on(next);
    }

    /// Examines convergence, and prepares the next direction, `β_k` away.
    fn go_on(&mut self, next: f64) {
        let dimension = self.diagonal.len();
        let size = self.diagonal.iter().chain(&self.off_diagonal).fold(next, |largest, x| largest.max(x.abs()));
        let exhausted = dimension == self.basis[0].len() || next <= 8.0 * f64::EPSILON * size;
        let last = exhausted || dimension >= self.largest_dimension;
        if last || dimension.is_multiple_of((dimension / 8).max(1)) {
            let residual = if exhausted { 0.0 } else { next };
            let passed = self.examine(residual);
            self.converged = passed && (exhausted || self.passed_before && dimension >= self.least_dimension);
            self.passed_before = passed;
        }
        self.finished = last || self.converged;
        if !self.finished {
            self.off_diagonal.push(next);
            self.basis.push(self.image.iter().map(|x| x / next).collect());
        }
    }

    /// Whether both ends of the spectrum of `T` have small residuals; keeps them.
    fn examine(&mut self, next: f64) -> bool {
        let k = self.diagonal.len();
        let mut t = Matrix::zeros(k, k);
        for i in 0..k {
            t[(i, i)] = self.diagonal[i];
            if i + 1 < k {
                t[(i + 1, i)] = self.off_diagonal[i];
            }
        }
        let Ok(eigen) = symmetric_eigen(&t) else { return false };
        let estimate = |i: usize| Estimate { value: eigen.values[i], residual: next * eigen.vectors[(k - 1, i)].abs() };
        let (least, greatest) = (estimate(0), estimate(k - 1));
        self.estimates = Some(Extremes { least, greatest });
        least.residual.max(greatest.residual) <= self.tolerance * least.value.abs().max(greatest.value.abs())
    }

    /// Whether no further image is wanted.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Number of images taken.
    pub fn dimension(&self) -> usize {
        self.diagonal.len()
    }

    /// The least and the greatest eigenvalue, once both have converged.
    pub fn extremes(&self) -> Option<(f64, f64)> {
        let found = self.estimates.filter(|_| self.converged)?;
        Some((found.least.value, found.greatest.value))
    }

    /// Both ends with their residuals as they were examined last, converged or not.
    pub fn estimates(&self) -> Option<Extremes> {
        self.estimates
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (left, right) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in left.zip(right) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use rand::RngExt;
    use rand_distr::StandardNormal;

    fn normals(count: usize, index: u64) -> Vec<f64> {
        let mut rng = stream(5, Purpose::Rip, index);
        (0..count).map(|_| rng.sample(StandardNormal)).collect()
    }

    fn solve(mut lanczos: Lanczos, apply: impl Fn(&[f64]) -> Vec<f64>) -> Lanczos {
        while !lanczos.is_finished() {
            let image = apply(lanczos.direction());
            lanczos.supply(&image);
        }
        lanczos
    }

    fn diagonal(values: &[f64]) -> impl Fn(&[f64]) -> Vec<f64> + '_ {
        move |x| x.iter().zip(values).map(|(x, d)| x * d).collect()
    }

    #[test]
    fn random_symmetric_matrices_agree_with_the_dense_decomposition() {
        for (index, n) in [3_usize, 20, 90, 150].into_iter().enumerate() {
            let a = Matrix::from_vec(n, n, normals(n * n, index as u64));
            let s = &a + a.transpose();
            let dense = symmetric_eigen(&s).unwrap();
            let done = solve(Lanczos::new(&normals(n, 100)), |x| (&s * nalgebra::DVector::from_column_slice(x)).as_slice().to_vec());
            let (least, greatest) = done.extremes().unwrap();
            let (low, high) = (dense.values[0], dense.values[n - 1]);
            let allowed = 1e-3 * low.abs().max(high.abs());
            assert!((least - low).abs() <= allowed && (greatest - high).abs() <= allowed, "{n}: {least} {low} {greatest} {high}");
            assert!(least >= low - 1e-12 * high && greatest <= high + 1e-12 * high, "Ritz values lie inside the spectrum");
        }
    }

    #[test]
    fn a_spectrum_of_few_values_is_exhausted_exactly() {
        let values: Vec<f64> = (0..40).map(|i| [-3.0, 0.0, 7.0][i % 3]).collect();
        let done = solve(Lanczos::new(&normals(40, 1)), diagonal(&values));
        assert_eq!(done.dimension(), 3);
        let (least, greatest) = done.extremes().unwrap();
        assert!((least + 3.0).abs() < 1e-13 && (greatest - 7.0).abs() < 1e-13);
    }

    #[test]
    fn the_zero_operator_and_starts_without_direction() {
        assert_eq!(solve(Lanczos::new(&normals(9, 2)), |x| vec![0.0; x.len()]).extremes(), Some((0.0, 0.0)));
        for start in [&[][..], &[0.0, 0.0], &[f64::NAN, 1.0], &[f64::INFINITY, 1.0]] {
            let lanczos = Lanczos::new(start);
            assert!(lanczos.is_finished() && lanczos.extremes().is_none() && lanczos.direction().is_empty());
        }
        let broken = solve(Lanczos::new(&normals(9, 2)), |x| vec![f64::NAN; x.len()]);
        assert!(broken.extremes().is_none() && broken.estimates().is_none());
    }

    #[test]
    fn sizes_at_the_ends_of_the_range_are_no_obstacle() {
        for scale in [1e-150, 1e150] {
            let values: Vec<f64> = (0..30).map(|i| scale * (f64::from(i) - 4.0)).collect();
            let (least, greatest) = solve(Lanczos::new(&normals(30, 3)), diagonal(&values)).extremes().unwrap();
            assert!((least / scale + 4.0).abs() < 0.026 && (greatest / scale - 25.0).abs() < 0.026, "{least} {greatest}");
        }
    }

    #[test]
    fn a_limit_on_products_leaves_estimates_without_a_result() {
        let values: Vec<f64> = (0..500).map(|i| f64::from(i) / 500.0).collect();
        let done = solve(Lanczos::with_limits(&normals(500, 4), 1e-12, 6), diagonal(&values));
        assert_eq!((done.dimension(), done.extremes()), (6, None));
        assert!(done.estimates().unwrap().greatest.residual > 0.0);
    }
}
