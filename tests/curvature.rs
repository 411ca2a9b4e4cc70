//! Hessian products, and Lanczos iterations driven by them, against dense Hessians and closed forms.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used)]

mod dense_hessian;

use dense_hessian::{Point, gaussian};
use pgflow::config::Storage;
use pgflow::dynamics::{HessianProduct, State};
use pgflow::linalg::{Lanczos, Matrix, singular_values, symmetric_eigen, thin_svd};
use pgflow::sensing::{Answer, Gaussian, Identity, Question, SensingOperator};

struct Setting {
    operator: Box<dyn SensingOperator>,
    data: Vec<f64>,
}

impl Setting {
    fn new(operator: Box<dyn SensingOperator>, target: &Matrix) -> Self {
        Setting { data: operator.measure(target), operator }
    }

    fn ask(&self, question: Question<'_>) -> Answer {
        let (rows, cols) = self.operator.shape();
        let mut answers = [Answer::new(rows, cols)];
        self.operator.answer(&self.data, &[question], &mut answers, &mut self.operator.workspace());
        let [answer] = answers;
        answer
    }

    fn product(&self, state: &State) -> HessianProduct {
        HessianProduct::new(state, &self.ask(Question::residual(state.left(), state.right())).matrix)
    }

    /// `∇²f` and `JᵀJ` by columns.
    fn by_columns(&self, state: &State) -> (Matrix, Matrix) {
        let mut product = self.product(state);
        let n = product.len();
        let (mut hessian, mut gauss_newton) = (Matrix::zeros(n, n), Matrix::zeros(n, n));
        for j in 0..n {
            let mut unit = vec![0.0; n];
            unit[j] = 1.0;
            product.aim(&unit);
            let answer = self.ask(product.question());
            product.hessian(&answer, hessian.column_mut(j).as_mut_slice());
            product.gauss_newton(&answer, gauss_newton.column_mut(j).as_mut_slice());
        }
        (hessian, gauss_newton)
    }

    fn extremes(&self, state: &State) -> (f64, f64) {
        let mut product = self.product(state);
        let mut lanczos = Lanczos::new(gaussian(product.len(), 1, 4).as_slice());
        let mut image = vec![0.0; product.len()];
        while !lanczos.is_finished() {
            product.aim(lanczos.direction());
            let answer = self.ask(product.question());
            product.hessian(&answer, &mut image);
            lanczos.supply(&image);
        }
        lanczos.extremes().unwrap()
    }
}

fn target(rows: usize, cols: usize, values: &[f64]) -> Matrix {
    let (u, v) =
        (pgflow::linalg::thin_qr(&gaussian(rows, values.len(), 21)).0, pgflow::linalg::thin_qr(&gaussian(cols, values.len(), 22)).0);
    u * Matrix::from_diagonal(&values.to_vec().into()) * v.transpose()
}

/// `F Gᵀ = Y`, balanced, of the given width.
fn minimiser(y: &Matrix, rank: usize, width: usize) -> State {
    let svd = thin_svd(y).unwrap();
    let frame = pgflow::linalg::thin_qr(&gaussian(width, rank, 23)).0;
    let factor = |basis: &Matrix| Matrix::from_fn(basis.nrows(), rank, |i, j| basis[(i, j)] * svd.values[j].sqrt()) * frame.transpose();
    State::from_factors(&factor(&svd.left), &factor(&svd.right))
}

#[test]
fn products_agree_with_a_dense_hessian_from_the_measurements() {
    let y = target(6, 5, &[1.0, 0.4]);
    let setting = Setting::new(Box::new(Gaussian::draw(6, 5, 40, Storage::F64, 2).unwrap()), &y);
    let state = State::from_factors(&gaussian(6, 3, 31), &gaussian(5, 3, 32));
    let (hessian, gauss_newton) = setting.by_columns(&state);
    let dense = Point::new(setting.operator.as_ref(), &setting.data, &state);
    let scale = hessian.amax();
    assert!((&hessian - &dense.hessian).amax() < 1e-12 * scale, "{}", (&hessian - &dense.hessian).amax());
    assert!((&gauss_newton - &dense.gauss_newton).amax() < 1e-12 * scale);
    assert!((&hessian - hessian.transpose()).amax() < 1e-12 * scale);
    let eigen = symmetric_eigen(&dense.hessian).unwrap();
    let (least, greatest) = setting.extremes(&state);
    assert!((least - eigen.values[0]).abs() < 1e-3 * eigen.values[32] && (greatest / eigen.values[32] - 1.0).abs() < 1e-3);
}

