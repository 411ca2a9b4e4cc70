//! Resolution: from the file as written to the validated experiment. Defaults are filled into the file on the way, so that
//! what remains of it is complete.

mod checks;
mod compare;
mod descents;
mod ensembles;
mod family;
mod init;
mod methods;
mod perturbation;
mod problem;
mod record;
mod target;
mod trajectory;

use super::error::Flaw;
use super::experiment::{Experiment, Factorization, InitKind};
use super::located::fill;
use super::schema::File;
use std::path::Path;

/// Flaws that were found on the way.
#[derive(Default)]
struct Flaws(Vec<Flaw>);

impl Flaws {
    fn keep<T>(&mut self, result: Result<T, Flaw>) -> Option<T> {
        result.map_err(|flaw| self.0.push(flaw)).ok()
    }
}

/// The experiment; `file` is complete afterwards. `base` is an absolute directory.
///
/// Sections that do not depend on each other are all examined before the first flaws are reported.
pub(super) fn resolve(file: &mut File, base: &Path) -> Result<Experiment, Vec<Flaw>> {
    let mut flaws = Flaws::default();
    let name = flaws.keep(checks::name("name", &file.name));
    let seed = fill(&mut file.seed, 0);
    let factorization = problem::factorization(file);
    let facts = flaws.keep(problem::problem(file, factorization, seed, base));
    let record = flaws.keep(record::record(&mut file.record));
    let shape = facts.as_ref().and_then(|facts| facts.shape);
    let width = flaws.keep(problem::width(file, shape));
    let (Some(name), Some(facts), Some(record), Some(width)) = (name, facts, record, width) else { return Err(flaws.0) };
    let sizes = init::Sizes { width, rank: facts.rank, shape };
    let shared = init::shared(file.init.as_mut(), seed, facts.from_file, sizes).map_err(|flaw| vec![flaw])?;

    let measurements = descents::known_measurements(&facts.problem, shape);
    let noise = descents::known_noise(&facts.problem);
    let not_rank_one = descents::is_not_rank_one(&facts.problem);
    let around = perturbation::Surroundings { seed, horizon: record.horizon, base, measurements, noise, not_rank_one, factorization };
    let context = trajectory::Context { shared, sizes, around };
    let families = trajectory::families(file.trajectory.as_mut(), &context)?;
    let comparisons = compare::comparisons(&mut file.compare, &families)?;
    let trajectories: Vec<_> = families.into_iter().flatten().collect();
    if factorization == Factorization::Symmetric
        && (comparisons.iter().any(|pair| pair.bound) || trajectories.iter().any(|one| one.certify))
    {
        let span = file.model.as_ref().map(|table| table.span.clone()).unwrap_or(0..0);
        let rule = "is symmetric, and bounds a posteriori are known for two factors: remove compare.bound and trajectory.certify";
        return Err(vec![Flaw::presence("model.factorization", &span, rule)]);
    }
    if width.is_none() && trajectories.iter().any(|trajectory| trajectory.init.kind != InitKind::File) {
        return Err(vec![problem::width_missing(file)]);
    }
    Ok(Experiment { name, seed, problem: facts.problem, factorization, width, record, trajectories, comparisons })
}
