//! Krylov spaces of a symmetric Jacobian, and functions of it on them.

use super::combination::power_of_two;
use crate::linalg::{Matrix, symmetric_eigen};

/// The Krylov space of a symmetric `J` and a vector `b`, one product at a time.
///
/// With `V = (v₁ … v_k)` orthonormal, `v₁ = b/β₀`, and `T` tridiagonal, `JV = VT + β_k v_{k+1} e_kᵀ`; then `f(J) b ≈ β₀ V f(T) e₁`. Every
/// new vector is orthogonalised twice against all before it, so that the relation holds to rounding. Memory is kept between spaces; what is
/// allocated is a longer basis than any before, and the small decomposition of `T`.
#[derive(Clone, Debug, Default)]
pub(super) struct Krylov {
    /// `v₁ … v_{k+1}`, and buffers behind them.
    basis: Vec<Vec<f64>>,
    diagonal: Vec<f64>,
    /// `β₁ … β_k`
    off_diagonal: Vec<f64>,
    /// `β₀`
    norm: f64,
    exhausted: bool,
    /// Eigenvalues and eigenvectors of `T`.
    values: Vec<f64>,
    vectors: Matrix,
}

impl Krylov {
    /// Begins the space of a finite vector `b`. That of zero is empty, and exhausted.
    pub fn begin(&mut self, b: &[f64]) {
        self.diagonal.clear();
        self.off_diagonal.clear();
        self.values.clear();
        self.norm = norm(b);
        self.exhausted = self.norm == 0.0;
        if !self.exhausted {
            let scale = self.norm;
            self.store(0, b.iter().map(|x| x / scale));
        }
    }

    fn store(&mut self, index: usize, entries: impl Iterator<Item = f64>) {
        if self.basis.len() == index {
            self.basis.push(Vec::new());
        }
        let vector = &mut self.basis[index];
        vector.clear();
        vector.extend(entries);
    }

    /// `k`
    pub fn dimension(&self) -> usize {
        self.diagonal.len()
    }

    /// Whether the space holds `f(J) b` for every `f`.
    pub fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// `v_{k+1}`, whose image is wanted next.
    pub fn direction(&self) -> &[f64] {
        self.basis.get(self.dimension()).map_or(&[], Vec::as_slice)
    }

    /// Takes `J v_{k+1}`, which is written over. `false`: it is not finite, and the space is of no use any more.
    pub fn supply(&mut self, image: &mut [f64]) -> bool {
        let last = self.dimension();
        let rayleigh = dot(&self.basis[last], image);
        for _ in 0..2 {
            for q in self.basis[..=last].iter().rev() {
                add(image, -dot(q, image), q);
            }
        }
        let next = norm(image);
        if !(rayleigh.is_finite() && next.is_finite()) {
            return false;
        }
        self.diagonal.push(rayleigh);
        let size = self.diagonal.iter().chain(&self.off_diagonal).fold(next, |largest, x| largest.max(x.abs()));
        self.exhausted = last + 1 == image.len() || next <= 8.0 * f64::EPSILON * size;
        self.off_diagonal.push(if self.exhausted { 0.0 } else { next });
        if !self.exhausted {
            self.store(last + 1, image.iter().map(|x| x / next));
        }
        self.decompose()
    }

    fn decompose(&mut self) -> bool {
        let k = self.dimension();
        let mut t = Matrix::zeros(k, k);
        for i in 0..k {
            t[(i, i)] = self.diagonal[i];
            if i + 1 < k {
                t[(i + 1, i)] = self.off_diagonal[i];
            }
        }
        match symmetric_eigen(&t) {
            Ok(eigen) => (self.values, self.vectors) = (eigen.values, eigen.vectors),
            Err(_) => return false,
        }
        true
    }

    /// `β₀ β_k |e_kᵀ f(T) e₁|`: what an error of `f(J) b` is made of.
    pub fn residual(&self, f: impl Fn(f64) -> f64) -> f64 {
        let Some(last) = self.dimension().checked_sub(1) else { return 0.0 };
        let sum: f64 = self.values.iter().enumerate().map(|(i, &x)| self.vectors[(last, i)] * f(x) * self.vectors[(0, i)]).sum();
        self.norm * self.off_diagonal[last] * sum.abs()
    }

