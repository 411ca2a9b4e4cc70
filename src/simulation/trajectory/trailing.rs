//! A finished step behind the one that is under way: its interpolant is completed, and its samples are taken, while the trajectory steps
//! on.

use super::{Phase, Shared, Trajectory};
use crate::sensing::Answer;
use crate::stepper::{Failure, StepEvent, Trailing};
use std::ops::Range;

/// How far a step that trails is.
#[derive(Debug)]
pub(super) struct Trail {
    /// What it came to last. After its interpolant samples inside remain to be taken, never more than a batch at a time.
    event: StepEvent,
    /// The dues inside.
    pub inside: Range<usize>,
}

impl Trajectory {
    /// The step that trails, if one does.
    pub(super) fn trailing(&self) -> Option<&Trailing> {
        self.trail.as_ref().and_then(|_| self.stepper.trailing())
    }

    /// Whether the step that trails has a question.
    pub(super) fn trail_asks(&self) -> bool {
        self.trail.as_ref().is_some_and(|trail| trail.event == StepEvent::Ask)
    }

    /// At a point with samples inside the step that led there: whether that step trails, so that the next one can begin. Not before the
    /// trajectory ends or stands still.
    pub(super) fn trails(&mut self, shared: &Shared<'_>) -> bool {
        if self.ending.is_some() || shared.hold || !self.stepper.trail(self.field.as_ref()) {
            return false;
        }
        let Some(trailing) = self.stepper.trailing_mut() else { return false };
        self.trail = Some(Trail { event: trailing.poll(self.field.as_mut(), None), inside: std::mem::take(&mut self.inside) });
        true
    }

    /// Goes on with the step that trails. Returns why its interpolant failed, if it did.
    pub(super) fn follow(&mut self, answer: Option<&Answer>, shared: &Shared<'_>) -> Option<Failure> {
        let trail = self.trail.as_mut()?;
        if let (Some(trailing), Some(answer)) = (self.stepper.trailing_mut(), answer) {
            trail.event = trailing.poll(self.field.as_mut(), Some(answer));
        }
        let event = trail.event;
        match event {
            StepEvent::Failed(failure) => return Some(failure),
            StepEvent::Interpolant if self.interpolate(shared) => self.trail = None,
            StepEvent::Interpolant | StepEvent::Ask | StepEvent::Arrived => {}
        }
        None
    }

    /// Whether what the stepper came to has to wait until the step before has been looked at.
    pub(super) fn waits_behind(&mut self, event: StepEvent) -> bool {
        if self.trail.is_some() {
            self.phase = Phase::Waiting(event);
        }
        self.trail.is_some()
    }

    /// After the interpolant of the step that trails has failed: ends where that step ended. The one that is under way is given up.
    pub(super) fn give_up(&mut self, failure: Failure) {
        self.trail = None;
        self.fail(failure);
        if let Some(outcome) = self.ending {
            self.finish(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, load};
    use crate::dynamics::{GradientFlow, Moment, Next, State, VectorField};
    use crate::problem::{build_instance, initial_state};
    use crate::sensing::Question;
    use crate::simulation::Outcome;
    use crate::simulation::assembly;
    use crate::simulation::record::TrajectoryRecord;

    const TEXT: &str = "name = \"hole\"\nseed = 3\n[target]\nrows = 6\ncols = 5\nsingular_values = [1.0, 0.5]\n[sensing.identity]\n\
        [model]\nwidth = 3\n[init.gaussian]\nscale = 0.05\n[record]\nhorizon = 12.0\nsamples = 61\n\
        [[trajectory]]\nname = \"flow\"\n[trajectory.flow]\nrtol = 1e-8\n";

    /// Gradient flow that is not a number between two times, where it asks nothing.
    struct Hole {
        holes: Vec<[f64; 2]>,
        interleaves: bool,
    }

    impl VectorField for Hole {
        fn begin(&mut self, at: Moment, _state: &State, rate: &mut State) -> Next {
            if self.holes.iter().any(|[from, to]| (*from..=*to).contains(&at.t)) {
                rate.as_mut_slice().fill(f64::NAN);
                return Next::Rate;
            }
            Next::Ask
        }

        fn question<'a>(&'a self, state: &'a State) -> Question<'a> {
            Question::residual(state.left(), state.right())
        }

        fn resume(&mut self, at: Moment, state: &State, answer: &Answer, rate: &mut State) -> Next {
            GradientFlow.resume(at, state, answer, rate)
        }

        fn interleaves(&self) -> bool {
            self.interleaves
        }
    }

    /// The record, and where steps ended.
    fn run(holes: Vec<[f64; 2]>, interleaves: bool) -> (TrajectoryRecord, Vec<f64>) {
        let experiment = load(Source { name: "hole", text: TEXT }, &[], ".".as_ref()).unwrap().experiment;
        let instance = build_instance(&experiment).unwrap().instance;
        let spec = &experiment.trajectories[0];
        let start = initial_state(&spec.init, Some(3), &instance, None).unwrap();
        let (_, mut schedules) = assembly::schedules(&experiment);
        let mut trajectory = assembly::trajectory(&experiment, &instance, spec, start, schedules.remove(0)).unwrap();
        trajectory.field = Box::new(Hole { holes, interleaves });
        let (stop, target) = (&experiment.record.stop, instance.target.as_ref().unwrap());
        let target_norm = Some(target.matrix.norm());
        let shared = Shared { instance: &instance, target_norm, data_norm: 1.0, stop, out_of_time: false, hold: false };
        let (mut answers, mut ends) = (vec![], vec![]);
        let mut work = instance.operator.workspace();
        while !trajectory.ended() {
            trajectory.advance(&answers, &shared);
            answers = vec![Answer::new(6, 5); trajectory.question_count()];
            for (index, answer) in answers.iter_mut().enumerate() {
                instance.operator.answer_one(&instance.data, &trajectory.question(index), answer, &mut work);
            }
            if ends.last() != Some(&trajectory.t()) {
                ends.push(trajectory.t());
            }
        }
        (trajectory.sorted_record(), ends)
    }

    #[test]
    fn failures_are_those_of_one_step_after_the_other() {
        let (whole, ends) = run(vec![], true);
        assert_eq!(whole.outcome, Some(Outcome::Completed));
        let [from, to] = [ends[ends.len() / 2], ends[ends.len() / 2 + 1]];
        // Of the nodes of DOP853 between 0.12 and 0.25 only one of the dense output's, 0.2.
        let dense = [from + 0.18 * (to - from), from + 0.22 * (to - from)];
        // And its first one, 0.1.
        let first = [from + 0.09 * (to - from), from + 0.105 * (to - from)];
        let beyond = [to.next_up(), f64::INFINITY];
        for (holes, inside) in [(vec![dense], false), (vec![first], false), (vec![beyond], true), (vec![dense, beyond], false)] {
            let [(beside, _), (before, _)] = [true, false].map(|interleaves| run(holes.clone(), interleaves));
            assert_eq!(beside.outcome, Some(Outcome::NonFinite { t: to }), "{holes:?}");
            assert_eq!((&beside.rows, &beside.spectrum), (&before.rows, &before.spectrum), "{holes:?}");
            assert_eq!((beside.outcome, beside.t, beside.steps), (before.outcome, before.t, before.steps), "{holes:?}");
            assert_eq!(beside.counts.dense_evaluations, before.counts.dense_evaluations, "{holes:?}");
            assert_eq!(beside.rows.last().map(|row| row.t), Some(to), "the last finite point is a sample");
            assert_eq!(beside.rows.iter().any(|row| row.t > from && row.t < to), inside, "{holes:?}");
        }
    }
}
