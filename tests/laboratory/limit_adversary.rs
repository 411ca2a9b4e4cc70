//! The adversary against the limit: what any contraction can leave, that it attains it, and that runs end where it says.

use crate::setup::*;
use pgflow::config::*;
use pgflow::dynamics::{Moment, Shape, State};
use pgflow::linalg::{Matrix, operator_norm, singular_values, thin_svd};
use pgflow::perturbation::{Blocks, build};
use pgflow::problem::{Instance, Target};

/// The law's `E` for a problem under full observation.
fn perturbation(instance: &Instance, state: &State, bound: BoundSpec, seed: u64) -> Matrix {
    let spec = PerturbationSpec { form: Form::Shared, bound: Some(bound), seed, law: Law::AdversarialLimit };
    let mut flow = build(&spec, instance, state.shape(), 1.0).unwrap();
    let Blocks::Shared(e) = flow.perturbation(Moment { t: 3.0, piece: 0 }, state, &answer(instance, state)) else { panic!() };
    e.clone()
}

fn in_sigma_r(bound: f64) -> BoundSpec {
    BoundSpec { bound, relative_to: RelativeTo::SigmaR }
}

/// `‖E − (I − U_YU_Yᵀ)E(I − V_YV_Yᵀ)‖_op`, what the limit is away from `Y` to first order.
fn first_order(y: &Target, e: &Matrix) -> f64 {
    let rest = e - &y.left * (y.left.transpose() * e);
    let rest = &rest - (&rest * &y.right) * y.right.transpose();
    operator_norm(&(e - rest))
}

/// `‖Y − (Y + E)_r‖_op` by a singular value decomposition.
fn exact(y: &Target, e: &Matrix) -> f64 {
    let svd = thin_svd(&(&y.matrix + e)).unwrap();
    let r = y.rank();
    let limit = svd.left.columns(0, r) * Matrix::from_diagonal(&svd.values[..r].to_vec().into()) * svd.right.columns(0, r).transpose();
    operator_norm(&(&y.matrix - limit))
}

fn polar(a: &Matrix) -> Matrix {
    let svd = thin_svd(a).unwrap();
    &svd.left * svd.right.transpose()
}

/// Contractions of several kinds, all of norm one: Gaussian, flat, of low rank, of wide spectrum, and around a given one, near and
/// far, flat too.
fn contractions(rows: usize, cols: usize, around: &Matrix, seed: u64) -> Vec<Matrix> {
    let noise = gaussian(rows, cols, seed);
    let unit = |a: Matrix| {
        let norm = operator_norm(&a);
        a / norm
    };
    let low = gaussian(rows, 2, seed + 1) * gaussian(cols, 2, seed + 2).transpose();
    let spread = gaussian(rows, rows, seed + 3) * polar(&noise);
    let near = around + &noise * 10f64.powi(-((seed % 7) as i32));
    let flat_near = polar(&(around + &noise * 0.1));
    vec![unit(noise.clone()), polar(&noise), unit(low), unit(spread), unit(near), flat_near]
}

#[test]
fn no_contraction_leaves_more_than_two_over_root_three_to_first_order_and_the_adversary_attains_it() {
    let most = 2.0 / 3f64.sqrt();
    for (rows, cols, values) in [(7, 5, vec![2.0, 0.7]), (4, 6, vec![1.0]), (5, 5, vec![1.0, 1.0, 0.3]), (2, 2, vec![0.5])] {
        let y = target(rows, cols, &values, 3);
        let (instance, state) = (full_observation(y.clone()), small_start(rows, cols, 3, 0.5, 1));
        // So small a bound that what it has of second order, its square, is rounding.
        let (bound, sigma) = (1e-8, *values.last().unwrap());
        let e = perturbation(&instance, &state, in_sigma_r(bound), 5) / (bound * sigma);
        assert!((first_order(&y, &e) - most).abs() < 1e-12, "{rows}×{cols}: {}", first_order(&y, &e));
        // Where the bound follows the residual, the limit is that of small perturbations.
        let size = 0.3 * operator_norm(&(&y.matrix - state.product()));
        let relative = perturbation(&instance, &state, BoundSpec { bound: 0.3, relative_to: RelativeTo::Residual }, 5) / size;
        assert!((first_order(&y, &relative) - most).abs() < 1e-12);
        let mut largest = 0.0_f64;
        for seed in 0..60 {
            for other in contractions(rows, cols, &e, 100 * seed) {
                largest = largest.max(first_order(&y, &other));
            }
        }
        assert!(largest <= most * (1.0 + 1e-12) && largest > 1.05, "{rows}×{cols}: {largest}");
    }
}

