//! Small vector fields and runners that the stepper tests share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use pgflow::config::{ErrorNorm, FlowMethod, Method, Pair, ToleranceSpec};
use pgflow::dynamics::{Moment, Next, State, VectorField};
use pgflow::linalg::Matrix;
use pgflow::sensing::{Answer, Question};
use pgflow::stepper::{Failure, StepEvent, Stepper};

/// A state of these entries.
pub fn vector(entries: &[f64]) -> State {
    State::from_factors(&Matrix::from_column_slice(entries.len(), 1, entries), &Matrix::zeros(0, 1))
}

/// A field that answers by itself.
pub struct Field<V> {
    pub rate: V,
    /// Ends of its pieces.
    pub jumps: Vec<f64>,
}

impl<V: Fn(Moment, &[f64], &mut [f64]) + Send> Field<V> {
    pub fn new(rate: V) -> Self {
        Field { rate, jumps: Vec::new() }
    }
}

impl<V: Fn(Moment, &[f64], &mut [f64]) + Send> VectorField for Field<V> {
    fn begin(&mut self, at: Moment, state: &State, rate: &mut State) -> Next {
        (self.rate)(at, state.as_slice(), rate.as_mut_slice());
        Next::Rate
    }

    fn question<'a>(&'a self, _state: &'a State) -> Question<'a> {
        panic!("this field asks nothing")
    }

    fn resume(&mut self, _at: Moment, _state: &State, _answer: &Answer, _rate: &mut State) -> Next {
        panic!("this field asks nothing")
    }

    fn piece_end(&self, piece: u64) -> Option<f64> {
        self.jumps.get(piece as usize).copied()
    }
}

/// One point of a trajectory.
#[derive(Clone, Debug, PartialEq)]
pub struct Visited {
    pub t: f64,
    pub z: Vec<f64>,
    pub rate: Vec<f64>,
    pub dissipation: f64,
}

pub fn visited(stepper: &dyn Stepper) -> Visited {
    Visited {
        t: stepper.t(),
        z: stepper.state().as_slice().to_vec(),
        rate: stepper.rate().as_slice().to_vec(),
        dissipation: stepper.dissipation(),
    }
}

/// Runs to the end; all points.
pub fn run(stepper: &mut dyn Stepper, field: &mut dyn VectorField) -> Result<Vec<Visited>, Failure> {
    let mut points = Vec::new();
    loop {
        match stepper.poll(field, None) {
            StepEvent::Arrived => points.push(visited(stepper)),
            StepEvent::Failed(failure) => return Err(failure),
            event => panic!("unexpected {event:?}"),
        }
        if stepper.finished() {
            return Ok(points);
        }
    }
}

/// The interpolant at `t`, requested and computed.
pub fn dense(stepper: &mut dyn Stepper, field: &mut dyn VectorField, t: f64) -> (Vec<f64>, f64) {
    stepper.request_interpolant();
    assert_eq!(stepper.poll(field, None), StepEvent::Interpolant);
    let mut out = stepper.state().clone();
    let dissipation = stepper.interpolate(t, &mut out);
    (out.as_slice().to_vec(), dissipation)
}

pub fn tolerance(rtol: f64) -> ToleranceSpec {
    ToleranceSpec { rtol, atol: 0.0, norm: ErrorNorm::Factors }
}

pub fn adaptive(pair: Pair, rtol: f64) -> Method {
    Method::Flow(FlowMethod::Adaptive { pair, tolerance: tolerance(rtol) })
}

/// Every method that needs no more of a field than its rate, at moderate accuracy.
pub fn every_method() -> [Method; 6] {
    [
        adaptive(Pair::Dop853, 1e-8),
        adaptive(Pair::Dopri5, 1e-8),
        Method::Flow(FlowMethod::Rk4 { step: 0.07 }),
        Method::GradientDescent { step: 0.07 },
        Method::Momentum { step: 0.07, momentum: 0.6 },
        Method::Nesterov { step: 0.07, momentum: None },
    ]
}

/// Least-squares slope of `ln error` against `ln h`.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let logs: Vec<_> = points.iter().map(|(h, e)| (h.ln(), e.ln())).collect();
    let (mx, my) = (logs.iter().map(|p| p.0).sum::<f64>() / n, logs.iter().map(|p| p.1).sum::<f64>() / n);
    logs.iter().map(|(x, y)| (x - mx) * (y - my)).sum::<f64>() / logs.iter().map(|(x, _)| (x - mx).powi(2)).sum::<f64>()
}

/// The largest difference of two vectors' entries.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