    /// `β₀ f(T) e₁`: the components of `f(J) b`.
    pub fn of_start(&self, f: impl Fn(f64) -> f64) -> Vec<f64> {
        let weights: Vec<f64> = self.values.iter().enumerate().map(|(i, &x)| self.norm * self.vectors[(0, i)] * f(x)).collect();
        self.leave_eigenbasis(&weights)
    }

    /// `f(T) c` of components `c`.
    pub fn of_components(&self, f: impl Fn(f64) -> f64, components: &[f64]) -> Vec<f64> {
        let k = self.dimension();
        let along = |i: usize| (0..k).map(|j| self.vectors[(j, i)] * components[j]).sum::<f64>();
        let weights: Vec<f64> = self.values.iter().enumerate().map(|(i, &x)| f(x) * along(i)).collect();
        self.leave_eigenbasis(&weights)
    }

    fn leave_eigenbasis(&self, weights: &[f64]) -> Vec<f64> {
        (0..weights.len()).map(|j| weights.iter().enumerate().map(|(i, w)| self.vectors[(j, i)] * w).sum()).collect()
    }

    /// `out += V c`.
    pub fn add_to(&self, components: &[f64], out: &mut [f64]) {
        for (c, v) in components.iter().zip(&self.basis) {
            add(out, *c, v);
        }
    }

    /// `out += J V c`.
    pub fn add_image_to(&self, components: &[f64], out: &mut [f64]) {
        let k = self.dimension();
        for (i, v) in self.basis[..k].iter().enumerate() {
            let below = if i > 0 { self.off_diagonal[i - 1] * components[i - 1] } else { 0.0 };
            let above = if i + 1 < k { self.off_diagonal[i] * components[i + 1] } else { 0.0 };
            add(out, self.diagonal[i] * components[i] + below + above, v);
        }
        if let Some(last) = k.checked_sub(1).filter(|_| !self.exhausted) {
            add(out, self.off_diagonal[last] * components[last], &self.basis[k]);
        }
    }

    /// `Vᵀ x`.
    pub fn components(&self, x: &[f64]) -> Vec<f64> {
        self.basis[..self.dimension()].iter().map(|v| dot(v, x)).collect()
    }

    /// `VᵀW`, one vector of components for each of the other's basis.
    pub fn gram(&self, other: &Krylov) -> Vec<Vec<f64>> {
        other.basis[..other.dimension()].iter().map(|w| self.components(w)).collect()
    }

    /// The Ritz value of the largest size, and its vector, which is written.
    pub fn dominant(&self, vector: &mut [f64]) -> f64 {
        let largest = self.values.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        vector.fill(0.0);
        let Some((index, &value)) = largest else { return 0.0 };
        for (j, v) in self.basis[..self.dimension()].iter().enumerate() {
            add(vector, self.vectors[(j, index)], v);
        }
        value
    }
}

/// `x += factor · y`.
pub(super) fn add(x: &mut [f64], factor: f64, y: &[f64]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += factor * y);
}

/// `Σ aᵢ bᵢ` in eight interleaved sums.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (left, right) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x * y).sum();
    let mut sums = [0.0; 8];
    for (x, y) in left.zip(right) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// `‖x‖₂`, safe against underflow and overflow of the squares.
