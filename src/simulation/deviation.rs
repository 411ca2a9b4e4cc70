//! What the a-posteriori bounds need of a trajectory, measured while it runs: curvature along references, defects of the others. Then the bounds.

use super::record::{ComparisonRow, ErrorBound};
use crate::config::{Experiment, TrajectorySpec};
use crate::dynamics::State;
use crate::linalg::largest;
use crate::theory::{CurvatureAt, DefectUntil, deviation_bound, envelopes, first_order_estimate, gauss_newton_bound, product_bound};
use serde::{Deserialize, Serialize};

/// Where inside a step the defect of a dense output is sampled, as fractions of the step. A plain flow's vanishes at both ends.
pub(super) const CERTIFICATE_NODES: [f64; 8] = [0.06, 0.18, 0.31, 0.46, 0.58, 0.69, 0.82, 0.94];

/// By what factor a sampled defect is raised, for what lies between the nodes: a plain flow's is the interpolant's, a modified flow's has that beside what modifies it.
pub(super) const CERTIFICATE_MARGIN: f64 = 1.35;

/// Where the defect of a perturbed flow is sampled besides the ends of steps: at the beginning, where a law may have jumped, and inside.
pub(super) const IMPOSED_NODES: [f64; 4] = [0.0, 0.25, 0.5, 0.75];

/// By what factor the defects of perturbed flows that are sampled inside a step are raised. Between nodes that are `Δ` of the step apart, half a
/// wave `sin πs` exceeds what they see by `(πΔ)²/8` at most: 8 % for a quarter.
pub(super) const IMPOSED_MARGIN: f64 = 1.1;

/// What is to be measured of a trajectory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Measures {
    /// The curvature at every sample, for bounds on deviations from it.
    pub curvature: bool,
    /// `g = Ż + ∇f(Z)`, for a bound on its deviation from a reference.
    pub defect: bool,
    /// The defect of its own dense output.
    pub error: bool,
}

impl Measures {
    /// What an experiment needs of a trajectory.
    pub fn of(experiment: &Experiment, spec: &TrajectorySpec) -> Self {
        let mut bounded = experiment.comparisons.iter().filter(|comparison| comparison.bound);
        Measures {
            curvature: spec.certify || bounded.clone().any(|comparison| comparison.reference == spec.name),
            defect: bounded.any(|comparison| comparison.against.contains(&spec.name)),
            error: spec.certify,
        }
    }
}

/// The curvature at a sample, with the norms that bounds are made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CurvaturePoint {
    pub t: f64,
    /// At or above `λ_max(H)`, at or below `λ_min(H)`; NaN where the search did not converge.
    pub sharpness: f64,
    pub curvature_min: f64,
    /// `‖N‖_op`
    pub drive: f64,
    /// `σ₁(F)`, `σ₁(G)`
    pub factors: [f64; 2],
    /// `‖FGᵀ‖_F`
    pub product: f64,
}

/// The largest defects, interval by interval.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Defects {
    parts: Vec<(f64, f64)>,
    /// The point before, with `−∇f` there.
    before: Option<Before>,
    /// `‖g‖` at the end of the step before, for flows.
    last: f64,
    /// Up to where points inside steps have been taken.
    pub until: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Before {
    t: f64,
    state: State,
    descent: State,
}

impl Defects {
    /// Counts a value for the interval that ends at `until`. One that is not a number is kept.
    pub fn add(&mut self, until: f64, value: f64) {
        match self.parts.last_mut() {
            Some((last, largest)) if *last == until => {
                *largest = if largest.is_nan() || value.is_nan() { f64::NAN } else { largest.max(value) }
            }
            _ => self.parts.push((until, value)),
        }
    }

    /// A discrete method has come to a point, with `−∇f` there. Its path is the chord from the point before; what counts is `‖g‖` at both ends.
    pub fn arrive_by_chord(&mut self, t: f64, state: &State, descent: &State, until: f64) {
        if let Some(before) = &self.before {
            let step = t - before.t;
            let defect = |descent: &State| {
                let ends = state.as_slice().iter().zip(before.state.as_slice());
                let squares = ends.zip(descent.as_slice()).map(|((end, start), d)| ((end - start) / step - d).powi(2));
                squares.sum::<f64>().sqrt()
            };
            let largest = [defect(&before.descent), defect(descent)];
            self.add(until, largest[0]);
            self.add(until, largest[1]);
        }
        match &mut self.before {
            Some(before) => {
                before.t = t;
                before.state.matrix_mut().copy_from(state.matrix());
                before.descent.matrix_mut().copy_from(descent.matrix());
            }
            None => self.before = Some(Before { t, state: state.clone(), descent: descent.clone() }),
        }
    }

