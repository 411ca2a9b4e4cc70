//! Symmetric matrices in tridiagonal form, by Householder's reflections.
//!
//! `S ← H S H` with `H = I − v vᵀ`, `‖v‖² = 2`, which leaves of column `k` one entry `e_k` below the diagonal: with `y = Sv` and
//! `w = y − ½(vᵀy) v`, `S ← S − v wᵀ − w vᵀ`. One pass over what remains of `S` both applies the last reflection and multiplies with the
//! vector of the
//! next, for which its column alone has to be known beforehand. Backward stable: the eigenvalues are those of a matrix that differs from
//! `S` by a modest
//! multiple of `ε‖S‖`. At side 50 this is several times faster than faer's reduction, which is made for larger ones.

use super::panels::Panels;
use super::vectorised::{Job, Lanes, WIDTH, ZERO, clear, dot, multiply_add, run, scale, subtract_product};

/// `tridiag(e, d, e)`, `e` by its squares.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tridiagonal {
    /// `d`
    pub diagonal: Vec<f64>,
    /// `e²`, one fewer.
    pub squares: Vec<f64>,
}

impl Tridiagonal {
    /// The tridiagonal form of a symmetric matrix with entries of moderate size, both triangles of it, which is overwritten.
    pub fn reduce(matrix: Panels) -> Self {
        run(Reduction::new(matrix))
    }
}

/// Squares below this are not normal numbers by a margin; what is below its root in a matrix of size one is far below rounding.
const NEGLIGIBLE: f64 = 1e-280;

/// Turns `x`, zero before `head`, into the `v` of the reflection that takes it to `β e_head`; returns `β`. Zero where `x` is a multiple of
/// `e_head` already.
#[inline(always)]
pub(super) fn make_reflection(x: &mut [Lanes], head: usize) -> f64 {
    let (lane, place) = (head / WIDTH, head % WIDTH);
    let first = std::mem::take(&mut x[lane][place]);
    let tail = dot(&x[lane..], &x[lane..]);
    if tail < NEGLIGIBLE {
        x[lane..].fill(ZERO);
        return first;
    }
    let norm = first.mul_add(first, tail).sqrt();
    // The sign that makes the difference free of cancellation.
    let beta = if first > 0.0 { -norm } else { norm };
    x[lane][place] = first - beta;
    let factor = 1.0 / (norm * (norm + first.abs())).sqrt();
    x[lane..].iter_mut().for_each(|lanes| *lanes = scale(*lanes, factor));
    beta
}

struct Reduction {
    matrix: Panels,
    /// Vectors of the reflection that is still to be applied.
    v: Vec<Lanes>,
    w: Vec<Lanes>,
    /// The vector of the next one, and `S` times it.
    next: Vec<Lanes>,
    image: Vec<Lanes>,
}

impl Reduction {
    fn new(matrix: Panels) -> Self {
        let vector = || vec![ZERO; matrix.count()];
        Reduction { v: vector(), w: vector(), next: vector(), image: vector(), matrix }
    }

    /// Takes the pending reflection from column `k`, of which rows `k ..` are put into `next`.
    #[inline(always)]
    fn update_column(&mut self, k: usize) {
        let first = k / WIDTH;
        let [v_k, w_k] = [&self.v, &self.w].map(|x| [x[k / WIDTH][k % WIDTH]; WIDTH]);
        let column = self.matrix.lanes()[k..].iter().step_by(self.matrix.ncols());
        for (((next, s), v), w) in self.next.iter_mut().zip(column).zip(&self.v).zip(&self.w).skip(first) {
            *next = subtract_product(subtract_product(*s, *v, w_k), *w, v_k);
        }
        clear(&mut self.next, WIDTH * first, k);
    }