#[test]
fn no_contraction_leaves_a_larger_error_in_the_limit() {
    for (rows, cols, values) in [(7, 5, vec![2.0, 0.7]), (4, 6, vec![1.0]), (5, 5, vec![1.0, 1.0, 0.3])] {
        let y = target(rows, cols, &values, 3);
        let (instance, state) = (full_observation(y.clone()), small_start(rows, cols, 3, 0.5, 1));
        let sigma = *values.last().unwrap();
        for (bound, expected) in [(1e-3, 1.154923), (0.05, 1.166438), (0.15, 1.194567), (0.3, 1.256526)] {
            let e = perturbation(&instance, &state, in_sigma_r(bound), 5);
            let (size, own) = (bound * sigma, exact(&y, &e));
            // The expected values: the largest of 200 001 angles in the plane, by NumPy.
            assert!((own / size - expected).abs() < 1e-6, "{bound}: {}", own / size);
            for seed in 0..40 {
                for other in contractions(rows, cols, &(&e / size), 100 * seed) {
                    let left = exact(&y, &(&other * size));
                    assert!(left <= own * (1.0 + 1e-10), "{rows}×{cols}, bound {bound}: {left:e} > {own:e}");
                }
            }
        }
    }
}

#[test]
fn a_run_ends_where_the_decomposition_says() {
    let y = target(9, 8, &[1.0, 0.5], 31);
    let instance = full_observation(y.clone());
    for bound in [1e-3, 0.05, 0.3, 0.5] {
        let spec = PerturbationSpec { bound: Some(in_sigma_r(bound)), ..bounded(Form::Shared, Law::AdversarialLimit, 0.0) };
        // Width r: the limit is of rank r. The slowest rate is the gap σ_r(1 − 2λ) ≥ ¼.
        let start = small_start(9, 8, 2, 0.1, 5);
        let e = perturbation(&instance, &start, in_sigma_r(bound), spec.seed);
        let said = exact(&y, &e);
        let record = Lab::new(200.0, 2).perturbed("limit", spec.clone(), 1e-10).run(&instance, &start);
        let found = *column(&record, "limit", "residual_op").last().unwrap();
        assert!((found / said - 1.0).abs() < 1e-8, "bound {bound}, width 2: {found} against {said}");
        // More width: the same, while what started at α² = 1e-16 has grown by at most e^{2λσ_r t} = e^{20}, and the gap has had t = 80 − 40
        // to work.
        let start = small_start(9, 8, 8, 1e-8, 5);
        let record = Lab::new(80.0, 2).perturbed("limit", spec, 1e-10).run(&instance, &start);
        let found = *column(&record, "limit", "residual_op").last().unwrap();
        assert!((found / said - 1.0).abs() < 1e-3, "bound {bound}, width 8: {found} against {said}");
    }
}

#[test]
fn once_nuisance_has_grown_the_bound_is_left() {
    let instance = full_observation(target(6, 5, &[1.0, 0.5], 31));
    let spec = bounded(Form::Shared, Law::AdversarialLimit, 0.1);
    let record = Lab::new(1500.0, 2).perturbed("limit", spec, 1e-9).run(&instance, &small_start(6, 5, 5, 1e-2, 5));
    let found = *column(&record, "limit", "residual_op").last().unwrap();
    assert!((found - 0.1).abs() < 1e-6, "{found}");
}

#[test]
fn its_plane_is_the_weakest_modes_and_its_seeds_own() {
    let y = target(7, 5, &[2.0, 0.7], 3);
    let (instance, state) = (full_observation(y.clone()), small_start(7, 5, 3, 0.5, 1));
    let e = |seed| perturbation(&instance, &state, in_sigma_r(0.1), seed) / 0.07;
    let one = e(1);
    let values = singular_values(&one).unwrap();
    assert!((values[0] - 1.0).abs() < 1e-14 && (values[1] - 1.0).abs() < 1e-14 && values[2] < 1e-14, "{values:?}");
    // It leaves the stronger mode alone, works against the weaker, and its directions beside the target are the seed's.
    assert!((&one * y.right.column(0)).norm() < 1e-14 && (one.transpose() * y.left.column(0)).norm() < 1e-14);
    assert!(y.left.column(1).dot(&(&one * y.right.column(1))) < -0.5);
    assert_eq!(one, e(1));
    assert!((one - e(2)).norm() > 0.1);
    // At a bound of σ_r and beyond the mode is taken away.
    let whole = perturbation(&instance, &state, in_sigma_r(1.0), 1);
    assert!(((&y.matrix + whole) * y.right.column(1)).norm() < 1e-14);
}

#[test]
fn it_is_refused_where_nothing_lies_beside_the_target_or_nothing_is_known() {
    let refused = |instance: &Instance, spec: &PerturbationSpec| {
        let (rows, cols) = instance.operator.shape();
        build(spec, instance, Shape::Factors { rows, cols, width: 3 }, 10.0).err().unwrap().to_string()
    };
    let spec = bounded(Form::Shared, Law::AdversarialLimit, 0.1);
    for (rows, cols) in [(7, 2), (2, 7), (2, 2)] {
        let message = refused(&full_observation(target(rows, cols, &[2.0, 0.7], 3)), &spec);
        assert!(message.contains(&format!("rank = 2 leaves none in {rows} × {cols}")), "{message}");
    }
    let known = || full_observation(target(7, 5, &[2.0, 0.7], 3));
    assert!(refused(&Instance { target: None, ..known() }, &spec).contains("does not know"));
    for form in [Form::Additive, Form::TwoSided, Form::Lifted] {
        assert!(refused(&known(), &bounded(form, Law::AdversarialLimit, 0.1)).contains("needs perturbation.form = \"shared\""));
    }
    assert!(refused(&known(), &PerturbationSpec { bound: None, ..spec }).contains("bound is missing"));
}
