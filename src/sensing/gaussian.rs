//! The Gaussian ensemble: `A(X)_i = ⟨A_i, X⟩/√p`, entries of `A_i` independent N(0, 1), so that `E A*A = I`.

use super::{Dense, SensingError};
use crate::config::Storage;
use crate::random::{Purpose, stream};
use rand::RngExt;
use rand_distr::StandardNormal;

/// The Gaussian ensemble; what it draws is a [`Dense`] operator.
#[derive(Clone, Copy, Debug)]
pub struct Gaussian;

impl Gaussian {
    /// Draws `measurements` matrices of shape `rows × cols`.
    ///
    /// Matrix `i` comes from the random stream `(seed, Purpose::Sensing, i)`: standard normal numbers in column-major order, each
    /// divided by `√p`, and with [`Storage::F32`] rounded to f32 then: these rounded numbers *are* the ensemble. A matrix does not
    /// depend on the number of measurements but through `√p`, nor on threads.
    ///
    /// ```
    /// use pgflow::{config::Storage, linalg::Matrix, sensing::{Gaussian, SensingOperator}};
    /// let operator = Gaussian::draw(4, 3, 50, Storage::F64, 7)?;
    /// let x = Matrix::from_element(4, 3, 1.0);
    /// assert_eq!(operator.measure(&x).len(), 50);
    /// # Ok::<(), pgflow::sensing::SensingError>(())
    /// ```
    ///
    /// # Errors
    /// If the shape is empty, or the ensemble does not fit into the memory that is left.
    pub fn draw(rows: usize, cols: usize, measurements: usize, storage: Storage, seed: u64) -> Result<Dense, SensingError> {
        let scale = (measurements as f64).sqrt();
        Dense::build(rows, cols, measurements, storage, |i, entries| {
            let mut normals = stream(seed, Purpose::Sensing, i as u64);
            for entry in entries {
                let normal: f64 = normals.sample(StandardNormal);
                *entry = normal / scale;
            }
        })
    }
}