    /// A flow has come to a point, with its rate and `−∇f` there.
    pub fn arrive_by_flow(&mut self, t: f64, rate: &State, descent: &State) {
        let squares = rate.as_slice().iter().zip(descent.as_slice()).map(|(rate, descent)| (rate - descent).powi(2));
        let defect = squares.sum::<f64>().sqrt();
        if t > 0.0 {
            self.add(t, self.last);
            self.add(t, defect);
        }
        self.last = defect;
    }

    /// The intervals, in the order of time; intervals may have been begun in any order.
    fn intervals(&self) -> Vec<DefectUntil> {
        let mut merged = Defects::default();
        let mut parts = self.parts.clone();
        parts.sort_by(|a, b| a.0.total_cmp(&b.0));
        parts.into_iter().for_each(|(until, value)| merged.add(until, value));
        merged.parts.into_iter().map(|(until, largest)| DefectUntil { until, largest }).collect()
    }
}

/// The curvature along a reference as the bound wants it; `normal` is `‖A*A‖`.
fn curvature(points: &[CurvaturePoint], normal: f64) -> Vec<CurvatureAt> {
    let at = |point: &CurvaturePoint| CurvatureAt {
        t: point.t,
        curvature_min: point.curvature_min,
        gauss_newton: gauss_newton_bound(point.sharpness, point.drive, normal, point.factors[0], point.factors[1]),
    };
    let mut curvature: Vec<CurvatureAt> = points.iter().map(at).collect();
    curvature.sort_by(|a, b| a.t.total_cmp(&b.t));
    curvature
}

/// Writes the bounds on the factors' deviation into the rows of one pair, which are in the order of time.
pub(super) fn bound_rows(rows: &mut [ComparisonRow], reference: &[CurvaturePoint], other: &Defects, normal: f64) {
    let Some(initial) = rows.first().filter(|row| row.t == 0.0).and_then(|row| row.factor_deviation) else { return };
    let times: Vec<f64> = rows.iter().map(|row| row.t).collect();
    let intervals = envelopes(&curvature(reference, normal), &other.intervals(), normal, &times);
    let bound = deviation_bound(initial, &intervals.envelopes);
    let estimate = first_order_estimate(initial, &intervals.envelopes);
    for row in rows {
        let Some(index) = intervals.position(row.t) else { continue };
        row.bound = bound.get(index).copied().filter(|bound| bound.is_finite());
        row.bound_first_order = estimate.get(index).copied().filter(|estimate| estimate.is_finite());
    }
}

