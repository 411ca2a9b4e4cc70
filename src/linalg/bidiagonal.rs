//! Matrices in bidiagonal form, by Householder's reflections from both sides.
//!
//! `A = H_0 … H_{n−1} B G_{n−2} … G_0`, `B` upper bidiagonal with `α_k` on the diagonal and `β_k` above it, `H_k = I − u uᵀ`,
//! `G_k = I − v vᵀ`, `‖u‖² = ‖v‖² = 2`. With
//! `z = Aᵀu` and `y = (A − u zᵀ) v`, `A ← A − u zᵀ − y vᵀ` (G. W. Howell and others, *Cache efficient bidiagonalization using BLAS 2.5
//! operators*, 2008): one pass applies
//! the last pair of reflections and multiplies with the next `u`, a second one multiplies with `v`. Backward stable: the singular values
//! of `B` are those of a matrix that
//! differs from `A` by a modest multiple of `ε‖A‖`.

use super::panels::Panels;
use super::tridiagonal::make_reflection;
use super::vectorised::{Job, Lanes, WIDTH, ZERO, clear, dot, multiply_add, run, subtract_product, sum};

/// `B`, and the reflections that lead to it.
#[derive(Debug)]
pub(super) struct Bidiagonal {
    /// `α`
    pub diagonal: Vec<f64>,
    /// `β`, one fewer.
    pub above: Vec<f64>,
    left: Reflections,
    right: Reflections,
}

/// Vectors of reflections, the first one first.
#[derive(Debug)]
struct Reflections {
    vectors: Vec<Lanes>,
    length: usize,
}

impl Reflections {
    fn of(length: usize, count: usize) -> Self {
        Reflections { vectors: Vec::with_capacity(length.div_ceil(WIDTH) * count), length }
    }

    /// The first of them applied last.
    #[inline(always)]
    fn apply(&self, x: &mut [Lanes]) {
        for vector in self.vectors.chunks_exact(x.len().max(1)).rev() {
            let along = [dot(vector, x); WIDTH];
            x.iter_mut().zip(vector).for_each(|(x, v)| *x = subtract_product(*x, *v, along));
        }
    }
}

impl Bidiagonal {
    /// The bidiagonal form of a matrix with entries of moderate size that is not wider than high, which is overwritten.
    pub fn reduce(matrix: Panels, rows: usize) -> Self {
        run(Reduction::new(matrix, rows))
    }

    /// `H_0 … H_{n−1} x`, `x` lengthened by zeros.
    pub fn to_left(&self, x: &[f64]) -> Vec<f64> {
        run(Apply { reflections: &self.left, x })
    }

    /// `G_0 … G_{n−2} x`.
    pub fn to_right(&self, x: &[f64]) -> Vec<f64> {
        run(Apply { reflections: &self.right, x })
    }
}

struct Apply<'a> {
    reflections: &'a Reflections,
    x: &'a [f64],
}

impl Job for Apply<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run(self) -> Vec<f64> {
        let mut lanes = vec![ZERO; self.reflections.length.div_ceil(WIDTH)];
        lanes.as_flattened_mut().iter_mut().zip(self.x).for_each(|(to, from)| *to = *from);
        self.reflections.apply(&mut lanes);
        let mut out = lanes.into_flattened();
        out.truncate(self.reflections.length);
        out
    }
}

struct Reduction {
    matrix: Panels,
    rows: usize,
    /// The pair of reflections that is still to be applied: `u`, `y` over the rows, `(z_j, v_j)` over the columns.
    u: Vec<Lanes>,
    y: Vec<Lanes>,
    factors: Vec<[f64; 2]>,
    /// The next ones.
    next_u: Vec<Lanes>,
    next_v: Vec<Lanes>,
    /// `z_j` of the next ones, in lanes over the rows.
    products: Vec<Lanes>,
}

