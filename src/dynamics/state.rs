//! What a trajectory moves: the stacked factors `Z = [F; G]`, or the single factor `U` of the symmetric model.

use crate::linalg::{Form, Matrix, View, all_finite, frobenius, multiply, multiply_into, sum_of_squares, symmetrise};
use serde::{Deserialize, Serialize};

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
    /// `Z = U ∈ R^{side×width}`, which stands for `UUᵀ`: both [`left`](State::left) and [`right`](State::right) factor are `U`.
    Symmetric {
        /// `d`
        side: usize,
        /// `h`
        width: usize,
    },
}

impl Shape {
    /// Rows of the product: `m`, or `d`.
    pub fn rows(self) -> usize {
        match self {
            Shape::Factors { rows, .. } => rows,
            Shape::Symmetric { side, .. } => side,
        }
    }

    /// Columns of the product: `n`, or `d`.
    pub fn cols(self) -> usize {
        match self {
            Shape::Factors { cols, .. } => cols,
            Shape::Symmetric { side, .. } => side,
        }
    }

    /// `h`
    pub fn width(self) -> usize {
        match self {
            Shape::Factors { width, .. } | Shape::Symmetric { width, .. } => width,
        }
    }

    /// Rows of `Z`: `m + n`, or `d`.
    pub fn height(self) -> usize {
        match self {
            Shape::Factors { rows, cols, .. } => rows + cols,
            Shape::Symmetric { side, .. } => side,
        }
    }

    /// Whether it is the symmetric model's.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Shape::Symmetric { .. })
    }

    /// `c` of the loss `f = c ‖A(X) − y‖²`: ½, and ¼ in the symmetric model, so that `Ż = −∇f` is `sym(N) Z` and `N U`.
    pub fn loss_factor(self) -> f64 {
        if self.is_symmetric() { 0.25 } else { 0.5 }
    }
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

    /// The state of the symmetric model's factor `U` (`d × h`).
    pub fn from_symmetric_factor(u: Matrix) -> Self {
        State { shape: Shape::Symmetric { side: u.nrows(), width: u.ncols() }, matrix: u }
    }

    /// The zero state of a shape.
    pub fn zeros(shape: Shape) -> Self {
        State { shape, matrix: Matrix::zeros(shape.height(), shape.width()) }
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The stacked matrix `Z`, `(m + n) × h`; `U`, `d × h`, in the symmetric model.
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

    /// `F`, `m × h`; `U` in the symmetric model.
    pub fn left(&self) -> View<'_> {
        View::of_rows(&self.matrix, 0, self.shape.rows())
    }

    /// `G`, `n × h`; `U` in the symmetric model.
    pub fn right(&self) -> View<'_> {
        View::of_rows(&self.matrix, self.shape.height() - self.shape.cols(), self.shape.cols())
    }

    /// `‖Z‖_F`.
    pub fn norm(&self) -> f64 {
        frobenius(&self.matrix)
    }

    /// `‖Z‖_F²`, in an order of summation that depends on nothing; not finite if an entry is not finite (or the square overflows).
    pub fn sum_of_squares(&self) -> f64 {
        sum_of_squares(self.as_slice())
    }

    /// `FGᵀ`; in the symmetric model `UUᵀ`, symmetric to the last bit.
    pub fn product(&self) -> Matrix {
        let mut product = multiply(Form::RightTransposed, self.left(), self.right());
        if self.shape.is_symmetric() {
            symmetrise(&mut product);
        }
        product
    }

    /// Writes `scale · sym(N) Z = scale · [NG; NᵀF]`; `scale · NU` in the symmetric model, where `N` must be symmetric. Allocates nothing.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn drive_into(&self, scale: f64, n: &Matrix, out: &mut State) {
        let (rows, n) = (self.shape.rows(), View::of(n));
        multiply_into(&mut out.matrix, 0, rows, scale, Form::Plain, n, self.right());
        if let Shape::Factors { cols, .. } = self.shape {
            multiply_into(&mut out.matrix, rows, cols, scale, Form::LeftTransposed, n, self.left());
        }
    }

    /// Writes the differential of the product along a direction of the same shape, `δF Gᵀ + F δGᵀ`, or `δU Uᵀ + U δUᵀ`, symmetric to the
    /// last bit; `scratch` is of the product's shape too. Allocates nothing.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn tangent_into(&self, direction: &State, scratch: &mut Matrix, out: &mut Matrix) {
        let (rows, form) = (self.shape.rows(), Form::RightTransposed);
        multiply_into(out, 0, rows, 1.0, form, direction.left(), self.right());
        match self.shape {
            Shape::Factors { .. } => {
                multiply_into(scratch, 0, rows, 1.0, form, self.left(), direction.right());
                *out += &*scratch;
            }
            Shape::Symmetric { .. } => {
                symmetrise(out);
                *out *= 2.0;
            }
        }
    }

    /// Whether every entry is finite.
    pub fn is_finite(&self) -> bool {
        all_finite(self.as_slice())
    }
}
