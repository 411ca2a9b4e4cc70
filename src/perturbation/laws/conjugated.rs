//! A symmetric matrix whose eigenvectors turn.

use super::direction;
use crate::linalg::{Form, Matrix, multiply, symmetrise};
use crate::problem::semi_orthogonal;
use rand::Rng;

/// `E(θ) = exp(θK) W exp(−θK)`, `W` symmetric of operator norm one, `K` skew with eigenvalues ±i in random orthonormal planes: eigenvalues fixed, one turn
/// of the eigenvectors for `θ = 2π`.
///
/// With `Π` the projection onto the planes, `P = I − Π` and `exp(θK) = P + cos θ Π + sin θ K` it is
///
/// `PWP + ½(ΠWΠ − KWK) + cos θ (PWΠ + ΠWP) + sin θ (KWP − PWK) + cos 2θ ½(ΠWΠ + KWK) + sin 2θ ½(KWΠ − ΠWK)`:
///
/// five symmetric matrices, so that an evaluation costs no product. An odd side leaves one direction at rest; with an even one
/// `P = 0`, and `E` is back after half a turn.
pub(super) struct Conjugated {
    resting: Matrix,
    /// Of `cos θ`, `sin θ`, `cos 2θ`, `sin 2θ`.
    turning: [Matrix; 4],
}

impl Conjugated {
    pub fn draw(rng: &mut impl Rng, side: usize) -> Self {
        let start = direction::symmetric_gaussian(rng, side);
        let basis = semi_orthogonal(rng, side, side);
        let paired = side / 2 * 2;
        // In the basis: K maps 2i to 2i + 1 and 2i + 1 to −2i.
        let inside = multiply(Form::LeftTransposed, &basis, &multiply(Form::Plain, &start, &basis));
        let keep = |from_planes: bool| Matrix::from_fn(side, side, |i, j| f64::from(u8::from(i == j && (i < paired) == from_planes)));
        let (p, plane) = (keep(false), keep(true));
        let k = Matrix::from_fn(side, side, |i, j| match (i < paired && j < paired && i / 2 == j / 2, i.cmp(&j)) {
            (true, std::cmp::Ordering::Greater) => 1.0,
            (true, std::cmp::Ordering::Less) => -1.0,
            _ => 0.0,
        });
        let between = |a: &Matrix, b: &Matrix| multiply(Form::Plain, a, &multiply(Form::Plain, &inside, b));
        let out = |matrix: Matrix| {
            let mut out = multiply(Form::RightTransposed, &multiply(Form::Plain, &basis, &matrix), &basis);
            symmetrise(&mut out);
            out
        };
        let (still, turned) = (between(&plane, &plane) * 0.5, between(&k, &k) * 0.5);
        Conjugated {
            resting: out(between(&p, &p) + &still - &turned),
            turning: [
                out(between(&p, &plane) + between(&plane, &p)),
                out(between(&k, &p) - between(&p, &k)),
                out(still + turned),
                out((between(&k, &plane) - between(&plane, &k)) * 0.5),
            ],
        }
    }

    /// `E(θ)`. Allocates nothing.
    pub fn write(&self, angle: f64, out: &mut Matrix) {
        let ((sine, cosine), (double_sine, double_cosine)) = (angle.sin_cos(), (2.0 * angle).sin_cos());
        out.copy_from(&self.resting);
        for (matrix, weight) in self.turning.iter().zip([cosine, sine, double_cosine, double_sine]) {
            out.zip_apply(matrix, |out, x| *out += weight * x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::symmetric_eigen;
    use crate::random::{Purpose, stream};

    #[test]
    fn eigenvalues_stay_and_eigenvectors_turn() {
        for side in [1, 2, 5, 8] {
            let law = Conjugated::draw(&mut stream(3, Purpose::Perturbation, 0), side);
            let at = |angle: f64| {
                let mut out = Matrix::zeros(side, side);
                law.write(angle, &mut out);
                out
            };
            let start = symmetric_eigen(&at(0.0)).unwrap().values;
            for angle in [0.3, 1.1, 2.9, 5.0] {
                let e = at(angle);
                assert_eq!(e, e.transpose());
                let values = symmetric_eigen(&e).unwrap().values;
                assert!(values.iter().zip(&start).all(|(a, b)| (a - b).abs() < 1e-14), "side {side}, angle {angle}");
                assert!(side == 1 || (&e - at(0.0)).norm() > 1e-2);
            }
            assert!((at(std::f64::consts::TAU) - at(0.0)).amax() < 1e-14);
        }
    }
}