impl Reduction {
    fn new(matrix: Panels, rows: usize) -> Self {
        let vector = || vec![ZERO; matrix.count()];
        let cols = matrix.ncols();
        let (factors, products, next_v) = (vec![[0.0; 2]; cols], vec![ZERO; cols], vec![ZERO; cols.div_ceil(WIDTH)]);
        Reduction { rows, u: vector(), y: vector(), next_u: vector(), factors, products, next_v, matrix }
    }

    /// Takes the pending reflections from column `k`, of which rows `k ..` are put into `next_u`.
    #[inline(always)]
    fn update_column(&mut self, k: usize) {
        let first = k / WIDTH;
        let [z_k, v_k] = self.factors[k].map(|x| [x; WIDTH]);
        let column = self.matrix.lanes()[k..].iter().step_by(self.matrix.ncols());
        for (((next, a), u), y) in self.next_u.iter_mut().zip(column).zip(&self.u).zip(&self.y).skip(first) {
            *next = subtract_product(subtract_product(*a, *u, z_k), *y, v_k);
        }
        self.next_u[..first].fill(ZERO);
        clear(&mut self.next_u, WIDTH * first, k);
    }

    /// Takes the pending reflections from columns `from ..`, multiplies what is left with `next_u`, and puts the outcome into the factors
    /// `z`.
    #[inline(always)]
    fn update_and_multiply(&mut self, from: usize) {
        self.products[from..].fill(ZERO);
        for p in (from - 1) / WIDTH..self.matrix.count() {
            let (u, y, next) = (self.u[p], self.y[p], self.next_u[p]);
            let columns = self.matrix.panel_mut(p)[from..].iter_mut().zip(&self.factors[from..]);
            for ((a, factors), product) in columns.zip(&mut self.products[from..]) {
                let [z_j, v_j] = factors.map(|x| [x; WIDTH]);
                *a = subtract_product(subtract_product(*a, u, z_j), y, v_j);
                *product = multiply_add(*a, next, *product);
            }
        }
        for (factors, product) in self.factors[from..].iter_mut().zip(&self.products[from..]) {
            factors[0] = sum(*product);
        }
    }

    /// Row `k` behind the diagonal, after the next reflection from the left, into `next_v`.
    #[inline(always)]
    fn take_row(&mut self, k: usize) {
        let (p, place) = (k / WIDTH, k % WIDTH);
        let u_k = self.next_u[p][place];
        let from = k + 1;
        self.next_v[..from / WIDTH].fill(ZERO);
        clear(&mut self.next_v, from - from % WIDTH, from);
        let row = self.next_v.as_flattened_mut().iter_mut().zip(self.matrix.panel(p)).zip(&self.factors);
        for ((v, a), factors) in row.skip(from) {
            *v = (-u_k).mul_add(factors[0], a[place]);
        }
    }

    /// `y = A v − u (zᵀv)`, rows `from ..`, `from` the first column too; then the next reflections are those that are pending.
    #[inline(always)]
    fn multiply_with_row(&mut self, from: usize) {
        let mut along = 0.0;
        for (factors, v) in self.factors.iter_mut().zip(self.next_v.as_flattened()).skip(from) {
            factors[1] = *v;
            along = factors[0].mul_add(*v, along);
        }
        for p in from / WIDTH..self.matrix.count() {
            let mut sums = [ZERO; 2];
            let (pairs, last) = self.matrix.panel(p)[from..].as_chunks::<2>();
            let (factor_pairs, last_factors) = self.factors[from..].as_chunks::<2>();
            for (pair, factors) in pairs.iter().zip(factor_pairs) {
                for t in 0..2 {
                    sums[t] = multiply_add(pair[t], [factors[t][1]; WIDTH], sums[t]);
                }
            }
            if let ([a], [factors]) = (last, last_factors) {
                sums[0] = multiply_add(*a, [factors[1]; WIDTH], sums[0]);
            }
            let image = std::array::from_fn(|l| sums[0][l] + sums[1][l]);
            self.y[p] = subtract_product(image, self.next_u[p], [along; WIDTH]);
        }
        clear(&mut self.y, from - from % WIDTH, from);
        self.u.copy_from_slice(&self.next_u);
    }
}

