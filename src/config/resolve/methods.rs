//! Methods, and the families that their parameters make.

use super::checks::{absent, exactly_one, not_negative, positive_at, span_of};
use super::descents::{fresh, projected, quadratic, scaled, stochastic};
use super::family::{Axis, Labels, number};
use super::perturbation::{Surroundings, perturbations};
use crate::config::error::Flaw;
use crate::config::flows::{ErrorNormName, FlowTable, MethodName, ModifiedFlowTable, PairName};
use crate::config::integrator::{ErrorNorm, FlowMethod, Pair, TailMethod, ToleranceSpec};
use crate::config::located::{Located, Span, fill};
use crate::config::method::Method;
use crate::config::schema::TrajectoryTable;
use crate::config::values::OneOrMany;

/// A method, with the parameters that were written as lists.
pub(super) struct Member {
    pub method: Method,
    pub labels: Labels,
}

/// Every method of a family; exactly one kind.
pub(super) fn methods(key: &str, span: &Span, table: &mut TrajectoryTable, around: &Surroundings<'_>) -> Result<Vec<Member>, Flaw> {
    let variants = [
        ("flow", span_of(&table.flow)),
        ("gradient_descent", span_of(&table.gradient_descent)),
        ("modified_flow", span_of(&table.modified_flow)),
        ("closed_form", span_of(&table.closed_form)),
        ("exponential", span_of(&table.exponential)),
        ("cayley", span_of(&table.cayley)),
        ("momentum", span_of(&table.momentum)),
        ("nesterov", span_of(&table.nesterov)),
        ("stochastic_gradient_descent", span_of(&table.stochastic_gradient_descent)),
        ("fresh_measurements", span_of(&table.fresh_measurements)),
        ("scaled_descent", span_of(&table.scaled_descent)),
        ("projected_descent", span_of(&table.projected_descent)),
        ("quadratic_network", span_of(&table.quadratic_network)),
    ];
    exactly_one(key, span, &variants)?;
    if let Some(flow) = &mut table.flow {
        let integrator = flow_method(&format!("{key}.flow"), flow, around.horizon)?;
        return match &mut table.perturbation {
            None => Ok(vec![Member { method: Method::Flow(integrator), labels: vec![] }]),
            Some(perturbation) => {
                perturbable(&format!("{key}.perturbation"), &integrator, &perturbation.span)?;
                let members = perturbations(&format!("{key}.perturbation"), perturbation, around)?;
                let member = |(perturbation, labels)| Member { method: Method::PerturbedFlow { integrator, perturbation }, labels };
                Ok(members.into_iter().map(member).collect())
            }
        };
    }
    absent(&format!("{key}.perturbation"), &table.perturbation, "only a table `flow` can be perturbed; remove it, or choose flow")?;
    if table.closed_form.is_some() {
        return Ok(vec![Member { method: Method::ClosedForm, labels: vec![] }]);
    }
    if let Some(table) = &mut table.stochastic_gradient_descent {
        return stochastic(&format!("{key}.stochastic_gradient_descent"), &mut table.value, around);
    }
    if let Some(table) = &mut table.fresh_measurements {
        return fresh(&format!("{key}.fresh_measurements"), &mut table.value, around);
    }
    if let Some(table) = &mut table.scaled_descent {
        return scaled(&format!("{key}.scaled_descent"), &mut table.value, around);
    }
    if let Some(table) = &table.projected_descent {
        return projected(&format!("{key}.projected_descent"), table, around);
    }
    if let Some(table) = &mut table.quadratic_network {
        return quadratic(&format!("{key}.quadratic_network"), table, around);
    }
    discrete(key, span, table, around.horizon)
}

/// The methods with a step.
fn discrete(key: &str, span: &Span, table: &mut TrajectoryTable, horizon: f64) -> Result<Vec<Member>, Flaw> {
    let family = |name: &str, written: &Located<OneOrMany<f64>>, make: &dyn Fn(f64) -> Method| {
        let key = format!("{key}.{name}.step");
        let steps = Axis::new(&key, written, |step, span| step_size(&key, span, step, horizon))?;
        let label = |step: f64| if steps.is_listed() { vec![("step", number(step))] } else { vec![] };
        Ok(steps.values.iter().map(|&step| Member { method: make(step), labels: label(step) }).collect())
    };
    if let Some(table) = &table.gradient_descent {
        return family("gradient_descent", &table.value.step, &|step| Method::GradientDescent { step });
    }
    if let Some(table) = &mut table.modified_flow {
        let integrator = modified_flow(&format!("{key}.modified_flow"), &mut table.value)?;
        return family("modified_flow", &table.value.step, &|step| Method::ModifiedFlow { step, integrator });
    }
    if let Some(table) = &table.exponential {
        return family("exponential", &table.value.step, &|step| Method::Exponential { step });
    }
    if let Some(table) = &table.cayley {
        return family("cayley", &table.value.step, &|step| Method::Cayley { step });
    }
    if let Some(table) = &table.momentum {
        let momentum = momentum(&format!("{key}.momentum.momentum"), &table.value.momentum)?;
        return family("momentum", &table.value.step, &|step| Method::Momentum { step, momentum });
    }
    if let Some(table) = &table.nesterov {
        let key = format!("{key}.nesterov.momentum");
        let momentum = table.value.momentum.as_ref().map(|value| momentum(&key, value)).transpose()?;
        return family("nesterov", &table.value.step, &|step| Method::Nesterov { step, momentum });
    }
    Err(Flaw::presence(key, span, "chooses no method"))
}

