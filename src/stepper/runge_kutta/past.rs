//! The ends of the steps before the last one, and the interpolant through the ends of steps.
//!
//! Where stability limits a method's steps, the solution is smooth on their scale, and what an interpolant adds to the error of the steps is what the
//! extra slopes of a dense output make of errors in directions that decay fast: some ten times the tolerance. The polynomial through the points and the rates
//! at four ends of steps takes no evaluations and is nearly free of that: after steps alike the weights of its points are positive with sum 1, the absolute ones of its
//! rates sum up to 0.65 of a step at most, so that an error at the ends in a mode of rate `λ` counts at most `1 + 0.65 hλ` times.

use crate::dynamics::{Shape, State};
use crate::stepper::combination::combine;
use serde::{Deserialize, Serialize};

/// Ends of steps that the interpolant goes through: the last step's two, and where the two steps before it began.
const ENDS: usize = 4;

/// The end of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepEnd {
    /// Flow time.
    t: f64,
    /// `Z(t)`
    state: State,
    /// `V(t, Z(t))`
    rate: State,
    /// The dissipation integral up to there, and its rate.
    dissipation: f64,
    square: f64,
}

impl StepEnd {
    fn none(shape: Shape) -> Self {
        StepEnd { t: 0.0, state: State::zeros(shape), rate: State::zeros(shape), dissipation: 0.0, square: 0.0 }
    }

    fn lent(&self) -> End<'_> {
        End { t: self.t, state: &self.state, rate: &self.rate, dissipation: self.dissipation, square: self.square }
    }
}

/// The same, borrowed.
#[derive(Clone, Copy)]
pub(super) struct End<'a> {
    pub t: f64,
    pub state: &'a State,
    pub rate: &'a State,
    pub dissipation: f64,
    pub square: f64,
}

impl End<'_> {
    fn owned(&self) -> StepEnd {
        StepEnd { t: self.t, state: self.state.clone(), rate: self.rate.clone(), dissipation: self.dissipation, square: self.square }
    }
}

/// Where the two steps before the last one began, as far as they lie on its piece; the later one first.
#[derive(Debug)]
pub(super) struct Past {
    ends: [StepEnd; 2],
    known: usize,
}

impl Past {
    pub fn new(shape: Shape) -> Self {
        Past { ends: [StepEnd::none(shape), StepEnd::none(shape)], known: 0 }
    }

    /// Takes one more, and forgets the first of three.
    pub fn push(&mut self, end: End<'_>) {
        self.ends.swap(0, 1);
        let [newest, _] = &mut self.ends;
        (newest.t, newest.dissipation, newest.square) = (end.t, end.dissipation, end.square);
        newest.state.as_mut_slice().copy_from_slice(end.state.as_slice());
        newest.rate.as_mut_slice().copy_from_slice(end.rate.as_slice());
        self.known = (self.known + 1).min(2);
    }

    /// At the end of a piece: nothing before it tells of what follows.
    pub fn clear(&mut self) {
        self.known = 0;
    }

    /// The interpolant through them and the two ends of the last step, unless they are too few.
    pub fn through<'a>(&'a self, start: End<'a>, end: End<'a>) -> Option<Through<'a>> {
        let [newest, oldest] = &self.ends;
        (self.known == 2).then(|| Through { ends: [oldest.lent(), newest.lent(), start, end] })
    }

    /// What the next step will find here, if the last one began at `start`.
    pub fn save(&self, start: Option<End<'_>>) -> Vec<StepEnd> {
        let known = start.iter().map(|end| end.owned()).chain(self.ends[..self.known].iter().cloned());
        known.take(2).collect()
    }

    pub fn restore(&mut self, saved: &[StepEnd]) {
        self.clear();
        saved.iter().rev().for_each(|end| self.push(end.lent()));
    }
}

