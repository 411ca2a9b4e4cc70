//! Configurations that load: what they resolve to, and that resolution is complete.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests are not recognised as tests.

use pgflow::config::*;
use std::path::{Path, PathBuf};

const BASE: &str = "/experiments";

fn load_text(text: &str, overrides: &[&str]) -> Loaded {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    match load(Source { name: "test.toml", text }, &overrides, Path::new(BASE)) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{error}"),
    }
}

/// Every configuration that is part of the repository, by name.
fn all_texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let mut texts: Vec<(String, String)> = TEMPLATES.iter().map(|(name, text)| (format!("template {name}"), (*text).to_owned())).collect();
    for entry in [root.clone(), root.join("papers")].iter().flat_map(|directory| std::fs::read_dir(directory).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            texts.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    texts.push(("with everything".into(), EVERYTHING.into()));
    texts.push(("from arrays".into(), FROM_ARRAYS.into()));
    texts.push(("perturbed".into(), PERTURBED.into()));
    texts.push(("own data".into(), OWN_DATA.into()));
    texts.push(("network".into(), NETWORK.into()));
    texts
}

const EVERYTHING: &str = r#"
name = "everything"
seed = 5
[target]
seed = 6
rows = 12
cols = 9
rank = 3
singular_values = [3, 2.5, 1e-7]
[sensing.gaussian]
seed = 8
measurements = 200
storage = "f32"
noise = 1e-3
[model]
factorization = "asymmetric"
width = 4
[init.spectral]
scale = 1e-2
seed = 9
[record]
horizon = 12.5
samples = 17
spacing = "log"
first = 1e-3
exact_times = true
snapshots = true
singular_vectors = 2
observables = ["imbalance", "loss"]
[record.stop]
relative_error = 1e-9
train_error = 1e-11
gradient_norm = 1e-10
factor_norm = 100
evaluations = 5000
wall_seconds = 60
[[trajectory]]
name = "a"
cross_check = true
cross_check_tolerance = 1e-4
[trajectory.flow]
method = "dopri5"
rtol = 1e-7
atol = 1e-12
error_norm = "product"
[[trajectory]]
name = "b"
cross_check = true
cross_check_tolerance = 0.5
[trajectory.flow]
method = "rk4"
step = 0.25
[[trajectory]]
name = "c"
[trajectory.gradient_descent]
step = [0.1, 1e-6]
[trajectory.init.gaussian]
scale = [1e-3, 1e-6]
seed = [7, 8]
[[trajectory]]
name = "d"
[trajectory.gradient_descent]
step = 0.5
[trajectory.init.orthogonal]
scale = [1]
[[compare]]
reference = "c[step=0.1,scale=0.001,seed=7]"
against = ["c", "a"]
[[compare]]
reference = "b"
"#;

const PERTURBED: &str = r#"
name = "perturbed"
seed = 5
[target]
rows = 12
cols = 9
singular_values = [1, 0.5]
[sensing.identity]
[model]
width = 4
[init.gaussian]
scale = 1e-2
seed = 9
[record]
horizon = 12.5
[[trajectory]]
name = "plain"
[trajectory.flow]
[[trajectory]]
name = "a"
cross_check = true
[trajectory.flow]
rtol = 1e-7
[trajectory.perturbation]
form = "two_sided"
bound = [0.5, 0]
relative_to = "sigma_r"
seed = [3, 4]
[trajectory.perturbation.rotating]
period = 3
[trajectory.init.gaussian]
scale = [1, 2]
[[trajectory]]
name = "b"
[trajectory.flow]
method = "rk4"
step = 0.25
[trajectory.perturbation]
bound = 1e-3
[trajectory.perturbation.ornstein_uhlenbeck]
correlation_time = 2
[[trajectory]]
name = "c"
[trajectory.flow]
[trajectory.perturbation]
bound = [0.1]
relative_to = "residual"
[trajectory.perturbation.adversarial]
[[trajectory]]
name = "d"
[trajectory.flow]
[trajectory.perturbation.replay]
file = "e.npz"
[[trajectory]]
name = "e"
[trajectory.flow]
[trajectory.perturbation.descent]
step = 0.1
[[trajectory]]
name = "f"
[trajectory.flow]
[trajectory.perturbation]
form = "additive"
bound = 1
[trajectory.perturbation.constant]
[[trajectory]]
name = "g"
[trajectory.flow]
[trajectory.perturbation]
bound = 1
seed = [3, 4]
[trajectory.perturbation.adversarial]
against = "limit"
[[trajectory]]
name = "modified"
cross_check = true
[trajectory.modified_flow]
step = [0.1, 0.2]
method = "dopri5"
rtol = 1e-6
[[trajectory]]
name = "exact"
[trajectory.closed_form]
[[trajectory]]
name = "exponential"
[trajectory.exponential]
step = 0.1
[[trajectory]]
name = "cayley"
[trajectory.cayley]
step = [0.1]
[[trajectory]]
name = "heavy"
[trajectory.momentum]
step = [0.1, 0.05]
momentum = 0.9
[[trajectory]]
name = "nesterov"
[trajectory.nesterov]
step = 0.1
[[trajectory]]
name = "nesterov_fixed"
[trajectory.nesterov]
step = 0.1
momentum = 0
"#;

