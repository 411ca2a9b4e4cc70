//! Angles between subspaces.

use super::{Form, Matrix, View, multiply_into, operator_norm};

/// The sine of the largest principal angle between two subspaces of equal dimension, given by orthonormal bases `U` and `V`
/// (`m × r`): `‖(I − UUᵀ)V‖_op`, in `[0, 1]`. It is symmetric in `U` and `V`, and 0 for `r = 0`.
///
/// Formed from the sine, not from `√(1 − cos²)`, which would lose every angle below `1e-8`. The absolute error is a modest multiple of
/// `ε` plus what `U` and `V` themselves lack of orthonormality. NaN if an entry is not finite.
///
/// # Panics
/// If the shapes differ.
pub fn largest_principal_angle_sine<'a, 'b>(u: impl Into<View<'a>>, v: impl Into<View<'b>>) -> f64 {
    let (u, v) = (u.into(), v.into());
    assert_eq!((u.nrows(), u.ncols()), (v.nrows(), v.ncols()), "the subspaces have the same dimension");
    let mut cosines = Matrix::zeros(u.ncols(), u.ncols());
    let rank = u.ncols();
    multiply_into(&mut cosines, 0, rank, 1.0, Form::LeftTransposed, u, v);
    let mut outside = Matrix::zeros(u.nrows(), u.ncols());
    multiply_into(&mut outside, 0, u.nrows(), -1.0, Form::Plain, u, View::of(&cosines));
    outside += v.to_matrix();
    let sine = operator_norm(&outside);
    // `f64::min` would turn a NaN into 1.
    if sine > 1.0 { 1.0 } else { sine }
}