/// Hermite's interpolant through the points and rates at ends of steps, a polynomial of degree 7, in the last step.
pub(super) struct Through<'a> {
    ends: [End<'a>; ENDS],
}

impl<'a> Through<'a> {
    /// `Z(t)` into `out`; returns the dissipation integral up to there, whose own rates are known.
    pub fn interpolate(&self, t: f64, out: &mut State) -> f64 {
        let weights = weights(&self.times(), t, Basis::value);
        combine(out, None, 1.0, &weights, &self.states());
        let numbers = self.ends.map(|end| end.dissipation).into_iter().chain(self.ends.map(|end| end.square));
        weights.iter().zip(numbers).map(|(weight, number)| weight * number).sum()
    }

    /// `Ż(t)` into `out`.
    pub fn rate(&self, t: f64, out: &mut State) {
        combine(out, None, 1.0, &weights(&self.times(), t, Basis::slope), &self.states());
    }

    /// Weights of the difference to the interpolant through the last three ends alone, at the middle of the step.
    pub fn doubt(&self) -> [f64; 2 * ENDS] {
        let times = self.times();
        let middle = 0.5 * (times[ENDS - 2] + times[ENDS - 1]);
        let [mut all, fewer] = [&times[..], &times[1..]].map(|times| weights(times, middle, Basis::value));
        for j in 1..ENDS {
            all[j] -= fewer[j - 1];
            all[ENDS + j] -= fewer[ENDS + j - 1];
        }
        all
    }

    /// What the weights are of: points, then rates.
    pub fn states(&self) -> [&'a State; 2 * ENDS] {
        let mut states = [self.ends[0].state; 2 * ENDS];
        for (j, end) in self.ends.iter().enumerate() {
            (states[j], states[ENDS + j]) = (end.state, end.rate);
        }
        states
    }

    fn times(&self) -> [f64; ENDS] {
        self.ends.map(|end| end.t)
    }
}

/// The two polynomials of a node: of the point there, 1 at the node with slope 0, and of the rate there, 0 with slope 1; both are 0 with slope 0 at the others.
struct Basis {
    /// Values.
    point: f64,
    rate: f64,
    /// Slopes.
    point_slope: f64,
    rate_slope: f64,
}

impl Basis {
    fn new(nodes: &[f64], j: usize, t: f64) -> Self {
        let node = nodes[j];
        let others = || nodes.iter().enumerate().filter(move |(i, _)| *i != j);
        // Lagrange's polynomial of the node at t, its slope there, and its slope at the node.
        let (mut lagrange, mut slope, mut own_slope) = (1.0, 0.0, 0.0);
        for (_, other) in others() {
            let (factor, inverse) = ((t - other) / (node - other), 1.0 / (node - other));
            slope = slope * factor + lagrange * inverse;
            lagrange *= factor;
            own_slope += inverse;
        }
        let (from, square) = (t - node, lagrange * lagrange);
        let bend = 1.0 - 2.0 * from * own_slope;
        Basis {
            point: bend * square,
            rate: from * square,
            point_slope: 2.0 * (bend * lagrange * slope - own_slope * square),
            rate_slope: square + 2.0 * from * lagrange * slope,
        }
    }

    fn value(&self) -> [f64; 2] {
        [self.point, self.rate]
    }

    fn slope(&self) -> [f64; 2] {
        [self.point_slope, self.rate_slope]
    }
}