/// The bound on a flow's own numerical error; `None` before anything was measured.
pub(super) fn error_bound(points: &[CurvaturePoint], defects: &Defects, normal: f64) -> Option<ErrorBound> {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.t.total_cmp(&b.t));
    let defects = defects.intervals();
    let intervals = envelopes(&curvature(&points, normal), &defects, normal, &[]);
    let bound = deviation_bound(0.0, &intervals.envelopes);
    let t = *intervals.times.last()?;
    let at_samples = points.iter().filter_map(|point| {
        let deviation = *bound.get(intervals.position(point.t)?)?;
        Some(product_bound(point.factors[0], point.factors[1], deviation))
    });
    let product = largest(at_samples) / largest(points.iter().map(|point| point.product));
    Some(ErrorBound {
        t,
        largest_defect: largest(defects.iter().map(|defect| defect.largest)),
        factors: largest(bound.iter().copied()),
        product,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ErrorNorm, ToleranceSpec};
    use crate::dynamics::{GradientFlow, ModifiedFlow, Moment, VectorField};
    use crate::linalg::Matrix;
    use crate::sensing::{Answer, Identity, Question, SensingOperator};
    use crate::stepper::tableaus::{DOP853, DOPRI5, RK4};
    use crate::stepper::{RungeKutta, Solo, StepEvent, Stepper};

    fn state(values: [f64; 2]) -> State {
        State::from_factors(&Matrix::from_row_slice(1, 1, &values[..1]), &Matrix::from_row_slice(1, 1, &values[1..]))
    }

    #[test]
    fn the_chord_of_a_descent_step_has_no_defect_where_it_sets_out() {
        let mut defects = Defects::default();
        // Z⁺ = Z + η V(Z) with η = 0.5, V = −∇f.
        defects.arrive_by_chord(0.0, &state([1.0, 2.0]), &state([2.0, -2.0]), 0.0);
        defects.arrive_by_chord(0.5, &state([2.0, 1.0]), &state([2.0, 1.0]), 1.0);
        assert_eq!(defects.parts, [(1.0, 3.0)]);
        defects.arrive_by_chord(1.0, &state([3.0, 1.5]), &state([2.0, 1.5]), 1.0);
        assert_eq!(defects.parts, [(1.0, 3.0)], "the larger one of an interval counts");
    }

    #[test]
    fn intervals_ascend_whatever_the_order_they_came_in() {
        let mut defects = Defects::default();
        for (until, value) in [(1.0, 0.5), (2.0, 1.0), (1.0, 0.75), (3.0, f64::NAN), (3.0, 1.0)] {
            defects.add(until, value);
        }
        let found = defects.intervals();
        assert_eq!(found[..2], [DefectUntil { until: 1.0, largest: 0.75 }, DefectUntil { until: 2.0, largest: 1.0 }]);
        assert!(found.len() == 3 && found[2].largest.is_nan());
    }

    /// `‖u̇ + ∇f(u)‖` inside a stepper's last step.
    fn defect(flow: &RungeKutta, operator: &Identity, data: &[f64], t: f64) -> f64 {
        let (mut state, mut rate, mut field) = (flow.state().clone(), flow.state().clone(), flow.state().clone());
        flow.interpolate(t, &mut state);
        flow.interpolate_rate(t, &mut rate);
        let mut answers = [Answer::new(operator.shape().0, operator.shape().1)];
        operator.answer(data, &[Question::residual(state.left(), state.right())], &mut answers, &mut operator.workspace());
        GradientFlow.resume(Moment { t, piece: 0 }, &state, &answers[0], &mut field);
        *field.matrix_mut() -= rate.matrix();
        field.norm()
    }

    #[test]
    fn eight_points_see_nearly_all_of_the_defect() {
        let operator = Identity::new(3, 2);
        let data = [2.0, 0.0, 0.5, 0.0, 1.0, -0.5];
        let start = || State::from_factors(&(Matrix::identity(3, 2) * 1e-3), &Matrix::from_row_slice(2, 2, &[1e-3, 2e-4, -3e-4, 1e-3]));
        let tolerance = |rtol| ToleranceSpec { rtol, atol: 0.0, norm: ErrorNorm::Factors };
        // Many tolerances, since each has steps of its own: with one point at the middle in the place of two, one step in a hundred or so hides more.
        let adaptive = |pair, exponent: f64| RungeKutta::adaptive(pair, tolerance(10f64.powf(-exponent)), start(), 12.0);
        let eighths = (40..=88).map(|k| adaptive(&DOP853, f64::from(k) / 8.0));
        let fifth = (5..=8).map(|k| adaptive(&DOPRI5, f64::from(k)));
        let flows = eighths.chain(fifth).chain([RungeKutta::fixed(&RK4, 0.05, start(), 12.0)]);
        for mut flow in flows {
            let mut solo = Solo::new(&operator, &data);
            let (mut overall, mut worst) = (0.0_f64, 1.0_f64);
            assert_eq!(solo.advance(&mut flow, &mut GradientFlow), StepEvent::Arrived);
            while !flow.finished() {
                assert_eq!(solo.advance(&mut flow, &mut GradientFlow), StepEvent::Arrived);
                flow.request_interpolant();
                assert_eq!(solo.advance(&mut flow, &mut GradientFlow), StepEvent::Interpolant);
                let at = |node: f64| defect(&flow, &operator, &data, flow.t_before() + node * (flow.t() - flow.t_before()));
                let sampled = CERTIFICATE_NODES.map(at).into_iter().fold(0.0, f64::max);
                let dense = (1..200).map(|j| at(f64::from(j) / 200.0)).fold(0.0, f64::max);
                // Below this the interpolant's rounding is seen, not its error.
                if dense > 1e-12 {
                    worst = worst.min(sampled / dense);
                }
                overall = overall.max(dense);
                assert!(at(0.0).max(at(1.0)) <= 1e-13 + 1e-6 * dense, "exact at both ends");
            }
            println!("largest defect {overall:.2e}, sampled at least {worst:.3} of it in every step");
            assert!(worst * CERTIFICATE_MARGIN > 1.0, "{worst}");
        }
    }

    /// A long tail with rates of 2 and 0.2: of 1.25 times what is seen, about one step in a hundred hid more.
    #[test]
    fn eight_points_see_nearly_all_of_the_defect_in_a_long_tail() {
        let operator = Identity::new(6, 5);
        let mut data = vec![0.0; 30];
        (data[0], data[7]) = (1.0, 0.1);
        let scattered = |i: usize, j: usize| 0.02 * ((7 * i + 13 * j) as f64).sin();
        let start = || State::from_factors(&Matrix::from_fn(6, 3, scattered), &Matrix::from_fn(5, 3, |i, j| scattered(j + 3, i)));
        let mut worst = 1.0_f64;
        for exponent in [8.5, 9.5, 10.25, 10.5, 10.75] {
            let tolerance = ToleranceSpec { rtol: 10f64.powf(-exponent), atol: 0.0, norm: ErrorNorm::Factors };
            let mut flow = RungeKutta::adaptive(&DOP853, tolerance, start(), 125.0);
            let mut solo = Solo::new(&operator, &data);
            assert_eq!(solo.advance(&mut flow, &mut GradientFlow), StepEvent::Arrived);
            while !flow.finished() {
                assert_eq!(solo.advance(&mut flow, &mut GradientFlow), StepEvent::Arrived);
                flow.request_interpolant();
                assert_eq!(solo.advance(&mut flow, &mut GradientFlow), StepEvent::Interpolant);
                let at = |node: f64| defect(&flow, &operator, &data, flow.t_before() + node * (flow.t() - flow.t_before()));
                let dense = (1..100).map(|j| at(f64::from(j) / 100.0)).fold(0.0, f64::max);
                if dense > 1e-12 {
                    worst = worst.min(CERTIFICATE_NODES.map(at).into_iter().fold(0.0, f64::max) / dense);
                }
            }
        }
        println!("sampled at least {worst:.3} of the defect in every step");
        assert!(worst * CERTIFICATE_MARGIN > 1.0, "{worst}");
    }

    #[test]
    fn eight_points_and_both_ends_see_nearly_all_of_what_modifies_a_flow() {
        let operator = Identity::new(3, 2);
        let data = [2.0, 0.0, 0.5, 0.0, 1.0, -0.5];
        let start = || State::from_factors(&(Matrix::identity(3, 2) * 1e-3), &Matrix::from_row_slice(2, 2, &[1e-3, 2e-4, -3e-4, 1e-3]));
        let mut worst = 1.0_f64;
        for (eighths, step) in (16..=80).zip([0.05, 0.2, 0.4].into_iter().cycle()) {
            let tolerance = ToleranceSpec { rtol: 10f64.powf(-f64::from(eighths) / 8.0), atol: 0.0, norm: ErrorNorm::Factors };
            let mut flow = RungeKutta::adaptive(&DOP853, tolerance, start(), 12.0);
            let (mut solo, mut field) = (Solo::new(&operator, &data), ModifiedFlow::new(step, start().shape()));
            assert_eq!(solo.advance(&mut flow, &mut field), StepEvent::Arrived);
            while !flow.finished() {
                assert_eq!(solo.advance(&mut flow, &mut field), StepEvent::Arrived);
                flow.request_interpolant();
                assert_eq!(solo.advance(&mut flow, &mut field), StepEvent::Interpolant);
                let at = |node: f64| defect(&flow, &operator, &data, flow.t_before() + node * (flow.t() - flow.t_before()));
                let sampled = CERTIFICATE_NODES.into_iter().chain([0.0, 1.0]).map(at).fold(0.0, f64::max);
                let dense = (1..200).map(|j| at(f64::from(j) / 200.0)).fold(0.0, f64::max);
                worst = worst.min(sampled / dense);
            }
        }
        println!("sampled at least {worst:.3} of the defect in every step");
        assert!(worst * CERTIFICATE_MARGIN > 1.0, "{worst}");
    }
}
