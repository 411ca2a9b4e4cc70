//! Who takes part in a round of the lockstep.
//!
//! Trajectories of different lengths side by side would leave the longest ones to rounds of their own in the end, where a pass over the
//! measurements serves one point for the price of two or more. So each round serves as many as share the rounds that the longest will take
//! in any case, `⌈Σ_i r_i / max_i r_i⌉` with the rounds `r_i` that are left, those first that have gone the smallest part of the horizon:
//! all end together, in the rounds of the longest, as far as lengths are known. Bits do not depend on company.
//!
//! What is left is what the last rounds took, carried on to the horizon. Steps of fixed size take just that many rounds. An adaptive
//! integrator may take fewer: it counts half for the longest, and nothing where its steps grow in the tail, or where recording times cut them
//! unevenly. So everyone takes part where nothing is known for sure. A stop rule that ends the longest early leaves the others with rounds that they
//! could have shared with it: with fewer than they would take by themselves.

use crate::config::{FlowMethod, Method, Record, Spacing};

/// How a trajectory stands before a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// Whether it has questions.
    pub asks: bool,
    /// The part of the horizon that it has gone.
    pub part: f64,
    /// Evaluations that it may still make.
    pub allowed: f64,
}

/// Rounds from one mark of a trajectory's course to the next: some steps of an adaptive integrator.
const LEG: u64 = 64;

/// What is known of a trajectory.
#[derive(Clone, Copy, Debug)]
struct Course {
    /// The part of what its past tells that it will take at least.
    sure: f64,
    /// Rounds that it took part in with questions.
    rounds: u64,
    /// The last two marks, the earlier one first: rounds, and the part that it had gone then.
    marks: Option<[(u64, f64); 2]>,
    /// Whether it sits the round out.
    waits: bool,
}

/// Chooses who takes part.
#[derive(Debug)]
pub(super) struct Turns {
    courses: Vec<Course>,
    /// Those who ask, and the part that they have gone.
    order: Vec<(f64, usize)>,
}

impl Turns {
    pub fn new<'a>(methods: impl Iterator<Item = &'a Method>, record: &Record) -> Self {
        let course = |method| Course { sure: certainty(method, record), rounds: 0, marks: None, waits: false };
        let courses: Vec<_> = methods.map(course).collect();
        Turns { order: Vec::with_capacity(courses.len()), courses }
    }

    /// Whether a trajectory sits the round out, with its questions.
    pub fn waits(&self, index: usize) -> bool {
        self.courses[index].waits
    }

    /// Chooses who takes part in the next round: everyone, if `all` is set.
    pub fn choose(&mut self, all: bool, standing: impl Fn(usize) -> Standing) {
        self.order.clear();
        let (mut longest, mut total) = (0.0_f64, 0.0);
        for (index, course) in self.courses.iter_mut().enumerate() {
            let Standing { asks, part, allowed } = standing(index);
            course.waits = false;
            if asks {
                let left = course.left(part).min(allowed).max(1.0);
                longest = longest.max(course.sure * left);
                total += left;
                // Whoever has arrived has but its last samples to take, and is not left for the end.
                self.order.push((if part < 1.0 { part } else { 0.0 }, index));
            }
        }
        // Infinite where a trajectory has not moved yet; NaN where nothing is left.
        let served = (total / longest).ceil();
        if !all && served < self.order.len() as f64 {
            self.order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (_, index) in self.order.drain(served as usize..) {
                self.courses[index].waits = true;
            }
        }
        for (_, index) in &self.order {
            self.courses[*index].rounds += 1;
        }
    }
}

impl Course {
    /// Rounds that are left by what its last ones tell, if it has moved in them.
    fn left(&mut self, part: f64) -> f64 {
        let now = (self.rounds, part);
        let marks = self.marks.get_or_insert([now; 2]);
        if now.0 >= marks[1].0 + LEG {
            *marks = [marks[1], now];
        }
        let (rounds, from) = marks[0];
        let left = (self.rounds - rounds) as f64 * (1.0 - part).max(0.0) / (part - from);
        if part > from { left } else { f64::INFINITY }
    }
}

