//! The a-posteriori bound against deviations, everything measured densely.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used)]

mod dense_hessian;

use dense_hessian::{Point, gaussian};
use pgflow::config::Storage;
use pgflow::dynamics::State;
use pgflow::linalg::{Matrix, operator_norm, symmetric_eigen};
use pgflow::sensing::{Gaussian, SensingOperator};
use pgflow::theory::{CurvatureAt, DefectUntil, Envelope, deviation_bound, envelopes, first_order_estimate, product_bound};

const ROWS: usize = 6;
const COLS: usize = 5;
const WIDTH: usize = 3;

struct Instance {
    operator: Box<dyn SensingOperator>,
    data: Vec<f64>,
    start: Matrix,
}

impl Instance {
    fn new(seed: u64) -> Self {
        let operator = Gaussian::draw(ROWS, COLS, 40, Storage::F64, seed).unwrap();
        let y = gaussian(ROWS, 2, 100 + seed) * gaussian(COLS, 2, 200 + seed).transpose();
        let y = &y / operator_norm(&y);
        let scale = [0.3, 0.1, 0.01][seed as usize % 3];
        Instance { data: operator.measure(&y), operator: Box::new(operator), start: gaussian(ROWS + COLS, WIDTH, 300 + seed) * scale }
    }

    fn at(&self, z: &Matrix) -> Point {
        Point::new(self.operator.as_ref(), &self.data, &state(z))
    }

    fn descent_direction(&self, z: &Matrix) -> Matrix {
        let (f, g) = (z.rows(0, ROWS).into_owned(), z.rows(ROWS, COLS).into_owned());
        let answer: Vec<f64> = self.operator.measure(&(&f * g.transpose())).iter().zip(&self.data).map(|(a, y)| y - a).collect();
        let n = self.operator.adjoint(&answer);
        let mut rate = Matrix::zeros(ROWS + COLS, WIDTH);
        rate.rows_mut(0, ROWS).copy_from(&(&n * g));
        rate.rows_mut(ROWS, COLS).copy_from(&(n.transpose() * f));
        rate
    }

    /// The classical method of order four with steps of a quarter of `duration`.
    fn flow(&self, z: &Matrix, duration: f64) -> Matrix {
        let h = duration / 4.0;
        let mut z = z.clone();
        for _ in 0..4 {
            let k1 = self.descent_direction(&z);
            let k2 = self.descent_direction(&(&z + &k1 * (0.5 * h)));
            let k3 = self.descent_direction(&(&z + &k2 * (0.5 * h)));
            let k4 = self.descent_direction(&(&z + &k3 * h));
            z += (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6.0);
        }
        z
    }
}

fn state(z: &Matrix) -> State {
    State::from_factors(&z.rows(0, ROWS).into_owned(), &z.rows(ROWS, COLS).into_owned())
}

fn product(z: &Matrix) -> Matrix {
    z.rows(0, ROWS) * z.rows(ROWS, COLS).transpose()
}

/// Gradient descent's interpolant beside the flow: measurements, and the deviations at the same times.
struct Pair {
    curvature: Vec<CurvatureAt>,
    defects: Vec<DefectUntil>,
    normal: f64,
    factors: Vec<f64>,
    /// Deviation of products, and the reference's `σ₁(F)`, `σ₁(G)`.
    products: Vec<(f64, f64, f64)>,
}

