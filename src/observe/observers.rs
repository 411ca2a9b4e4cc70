//! The observers of one trajectory.

use super::{
    Motion, Sample, Shared, adaptive_subspace, angles, curvature, energy, generalisation, imbalance, loss, perturbation, residual, rip,
    signal, spectrum,
};
use crate::dynamics::State;
use crate::linalg::{Matrix, ProductSpectrum};
use crate::problem::Instance;
use arrayvec::ArrayVec;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// A family of observables that are computed together.
///
/// Values are written as they come; [`Observers`] leaves those empty that are not finite.
pub trait Observer: Send {
    /// Names of its columns, the first of which names the family in an [`ObserverMemory`].
    fn columns(&self) -> &'static [&'static str];

    /// Writes one value for each column; `None` where it is undefined. `row` comes filled with `None`.
    fn observe(&mut self, sample: &Sample<'_>, shared: &Shared, row: &mut [Option<f64>]);

    /// Whether it looks at the operator's answer for more than `FGᵀ` (at `N`, the residual of the measurements), or at what drives or disturbs
    /// the flow there. Where no family does, the operator is not asked at samples inside steps, and all of that is NaN or absent.
    fn needs_answer(&self) -> bool {
        true
    }

    /// Whether it follows every step of the trajectory, by [`step`](Self::step).
    fn follows_steps(&self) -> bool {
        false
    }

    /// A step of size `η` sets out from a point that has been observed (if it was to be), where `drive` is `N`.
    fn step(&mut self, _step_size: f64, _drive: &Matrix) {}

    /// What it carries from sample to sample and could not compute anew.
    fn memory(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Takes back what [`memory`](Self::memory) gave; `false` if it cannot be that.
    fn restore(&mut self, memory: &[f64]) -> bool {
        memory.is_empty()
    }
}

/// What observers carry from sample to sample, for a resumed run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObserverMemory {
    /// For each family, the name of its first column and its numbers.
    families: Vec<(String, Vec<f64>)>,
}

/// Misuse of [`Observers`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// No family has such a column.
    #[error("record.observables: there is no column \"{name}\"; did you mean \"{nearest}\"? columns: {allowed}")]
    UnknownColumn {
        /// What was asked for.
        name: String,
        /// The most similar column.
        nearest: &'static str,
        /// All columns.
        allowed: String,
    },
    /// A column twice.
    #[error("record.observables: the column \"{name}\" is listed twice; list it once")]
    RepeatedColumn {
        /// Its name.
        name: String,
    },
    /// The memory is of other columns.
    #[error("the saved memory of \"{family}\" does not fit the columns that are recorded; resume with the configuration that saved it")]
    ForeignMemory {
        /// First column of the family.
        family: String,
    },
}

type Build = fn(&Instance, &State, Motion) -> Box<dyn Observer>;

/// Every family: its columns, and how it begins from the instance and the trajectory's initial state.
const FAMILIES: [(&[&str], Build); 14] = [
    (&loss::COLUMNS, |instance, _, _| Box::new(loss::Loss::new(instance))),
    (&residual::COLUMNS, |instance, _, _| Box::new(residual::Residual::new(instance))),
    (&residual::OPERATOR_NORM, |_, _, _| Box::new(residual::ResidualOperatorNorm)),
    (&imbalance::COLUMNS, |_, initial, _| Box::new(imbalance::Imbalance::new(initial))),
    (&spectrum::COLUMNS, |_, _, _| Box::new(spectrum::Spectrum)),
    (&angles::COLUMNS, |_, _, _| Box::new(angles::Angles)),
    (&rip::COLUMNS, |_, _, _| Box::new(rip::RipError)),
    (&energy::COLUMNS, |_, _, _| Box::new(energy::EnergyDefect::default())),
    (&signal::COLUMNS, |_, _, _| Box::new(signal::Signal)),
    (&perturbation::COLUMNS, |instance, _, motion| Box::new(perturbation::Perturbation::new(instance, motion))),
    (&perturbation::INTEGRAL, |_, _, _| Box::new(perturbation::PerturbationIntegral)),
    (&curvature::COLUMNS, |_, _, _| Box::new(curvature::CurvatureColumns)),
    (&adaptive_subspace::COLUMNS, |instance, initial, motion| {
        Box::new(adaptive_subspace::AdaptiveSubspace::new(instance, initial, motion))
    }),
    (&generalisation::COLUMNS, |_, _, _| Box::new(generalisation::Generalisation::new())),
];

