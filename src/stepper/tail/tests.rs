//! Orders of the schemes with steps of a given size, apart from any error control.

use super::chebyshev::Chebyshev;
use super::rosenbrock::Rosenbrock;
use super::scheme::{Ends, Scheme, Step, Task};
use crate::dynamics::State;
use crate::linalg::Matrix;
use crate::stepper::krylov::dot;

/// A field and the products with its Jacobian, by hand.
struct Problem {
    rate: fn(&[f64], &mut [f64]),
    product: fn(&[f64], &[f64], &mut [f64]),
}

fn vector(entries: &[f64]) -> State {
    State::from_factors(&Matrix::from_column_slice(entries.len(), 1, entries), &Matrix::zeros(0, 1))
}

/// One step from `start` at practically no tolerance for the Krylov spaces.
fn step(scheme: &mut dyn Scheme, problem: &Problem, start: &State, size: f64) -> Ends {
    let zeros = || State::zeros(start.shape());
    let mut ends = Ends { start: start.clone(), start_rate: zeros(), start_square: 0.0, end: zeros(), end_rate: zeros(), end_square: 0.0 };
    (problem.rate)(start.as_slice(), ends.start_rate.as_mut_slice());
    ends.start_square = ends.start_rate.sum_of_squares();
    let mut image = vec![0.0; start.as_slice().len()];
    let mut task = scheme.prepare(&Step { size: 0.0, tolerance: 1e-16, ends: &mut ends }, false);
    loop {
        let mut step = Step { size, tolerance: 1e-16, ends: &mut ends };
        task = match task {
            Task::Size => scheme.attempt(&mut step),
            Task::Product => {
                (problem.product)(start.as_slice(), scheme.direction(), &mut image);
                scheme.multiplied(&mut step, &mut image)
            }
            Task::Rate => {
                let (point, rate) = scheme.stage();
                (problem.rate)(point.as_slice(), rate.as_mut_slice());
                let square = rate.sum_of_squares();
                scheme.evaluated(&mut step, square)
            }
            Task::End => {
                (problem.rate)(ends.end.as_slice(), ends.end_rate.as_mut_slice());
                ends.end_square = ends.end_rate.sum_of_squares();
                return ends;
            }
            Task::Shorten(_) | Task::Reject | Task::Impossible => panic!("{task:?}"),
        };
    }
}

/// Gradient flow of `½‖y − FGᵀ‖²` with 2 × 2 factors of width 1, `z = (f₁, f₂, g₁, g₂)`, `y = [[1.2, 0.3], [-0.4, 0.7]]`.
const TARGET: [[f64; 2]; 2] = [[1.2, 0.3], [-0.4, 0.7]];

fn residual(z: &[f64], i: usize, j: usize) -> f64 {
    TARGET[i][j] - z[i] * z[2 + j]
}

fn factored_rate(z: &[f64], out: &mut [f64]) {
    for i in 0..2 {
        out[i] = (0..2).map(|j| residual(z, i, j) * z[2 + j]).sum();
        out[2 + i] = (0..2).map(|j| residual(z, j, i) * z[j]).sum();
    }
}

fn factored_product(z: &[f64], d: &[f64], out: &mut [f64]) {
    let change = |i: usize, j: usize| -(d[i] * z[2 + j] + z[i] * d[2 + j]);
    for i in 0..2 {
        out[i] = (0..2).map(|j| residual(z, i, j) * d[2 + j] + change(i, j) * z[2 + j]).sum();
        out[2 + i] = (0..2).map(|j| residual(z, j, i) * d[j] + change(j, i) * z[j]).sum();
    }
}

const FACTORED: Problem = Problem { rate: factored_rate, product: factored_product };

/// Three logistic modes `u̇ = (σ − u²)u`, whose squares are `σ/(1 + (σ/s₀ − 1)e^{−2σt})`.
const SIGMA: [f64; 3] = [1.5, 1.0, 0.4];
const MODES: Problem = Problem {
    rate: |z, out| (0..3).for_each(|i| out[i] = (SIGMA[i] - z[i] * z[i]) * z[i]),
    product: |z, d, out| (0..3).for_each(|i| out[i] = (SIGMA[i] - 3.0 * z[i] * z[i]) * d[i]),
};

fn modes(t: f64) -> Vec<f64> {
    SIGMA.iter().map(|s| (s / (1.0 + (s / 0.04 - 1.0) * (-2.0 * s * t).exp())).sqrt()).collect()
}

