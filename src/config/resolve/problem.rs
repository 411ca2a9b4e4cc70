//! The instance: target, measurements, width.

use super::checks::{absent, at_least, bytes, exactly_one, not_negative, path, positive, span_of};
use super::ensembles::{ANY, Known, Most, measurements};
use crate::config::ensembles::CountedTable;
use crate::config::error::Flaw;
use crate::config::experiment::{Coherence, Ensemble, Measurements, Problem, SensingSpec, Storage, TargetKind, TargetSpec};
use crate::config::located::{Located, Span, fill};
use crate::config::schema::{CoherenceName, FactorizationName, File, GaussianTable, SensingTable, StorageName, TargetTable};
use crate::config::values::RankValue;
use crate::sensing::{Hadamard, Pauli};
use std::path::Path;

/// The instance, and what is known about it without reading a file.
pub(super) struct Facts {
    pub problem: Problem,
    pub shape: Option<(usize, usize)>,
    pub rank: Option<usize>,
    pub from_file: bool,
}

pub(super) fn problem(file: &mut File, seed: u64, base: &Path) -> Result<Facts, Flaw> {
    if let Some(instance) = &mut file.instance {
        let reason = "[instance] brings the target and the measurements; remove one of the two tables";
        absent("target", &file.target, reason)?;
        absent("sensing", &file.sensing, reason)?;
        let path = path("instance.file", &mut instance.value.file, base)?;
        return Ok(Facts { problem: Problem::File(path), shape: None, rank: None, from_file: true });
    }
    let Some(table) = &mut file.target else {
        return Err(Flaw::missing("target", &(0..0), "add a table [target] (or [instance], to read an instance from a file)"));
    };
    let target = target(table, seed, base)?;
    let (shape, rank) = match &target.kind {
        TargetKind::Random { rows, cols, singular_values, .. } => (Some((*rows, *cols)), Some(singular_values.len())),
        TargetKind::File { rank, .. } => (None, *rank),
    };
    let Some(table) = &mut file.sensing else {
        return Err(Flaw::missing("sensing", &(0..0), "add a table [sensing.gaussian] or [sensing.identity]"));
    };
    let sensing = sensing(table, seed, shape, rank)?;
    Ok(Facts { problem: Problem::Generated { target, sensing }, shape, rank, from_file: false })
}

fn target(table: &mut Located<TargetTable>, seed: u64, base: &Path) -> Result<TargetSpec, Flaw> {
    let span = table.span.clone();
    let table = &mut table.value;
    if table.file.is_some() {
        return target_file(table, seed, base, &span);
    }
    let size = |key: &str, value: &Option<Located<usize>>| match value {
        Some(value) => at_least(&format!("target.{key}"), value, 1),
        None => {
            Err(Flaw::missing(format!("target.{key}"), &span, format!("give it, such as {key} = 40 (or `file`, for a matrix from a file)")))
        }
    };
    let (rows, cols) = (size("rows", &table.rows)?, size("cols", &table.cols)?);
    if bytes(&[rows, cols], 8).is_none() {
        let place = span_of(&table.rows).unwrap_or_default();
        return Err(Flaw::value(
            "target.rows",
            &place,
            format!("is too large beside target.cols = {cols}: no matrix of this size fits in memory"),
        ));
    }
    let rank = match &table.rank {
        None => None,
        Some(Located { value: RankValue::Rank(rank), .. }) if (1..=rows.min(cols)).contains(rank) => Some(*rank),
        Some(Located { value: RankValue::Rank(_), span }) => {
            let rule = format!("is out of range: it must be from 1 to min(rows, cols) = {}", rows.min(cols));
            return Err(Flaw::value("target.rank", span, rule));
        }
        Some(Located { span, .. }) => {
            return Err(Flaw::value(
                "target.rank",
                span,
                "is for matrices from a file: give an integer, or `file` instead of rows and cols",
            ));
        }
    };
    let values = spectrum(table, rank, rows.min(cols), &span)?;
    table.rank.get_or_insert_with(|| Located::filled(RankValue::Rank(values.len())));
    table.condition_number = None;
    let coherence = match fill(&mut table.coherence, CoherenceName::Incoherent) {
        CoherenceName::Incoherent => Coherence::Incoherent,
        CoherenceName::Coherent => Coherence::Coherent,
    };
    table.singular_values = Some(Located::filled(values.iter().copied().map(Located::filled).collect()));
    Ok(TargetSpec { seed: fill(&mut table.seed, seed), kind: TargetKind::Random { rows, cols, singular_values: values, coherence } })
}

