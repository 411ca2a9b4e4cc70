//! The dense operator against plain loops, identities and statistics, and its bits against themselves.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use pgflow::config::Storage;
use pgflow::linalg::{Form, Matrix, View, frobenius, frobenius_squared, inner, multiply};
use pgflow::sensing::{Answer, BATCH, Dense, Gaussian, Point, Question, SensingError, SensingOperator};

/// `(m, n, p)`: single numbers, fewer rows than chunks, `mn` off every padding, rows 4 KiB apart before they are skewed, rows of more than 32 KiB,
/// several blocks of rows in a chunk.
const SHAPES: [(usize, usize, usize); 9] =
    [(1, 1, 1), (1, 1, 40), (3, 5, 1), (4, 3, 7), (5, 5, 97), (16, 32, 61), (32, 32, 130), (70, 71, 130), (37, 23, 617)];

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

fn gaussian((m, n, p): (usize, usize, usize), storage: Storage) -> Dense {
    Gaussian::draw(m, n, p, storage, 7).unwrap()
}

fn data(x: &Matrix) -> Question<'_> {
    Question { data: true, ..Question::normal(Point::Dense(x)) }
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

fn in_pool<T: Send>(threads: usize, job: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(job)
}

fn bits(answer: &Answer) -> Vec<u64> {
    let numbers = answer.matrix.iter().chain(answer.product.iter()).chain([&answer.residual_norm_squared]);
    numbers.map(|x| x.to_bits()).collect()
}

/// `A(X)` and `A*(v)` by the definition, with the rows that the operator shows.
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
fn answers_are_those_of_plain_loops() {
    for shape @ (m, n, p) in SHAPES {
        for storage in [Storage::F64, Storage::F32] {
            let operator = gaussian(shape, storage);
            let y = vector(p, 1);
            let points: Vec<_> = (0..BATCH).map(|q| matrix(m, n, q)).collect();
            for batch in [1, 2, 3, 8, BATCH] {
                let questions: Vec<_> = points[..batch].iter().enumerate().map(|(q, x)| Question { data: q % 3 != 1, ..data(x) }).collect();
                for ((q, answer), question) in ask(&operator, &y, &questions).iter().enumerate().zip(&questions) {
                    assert_eq!(answer.product, points[q]);
                    let products = measure_plainly(&operator, &points[q]);
                    let residual: Vec<_> = products.iter().zip(&y).map(|(a, y)| if question.data { y - a } else { -a }).collect();
                    let expected = adjoint_plainly(&operator, &residual);
                    let error = frobenius(&(&answer.matrix - expected)) / adjoint_scale(&operator, &residual);
                    assert!(error < 1e-13, "{shape:?} {storage:?} batch {batch}, point {q}: {error:e}");
                    let squares: f64 = residual.iter().map(|r| r * r).sum();
                    let error = (answer.residual_norm_squared / squares - 1.0).abs();
                    assert!(error < 1e-13 * (m * n) as f64, "{shape:?} {storage:?} batch {batch}, point {q}: loss {error:e}");
                }
            }
        }
    }
}

#[test]
fn measurements_and_adjoint_are_those_of_plain_loops() {
    for shape @ (m, n, p) in SHAPES {
        let operator = gaussian(shape, Storage::F64);
        let (x, v) = (matrix(m, n, 1), vector(p, 2));
        for (i, (a, b)) in operator.measure(&x).iter().zip(measure_plainly(&operator, &x)).enumerate() {
            assert!((a - b).abs() <= 1e-13 * frobenius(&operator.row(i)) * frobenius(&x), "{shape:?} row {i}");
        }
        let error = frobenius(&(operator.adjoint(&v) - adjoint_plainly(&operator, &v))) / adjoint_scale(&operator, &v);
        assert!(error < 1e-13, "{shape:?}: {error:e}");
    }
}

#[test]
fn the_adjoint_is_adjoint() {
    for shape @ (m, n, p) in SHAPES {
        for storage in [Storage::F64, Storage::F32] {
            let operator = gaussian(shape, storage);
            let (x, v) = (matrix(m, n, 3), vector(p, 4));
            let left: f64 = operator.measure(&x).iter().zip(&v).map(|(a, v)| a * v).sum();
            let right = inner(&x, &operator.adjoint(&v));
            assert!((left - right).abs() <= 1e-13 * adjoint_scale(&operator, &v) * frobenius(&x), "{shape:?}: {left} {right}");
        }
    }
}

