//! When a trajectory is looked at: recording times, and the times at which comparisons need it.

use crate::config::{Method, Record, Spacing};

/// The recording times `0 = t_0 < … = horizon` of flows.
pub fn recording_times(record: &Record) -> Vec<f64> {
    let last = record.samples.saturating_sub(1).max(1);
    let mut times: Vec<f64> = (0..=last)
        .map(|j| match (record.spacing, j) {
            (_, 0) => 0.0,
            (_, j) if j == last => record.horizon,
            (Spacing::Linear, j) => record.horizon * (j as f64 / last as f64),
            (Spacing::Logarithmic { first }, 1) => first.min(record.horizon),
            (Spacing::Logarithmic { first }, j) => first * (record.horizon / first).powf((j - 1) as f64 / (last - 1) as f64),
        })
        .collect();
    times.dedup();
    times
}

/// Beyond the horizon by at most this part of it a step still counts as within: it absorbs the rounding of `horizon/step`.
const SLACK: f64 = 1e-9;

/// Number of steps of size `step` that fit into the horizon: `⌊horizon/step·(1 + 1e-9)⌋`.
pub fn number_of_steps(horizon: f64, step: f64) -> u64 {
    (horizon / step * (1.0 + SLACK)).floor() as u64
}

/// The time at which a trajectory that nothing stops ends: the horizon, or a descent's last step.
pub fn end_time(method: &Method, horizon: f64) -> f64 {
    method.step_size().map_or(horizon, |step| number_of_steps(horizon, step) as f64 * step)
}

/// Recording steps of a descent: the recording times snapped to whole steps, none twice, none beyond the last.
pub fn recording_steps(times: &[f64], horizon: f64, step: f64) -> Vec<u64> {
    let last = number_of_steps(horizon, step);
    let mut steps: Vec<u64> = times.iter().map(|t| ((t / step).round() as u64).min(last)).collect();
    steps.dedup();
    steps
}

/// The times at which a trajectory's own samples are recorded.
pub fn own_times(method: &Method, record: &Record, times: &[f64]) -> Vec<f64> {
    match method.step_size() {
        None => times.to_vec(),
        Some(step) => recording_steps(times, record.horizon, step).into_iter().map(|k| k as f64 * step).collect(),
    }
}

/// One time at which a trajectory is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Flow time.
    pub t: f64,
    /// Whether observables are recorded.
    pub record: bool,
    /// The cross-check wants the state here and at the end of this step.
    pub cross_check: bool,
    /// The comparisons (by index) that need the state.
    pub pairs: Vec<Look>,
}

/// One side of one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// Index of the pair.
    pub pair: usize,
    /// Whether this trajectory is the pair's reference.
    pub reference: bool,
}

/// A side that looks at its trajectory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Which.
    pub side: Side,
    /// The comparison's time, by which both sides find each other: the due's, but for the rounding of a last time.
    pub t: f64,
}

/// The times at which a trajectory is looked at, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule {
    dues: Vec<Due>,
}

impl Schedule {
    /// A schedule of recording times; of those, up to `cross_checks` evenly spread ones (0 apart) also serve the cross-check.
    pub fn new(own: &[f64], cross_checks: usize) -> Self {
        let positive = own.iter().filter(|&&t| t > 0.0).count();
        let wanted = cross_checks.min(positive);
        let mut schedule = Schedule::default();
        let mut index = 0;
        for &t in own {
            let mut cross_check = false;
            if t > 0.0 {
                index += 1;
                // Exactly `wanted` of the indices 1..=positive satisfy this, the last among them.
                cross_check = index * wanted / positive > (index - 1) * wanted / positive;
            }
            schedule.dues.push(Due { t, record: true, cross_check, pairs: Vec::new() });
        }
        schedule
    }