/// Which part of the rounds that its past tells a trajectory takes at least.
fn certainty(method: &Method, record: &Record) -> f64 {
    let uneven = record.exact_times && matches!(record.spacing, Spacing::Logarithmic { .. });
    match (method.step_size(), method.integrator()) {
        (Some(_), _) => 1.0,
        (None, Some(FlowMethod::Rk4 { .. })) if !uneven => 1.0,
        (None, Some(FlowMethod::Adaptive { .. })) if !uneven => 0.5,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let (spacing, stop) = (Spacing::Linear, crate::config::Stop::default());
        Record { horizon: 1.0, samples: 2, spacing, exact_times: false, snapshots: false, singular_vectors: 0, observables: vec![], stop }
    }

    fn standing(asks: bool, part: f64) -> Standing {
        Standing { asks, part, allowed: f64::INFINITY }
    }

    fn descent() -> Method {
        Method::GradientDescent { step: 0.1 }
    }

    /// Trajectories that take so many rounds each, of equal steps; returns how many took part in every round.
    fn served(lengths: &[u64]) -> Vec<usize> {
        let methods = vec![descent(); lengths.len()];
        let mut turns = Turns::new(methods.iter(), &record());
        let mut gone = vec![0; lengths.len()];
        let mut served = Vec::new();
        while gone.iter().zip(lengths).any(|(gone, length)| gone < length) {
            turns.choose(false, |i| standing(gone[i] < lengths[i], gone[i] as f64 / lengths[i] as f64));
            let mut count = 0;
            for i in 0..lengths.len() {
                if gone[i] < lengths[i] && !turns.waits(i) {
                    gone[i] += 1;
                    count += 1;
                }
            }
            served.push(count);
        }
        served
    }

    #[test]
    fn all_end_together_in_the_rounds_of_the_longest() {
        for lengths in [&[1000, 120, 300, 70, 500, 10][..], &[400, 400, 399], &[7, 900], &[64, 32, 16, 8, 4, 2, 1], &[5]] {
            let (longest, total) = (lengths.iter().copied().max().unwrap_or(0), lengths.iter().sum::<u64>());
            let served = served(lengths);
            assert_eq!(served.iter().sum::<usize>() as u64, total);
            assert_eq!(served.len() as u64, longest, "{lengths:?}");
            // After the first rounds, of all, sizes differ by what rounding up leaves for the end.
            let most = total.div_ceil(longest) as usize;
            assert!(served[1..].iter().all(|count| *count <= most), "{lengths:?}: {served:?}");
        }
    }

    #[test]
    fn trajectories_of_one_length_never_wait() {
        assert_eq!(served(&[50; 40]), [40; 50]);
    }

    #[test]
    fn everyone_takes_part_where_nothing_is_sure() {
        let pair = crate::config::Pair::Dop853;
        let tolerance = crate::config::ToleranceSpec { rtol: 1e-6, atol: 0.0, norm: crate::config::ErrorNorm::Factors };
        let auto = Method::Flow(FlowMethod::Tail { method: crate::config::TailMethod::Auto, tolerance });
        let adaptive = Method::Flow(FlowMethod::Adaptive { pair, tolerance });
        // Of five, one has gone a hundredth of the way in the rounds in which the others made half of it: 99 times as many are left.
        let waiting = |first: &Method, all: bool| {
            let methods = [first.clone(), descent(), descent(), descent(), descent()];
            let mut turns = Turns::new(methods.iter(), &record());
            turns.choose(all, |_| standing(true, 0.0));
            assert!((0..5).all(|i| !turns.waits(i)), "nothing is known at first");
            turns.choose(all, |i| standing(true, if i == 0 { 0.01 } else { 0.5 }));
            (0..5).filter(|i| turns.waits(*i)).collect::<Vec<_>>()
        };
        assert_eq!(waiting(&auto, false), Vec::<usize>::new());
        assert_eq!(waiting(&descent(), true), Vec::<usize>::new());
        // (99 + 4 · 1)/99 rounded up are two; (99 + 4)/49.5 three.
        assert_eq!(waiting(&descent(), false), [2, 3, 4]);
        assert_eq!(waiting(&adaptive, false), [3, 4]);
    }

    #[test]
    fn neither_what_stops_nor_what_is_cut_unevenly_counts_as_long() {
        let waiting = |first: Method, record: &Record, allowed: f64| {
            let methods = [first, descent(), descent()];
            let mut turns = Turns::new(methods.iter(), record);
            turns.choose(false, |_| standing(true, 0.0));
            turns.choose(false, |i| Standing { allowed, ..standing(true, if i == 0 { 1e-6 } else { 0.5 }) });
            (0..3).filter(|i| turns.waits(*i)).count()
        };
        let rk4 = || Method::Flow(FlowMethod::Rk4 { step: 0.1 });
        let cut = Record { exact_times: true, spacing: Spacing::Logarithmic { first: 1e-6 }, ..record() };
        assert_eq!(waiting(rk4(), &record(), f64::INFINITY), 1, "a million rounds, and one each");
        assert_eq!(waiting(rk4(), &record(), 1.0), 0, "none has more than one round left");
        assert_eq!(waiting(rk4(), &cut, f64::INFINITY), 0);
        assert_eq!(waiting(Method::ClosedForm, &record(), f64::INFINITY), 0, "it asks at recording times");
    }

    #[test]
    fn whoever_has_arrived_is_served_at_once() {
        let methods = [descent(), descent(), descent()];
        let mut turns = Turns::new(methods.iter(), &record());
        turns.choose(false, |_| standing(true, 0.0));
        turns.choose(false, |i| standing(true, [0.01, 0.02, 1.0][i]));
        assert_eq!([0, 1, 2].map(|i| turns.waits(i)), [false, true, false], "(99 + 49 + 1)/99 are two: the first and the last");
    }
}