#[test]
fn data_enters_linearly() {
    let shape @ (m, n, p) = (37, 23, 617);
    let operator = gaussian(shape, Storage::F64);
    let (x, y) = (matrix(m, n, 5), vector(p, 5));
    let both = ask(&operator, &y, &[data(&x), Question { data: false, ..data(&x) }]);
    let sum = operator.adjoint(&y) + &both[1].matrix;
    assert!(frobenius(&(&both[0].matrix - sum)) <= 1e-13 * adjoint_scale(&operator, &y));
}

/// The one operation has the same bits wherever it appears, so that exact data leave exactly no residual.
#[test]
fn answer_measure_and_adjoint_agree_in_every_bit() {
    for shape @ (m, n, p) in SHAPES {
        let operator = gaussian(shape, Storage::F64);
        let (x, v) = (matrix(m, n, 6), vector(p, 6));
        let exact = &ask(&operator, &operator.measure(&x), &[data(&x)])[0];
        assert!(exact.residual_norm_squared == 0.0 && exact.matrix.iter().all(|&x| x == 0.0), "{shape:?}");
        let zero = Matrix::zeros(m, n);
        let back = &ask(&operator, &v, &[data(&zero)])[0];
        assert_eq!(back.matrix, operator.adjoint(&v), "{shape:?}");
        let silent = ask(&operator, &vec![0.0; p], &[data(&x)]);
        assert_eq!(bits(&silent[0]), bits(&ask(&operator, &v, &[Question { data: false, ..data(&x) }])[0]), "{shape:?}");
    }
}

#[test]
fn bits_depend_neither_on_threads_nor_on_the_batch() {
    for shape @ (m, n, p) in SHAPES {
        for storage in [Storage::F64, Storage::F32] {
            let operator = gaussian(shape, storage);
            let y = vector(p, 7);
            let factors: Vec<_> = (0..BATCH).map(|q| (matrix(m, 4, 2 * q), matrix(n, 4, 2 * q + 1))).collect();
            let question = |q: usize| Question { data: q % 5 != 3, ..Question::residual(View::of(&factors[q].0), View::of(&factors[q].1)) };
            let alone: Vec<_> = (0..BATCH).map(|q| bits(&in_pool(1, || ask(&operator, &y, &[question(q)]))[0])).collect();
            for threads in [1, 2, 3, 8] {
                for batch in [1, 2, 3, 4, 5, 6, 7, 8, 13, 31, 32, 40] {
                    // In another order each time, with repetitions beyond the limit of a batch.
                    let which: Vec<_> = (0..batch).map(|i| (i * 11 + threads * 5 + batch) % BATCH).collect();
                    let questions: Vec<_> = which.iter().map(|&q| question(q)).collect();
                    let answers = in_pool(threads, || ask(&operator, &y, &questions));
                    for (answer, &q) in answers.iter().zip(&which) {
                        assert_eq!(bits(answer), alone[q], "{shape:?} {storage:?} threads {threads} batch {batch} point {q}");
                    }
                }
            }
        }
    }
}

/// Points that fill the cache go by larger blocks of rows; 130 rows of a chunk are more than one of them.
#[test]
fn large_batches_of_wide_rows_have_the_bits_of_points_by_themselves() {
    let shape @ (m, n, p) = (115, 110, 1040);
    for storage in [Storage::F64, Storage::F32] {
        let operator = gaussian(shape, storage);
        let y = vector(p, 10);
        let factors: Vec<_> = (0..BATCH).map(|q| (matrix(m, 4, 2 * q), matrix(n, 4, 2 * q + 1))).collect();
        let question = |q: usize| Question { data: q % 5 != 3, ..Question::residual(View::of(&factors[q].0), View::of(&factors[q].1)) };
        assert!(BATCH * m * n > 400_000);
        let together = ask(&operator, &y, &(0..BATCH).map(question).collect::<Vec<_>>());
        for q in [0, 1, 3, 7, 8, 30, BATCH - 1] {
            assert_eq!(bits(&together[q]), bits(&ask(&operator, &y, &[question(q)])[0]), "{storage:?}, point {q}");
        }
    }
}