#[test]
fn products_are_derivatives_of_the_gradient() {
    let y = target(6, 5, &[1.0, 0.4]);
    let setting = Setting::new(Box::new(Gaussian::draw(6, 5, 40, Storage::F64, 2).unwrap()), &y);
    let (state, direction) = (gaussian(11, 3, 33), gaussian(11, 3, 34));
    let at = |z: &Matrix| State::from_factors(&z.rows(0, 6).into_owned(), &z.rows(6, 5).into_owned());
    let gradient = |z: &Matrix| Point::new(setting.operator.as_ref(), &setting.data, &at(z)).gradient;
    let step = 1e-4;
    let difference = (gradient(&(&state + &direction * step)) - gradient(&(&state - &direction * step))) / (2.0 * step);
    let mut product = setting.product(&at(&state));
    product.aim(direction.as_slice());
    let mut image = vec![0.0; 33];
    product.hessian(&setting.ask(product.question()), &mut image);
    // The gradient is a cubic polynomial: the central difference errs by step²/6 of its third derivative.
    let worst = image.iter().zip(difference.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-6, "{worst}");
}

#[test]
fn at_a_minimiser_of_full_observation_eigenvalues_are_sums_of_squared_singular_values() {
    let y = target(7, 5, &[2.0, 1.0, 0.3]);
    let setting = Setting::new(Box::new(Identity::new(7, 5)), &y);
    let balanced = minimiser(&y, 3, 4);
    // Scaled columns leave the product and lose the balance.
    let (f, g) = (balanced.left().to_matrix() * 1.7, balanced.right().to_matrix() / 1.7);
    for state in [balanced.clone(), State::from_factors(&f, &g)] {
        let eigen = symmetric_eigen(&setting.by_columns(&state).0).unwrap();
        // σ_i(F) = 0 for i beyond h, up to m; likewise for G.
        let squares = |factor: Matrix, count: usize| {
            let mut s: Vec<f64> = singular_values(&factor).unwrap().iter().map(|s| s * s).collect();
            s.resize(count, 0.0);
            s
        };
        let (left, right) = (squares(state.left().to_matrix(), 7), squares(state.right().to_matrix(), 5));
        let mut expected: Vec<f64> = left.iter().flat_map(|a| right.iter().map(move |b| a + b)).filter(|x| *x > 1e-10).collect();
        expected.sort_by(f64::total_cmp);
        let nonzero: Vec<f64> = eigen.values.iter().copied().filter(|x| x.abs() > 1e-10).collect();
        assert_eq!(nonzero.len(), expected.len());
        for (found, expected) in nonzero.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-12 * expected.max(1.0), "{found} {expected}");
        }
    }
    let (_, sharpness) = setting.extremes(&balanced);
    assert!((sharpness / 4.0 - 1.0).abs() < 1e-3, "2σ₁ = 4: {sharpness}");
}

#[test]
fn at_the_origin_eigenvalues_are_the_singular_values_of_the_back_projected_target() {
    let y = target(6, 5, &[1.0, 0.4]);
    let setting = Setting::new(Box::new(Gaussian::draw(6, 5, 40, Storage::F64, 2).unwrap()), &y);
    let origin = State::from_factors(&Matrix::zeros(6, 2), &Matrix::zeros(5, 2));
    let back = singular_values(&setting.operator.adjoint(&setting.data)).unwrap();
    let mut expected: Vec<f64> = back.iter().flat_map(|s| [*s, *s, -s, -s]).collect();
    expected.extend([0.0; 2]);
    expected.sort_by(f64::total_cmp);
    let eigen = symmetric_eigen(&setting.by_columns(&origin).0).unwrap();
    for (found, expected) in eigen.values.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    let (least, greatest) = setting.extremes(&origin);
    assert!((least + back[0]).abs() < 1e-3 * back[0] && (greatest - back[0]).abs() < 1e-3 * back[0]);
}
