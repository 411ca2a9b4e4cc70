//! Targets, initial factors and instance files of the symmetric model.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use pgflow::config::*;
use pgflow::dynamics::{Shape, State};
use pgflow::linalg::{Form, Matrix, frobenius, multiply, symmetric_eigen};
use pgflow::problem::*;
use std::path::Path;

fn target(kind: TargetKind) -> Target {
    build_target(&TargetSpec { seed: 4, kind }).unwrap()
}

/// What holds of every target of the symmetric model.
fn check(y: &Target) {
    assert_eq!(y.matrix, y.matrix.transpose());
    assert_eq!(y.left, y.right);
    let rank = y.rank();
    assert!((multiply(Form::LeftTransposed, &y.left, &y.left) - Matrix::identity(rank, rank)).amax() < 1e-14);
    let scaled = Matrix::from_fn(y.left.nrows(), rank, |i, j| y.left[(i, j)] * y.values[j]);
    assert!((multiply(Form::RightTransposed, &scaled, &y.left) - &y.matrix).norm() < 1e-13 * y.matrix.norm());
    assert!(y.values.windows(2).all(|pair| pair[0] >= pair[1]) && y.values.iter().all(|value| *value > 0.0));
}

#[test]
fn random_targets_have_their_spectrum() {
    let y = target(TargetKind::Semidefinite { side: 9, singular_values: vec![2.0, 0.5] });
    check(&y);
    assert_eq!(y.values, [2.0, 0.5]);
    let other = build_target(&TargetSpec { seed: 5, kind: TargetKind::Semidefinite { side: 9, singular_values: vec![2.0, 0.5] } }).unwrap();
    assert!((other.matrix - y.matrix).norm() > 0.1);
}

/// `tr U*U*ᵀ = r` for unit columns, whatever they are.
#[test]
fn unit_columns_have_norm_one() {
    for (side, rank) in [(100, 5), (4, 4), (3, 1)] {
        let y = target(TargetKind::UnitColumns { side, rank });
        check(&y);
        assert_eq!(y.rank(), rank);
        assert!((y.matrix.trace() - rank as f64).abs() < 1e-13 * side as f64);
    }
    // Five random directions among a hundred are nearly orthogonal: σ₁ is near 1, about (1 + √(r/d))².
    let y = target(TargetKind::UnitColumns { side: 100, rank: 5 });
    assert!((1.0..1.6).contains(&y.values[0]) && (0.5..1.0).contains(&y.values[4]), "{:?}", y.values);
}

fn semidefinite(side: usize, values: &[f64]) -> Matrix {
    target(TargetKind::Semidefinite { side, singular_values: values.to_vec() }).matrix
}

#[test]
fn matrices_must_be_symmetric_and_positive_semidefinite() {
    let whole = semidefinite(6, &[4.0, 2.0, 1.0]);
    let full = semidefinite_target(whole.clone(), None, "m").unwrap();
    check(&full);
    assert_eq!((full.rank(), &full.matrix), (3, &whole));
    let best = semidefinite_target(whole.clone(), Some(2), "m").unwrap();
    check(&best);
    assert!(best.values.iter().zip([1.0, 0.5]).all(|(a, b)| (a - b).abs() < 1e-14));
    // Eckart and Young: what is left has the third eigenvalue, over the first.
    let left = symmetric_eigen(&(&whole / 4.0 - &best.matrix)).unwrap().values;
    assert!((left[5] - 0.25).abs() < 1e-14 && left[4].abs() < 1e-14);

    let refused = |matrix: Matrix, rank| semidefinite_target(matrix, rank, "m.csv").unwrap_err().to_string();
    assert!(refused(Matrix::zeros(3, 4), None).starts_with("m.csv is 3×4: the symmetric model recovers Y = UUᵀ, which is square"));
    let mut skew = whole.clone();
    skew[(2, 1)] += 1e-3;
    assert!(refused(skew, None).contains("is not symmetric: two opposite entries differ by 1.0e-3"));
    let mut indefinite = whole.clone();
    indefinite[(0, 0)] -= 5.0;
    assert!(refused(indefinite, None).contains("is not positive semidefinite: its eigenvalues reach from"));
    assert!(refused(-&whole, None).contains("is not positive semidefinite"));
    assert!(refused(Matrix::zeros(3, 3), None).contains("is zero"));
    assert!(refused(whole.clone(), Some(4)).contains("has numerical rank 3"));
    assert!(refused(whole.clone(), Some(7)).contains("its rank is from 1 to 6"));
    // Rounding of a file with fewer digits is no defect of symmetry; of a matrix its symmetric part counts.
    let mut rounded = whole.clone();
    rounded[(2, 1)] *= 1.0 + 1e-11;
    let kept = semidefinite_target(rounded, None, "m").unwrap().matrix;
    assert!(kept == kept.transpose() && (kept - whole).norm() < 1e-10);
}

