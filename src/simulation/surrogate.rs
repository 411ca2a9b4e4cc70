//! How many evaluations flows will need, found by integrating a smaller problem like theirs.
//!
//! How long the steps of an adaptive integrator are is decided by the singular values of the target, the scale of the start, the tolerance, the
//! horizon and, through the nuisance, by how many measurements there are for each degree of freedom; hardly by the shape. The surrogate keeps
//! all of these and has a side of at most `r + 12`: `p' = p (m' + n')/(m + n)` Gaussian measurements (full observation stays what it is), and
//! Gaussian factors of width `h' ≤ r + 12` and scale `α √(h/h')`, so that the rows of `UᵀF₀`, from which the modes grow, keep their size.

use super::{Simulation, Unattended, expected_evaluations, recording_times};
use crate::config::{
    Coherence, Ensemble, Experiment, Factorization, FlowMethod, InitKind, Law, Measurements, Method, Pair, Problem, SensingSpec,
};
use crate::config::{Spacing, Stop, Storage, TargetKind, TargetSpec};
use crate::problem::{build_instance, build_target, initial_state};

/// Dimensions beyond the rank.
const BEYOND: usize = 12;
/// The largest rank that is rehearsed.
const LARGEST_RANK: usize = 20;
/// The most trajectories that are rehearsed; others are taken for what the rule of thumb says.
const MOST_TRAJECTORIES: usize = 16;
/// Evaluations after which a rehearsal is carried on by proportion.
const ENOUGH: u64 = 4000;
/// The most recording times of a rehearsal; steps that matter are fewer.
const MOST_SAMPLES: usize = 2000;

/// Evaluations of a trajectory's field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluations {
    /// For steps.
    pub stepping: u64,
    /// For samples inside steps.
    pub dense: u64,
    /// Whether the numbers are known, not forecast.
    pub exact: bool,
}

/// Evaluations of every trajectory up to the horizon. Those of adaptive flows are counted on a surrogate, within 30 % or so, where the target's
/// singular values are known and few (of an instance from a file they are not); elsewhere, and of all other methods, they are what
/// [`expected_evaluations`] says. `largest` is `σ₁`. Stop rules are not foreseen. Takes some hundredths of a second for a flow.
pub fn foreseen_evaluations(experiment: &Experiment, largest: f64) -> Vec<Evaluations> {
    let (horizon, times) = (experiment.record.horizon, recording_times(&experiment.record).len() as u64);
    let mut foreseen: Vec<Evaluations> = experiment
        .trajectories
        .iter()
        .map(|spec| {
            let (stepping, exact) = expected_evaluations(&spec.method, horizon, largest);
            Evaluations { stepping, dense: interpolants(&spec.method, stepping, times), exact }
        })
        .collect();
    for (index, found) in rehearse(experiment).unwrap_or_default() {
        foreseen[index] = found;
    }
    foreseen
}

/// Whether interpolants share the applications of the steps that follow: not where a piece of the field may end with the step, nor where
/// an evaluation is more than one question.
pub(super) fn trails(method: &Method) -> bool {
    match method {
        Method::PerturbedFlow { perturbation, .. } => {
            !matches!(perturbation.law, Law::Piecewise { .. } | Law::OrnsteinUhlenbeck { .. } | Law::Descent { .. })
        }
        Method::ModifiedFlow { .. } => false,
        _ => true,
    }
}

/// Evaluations for the dense output of the pair of order 8: three for each of its steps, of twelve each, inside which a sample lies.
fn interpolants(method: &Method, stepping: u64, times: u64) -> u64 {
    match method.integrator() {
        Some(FlowMethod::Adaptive { pair: Pair::Dop853, .. }) => 3 * (stepping / 12).min(times),
        _ => 0,
    }
}

/// Which trajectories were rehearsed, and what they took; `None` where there is no surrogate.
fn rehearse(experiment: &Experiment) -> Option<Vec<(usize, Evaluations)>> {
    let adaptive = |index: &usize| {
        let integrator = experiment.trajectories[*index].method.integrator();
        matches!(integrator, Some(FlowMethod::Adaptive { .. } | FlowMethod::Tail { .. }))
    };
    let chosen: Vec<usize> = (0..experiment.trajectories.len()).filter(adaptive).take(MOST_TRAJECTORIES).collect();
    if chosen.is_empty() {
        return None;
    }
    let reduced = surrogate(experiment, &chosen)?;
    let built = build_instance(&reduced).ok()?;
    let starts = reduced.trajectories.iter().map(|spec| initial_state(&spec.init, reduced.width, &built.instance, None));
    let starts = starts.collect::<Result<Vec<_>, _>>().ok()?;
    let mut simulation = Simulation::new(&reduced, &built.instance, starts).ok()?;
    simulation.run(&Unattended);
    let record = simulation.record();
    let found = chosen.into_iter().zip(&record.trajectories).filter(|(_, trajectory)| trajectory.t > 0.0).map(|(index, trajectory)| {
        let left = reduced.record.horizon / trajectory.t;
        // Explicit methods go on with a step at the limit of stability, the others' grows with time.
        let tail = matches!(experiment.trajectories[index].method.integrator(), Some(FlowMethod::Tail { .. }));
        let whole = |count: u64| (count as f64 * if tail { left.sqrt() } else { left }).round() as u64;
        let counts = trajectory.counts;
        (index, Evaluations { stepping: whole(counts.evaluations), dense: whole(counts.dense_evaluations), exact: false })
    });
    Some(found.collect())
}