const NETWORK: &str = r#"
name = "network"
[target]
rows = 12
rank = 2
columns = "unit"
[sensing.rank_one]
measurements = 100
[model]
factorization = "symmetric"
width = 12
[init.identity]
scale = 1e-3
[record]
horizon = 12.5
observables = ["generalisation_error"]
[[trajectory]]
name = "network"
[trajectory.quadratic_network]
step = [0.1]
threshold = [9, 20]
[[trajectory]]
name = "guess"
[trajectory.quadratic_network]
step = 0.1
threshold = 9
trace = "estimated"
[[trajectory]]
name = "projected"
[trajectory.projected_descent]
step = [0.1, 0.2]
"#;

const OWN_DATA: &str = r#"
name = "own-data"
seed = 5
[target]
rows = 12
cols = 9
singular_values = [1, 0.5]
[sensing.gaussian]
measurements = 100
noise = 0.25
[model]
width = 4
[init.spectral]
of = "data"
[record]
horizon = 12.5
[[trajectory]]
name = "sgd"
[trajectory.stochastic_gradient_descent]
step = [0.1, 0.01]
batch = [1, 100]
seed = [3]
[[trajectory]]
name = "plain"
[trajectory.stochastic_gradient_descent]
step = 0.1
batch = 7
[[trajectory]]
name = "fresh"
[trajectory.fresh_measurements]
step = 0.1
measurements = [50, 60]
[[trajectory]]
name = "quiet"
[trajectory.fresh_measurements]
step = 0.1
measurements = 50
noise = 0
seed = 8
[[trajectory]]
name = "scaled"
[trajectory.scaled_descent]
step = [0.5]
[trajectory.init.spectral]
of = "data"
scale = [0.5, 1]
[[trajectory]]
name = "damped"
[trajectory.scaled_descent]
step = 0.5
damping = 1e-3
[trajectory.init.spectral]
scale = 1e-2
seed = [1, 2]
"#;

const FROM_ARRAYS: &str = r#"
name = "arrays"
[instance]
file = "x/instance.npz"
[record]
horizon = 1
[[trajectory]]
name = "flow"
[trajectory.flow]
"#;

/// Every point of every sweep that is part of the repository is an experiment, complete when resolved, and unlike all others.
#[test]
fn every_point_of_every_sweep_resolves() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/sweeps");
    let mut visited = 0;
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let (name, text) = (path.display().to_string(), std::fs::read_to_string(&path).unwrap());
        let file = SweepFile::parse(Source { name: &name, text: &text }, &[], &directory).unwrap_or_else(|error| panic!("{error}"));
        let mut resolved = std::collections::BTreeSet::new();
        for index in 0..file.len() {
            let loaded = file.load(index).unwrap_or_else(|error| panic!("{error}"));
            let again = load(Source { name: &name, text: &loaded.resolved }, &[], &directory).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again.resolved, loaded.resolved, "{name}, point {index}");
            assert!(resolved.insert(loaded.resolved), "{name}: point {index} is another one too");
        }
        assert!(file.len() > 1 && !file.fits().is_empty(), "{name} shows nothing");
        visited += 1;
    }
    assert!(visited >= 4, "{visited} sweeps");
}

