//! Matrices as panels of a few rows, for loops that go through whole rows.

use super::vectorised::{Job, Lanes, WIDTH, ZERO, multiply_add, run};
use super::{Matrix, View};

/// A matrix in panels of [`WIDTH`] rows, each column by column, aligned to lines of the cache, the last one padded with zeros.
#[derive(Debug)]
pub(super) struct Panels {
    buffer: Vec<f64>,
    first: usize,
    rows: usize,
    cols: usize,
}

impl Panels {
    /// The zero matrix.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        let buffer = vec![0.0; WIDTH * rows.div_ceil(WIDTH) * cols + WIDTH - 1];
        let first = buffer.as_ptr().align_offset(size_of::<Lanes>()).min(WIDTH - 1);
        Panels { buffer, first, rows, cols }
    }

    /// `factor · A`, the factor in two parts, the product of which may be out of range.
    pub fn of(a: View<'_>, factor: (f64, f64)) -> Self {
        let cols = a.ncols();
        let mut out = Panels::zeros(a.nrows(), cols);
        for j in 0..cols {
            let (whole, rest) = a.column(j).as_chunks::<WIDTH>();
            let mut targets = out.lanes_mut().iter_mut().skip(j).step_by(cols);
            for (from, to) in whole.iter().zip(targets.by_ref()) {
                *to = from.map(|x| x * factor.0 * factor.1);
            }
            if let Some(to) = targets.next() {
                to.iter_mut().zip(rest).for_each(|(to, from)| *to = from * factor.0 * factor.1);
            }
        }
        out
    }

    /// `factor · Aᵀ`
    pub fn of_transposed(a: View<'_>, factor: (f64, f64)) -> Self {
        let mut out = Panels::zeros(a.ncols(), a.nrows());
        for j in 0..a.ncols() {
            let panel = out.panel_mut(j / WIDTH);
            panel.iter_mut().zip(a.column(j)).for_each(|(lanes, x)| lanes[j % WIDTH] = x * factor.0 * factor.1);
        }
        out
    }

    /// `factor · S`, of which only the lower triangle is read.
    pub fn of_symmetric(s: &Matrix, factor: (f64, f64)) -> Self {
        let mut out = Panels::of(View::of(s), factor);
        out.mirror();
        out
    }

    /// Number of columns.
    pub fn ncols(&self) -> usize {
        self.cols
    }

    /// Number of panels.
    pub fn count(&self) -> usize {
        self.rows.div_ceil(WIDTH)
    }

    /// All panels.
    pub fn lanes(&self) -> &[Lanes] {
        self.buffer[self.first..][..WIDTH * self.count() * self.cols].as_chunks().0
    }

    /// All panels, to be written.
    pub fn lanes_mut(&mut self) -> &mut [Lanes] {
        let length = WIDTH * self.count() * self.cols;
        self.buffer[self.first..][..length].as_chunks_mut().0
    }

    /// The columns of panel `p`.
    pub fn panel(&self, p: usize) -> &[Lanes] {
        &self.lanes()[p * self.cols..][..self.cols]
    }

    /// The columns of panel `p`, to be written.
    pub fn panel_mut(&mut self, p: usize) -> &mut [Lanes] {
        let cols = self.cols;
        &mut self.lanes_mut()[p * cols..][..cols]
    }

    /// Writes the lower triangle of a square matrix into the upper one.
    fn mirror(&mut self) {
        let (count, cols) = (self.count(), self.cols);
        let lanes = self.lanes_mut();
        for p in 0..count {
            let columns = (p * WIDTH..cols).take(WIDTH);
            for j in columns.clone() {
                // The part on the diagonal.
                for i in p * WIDTH..j {
                    lanes[p * cols + j][i % WIDTH] = lanes[p * cols + i][j % WIDTH];
                }
                for below in p + 1..count {
                    let from = lanes[below * cols + j];
                    for (column, x) in lanes[p * cols..][..cols].iter_mut().skip(below * WIDTH).zip(from) {
                        column[j % WIDTH] = x;
                    }
                }
            }
        }
    }
}

/// `A Aᵀ`, both triangles. Each entry is a sum over the columns in their order, by fused multiply-add.
pub(super) fn gram(a: &Panels) -> Panels {
    let mut out = run(Gram(a));
    out.mirror();
    out
}

struct Gram<'a>(&'a Panels);

impl Job for Gram<'_> {
    type Output = Panels;

    #[inline(always)]
    fn run(self) -> Panels {
        /// Columns of the product that are summed together.
        const TILE: usize = 4;
        let a = self.0;
        let mut out = Panels::zeros(a.rows, a.rows);
        for j in (0..a.rows).step_by(TILE) {
            // A tile lies in one panel; lanes of padding are summed and left.
            let (right, place) = (a.panel(j / WIDTH), j % WIDTH);
            for p in j / WIDTH..a.count() {
                let mut sums = [ZERO; TILE];
                for (left, right) in a.panel(p).iter().zip(right) {
                    let factors: [f64; TILE] =
                        if place == 0 { [right[0], right[1], right[2], right[3]] } else { [right[4], right[5], right[6], right[7]] };
                    for t in 0..TILE {
                        sums[t] = multiply_add(*left, [factors[t]; WIDTH], sums[t]);
                    }
                }
                for (column, sum) in out.panel_mut(p)[j..].iter_mut().zip(sums) {
                    *column = sum;
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{Form, multiply};

    #[test]
    fn gram_matrices_are_products_and_symmetric_to_the_last_bit() {
        for (rows, cols) in [(1, 1), (3, 50), (8, 8), (9, 4), (50, 50), (37, 80), (0, 3)] {
            let a = Matrix::from_fn(rows, cols, |i, j| (1.3 * i as f64 + 7.1 * j as f64).sin());
            let found = gram(&Panels::of(View::of(&a), (1.0, 1.0)));
            let again = gram(&Panels::of_transposed(View::of(&a.transpose()), (1.0, 1.0)));
            assert_eq!(found.lanes(), again.lanes());
            let expected = multiply(Form::RightTransposed, &a, &a);
            for i in 0..rows {
                for j in 0..rows {
                    let at = |i: usize, j: usize| found.panel(i / WIDTH)[j][i % WIDTH];
                    assert!((at(i, j) - expected[(i, j)]).abs() <= 2.0 * cols as f64 * f64::EPSILON * cols as f64);
                    assert_eq!(at(i, j), at(j, i));
                }
            }
            assert_eq!(Gram(&Panels::of(View::of(&a), (1.0, 1.0))).run().lanes()[..rows.min(1)], found.lanes()[..rows.min(1)]);
        }
    }
}