#[test]
fn a_workspace_carries_nothing_from_one_application_to_the_next() {
    let (small, large) = (gaussian((4, 3, 7), Storage::F64), gaussian((16, 32, 61), Storage::F32));
    let mut work = large.workspace();
    for batch in [5, 32, 1, 3] {
        for operator in [&large, &small] {
            let (m, n) = operator.shape();
            let y = vector(operator.measurements(), 8);
            let points: Vec<_> = (0..batch).map(|q| matrix(m, n, q)).collect();
            let questions: Vec<_> = points.iter().map(data).collect();
            let mut answers = vec![Answer::new(m, n); batch];
            operator.answer(&y, &questions, &mut answers, &mut work);
            assert_eq!(answers, ask(operator, &y, &questions));
        }
    }
    let mut foreign: pgflow::sensing::Workspace = Box::new(());
    let x = matrix(4, 3, 1);
    let mut answers = [Answer::new(4, 3)];
    small.answer(&vector(7, 8), &[data(&x)], &mut answers, &mut foreign);
    assert_eq!(answers[..], ask(&small, &vector(7, 8), &[data(&x)]));
}

#[test]
fn a_point_that_overflows_leaves_its_company_alone() {
    let shape @ (m, n, p) = (5, 5, 97);
    let operator = gaussian(shape, Storage::F64);
    let y = vector(p, 9);
    for batch in [2, 3, 8] {
        let mut points: Vec<_> = (0..batch).map(|q| matrix(m, n, q)).collect();
        points[1].fill(f64::INFINITY);
        points[1][3] = f64::NAN;
        let answers = ask(&operator, &y, &points.iter().map(data).collect::<Vec<_>>());
        assert!(answers[1].residual_norm_squared.is_nan());
        for q in (0..batch).filter(|&q| q != 1) {
            assert_eq!(bits(&answers[q]), bits(&ask(&operator, &y, &[data(&points[q])])[0]));
        }
    }
}

#[test]
fn portable_arithmetic_has_the_bits_of_vector_instructions() {
    for shape @ (m, n, p) in SHAPES {
        for storage in [Storage::F64, Storage::F32] {
            let (fast, portable) = (gaussian(shape, storage), gaussian(shape, storage).portable());
            let y = vector(p, 10);
            let points: Vec<_> = (0..9).map(|q| matrix(m, n, q)).collect();
            for batch in [1, 2, 3, 5, 9] {
                let questions: Vec<_> = points[..batch].iter().map(data).collect();
                for (a, b) in ask(&fast, &y, &questions).iter().zip(ask(&portable, &y, &questions)) {
                    assert_eq!(bits(a), bits(&b), "{shape:?} {storage:?} batch {batch}");
                }
            }
            assert_eq!(fast.measure(&points[0]), portable.measure(&points[0]));
            assert_eq!(fast.adjoint(&y), portable.adjoint(&y));
        }
    }
}

/// The documented order of summation, written out: four lanes by fused multiply-add, chunks of measurements at multiples of 12.
#[test]
fn the_order_of_summation_is_the_documented_one() {
    for (m, n, p) in [(4, 3, 7), (5, 5, 97), (16, 32, 61), (70, 71, 130)] {
        let operator = gaussian((m, n, p), Storage::F64);
        let (x, y) = (matrix(m, n, 11), vector(p, 11));
        let rows: Vec<Matrix> = (0..p).map(|i| operator.row(i)).collect();
        let (mut total, mut loss) = (vec![0.0; m * n], 0.0);
        let units = p.div_ceil(12);
        for c in 0..8 {
            let (mut part, mut squares) = (vec![0.0; m * n], 0.0);
            for i in (c * units / 8 * 12).min(p)..((c + 1) * units / 8 * 12).min(p) {
                let mut lanes = [0.0f64; 4];
                for (k, (a, x)) in rows[i].iter().zip(x.iter()).enumerate() {
                    lanes[k % 4] = a.mul_add(*x, lanes[k % 4]);
                }
                let residual = y[i] - ((lanes[0] + lanes[2]) + (lanes[1] + lanes[3]));
                squares = residual.mul_add(residual, squares);
                for (part, a) in part.iter_mut().zip(rows[i].iter()) {
                    *part = residual.mul_add(*a, *part);
                }
            }
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            loss += squares;
        }
        let answer = &ask(&operator, &y, &[data(&x)])[0];
        assert_eq!(answer.matrix.as_slice(), total);
        assert_eq!(answer.residual_norm_squared, loss);
    }
}

