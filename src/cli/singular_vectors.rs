//! The first singular vectors of `FGᵀ` along the trajectories of a run: those that it kept, or else those of the factors that it kept.

use super::error::CliError;
use crate::linalg::{Matrix, ProductSpectrum};
use crate::output::{SNAPSHOTS, VECTORS};
use crate::problem::ArchiveReader;
use crate::simulation::SingularVectors;
use std::path::Path;

/// Vectors besides those that the target has, and the most of all, where they are computed from factors.
const BEYOND: usize = 1;
const MOST: usize = 6;

/// Of the given trajectories, in their order; those without are left out. `rank` is the target's.
pub(super) fn read(directory: &Path, names: &[&str], rank: usize) -> Result<Vec<(String, SingularVectors)>, CliError> {
    let (kept, factors) = (directory.join(VECTORS), directory.join(SNAPSHOTS));
    if kept.exists() {
        return read_vectors(&kept, names);
    }
    if factors.exists() { from_factors(&factors, names, (rank + BEYOND).clamp(1, MOST)) } else { Ok(Vec::new()) }
}

fn read_vectors(path: &Path, names: &[&str]) -> Result<Vec<(String, SingularVectors)>, CliError> {
    let mut archive = ArchiveReader::open(path)?;
    let known = archive.names();
    let mut all = Vec::new();
    for name in names.iter().filter(|name| known.contains(&format!("{name}.left"))) {
        let t = archive.vector(&format!("{name}.t"))?;
        let (left, right) = (archive.matrices(&format!("{name}.left"))?, archive.matrices(&format!("{name}.right"))?);
        let count = left.first().map_or(0, Matrix::ncols);
        all.push(((*name).to_owned(), SingularVectors { count, t, left, right }));
    }
    Ok(all)
}

fn from_factors(path: &Path, names: &[&str], count: usize) -> Result<Vec<(String, SingularVectors)>, CliError> {
    let mut archive = ArchiveReader::open(path)?;
    let known = archive.names();
    let mut all = Vec::new();
    for name in names {
        let has = |part: &str| known.contains(&format!("{name}.{part}"));
        let factors = match (has("u"), has("f") && has("g")) {
            (true, _) => archive.matrices(&format!("{name}.u")).map(|left| (left, None)),
            (_, true) => archive.matrices(&format!("{name}.f")).and_then(|left| Ok((left, Some(archive.matrices(&format!("{name}.g"))?)))),
            _ => continue,
        };
        // The reader refuses numbers that are not finite: a trajectory that failed that way is left out.
        let Ok((left, right)) = factors else { continue };
        let mut vectors = SingularVectors::new(count);
        let times = archive.vector(&format!("{name}.t"))?;
        for (i, (t, left)) in times.into_iter().zip(&left).enumerate() {
            let spectrum = match &right {
                Some(right) => right.get(i).map(|right| ProductSpectrum::of(left, right)),
                None => Some(ProductSpectrum::of_square(left)),
            };
            // A state that is not finite has none.
            if let Some(Ok(spectrum)) = spectrum {
                vectors.push(t, &spectrum);
            }
        }
        all.push(((*name).to_owned(), vectors));
    }
    Ok(all)
}