/// Families that take longer than the rest, by their columns, those that take longest first (at 50 × 50, by `cargo bench --bench recording -- families`).
const LONGEST_FIRST: [&[&str]; 6] = [
    &perturbation::COLUMNS,
    &adaptive_subspace::COLUMNS,
    &signal::COLUMNS,
    &imbalance::COLUMNS,
    &angles::COLUMNS,
    &residual::OPERATOR_NORM,
];

/// Every column that can be asked for.
pub fn known_columns() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().flat_map(|(columns, _)| columns.iter().copied())
}

/// The observers of one trajectory: only the families of the columns asked for are evaluated.
pub struct Observers {
    columns: Vec<String>,
    families: Vec<Active>,
    motion: Motion,
}

struct Active {
    observer: Box<dyn Observer>,
    /// For each of the family's columns, where it stands in the row, if it was asked for.
    places: Vec<Option<usize>>,
}

/// A family, and where its values go; for the spectrum nothing.
type Task<'a> = (&'a mut Active, &'a mut Vec<Option<f64>>);
/// Most tasks of a sample: all families and the spectrum.
const TASKS: usize = FAMILIES.len() + 1;

fn next<T>(queue: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).next()
}

impl Observers {
    /// [`with_motion`](Self::with_motion) for flows.
    ///
    /// # Errors
    /// A column that does not exist, or is listed twice.
    pub fn new<S: AsRef<str>>(columns: &[S], instance: &Instance, initial: &State) -> Result<Self, ObserveError> {
        Observers::with_motion(columns, instance, initial, Motion::Flow)
    }

    /// Observers for the columns, in that order, of a trajectory that moves in the given way. `initial` is the trajectory's state at time 0 (also when a run is resumed
    /// later): drifts are measured from it.
    ///
    /// # Errors
    /// A column that does not exist, or is listed twice.
    pub fn with_motion<S: AsRef<str>>(columns: &[S], instance: &Instance, initial: &State, motion: Motion) -> Result<Self, ObserveError> {
        keep_freed_memory();
        let columns: Vec<String> = columns.iter().map(|name| name.as_ref().to_owned()).collect();
        for (i, name) in columns.iter().enumerate() {
            if !known_columns().any(|known| known == name) {
                return Err(unknown(name));
            }
            if columns[..i].contains(name) {
                return Err(ObserveError::RepeatedColumn { name: name.clone() });
            }
        }
        let mut families = Vec::new();
        for (names, build) in FAMILIES {
            let places: Vec<_> = names.iter().map(|name| columns.iter().position(|asked| asked == name)).collect();
            if places.iter().any(Option::is_some) {
                families.push(Active { observer: build(instance, initial, motion), places });
            }
        }
        let rank = |family: &Active| LONGEST_FIRST.iter().position(|columns| family.observer.columns() == *columns);
        families.sort_by_key(|family| rank(family).unwrap_or(LONGEST_FIRST.len()));
        Ok(Observers { columns, families, motion })
    }

    /// How the trajectory moves.
    pub fn motion(&self) -> Motion {
        self.motion
    }

    fn asks_for(&self, names: &[&str]) -> bool {
        self.columns.iter().any(|column| names.contains(&column.as_str()))
    }

    /// Whether some column is about the perturbation.
    pub fn looks_at_perturbation(&self) -> bool {
        self.asks_for(&perturbation::COLUMNS) || self.integrates()
    }

    /// Whether the integral of the perturbation's norm is asked for.
    pub fn integrates(&self) -> bool {
        self.asks_for(&perturbation::INTEGRAL)
    }