#[test]
fn every_configuration_loads_and_its_resolution_is_a_fixed_point() {
    let texts = all_texts();
    assert!(texts.len() >= 9, "{} configurations", texts.len());
    for (name, text) in texts {
        let first = load_text(&text, &[]);
        // Absolute paths and filled-in seeds: the directory does not matter any more.
        let again = load(Source { name: "resolved", text: &first.resolved }, &[], Path::new("/elsewhere"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(first.experiment, again.experiment, "{name}");
        assert_eq!(first.resolved, again.resolved, "{name}");
    }
}

#[test]
fn the_quickstart_resolves_to_what_it_says() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/quickstart.toml")).unwrap();
    let Experiment { name, seed, problem, factorization, width, record, trajectories, comparisons } = load_text(&text, &[]).experiment;
    assert_eq!((name.as_str(), seed, factorization, width), ("quickstart", 7, Factorization::Asymmetric, Some(30)));
    let ensemble = Ensemble::Gaussian { measurements: Measurements::Count(700), storage: Storage::F64 };
    let kind = TargetKind::Random { rows: 40, cols: 30, singular_values: vec![1.0, 0.5], coherence: Coherence::Incoherent };
    let expected = Problem::Generated { target: TargetSpec { seed: 7, kind }, sensing: SensingSpec { seed: 7, noise: 0.0, ensemble } };
    assert_eq!(problem, expected);
    assert_eq!((record.horizon, record.samples, record.spacing), (60.0, 200, Spacing::Linear));
    assert_eq!((record.exact_times, record.snapshots, record.singular_vectors, record.stop), (false, false, 3, Stop::default()));
    assert_eq!(record.observables, DEFAULT_COLUMNS);
    let names: Vec<&str> = trajectories.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["flow", "gd[step=0.1]", "gd[step=0.05]", "gd[step=0.025]"]);
    let tolerance = ToleranceSpec { rtol: 1e-9, atol: 0.0, norm: ErrorNorm::Factors };
    assert_eq!(trajectories[0].method, Method::Flow(FlowMethod::Adaptive { pair: Pair::Dop853, tolerance }));
    assert_eq!(trajectories[0].cross_check, Some(1000.0 * 1e-9));
    assert_eq!(trajectories[2].method, Method::GradientDescent { step: 0.05 });
    assert_eq!(trajectories[2].cross_check, None);
    assert!(trajectories.iter().all(|t| t.init == InitSpec { seed: 7, kind: InitKind::Gaussian, scale: 1e-3 }));
    assert_eq!(
        comparisons,
        [ComparisonSpec { reference: "flow".into(), against: names[1..].iter().map(|&n| n.to_owned()).collect(), bound: false }]
    );
}

#[test]
fn everything_resolves_to_what_it_says() {
    let e = load_text(EVERYTHING, &[]).experiment;
    let Problem::Generated { target, sensing } = &e.problem else { panic!("{:?}", e.problem) };
    assert_eq!((target.seed, sensing.seed, sensing.noise), (6, 8, 1e-3));
    assert_eq!(e.record.spacing, Spacing::Logarithmic { first: 1e-3 });
    assert_eq!(e.record.observables, ["imbalance", "loss"]);
    let stop = Stop {
        relative_error: Some(1e-9),
        train_error: Some(1e-11),
        gradient_norm: Some(1e-10),
        factor_norm: Some(100.0),
        evaluations: Some(5000),
        wall_seconds: Some(60.0),
    };
    assert_eq!(e.record.stop, stop);
    let names: Vec<&str> = e.trajectories.iter().map(|t| t.name.as_str()).collect();
    let expected = [
        "a",
        "b",
        "c[step=0.1,scale=0.001,seed=7]",
        "c[step=0.1,scale=0.001,seed=8]",
        "c[step=0.1,scale=1e-6,seed=7]",
        "c[step=0.1,scale=1e-6,seed=8]",
        "c[step=1e-6,scale=0.001,seed=7]",
        "c[step=1e-6,scale=0.001,seed=8]",
        "c[step=1e-6,scale=1e-6,seed=7]",
        "c[step=1e-6,scale=1e-6,seed=8]",
        "d[scale=1]",
    ];
    assert_eq!(names, expected);
    assert_eq!(e.trajectories[0].init, InitSpec { seed: 9, kind: InitKind::Spectral, scale: 1e-2 });
    assert_eq!(e.trajectories[4].init, InitSpec { seed: 7, kind: InitKind::Gaussian, scale: 1e-6 });
    // A trajectory's own law without a seed: that of [init], so that the same directions are scaled.
    assert_eq!(e.trajectories[10].init, InitSpec { seed: 9, kind: InitKind::Orthogonal, scale: 1.0 });
    assert_eq!(e.trajectories[1].method, Method::Flow(FlowMethod::Rk4 { step: 0.25 }));
    assert_eq!((e.trajectories[0].cross_check, e.trajectories[1].cross_check), (Some(1e-4), Some(0.5)));
    // A family that holds the reference means its other members.
    assert_eq!(e.comparisons[0].against.len(), 8);
    assert!(!e.comparisons[0].against.contains(&e.comparisons[0].reference));
    assert_eq!((e.comparisons[1].reference.as_str(), e.comparisons[1].against.len()), ("b", 10));
}