impl Job for Reduction {
    type Output = Bidiagonal;

    #[inline(always)]
    fn run(mut self) -> Bidiagonal {
        let cols = self.matrix.ncols();
        let (mut left, mut right) = (Reflections::of(self.rows, cols), Reflections::of(cols, cols));
        let (mut diagonal, mut above) = (Vec::with_capacity(cols), Vec::with_capacity(cols));
        for k in 0..cols {
            self.update_column(k);
            diagonal.push(make_reflection(&mut self.next_u, k));
            left.vectors.extend_from_slice(&self.next_u);
            if k + 1 == cols {
                break;
            }
            self.update_and_multiply(k + 1);
            self.take_row(k);
            above.push(make_reflection(&mut self.next_v, k + 1));
            right.vectors.extend_from_slice(&self.next_v);
            self.multiply_with_row(k + 1);
        }
        Bidiagonal { diagonal, above, left, right }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{Form, Matrix, View, multiply};

    /// Entries of size `grade^(i + 2j)`, the last columns multiples of the first for a rank that is deficient.
    fn matrix(rows: usize, cols: usize, grade: f64, rank: usize) -> Matrix {
        let mut state = (rows * cols) as u64 | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let a = Matrix::from_fn(rows, cols, |i, j| next() * grade.powi((i + 2 * j) as i32));
        Matrix::from_fn(rows, cols, |i, j| a[(i, j % rank.max(1))])
    }

    #[test]
    fn reflections_recompose_the_matrix_and_are_orthogonal() {
        for (rows, cols) in [(1, 1), (2, 1), (7, 7), (8, 8), (9, 8), (50, 50), (61, 17), (100, 30)] {
            for (grade, rank) in [(1.0, cols), (0.7, cols), (1e-3, cols), (1.0, 2), (0.0, 1)] {
                let a = matrix(rows, cols, grade, rank);
                let form = Bidiagonal::reduce(Panels::of(View::of(&a), (1.0, 1.0)), rows);
                let unit = |i: usize| (0..cols).map(|j| if i == j { 1.0 } else { 0.0 }).collect::<Vec<_>>();
                let left = Matrix::from_vec(rows, cols, (0..cols).flat_map(|i| form.to_left(&unit(i))).collect());
                let right = Matrix::from_vec(cols, cols, (0..cols).flat_map(|i| form.to_right(&unit(i))).collect());
                let mut b = Matrix::zeros(cols, cols);
                form.diagonal.iter().enumerate().for_each(|(i, alpha)| b[(i, i)] = *alpha);
                form.above.iter().enumerate().for_each(|(i, beta)| b[(i, i + 1)] = *beta);
                let again = multiply(Form::RightTransposed, &multiply(Form::Plain, &left, &b), &right);
                let allowed = 4.0 * (rows + cols) as f64 * f64::EPSILON;
                assert!((&again - &a).amax() <= allowed * a.norm(), "{rows} × {cols}, {grade}, {rank}: {:e}", (&again - &a).amax());
                for basis in [&left, &right] {
                    assert!((basis.tr_mul(basis) - Matrix::identity(cols, cols)).amax() <= allowed);
                }
            }
        }
    }

    #[test]
    fn both_copies_have_the_same_bits() {
        let panels = || Panels::of(View::of(&matrix(37, 29, 0.9, 29)), (1.0, 1.0));
        let (portable, other) = (Reduction::new(panels(), 37).run(), Bidiagonal::reduce(panels(), 37));
        assert_eq!((portable.diagonal, portable.above), (other.diagonal, other.above));
        assert_eq!((portable.left.vectors, portable.right.vectors), (other.left.vectors, other.right.vectors));
    }
}