pub(super) fn norm(x: &[f64]) -> f64 {
    let largest = x.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    if x.iter().any(|x| x.is_nan()) || !largest.is_finite() {
        return f64::NAN;
    }
    if largest == 0.0 || (1e-140..1e140).contains(&largest) {
        return dot(x, x).sqrt();
    }
    let unit = power_of_two(largest);
    unit * x.iter().map(|x| (x / unit).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::phi_functions;

    /// A symmetric matrix with a spread spectrum, and a vector.
    fn problem(n: usize) -> (Matrix, Vec<f64>) {
        let noise = |i: usize, j: usize| ((1 + i * 7 + j * j * 3) as f64 * 12.9898).sin();
        let a = Matrix::from_fn(n, n, noise);
        (&a + a.transpose() - Matrix::from_fn(n, n, |i, j| if i == j { i as f64 } else { 0.0 }), (0..n).map(|i| noise(i, 3)).collect())
    }

    fn extend(space: &mut Krylov, a: &Matrix, count: usize) {
        for _ in 0..count {
            let mut image = (a * nalgebra::DVector::from_column_slice(space.direction())).as_slice().to_vec();
            assert!(space.supply(&mut image));
        }
    }

    #[test]
    fn functions_agree_with_the_dense_decomposition_and_the_estimate_bounds_the_error() {
        let (a, b) = problem(40);
        let dense = symmetric_eigen(&a).unwrap();
        let h = 0.4;
        // Positive eigenvalues amplify the residual.
        let growth = (h * dense.values[39].max(0.0)).exp();
        let start = nalgebra::DVector::from_column_slice(&b);
        let scaled = dense.vectors.transpose() * &start;
        let exact = &dense.vectors * nalgebra::DVector::from_fn(40, |i, _| h * phi_functions::<2>(h * dense.values[i])[1] * scaled[i]);
        let mut space = Krylov::default();
        space.begin(&b);
        for _ in 0..39 {
            extend(&mut space, &a, 1);
            let mut found = vec![0.0; 40];
            space.add_to(&space.of_start(|x| h * phi_functions::<2>(h * x)[1]), &mut found);
            let error = (nalgebra::DVector::from_column_slice(&found) - &exact).norm();
            let bound = space.residual(|x| h * h * phi_functions::<3>(h * x)[2]);
            assert!(error <= growth * bound + 1e-12 * growth, "{}: {error:e} against {bound:e}", space.dimension());
        }
        let mut found = vec![0.0; 40];
        space.add_to(&space.of_start(|x| h * phi_functions::<2>(h * x)[1]), &mut found);
        assert!((nalgebra::DVector::from_column_slice(&found) - &exact).norm() < 1e-12 * growth);
    }

    #[test]
    fn images_of_the_space_are_free_and_functions_of_components_agree() {
        let (a, b) = problem(30);
        let mut space = Krylov::default();
        space.begin(&b);
        extend(&mut space, &a, 12);
        let c = space.of_start(|x| (0.1 * x).exp());
        let (mut x, mut image) = (vec![0.0; 30], vec![0.0; 30]);
        space.add_to(&c, &mut x);
        space.add_image_to(&c, &mut image);
        let expected = &a * nalgebra::DVector::from_column_slice(&x);
        assert!(image.iter().zip(expected.iter()).all(|(a, b)| (a - b).abs() < 1e-12));
        let again = space.of_components(|x| (0.1 * x).exp(), &space.components(&b));
        assert!(again.iter().zip(&c).all(|(a, b)| (a - b).abs() < 1e-13));
        assert!(space.gram(&space).iter().enumerate().all(|(i, row)| (row[i] - 1.0).abs() < 1e-13 && (i == 0 || row[0].abs() < 1e-14)));
    }

    #[test]
    fn empty_and_invariant_spaces_and_images_that_are_not_finite() {
        let mut space = Krylov::default();
        space.begin(&[0.0; 4]);
        assert!(space.is_exhausted() && space.of_start(|x| x).is_empty() && space.residual(|x| x) == 0.0);
        space.begin(&[0.0, 3e-200, 0.0]);
        assert!(space.supply(&mut [0.0, -2.0, 0.0]) && space.is_exhausted());
        let found = space.of_start(|x| x * x);
        assert!((found[0] / 1.2e-199 - 1.0).abs() < 1e-15);
        space.begin(&[1.0, 1.0]);
        assert!(!space.supply(&mut [f64::NAN, 0.0]));
    }

    #[test]
    fn the_dominant_pair_is_found() {
        let mut space = Krylov::default();
        space.begin(&[1.0, 0.5, -0.3]);
        let a = Matrix::from_diagonal(&nalgebra::DVector::from_column_slice(&[1.0, -5.0, 2.0]));
        extend(&mut space, &a, 3);
        let mut vector = vec![0.0; 3];
        assert!((space.dominant(&mut vector) + 5.0).abs() < 1e-13 && (vector[1].abs() - 1.0).abs() < 1e-13);
    }
}