fn perturbation(e: &Experiment, name: &str) -> PerturbationSpec {
    match &e.trajectories.iter().find(|t| t.name == name).unwrap().method {
        Method::PerturbedFlow { perturbation, .. } => perturbation.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn perturbations_resolve_to_what_they_say() {
    let e = load_text(PERTURBED, &[]).experiment;
    let names: Vec<&str> = e.trajectories.iter().filter(|t| t.family == "a").map(|t| t.name.as_str()).collect();
    let expected = [
        "a[bound=0.5,perturbation_seed=3,scale=1]",
        "a[bound=0.5,perturbation_seed=3,scale=2]",
        "a[bound=0.5,perturbation_seed=4,scale=1]",
        "a[bound=0.5,perturbation_seed=4,scale=2]",
        "a[bound=0,perturbation_seed=3,scale=1]",
        "a[bound=0,perturbation_seed=3,scale=2]",
        "a[bound=0,perturbation_seed=4,scale=1]",
        "a[bound=0,perturbation_seed=4,scale=2]",
    ];
    assert_eq!(names, expected);
    let bound = |bound, relative_to| Some(BoundSpec { bound, relative_to });
    let a = PerturbationSpec { form: Form::TwoSided, bound: bound(0.5, RelativeTo::SigmaR), seed: 4, law: Law::Rotating { period: 3.0 } };
    assert_eq!(perturbation(&e, expected[2]), a);
    // The experiment's seed, not that of [init].
    let law = Law::OrnsteinUhlenbeck { correlation_time: 2.0, resolution: 0.04 };
    let b = PerturbationSpec { form: Form::Shared, bound: bound(1e-3, RelativeTo::Absolute), seed: 5, law };
    assert_eq!(perturbation(&e, "b"), b);
    let law = Law::Adversarial { against: Against::Residual, smoothing: 1e-8 };
    assert_eq!(perturbation(&e, "c[bound=0.1]"), PerturbationSpec { bound: bound(0.1, RelativeTo::Residual), law, ..b.clone() });
    let law = Law::Replay { file: PathBuf::from("/experiments/e.npz"), interpolation: Interpolation::Linear };
    assert_eq!(perturbation(&e, "d"), PerturbationSpec { bound: None, law, ..b.clone() });
    let law = Law::Descent { step: 0.1 };
    assert_eq!(perturbation(&e, "e"), PerturbationSpec { form: Form::Lifted, bound: None, law, ..b.clone() });
    let law = Law::Constant { direction: Direction::Gaussian };
    assert_eq!(perturbation(&e, "f"), PerturbationSpec { form: Form::Additive, bound: bound(1.0, RelativeTo::Absolute), law, ..b.clone() });
    let one = bound(1.0, RelativeTo::Absolute);
    assert_eq!(perturbation(&e, "g[perturbation_seed=4]"), PerturbationSpec { bound: one, seed: 4, law: Law::AdversarialLimit, ..b });
}

#[test]
fn further_methods_resolve_to_what_they_say() {
    let e = load_text(PERTURBED, &[]).experiment;
    let find = |name: &str| e.trajectories.iter().find(|t| t.name == name).unwrap_or_else(|| panic!("{name}"));
    let tolerance = ToleranceSpec { rtol: 1e-6, atol: 0.0, norm: ErrorNorm::Factors };
    let integrator = FlowMethod::Adaptive { pair: Pair::Dopri5, tolerance };
    assert_eq!(find("modified[step=0.2]").method, Method::ModifiedFlow { step: 0.2, integrator });
    assert_eq!(find("modified[step=0.1]").cross_check, Some(1000.0 * 1e-6));
    assert_eq!(find("exact").method, Method::ClosedForm);
    assert_eq!(find("exponential").method, Method::Exponential { step: 0.1 });
    assert_eq!(find("cayley[step=0.1]").method, Method::Cayley { step: 0.1 });
    assert_eq!(find("heavy[step=0.05]").method, Method::Momentum { step: 0.05, momentum: 0.9 });
    assert_eq!(find("nesterov").method, Method::Nesterov { step: 0.1, momentum: None });
    assert_eq!(find("nesterov_fixed").method, Method::Nesterov { step: 0.1, momentum: Some(0.0) });
    assert_eq!(e.comparisons[0].reference, "plain");
}

#[test]
fn descents_with_data_of_their_own_resolve_to_what_they_say() {
    let e = load_text(OWN_DATA, &[]).experiment;
    let names: Vec<&str> = e.trajectories.iter().map(|t| t.name.as_str()).collect();
    let expected = [
        "sgd[step=0.1,batch=1,batch_seed=3]",
        "sgd[step=0.1,batch=100,batch_seed=3]",
        "sgd[step=0.01,batch=1,batch_seed=3]",
        "sgd[step=0.01,batch=100,batch_seed=3]",
        "plain",
        "fresh[measurements=50]",
        "fresh[measurements=60]",
        "quiet",
        "scaled[step=0.5,scale=0.5]",
        "scaled[step=0.5,scale=1]",
        "damped[seed=1]",
        "damped[seed=2]",
    ];
    assert_eq!(names, expected);
    let method = |i: usize| e.trajectories[i].method.clone();
    assert_eq!(method(1), Method::StochasticGradientDescent { step: 0.1, batch: 100, seed: 3 });
    assert_eq!(method(4), Method::StochasticGradientDescent { step: 0.1, batch: 7, seed: 5 });
    assert_eq!(method(6), Method::FreshMeasurements { step: 0.1, measurements: 60, noise: 0.25, seed: 5 });
    assert_eq!(method(7), Method::FreshMeasurements { step: 0.1, measurements: 50, noise: 0.0, seed: 8 });
    assert_eq!(method(8), Method::ScaledDescent { step: 0.5, damping: 0.0 });
    assert_eq!(method(10), Method::ScaledDescent { step: 0.5, damping: 1e-3 });
    let init = |i: usize| e.trajectories[i].init;
    assert_eq!(init(0), InitSpec { seed: 5, kind: InitKind::SpectralData, scale: 1.0 });
    assert_eq!(init(8), InitSpec { seed: 5, kind: InitKind::SpectralData, scale: 0.5 });
    assert_eq!(init(11), InitSpec { seed: 2, kind: InitKind::Spectral, scale: 1e-2 });
}

#[test]
fn descents_of_the_symmetric_model_resolve_to_what_they_say() {
    let e = load_text(NETWORK, &[]).experiment;
    let names: Vec<&str> = e.trajectories.iter().map(|t| t.name.as_str()).collect();
    let expected =
        ["network[step=0.1,threshold=9]", "network[step=0.1,threshold=20]", "guess", "projected[step=0.1]", "projected[step=0.2]"];
    assert_eq!(names, expected);
    let method = |i: usize| e.trajectories[i].method.clone();
    assert_eq!(method(1), Method::QuadraticNetwork { step: 0.1, threshold: 20.0, trace: Trace::Known });
    assert_eq!(method(2), Method::QuadraticNetwork { step: 0.1, threshold: 9.0, trace: Trace::Estimated });
    assert_eq!(method(4), Method::ProjectedDescent { step: 0.2 });
}

#[test]
fn an_instance_from_arrays_needs_nothing_else() {
    let e = load_text(FROM_ARRAYS, &[]).experiment;
    assert_eq!(e.problem, Problem::File(PathBuf::from("/experiments/x/instance.npz")));
    assert_eq!((e.width, e.trajectories[0].init), (None, InitSpec { seed: 0, kind: InitKind::File, scale: 1.0 }));
    assert!(e.comparisons.is_empty());
    let Method::Flow(FlowMethod::Adaptive { pair, tolerance }) = e.trajectories[0].method else { panic!() };
    assert_eq!((pair, tolerance), (Pair::Dop853, ToleranceSpec { rtol: 1e-8, atol: 0.0, norm: ErrorNorm::Factors }));
}

#[test]
fn a_condition_number_makes_a_geometric_spectrum_with_exact_ends() {
    let text = TEMPLATES[2].1;
    for (rank, kappa) in [(1, "1.0"), (2, "3"), (5, "100.0"), (15, "1.0000000000000002"), (4, "1e300")] {
        let loaded = load_text(text, &[&format!("target.rank={rank}"), &format!("target.condition_number={kappa}")]);
        let Problem::Generated { target: TargetSpec { kind: TargetKind::Random { singular_values: values, .. }, .. }, .. } =
            loaded.experiment.problem
        else {
            panic!()
        };
        let kappa: f64 = kappa.parse().unwrap();
        assert_eq!((values.len(), values[0], values[rank - 1]), (rank, 1.0, 1.0 / kappa));
        assert!(values.windows(2).all(|pair| pair[0] >= pair[1]), "{values:?}");
        for triple in values.windows(3) {
            // Geometric: ln σ is linear in the index; powf is right to an ulp or so, and ln κ ≤ 691 magnifies nothing.
            let defect = triple[0].ln() - 2.0 * triple[1].ln() + triple[2].ln();
            assert!(defect.abs() < 1e-12, "{values:?}");
        }
        assert_eq!(load(Source { name: "r", text: &loaded.resolved }, &[], Path::new("/")).unwrap().resolved, loaded.resolved);
    }
}

#[test]
fn seeds_fall_back_section_by_section() {
    let text = TEMPLATES[2].1;
    let seeds = |overrides: &[&str]| {
        let e = load_text(text, overrides).experiment;
        let Problem::Generated { target, sensing } = e.problem else { panic!() };
        (target.seed, sensing.seed, e.trajectories[0].init.seed, e.trajectories[1].init.seed)
    };
    assert_eq!(seeds(&[]), (0, 0, 0, 0));
    assert_eq!(seeds(&["seed=3"]), (3, 3, 3, 3));
    assert_eq!(seeds(&["seed=3", "target.seed=4"]), (4, 3, 3, 3));
    assert_eq!(seeds(&["seed=3", "sensing.identity.seed=4"]), (3, 4, 3, 3));
    assert_eq!(seeds(&["seed=3", "init.gaussian.seed=4"]), (3, 3, 4, 4));
    assert_eq!(seeds(&["seed=3", "trajectory[gd].init.spectral.scale=1"]), (3, 3, 3, 3));
    assert_eq!(seeds(&["init.gaussian.seed=4", "trajectory[gd].init.gaussian.scale=1"]), (0, 0, 4, 4));
    assert_eq!(seeds(&["init.gaussian.seed=4", "trajectory[gd].init.gaussian={scale=1,seed=5}"]), (0, 0, 4, 5));
    assert_eq!(seeds(&["seed=9223372036854775807"]).0, i64::MAX as u64);
}

#[test]
fn overrides_set_scalars_lists_tables_and_elements() {
    let text = TEMPLATES[2].1;
    let e = load_text(
        text,
        &[
            "name=renamed",
            "record.horizon = 5",
            "record.stop.factor_norm=1e3",
            "record.observables=[\"loss\"]",
            "trajectory[gd].gradient_descent.step=[0.1,0.2]",
            "trajectory[#1].flow.method=dopri5",
            "trajectory[gd].gradient_descent.step=[0.3]",
        ],
    )
    .experiment;
    assert_eq!((e.name.as_str(), e.record.horizon, e.record.stop.factor_norm), ("renamed", 5.0, Some(1e3)));
    assert_eq!(e.record.observables, ["loss"]);
    assert_eq!(e.trajectories[1].name, "gd[step=0.3]");
    assert_eq!(e.trajectories.len(), 2);
    assert!(matches!(e.trajectories[0].method, Method::Flow(FlowMethod::Adaptive { pair: Pair::Dopri5, .. })));
}

#[test]
fn an_override_is_the_same_as_the_file_saying_so() {
    let text = TEMPLATES[2].1;
    let written = text.replace("step = 0.05", "step = [0.1, 0.2]").replace("horizon = 20.0", "horizon = 7.5");
    let set = load_text(text, &["trajectory[gd].gradient_descent.step=[0.1, 0.2]", "record.horizon=7.5"]);
    assert_eq!(load_text(&written, &[]), set);
}

#[test]
fn comparisons_by_default_and_without_a_flow() {
    let text = TEMPLATES[2].1;
    assert_eq!(
        load_text(text, &[]).experiment.comparisons,
        [ComparisonSpec { reference: "flow".into(), against: vec!["gd".into()], bound: false }]
    );
    let descents = text.replace("[trajectory.flow]", "[trajectory.gradient_descent]\nstep = 0.1");
    assert!(load_text(&descents, &[]).experiment.comparisons.is_empty());
    let none = load_text(&format!("compare = []\n{text}"), &[]);
    assert!(none.experiment.comparisons.is_empty());
    assert_eq!(load_text(&none.resolved, &[]), none);
}

#[test]
fn relative_paths_start_at_the_directory_of_the_file() {
    let text = TEMPLATES[1].1;
    let path = |base: &str, file: &str| {
        let e = load(Source { name: "p", text }, &[format!("target.file={file}")], Path::new(base)).unwrap().experiment;
        let Problem::Generated { target: TargetSpec { kind: TargetKind::File { path, rank }, .. }, .. } = e.problem else { panic!() };
        assert_eq!(rank, Some(3));
        path
    };
    assert_eq!(path("/a/b", "data/x.png"), Path::new("/a/b/data/x.png"));
    assert_eq!(path("/a/b", "/c/x.png"), Path::new("/c/x.png"));
    assert!(path("", "x.png").is_absolute() && path("configs", "x.png").ends_with("configs/x.png"));
    let full = load_text(text, &["target.rank=full"]).experiment;
    assert!(matches!(full.problem, Problem::Generated { target: TargetSpec { kind: TargetKind::File { rank: None, .. }, .. }, .. }));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_read() {
    let text = format!("\u{feff}{}", TEMPLATES[2].1.replace('\n', "\r\n"));
    assert_eq!(load_text(&text, &[]), load_text(TEMPLATES[2].1, &[]));
}

proptest::proptest! {
    /// Whatever numbers an experiment holds, its resolution gives them back to the last bit.
    #[test]
    fn resolution_keeps_every_bit(
        horizon in 1e-3f64..1e9, scale in 1e-300f64..1e10, noise in 0f64..1e5, rtol in 2e-15f64..0.9, steps in proptest::collection::hash_set(1u64..1000, 1..5),
        seed in 0..=i64::MAX as u64, kappa in 1f64..1e12, rank in 2usize..15,
    ) {
        let steps: Vec<f64> = steps.into_iter().map(|step| horizon / step as f64 * 0.99).collect();
        let overrides = [
            format!("record.horizon={horizon:?}"), format!("init.gaussian.scale={scale:?}"), format!("sensing.identity.noise={noise:?}"),
            format!("trajectory[flow].flow.rtol={rtol:?}"), format!("trajectory[gd].gradient_descent.step={steps:?}"), format!("seed={seed}"),
            format!("target.condition_number={kappa:?}"), format!("target.rank={rank}"),
        ];
        let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
        let loaded = load_text(TEMPLATES[2].1, &overrides);
        proptest::prop_assert_eq!(loaded.experiment.record.horizon, horizon);
        proptest::prop_assert_eq!(loaded.experiment.trajectories[0].init, InitSpec { seed, kind: InitKind::Gaussian, scale });
        let found: Vec<f64> = loaded.experiment.trajectories.iter().filter_map(|t| t.method.step_size()).collect();
        proptest::prop_assert_eq!(found, steps);
        proptest::prop_assert_eq!(load_text(&loaded.resolved, &[]), loaded);
    }
}

#[test]
fn the_schema_knows_every_key_and_its_limits() {
    let schema = json_schema();
    let definition = |name: &str| &schema["$defs"][name];
    assert_eq!(schema["title"], "pgflow experiment");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["name", "record"]));
    let flow = &definition("FlowTable")["properties"];
    assert_eq!(flow["method"]["enum"], serde_json::json!(["dopri5", "dop853", "rkc2", "exponential", "auto", "rk4"]));
    assert_eq!(flow["rtol"]["default"], 1e-8);
    assert_eq!(definition("RecordTable")["properties"]["samples"]["minimum"], 2);
    assert_eq!(definition("RecordTable")["properties"]["observables"]["items"]["enum"].as_array().unwrap().len(), COLUMNS.len() + 1);
    assert_eq!(definition("SensingTable")["additionalProperties"], false);
    assert!(definition("StepTable")["properties"]["step"]["anyOf"].is_array());
    let perturbation = &definition("PerturbationTable")["properties"];
    assert_eq!(perturbation["form"]["enum"], serde_json::json!(["shared", "additive", "two_sided", "lifted"]));
    assert_eq!(definition("AdversarialTable")["properties"]["smoothing"]["default"], 1e-8);
    let text = schema.to_string();
    assert!(!text.contains("null"), "{text}");
    for (_, table) in schema["$defs"].as_object().unwrap() {
        for (key, property) in table["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{key} has no description");
        }
    }
}

