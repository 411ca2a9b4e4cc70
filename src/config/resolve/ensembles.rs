//! Structured ensembles: how many measurements, and whether there are so many.

use super::checks::{at_least, positive, span_of};
use crate::config::ensembles::CountKeys;
use crate::config::error::Flaw;
use crate::config::experiment::Measurements;
use crate::config::located::Span;

/// What is known of the target without reading a file.
pub(super) struct Known {
    pub shape: Option<(usize, usize)>,
    pub rank: Option<usize>,
}

/// How many measurements of `rows × cols` matrices there are, if there is such a number.
pub(super) type Most = fn(usize, usize) -> Option<usize>;

/// As many as one likes.
pub(super) const ANY: Most = |_, _| None;

/// The one key that tells the count.
pub(super) fn measurements(ensemble: &str, table: &Span, keys: &CountKeys<'_>, known: &Known, most: Most) -> Result<Measurements, Flaw> {
    let key = |name: &str| format!("sensing.{ensemble}.{name}");
    let fraction = keys.fraction.unwrap_or(&None);
    let places =
        [("measurements", span_of(keys.measurements)), ("oversampling", span_of(keys.oversampling)), ("fraction", span_of(fraction))];
    let mut given: Vec<(&str, Span)> = places.into_iter().filter_map(|(name, span)| Some((name, span?))).collect();
    given.sort_by_key(|(_, span)| span.start);
    if let [(first, _), (second, span), ..] = given.as_slice() {
        let rule = format!("cannot stand beside `{}`: choose one and remove the other", key(first));
        return Err(Flaw::presence(key(second), span, rule));
    }
    let measurements = match (keys.measurements, keys.oversampling, fraction) {
        (Some(count), ..) => Measurements::Count(at_least(&key("measurements"), count, 1)?),
        (_, Some(factor), _) => Measurements::Oversampling(positive(&key("oversampling"), factor)?),
        (.., Some(part)) if part.value > 0.0 && part.value <= 1.0 => Measurements::Fraction(part.value),
        (.., Some(part)) => {
            let rule = "is out of range: it must be above 0 and at most 1";
            return Err(Flaw::value(key("fraction"), &part.span, rule));
        }
        (None, None, None) => {
            let more = if keys.fraction.is_some() { ", or fraction = 0.5 for half of the entries" } else { "" };
            let remedy = format!("give measurements = 700, or oversampling = 5.0 for ⌈oversampling · r (m + n − r)⌉ of them{more}");
            return Err(Flaw::missing(key("measurements"), table, remedy));
        }
    };
    let count = match (measurements, known.shape, known.rank) {
        (Measurements::Count(count), ..) => Some(count),
        (_, Some((rows, cols)), Some(rank)) => Some(measurements.count(rows, cols, rank)),
        _ => None,
    };
    if let (Some(count), Some((rows, cols)), [(name, span)]) = (count, known.shape, given.as_slice())
        && let Some(most) = most(rows, cols).filter(|&most| count > most)
    {
        let rule = format!("is too large: it makes {count} measurements without replacement, and there are {most} of them");
        return Err(Flaw::value(key(name), span, rule));
    }
    Ok(measurements)
}