#[test]
fn f32_storage_is_the_operator_of_the_rounded_entries() {
    for shape @ (m, n, p) in SHAPES {
        let (exact, rounded) = (gaussian(shape, Storage::F64), gaussian(shape, Storage::F32));
        let entries: Vec<f64> = (0..p).flat_map(|i| exact.row(i).as_slice().to_vec()).map(|x| f64::from(x as f32)).collect();
        let imported = Dense::from_rows(m, n, p, &entries).unwrap();
        assert_eq!((imported.storage(), rounded.storage()), (Storage::F64, Storage::F32));
        let y = vector(p, 12);
        let points: Vec<_> = (0..3).map(|q| matrix(m, n, q)).collect();
        for batch in [1, 3] {
            let questions: Vec<_> = points[..batch].iter().map(data).collect();
            for (a, b) in ask(&imported, &y, &questions).iter().zip(ask(&rounded, &y, &questions)) {
                assert_eq!(bits(a), bits(&b), "{shape:?} batch {batch}");
            }
        }
        for i in 0..p {
            let difference = frobenius(&(exact.row(i) - rounded.row(i)));
            assert!(difference <= f64::from(f32::EPSILON) / 2.0 * frobenius(&exact.row(i)) && (difference > 0.0 || m * n < 9));
        }
    }
}

#[test]
fn entries_are_the_documented_random_numbers() {
    use pgflow::random::{Purpose, stream};
    use rand_distr::{Distribution, StandardNormal};
    let operator = gaussian((4, 3, 50), Storage::F64);
    for i in [0, 1, 49] {
        let mut numbers = stream(7, Purpose::Sensing, i as u64);
        let row = operator.row(i);
        for entry in row.as_slice() {
            let normal: f64 = StandardNormal.sample(&mut numbers);
            assert_eq!(*entry, normal / 50f64.sqrt());
        }
    }
}

#[test]
fn a_matrix_depends_on_the_number_of_measurements_through_its_scale_only() {
    // Powers of four: the scale is a power of two, and exact.
    let (few, many) = (gaussian((6, 7, 16), Storage::F64), gaussian((6, 7, 256), Storage::F64));
    for i in 0..16 {
        assert_eq!(few.row(i) * 4.0, many.row(i) * 16.0);
    }
    assert_ne!(few.row(0), few.row(1));
    assert_eq!(in_pool(1, || gaussian((6, 7, 16), Storage::F32)).row(9), in_pool(8, || gaussian((6, 7, 16), Storage::F32)).row(9));
}

/// Changing any of these numbers changes every result that anyone has kept.
#[test]
fn golden_entries() {
    let operator = Gaussian::draw(2, 2, 3, Storage::F64, 2024).unwrap();
    let found: Vec<Vec<u64>> = (0..3).map(|i| operator.row(i).iter().map(|x| x.to_bits()).collect()).collect();
    let rounded = Gaussian::draw(2, 2, 3, Storage::F32, 2024).unwrap().row(2)[3].to_bits();
    let x = Matrix::from_column_slice(2, 2, &[1.0, -0.5, 0.25, 2.0]);
    let answer = &ask(&operator, &[0.5, -1.0, 2.0], &[data(&x)])[0];
    let applied: Vec<u64> = answer.matrix.iter().chain([&answer.residual_norm_squared]).map(|x| x.to_bits()).collect();
    assert_eq!(found, GOLDEN_ROWS);
    assert_eq!(rounded, GOLDEN_ROUNDED);
    assert_eq!(applied, GOLDEN_ANSWER);
}

const GOLDEN_ROWS: [[u64; 4]; 3] = [
    [0x3fa2_37fe_80bd_e9de, 0xbfe0_b396_3f10_ea18, 0xbfe5_b0e3_ccdf_2d0c, 0x3fd5_1505_a896_810f],
    [0xbfb0_9696_286e_d66f, 0x3fe5_7d91_1732_c4bf, 0x3fdd_85ea_5b65_bd42, 0xbfe5_bc7d_c91c_2671],
    [0x3fe9_ea6c_140f_b438, 0x3fd2_5482_f19e_1373, 0xbfb5_2166_a981_2b12, 0xbfdc_9347_d1d5_226a],
];
const GOLDEN_ROUNDED: u64 = 0xbfdc_9347_e000_0000;
const GOLDEN_ANSWER: [u64; 5] =
    [0x3ffc_4913_ba2b_7064, 0x3ff3_9a0e_cab8_9f24, 0x3fd3_8a1d_7218_5dda, 0xbff8_8e2d_b7c1_8ad4, 0x4016_2e10_8e05_4ff4];