fn momentum(key: &str, value: &Located<f64>) -> Result<f64, Flaw> {
    if (0.0..1.0).contains(&value.value) {
        return Ok(value.value);
    }
    Err(Flaw::value(key, &value.span, "is out of range: it must be at least 0 and below 1"))
}

/// A step that reaches the horizon in a countable number of steps.
pub(super) fn step_size(key: &str, span: &Span, step: f64, horizon: f64) -> Result<f64, Flaw> {
    // Step numbers are exact in f64 up to here.
    const MOST_STEPS: f64 = 9_007_199_254_740_992.0;
    let step = positive_at(key, span, step)?;
    if step > horizon {
        return Err(Flaw::value(key, span, format!("is out of range: a step must be at most record.horizon = {}", number(horizon))));
    }
    if horizon / step > MOST_STEPS {
        return Err(Flaw::value(
            key,
            span,
            format!("is too small: up to record.horizon = {} it makes more than 2^53 steps", number(horizon)),
        ));
    }
    Ok(step)
}

fn flow_method(key: &str, table: &mut Located<FlowTable>, horizon: f64) -> Result<FlowMethod, Flaw> {
    let span = table.span.clone();
    let table = &mut table.value;
    let integrator = match fill(&mut table.method, MethodName::Dop853) {
        MethodName::Dopri5 => Integrator::Pair(Pair::Dopri5),
        MethodName::Dop853 => Integrator::Pair(Pair::Dop853),
        MethodName::Rkc2 => Integrator::Tail(TailMethod::Rkc2),
        MethodName::Exponential => Integrator::Tail(TailMethod::Exponential),
        MethodName::Auto => Integrator::Tail(TailMethod::Auto),
        MethodName::Rk4 => {
            let reason = "rk4 has a fixed step and no error control; remove it, or choose another method";
            absent(&format!("{key}.rtol"), &table.rtol, reason)?;
            absent(&format!("{key}.atol"), &table.atol, reason)?;
            absent(&format!("{key}.error_norm"), &table.error_norm, reason)?;
            let key = format!("{key}.step");
            let Some(step) = &table.step else {
                return Err(Flaw::missing(key, &span, "rk4 has a fixed step: give it, such as step = 0.01"));
            };
            return Ok(FlowMethod::Rk4 { step: step_size(&key, &step.span, step.value, horizon)? });
        }
    };
    absent(&format!("{key}.step"), &table.step, "only method = \"rk4\" has a fixed step; remove it, or choose rk4")?;
    let norm_span = span_of(&table.error_norm).unwrap_or_default();
    let tolerance = tolerance(key, &mut table.rtol, &mut table.atol, &mut table.error_norm)?;
    match integrator {
        Integrator::Pair(pair) => Ok(FlowMethod::Adaptive { pair, tolerance }),
        Integrator::Tail(method) if tolerance.norm == ErrorNorm::Product => {
            let rule = format!(
                "is not offered by method = \"{}\", which measures errors of the factors: remove it, or choose dop853",
                method.name()
            );
            Err(Flaw::value(format!("{key}.error_norm"), &norm_span, rule))
        }
        Integrator::Tail(method) => Ok(FlowMethod::Tail { method, tolerance }),
    }
}

/// An integrator with error control.
enum Integrator {
    Pair(Pair),
    Tail(TailMethod),
}

/// Refuses a perturbation of a flow whose integrator knows the Jacobian of gradient flow only.
fn perturbable(key: &str, integrator: &FlowMethod, perturbation: &Span) -> Result<(), Flaw> {
    match integrator {
        FlowMethod::Tail { method, .. } => Err(Flaw::presence(
            key,
            perturbation,
            format!(
                "has no place here: method = \"{}\" needs the Jacobian of the field, which is known for gradient flow alone; choose \
                 dop853, dopri5 or rk4 for the perturbed flow",
                method.name()
            ),
        )),
        FlowMethod::Adaptive { .. } | FlowMethod::Rk4 { .. } => Ok(()),
    }
}

fn modified_flow(key: &str, table: &mut ModifiedFlowTable) -> Result<FlowMethod, Flaw> {
    let pair = match fill(&mut table.method, PairName::Dop853) {
        PairName::Dopri5 => Pair::Dopri5,
        PairName::Dop853 => Pair::Dop853,
    };
    let tolerance = tolerance(key, &mut table.rtol, &mut table.atol, &mut table.error_norm)?;
    Ok(FlowMethod::Adaptive { pair, tolerance })
}

fn tolerance(
    key: &str,
    rtol: &mut Option<Located<f64>>,
    atol: &mut Option<Located<f64>>,
    norm: &mut Option<Located<ErrorNormName>>,
) -> Result<ToleranceSpec, Flaw> {
    let rtol = rtol.get_or_insert_with(|| Located::filled(1e-8));
    if !(rtol.value > 1e-15 && rtol.value < 1.0) {
        let rule = "is out of range: it must lie between 1e-15 and 1, both excluded";
        return Err(Flaw::value(format!("{key}.rtol"), &rtol.span, rule));
    }
    let atol = not_negative(&format!("{key}.atol"), atol.get_or_insert_with(|| Located::filled(0.0)))?;
    let norm = match fill(norm, ErrorNormName::Factors) {
        ErrorNormName::Factors => ErrorNorm::Factors,
        ErrorNormName::Product => ErrorNorm::Product,
    };
    Ok(ToleranceSpec { rtol: rtol.value, atol, norm })
}
