//! Running a shard: instances in parallel, the points of an instance in lockstep, results written as they come.

use super::batch::{Point, run_batch};
use super::error::SweepError;
use super::plan::{Sweep, Task};
use super::result::TaskResult;
use super::shard::{Shard, shard};
use super::store::{Store, Stored};
use crate::problem::{BuiltProblem, build_instance};
use crate::sensing::available_memory;
use crate::simulation::Monitor;
use rayon::prelude::*;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Most points in one lockstep: what an interruption loses at most.
const BATCH_POINTS: usize = 64;

/// What to run, and on how many cores.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// Which tasks.
    pub shard: Shard,
    /// Cores.
    pub jobs: usize,
    /// Whether tasks that failed before are tried again.
    pub retry_failed: bool,
}

/// What watches over a sweep, from outside.
pub trait Watch: Sync {
    /// Whether to stop: what is being computed is dropped.
    fn interrupted(&self) -> bool {
        false
    }

    /// How many tasks are to be done, how many have results already.
    fn begin(&self, _pending: usize, _present: usize) {}

    /// Tasks that now run.
    fn running(&self, _tasks: usize) {}

    /// A result has been written.
    fn done(&self, _failed: bool) {}
}

/// What became of a shard's tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Computed now.
    pub done: usize,
    /// Of these, without trajectories.
    pub failed: usize,
    /// That had a result before.
    pub skipped: usize,
    /// Whose result was damaged, and is computed anew.
    pub damaged: usize,
    /// Whether tasks are left because of an interruption.
    pub interrupted: bool,
}

/// Tasks on one instance.
struct Unit {
    tasks: Vec<usize>,
    bytes: u64,
}

struct Shared<'a> {
    sweep: &'a Sweep,
    store: Store,
    options: RunOptions,
    watch: &'a dyn Watch,
    units: Mutex<VecDeque<Unit>>,
    in_use: Mutex<u64>,
    released: Condvar,
    budget: u64,
    stop: AtomicBool,
    tally: Mutex<Tally>,
    error: Mutex<Option<SweepError>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Monitor for Shared<'_> {
    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.watch.interrupted()
    }
}

/// Runs a shard of a sweep; results that are there and whole are left alone.
///
/// # Errors
/// Results that cannot be read or written; a configuration that resolves to other experiments than it was planned with. What a single point
/// meets is a result, not an error.
pub fn run(sweep: &Sweep, options: RunOptions, watch: &dyn Watch) -> Result<Tally, SweepError> {
    let store = Store::new(&sweep.directory);
    let tasks = &sweep.manifest.tasks;
    let mine = shard(tasks, options.shard);
    let states: Result<Vec<Found>, SweepError> = mine.par_iter().map(|&index| find(&store, &tasks[index], options.retry_failed)).collect();
    let states = states?;
    let pending: Vec<usize> = mine.iter().zip(&states).filter(|(_, state)| **state != Found::Done).map(|(&index, _)| index).collect();
    let damaged = states.iter().filter(|state| **state == Found::Damaged).count();
    let tally = Tally { skipped: mine.len() - pending.len(), damaged, ..Tally::default() };
    watch.begin(pending.len(), tally.skipped);
    if pending.is_empty() {
        return Ok(tally);
    }
    let units = units(tasks, &pending);
    let workers = options.jobs.clamp(1, units.len().max(1));
    let shared = Shared {
        sweep,
        store,
        options,
        watch,
        units: Mutex::new(units),
        in_use: Mutex::new(0),
        released: Condvar::new(),
        // A fifth is left for what estimates do not know.
        budget: available_memory().map_or(u64::MAX, |bytes| bytes / 5 * 4),
        stop: AtomicBool::new(false),
        tally: Mutex::new(tally),
        error: Mutex::new(None),
    };
    let pools: Result<Vec<_>, _> = (0..workers)
        .map(|worker| {
            let threads = options.jobs / workers + usize::from(worker < options.jobs % workers);
            rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build()
        })
        .collect();
    let pools = pools.map_err(|error| SweepError::Threads(error.to_string()))?;
    std::thread::scope(|scope| {
        for pool in &pools {
            let shared = &shared;
            scope.spawn(move || pool.install(|| shared.work()));
        }
    });
    if let Some(error) = lock(&shared.error).take() {
        return Err(error);
    }
    let mut tally = *lock(&shared.tally);
    tally.interrupted = shared.watch.interrupted() && tally.done < pending.len();
    Ok(tally)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Done,
    Damaged,
    Pending,
}

