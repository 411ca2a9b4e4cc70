//! What a shard runs at a time: groups of points on one instance, and the memory that instances take.

use super::plan::Task;
use crate::problem::BuiltProblem;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

/// Most points in one lockstep: what an interruption loses at most.
const MOST_POINTS: usize = 64;
/// Fewest points for which a lockstep of its own pays where cores are left: batches of this size are answered at nearly full speed, and a
/// lockstep on one core waits for nobody.
const LEAST_POINTS: usize = 16;

/// Memory for instances side by side.
#[derive(Debug)]
pub(super) struct Budget {
    pub bytes: u64,
    in_use: Mutex<u64>,
    released: Condvar,
}

impl Budget {
    pub fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Budget { bytes, in_use: Mutex::new(0), released: Condvar::new() })
    }

    /// Waits until the bytes fit beside what is in use; whatever is alone may try.
    pub fn lease(self: &Arc<Self>, bytes: u64) -> Lease {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        while *in_use > 0 && in_use.saturating_add(bytes) > self.bytes {
            in_use = self.released.wait(in_use).unwrap_or_else(PoisonError::into_inner);
        }
        *in_use = in_use.saturating_add(bytes);
        Lease { budget: self.clone(), bytes }
    }
}

/// Memory in use, until it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut in_use = self.budget.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        *in_use = in_use.saturating_sub(self.bytes);
        self.budget.released.notify_all();
    }
}

/// An instance that several groups share: built by the first that comes, gone with the last.
pub(super) struct Slot {
    /// What the instance alone takes.
    pub instance_bytes: u64,
    /// With the states of the groups that run side by side.
    pub bytes: u64,
    /// The instance, or why there is none.
    pub built: OnceLock<(Lease, Result<BuiltProblem, String>)>,
}

/// Points for one lockstep.
pub(super) struct Group {
    pub slot: Arc<Slot>,
    pub tasks: Vec<usize>,
}

/// Groups of the pending tasks: expensive instances first, the groups of one instance next to each other. Where there are fewer instances than
/// cores, an instance's points are dealt to several groups of like cost.
pub(super) fn groups(tasks: &[Task], pending: &[usize], jobs: usize, budget: u64) -> VecDeque<Group> {
    let mut by_instance = BTreeMap::<usize, Vec<usize>>::new();
    for &index in pending {
        by_instance.entry(tasks[index].instance).or_default().push(index);
    }
    let share = (jobs / by_instance.len().max(1)).max(1);
    let operations = |members: &[usize]| members.iter().map(|&index| tasks[index].cost.operations).sum::<f64>();
    let mut instances: Vec<Vec<usize>> = by_instance.into_values().collect();
    instances.sort_by(|a, b| operations(b).total_cmp(&operations(a)));
    let mut groups = VecDeque::new();
    for mut members in instances {
        let most = |bytes: fn(&Task) -> u64| members.iter().map(|&index| bytes(&tasks[index])).max().unwrap_or(0);
        let (instance_bytes, state_bytes) = (most(|task| task.cost.instance_bytes), most(|task| task.cost.state_bytes));
        let room = budget.saturating_sub(instance_bytes) / state_bytes.max(1);
        let side_by_side = (members.len() / LEAST_POINTS).clamp(1, share);
        let fit = usize::try_from(room / side_by_side as u64).unwrap_or(MOST_POINTS).clamp(1, MOST_POINTS);
        let size = members.len().div_ceil(side_by_side).min(fit);
        let bytes = instance_bytes.saturating_add(state_bytes.saturating_mul((size * side_by_side) as u64));
        let slot = Arc::new(Slot { instance_bytes, bytes, built: OnceLock::new() });
        // Points of like cost end together, which keeps their batches full.
        members.sort_by(|&a, &b| tasks[b].cost.operations.total_cmp(&tasks[a].cost.operations).then(a.cmp(&b)));
        for round in members.chunks(size * side_by_side) {
            for first in 0..side_by_side.min(round.len()) {
                let tasks = round.iter().skip(first).step_by(side_by_side).copied().collect();
                groups.push_back(Group { slot: slot.clone(), tasks });
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Digest;
    use crate::sweep::Cost;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn tasks(count: usize, instances: usize) -> Vec<Task> {
        let cost = |index: usize| Cost { operations: 1e6 * (1 + index * 7 % 13) as f64, instance_bytes: 1000, state_bytes: 10 };
        let task = |index| Task {
            index,
            id: Digest([0; 32]),
            instance: index % instances,
            cost: cost(index),
            parameters: serde_json::Value::Null,
        };
        (0..count).map(task).collect()
    }

    #[test]
    fn every_task_is_in_one_group_and_groups_of_an_instance_are_neighbours() {
        for (count, instances, jobs, budget) in [(1, 1, 4, 9999), (64, 1, 2, 9999), (300, 1, 4, 9999), (300, 7, 4, 1100), (40, 40, 2, 0)] {
            let tasks = tasks(count, instances);
            let pending: Vec<usize> = (0..count).collect();
            let groups = groups(&tasks, &pending, jobs, budget);
            let mut all: Vec<usize> = groups.iter().flat_map(|group| group.tasks.iter().copied()).collect();
            all.sort_unstable();
            assert_eq!(all, pending);
            let of: Vec<usize> = groups.iter().map(|group| tasks[group.tasks[0]].instance).collect();
            let mut runs = of.clone();
            runs.dedup();
            assert_eq!(runs.len(), instances, "{of:?}");
            for group in &groups {
                assert!(
                    group.tasks.len() <= MOST_POINTS && group.tasks.iter().all(|&t| tasks[t].instance == tasks[group.tasks[0]].instance)
                );
                assert!(group.slot.bytes <= budget.max(1010), "a group is no larger than memory allows, or one point");
            }
        }
        let (two, tasks) = (|groups: VecDeque<Group>| groups.iter().map(|group| group.tasks.len()).collect::<Vec<_>>(), tasks(300, 1));
        let all: Vec<usize> = (0..300).collect();
        assert_eq!(two(groups(&tasks, &all[..64], 2, u64::MAX)), [32, 32]);
        assert_eq!(two(groups(&tasks, &all[..20], 2, u64::MAX)), [20]);
        assert_eq!(two(groups(&tasks, &all, 2, u64::MAX)), [64, 64, 64, 64, 22, 22]);
    }

    #[test]
    fn leases_wait_until_they_fit_but_never_for_nothing() {
        let budget = Budget::new(100);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [40, 50, 30, 60, 20, 45, 35] {
                let (budget, now, most) = (&budget, &now, &most);
                scope.spawn(move || {
                    let lease = budget.lease(bytes);
                    most.fetch_max(now.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(5));
                    now.fetch_sub(bytes, Ordering::SeqCst);
                    drop(lease);
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 100, "{most:?}");
        // More than there is, alone: it may try.
        drop(budget.lease(1000));
    }
}
