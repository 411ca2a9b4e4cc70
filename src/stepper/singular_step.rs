//! Steps `Z⁺ = φ(η sym(N)) Z` through the singular value decomposition of `N`.

use super::discrete::{Departure, Prepared};
use crate::dynamics::{Shape, State};
use crate::linalg::{Form, Matrix, ThinSvd, View, multiply_into, thin_svd};

/// `φ(x sym(1)) − I = [[own, other],[other, own]]` on one pair of singular vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gains {
    /// `(φ(x) + φ(−x))/2 − 1`
    pub own: f64,
    /// `(φ(x) − φ(−x))/2`
    pub other: f64,
}

/// `φ` by its gains at `x = ηs ≥ 0`; `None` where it is not to be used.
pub(super) type Function = fn(f64) -> Option<Gains>;

/// The decomposition of the current step's `N`, and what it makes of the factors.
#[derive(Debug)]
pub(super) struct SingularStep {
    svd: Option<ThinSvd>,
    /// `PᵀF` and `QᵀG`, `k × h`.
    left: Matrix,
    right: Matrix,
    /// What the gains make of them.
    moved_left: Matrix,
    moved_right: Matrix,
}

impl SingularStep {
    pub fn new(shape: Shape) -> Self {
        let zeros = || Matrix::zeros(shape.rows().min(shape.cols()), shape.width());
        SingularStep { svd: None, left: zeros(), right: zeros(), moved_left: zeros(), moved_right: zeros() }
    }

    /// `Z_{k+1}` from `Z_k` and `N_k`. Impossible if `N_k` is unknown or not finite, or beyond what `φ` is used for.
    pub fn prepare(&mut self, from: &Departure<'_>, function: Function, out: &mut State) -> Prepared {
        let Some(svd) = from.drive.and_then(|drive| thin_svd(drive).ok()) else { return Prepared::Impossible };
        let size = svd.values.len();
        multiply_into(&mut self.left, 0, size, 1.0, Form::LeftTransposed, View::of(&svd.left), from.state.left());
        multiply_into(&mut self.right, 0, size, 1.0, Form::LeftTransposed, View::of(&svd.right), from.state.right());
        let svd = self.svd.insert(svd);
        let projections = [&self.left, &self.right];
        let moved = [&mut self.moved_left, &mut self.moved_right];
        match apply(svd, projections, function, from.step_size, moved, from.state, out) {
            true => Prepared::Point,
            false => Prepared::Impossible,
        }
    }

    /// `φ((t − t_k) sym(N_k)) Z_k`, with the decomposition of the step that led on from `Z_k`. Allocates two `k × h` matrices.
    pub fn interpolate(&self, from: &Departure<'_>, function: Function, since: f64, out: &mut State) {
        let (mut left, mut right) = (self.left.clone(), self.right.clone());
        let moved = [&mut left, &mut right];
        let done = self.svd.as_ref().is_some_and(|svd| apply(svd, [&self.left, &self.right], function, since, moved, from.state, out));
        if !done {
            out.as_mut_slice().fill(f64::NAN);
        }
    }
}

/// `out = Z + [P; Q] · (gains of the projections)`; `false` if the function is not to be used.
fn apply(
    svd: &ThinSvd,
    [left, right]: [&Matrix; 2],
    function: Function,
    length: f64,
    [moved_left, moved_right]: [&mut Matrix; 2],
    state: &State,
    out: &mut State,
) -> bool {
    for (i, value) in svd.values.iter().enumerate() {
        let Some(Gains { own, other }) = function(length * value) else { return false };
        for j in 0..left.ncols() {
            let (f, g) = (left[(i, j)], right[(i, j)]);
            moved_left[(i, j)] = own * f + other * g;
            moved_right[(i, j)] = own * g + other * f;
        }
    }
    let (rows, cols) = (state.shape().rows(), state.shape().cols());
    multiply_into(out.matrix_mut(), 0, rows, 1.0, Form::Plain, View::of(&svd.left), View::of(moved_left));
    multiply_into(out.matrix_mut(), rows, cols, 1.0, Form::Plain, View::of(&svd.right), View::of(moved_right));
    for (out, z) in out.as_mut_slice().iter_mut().zip(state.as_slice()) {
        *out += z;
    }
    true
}