fn find(store: &Store, task: &Task, retry_failed: bool) -> Result<Found, SweepError> {
    Ok(match store.read(&task.id)? {
        Stored::Present(result) if !(retry_failed && result.failure.is_some()) => Found::Done,
        Stored::Present(_) | Stored::Absent => Found::Pending,
        Stored::Damaged => Found::Damaged,
    })
}

fn units(tasks: &[Task], pending: &[usize]) -> VecDeque<Unit> {
    let mut by_instance = std::collections::BTreeMap::<usize, Vec<usize>>::new();
    for &index in pending {
        by_instance.entry(tasks[index].instance).or_default().push(index);
    }
    let unit = |members: Vec<usize>| {
        let instance = members.iter().map(|&index| tasks[index].cost.instance_bytes).max().unwrap_or(0);
        let states = members.iter().map(|&index| tasks[index].cost.state_bytes).max().unwrap_or(0);
        let bytes = instance.saturating_add(states.saturating_mul(members.len().min(BATCH_POINTS) as u64));
        Unit { tasks: members, bytes }
    };
    by_instance.into_values().map(unit).collect()
}

impl Shared<'_> {
    fn work(&self) {
        while !self.interrupted() {
            let Some(unit) = lock(&self.units).pop_front() else { return };
            self.take(unit.bytes);
            let result = self.run_unit(&unit);
            *lock(&self.in_use) -= unit.bytes;
            self.released.notify_all();
            if let Err(error) = result {
                self.stop.store(true, Ordering::Relaxed);
                lock(&self.error).get_or_insert(error);
            }
        }
    }

    /// Waits until the bytes fit beside what runs; whatever is alone may try.
    fn take(&self, bytes: u64) {
        let mut in_use = lock(&self.in_use);
        while *in_use > 0 && in_use.saturating_add(bytes) > self.budget {
            in_use = self.released.wait(in_use).unwrap_or_else(PoisonError::into_inner);
        }
        *in_use += bytes;
    }

    fn run_unit(&self, unit: &Unit) -> Result<(), SweepError> {
        let mut built: Option<BuiltProblem> = None;
        for chunk in unit.tasks.chunks(BATCH_POINTS) {
            if self.interrupted() {
                return Ok(());
            }
            let points = self.points(chunk)?;
            let Some(first) = points.first() else { continue };
            if built.is_none() {
                match build_instance(&first.experiment) {
                    Ok(problem) => built = Some(problem),
                    Err(error) => {
                        let reason = error.to_string();
                        points.iter().try_for_each(|point| self.keep(&TaskResult::failed(point.id, reason.clone())))?;
                        continue;
                    }
                }
            }
            if let Some(built) = &built {
                self.run_points(points, built)?;
            }
        }
        Ok(())
    }

    /// The tasks that another process has not done meanwhile.
    fn points(&self, chunk: &[usize]) -> Result<Vec<Point>, SweepError> {
        let mut points = Vec::with_capacity(chunk.len());
        for &index in chunk {
            let task = &self.sweep.manifest.tasks[index];
            if find(&self.store, task, self.options.retry_failed)? == Found::Done {
                lock(&self.tally).done += 1;
                self.watch.done(false);
            } else {
                points.push(Point { id: task.id, experiment: self.sweep.experiment(task)? });
            }
        }
        Ok(points)
    }

    fn run_points(&self, mut points: Vec<Point>, built: &BuiltProblem) -> Result<(), SweepError> {
        while let Some(first) = points.first() {
            let mut batch_of = points.iter().map(|point| point.fits(first)).collect::<Vec<_>>();
            batch_of[0] = true;
            let mut belongs = batch_of.into_iter();
            let (batch, rest): (Vec<Point>, Vec<Point>) = points.into_iter().partition(|_| belongs.next().unwrap_or(false));
            points = rest;
            self.watch.running(batch.len());
            let Some(results) = run_batch(&batch, built, self) else { return Ok(()) };
            results.iter().try_for_each(|result| self.keep(result))?;
        }
        Ok(())
    }

    fn keep(&self, result: &TaskResult) -> Result<(), SweepError> {
        self.store.write(result)?;
        let failed = result.failure.is_some();
        let mut tally = lock(&self.tally);
        tally.done += 1;
        tally.failed += usize::from(failed);
        self.watch.done(failed);
        Ok(())
    }
}
