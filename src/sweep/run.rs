//! Running a shard: instances in parallel, the points of an instance in lockstep, results written as they come.

use super::batch::{Point, run_batch};
use super::error::SweepError;
use super::groups::{Budget, Group, Slot, groups};
use super::plan::Sweep;
use super::result::TaskResult;
use super::shard::{Shard, shard};
use super::store::{Found, Store};
use crate::problem::{BuiltProblem, build_instance};
use crate::sensing::available_memory;
use crate::simulation::Monitor;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What to run, and on how many cores.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// Which tasks.
    pub shard: Shard,
    /// Cores.
    pub jobs: usize,
    /// Whether tasks that failed before are tried again.
    pub retry_failed: bool,
    /// Bytes that instances may take side by side, by the estimates of the plan; four fifths of what is left if absent. A task that needs more
    /// than a given limit fails.
    pub memory: Option<u64>,
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

    /// Which part of the estimated operations is done, of tasks under way too.
    fn worked(&self, _part: f64) {}

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
    /// Applications of operators: passes over the measurements.
    pub passes: u64,
    /// Questions that they answered.
    pub questions: u64,
}

struct Shared<'a> {
    sweep: &'a Sweep,
    store: Store,
    options: RunOptions,
    watch: &'a dyn Watch,
    groups: Mutex<VecDeque<Group>>,
    budget: Arc<Budget>,
    /// Builds instances.
    builder: ThreadPool,
    stop: AtomicBool,
    tally: Mutex<Tally>,
    work: Mutex<Work>,
    error: Mutex<Option<SweepError>>,
}

/// Operations, by the estimates of the plan.
#[derive(Default)]
struct Work {
    total: f64,
    done: f64,
    /// Of batches under way, by their first task: operations, and the part that is done.
    under_way: Vec<(usize, f64, f64)>,
}

impl Work {
    fn part(&self) -> f64 {
        let under_way: f64 = self.under_way.iter().map(|(_, operations, part)| operations * part).sum();
        if self.total > 0.0 { ((self.done + under_way) / self.total).min(1.0) } else { 0.0 }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A batch under way.
struct Batch<'a> {
    shared: &'a Shared<'a>,
    first: usize,
}

impl Monitor for Batch<'_> {
    fn interrupted(&self) -> bool {
        self.shared.interrupted()
    }

    fn progress(&self, fraction: f64, _unfinished: usize) {
        let part = {
            let mut work = lock(&self.shared.work);
            if let Some(batch) = work.under_way.iter_mut().find(|(first, ..)| *first == self.first) {
                batch.2 = fraction;
            }
            work.part()
        };
        self.shared.watch.worked(part);
    }
}

fn pool(threads: usize) -> Result<ThreadPool, SweepError> {
    ThreadPoolBuilder::new().num_threads(threads.max(1)).build().map_err(|error| SweepError::Threads(error.to_string()))
}