    /// What to tell of recorded steps on which the perturbation is undefined, given each one's step number and values.
    pub fn undefined_perturbation<'a>(&self, rows: impl IntoIterator<Item = (Option<u64>, &'a [Option<f64>])>) -> Option<String> {
        let (Motion::Descent(_) | Motion::Stochastic(_)) = self.motion else { return None };
        let place = |name: &str| self.columns.iter().position(|column| column == name);
        let (total, known) = (place("perturbation")?, place("residual_fro")?);
        let undefined = rows.into_iter().filter(|(_, values)| values[total].is_none() && values[known].is_some());
        let steps: Vec<u64> = undefined.filter_map(|(step, _)| step).collect();
        let first = steps.first()?;
        Some(format!(
            "η‖N‖ ≥ 1 (in the symmetric model ηλ_min(N) ≤ −1) at {} recorded steps, first at step {first}: the perturbation is undefined there",
            steps.len()
        ))
    }

    /// Where the columns of [`Curvature::extremes`](super::Curvature::extremes) stand.
    pub fn curvature_columns(&self) -> [Option<usize>; 2] {
        curvature::COLUMNS.map(|name| self.columns.iter().position(|column| column == name))
    }

    /// Where its column stands; `None` also for a method that has no such integral.
    pub fn integral_column(&self) -> Option<usize> {
        if self.motion == Motion::Other {
            return None;
        }
        self.columns.iter().position(|column| perturbation::INTEGRAL.contains(&column.as_str()))
    }

    /// What is integrated for it, at a sample.
    pub fn integrand(&self, sample: &Sample<'_>) -> Option<f64> {
        perturbation::integrand(sample, self.motion)
    }

    /// Names of the columns, in the order in which they were asked for.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Observes a sample: one value a column, `None` where it is undefined or not finite; and the spectrum of `FGᵀ`,
    /// if the state is finite.
    pub fn record(&mut self, sample: &Sample<'_>) -> (Vec<Option<f64>>, Option<ProductSpectrum>) {
        let (mut row, shared) = (vec![None; self.columns.len()], Shared::default());
        let mut values: Vec<_> = self.families.iter().map(|family| vec![None; family.places.len()]).collect();
        // The spectrum, which is always wanted and some families wait for, after the family that takes longest.
        let mut tasks: ArrayVec<Option<Task<'_>>, TASKS> = self.families.iter_mut().zip(&mut values).map(Some).collect();
        tasks.insert(tasks.len().min(1), None);
        let workers = rayon::current_num_threads().min(tasks.len());
        let queue = Mutex::new(tasks.into_iter());
        // Threads take one after the other, in this order, so that the short ones at the end fill what is left of the time.
        (0..workers).into_par_iter().with_max_len(1).for_each(|_| {
            while let Some(task) = next(&queue) {
                match task {
                    Some((family, values)) => family.observer.observe(sample, &shared, values),
                    None => drop(shared.spectrum(sample)),
                }
            }
        });
        drop(queue);
        for (family, values) in self.families.iter().zip(values) {
            for (place, value) in family.places.iter().zip(values) {
                if let Some(place) = place {
                    row[*place] = value.filter(|x| x.is_finite());
                }
            }
        }
        (row, shared.into_spectrum(sample))
    }

    /// Whether some column needs the operator's answer at a sample, or what drives or disturbs the flow there.
    pub fn needs_answer(&self) -> bool {
        self.families.iter().any(|family| family.observer.needs_answer())
    }

    /// Whether some family follows every step.
    pub fn follows_steps(&self) -> bool {
        self.families.iter().any(|family| family.observer.follows_steps())
    }

    /// Tells the families of a step that sets out where `drive` is `N`.
    pub fn step(&mut self, drive: &Matrix) {
        if let Some(step_size) = self.motion.step() {
            self.families.iter_mut().for_each(|family| family.observer.step(step_size, drive));
        }
    }

    /// What has to be kept to go on later.
    pub fn memory(&self) -> ObserverMemory {
        let name = |family: &Active| family.observer.columns().first().copied().unwrap_or_default().to_owned();
        ObserverMemory { families: self.families.iter().map(|family| (name(family), family.observer.memory())).collect() }
    }

    /// Goes on from where [`memory`](Self::memory) was taken.
    ///
    /// # Errors
    /// If the memory is of observers with other families.
    pub fn restore(&mut self, memory: &ObserverMemory) -> Result<(), ObserveError> {
        for (name, numbers) in &memory.families {
            let family = self.families.iter_mut().find(|family| family.observer.columns().first() == Some(&name.as_str()));
            if !family.is_some_and(|family| family.observer.restore(numbers)) {
                return Err(ObserveError::ForeignMemory { family: name.clone() });
            }
        }
        let forgotten = self.families.iter().find(|family| {
            let name = family.observer.columns().first().copied().unwrap_or_default();
            memory.families.iter().all(|(known, _)| known != name)
        });
        match forgotten.and_then(|family| family.observer.columns().first()) {
            Some(family) => Err(ObserveError::ForeignMemory { family: (*family).to_owned() }),
            None => Ok(()),
        }
    }
}

/// Lets glibc keep what samples free for the next one. It gives the end of its heap back to the system where that is longer than twice the
/// largest block that it has mapped and unmapped (`mallopt(3)`, `M_TRIM_THRESHOLD`), at first 128 kB, less than the temporary matrices of one
/// sample: all pages of these would be taken and cleared anew at each. Elsewhere this does nothing.
fn keep_freed_memory() {
    const KEPT: usize = 1 << 23;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT)));
}

fn unknown(name: &str) -> ObserveError {
    let mut nearest = ("", f64::NEG_INFINITY);
    for known in known_columns() {
        let similarity = strsim::jaro_winkler(name, known);
        if similarity > nearest.1 {
            nearest = (known, similarity);
        }
    }
    ObserveError::UnknownColumn { name: name.to_owned(), nearest: nearest.0, allowed: known_columns().collect::<Vec<_>>().join(", ") }
}
