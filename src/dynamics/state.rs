//! What a trajectory moves: the stacked factors `Z = [F; G]`.

use crate::linalg::{Form, Matrix, View, frobenius, multiply};
use serde::{Deserialize, Serialize};

const LANES: usize = 8;

/// How the stacked matrix is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// `Z = [F; G]`, `F ∈ R^{rows×width}`, `G ∈ R^{cols×width}`.
    Factors {
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
        /// `h`
        width: usize,
    },
}

/// A point of the trajectory's space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    shape: Shape,
    matrix: Matrix,
}

impl State {
    /// The state of factors `F` (`m × h`) and `G` (`n × h`).
    ///
    /// # Panics
    /// If the widths differ.
    pub fn from_factors(f: &Matrix, g: &Matrix) -> Self {
        assert_eq!(f.ncols(), g.ncols(), "both factors have the same width");
        let mut state = State::zeros(Shape::Factors { rows: f.nrows(), cols: g.nrows(), width: f.ncols() });
        state.matrix.rows_mut(0, f.nrows()).copy_from(f);
        state.matrix.rows_mut(f.nrows(), g.nrows()).copy_from(g);
        state
    }

    /// The zero state of a shape.
    pub fn zeros(shape: Shape) -> Self {
        let Shape::Factors { rows, cols, width } = shape;
        State { shape, matrix: Matrix::zeros(rows + cols, width) }
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The stacked matrix `Z`, `(m + n) × h`.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// The stacked matrix, to be written.
    pub fn matrix_mut(&mut self) -> &mut Matrix {
        &mut self.matrix
    }

    /// All entries, column-major in `Z`.
    pub fn as_slice(&self) -> &[f64] {
        self.matrix.as_slice()
    }

    /// All entries, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [f64] {
        self.matrix.as_mut_slice()
    }

    /// `F`, `m × h`.
    pub fn left(&self) -> View<'_> {
        let Shape::Factors { rows, .. } = self.shape;
        View::of_rows(&self.matrix, 0, rows)
    }

    /// `G`, `n × h`.
    pub fn right(&self) -> View<'_> {
        let Shape::Factors { rows, cols, .. } = self.shape;
        View::of_rows(&self.matrix, rows, cols)
    }

    /// `‖Z‖_F`.
    pub fn norm(&self) -> f64 {
        frobenius(&self.matrix)
    }

    /// `‖Z‖_F²`, in an order of summation that depends on nothing; not finite if an entry is not finite (or the square overflows).
    pub fn sum_of_squares(&self) -> f64 {
        let mut lanes = [0.0; LANES];
        let chunks = self.as_slice().chunks_exact(LANES);
        let rest: f64 = chunks.remainder().iter().map(|x| x * x).sum();
        for chunk in chunks {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += x * x;
            }
        }
        lanes.iter().sum::<f64>() + rest
    }

    /// `FGᵀ`.
    pub fn product(&self) -> Matrix {
        multiply(Form::RightTransposed, self.left(), self.right())
    }

    /// Whether every entry is finite.
    pub fn is_finite(&self) -> bool {
        self.as_slice().iter().all(|x| x.is_finite())
    }
}
