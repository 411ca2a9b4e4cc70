//! Scaled gradient descent.

use super::discrete::{Departure, Prepared, Update};
use crate::dynamics::{Shape, State};
use crate::linalg::{Form, Matrix, cholesky, multiply_into, solve_lower_triangular};

/// ScaledGD (Tong, Ma, Chi 2021): descent in the metric that the other factor gives,
///
/// `F⁺ = F + η N G (GᵀG + λI)⁻¹`, `G⁺ = G + η Nᵀ F (FᵀF + λI)⁻¹`, both from the old factors, and `U⁺ = U + η N U (UᵀU + λI)⁻¹` in the symmetric
/// model; between points linear.
///
/// With `λ = 0` it does not depend on the pair that stands for the product: `(FQ, GQ^{-T})` is taken to `(F⁺Q, G⁺Q^{-T})` for every invertible `Q`, so the
/// local rate does not depend on the condition number. It needs factors of full column rank then (width at most the target's rank, or a
/// start away from zero). `λ > 0`, the damping (Xu, Shen, Chi, Ma 2023), is for wider factors and small starts; the scale of the
/// target is λ's unit.
///
/// A Gram matrix counts as singular where its Cholesky factorisation fails or has pivots further apart than `64 h ε`: digits that do not exist are not
/// divided by. The factorisations allocate.
#[derive(Debug)]
pub struct ScaledDescent {
    damping: f64,
    /// `GᵀG + λI` for the block of `F`, `FᵀF + λI` for that of `G`, `h × h`.
    gram: Matrix,
    /// The direction of each block, transposed: `h × m` and `h × n`, or `h × d` alone.
    blocks: Vec<Matrix>,
}

impl ScaledDescent {
    /// Steps with damping `λ ≥ 0` for states of a shape.
    pub fn new(damping: f64, shape: Shape) -> Self {
        let width = shape.width();
        let heights = if shape.is_symmetric() { vec![shape.rows()] } else { vec![shape.rows(), shape.cols()] };
        let blocks = heights.into_iter().map(|height| Matrix::zeros(width, height)).collect();
        ScaledDescent { damping, gram: Matrix::zeros(width, width), blocks }
    }

    /// The Cholesky factor of the current Gram matrix, if it is not singular.
    fn factor(&mut self) -> Option<Matrix> {
        let width = self.gram.nrows();
        (0..width).for_each(|i| self.gram[(i, i)] += self.damping);
        let lower = cholesky(&self.gram).ok()?;
        let pivots = || (0..width).map(|i| lower[(i, i)] * lower[(i, i)]);
        let (least, most) = (pivots().fold(f64::INFINITY, f64::min), pivots().fold(0.0, f64::max));
        (least > 64.0 * width as f64 * f64::EPSILON * most).then_some(lower)
    }
}

impl Update for ScaledDescent {
    fn prepare(&mut self, from: &Departure<'_>, out: &mut State) -> Prepared {
        let (rows, width) = (from.state.shape().rows(), from.state.shape().width());
        let others = [from.state.right(), from.state.left()].into_iter().take(self.blocks.len());
        for (block, other) in others.enumerate() {
            let first = block * rows;
            multiply_into(&mut self.gram, 0, width, 1.0, Form::LeftTransposed, other, other);
            let Some(lower) = self.factor() else { return Prepared::Singular };
            let direction = &mut self.blocks[block];
            let height = direction.ncols();
            for i in 0..height {
                (0..width).for_each(|j| direction[(j, i)] = from.rate.matrix()[(first + i, j)]);
            }
            solve_lower_triangular(&lower, direction);
            solve_upper_triangular(&lower, direction);
            for j in 0..width {
                for i in 0..height {
                    let at = (first + i, j);
                    out.matrix_mut()[at] = from.state.matrix()[at] + from.step_size * direction[(j, i)];
                }
            }
        }
        Prepared::Point
    }
}

/// Overwrites `B` with `L^{-T} B`.
fn solve_upper_triangular(lower: &Matrix, b: &mut Matrix) {
    let size = lower.nrows();
    for mut column in b.column_iter_mut() {
        for i in (0..size).rev() {
            let known: f64 = (i + 1..size).map(|k| lower[(k, i)] * column[k]).sum();
            column[i] = (column[i] - known) / lower[(i, i)];
        }
    }
}