fn target_file(table: &mut TargetTable, seed: u64, base: &Path, span: &Span) -> Result<TargetSpec, Flaw> {
    absent("target.rows", &table.rows, "`target.file` fixes the shape; remove one of the two")?;
    absent("target.cols", &table.cols, "`target.file` fixes the shape; remove one of the two")?;
    absent("target.singular_values", &table.singular_values, "`target.file` fixes the spectrum; remove one of the two")?;
    absent("target.condition_number", &table.condition_number, "`target.file` fixes the spectrum; remove one of the two")?;
    absent("target.coherence", &table.coherence, "`target.file` fixes the singular vectors; remove one of the two")?;
    absent("target.seed", &table.seed, "nothing is random about a matrix from `target.file`; remove it")?;
    let rank = match &table.rank {
        Some(Located { value: RankValue::Full, .. }) => None,
        Some(Located { value: RankValue::Rank(rank), .. }) if *rank >= 1 => Some(*rank),
        Some(Located { span, .. }) => {
            return Err(Flaw::value("target.rank", span, "is out of range: it must be at least 1, or \"full\""));
        }
        None => {
            let remedy = "give rank = 3 for the best approximation of rank 3, scaled to σ₁ = 1, or rank = \"full\" for the matrix as it is";
            return Err(Flaw::missing("target.rank", span, remedy));
        }
    };
    let Some(file) = &mut table.file else { return Err(Flaw::missing("target.file", span, "give the path of the file")) };
    Ok(TargetSpec { seed, kind: TargetKind::File { path: path("target.file", file, base)?, rank } })
}

fn spectrum(table: &TargetTable, rank: Option<usize>, largest_rank: usize, span: &Span) -> Result<Vec<f64>, Flaw> {
    match (&table.singular_values, &table.condition_number) {
        (Some(_), Some(condition)) => {
            let rule = "cannot stand beside `target.singular_values`, which fix it: remove one of the two";
            Err(Flaw::presence("target.condition_number", &condition.span, rule))
        }
        (Some(values), None) => listed_spectrum(values, rank, table.rank.as_ref().map(|rank| &rank.span), largest_rank),
        (None, Some(condition)) => {
            let Some(rank) = rank else {
                return Err(Flaw::missing("target.rank", span, "`target.condition_number` needs it: give it, such as rank = 2"));
            };
            geometric_spectrum(condition, rank)
        }
        (None, None) => {
            let remedy = "give singular_values = [1.0, 0.5], or condition_number = 2.0 with rank";
            Err(Flaw::missing("target.singular_values", span, remedy))
        }
    }
}

fn listed_spectrum(
    values: &Located<Vec<Located<f64>>>,
    rank: Option<usize>,
    rank_span: Option<&Span>,
    largest_rank: usize,
) -> Result<Vec<f64>, Flaw> {
    const KEY: &str = "target.singular_values";
    if let (Some(rank), Some(span)) = (rank, rank_span)
        && rank != values.len()
    {
        let rule = format!("contradicts `{KEY}`, which has {} entries: make them agree, or remove rank", values.len());
        return Err(Flaw::value("target.rank", span, rule));
    }
    if values.is_empty() || values.len() > largest_rank {
        let rule = format!("has {} entries: it must have from 1 to min(rows, cols) = {largest_rank}", values.len());
        return Err(Flaw::value(KEY, &values.span, rule));
    }
    let mut previous = f64::INFINITY;
    for value in &values.value {
        if !(value.value > 0.0 && value.is_finite()) {
            return Err(Flaw::value(KEY, &value.span, "is out of range: each entry must be positive and finite (leave zeros out)"));
        }
        if value.value > previous {
            return Err(Flaw::value(
                KEY,
                &value.span,
                format!("is larger than the entry before it, {previous}: sort them in descending order"),
            ));
        }
        previous = value.value;
    }
    Ok(values.iter().map(|value| value.value).collect())
}

