//! From an experiment's description to a stepper.

use super::tableaus::{DOP853, DOPRI5, Embedded, RK4};
use super::{GradientDescent, RungeKutta, Stepper};
use crate::config::{FlowMethod, Method, Pair};
use crate::dynamics::State;

fn embedded(pair: Pair) -> &'static Embedded {
    match pair {
        Pair::Dopri5 => &DOPRI5,
        Pair::Dop853 => &DOP853,
    }
}

/// The stepper of a method, at `t = 0`. With `exact_times` (ascending) a flow cuts its steps there; descents keep to their own grid.
pub fn build(method: &Method, initial: State, horizon: f64, exact_times: Option<Vec<f64>>) -> Box<dyn Stepper> {
    let flow = match *method {
        Method::GradientDescent { step } => return Box::new(GradientDescent::new(step, initial, horizon)),
        // PLACEHOLDER until these steppers exist; no configuration can ask for them yet.
        Method::Exponential { step } | Method::Cayley { step } | Method::Momentum { step, .. } | Method::Nesterov { step, .. } => {
            return Box::new(GradientDescent::new(step, initial, horizon));
        }
        Method::ClosedForm => return Box::new(GradientDescent::new(horizon, initial, horizon)),
        Method::Flow(integrator) | Method::PerturbedFlow { integrator, .. } | Method::ModifiedFlow { integrator, .. } => match integrator {
            FlowMethod::Adaptive { pair, tolerance } => RungeKutta::adaptive(embedded(pair), tolerance, initial, horizon),
            FlowMethod::Rk4 { step } => RungeKutta::fixed(&RK4, step, initial, horizon),
        },
    };
    Box::new(flow.with_exact_times(exact_times.unwrap_or_default()))
}

/// The method's name in configurations and records.
pub fn method_name(method: &Method) -> &'static str {
    match method {
        Method::GradientDescent { .. } => "gradient_descent",
        Method::Exponential { .. } => "exponential",
        Method::Cayley { .. } => "cayley",
        Method::Momentum { .. } => "momentum",
        Method::Nesterov { .. } => "nesterov",
        Method::ClosedForm => "closed_form",
        Method::Flow(integrator) | Method::PerturbedFlow { integrator, .. } | Method::ModifiedFlow { integrator, .. } => match integrator {
            FlowMethod::Adaptive { pair, .. } => embedded(*pair).tableau.name,
            FlowMethod::Rk4 { .. } => RK4.name,
        },
    }
}
