//! The target: random, of unit columns, or from a file.

use super::checks::{absent, at_least, bytes, path, span_of};
use crate::config::error::Flaw;
use crate::config::experiment::{Coherence, Factorization, TargetKind, TargetSpec};
use crate::config::located::{Located, Span, fill};
use crate::config::schema::{CoherenceName, TargetTable};
use crate::config::values::RankValue;
use std::path::Path;

pub(super) fn target(table: &mut Located<TargetTable>, factorization: Factorization, seed: u64, base: &Path) -> Result<TargetSpec, Flaw> {
    let span = table.span.clone();
    let table = &mut table.value;
    let symmetric = factorization == Factorization::Symmetric;
    if !symmetric {
        absent("target.columns", &table.columns, "it makes a symmetric target; remove it, or set model.factorization = \"symmetric\"")?;
    }
    if symmetric {
        absent("target.coherence", &table.coherence, "the symmetric model's random targets are incoherent; remove it")?;
    }
    if table.file.is_some() {
        return target_file(table, symmetric, seed, base, &span);
    }
    let (rows, cols) = sides(table, symmetric, &span)?;
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
    if table.columns.is_some() {
        return unit_columns(table, seed, rows, rank, &span);
    }
    let values = spectrum(table, rank, rows.min(cols), &span)?;
    table.rank.get_or_insert_with(|| Located::filled(RankValue::Rank(values.len())));
    table.condition_number = None;
    table.singular_values = Some(Located::filled(values.iter().copied().map(Located::filled).collect()));
    let kind = match symmetric {
        true => TargetKind::Semidefinite { side: rows, singular_values: values },
        false => TargetKind::Random { rows, cols, singular_values: values, coherence: coherence(table) },
    };
    Ok(TargetSpec { seed: fill(&mut table.seed, seed), kind })
}

fn coherence(table: &mut TargetTable) -> Coherence {
    match fill(&mut table.coherence, CoherenceName::Incoherent) {
        CoherenceName::Incoherent => Coherence::Incoherent,
        CoherenceName::Coherent => Coherence::Coherent,
    }
}

/// `m` and `n`, which are equal in the symmetric model.
fn sides(table: &mut TargetTable, symmetric: bool, span: &Span) -> Result<(usize, usize), Flaw> {
    if symmetric && let Some(rows) = &table.rows {
        let place = rows.clone();
        table.cols.get_or_insert(place);
    }
    let size = |key: &str, value: &Option<Located<usize>>| match value {
        Some(value) => at_least(&format!("target.{key}"), value, 1),
        None => {
            Err(Flaw::missing(format!("target.{key}"), span, format!("give it, such as {key} = 40 (or `file`, for a matrix from a file)")))
        }
    };
    let (rows, cols) = (size("rows", &table.rows)?, size("cols", &table.cols)?);
    if symmetric && rows != cols {
        let rule = format!("must equal target.rows = {rows} in the symmetric model, whose target is UUᵀ: correct it, or leave it out");
        return Err(Flaw::value("target.cols", &span_of(&table.cols).unwrap_or_default(), rule));
    }
    if bytes(&[rows, cols], 8).is_none() {
        let place = span_of(&table.rows).unwrap_or_default();
        return Err(Flaw::value(
            "target.rows",
            &place,
            format!("is too large beside target.cols = {cols}: no matrix of this size fits in memory"),
        ));
    }
    Ok((rows, cols))
}

fn unit_columns(table: &mut TargetTable, seed: u64, side: usize, rank: Option<usize>, span: &Span) -> Result<TargetSpec, Flaw> {
    let reason = "`target.columns` fixes the spectrum; remove one of the two";
    absent("target.singular_values", &table.singular_values, reason)?;
    absent("target.condition_number", &table.condition_number, reason)?;
    let Some(rank) = rank else {
        return Err(Flaw::missing("target.rank", span, "`target.columns` needs it: give it, such as rank = 5"));
    };
    Ok(TargetSpec { seed: fill(&mut table.seed, seed), kind: TargetKind::UnitColumns { side, rank } })
}

fn target_file(table: &mut TargetTable, symmetric: bool, seed: u64, base: &Path, span: &Span) -> Result<TargetSpec, Flaw> {
    absent("target.rows", &table.rows, "`target.file` fixes the shape; remove one of the two")?;
    absent("target.cols", &table.cols, "`target.file` fixes the shape; remove one of the two")?;
    absent("target.singular_values", &table.singular_values, "`target.file` fixes the spectrum; remove one of the two")?;
    absent("target.condition_number", &table.condition_number, "`target.file` fixes the spectrum; remove one of the two")?;
    absent("target.coherence", &table.coherence, "`target.file` fixes the singular vectors; remove one of the two")?;
    absent("target.columns", &table.columns, "`target.file` fixes the matrix; remove one of the two")?;
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
    let path = path("target.file", file, base)?;
    let kind = if symmetric { TargetKind::SemidefiniteFile { path, rank } } else { TargetKind::File { path, rank } };
    Ok(TargetSpec { seed, kind })
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