/// `σ_i = κ^{−(i−1)/(r−1)}`, from 1 to 1/κ, both ends exact.
fn geometric_spectrum(condition: &Located<f64>, rank: usize) -> Result<Vec<f64>, Flaw> {
    const KEY: &str = "target.condition_number";
    let kappa = condition.value;
    if !(kappa >= 1.0 && kappa.is_finite()) {
        return Err(Flaw::value(KEY, &condition.span, "is out of range: it must be at least 1 and finite"));
    }
    if rank == 1 && kappa > 1.0 {
        return Err(Flaw::value(KEY, &condition.span, "is impossible at rank 1: it must be 1, or the rank larger"));
    }
    let smallest = 1.0 / kappa;
    let mut values = vec![1.0];
    let mut previous = 1.0f64;
    for i in 1..rank {
        let value = if i + 1 == rank { smallest } else { kappa.powf(-(i as f64) / (rank - 1) as f64) };
        // Rounding must not break the order where κ is within rounding of 1.
        previous = value.clamp(smallest, previous);
        values.push(previous);
    }
    Ok(values)
}

fn sensing(table: &mut Located<SensingTable>, seed: u64, shape: Option<(usize, usize)>, rank: Option<usize>) -> Result<SensingSpec, Flaw> {
    let span = table.span.clone();
    let table = &mut table.value;
    let places = [
        ("gaussian", span_of(&table.gaussian)),
        ("rademacher", span_of(&table.rademacher)),
        ("rank_one", span_of(&table.rank_one)),
        ("hadamard", span_of(&table.hadamard)),
        ("pauli", span_of(&table.pauli)),
        ("entries", span_of(&table.entries)),
        ("identity", span_of(&table.identity)),
    ];
    exactly_one("sensing", &span, &places)?;
    let known = Known { shape, rank };
    if let Some(gaussian) = &mut table.gaussian {
        let ensemble = gaussian_ensemble(gaussian, shape, rank)?;
        let noise = noise("sensing.gaussian.noise", &mut gaussian.value.noise)?;
        return Ok(SensingSpec { seed: fill(&mut gaussian.value.seed, seed), noise, ensemble });
    }
    type Make = fn(Measurements) -> Ensemble;
    let counted: [(&str, &mut Option<Located<CountedTable>>, Most, Make); 4] = [
        ("rademacher", &mut table.rademacher, ANY, |measurements| Ensemble::Rademacher { measurements }),
        ("rank_one", &mut table.rank_one, ANY, |measurements| Ensemble::RankOne { measurements }),
        ("pauli", &mut table.pauli, Pauli::most_measurements, |measurements| Ensemble::Pauli { measurements }),
        ("hadamard", &mut table.hadamard, Hadamard::most_measurements, |measurements| Ensemble::Hadamard { measurements }),
    ];
    for (name, table, most, make) in counted {
        let Some(Located { value: table, span }) = table else { continue };
        if let ("pauli", Some((rows, cols))) = (name, shape)
            && !Pauli::fits_shape(rows, cols)
        {
            let rule = format!(
                "needs a square target whose side is a power of two, and it is {rows} × {cols}: change it, or choose another ensemble"
            );
            return Err(Flaw::presence("sensing.pauli", span, rule));
        }
        let ensemble = make(measurements(name, span, &table.count_keys(), &known, most)?);
        let noise = noise(&format!("sensing.{name}.noise"), &mut table.noise)?;
        return Ok(SensingSpec { seed: fill(&mut table.seed, seed), noise, ensemble });
    }
    if let Some(Located { value: entries, span }) = &mut table.entries {
        let measurements = measurements("entries", span, &entries.count_keys(), &known, |rows, cols| rows.checked_mul(cols))?;
        let noise = noise("sensing.entries.noise", &mut entries.noise)?;
        return Ok(SensingSpec { seed: fill(&mut entries.seed, seed), noise, ensemble: Ensemble::Entries { measurements } });
    }
    let Some(identity) = &mut table.identity else { return Err(Flaw::missing("sensing", &span, "add a table [sensing.gaussian]")) };
    let noise = noise("sensing.identity.noise", &mut identity.value.noise)?;
    Ok(SensingSpec { seed: fill(&mut identity.value.seed, seed), noise, ensemble: Ensemble::Identity })
}

