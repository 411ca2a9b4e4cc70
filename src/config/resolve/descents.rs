//! Descents with data or a metric of their own.

use super::checks::{not_negative, positive_at};
use super::family::{Axis, Labels, number};
use super::methods::{Member, step_size};
use super::perturbation::Surroundings;
use crate::config::descents::{FreshTable, ProjectedTable, QuadraticTable, ScaledTable, StochasticTable, TraceName};
use crate::config::error::Flaw;
use crate::config::experiment::{Ensemble, Factorization, Measurements, Problem};
use crate::config::located::{Located, Span, fill};
use crate::config::method::{Method, Trace};
use crate::config::values::OneOrMany;

/// The most measurements of a step, and the most steps, for each of which there are random streams.
const MOST_MEASUREMENTS: usize = 1 << 24;
const MOST_STEPS: f64 = 1_099_511_627_776.0;

/// The number of measurements, as far as it is known without reading a file.
pub(super) fn known_measurements(problem: &Problem, shape: Option<(usize, usize)>) -> Option<usize> {
    let Problem::Generated { sensing, .. } = problem else { return None };
    match sensing.ensemble.measurements() {
        Some(Measurements::Count(count)) => Some(count),
        Some(_) => None,
        None => shape.map(|(rows, cols)| rows * cols),
    }
}

/// The standard deviation of the measurements' noise, as far as it is known without reading a file.
pub(super) fn known_noise(problem: &Problem) -> f64 {
    match problem {
        Problem::Generated { sensing, .. } => sensing.noise,
        Problem::File(_) => 0.0,
    }
}

pub(super) fn stochastic(key: &str, table: &mut StochasticTable, around: &Surroundings<'_>) -> Result<Vec<Member>, Flaw> {
    let steps = steps(key, &table.step, around)?;
    let batch_key = format!("{key}.batch");
    let batches = Axis::new(&batch_key, &table.batch, |batch, span| match around.measurements {
        Some(most) if !(1..=most).contains(&batch) => {
            Err(Flaw::value(&batch_key, span, format!("is out of range: it must be from 1 to the number of measurements, {most}")))
        }
        None if batch == 0 => Err(Flaw::value(&batch_key, span, "is out of range: it must be at least 1")),
        _ => Ok(batch),
    })?;
    let seeds = seeds(key, &mut table.seed, around)?;
    let mut members = Vec::new();
    for &step in &steps.values {
        for &batch in &batches.values {
            for &seed in &seeds.values {
                let mut labels = label("step", &steps, number(step));
                labels.extend(label("batch", &batches, batch.to_string()));
                labels.extend(label("batch_seed", &seeds, seed.to_string()));
                members.push(Member { method: Method::StochasticGradientDescent { step, batch, seed }, labels });
            }
        }
    }
    Ok(members)
}

pub(super) fn fresh(key: &str, table: &mut FreshTable, around: &Surroundings<'_>) -> Result<Vec<Member>, Flaw> {
    let steps = steps(key, &table.step, around)?;
    let count_key = format!("{key}.measurements");
    let counts = Axis::new(&count_key, &table.measurements, |count, span| match count {
        1..=MOST_MEASUREMENTS => Ok(count),
        _ => Err(Flaw::value(&count_key, span, format!("is out of range: it must be from 1 to {MOST_MEASUREMENTS}"))),
    })?;
    let noise = table.noise.get_or_insert_with(|| Located::filled(around.noise));
    let noise = not_negative(&format!("{key}.noise"), noise)?;
    let seeds = seeds(key, &mut table.seed, around)?;
    let mut members = Vec::new();
    for &step in &steps.values {
        if around.horizon / step >= MOST_STEPS {
            let rule = format!("is too small: up to record.horizon = {} it makes more than 2^40 steps", number(around.horizon));
            return Err(Flaw::value(format!("{key}.step"), &table.step.span, rule));
        }
        for &measurements in &counts.values {
            for &seed in &seeds.values {
                let mut labels = label("step", &steps, number(step));
                labels.extend(label("measurements", &counts, measurements.to_string()));
                labels.extend(label("measurement_seed", &seeds, seed.to_string()));
                members.push(Member { method: Method::FreshMeasurements { step, measurements, noise, seed }, labels });
            }
        }
    }
    Ok(members)
}