#[test]
fn the_reference_names_every_key_and_every_column() {
    let reference = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).unwrap();
    let schema = json_schema();
    let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    let keys = tables.flat_map(|table| table["properties"].as_object().into_iter().flatten()).map(|(key, _)| key.as_str());
    for name in keys.chain(COLUMNS.iter().copied()) {
        assert!(
            reference.contains(&format!("`{name}`")) || reference.contains(&format!("{name}]`")),
            "{name} is not in docs/configuration.md"
        );
    }
}

#[test]
fn templates_are_found_by_name() {
    assert_eq!(template("starter").unwrap(), TEMPLATES[0].1);
    let error = template("foto").unwrap_err().to_string();
    assert_eq!(error, "there is no template \"foto\": the templates are starter, photo, minimal");
    assert!(template("startr").unwrap_err().to_string().contains("did you mean \"starter\"?"));
}

#[test]
fn structured_ensembles_resolve_to_what_they_say() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/completion.toml")).unwrap();
    let sensing = |text: &str| match load_text(text, &[]).experiment.problem {
        Problem::Generated { sensing, .. } => sensing,
        other => panic!("{other:?}"),
    };
    let ensemble = Ensemble::Entries { measurements: Measurements::Fraction(0.5) };
    assert_eq!(sensing(&text), SensingSpec { seed: 11, noise: 0.0, ensemble });
    let with = |table: &str| sensing(&text.replace("[sensing.entries]\nfraction = 0.5", table));
    let ensemble = Ensemble::RankOne { measurements: Measurements::Oversampling(4.0) };
    assert_eq!(with("[sensing.rank_one]\noversampling = 4\nseed = 3\nnoise = 0.1"), SensingSpec { seed: 3, noise: 0.1, ensemble });
    let ensemble = Ensemble::Rademacher { measurements: Measurements::Count(70) };
    assert_eq!(with("[sensing.rademacher]\nmeasurements = 70").ensemble, ensemble);
    let ensemble = Ensemble::Hadamard { measurements: Measurements::Count(70) };
    assert_eq!(with("[sensing.hadamard]\nmeasurements = 70").ensemble, ensemble);
    // The integer nearest to the part, and never none.
    let count = |fraction| Measurements::Fraction(fraction).count(9, 7, 2);
    assert_eq!((count(1.0), count(0.1), count(0.5), count(1e-9)), (63, 6, 32, 1));
}