/// Runs a shard of a sweep; results that are there and whole are left alone.
///
/// # Errors
/// Results that cannot be read or written; a configuration that resolves to other experiments than it was planned with. What a single point
/// meets is a result, not an error.
pub fn run(sweep: &Sweep, options: RunOptions, watch: &dyn Watch) -> Result<Tally, SweepError> {
    let store = Store::open(&sweep.directory)?;
    let tasks = &sweep.manifest.tasks;
    let mine = shard(tasks, options.shard);
    let states = mine.par_iter().map(|&index| store.find(&tasks[index].id)).collect::<Result<Vec<Found>, SweepError>>()?;
    let to_do = |(&index, &state): (&usize, &Found)| is_pending(state, options.retry_failed).then_some(index);
    let pending: Vec<usize> = mine.iter().zip(&states).filter_map(to_do).collect();
    let damaged = states.iter().filter(|state| **state == Found::Damaged).count();
    let tally = Tally { skipped: mine.len() - pending.len(), damaged, ..Tally::default() };
    watch.begin(pending.len(), tally.skipped);
    if pending.is_empty() {
        return Ok(tally);
    }
    // A fifth is left for what estimates do not know.
    let memory = options.memory.or_else(|| Some(available_memory()? / 5 * 4)).unwrap_or(u64::MAX);
    let groups = groups(tasks, &pending, options.jobs, memory);
    let workers = options.jobs.clamp(1, groups.len().max(1));
    let threads = |worker: usize| options.jobs / workers + usize::from(worker < options.jobs % workers);
    let pools: Vec<ThreadPool> = (0..workers).map(|worker| pool(threads(worker))).collect::<Result<_, _>>()?;
    let total = pending.iter().map(|&index| tasks[index].cost.operations).sum();
    let shared = Shared {
        sweep,
        store,
        options,
        watch,
        groups: Mutex::new(groups),
        budget: Budget::new(memory),
        builder: pool(options.jobs)?,
        stop: AtomicBool::new(false),
        tally: Mutex::new(tally),
        work: Mutex::new(Work { total, ..Work::default() }),
        error: Mutex::new(None),
    };
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

/// Whether a task is to be done, given what there is of it.
fn is_pending(found: Found, retry_failed: bool) -> bool {
    match found {
        Found::Done => false,
        Found::Failed => retry_failed,
        Found::Absent | Found::Damaged => true,
    }
}

impl Shared<'_> {
    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.watch.interrupted()
    }

    fn work(&self) {
        while !self.interrupted() {
            let Some(group) = lock(&self.groups).pop_front() else { return };
            if let Err(error) = self.run_group(&group) {
                self.stop.store(true, Ordering::Relaxed);
                lock(&self.error).get_or_insert(error);
            }
        }
    }

    fn run_group(&self, group: &Group) -> Result<(), SweepError> {
        let points = self.points(&group.tasks)?;
        let Some(first) = points.first() else { return Ok(()) };
        let (_, built) = group.slot.built.get_or_init(|| (self.budget.lease(group.slot.bytes), self.build(&group.slot, first)));
        match built {
            Ok(built) => self.run_points(points, built),
            Err(reason) => points.iter().try_for_each(|point| self.keep(&TaskResult::failed(point.id, reason.clone()))),
        }
    }

    fn build(&self, slot: &Slot, point: &Point) -> Result<BuiltProblem, String> {
        if let Some(limit) = self.options.memory.filter(|limit| *limit < slot.instance_bytes) {
            let needed = slot.instance_bytes;
            return Err(format!(
                "its instance needs about {needed} bytes, and --memory allows {limit}; allow more, or use storage = \"f32\""
            ));
        }
        self.builder.install(|| build_instance(&point.experiment)).map_err(|error| error.to_string())
    }

    /// The tasks that another process has not done meanwhile.
    fn points(&self, members: &[usize]) -> Result<Vec<Point>, SweepError> {
        let mut points = Vec::with_capacity(members.len());
        for &index in members {
            let task = &self.sweep.manifest.tasks[index];
            if !is_pending(self.store.find(&task.id)?, self.options.retry_failed) {
                lock(&self.tally).done += 1;
                lock(&self.work).done += task.cost.operations;
                self.watch.done(false);
            } else {
                points.push(Point { index, id: task.id, experiment: self.sweep.experiment(task)? });
            }
        }
        Ok(points)
    }

    fn run_points(&self, mut points: Vec<Point>, built: &BuiltProblem) -> Result<(), SweepError> {
        while let Some(first) = points.first() {
            let number = first.index;
            let mut batch_of = points.iter().map(|point| point.fits(first)).collect::<Vec<_>>();
            batch_of[0] = true;
            let mut belongs = batch_of.into_iter();
            let (batch, rest): (Vec<Point>, Vec<Point>) = points.into_iter().partition(|_| belongs.next().unwrap_or(false));
            points = rest;
            self.watch.running(batch.len());
            let operations = batch.iter().map(|point| self.sweep.manifest.tasks[point.index].cost.operations).sum();
            lock(&self.work).under_way.push((number, operations, 0.0));
            let Some(batch) = run_batch(&batch, built, &Batch { shared: self, first: number }) else { return Ok(()) };
            batch.results.iter().try_for_each(|result| self.keep(result))?;
            let mut tally = lock(&self.tally);
            tally.passes += batch.passes;
            tally.questions += batch.questions;
            let mut work = lock(&self.work);
            work.under_way.retain(|(first, ..)| *first != number);
            work.done += operations;
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
