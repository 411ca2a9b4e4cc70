//! Operators of the symmetric model against plain loops, the asymmetric ensembles, and statistics; their bits against themselves.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use pgflow::config::Storage;
use pgflow::linalg::{Matrix, View, frobenius, inner, singular_values, symmetric_eigen, symmetrise};
use pgflow::sensing::*;

fn number(a: usize, b: usize) -> f64 {
    ((a as f64 * 12.9898 + b as f64 * 78.233 + 0.5).sin() * 43758.5453).fract()
}

fn matrix(rows: usize, cols: usize, which: usize) -> Matrix {
    Matrix::from_fn(rows, cols, |i, j| number(which, i * cols + j))
}

fn symmetric(side: usize, which: usize) -> Matrix {
    let mut x = matrix(side, side, which);
    symmetrise(&mut x);
    x
}

fn operators(side: usize, p: usize) -> Vec<Box<dyn SensingOperator>> {
    vec![
        Box::new(PackedSymmetric::draw(side, p, Storage::F64, 7).unwrap()),
        Box::new(PackedSymmetric::draw(side, p, Storage::F32, 7).unwrap()),
        Box::new(Symmetrised::new(Box::new(Gaussian::draw(side, side, p, Storage::F64, 7).unwrap()))),
        Box::new(Symmetrised::new(Box::new(Identity::new(side, side)))),
    ]
}

