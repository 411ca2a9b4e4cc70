//! The instance: target, measurements, width.

use super::checks::{absent, at_least, bytes, exactly_one, not_negative, path, positive, span_of};
use super::ensembles::{ANY, Known, Most, measurements};
use super::target::target;
use crate::config::ensembles::CountedTable;
use crate::config::ensembles::{GaussianTable, StorageName};
use crate::config::error::Flaw;
use crate::config::experiment::{Ensemble, Factorization, Measurements, Problem, SensingSpec, Storage, TargetKind};
use crate::config::located::{Located, fill};
use crate::config::schema::{FactorizationName, File, SensingTable};
use crate::sensing::{Hadamard, Pauli};
use std::path::Path;

/// The instance, and what is known about it without reading a file.
pub(super) struct Facts {
    pub problem: Problem,
    pub shape: Option<(usize, usize)>,
    pub rank: Option<usize>,
    pub from_file: bool,
}

/// The model, which the target and the perturbations depend on.
pub(super) fn factorization(file: &mut File) -> Factorization {
    let written = file.model.as_mut().map(|table| fill(&mut table.value.factorization, FactorizationName::Asymmetric));
    match written {
        None | Some(FactorizationName::Asymmetric) => Factorization::Asymmetric,
        Some(FactorizationName::Symmetric) => Factorization::Symmetric,
    }
}

pub(super) fn problem(file: &mut File, factorization: Factorization, seed: u64, base: &Path) -> Result<Facts, Flaw> {
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
    let target = target(table, factorization, seed, base)?;
    let (shape, rank) = match &target.kind {
        TargetKind::Random { rows, cols, singular_values, .. } => (Some((*rows, *cols)), Some(singular_values.len())),
        TargetKind::Semidefinite { side, singular_values } => (Some((*side, *side)), Some(singular_values.len())),
        TargetKind::UnitColumns { side, rank } => (Some((*side, *side)), Some(*rank)),
        TargetKind::File { rank, .. } | TargetKind::SemidefiniteFile { rank, .. } => (None, *rank),
    };
    let Some(table) = &mut file.sensing else {
        return Err(Flaw::missing("sensing", &(0..0), "add a table [sensing.gaussian] or [sensing.identity]"));
    };
    let sensing = sensing(table, seed, shape, rank)?;
    Ok(Facts { problem: Problem::Generated { target, sensing }, shape, rank, from_file: false })
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
