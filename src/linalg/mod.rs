//! Dense linear algebra that the rest of the crate stands on: owned matrices from nalgebra, products and
//! decompositions from faer.
//!
//! Every call into faer passes `Par::Seq`, so that bits do not depend on threads, whatever faer's global setting is and
//! whichever of its features another crate of the build turns on. Decompositions first divide by a power of two that brings the
//! largest entry into `[1, 2)`: matrices of size 1e-200 and 1e200 are treated like those of size one, with the same digits.

mod bidiagonal;
mod bisection;
mod cholesky;
mod eigen;
mod entrywise;
mod extreme;
mod lanczos;
mod leading;
mod norms;
mod panels;
mod partial_svd;
mod phi;
mod principal_angles;
mod product;
mod product_spectrum;
mod qr;
mod scaled;
mod svd;
mod symmetrise;
mod tridiagonal;
mod vectorised;
mod view;

pub use cholesky::{cholesky, solve_lower_triangular};
pub use eigen::{SymmetricEigen, symmetric_eigen};
pub use entrywise::{add_scaled, all_finite, sum_of_squares};
pub use lanczos::{Estimate, Extremes, Lanczos};
pub use norms::{frobenius, frobenius_squared, inner, largest, operator_norm, operator_norm_symmetric};
pub use partial_svd::PartialSvd;
pub use phi::phi_functions;
pub use principal_angles::largest_principal_angle_sine;
pub use product::{Form, multiply, multiply_add_into, multiply_into};
pub use product_spectrum::{ProductSpectrum, singular_values_of_product, thin_svd_of_product};
pub use qr::thin_qr;
pub use svd::{DecompositionError, ThinSvd, singular_values, thin_svd};
pub use symmetrise::symmetrise;
pub use view::View;

/// A real matrix, column-major.
pub type Matrix = nalgebra::DMatrix<f64>;