fn noise(key: &str, slot: &mut Option<Located<f64>>) -> Result<f64, Flaw> {
    not_negative(key, slot.get_or_insert_with(|| Located::filled(0.0)))
}

fn gaussian_ensemble(table: &mut Located<GaussianTable>, shape: Option<(usize, usize)>, rank: Option<usize>) -> Result<Ensemble, Flaw> {
    let span = table.span.clone();
    let table = &mut table.value;
    let storage = match fill(&mut table.storage, StorageName::F64) {
        StorageName::F64 => Storage::F64,
        StorageName::F32 => Storage::F32,
    };
    let (key, place, measurements) = match (&table.measurements, &table.oversampling) {
        (Some(count), None) => {
            let key = "sensing.gaussian.measurements";
            (key, &count.span, Measurements::Count(at_least(key, count, 1)?))
        }
        (None, Some(factor)) => {
            let key = "sensing.gaussian.oversampling";
            (key, &factor.span, Measurements::Oversampling(positive(key, factor)?))
        }
        (Some(_), Some(factor)) => {
            let rule = "cannot stand beside `sensing.gaussian.measurements`: choose one and remove the other";
            return Err(Flaw::presence("sensing.gaussian.oversampling", &factor.span, rule));
        }
        (None, None) => {
            let remedy = "give measurements = 700, or oversampling = 5.0 for ⌈oversampling · r (m + n − r)⌉ of them";
            return Err(Flaw::missing("sensing.gaussian.measurements", &span, remedy));
        }
    };
    let entry = if storage == Storage::F32 { 4 } else { 8 };
    let count = match (measurements, shape, rank) {
        (Measurements::Count(count), ..) => count,
        // A factor whose count saturates is refused by the size below.
        (_, Some((rows, cols)), Some(rank)) => measurements.count(rows, cols, rank),
        _ => return Ok(Ensemble::Gaussian { measurements, storage }),
    };
    let (rows, cols) = shape.unwrap_or((1, 1));
    if bytes(&[count, rows, cols], entry).is_none() {
        let rule = format!("is too large: {count} measurement matrices of {rows} × {cols} entries fit in no memory");
        return Err(Flaw::value(key, place, rule));
    }
    Ok(Ensemble::Gaussian { measurements, storage })
}

/// `h`, which may be absent with an instance from a file.
pub(super) fn width(file: &mut File, shape: Option<(usize, usize)>) -> Result<Option<usize>, Flaw> {
    let from_file = file.instance.is_some();
    let Some(table) = &mut file.model else {
        return if from_file {
            Ok(None)
        } else {
            Err(Flaw::missing("model", &(0..0), "add a table [model] with width, the number of columns of the factors"))
        };
    };
    let FactorizationName::Asymmetric = fill(&mut table.value.factorization, FactorizationName::Asymmetric);
    let Some(width) = &table.value.width else {
        let remedy = "give the number of columns of the factors, such as width = 30";
        return if from_file { Ok(None) } else { Err(Flaw::missing("model.width", &table.span, remedy)) };
    };
    let columns = at_least("model.width", width, 1)?;
    let (rows, cols) = shape.unwrap_or((1, 0));
    if rows.checked_add(cols).and_then(|height| bytes(&[height, columns], 8)).is_none() {
        return Err(Flaw::value("model.width", &width.span, "is too large: no factors of this width fit in memory"));
    }
    Ok(Some(columns))
}

/// The flaw that initial factors are drawn although the width is unknown.
pub(super) fn width_missing(file: &File) -> Flaw {
    let span = file.model.as_ref().map(|table| table.span.clone()).unwrap_or(0..0);
    Flaw::missing("model.width", &span, "initial factors that are drawn, rather than read from the instance's file, need a width")
}