#[test]
fn a_coherent_target_resolves_to_what_it_says() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/quickstart.toml")).unwrap();
    let coherence = |text: &str| match load_text(text, &[]).experiment.problem {
        Problem::Generated { target: TargetSpec { kind: TargetKind::Random { coherence, .. }, .. }, .. } => coherence,
        other => panic!("{other:?}"),
    };
    assert_eq!(coherence(&text), Coherence::Incoherent);
    assert_eq!(coherence(&text.replace("rank = 2", "rank = 2\ncoherence = \"coherent\"")), Coherence::Coherent);
}

#[test]
fn methods_for_long_tails_resolve_to_what_they_say() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/long_tail.toml")).unwrap();
    let method = |overrides: &[&str]| load_text(&text, overrides).experiment.trajectories[0].method.clone();
    let expected =
        |method, rtol, atol| Method::Flow(FlowMethod::Tail { method, tolerance: ToleranceSpec { rtol, atol, norm: ErrorNorm::Factors } });
    assert_eq!(method(&[]), expected(TailMethod::Auto, 1e-7, 0.0));
    for (name, kind) in [("rkc2", TailMethod::Rkc2), ("exponential", TailMethod::Exponential), ("auto", TailMethod::Auto)] {
        let written = format!("trajectory[auto].flow.method={name}");
        assert_eq!(method(&[&written, "trajectory[auto].flow.atol=1e-9"]), expected(kind, 1e-7, 1e-9));
    }
}