/// Weights of the points at up to [`ENDS`] nodes, and, after [`ENDS`] places, of the rates.
fn weights(nodes: &[f64], t: f64, of: fn(&Basis) -> [f64; 2]) -> [f64; 2 * ENDS] {
    let mut weights = [0.0; 2 * ENDS];
    for j in 0..nodes.len().min(ENDS) {
        [weights[j], weights[ENDS + j]] = of(&Basis::new(nodes, j, t));
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ErrorNorm, ToleranceSpec};
    use crate::dynamics::GradientFlow;
    use crate::linalg::Matrix;
    use crate::sensing::Identity;
    use crate::stepper::tableaus::DOP853;
    use crate::stepper::{RungeKutta, Solo, StepEvent, Stepper};

    fn scalar(value: f64) -> State {
        State::from_factors(&Matrix::from_element(1, 1, value), &Matrix::zeros(0, 1))
    }

    /// The interpolant of a function at `times`, the last of which ends the last step.
    fn with<R>(f: impl Fn(f64) -> [f64; 2], times: [f64; ENDS], look: impl FnOnce(&Through<'_>) -> R) -> R {
        let ends =
            times.map(|t| StepEnd { t, state: scalar(f(t)[0]), rate: scalar(f(t)[1]), dissipation: 2.0 * f(t)[0], square: 2.0 * f(t)[1] });
        let mut past = Past::new(ends[0].state.shape());
        assert!(past.through(ends[2].lent(), ends[3].lent()).is_none());
        past.push(ends[3].lent());
        past.push(ends[0].lent());
        let saved = past.save(Some(ends[1].lent()));
        let mut other = Past::new(ends[0].state.shape());
        other.restore(&saved);
        look(&other.through(ends[2].lent(), ends[3].lent()).expect("two are known"))
    }

    const TIMES: [f64; ENDS] = [0.3, 0.7, 1.4, 2.0];

    #[test]
    fn polynomials_of_degree_seven_are_met() {
        // Σ_k c_k t^k with small integers: values up to some hundreds.
        let coefficients = [3.0, -2.0, 1.0, 0.5, -1.5, 1.0, -0.25, 0.5];
        let polynomial = |t: f64| {
            let value = coefficients.iter().rev().fold(0.0, |sum, c| sum * t + c);
            let slope = coefficients.iter().enumerate().skip(1).map(|(k, c)| k as f64 * c * t.powi(k as i32 - 1)).sum();
            [value, slope]
        };
        with(polynomial, TIMES, |through| {
            for t in [1.4, 1.5, 1.75, 1.9, 2.0] {
                let (mut point, mut rate) = (scalar(f64::NAN), scalar(f64::NAN));
                let dissipation = through.interpolate(t, &mut point);
                through.rate(t, &mut rate);
                let [value, slope] = polynomial(t);
                // Weights of size 10 at most, values of size 100 at the far end.
                assert!((point.as_slice()[0] - value).abs() < 1e-12, "{t}");
                assert!((rate.as_slice()[0] - slope).abs() < 1e-11, "{t}");
                assert!((dissipation - 2.0 * value).abs() < 2e-12, "{t}");
            }
        });
    }

    #[test]
    fn the_error_is_of_order_eight_and_doubt_exceeds_it() {
        let decay = |t: f64| [(-t).exp(), -(-t).exp()];
        let mut before = None;
        for halvings in 0..4 {
            let h = 0.5f64.powi(halvings);
            let times = [0.0, h, 2.0 * h, 3.0 * h];
            let (error, doubt) = with(decay, times, |through| {
                let mut point = scalar(0.0);
                through.interpolate(2.5 * h, &mut point);
                let doubt: f64 = through.doubt().iter().zip(through.states()).map(|(w, state)| w * state.as_slice()[0]).sum();
                ((point.as_slice()[0] - (-2.5 * h).exp()).abs(), doubt.abs())
            });
            assert!(doubt > 2.0 * error, "{doubt:e} {error:e}");
            // Of y⁽⁸⁾/8! ∏(t − t_j)² with y⁽⁸⁾ between its values at both ends.
            let product = (0.5 * 0.5 * 1.5 * 2.5f64).powi(2) * h.powi(8) / 40320.0;
            assert!(error <= product && error >= product * (-3.0 * h).exp(), "{error:e} {product:e}");
            if let Some(before) = before {
                let ratio: f64 = before / error;
                assert!(ratio > 100.0, "{ratio}");
            }
            before = Some(error);
        }
    }

    /// Two decoupled balanced modes, of rates 1 and 0.1: after the first has settled, its rate 2 limits the steps of the second.
    #[test]
    fn stiff_steps_take_no_extra_slopes_and_keep_the_tolerance() {
        let (sigma, start) = ([1.0, 0.1], 1e-2);
        let operator = Identity::new(2, 2);
        let data = [sigma[0], 0.0, 0.0, sigma[1]];
        let factor = Matrix::identity(2, 2) * start;
        let initial = || State::from_factors(&factor, &factor);
        // f² = σ/(1 + (σ/f₀² − 1) e^{−2σt}); ∫‖∇f‖² ds is what the loss has fallen by.
        let exact = |t: f64| sigma.map(|sigma| sigma / (1.0 + (sigma / (start * start) - 1.0) * (-2.0 * sigma * t).exp()));
        let loss = |product: [f64; 2]| 0.5 * product.iter().zip(sigma).map(|(x, sigma)| (sigma - x).powi(2)).sum::<f64>();
        for rtol in [1e-6, 1e-7, 1e-8] {
            let tolerance = ToleranceSpec { rtol, atol: 0.0, norm: ErrorNorm::Factors };
            let mut flow = RungeKutta::adaptive(&DOP853, tolerance, initial(), 80.0);
            let (mut solo, mut out, mut rate) = (Solo::new(&operator, &data), initial(), initial());
            let (mut through, mut ends, mut inside) = (0, 0.0_f64, 0.0_f64);
            assert_eq!(solo.advance(&mut flow, &mut GradientFlow), StepEvent::Arrived);
            while !flow.finished() {
                assert_eq!(solo.advance(&mut flow, &mut GradientFlow), StepEvent::Arrived);
                let before = flow.counts();
                let smooth = flow.smooth;
                flow.request_interpolant();
                assert_eq!(solo.advance(&mut flow, &mut GradientFlow), StepEvent::Interpolant);
                let taken = flow.counts().dense_evaluations - before.dense_evaluations;
                assert_eq!(taken, if smooth { 0 } else { 3 });
                through += u32::from(smooth);
                let mut error = |t: f64| {
                    let dissipation = flow.interpolate(t, &mut out);
                    let (product, exact) = (out.product(), exact(t));
                    let fallen = loss([start * start; 2]) - loss(exact);
                    assert!((dissipation - fallen).abs() <= 1e3 * rtol, "{t}: {dissipation} {fallen}");
                    (product[(0, 0)] - exact[0]).hypot(product[(1, 1)] - exact[1])
                };
                ends = ends.max(error(flow.t()));
                for part in 1..10 {
                    let t = flow.t_before() + 0.1 * f64::from(part) * (flow.t() - flow.t_before());
                    let error = error(t);
                    inside = inside.max(if smooth { error } else { 0.0 });
                }
                // The rate is that of the interpolant, by central differences.
                let (t, h) = (0.5 * (flow.t_before() + flow.t()), 1e-4 * (flow.t() - flow.t_before()));
                flow.interpolate_rate(t, &mut rate);
                let [later, earlier] = [t + h, t - h].map(|t| {
                    let mut state = initial();
                    flow.interpolate(t, &mut state);
                    state.matrix().clone()
                });
                assert!(((later - earlier) / (2.0 * h) - rate.matrix()).norm() < 1e-7, "{t}");
            }
            println!(
                "rtol {rtol:.0e}: {through} of {} steps, errors {ends:.1e} at ends and {inside:.1e} in steps through them",
                flow.step()
            );
            assert!(through >= 10, "{through} steps");
            // The ends' errors count 1 + 0.65 hλ ≤ 5 times at most; and a tolerance of ‖Z‖ ≈ 1, twice that in the product.
            assert!(inside <= 5.0 * ends + 2.0 * rtol, "{inside:e} {ends:e}");
        }
    }
}