    /// Takes the pending reflection from columns and rows `from ..`, and multiplies what is left with `next`.
    #[inline(always)]
    fn update_and_multiply(&mut self, from: usize) {
        let cols = self.matrix.ncols();
        // One number a column.
        let [v_all, w_all, x_all] = [&self.v, &self.w, &self.next].map(|lanes| lanes.as_flattened()[from..cols].as_chunks::<2>());
        for p in from / WIDTH..self.matrix.count() {
            let (v, w) = (self.v[p], self.w[p]);
            let mut sums = [ZERO; 2];
            let (pairs, last) = self.matrix.panel_mut(p)[from..].as_chunks_mut::<2>();
            for (pair, ((v_pair, w_pair), x_pair)) in pairs.iter_mut().zip(v_all.0.iter().zip(w_all.0).zip(x_all.0)) {
                for t in 0..2 {
                    let [v_j, w_j, x_j] = [v_pair[t], w_pair[t], x_pair[t]].map(|x| [x; WIDTH]);
                    pair[t] = subtract_product(subtract_product(pair[t], v, w_j), w, v_j);
                    sums[t] = multiply_add(pair[t], x_j, sums[t]);
                }
            }
            if let ([s], [v_j], [w_j], [x_j]) = (last, v_all.1, w_all.1, x_all.1) {
                let [v_j, w_j, x_j] = [*v_j, *w_j, *x_j].map(|x| [x; WIDTH]);
                *s = subtract_product(subtract_product(*s, v, w_j), w, v_j);
                sums[0] = multiply_add(*s, x_j, sums[0]);
            }
            self.image[p] = std::array::from_fn(|l| sums[0][l] + sums[1][l]);
        }
        clear(&mut self.image, from - from % WIDTH, from);
    }

    /// `next` and what is made of its image become what is pending.
    #[inline(always)]
    fn make_pending(&mut self, from: usize) {
        let first = from / WIDTH;
        let half = [0.5 * dot(&self.next[first..], &self.image[first..]); WIDTH];
        for ((w, y), v) in self.w.iter_mut().zip(&self.image).zip(&self.next).skip(first) {
            *w = subtract_product(*y, *v, half);
        }
        std::mem::swap(&mut self.v, &mut self.next);
    }
}

impl Job for Reduction {
    type Output = Tridiagonal;

    #[inline(always)]
    fn run(mut self) -> Tridiagonal {
        let side = self.matrix.ncols();
        let (mut diagonal, mut squares) = (Vec::with_capacity(side), Vec::with_capacity(side));
        for k in 0..side {
            self.update_column(k);
            diagonal.push(std::mem::take(&mut self.next[k / WIDTH][k % WIDTH]));
            if k + 1 == side {
                break;
            }
            let below = make_reflection(&mut self.next, k + 1);
            squares.push(below * below);
            self.update_and_multiply(k + 1);
            self.make_pending(k + 1);
        }
        Tridiagonal { diagonal, squares }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{Matrix, symmetric_eigen};

    fn graded(side: usize, grade: f64) -> Matrix {
        let mut state = side as u64 | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let a = Matrix::from_fn(side, side, |i, j| next() * grade.powi((i + j) as i32));
        &a + a.transpose()
    }

    /// With entries that are negligible beside entries that are not.
    fn sparse(side: usize) -> Matrix {
        let a = graded(side, 1.0);
        Matrix::from_fn(side, side, |i, j| if (i + j) % 5 == 0 { a[(i, j)] } else { 1e-200 * a[(i, j)] })
    }

    #[test]
    fn the_spectrum_is_kept() {
        for side in [1, 2, 3, 4, 5, 8, 13, 16, 17, 31, 50, 64, 100] {
            let special = [sparse(side), Matrix::identity(side, side), Matrix::zeros(side, side)];
            for s in [1.0, 0.7, 1e-4].map(|grade| graded(side, grade)).into_iter().chain(special) {
                let Tridiagonal { diagonal, squares } = Tridiagonal::reduce(Panels::of_symmetric(&s, (1.0, 1.0)));
                let mut t = Matrix::zeros(side, side);
                diagonal.iter().enumerate().for_each(|(i, d)| t[(i, i)] = *d);
                squares.iter().enumerate().for_each(|(i, square)| t[(i + 1, i)] = square.sqrt());
                let (before, after) = (symmetric_eigen(&s).unwrap().values, symmetric_eigen(&t).unwrap().values);
                let norm = before.iter().fold(0.0_f64, |norm, x| norm.max(x.abs()));
                let allowed = (8 + side) as f64 * f64::EPSILON * norm;
                assert!(before.iter().zip(&after).all(|(x, y)| (x - y).abs() <= allowed), "{side}: {before:?} {after:?}");
            }
        }
    }

    #[test]
    fn both_copies_have_the_same_bits() {
        for side in [1, 7, 50, 61] {
            let matrix = || Panels::of_symmetric(&graded(side, 0.9), (1.0, 1.0));
            assert_eq!(Reduction::new(matrix()).run(), Tridiagonal::reduce(matrix()));
        }
    }
}