fn follow(instance: &Instance, step: f64, steps: usize) -> Pair {
    const PARTS: usize = 2;
    let mut rows = Matrix::zeros(40, ROWS * COLS);
    for i in 0..40 {
        rows.row_mut(i).copy_from_slice(instance.operator.row(i).as_slice());
    }
    let normal = operator_norm(&rows).powi(2);
    let mut pair = Pair { curvature: vec![], defects: vec![], normal, factors: vec![], products: vec![] };
    let (mut reference, mut other) = (instance.start.clone(), instance.start.clone());
    for k in 0..steps {
        let rate = instance.descent_direction(&other);
        for part in 0..PARTS {
            let s = step * part as f64 / PARTS as f64;
            let z = &other + &rate * s;
            let point = instance.at(&reference);
            let greatest = |m: &Matrix| *symmetric_eigen(m).unwrap().values.last().unwrap();
            // ‖g‖ grows along the step: within a part it is at most that of the part's end.
            let end = &other + &rate * (step * (part + 1) as f64 / PARTS as f64);
            pair.curvature.push(CurvatureAt {
                t: k as f64 * step + s,
                curvature_min: symmetric_eigen(&point.hessian).unwrap().values[0],
                gauss_newton: greatest(&point.gauss_newton),
            });
            let until = k as f64 * step + step * (part + 1) as f64 / PARTS as f64;
            pair.defects.push(DefectUntil { until, largest: (&rate - instance.descent_direction(&end)).norm() });
            pair.factors.push((&z - &reference).norm());
            let (f, g) = (reference.rows(0, ROWS).into_owned(), reference.rows(ROWS, COLS).into_owned());
            pair.products.push(((product(&z) - product(&reference)).norm(), operator_norm(&f), operator_norm(&g)));
            reference = instance.flow(&reference, step / PARTS as f64);
        }
        other += rate * step;
    }
    pair
}

#[test]
fn the_identity_behind_the_bound() {
    for seed in 0..20 {
        let instance = Instance::new(seed);
        let (z, delta) = (gaussian(ROWS + COLS, WIDTH, seed), gaussian(ROWS + COLS, WIDTH, 50 + seed));
        let point = instance.at(&z);
        let vector = Matrix::from_column_slice(delta.len(), 1, delta.as_slice());
        let left = delta.dot(&(instance.at(&(&z + &delta)).gradient - &point.gradient));
        let j_delta = &point.jacobian * &vector;
        let q = Matrix::from_column_slice(40, 1, &instance.operator.measure(&product(&delta)));
        let terms = [(vector.transpose() * &point.hessian * &vector)[0], 3.0 * j_delta.dot(&q), 2.0 * q.dot(&q)];
        let scale: f64 = terms.iter().map(|x| x.abs()).sum();
        assert!((left - terms.iter().sum::<f64>()).abs() <= 1e-12 * scale, "seed {seed}: {left} {terms:?}");
    }
}

#[test]
fn measured_deviations_stay_below_the_bound() {
    let (mut flipped_fails, mut estimate_fails, mut ratios) = (0, 0, Vec::new());
    for seed in 0..20 {
        let instance = Instance::new(seed);
        let pair = follow(&instance, 0.05, 120);
        let found = envelopes(&pair.curvature, &pair.defects, pair.normal, &[]);
        let intervals = found.envelopes.as_slice();
        let bound = deviation_bound(0.0, intervals);
        for (i, measured) in pair.factors.iter().enumerate() {
            let t = pair.curvature[i].t;
            let bound = &bound[found.position(t).unwrap()];
            assert!(measured <= bound, "seed {seed}, t = {t}: {measured} exceeds {bound}");
            let (deviation, left, right) = pair.products[i];
            assert!(deviation <= product_bound(left, right, *bound) && deviation <= product_bound(left, right, *measured) * (1.0 + 1e-12));
        }
        let flipped: Vec<Envelope> = intervals.iter().map(|e| Envelope { curvature_min: -e.curvature_min, ..*e }).collect();
        let exceeds = |bound: &[f64]| pair.factors.iter().zip(bound).any(|(measured, bound)| measured > bound);
        flipped_fails += i32::from(exceeds(&deviation_bound(0.0, &flipped)));
        estimate_fails += i32::from(exceeds(&first_order_estimate(0.0, intervals)));
        ratios.push(bound.last().unwrap() / pair.factors.last().unwrap());
    }
    ratios.sort_by(f64::total_cmp);
    println!("final bound / measured: {ratios:?}; flipped sign fails on {flipped_fails}, first order on {estimate_fails}");
    assert!(flipped_fails > 0, "a bound with the wrong sign of the curvature must fail somewhere");
}