pub(super) fn scaled(key: &str, table: &mut ScaledTable, around: &Surroundings<'_>) -> Result<Vec<Member>, Flaw> {
    let steps = steps(key, &table.step, around)?;
    let damping = not_negative(&format!("{key}.damping"), table.damping.get_or_insert_with(|| Located::filled(0.0)))?;
    let member = |&step| Member { method: Method::ScaledDescent { step, damping }, labels: label("step", &steps, number(step)) };
    Ok(steps.values.iter().map(member).collect())
}

/// Whether the measurements are known to be others than outer products of vectors.
pub(super) fn is_not_rank_one(problem: &Problem) -> bool {
    matches!(problem, Problem::Generated { sensing, .. } if !matches!(sensing.ensemble, Ensemble::RankOne { .. }))
}

fn needs_symmetric<T>(key: &str, table: &Located<T>, around: &Surroundings<'_>) -> Result<(), Flaw> {
    if around.factorization == Factorization::Symmetric {
        return Ok(());
    }
    Err(Flaw::presence(
        key,
        &table.span,
        "has no place here: it is a method of the symmetric model; set model.factorization = \"symmetric\"",
    ))
}

pub(super) fn projected(key: &str, table: &Located<ProjectedTable>, around: &Surroundings<'_>) -> Result<Vec<Member>, Flaw> {
    needs_symmetric(key, table, around)?;
    let steps = steps(key, &table.value.step, around)?;
    let member = |&step| Member { method: Method::ProjectedDescent { step }, labels: label("step", &steps, number(step)) };
    Ok(steps.values.iter().map(member).collect())
}

pub(super) fn quadratic(key: &str, table: &mut Located<QuadraticTable>, around: &Surroundings<'_>) -> Result<Vec<Member>, Flaw> {
    needs_symmetric(key, table, around)?;
    if around.not_rank_one {
        let rule = "has no place here: a quadratic network measures by outer products of its inputs; take [sensing.rank_one]";
        return Err(Flaw::presence(key, &table.span, rule));
    }
    let table = &mut table.value;
    let steps = steps(key, &table.step, around)?;
    let threshold_key = format!("{key}.threshold");
    let thresholds = Axis::new(&threshold_key, &table.threshold, |threshold, span| positive_at(&threshold_key, span, threshold))?;
    let trace = match fill(&mut table.trace, TraceName::Known) {
        TraceName::Known => Trace::Known,
        TraceName::Estimated => Trace::Estimated,
    };
    let mut members = Vec::new();
    for &step in &steps.values {
        for &threshold in &thresholds.values {
            let mut labels = label("step", &steps, number(step));
            labels.extend(label("threshold", &thresholds, number(threshold)));
            members.push(Member { method: Method::QuadraticNetwork { step, threshold, trace }, labels });
        }
    }
    Ok(members)
}

fn steps(key: &str, written: &Located<OneOrMany<f64>>, around: &Surroundings<'_>) -> Result<Axis<f64>, Flaw> {
    let key = format!("{key}.step");
    Axis::new(&key, written, |step, span: &Span| step_size(&key, span, positive_at(&key, span, step)?, around.horizon))
}

fn seeds(key: &str, slot: &mut Option<Located<OneOrMany<u64>>>, around: &Surroundings<'_>) -> Result<Axis<u64>, Flaw> {
    fill(slot, OneOrMany::One(around.seed));
    match slot {
        Some(written) => Axis::new(&format!("{key}.seed"), written, |seed, _| Ok(seed)),
        None => Ok(Axis::fixed(around.seed)),
    }
}

fn label<T>(name: &'static str, axis: &Axis<T>, value: String) -> Labels {
    if axis.is_listed() { vec![(name, value)] } else { vec![] }
}