fn instance(ensemble: Ensemble) -> BuiltProblem {
    build_instance(&experiment(ensemble, InitKind::Gaussian)).unwrap()
}

fn experiment(ensemble: Ensemble, init: InitKind) -> Experiment {
    let record = Record {
        horizon: 1.0,
        samples: 2,
        spacing: Spacing::Linear,
        exact_times: false,
        snapshots: false,
        singular_vectors: 0,
        observables: vec![],
        stop: Stop::default(),
    };
    let target = TargetSpec { seed: 4, kind: TargetKind::Semidefinite { side: 8, singular_values: vec![1.0, 0.5] } };
    let sensing = SensingSpec { seed: 5, noise: 0.01, ensemble };
    let spec = TrajectorySpec {
        name: "gd".into(),
        family: "gd".into(),
        init: InitSpec { seed: 6, kind: init, scale: 0.5 },
        method: Method::GradientDescent { step: 0.1 },
        cross_check: None,
        certify: false,
    };
    Experiment {
        name: "test".into(),
        seed: 0,
        problem: Problem::Generated { target, sensing },
        factorization: Factorization::Symmetric,
        width: Some(5),
        record,
        trajectories: vec![spec],
        comparisons: vec![],
    }
}

fn ensembles() -> Vec<Ensemble> {
    let measurements = Measurements::Count(30);
    vec![
        Ensemble::Identity,
        Ensemble::Gaussian { measurements, storage: Storage::F64 },
        Ensemble::Rademacher { measurements },
        Ensemble::RankOne { measurements },
        Ensemble::Hadamard { measurements },
        Ensemble::Pauli { measurements },
        Ensemble::Entries { measurements },
    ]
}

#[test]
fn initial_factors_are_those_of_their_laws() {
    let built = instance(Ensemble::Gaussian { measurements: Measurements::Count(30), storage: Storage::F64 });
    let start = |kind, width| initial_state(&InitSpec { seed: 6, kind, scale: 0.5 }, Some(width), &built.instance, None).unwrap();
    for kind in [InitKind::Gaussian, InitKind::Orthogonal, InitKind::Identity, InitKind::Spectral] {
        assert_eq!(start(kind, 5).shape(), Shape::Symmetric { side: 8, width: 5 });
    }
    let u = |kind, width| start(kind, width).matrix().clone() / 0.5;
    let gram = |u: &Matrix| multiply(Form::LeftTransposed, u, u);
    assert!((gram(&u(InitKind::Orthogonal, 5)) - Matrix::identity(5, 5)).amax() < 1e-14);
    assert_eq!(u(InitKind::Identity, 8), Matrix::identity(8, 8));
    assert_eq!(u(InitKind::Identity, 3), Matrix::identity(8, 8).columns(0, 3).into_owned());
    let wide = u(InitKind::Identity, 10);
    assert_eq!((wide.columns(0, 8).into_owned(), wide.columns(8, 2).amax()), (Matrix::identity(8, 8), 0.0));
    let y = built.instance.target.as_ref().unwrap();
    let spectral = u(InitKind::Spectral, 5);
    assert!((&spectral * spectral.transpose() - &y.left * y.left.transpose()).norm() < 1e-14);
    // The factor is the asymmetric model's F₀ of the same seed.
    let asymmetric = Experiment { factorization: Factorization::Asymmetric, ..experiment(Ensemble::Identity, InitKind::Gaussian) };
    let target =
        TargetSpec { seed: 4, kind: TargetKind::Random { rows: 8, cols: 8, singular_values: vec![1.0], coherence: Coherence::Incoherent } };
    let sensing = SensingSpec { seed: 5, noise: 0.0, ensemble: Ensemble::Identity };
    let other = build_instance(&Experiment { problem: Problem::Generated { target, sensing }, ..asymmetric }).unwrap();
    for kind in [InitKind::Gaussian, InitKind::Orthogonal, InitKind::Identity] {
        let pair = initial_state(&InitSpec { seed: 6, kind, scale: 0.5 }, Some(5), &other.instance, None).unwrap();
        assert_eq!(pair.left().to_matrix(), *start(kind, 5).matrix(), "{kind:?}");
    }
}

