//! From an experiment's description to a stepper.

use super::tableaus::{DOP853, DOPRI5, Embedded, RK4};
use super::{
    Auto, Cayley, Discrete, Exponential, GradientDescent, Momentum, Nesterov, ProjectedDescent, QuadraticNetwork, RungeKutta,
    ScaledDescent, Stepper, Tail, Update,
};
use crate::config::{FlowMethod, Method, Pair, TailMethod};
use crate::dynamics::State;

fn embedded(pair: Pair) -> &'static Embedded {
    match pair {
        Pair::Dopri5 => &DOPRI5,
        Pair::Dop853 => &DOP853,
    }
}

fn discrete(update: impl Update + 'static, step: f64, initial: State, horizon: f64) -> Box<dyn Stepper> {
    Box::new(Discrete::new(update, step, initial, horizon))
}

/// The stepper of a method, at `t = 0`. With `exact_times` (ascending) a flow cuts its steps there; descents keep to their own grid.
///
/// The exact solution depends on the instance, which is not known here: `theory::ClosedForm` is its stepper, and what this function makes
/// of [`Method::ClosedForm`] fails at its first step. So does that of [`Method::QuadraticNetwork`], whose `τ` is not known either.
pub fn build(method: &Method, initial: State, horizon: f64, exact_times: Option<Vec<f64>>) -> Box<dyn Stepper> {
    let flow = match *method {
        Method::GradientDescent { step } | Method::StochasticGradientDescent { step, .. } | Method::FreshMeasurements { step, .. } => {
            return discrete(GradientDescent, step, initial, horizon);
        }
        Method::ProjectedDescent { step } => return discrete(ProjectedDescent::new(initial.shape()), step, initial, horizon),
        Method::ScaledDescent { step, damping } => return discrete(ScaledDescent::new(damping, initial.shape()), step, initial, horizon),
        Method::Exponential { step } => return discrete(Exponential::new(initial.shape()), step, initial, horizon),
        Method::Cayley { step } => return discrete(Cayley::new(initial.shape()), step, initial, horizon),
        Method::Momentum { step, momentum } => return discrete(Momentum { momentum }, step, initial, horizon),
        Method::Nesterov { step, momentum } => return discrete(Nesterov { momentum }, step, initial, horizon),
        // τ depends on the instance.
        Method::QuadraticNetwork { step, .. } => return discrete(QuadraticNetwork { trace: f64::NAN }, step, initial, horizon),
        // A step of zero fails at once.
        Method::ClosedForm => RungeKutta::fixed(&RK4, 0.0, initial, horizon),
        Method::Flow(integrator) | Method::PerturbedFlow { integrator, .. } | Method::ModifiedFlow { integrator, .. } => match integrator {
            FlowMethod::Adaptive { pair, tolerance } => RungeKutta::adaptive(embedded(pair), tolerance, initial, horizon),
            FlowMethod::Rk4 { step } => RungeKutta::fixed(&RK4, step, initial, horizon),
            FlowMethod::Tail { method, tolerance } => {
                let times = exact_times.unwrap_or_default();
                return match method {
                    TailMethod::Rkc2 => Box::new(Tail::rkc2(tolerance, initial, horizon).with_exact_times(times)),
                    TailMethod::Exponential => Box::new(Tail::exponential(tolerance, initial, horizon).with_exact_times(times)),
                    TailMethod::Auto => Box::new(Auto::new(tolerance, initial, horizon).with_exact_times(times)),
                };
            }
        },
    };
    Box::new(flow.with_exact_times(exact_times.unwrap_or_default()))
}

/// The method's name in configurations and records.
pub fn method_name(method: &Method) -> &'static str {
    match method {
        Method::GradientDescent { .. } => "gradient_descent",
        Method::StochasticGradientDescent { .. } => "stochastic_gradient_descent",
        Method::FreshMeasurements { .. } => "fresh_measurements",
        Method::ScaledDescent { .. } => "scaled_descent",
        Method::ProjectedDescent { .. } => "projected_descent",
        Method::QuadraticNetwork { .. } => "quadratic_network",
        Method::Exponential { .. } => "exponential",
        Method::Cayley { .. } => "cayley",
        Method::Momentum { .. } => "momentum",
        Method::Nesterov { .. } => "nesterov",
        Method::ClosedForm => "closed_form",
        Method::Flow(integrator) | Method::PerturbedFlow { integrator, .. } | Method::ModifiedFlow { integrator, .. } => match integrator {
            FlowMethod::Adaptive { pair, .. } => embedded(*pair).tableau.name,
            FlowMethod::Rk4 { .. } => RK4.name,
            FlowMethod::Tail { method, .. } => method.name(),
        },
    }
}
