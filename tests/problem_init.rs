//! Initial factors.

// The lints spare test functions, not their helpers.
#![allow(clippy::unwrap_used)]

use pgflow::config::{Coherence, InitKind, InitSpec, TargetKind, TargetSpec};
use pgflow::dynamics::State;
use pgflow::linalg::{Form, Matrix, multiply};
use pgflow::problem::{InitialFactors, Instance, ProblemError, build_target, initial_state};
use pgflow::sensing::Identity;

fn instance(rows: usize, cols: usize, values: &[f64]) -> Instance {
    let kind = TargetKind::Random { rows, cols, singular_values: values.to_vec(), coherence: Coherence::Incoherent };
    let target = build_target(&TargetSpec { seed: 4, kind }).unwrap();
    let data = target.matrix.as_slice().to_vec();
    let operator = Box::new(Identity::new(rows, cols));
    Instance { target: Some(target), operator, data, noise_adjoint: Some(Matrix::zeros(rows, cols)) }
}

fn start(kind: InitKind, scale: f64, seed: u64, width: usize, instance: &Instance) -> Result<State, ProblemError> {
    initial_state(&InitSpec { seed, kind, scale }, Some(width), instance, None)
}

fn gram(factor: &Matrix, form: Form) -> Matrix {
    multiply(form, factor, factor)
}

#[test]
fn gaussian_factors_keep_their_numbers() {
    let state = start(InitKind::Gaussian, 1.0, 7, 2, &instance(3, 2, &[1.0])).unwrap();
    let golden: [f64; 10] = [
        -1.2982919887619222,
        1.5887758758663726,
        -0.26259410752593715,
        -1.895162226905676,
        -1.1147664424271875,
        -0.19163568330212905,
        -0.3622785008867101,
        0.505566328556065,
        -1.2270690032612934,
        1.9991170504767317,
    ];
    assert_eq!(state.as_slice(), golden, "{:?}", state.as_slice());
}

#[test]
fn scales_give_proportional_factors_to_the_last_bit() {
    let instance = instance(9, 7, &[1.0, 0.3]);
    for kind in [InitKind::Gaussian, InitKind::Orthogonal, InitKind::Spectral] {
        let unit = start(kind, 1.0, 3, 4, &instance).unwrap();
        for scale in [1e-3, 1e-10, 0.7] {
            let scaled = start(kind, scale, 3, 4, &instance).unwrap();
            assert!(scaled.as_slice().iter().zip(unit.as_slice()).all(|(s, u)| s.to_bits() == (scale * u).to_bits()), "{kind:?} {scale}");
        }
        assert_ne!(start(kind, 1.0, 4, 4, &instance).unwrap(), unit, "{kind:?}: another seed");
    }
}

/// Mean 0 and variance 1 within five standard errors (1/√N, √(2/N)); F and G uncorrelated; a wider factor extends a narrower one.
#[test]
fn gaussian_factors_are_standard_and_separate() {
    let instance = instance(120, 120, &[1.0]);
    let state = start(InitKind::Gaussian, 1.0, 1, 200, &instance).unwrap();
    let (f, g) = (state.left().to_matrix(), state.right().to_matrix());
    let n = f.len() as f64;
    for factor in [&f, &g] {
        assert!(factor.mean().abs() < 5.0 / n.sqrt());
        assert!((factor.norm_squared() / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
    }
    assert!((f.dot(&g) / n).abs() < 5.0 / n.sqrt());
    let narrow = start(InitKind::Gaussian, 1.0, 1, 3, &instance).unwrap();
    assert_eq!(narrow.matrix(), &state.matrix().columns(0, 3).into_owned());
}

#[test]
fn orthogonal_factors_are_orthonormal_in_the_shorter_direction() {
    let instance = instance(9, 5, &[1.0]);
    for width in [1, 4, 5, 7, 9, 12] {
        let state = start(InitKind::Orthogonal, 2.0, 3, width, &instance).unwrap();
        for factor in [state.left().to_matrix(), state.right().to_matrix()] {
            let form = if factor.nrows() >= width { Form::LeftTransposed } else { Form::RightTransposed };
            let gram = gram(&factor, form);
            assert!((&gram - Matrix::identity(gram.nrows(), gram.nrows()) * 4.0).amax() < 4e-14, "width {width}");
        }
    }
}

#[test]
fn spectral_factors_are_balanced_and_diagonal_in_the_target() {
    let instance = instance(9, 7, &[1.0, 1.0, 0.25]);
    let target = instance.target.as_ref().unwrap();
    for width in [3, 5, 9] {
        let state = start(InitKind::Spectral, 1e-3, 3, width, &instance).unwrap();
        let exact = multiply(Form::RightTransposed, &target.left, &target.right) * 1e-6;
        assert!((state.product() - exact).amax() < 1e-20);
        let (f, g) = (state.left().to_matrix(), state.right().to_matrix());
        assert!((gram(&f, Form::LeftTransposed) - gram(&g, Form::LeftTransposed)).amax() < 1e-20);
    }
    let error = start(InitKind::Spectral, 1.0, 3, 2, &instance).unwrap_err().to_string();
    assert!(error.contains("width = 2, rank = 3"), "{error}");
    let unknown = Instance { target: None, noise_adjoint: None, ..instance };
    assert!(matches!(start(InitKind::Spectral, 1.0, 3, 5, &unknown), Err(ProblemError::NoTarget)));
    assert!(start(InitKind::Gaussian, 1.0, 3, 5, &unknown).is_ok());
}

#[test]
fn factors_of_a_file_are_scaled_and_checked() {
    let instance = instance(3, 2, &[1.0]);
    let (f, g) = (Matrix::from_fn(3, 4, |i, j| (i + 10 * j) as f64), Matrix::from_element(2, 4, 0.1));
    let factors = InitialFactors::Pair { f: f.clone(), g: g.clone() };
    let spec = InitSpec { seed: 0, kind: InitKind::File, scale: 0.5 };
    let state = initial_state(&spec, None, &instance, Some(&factors)).unwrap();
    assert_eq!(state.left().to_matrix(), f * 0.5);
    assert_eq!(state.right().to_matrix(), g * 0.5);
    assert_eq!(initial_state(&spec, Some(4), &instance, Some(&factors)).unwrap(), state);
    let error = initial_state(&spec, Some(5), &instance, Some(&factors)).unwrap_err().to_string();
    assert!(error.contains("f0 is 3×4, expected 3×5"), "{error}");
    assert!(matches!(initial_state(&spec, Some(4), &instance, None), Err(ProblemError::NoFactors)));
    assert!(matches!(initial_state(&spec, None, &instance, None), Err(ProblemError::NoWidth)));
    let gaussian = InitSpec { kind: InitKind::Gaussian, ..spec };
    assert_eq!(initial_state(&gaussian, None, &instance, Some(&factors)).unwrap().matrix().shape(), (5, 4));
}