fn ask(operator: &dyn SensingOperator, y: &[f64], questions: &[Question<'_>]) -> Vec<Answer> {
    let (m, n) = operator.shape();
    // Leftovers in the buffers must not matter.
    let mut answers = vec![
        Answer { matrix: matrix(m, n, 99), product: matrix(m, n, 98), residual_norm_squared: 3.0, ..Answer::new(m, n) };
        questions.len()
    ];
    operator.answer(y, questions, &mut answers, &mut operator.workspace());
    answers
}

#[test]
fn answers_are_those_of_plain_loops_and_symmetric() {
    for (side, p) in [(1, 1), (2, 5), (5, 40), (12, 97)] {
        for operator in operators(side, p) {
            let p = operator.measurements();
            let rows: Vec<Matrix> = (0..p).map(|i| operator.row(i)).collect();
            assert!(operator.is_symmetric() && rows.iter().all(|row| *row == row.transpose()));
            let y: Vec<f64> = (0..p).map(|i| number(500, i)).collect();
            // Also points that are not symmetric: their symmetric part counts.
            let factors: Vec<_> = (0..7).map(|q| (matrix(side, 3, 2 * q), matrix(side, 3, 2 * q + q % 2))).collect();
            let questions: Vec<_> = factors
                .iter()
                .enumerate()
                .map(|(q, (l, r))| Question { data: q != 3, ..Question::residual(View::of(l), View::of(r)) })
                .collect();
            for ((answer, (l, r)), question) in ask(operator.as_ref(), &y, &questions).iter().zip(&factors).zip(&questions) {
                let mut x = l * r.transpose();
                symmetrise(&mut x);
                assert!((&answer.product - &x).amax() < 1e-15 * 3.0 && answer.product == answer.product.transpose());
                let residual: Vec<f64> = rows.iter().zip(&y).map(|(a, y)| if question.data { *y } else { 0.0 } - inner(a, &x)).collect();
                let expected = rows.iter().zip(&residual).fold(Matrix::zeros(side, side), |sum, (a, r)| sum + a * *r);
                let scale: f64 = rows.iter().zip(&residual).map(|(a, r)| frobenius(a) * r.abs()).sum();
                assert!((&answer.matrix - &expected).norm() < 1e-13 * scale);
                assert_eq!(answer.matrix, answer.matrix.transpose());
                let squares: f64 = residual.iter().map(|r| r * r).sum();
                assert!((answer.residual_norm_squared - squares).abs() < 1e-12 * squares.max(1e-3));
                let measured = operator.measure(&x);
                assert!(
                    measured.iter().zip(&rows).all(|(found, a)| (found - inner(a, &x)).abs() < 1e-14 * frobenius(a) * frobenius(&x) * 4.0)
                );
                assert!(
                    (inner(&operator.adjoint(&residual), &x) - measured.iter().zip(&residual).map(|(a, b)| a * b).sum::<f64>()).abs()
                        < 1e-13 * scale * frobenius(&x).max(1.0)
                );
            }
        }
    }
}

/// At `U Uᵀ` an operator with products gives `N U` twice, without `N`; at other points, and to those who want it, the matrix.
#[test]
fn products_at_gram_points_are_those_of_the_matrix() {
    let (side, p) = (7, 30);
    let operators: [Symmetrised; 3] = [
        Symmetrised::new(Box::new(RankOne::draw(side, side, p, 7).unwrap())),
        Symmetrised::new(Box::new(RankOne::draw_symmetric(side, p, 7).unwrap())),
        Symmetrised::new(Box::new(Entries::draw(side, side, p, 7).unwrap())),
    ];
    for operator in &operators {
        assert!(operator.offers_products());
        let y: Vec<f64> = (0..p).map(|i| number(500, i)).collect();
        // Equal numbers in another place are the same point.
        let (u, copy, other) = (matrix(side, 3, 1), matrix(side, 3, 1), matrix(side, 3, 2));
        let thin = |l, r| Question { want: Want::Products, ..Question::residual(View::of(l), View::of(r)) };
        let full = Question::residual(View::of(&u), View::of(&u));
        let answers = ask(operator, &y, &[full, thin(&u, &u), thin(&u, &copy), thin(&u, &other), Question { data: false, ..thin(&u, &u) }]);
        let [full, gram, copied, mixed, normal] = answers.as_slice() else { unreachable!() };
        assert_eq!((full.given, gram.given, copied.given, mixed.given), (Want::Matrix, Want::Products, Want::Products, Want::Matrix));
        assert!(gram.products == copied.products && gram.residual_norm_squared == copied.residual_norm_squared);
        assert_eq!(mixed.matrix, mixed.matrix.transpose());
        let size: f64 = (0..p).map(|i| frobenius(&operator.row(i))).map(|row| row * (1.0 + row * u.norm_squared())).sum();
        let expected = &full.matrix * &u;
        assert_eq!(gram.products.shape(), (2 * side, 3));
        for first in [0, side] {
            assert!((gram.products.rows(first, side) - &expected).norm() < 1e-13 * size * u.norm());
        }
        assert!((gram.residual_norm_squared / full.residual_norm_squared - 1.0).abs() < 1e-12);
        let image = operator.adjoint(&operator.measure(&(&u * u.transpose()))) * &u;
        assert!((normal.products.rows(0, side) + image).norm() < 1e-13 * size * u.norm());
        // Alone, and on other threads.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(pool.install(|| ask(operator, &y, &[thin(&u, &u)]))[0].products, gram.products);
    }
}

#[test]
fn symmetric_matrices_are_measured_as_by_the_asymmetric_ensemble_of_the_same_seed() {
    let (side, p) = (9, 60);
    let packed = PackedSymmetric::draw(side, p, Storage::F64, 3).unwrap();
    let gaussian = Gaussian::draw(side, side, p, Storage::F64, 3).unwrap();
    let x = symmetric(side, 5);
    let scale = frobenius(&x);
    assert!(packed.measure(&x).iter().zip(gaussian.measure(&x)).all(|(a, b)| (a - b).abs() < 1e-14 * scale));
    for i in [0, 31, 59] {
        let row = gaussian.row(i);
        assert_eq!(packed.row(i), (&row + row.transpose()) * 0.5);
    }
    // Symmetric parts of given matrices.
    let entries: Vec<f64> = (0..p).flat_map(|i| gaussian.row(i).as_slice().to_vec()).collect();
    let given = PackedSymmetric::from_rows(side, p, &entries).unwrap();
    assert!((0..p).all(|i| given.row(i) == packed.row(i)));
}

#[test]
fn it_takes_half_the_memory() {
    let (packed, full) = (PackedSymmetric::required_bytes(100, 5000, Storage::F64), Dense::required_bytes(100, 100, 5000, Storage::F64));
    // 5050 entries, padded to a multiple of 16.
    assert_eq!(packed, 5056 * 8 * 5000);
    assert!((packed as f64) < 0.51 * full as f64);
    assert_eq!(PackedSymmetric::draw(10, 20, Storage::F32, 1).unwrap().storage_bytes(), 64 * 4 * 20);
}

#[test]
fn bits_depend_on_neither_batch_nor_threads() {
    let (side, p) = (11, 130);
    for operator in operators(side, p) {
        let y: Vec<f64> = (0..operator.measurements()).map(|i| number(500, i)).collect();
        let points: Vec<Matrix> = (0..BATCH + 3).map(|q| symmetric(side, q)).collect();
        let questions: Vec<_> = points.iter().map(|x| Question { data: true, ..Question::normal(Point::Dense(x)) }).collect();
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let all = pool(1).install(|| ask(operator.as_ref(), &y, &questions));
        assert_eq!(pool(3).install(|| ask(operator.as_ref(), &y, &questions)), all);
        for (question, answer) in questions.iter().zip(&all).step_by(7) {
            assert_eq!(&ask(operator.as_ref(), &y, &[*question])[0], answer);
        }
    }
}

/// `E A*A(X) = X` for symmetric X. With 4000 draws of 20 measurements, the relative error of the mean is `√((d(d+1)/2 + 1)/80000)`, 1.4 %.
#[test]
fn the_ensemble_is_isotropic_on_symmetric_matrices() {
    let (side, p, draws) = (5, 20, 4000);
    let x = symmetric(side, 3);
    let mut mean = Matrix::zeros(side, side);
    for seed in 0..draws {
        let operator = PackedSymmetric::draw(side, p, Storage::F64, seed).unwrap();
        mean += operator.adjoint(&operator.measure(&x)) / draws as f64;
    }
    let error = (&mean - &x).norm() / x.norm();
    assert!(error < 0.04, "{error}");
}

#[test]
fn lower_bounds_of_isometry_constants_are_attained_by_symmetric_matrices() {
    let operator = PackedSymmetric::draw(8, 60, Storage::F64, 1).unwrap();
    let search = RipSearch { seed: 1, restarts: 4, passes: 60, tolerance: 1e-5 };
    let mut previous = 0.0;
    for bound in rip_lower_bounds(&operator, &[1, 2, 3], &search) {
        let x = &bound.left * bound.right.transpose();
        assert!((&x - x.transpose()).norm() < 1e-12 && (x.norm() - 1.0).abs() < 1e-12);
        let values = singular_values(&x).unwrap();
        assert!(values[bound.order] < 1e-12, "rank {}: {values:?}", bound.order);
        let quotient: f64 = operator.measure(&x).iter().map(|a| a * a).sum();
        assert!((quotient - bound.quotient).abs() < 1e-12 && (bound.value - (quotient - 1.0).abs()).abs() < 1e-15);
        assert!(bound.value > previous && bound.value > 0.1, "{}", bound.value);
        previous = bound.value;
        // No random symmetric matrix of that rank is worse.
        for which in 0..200 {
            let (l, signs) = (matrix(8, bound.order, which), matrix(1, bound.order, 1000 + which));
            let mut other = Matrix::from_fn(8, bound.order, |i, j| l[(i, j)] * signs[(0, j)]) * l.transpose();
            other /= other.norm();
            let quotient: f64 = operator.measure(&other).iter().map(|a| a * a).sum();
            assert!((quotient - 1.0).abs() <= bound.value);
        }
    }
}

#[test]
fn what_cannot_be_had_is_refused_in_terms_of_the_matrices() {
    let error = PackedSymmetric::draw(100_000, 1_000_000, Storage::F64, 1).unwrap_err();
    assert!(matches!(error, SensingError::TooLarge { rows: 100_000, cols: 100_000, .. }), "{error:?}");
    assert!(error.to_string().contains("100000×100000 matrices") && error.to_string().contains("half the memory: 17.8 PiB"), "{error}");
    assert!(matches!(PackedSymmetric::draw(0, 3, Storage::F64, 1), Err(SensingError::Empty { rows: 0, cols: 0, .. })));
    let mut entries = vec![1.0; 3 * 16];
    entries[16 + 7] = f64::NAN;
    // Entry (3, 1) of measurement 1, column-major.
    let error = PackedSymmetric::from_rows(4, 3, &entries).unwrap_err();
    assert!(matches!(error, SensingError::NotFinite { measurement: 1, row: 3, col: 1 }), "{error:?}");
    assert!(matches!(PackedSymmetric::from_rows(4, 3, &entries[1..]), Err(SensingError::EntryCount { expected: 48, found: 47 })));
    // The spectrum of a packed row is real: it is symmetric.
    assert_eq!(symmetric_eigen(&PackedSymmetric::draw(4, 2, Storage::F64, 1).unwrap().row(1)).unwrap().values.len(), 4);
}