/// The smaller problem, with the chosen trajectories.
fn surrogate(experiment: &Experiment, chosen: &[usize]) -> Option<Experiment> {
    let (Problem::Generated { target, sensing }, Some(width)) = (&experiment.problem, experiment.width) else { return None };
    let (rows, cols, singular_values) = match &target.kind {
        TargetKind::Random { rows, cols, singular_values, .. } => (*rows, *cols, singular_values.clone()),
        TargetKind::Semidefinite { side, singular_values } => (*side, *side, singular_values.clone()),
        _ => {
            let built = build_target(target).ok()?;
            (built.matrix.nrows(), built.matrix.ncols(), built.values)
        }
    };
    let rank = singular_values.len();
    if rank > LARGEST_RANK {
        return None;
    }
    let (fewer_rows, fewer_cols, narrower) = (rows.min(rank + BEYOND), cols.min(rank + BEYOND), width.min(rank + BEYOND));
    let ensemble = match sensing.ensemble.measurements() {
        None => sensing.ensemble,
        Some(measurements) => {
            let share = (fewer_rows + fewer_cols) as f64 / (rows + cols) as f64;
            let fewer = (measurements.count(rows, cols, rank) as f64 * share).ceil() as usize;
            // Beyond four for each entry, more of them change nothing.
            let measurements = Measurements::Count(fewer.clamp(1, 4 * fewer_rows * fewer_cols));
            Ensemble::Gaussian { measurements, storage: Storage::F64 }
        }
    };
    let kind = match experiment.factorization {
        Factorization::Asymmetric => {
            TargetKind::Random { rows: fewer_rows, cols: fewer_cols, singular_values, coherence: Coherence::Incoherent }
        }
        Factorization::Symmetric => TargetKind::Semidefinite { side: fewer_rows, singular_values },
    };
    let mut reduced = experiment.clone();
    reduced.problem = Problem::Generated { target: TargetSpec { kind, ..*target }, sensing: SensingSpec { ensemble, ..*sensing } };
    reduced.width = Some(narrower);
    reduced.trajectories = chosen.iter().map(|&index| experiment.trajectories[index].clone()).collect();
    for spec in &mut reduced.trajectories {
        (spec.cross_check, spec.certify) = (None, false);
        if matches!(spec.init.kind, InitKind::Gaussian | InitKind::Orthogonal) {
            spec.init.scale *= (width as f64 / narrower as f64).sqrt();
        }
    }
    reduced.comparisons.clear();
    let record = &mut reduced.record;
    (record.observables, record.snapshots, record.singular_vectors) = (Vec::new(), false, 0);
    if record.samples > MOST_SAMPLES {
        (record.samples, record.spacing) = (MOST_SAMPLES, Spacing::Linear);
    }
    record.stop = Stop { evaluations: Some(ENOUGH), ..Stop::default() };
    Some(reduced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, load};

    fn experiment(head: &str, trajectories: &str) -> Experiment {
        let text = format!("name = \"foreseen\"\nseed = 1\n{head}\n{trajectories}");
        load(Source { name: "foreseen", text: &text }, &[], ".".as_ref()).unwrap().experiment
    }

    /// Foreseen and true evaluations, for steps and for samples, of every trajectory.
    fn both(experiment: &Experiment) -> Vec<(Evaluations, [u64; 2])> {
        let built = build_instance(experiment).unwrap();
        let start = |spec: &crate::config::TrajectorySpec| initial_state(&spec.init, experiment.width, &built.instance, None).unwrap();
        let mut simulation = Simulation::new(experiment, &built.instance, experiment.trajectories.iter().map(start).collect()).unwrap();
        simulation.run(&Unattended);
        let counts: Vec<_> = simulation.record().trajectories.iter().map(|trajectory| trajectory.counts).collect();
        let largest = built.instance.target.as_ref().unwrap().values[0];
        let foreseen = foreseen_evaluations(experiment, largest);
        foreseen.into_iter().zip(counts.iter().map(|counts| [counts.evaluations, counts.dense_evaluations])).collect()
    }

    fn flow(name: &str, method: &str, rtol: &str) -> String {
        format!("[[trajectory]]\nname = \"{name}\"\n[trajectory.flow]\nmethod = \"{method}\"\nrtol = {rtol}\n")
    }

    #[test]
    fn evaluations_are_foreseen_within_three_tenths() {
        let sensed = |side: usize, p: usize, horizon: f64, alpha: f64| {
            format!(
                "[target]\nrows = {side}\ncols = {side}\nrank = 3\ncondition_number = 4.0\n[sensing.gaussian]\nmeasurements = {p}\n[model]\nwidth = {side}\n\
                 [init.gaussian]\nscale = {alpha:?}\n[record]\nhorizon = {horizon:?}\nsamples = 50\n"
            )
        };
        let pair = flow("fine", "dop853", "1e-9") + &flow("coarse", "dop853", "1e-5") + &flow("fifth", "dopri5", "1e-7");
        let tails = flow("auto", "auto", "1e-6") + &flow("exponential", "exponential", "1e-5") + &flow("rkc2", "rkc2", "1e-4");
        let quickstart = include_str!("../../configs/quickstart.toml");
        let descents = "[[trajectory]]\nname = \"gd\"\n[trajectory.gradient_descent]\nstep = 0.1\n";
        let symmetric = "[target]\nrows = 24\ncols = 24\nrank = 2\ncondition_number = 2.0\n[sensing.gaussian]\nmeasurements = 300\n[model]\nfactorization = \"symmetric\"\nwidth = 20\n\
                         [init.gaussian]\nscale = 1e-2\n[record]\nhorizon = 30.0\nsamples = 10\n";
        let whole = "[target]\nrows = 30\ncols = 20\nsingular_values = [3.0, 1.0]\nrank = 2\n[sensing.identity]\n[model]\nwidth = 20\n[init.gaussian]\nscale = 1e-6\n\
                     [record]\nhorizon = 20.0\nsamples = 100\n";
        let cases = [
            ("S", experiment(&sensed(30, 600, 150.0, 1e-3), &pair)),
            ("S, short", experiment(&sensed(30, 600, 8.0, 1e-3), &pair)),
            ("S, tiny start", experiment(&sensed(30, 600, 40.0, 1e-10), &(pair.clone() + descents))),
            ("tails", experiment(&sensed(24, 450, 500.0, 1e-3), &tails)),
            ("quickstart", load(Source { name: "quickstart", text: quickstart }, &[], ".".as_ref()).unwrap().experiment),
            ("symmetric", experiment(symmetric, &pair)),
            ("full observation", experiment(whole, &pair)),
        ];
        for (name, experiment) in cases {
            for ((foreseen, [stepping, dense]), spec) in both(&experiment).into_iter().zip(&experiment.trajectories) {
                let [first, second] = [foreseen.stepping as f64 / stepping as f64, foreseen.dense as f64 / dense.max(1) as f64];
                println!("{name}, {}: {foreseen:?}, found {stepping} and {dense}: {first:.2} {second:.2}", spec.name);
                assert!((0.7..=1.3).contains(&first), "{name}, {}: {foreseen:?}, found {stepping}", spec.name);
                assert!(
                    foreseen.dense.abs_diff(dense) as f64 <= 0.3 * (stepping + dense) as f64,
                    "{name}, {}: {foreseen:?}, found {dense}",
                    spec.name
                );
                assert!(!foreseen.exact || foreseen.stepping == stepping);
            }
        }
    }

    #[test]
    fn a_rehearsal_is_small_and_what_it_cannot_know_falls_to_the_rule_of_thumb() {
        let large = "[target]\nrows = 1000\ncols = 800\nrank = 5\ncondition_number = 2.0\n[sensing.gaussian]\nmeasurements = 20000\n[model]\nwidth = 100\n[init.gaussian]\nscale = 1e-3\n\
                     [record]\nhorizon = 1e6\nsamples = 1000000\n";
        let experiment = experiment(large, &flow("flow", "dop853", "1e-6"));
        let reduced = surrogate(&experiment, &[0]).unwrap();
        let built = build_instance(&reduced).unwrap();
        assert_eq!((built.instance.operator.shape(), built.instance.operator.measurements()), ((17, 17), 378));
        assert_eq!((reduced.width, reduced.record.samples), (Some(17), MOST_SAMPLES));
        // Four evaluations or so a unit of time, a million units.
        let foreseen = foreseen_evaluations(&experiment, 1.0)[0];
        assert!((3e6..6e6).contains(&(foreseen.stepping as f64)) && !foreseen.exact, "{foreseen:?}");

        let mut experiment = experiment.clone();
        experiment.problem = Problem::File("instance.npz".into());
        let (stepping, _) = expected_evaluations(&experiment.trajectories[0].method, 1e6, 1.0);
        assert_eq!(
            foreseen_evaluations(&experiment, 1.0)[0],
            Evaluations { stepping, dense: 3 * (stepping / 12).min(1_000_000), exact: false }
        );
    }
}
