//! Dense linear algebra that the rest of the crate stands on: owned matrices from nalgebra, products and
//! decompositions from faer (sequential, so that bits do not depend on threads).

mod norms;
mod product;
mod svd;
mod view;

pub use norms::{frobenius, frobenius_squared, inner, operator_norm, operator_norm_symmetric};
pub use product::{Form, multiply, multiply_into};
pub use svd::{DecompositionError, ThinSvd, singular_values, singular_values_of_product, thin_qr, thin_svd};
pub use view::View;

/// A real matrix, column-major.
pub type Matrix = nalgebra::DMatrix<f64>;