fn write(path: &Path, built: &BuiltProblem, kind: OperatorKind, state: &State) {
    write_instance(std::fs::File::create(path).unwrap(), &built.instance, kind, Some(state)).unwrap();
}

/// Every ensemble, in its own format and as dense rows.
#[test]
fn instances_survive_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.npz");
    for ensemble in ensembles() {
        let built = instance(ensemble);
        let operator = built.instance.operator.as_ref();
        assert!(operator.is_symmetric() && operator.shape() == (8, 8), "{ensemble:?}");
        let y = &built.instance.target.as_ref().unwrap().matrix;
        let noise: Vec<f64> = built.instance.data.iter().zip(operator.measure(y)).map(|(y, exact)| y - exact).collect();
        assert!(noise.iter().all(|e| e.abs() < 0.06) && noise.iter().any(|e| e.abs() > 1e-3));
        assert_eq!(built.instance.noise_adjoint.as_ref().unwrap(), &built.instance.noise_adjoint.as_ref().unwrap().transpose());
        let state = State::from_symmetric_factor(Matrix::from_fn(8, 5, |i, j| (i + 10 * j) as f64));
        for kind in [built.kind, OperatorKind::Dense] {
            write(&path, &built, kind, &state);
            let experiment = Experiment { problem: Problem::File(path.clone()), ..experiment(ensemble, InitKind::File) };
            let again = build_instance(&experiment).unwrap();
            let other = again.instance.operator.as_ref();
            assert!(other.is_symmetric(), "{ensemble:?} {kind:?}");
            assert_eq!(
                (&again.instance.data, &again.factors),
                (&built.instance.data, &Some(InitialFactors::Symmetric(state.matrix().clone())))
            );
            for i in 0..operator.measurements() {
                assert!((operator.row(i) - other.row(i)).amax() <= 1e-15 * operator.row(i).amax(), "{ensemble:?} {kind:?} {i}");
            }
            let (a, b) = (operator.adjoint(&built.instance.data), other.adjoint(&built.instance.data));
            assert!((&a - b).norm() < 1e-13 * a.norm());
            let init = InitSpec { seed: 0, kind: InitKind::File, scale: 2.0 };
            let start = initial_state(&init, None, &again.instance, again.factors.as_ref()).unwrap();
            assert_eq!(start, State::from_symmetric_factor(state.matrix() * 2.0));
        }
    }
}

#[test]
fn files_of_the_other_model_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.npz");
    let built = instance(Ensemble::Identity);
    let (factor, pair) = (Matrix::from_element(8, 5, 0.1), State::from_factors(&Matrix::zeros(8, 5), &Matrix::zeros(8, 5)));
    let read = |factorization| {
        let experiment =
            Experiment { problem: Problem::File(path.clone()), factorization, ..experiment(Ensemble::Identity, InitKind::File) };
        let built = build_instance(&experiment).map_err(|error| error.to_string())?;
        let init = InitSpec { seed: 0, kind: InitKind::File, scale: 1.0 };
        initial_state(&init, None, &built.instance, built.factors.as_ref()).map_err(|error| error.to_string())
    };
    write(&path, &built, OperatorKind::Identity, &pair);
    assert!(read(Factorization::Symmetric).unwrap_err().contains("brings f0 and g0, and the symmetric model starts from u0"));
    assert!(read(Factorization::Asymmetric).is_ok());
    write(&path, &built, OperatorKind::Identity, &State::from_symmetric_factor(factor));
    assert!(read(Factorization::Asymmetric).unwrap_err().contains("brings u0, and the asymmetric model starts from f0 and g0"));
    assert!(read(Factorization::Symmetric).is_ok());
    // A target that is no UUᵀ.
    let target =
        TargetSpec { seed: 4, kind: TargetKind::Random { rows: 8, cols: 8, singular_values: vec![1.0], coherence: Coherence::Incoherent } };
    let sensing = SensingSpec { seed: 5, noise: 0.0, ensemble: Ensemble::Identity };
    let general = Experiment {
        problem: Problem::Generated { target, sensing },
        factorization: Factorization::Asymmetric,
        ..experiment(Ensemble::Identity, InitKind::Gaussian)
    };
    write(&path, &build_instance(&general).unwrap(), OperatorKind::Identity, &pair);
    let error = read(Factorization::Symmetric).unwrap_err();
    assert!(error.contains("array \"target\" is not symmetric"), "{error}");
    assert!(frobenius(&built.instance.target.unwrap().matrix) > 0.0);
}
