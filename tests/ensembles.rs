//! Structured ensembles against their dense rows, identities and statistics, and their bits against themselves.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use pgflow::linalg::{Form, Matrix, View, frobenius, frobenius_squared, inner, multiply, singular_values};
use pgflow::sensing::{Answer, BATCH, Entries, Hadamard, Pauli, Point, Question, Rademacher, RankOne, SensingError, SensingOperator, Want};

/// Numbers in (−1, 1) without a pattern, other than those that the ensembles use.
fn number(a: usize, b: usize) -> f64 {
    let mut z = (a as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (b as u64).wrapping_add(0x51_7cc1_b727_220a);
    for _ in 0..3 {
        z = (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (z >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

fn matrix(rows: usize, cols: usize, which: usize) -> Matrix {
    Matrix::from_fn(rows, cols, |i, j| number(which, i * cols + j))
}

fn vector(length: usize, which: usize) -> Vec<f64> {
    (0..length).map(|i| number(1_000 + which, i)).collect()
}

type Operator = Box<dyn SensingOperator>;

/// An ensemble: its name, and how it is drawn for `(m, n, p, seed)`, with the processor's vector instructions or without.
type Draw = fn(usize, usize, usize, u64, bool) -> Operator;
const ENSEMBLES: &[(&str, Draw)] = &[
    ("entries", |m, n, p, seed, portable| {
        let operator = Entries::draw(m, n, p, seed).unwrap();
        Box::new(if portable { operator.portable() } else { operator })
    }),
    ("rademacher", |m, n, p, seed, portable| {
        let operator = Rademacher::draw(m, n, p, seed).unwrap();
        Box::new(if portable { operator.portable() } else { operator })
    }),
    ("rank_one", |m, n, p, seed, _| Box::new(RankOne::draw(m, n, p, seed).unwrap())),
    ("pauli", |m, n, p, seed, portable| {
        let operator = Pauli::draw(m, n, p, seed).unwrap();
        Box::new(if portable { operator.portable() } else { operator })
    }),
    ("hadamard", |m, n, p, seed, portable| {
        let operator = Hadamard::draw(m, n, p, seed).unwrap();
        Box::new(if portable { operator.portable() } else { operator })
    }),
];

type Shape = (usize, usize, usize);
const SHAPES: [Shape; 7] = [(1, 1, 1), (3, 5, 1), (4, 3, 7), (5, 5, 25), (16, 32, 61), (37, 23, 617), (3, 130, 200)];
const SQUARES: [Shape; 6] = [(1, 1, 1), (2, 2, 3), (4, 4, 16), (8, 8, 20), (16, 16, 100), (32, 32, 700)];

/// `(m, n, p)` that the ensemble has, `p` at most `mn`.
fn shapes(name: &str) -> &'static [Shape] {
    if name == "pauli" { &SQUARES } else { &SHAPES }
}

fn every(mut check: impl FnMut(&str, &dyn SensingOperator, (usize, usize, usize))) {
    for (name, draw) in ENSEMBLES {
        for &shape @ (m, n, p) in shapes(name) {
            let operator = draw(m, n, p, 7, false);
            assert_eq!((operator.shape(), operator.measurements()), ((m, n), p), "{name}");
            check(&format!("{name} {shape:?}"), operator.as_ref(), shape);
        }
    }
}

fn data(x: &Matrix) -> Question<'_> {
    Question { data: true, ..Question::normal(Point::Dense(x)) }
}

fn ask(operator: &dyn SensingOperator, y: &[f64], questions: &[Question<'_>]) -> Vec<Answer> {
    let (m, n) = operator.shape();
    // Leftovers in the buffers must not matter.
    let leftover = Answer { matrix: matrix(m, n, 99), product: matrix(m, n, 98), residual_norm_squared: 3.0, ..Answer::new(m, n) };
    let mut answers = vec![Answer { given: Want::Products, products: matrix(2, 3, 97), ..leftover }; questions.len()];
    let mut work = operator.workspace();
    operator.answer(y, questions, &mut answers, &mut work);
    let first = answers.clone();
    operator.answer(y, questions, &mut answers, &mut work);
    assert!(first.iter().map(bits).eq(answers.iter().map(bits)), "a workspace that was used");
    answers
}

fn in_pool<T: Send>(threads: usize, job: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(job)
}

fn bits(answer: &Answer) -> Vec<u64> {
    let numbers: Vec<&f64> = match answer.given {
        Want::Matrix => answer.matrix.iter().chain(answer.product.iter()).collect(),
        Want::Products => answer.products.iter().collect(),
    };
    numbers.into_iter().chain([&answer.residual_norm_squared]).map(|x| x.to_bits()).collect()
}

fn measure_plainly(operator: &dyn SensingOperator, x: &Matrix) -> Vec<f64> {
    (0..operator.measurements()).map(|i| inner(&operator.row(i), x)).collect()
}

fn adjoint_plainly(operator: &dyn SensingOperator, v: &[f64]) -> Matrix {
    let (m, n) = operator.shape();
    v.iter().enumerate().fold(Matrix::zeros(m, n), |sum, (i, v)| sum + operator.row(i) * *v)
}

/// The size that rounding errors of `A*(v)` are relative to: the same sum without cancellation.
fn adjoint_scale(operator: &dyn SensingOperator, v: &[f64]) -> f64 {
    v.iter().enumerate().map(|(i, v)| frobenius(&operator.row(i)) * v.abs()).sum()
}

#[test]
fn measurements_and_adjoint_are_those_of_the_rows() {
    every(|name, operator, (m, n, p)| {
        let (x, v) = (matrix(m, n, 1), vector(p, 2));
        for (i, (a, b)) in operator.measure(&x).iter().zip(measure_plainly(operator, &x)).enumerate() {
            assert!((a - b).abs() <= 1e-13 * frobenius(&operator.row(i)) * frobenius(&x), "{name} row {i}: {a} {b}");
        }
        let error = frobenius(&(operator.adjoint(&v) - adjoint_plainly(operator, &v))) / adjoint_scale(operator, &v);
        assert!(error < 1e-13, "{name}: {error:e}");
    });
}

#[test]
fn the_adjoint_is_adjoint() {
    every(|name, operator, (m, n, p)| {
        let (x, v) = (matrix(m, n, 3), vector(p, 4));
        let left: f64 = operator.measure(&x).iter().zip(&v).map(|(a, v)| a * v).sum();
        let right = inner(&x, &operator.adjoint(&v));
        assert!((left - right).abs() <= 1e-13 * adjoint_scale(operator, &v) * frobenius(&x), "{name}: {left} {right}");
    });
}

#[test]
fn answers_are_measure_and_adjoint() {
    every(|name, operator, (m, n, p)| {
        let y = vector(p, 1);
        let points: Vec<_> = (0..5).map(|q| matrix(m, n, q)).collect();
        let questions: Vec<_> = points.iter().enumerate().map(|(q, x)| Question { data: q != 1, ..data(x) }).collect();
        for ((x, question), answer) in points.iter().zip(&questions).zip(ask(operator, &y, &questions)) {
            let measured = operator.measure(x);
            let residual: Vec<_> = measured.iter().zip(&y).map(|(a, y)| if question.data { y - a } else { -a }).collect();
            assert_eq!(answer.given, Want::Matrix);
            assert_eq!(answer.product, *x, "{name}");
            let error = frobenius(&(&answer.matrix - operator.adjoint(&residual))) / adjoint_scale(operator, &residual);
            assert!(error < 1e-13, "{name}: {error:e}");
            let squares: f64 = residual.iter().map(|r| r * r).sum();
            assert!((answer.residual_norm_squared / squares - 1.0).abs() < 1e-12, "{name}");
        }
    });
}

/// Noiseless data leave exactly no residual at the target, or descent would end at a floor.
#[test]
fn exact_data_leave_exactly_nothing() {
    every(|name, operator, (m, n, _)| {
        let x = matrix(m, n, 6);
        let answer = &ask(operator, &operator.measure(&x), &[data(&x)])[0];
        assert!(answer.residual_norm_squared == 0.0 && answer.matrix.iter().all(|&x| x == 0.0), "{name}");
    });
}

/// `[N R; Nᵀ L]` by itself is what the matrix gives. Rounding errors are bounded by those of the residuals, which enter `N` with the sizes of
/// all rows, and then the factor.
#[test]
fn products_are_those_of_the_matrix() {
    every(|name, operator, (m, n, p)| {
        for width in [1, 3, 4, 9] {
            let (left, right, y) = (matrix(m, width, 1), matrix(n, width, 2), vector(p, 3));
            for with_data in [true, false] {
                let full = Question { data: with_data, ..Question::residual(View::of(&left), View::of(&right)) };
                let answers = ask(operator, &y, &[full, Question { want: Want::Products, ..full }]);
                let [full, thin] = answers.as_slice() else { unreachable!() };
                assert_eq!(full.given, Want::Matrix);
                if !operator.offers_products() {
                    assert_eq!(bits(full), bits(thin), "{name}");
                    continue;
                }
                assert_eq!((thin.given, thin.products.shape()), (Want::Products, (m + n, width)));
                assert!(thin.matrix.iter().chain(thin.product.iter()).all(|x| x.is_nan()), "no stale matrix");
                let size: f64 =
                    (0..p).map(|i| frobenius(&operator.row(i))).map(|row| row * (1.0 + row * frobenius(&left) * frobenius(&right))).sum();
                let expected = [multiply(Form::Plain, &full.matrix, &right), multiply(Form::LeftTransposed, &full.matrix, &left)];
                for (expected, (first, factor)) in expected.iter().zip([(0, &right), (m, &left)]) {
                    let error = frobenius(&(expected - thin.products.rows(first, expected.nrows())));
                    assert!(error <= 1e-13 * size * frobenius(factor), "{name}, width {width}: {error:e}");
                }
                let error = (full.residual_norm_squared / thin.residual_norm_squared - 1.0).abs();
                assert!(error < 1e-10, "{name}: loss {error:e}");
            }
        }
    });
}

/// The bits of an answer depend on the instance and the point: not on the batch, its company, the threads or vector instructions.
#[test]
fn bits_depend_on_nothing_else() {
    for (name, draw) in ENSEMBLES {
        for &(m, n, p) in shapes(name) {
            let (operator, portable) = (draw(m, n, p, 7, false), draw(m, n, p, 7, true));
            let factors: Vec<_> = (0..BATCH).map(|q| (matrix(m, 5, q), matrix(n, 5, q + 50))).collect();
            let y = vector(p, 9);
            let question = |q: usize| {
                let (left, right) = (View::of(&factors[q].0), View::of(&factors[q].1));
                let want = if q % 3 == 2 { Want::Products } else { Want::Matrix };
                Question { data: q % 5 != 3, want, ..Question::residual(left, right) }
            };
            let alone: Vec<_> = (0..BATCH).map(|q| bits(&ask(operator.as_ref(), &y, &[question(q)])[0])).collect();
            for threads in [1, 3] {
                for batch in [2, 3, 9, BATCH] {
                    let questions: Vec<_> = (0..batch).map(question).collect();
                    let together = in_pool(threads, || ask(operator.as_ref(), &y, &questions));
                    assert!(
                        together.iter().zip(&alone).all(|(a, b)| bits(a) == *b),
                        "{name} {:?}: {threads} threads, batch {batch}",
                        (m, n, p)
                    );
                }
            }
            for q in [0, 2, 3] {
                assert_eq!(bits(&ask(portable.as_ref(), &y, &[question(q)])[0]), alone[q], "{name}: portable, question {q}");
            }
            let x = matrix(m, n, 4);
            assert_eq!(portable.measure(&x), operator.measure(&x), "{name}: portable");
            assert_eq!(portable.adjoint(&y), operator.adjoint(&y), "{name}: portable");
        }
    }
}

/// `E A*A = I`: the mean of `A*A(X)` over draws deviates from `X` by no more than its standard error, which the draws tell themselves.
#[test]
fn ensembles_are_isotropic() {
    let draws = 3000;
    for (name, draw) in ENSEMBLES {
        let (m, n, p) = if *name == "pauli" { (8, 8, 24) } else { (6, 5, 12) };
        let x = matrix(m, n, 1);
        let (mut mean, mut spread) = (Matrix::zeros(m, n), 0.0);
        for seed in 0..draws {
            let operator = draw(m, n, p, seed, false);
            let image = operator.adjoint(&operator.measure(&x));
            spread += frobenius_squared(&(&image - &x)) / draws as f64;
            mean += image / draws as f64;
        }
        let error = frobenius_squared(&(&mean - &x));
        // 30 squared deviations add up to this: twice their mean is beyond five of their standard errors unless one dominates.
        assert!(error < 2.5 * spread / draws as f64, "{name}: {error:e} of {:e}", spread / draws as f64);
        // The test would see a factor that is off by a tenth.
        assert!((2.5 * spread / draws as f64).sqrt() < 0.1 * frobenius(&x), "{name}");
    }
}

/// `p · Var(‖A(X)‖²)` for a matrix of unit norm, by the moments of each ensemble (`s` is `Σ σ⁴`, `q` is `Σ X_ij⁴`).
fn variance(name: &str, x: &Matrix, p: f64) -> f64 {
    let q: f64 = x.iter().map(|x| x.powi(4)).sum();
    let entries = x.len() as f64;
    match name {
        // Sampling without replacement: the finite population's correction.
        "entries" => (entries * q - 1.0) * (entries - p) / (entries - 1.0),
        // The same in the orthonormal basis of Pauli matrices over √d.
        "pauli" => {
            let side = x.nrows();
            let coefficient = |shift: usize, phase: usize| {
                let sign = |j: usize| if (j & phase).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
                (0..side).map(|j| sign(j) * x[(j, j ^ shift)]).sum::<f64>() / (side as f64).sqrt()
            };
            let fourth: f64 = (0..side).flat_map(|s| (0..side).map(move |z| (s, z))).map(|(s, z)| coefficient(s, z).powi(4)).sum();
            (entries * fourth - 1.0) * (entries - p) / (entries - 1.0)
        }
        // Independent measurements of fourth moment 3 − 2q.
        "rademacher" => 2.0 - 2.0 * q,
        // The fourth moment of ⟨x zᵀ, X⟩ is 3 + 6 Σσ⁴.
        "rank_one" => 2.0 + 6.0 * singular_values(x).unwrap().iter().map(|s| s.powi(4)).sum::<f64>(),
        // Numbers (HDx)_j of mean square 1 exactly and fourth moment 3 − 2q, sampled without replacement from N.
        "hadamard" => {
            let size = x.len().next_power_of_two() as f64;
            (2.0 - 2.0 * q) * (size - p) / (size - 1.0)
        }
        other => unreachable!("{other}"),
    }
}

/// The proxy of restricted isometry: for random matrices of low rank `‖A(X)‖²/‖X‖²` is 1 on average, with the variance that the ensemble's
/// moments give, which falls as 1/p.
#[test]
fn random_low_rank_matrices_keep_their_norm() {
    let (rank, draws) = (2, 400);
    for (name, draw) in ENSEMBLES {
        let (m, n) = if *name == "pauli" { (16, 16) } else { (24, 20) };
        let x = multiply(Form::RightTransposed, &matrix(m, rank, 1), &matrix(n, rank, 2));
        let x = &x / frobenius(&x);
        for p in [50, 200] {
            let deviations: Vec<f64> =
                (0..draws).map(|seed| draw(m, n, p, seed, false).measure(&x).iter().map(|a| a * a).sum::<f64>() - 1.0).collect();
            let expected = variance(name, &x, p as f64) / p as f64;
            let mean = deviations.iter().sum::<f64>() / draws as f64;
            assert!(mean.abs() < 4.5 * (expected / draws as f64).sqrt(), "{name}, p = {p}: mean {mean}");
            let ratio = deviations.iter().map(|d| d * d).sum::<f64>() / draws as f64 / expected;
            // The standard error of a variance is √(2/400) = 7 % for normal deviations, and more for heavier tails.
            assert!((0.65..1.5).contains(&ratio), "{name}, p = {p}: {ratio}");
        }
    }
}

#[test]
fn entries_are_distinct_and_in_order() {
    let operator = Entries::draw(7, 6, 30, 3).unwrap();
    let places: Vec<_> = operator.places().collect();
    assert!(places.windows(2).all(|pair| (pair[0].1, pair[0].0) < (pair[1].1, pair[1].0)), "{places:?}");
    let other: Vec<_> = Entries::draw(7, 6, 30, 4).unwrap().places().collect();
    assert_ne!(places, other);
    assert_eq!(Entries::from_places(7, 6, &places).unwrap(), operator);
    // All of them: A is √1 times full observation.
    let all = Entries::draw(7, 6, 42, 3).unwrap();
    let x = matrix(7, 6, 1);
    assert_eq!(all.measure(&x), x.as_slice());
}

#[test]
fn impossible_entries_are_refused() {
    assert!(matches!(Entries::draw(7, 6, 43, 3), Err(SensingError::TooMany { most: 42, .. })));
    assert!(matches!(Entries::draw(7, 6, 0, 3), Err(SensingError::Empty { .. })));
    assert!(matches!(Entries::draw(1 << 20, 1 << 20, 5, 3), Err(SensingError::TooManyEntries { .. })));
    let error = Entries::from_places(7, 6, &[(1, 2), (3, 4), (1, 2)]).unwrap_err().to_string();
    assert!(error.contains("measurement 2") && error.contains("(1, 2)") && error.contains("already"), "{error}");
    let error = Entries::from_places(7, 6, &[(1, 2), (7, 4)]).unwrap_err().to_string();
    assert!(error.contains("measurement 1") && error.contains("outside"), "{error}");
}

/// The signs are the bits of the streams, each as likely as the other and independent: the number of −1, and of equal neighbours, is that of
/// fair coins within five standard deviations.
#[test]
fn signs_are_fair_coins() {
    let (m, n, p) = (30, 21, 200);
    let operator = Rademacher::draw(m, n, p, 5).unwrap();
    let rows: Vec<Matrix> = (0..p).map(|i| operator.row(i) * (p as f64).sqrt()).collect();
    assert!(rows.iter().all(|row| row.iter().all(|x| (x.abs() - 1.0).abs() < 1e-15)));
    let total = (m * n * p) as f64;
    let sum: f64 = rows.iter().map(Matrix::sum).sum();
    assert!(sum.abs() < 5.0 * total.sqrt(), "{sum}");
    for lag in [1, 4, 64, 256] {
        let correlation: f64 = rows.iter().map(|row| row.as_slice().windows(lag + 1).map(|pair| pair[0] * pair[lag]).sum::<f64>()).sum();
        assert!(correlation.abs() < 5.0 * total.sqrt(), "lag {lag}: {correlation}");
    }
    let between: f64 = rows.windows(2).map(|pair| inner(&pair[0], &pair[1])).sum();
    assert!(between.abs() < 5.0 * total.sqrt(), "{between}");
    // The very signs: bit k of the stream of row i.
    use rand::{Rng, SeedableRng};
    let mut key = [0_u8; 32];
    key[..8].copy_from_slice(&5_u64.to_le_bytes());
    key[8..16].copy_from_slice(b"sensing ");
    let mut rng = rand::rngs::ChaCha8Rng::from_seed(key);
    rng.set_stream(17);
    let words: Vec<u64> = (0..10).map(|_| rng.next_u64()).collect();
    for (k, x) in rows[17].iter().enumerate() {
        assert_eq!(*x < 0.0, words[k / 64] >> (k % 64) & 1 == 1, "entry {k}");
    }
}

/// The ensemble of 10000 measurements at 200 × 200, by rows and by columns, with the workspace of the largest batch: a thirtieth of an f64 ensemble's bytes.
#[test]
fn signs_take_two_bits() {
    let (side, p) = (200, 10_000);
    let bytes = Rademacher::required_bytes(side, side, p);
    assert_eq!(bytes, 4 * (10_000 * 1250 + 40_000 * 313));
    assert!(bytes + Rademacher::workspace_bytes(side, side, p, BATCH) < 104_000_000);
}

/// `A_i = x_i x_iᵀ` is biased: the mean of `A*A(X)` is `X + Xᵀ + tr(X) I`, and not `X`.
#[test]
fn symmetric_rank_one_measurements_have_their_bias() {
    let (d, p, draws) = (5, 12, 4000);
    let x = matrix(d, d, 1) + Matrix::identity(d, d);
    let (mut mean, mut spread) = (Matrix::zeros(d, d), 0.0);
    let expected = &x + x.transpose() + Matrix::identity(d, d) * x.trace();
    for seed in 0..draws {
        let operator = RankOne::draw_symmetric(d, p, seed).unwrap();
        let image = operator.adjoint(&operator.measure(&x));
        spread += frobenius_squared(&(&image - &expected)) / draws as f64;
        mean += image / draws as f64;
    }
    let error = frobenius_squared(&(&mean - &expected));
    assert!(error < 4.0 * spread / draws as f64, "{error:e} of {:e}", spread / draws as f64);
    assert!((spread / draws as f64).sqrt() < 0.1 * frobenius(&x), "the test resolves the bias");
    assert!(frobenius(&(&mean - &x)) > 1.0 * frobenius(&x));
}

#[test]
fn symmetric_rank_one_measurements_are_what_they_say() {
    let (d, p) = (9, 300);
    let operator = RankOne::draw_symmetric(d, p, 3).unwrap();
    let left = Matrix::from_fn(p, d, |i, k| operator.left(i)[k]);
    assert_eq!(RankOne::from_vectors(&left, None).unwrap(), operator);
    assert_eq!(operator.row(7), operator.row(7).transpose());
    let x = matrix(d, d, 1);
    let measured = operator.measure(&x);
    for (i, a) in measured.iter().enumerate() {
        let (u, scale) = (nalgebra::DVector::from_column_slice(operator.left(i)), 1.0 / (p as f64).sqrt());
        assert!((a - scale * (u.transpose() * &x * &u)[(0, 0)]).abs() < 1e-12);
    }
    // The same by general vectors that happen to be equal.
    let general = RankOne::from_vectors(&left, Some(&left)).unwrap();
    assert_eq!((general.measure(&x), general.is_symmetric()), (measured, false));
    assert_eq!(2 * operator.storage_bytes(), general.storage_bytes());
}

#[test]
fn a_transform_has_so_many_rows() {
    assert!(Hadamard::draw(5, 5, 32, 1).is_ok());
    assert!(matches!(Hadamard::draw(5, 5, 33, 1), Err(SensingError::TooMany { most: 32, .. })));
    assert!(matches!(Hadamard::draw(1 << 16, 1 << 16, 5, 1), Err(SensingError::TooManyEntries { .. })));
    // All rows: an orthogonal transform, an isometry for every matrix.
    let x = matrix(5, 5, 1);
    let squares: f64 = Hadamard::draw(5, 5, 32, 1).unwrap().measure(&x).iter().map(|a| a * a).sum();
    assert!((squares / frobenius_squared(&x) - 1.0).abs() < 1e-14);
    let error = Hadamard::from_parts(5, 5, &[3, 32], &[false; 25]).unwrap_err().to_string();
    assert!(error.contains("row 32") && error.contains("0 to 31"), "{error}");
}

/// Kronecker products of I, σ_x, σ_z and σ_xσ_z, over √(d·p)/d: as they are built in physics, for every string of three letters.
#[test]
fn strings_are_kronecker_products() {
    let (d, q) = (8, 3);
    let x = Matrix::from_row_slice(2, 2, &[0.0, 1.0, 1.0, 0.0]);
    let z = Matrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, -1.0]);
    let strings: Vec<(usize, usize)> = (0..d).flat_map(|shift| (0..d).map(move |phase| (shift, phase))).collect();
    let operator = Pauli::from_strings(d, &strings).unwrap();
    assert_eq!(operator, Pauli::draw(d, d, d * d, 3).unwrap(), "all of them, in order");
    for (i, &(shift, phase)) in strings.iter().enumerate() {
        let mut product = Matrix::identity(1, 1);
        for bit in (0..q).rev() {
            // (σ_z^b σ_x^a)[j, j ⊕ a] = (−1)^{jb}
            let mut letter = Matrix::identity(2, 2);
            if phase >> bit & 1 == 1 {
                letter *= &z;
            }
            if shift >> bit & 1 == 1 {
                letter *= &x;
            }
            product = product.kronecker(&letter);
        }
        let scale = (d as f64 / (d * d) as f64).sqrt();
        assert!((operator.row(i) / scale - product).amax() < 1e-15, "shift {shift}, phase {phase}");
    }
}

#[test]
fn pauli_measurements_need_their_shape() {
    assert!(matches!(Pauli::draw(12, 12, 5, 1), Err(SensingError::NoPauliShape { .. })));
    assert!(matches!(Pauli::draw(8, 4, 5, 1), Err(SensingError::NoPauliShape { .. })));
    assert!(matches!(Pauli::draw(8, 8, 65, 1), Err(SensingError::TooMany { most: 64, .. })));
    assert!(matches!(Pauli::draw(1 << 16, 1 << 16, 65, 1), Err(SensingError::TooManyEntries { .. })));
    assert!(matches!(Pauli::from_strings(8, &[(1, 8)]), Err(SensingError::BadIndex { index: 8, size: 8, .. })));
}