    /// Adds ascending times at which a side of a comparison is needed. The trajectory ends at `end`: times that rounding alone carries
    /// beyond (`3 · 0.1 > 0.3`) are looked at there.
    pub fn add(&mut self, times: &[f64], side: Side, end: f64) {
        let mut known = std::mem::take(&mut self.dues).into_iter().peekable();
        for &t in times {
            let at = if t > end && t - end <= 2.0 * SLACK * end { end } else { t };
            self.dues.extend(std::iter::from_fn(|| known.next_if(|due| due.t <= at)));
            let look = Look { side, t };
            match self.dues.last_mut().filter(|due| due.t == at) {
                Some(due) => due.pairs.push(look),
                None => self.dues.push(Due { t: at, record: false, cross_check: false, pairs: vec![look] }),
            }
        }
        self.dues.extend(known);
    }

    /// The times.
    pub fn dues(&self) -> &[Due] {
        &self.dues
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Stop;

    fn record(horizon: f64, samples: usize, spacing: Spacing) -> Record {
        Record {
            horizon,
            samples,
            spacing,
            exact_times: false,
            snapshots: false,
            singular_vectors: 0,
            observables: vec![],
            stop: Stop::default(),
        }
    }

    #[test]
    fn linear_times_include_both_ends() {
        let times = recording_times(&record(60.0, 4, Spacing::Linear));
        assert_eq!(times, [0.0, 20.0, 40.0, 60.0]);
    }

    #[test]
    fn logarithmic_times_are_geometric_from_the_first() {
        let times = recording_times(&record(100.0, 4, Spacing::Logarithmic { first: 1.0 }));
        assert_eq!(times.len(), 4);
        assert_eq!((times[0], times[1], times[3]), (0.0, 1.0, 100.0));
        assert!((times[2] - 10.0).abs() < 1e-13);
    }

    #[test]
    fn steps_are_snapped_without_duplicates_and_end_within_the_horizon() {
        assert_eq!(number_of_steps(60.0, 0.1), 600);
        assert_eq!(number_of_steps(1.0, 0.3), 3);
        assert_eq!(recording_steps(&[0.0, 0.04, 0.11, 0.9, 1.0], 1.0, 0.3), [0, 3]);
        assert_eq!(recording_steps(&[0.0, 0.5, 1.0], 1.0, 0.3), [0, 2, 3]);
    }

    #[test]
    fn a_schedule_merges_equal_times_and_stays_sorted() {
        let mut schedule = Schedule::new(&[0.0, 1.0, 2.0], 20);
        let side = Side { pair: 3, reference: true };
        schedule.add(&[0.5, 1.0], side, 2.0);
        let times: Vec<f64> = schedule.dues().iter().map(|due| due.t).collect();
        assert_eq!(times, [0.0, 0.5, 1.0, 2.0]);
        assert!(!schedule.dues()[1].record && schedule.dues()[2].record);
        assert_eq!(schedule.dues()[2].pairs, [Look { side, t: 1.0 }]);
    }

    #[test]
    fn a_time_that_rounding_carries_beyond_the_end_is_looked_at_there() {
        let mut schedule = Schedule::new(&[0.0, 0.3], 0);
        let side = Side { pair: 0, reference: true };
        schedule.add(&[0.0, 3.0 * 0.1, 0.4], side, 0.3);
        let times: Vec<f64> = schedule.dues().iter().map(|due| due.t).collect();
        assert_eq!(times, [0.0, 0.3, 0.4]);
        assert_eq!(schedule.dues()[1].pairs, [Look { side, t: 3.0 * 0.1 }]);
        assert_eq!(end_time(&Method::GradientDescent { step: 0.1 }, 0.3), 3.0 * 0.1);
    }

    #[test]
    fn the_cross_check_takes_evenly_spread_times_with_the_last() {
        let own: Vec<f64> = (0..200).map(f64::from).collect();
        let schedule = Schedule::new(&own, 20);
        let chosen: Vec<f64> = schedule.dues().iter().filter(|due| due.cross_check).map(|due| due.t).collect();
        assert_eq!(chosen.len(), 20);
        assert_eq!(chosen.last(), Some(&199.0));
        assert_eq!(Schedule::new(&[0.0, 1.0], 20).dues().iter().filter(|due| due.cross_check).count(), 1);
    }
}