fn schemes(state: &State) -> [(Box<dyn Scheme>, f64, f64); 2] {
    // With the orders of the step and of the dense output.
    [(Box::new(Chebyshev::new(state)), 2.0, 2.0), (Box::new(Rosenbrock::new(state)), 4.0, 3.0)]
}

fn slope(points: &[(f64, f64)]) -> f64 {
    let [first, .., last] = points else { panic!("too few") };
    (last.1 / first.1).ln() / (last.0 / first.0).ln()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// The point at `t` and what was dissipated on the way, in `count` steps.
fn integrate(scheme: &mut dyn Scheme, problem: &Problem, start: &State, t: f64, count: u32) -> (State, f64) {
    let (mut state, mut dissipated, size) = (start.clone(), 0.0, t / f64::from(count));
    for _ in 0..count {
        let ends = step(scheme, problem, &state, size);
        dissipated += scheme.dissipated(1.0, size, &ends);
        state = ends.end;
    }
    (state, dissipated)
}

#[test]
fn steps_have_their_order_on_logistic_modes() {
    let start = vector(&modes(0.0));
    for (mut scheme, order, _) in schemes(&start) {
        let errors = [40, 60, 90].map(|count| {
            let (state, _) = integrate(scheme.as_mut(), &MODES, &start, 4.0, count);
            (4.0 / f64::from(count), distance(state.as_slice(), &modes(4.0)))
        });
        let found = slope(&errors);
        assert!((found - order).abs() < 0.25, "{scheme:?}: {found} {errors:?}");
    }
}

#[test]
fn steps_have_their_order_where_the_jacobian_turns() {
    let start = vector(&[0.3, -0.2, 0.1, 0.5]);
    // By the classical method of order 4 with steps so small that its error is 1e-14.
    let mut exact = start.as_slice().to_vec();
    let (h, mut k) = (1e-3, [[0.0; 4]; 4]);
    for _ in 0..4000 {
        for stage in 0..4 {
            let c = [0.0, 0.5, 0.5, 1.0][stage] * h;
            let point: Vec<f64> = (0..4).map(|i| exact[i] + if stage > 0 { c * k[stage - 1][i] } else { 0.0 }).collect();
            factored_rate(&point, &mut k[stage]);
        }
        (0..4).for_each(|i| exact[i] += h / 6.0 * (k[0][i] + 2.0 * k[1][i] + 2.0 * k[2][i] + k[3][i]));
    }
    let loss = |z: &[f64]| (0..4).map(|e| 0.5 * residual(z, e / 2, e % 2).powi(2)).sum::<f64>();
    for (mut scheme, order, _) in schemes(&start) {
        let results = [40, 60, 90].map(|count| (4.0 / f64::from(count), integrate(scheme.as_mut(), &FACTORED, &start, 4.0, count)));
        let errors = [0, 1, 2].map(|i| (results[i].0, distance(results[i].1.0.as_slice(), &exact)));
        let found = slope(&errors);
        assert!((found - order).abs() < 0.25, "{scheme:?}: {found} {errors:?}");
        // Gradient flow dissipates what the loss loses.
        let lost = loss(start.as_slice()) - loss(&exact);
        let defects = [0, 1, 2].map(|i| (results[i].0, (results[i].1.1 - lost).abs()));
        assert!(slope(&defects) > order - 1.2, "{scheme:?}: {defects:?}");
    }
}

#[test]
fn dense_outputs_have_their_order_and_their_rates_are_their_derivatives() {
    let start = vector(&modes(0.0));
    for (mut scheme, _, order) in schemes(&start) {
        let errors = [0.2, 0.14, 0.1].map(|size| {
            let ends = step(scheme.as_mut(), &MODES, &start, size);
            let mut out = start.clone();
            let at = |theta: f64, out: &mut State| {
                scheme.interpolate(theta, size, &ends, out);
                distance(out.as_slice(), &modes(theta * size))
            };
            let worst = (1..20).map(|j| at(f64::from(j) / 20.0, &mut out)).fold(0.0, f64::max);
            let (mut later, mut rate) = (start.clone(), start.clone());
            for theta in [0.1, 0.5, 0.9] {
                scheme.interpolate(theta - 1e-5, size, &ends, &mut out);
                scheme.interpolate(theta + 1e-5, size, &ends, &mut later);
                scheme.interpolate_rate(theta, size, &ends, &mut rate);
                let difference: Vec<f64> = later.as_slice().iter().zip(out.as_slice()).map(|(a, b)| (a - b) / (2e-5 * size)).collect();
                assert!(distance(&difference, rate.as_slice()) < 1e-8, "{scheme:?} at {theta}");
            }
            (size, worst)
        });
        let found = slope(&errors);
        assert!((found - order - 1.0).abs() < 0.3, "{scheme:?}: {found} {errors:?}");
    }
}

#[test]
fn a_linear_problem_is_solved_exactly_by_the_exponential_method_and_stably_by_the_other() {
    // ż = Λ(z − z*), |hλ| from 1e-3 to 1e4.
    const LAMBDA: [f64; 5] = [-1e-3, -0.5, -7.0, -300.0, -1e4];
    const LIMIT: [f64; 5] = [1.0, -0.5, 2.0, 0.3, -1.1];
    let problem = Problem {
        rate: |z, out| (0..5).for_each(|i| out[i] = LAMBDA[i] * (z[i] - LIMIT[i])),
        product: |_, d, out| (0..5).for_each(|i| out[i] = LAMBDA[i] * d[i]),
    };
    let start = vector(&[0.2, 0.7, 1.0, 0.4, -1.0]);
    let exact = |t: f64| -> Vec<f64> { (0..5).map(|i| LIMIT[i] + (start.as_slice()[i] - LIMIT[i]) * (LAMBDA[i] * t).exp()).collect() };
    let mut exponential = Rosenbrock::new(&start);
    let ends = step(&mut exponential, &problem, &start, 1.0);
    assert!(distance(ends.end.as_slice(), &exact(1.0)) < 1e-11, "{:?} {:?}", ends.end, exact(1.0));
    let mut out = start.clone();
    exponential.interpolate(0.01, 1.0, &ends, &mut out);
    assert!(distance(out.as_slice(), &exact(0.01)) < 1e-11);
    // ∫ Σ λ²(z₀ − z*)² e^{2λs} ds in closed form.
    let square = |t: f64| -> f64 {
        (0..5).map(|i| (start.as_slice()[i] - LIMIT[i]).powi(2) * LAMBDA[i] * 0.5 * ((2.0 * LAMBDA[i] * t).exp() - 1.0)).sum()
    };
    for theta in [0.01, 1.0] {
        let relative = exponential.dissipated(theta, 1.0, &ends) / square(theta) - 1.0;
        assert!(relative.abs() < 1e-9, "{theta}: {relative:e}");
    }
    // The stabilised method: fast modes shrink in every step, none grows.
    let mut stabilised = Chebyshev::new(&start);
    let ends = step(&mut stabilised, &problem, &start, 1.0);
    for ((end, start), limit) in ends.end.as_slice().iter().zip(start.as_slice()).zip(LIMIT) {
        let shrinks = (end - limit).abs() / (start - limit).abs();
        assert!(shrinks < 1.0, "the mode with the limit {limit}: {shrinks}");
    }
    assert!(distance(&ends.end.as_slice()[..1], &exact(1.0)[..1]) < 1e-9);
}

#[test]
fn the_error_estimates_are_of_the_size_of_what_they_estimate() {
    // Of the step's own error for the stabilised method, from above for the exponential one, whose estimate is one order lower.
    let start = vector(&modes(0.0));
    for (mut scheme, order, _) in schemes(&start) {
        let mut estimates = Vec::new();
        for size in [0.2, 0.1] {
            let mut ends = step(scheme.as_mut(), &MODES, &start, size);
            let estimate = scheme.error(&Step { size, tolerance: 1.0, ends: &mut ends });
            let error = dot(
                &ends.end.as_slice().iter().zip(modes(size)).map(|(a, b)| a - b).collect::<Vec<_>>(),
                &ends.end.as_slice().iter().zip(modes(size)).map(|(a, b)| a - b).collect::<Vec<_>>(),
            )
            .sqrt();
            estimates.push((size, estimate));
            assert!(estimate > 0.2 * error && estimate < 5000.0 * error, "{scheme:?}: {estimate:e} of {error:e}");
        }
        // h³ of the method of order 2, h⁴ of that of order 4.
        let expected = if order > 2.0 { 4.0 } else { 3.0 };
        assert!(((estimates[0].1 / estimates[1].1).log2() - expected).abs() < 0.5, "{scheme:?}: {estimates:?}");
    }
}