/// Over independent ensembles the normal operator averages to the identity (THEORY 1), and its deviation has the size of THEORY 3.10.
///
/// The deviation's square has a relative standard deviation of 0.13 per draw at this size (measured over 2000 draws, whose mean was
/// 0.997 ± 0.003 of the theory's), `‖A(R)‖²` one of `√(2/p)`: bounds are four standard deviations of the mean over the draws. The mean of
/// `A*A R − R` itself has the size of one draw over `√draws`.
#[test]
fn gaussian_ensembles_are_isotropic() {
    let (m, n, p, draws) = (20, 15, 200, 120);
    let target = multiply(Form::RightTransposed, &matrix(m, 2, 20), &matrix(n, 2, 21));
    let expected = frobenius_squared(&target) * (m * n + 1) as f64 / p as f64;
    let (mut mean, mut squares, mut lengths) = (Matrix::zeros(m, n), 0.0, 0.0);
    for seed in 0..draws {
        let operator = Gaussian::draw(m, n, p, Storage::F64, 1_000 + seed).unwrap();
        let question = Question::normal(Point::Dense(&target));
        let answer = ask(&operator, &vec![0.0; p], &[question]).remove(0);
        let deviation = -answer.matrix - &target;
        lengths += answer.residual_norm_squared / frobenius_squared(&target) / draws as f64;
        squares += frobenius_squared(&deviation) / draws as f64;
        mean += deviation / draws as f64;
    }
    assert!((squares / expected - 1.0).abs() < 4.0 * 0.13 / (draws as f64).sqrt(), "{}", squares / expected);
    assert!((lengths - 1.0).abs() < 4.0 * (2.0 / (p * draws as usize) as f64).sqrt(), "{lengths}");
    let bias = frobenius_squared(&mean) / (expected / draws as f64);
    assert!((0.6..1.5).contains(&bias), "{bias}");
}

#[test]
fn an_ensemble_beyond_the_memory_is_refused_before_anything_is_allocated() {
    let error = Gaussian::draw(3_000, 3_000, 1 << 24, Storage::F64, 1).unwrap_err();
    assert!(matches!(error, SensingError::TooLarge { needed, available, .. } if needed > available), "{error:?}");
    let message = error.to_string();
    for part in ["16777216 measurements of 3000×3000", "TiB", "storage = \"f32\"", "at most", "smaller target"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(matches!(Gaussian::draw(usize::MAX, 2, 1, Storage::F32, 1), Err(SensingError::TooLarge { .. })));
}

#[test]
fn misshapen_and_infinite_entries_are_refused() {
    assert_eq!(Dense::from_rows(2, 3, 2, &[0.0; 11]).unwrap_err(), SensingError::EntryCount { expected: 12, found: 11 });
    assert_eq!(Gaussian::draw(0, 3, 2, Storage::F64, 1).unwrap_err(), SensingError::Empty { rows: 0, cols: 3, measurements: 2 });
    let mut entries = [0.5; 24];
    (entries[9], entries[20]) = (f64::NAN, f64::INFINITY);
    assert_eq!(Dense::from_rows(2, 3, 4, &entries).unwrap_err(), SensingError::NotFinite { measurement: 1, row: 1, col: 1 });
    let beyond = Dense::build(2, 2, 3, Storage::F32, |_, row| row.fill(1e300));
    assert_eq!(beyond.unwrap_err(), SensingError::NotFinite { measurement: 0, row: 0, col: 0 });
}

#[test]
fn costs_and_sizes() {
    let (double, single) = (gaussian((37, 23, 617), Storage::F64), gaussian((37, 23, 617), Storage::F32));
    assert_eq!((double.shape(), double.measurements()), ((37, 23), 617));
    assert_eq!(double.storage_bytes(), 617 * 864 * 8);
    assert_eq!(single.storage_bytes(), 617 * 864 * 4);
    assert_eq!(single.cost(5).bytes, single.storage_bytes() as f64);
    assert_eq!(single.cost(5).flops, 4.0 * 5.0 * (617 * 37 * 23) as f64);
}
