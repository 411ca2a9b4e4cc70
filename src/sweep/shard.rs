//! Shards: which tasks a process does.

use super::plan::Task;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Shard `index` of `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: usize,
    /// At least 1.
    pub count: usize,
}

impl Shard {
    /// The only shard.
    pub const WHOLE: Shard = Shard { index: 0, count: 1 };
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match parsed {
            Some((index, count)) if index < count => Ok(Shard { index, count }),
            _ => Err("write K/N with K from 0 to N − 1, such as 0/4".into()),
        }
    }
}

/// The tasks of a shard, ascending. Where there are at least four instances a shard, instances stay whole, so that each operator is built once in
/// all; else tasks are dealt out one by one. Either way the next most expensive goes to the shard with the least to do.
pub fn shard(tasks: &[Task], shard: Shard) -> Vec<usize> {
    let instances = tasks.iter().map(|task| task.instance + 1).max().unwrap_or(0);
    let whole = shard.count > 1 && instances >= 4 * shard.count;
    let mut units: Vec<(f64, Vec<usize>)> = Vec::new();
    if whole || shard.count == 1 {
        units.resize_with(instances, Default::default);
        for task in tasks {
            units[task.instance].0 += task.cost.operations;
            units[task.instance].1.push(task.index);
        }
    } else {
        units = tasks.iter().map(|task| (task.cost.operations, vec![task.index])).collect();
    }
    units.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    // Loads are not negative, so that their bits are in their order.
    let mut loads: BinaryHeap<Reverse<(u64, usize)>> = (0..shard.count).map(|index| Reverse((0.0_f64.to_bits(), index))).collect();
    let mut mine = Vec::new();
    for (cost, members) in units {
        let Some(Reverse((load, least))) = loads.pop() else { break };
        // A task costs something, whatever the estimate says.
        loads.push(Reverse(((f64::from_bits(load) + cost.max(1.0)).to_bits(), least)));
        if least == shard.index {
            mine.extend(members);
        }
    }
    mine.sort_unstable();
    mine
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Digest;
    use crate::sweep::Cost;

    fn tasks(count: usize, instances: usize) -> Vec<Task> {
        let cost = |index: usize| Cost { operations: 1e6 * (1 + index * 7 % 13) as f64, ..Cost::default() };
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
    fn shards_are_disjoint_complete_and_balanced() {
        for (count, instances, shards) in [(100, 1, 7), (100, 100, 7), (3, 1, 7), (60, 30, 7), (100, 20, 1)] {
            let tasks = tasks(count, instances);
            let parts: Vec<Vec<usize>> = (0..shards).map(|index| shard(&tasks, Shard { index, count: shards })).collect();
            let mut all: Vec<usize> = parts.concat();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
            if count == 100 && shards > 1 {
                let loads: Vec<f64> = parts.iter().map(|part| part.iter().map(|&i| tasks[i].cost.operations).sum()).collect();
                let (least, most) = loads.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &x| (a.min(x), b.max(x)));
                // The greedy rule leaves a difference of at most the most expensive task.
                assert!(most - least <= 13e6, "{loads:?}");
            }
        }
        assert!("1/1".parse::<Shard>().is_err() && "x".parse::<Shard>().is_err() && "0/0".parse::<Shard>().is_err());
    }
}
