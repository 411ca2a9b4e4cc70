//! Structure-preserving steps and the modified flow, through the whole driver.

use crate::setup::*;
use pgflow::config::{ErrorNorm, FlowMethod, Method, Pair, Stop, ToleranceSpec};
use pgflow::simulation::{Outcome, sup_deviation};

fn modified(step: f64, rtol: f64) -> Method {
    let tolerance = ToleranceSpec { rtol, atol: 0.0, norm: ErrorNorm::Factors };
    Method::ModifiedFlow { step, integrator: FlowMethod::Adaptive { pair: Pair::Dop853, tolerance } }
}

#[test]
fn exponential_and_cayley_steps_deviate_from_the_flow_at_first_order_and_keep_the_imbalance() {
    let instance = sensed(target(8, 7, &[1.0, 0.6], 1), 120, 2);
    let start = small_start(8, 7, 4, 0.2, 3);
    let steps = [0.02, 0.01, 0.005, 0.0025];
    let mut lab = Lab::new(20.0, 101).flow("flow", Pair::Dop853, 1e-11);
    for step in steps {
        lab = lab.trajectory(&format!("exponential-{step}"), "exponential", Method::Exponential { step });
        lab = lab.trajectory(&format!("cayley-{step}"), "cayley", Method::Cayley { step });
    }
    let record = lab.compare().run(&instance, &start);
    for family in ["exponential", "cayley"] {
        let points: Vec<(f64, f64)> =
            steps.iter().map(|&step| (step, sup_deviation(&record, "flow", &format!("{family}-{step}")).unwrap())).collect();
        let slope = order(&points);
        assert!((slope - 1.0).abs() < 0.03, "{family}: {slope} {points:?}");
        // Thousands of steps, each with a rounding error of a few ε.
        let worst = column(&record, &format!("{family}-0.0025"), "imbalance_drift").into_iter().fold(0.0, f64::max);
        assert!(worst < 1e-12, "{family}: {worst:e}");
    }
}

#[test]
fn descent_deviates_from_its_modified_flow_at_second_order() {
    let instance = sensed(target(8, 7, &[1.0, 0.6], 1), 120, 2);
    let start = small_start(8, 7, 4, 0.2, 3);
    let points: Vec<(f64, f64)> = [0.02, 0.01, 0.005]
        .iter()
        .map(|&step| {
            let lab = Lab::new(20.0, 101).trajectory("modified", "modified", modified(step, 1e-11)).descent("gd", step).compare();
            let record = lab.run(&instance, &start);
            (step, sup_deviation(&record, "modified", "gd").unwrap())
        })
        .collect();
    let slope = order(&points);
    println!("{slope} {points:?}");
    assert!((1.95..=2.05).contains(&slope), "{slope}: {points:?}");
}

#[test]
fn samples_of_the_modified_flow_see_the_gradient_and_pay_two_questions() {
    let instance = sensed(target(8, 7, &[1.0, 0.6], 1), 120, 2);
    let start = small_start(8, 7, 4, 0.2, 3);
    let lab = Lab::new(5.0, 401).flow("flow", Pair::Dop853, 1e-10).trajectory("modified", "modified", modified(0.3, 1e-10));
    let record = lab.cross_check(1e-7).run(&instance, &start);
    for name in ["loss", "grad_norm", "rip_error", "train_error"] {
        assert_eq!(column(&record, "flow", name)[0], column(&record, "modified", name)[0], "{name} at the common start");
    }
    let trajectory = find(&record, "modified");
    // Samples strictly inside steps ask one question each; those at both ends of the run use the step's own answers.
    let evaluations = trajectory.counts.evaluations + trajectory.counts.dense_evaluations;
    assert_eq!(trajectory.operator_passes, 2 * evaluations + 399);
    let check = trajectory.cross_check.unwrap();
    assert!(check.at_recording_times > 0.0 && check.at_recording_times < 1e-7, "{check:?}");
    // The recorded defect belongs to ∫‖∇f‖², here by Simpson's rule over the samples.
    let (loss, norms) = (column(&record, "modified", "loss"), column(&record, "modified", "grad_norm"));
    let defects = column(&record, "modified", "energy_defect");
    let mut integral = 0.0;
    for k in (2..=400).step_by(2) {
        integral += (5.0 / 400.0) / 3.0 * (norms[k - 2].powi(2) + 4.0 * norms[k - 1].powi(2) + norms[k].powi(2));
        let expected = (loss[k] - loss[0] + integral).abs() / loss[0];
        assert!((defects[k] - expected).abs() < 1e-6, "{k}: {} against {expected}", defects[k]);
    }
    assert!(defects[400] > 1e-2, "it dissipates more than ‖∇f‖²: {}", defects[400]);
}

#[test]
fn the_gradient_norm_that_stops_the_modified_flow_is_that_of_the_gradient() {
    // At η = 1.5 and curvature 2σ₁ = 2 the rate is up to 2.5 times the gradient.
    let instance = full_observation(target(8, 7, &[1.0], 1));
    let start = small_start(8, 7, 1, 0.1, 3);
    let stop = Stop { gradient_norm: Some(1e-6), ..Stop::default() };
    let record = Lab::new(60.0, 61).trajectory("modified", "modified", modified(1.5, 1e-11)).stop(stop).run(&instance, &start);
    let Some(Outcome::Converged { t }) = find(&record, "modified").outcome else { panic!("it converges") };
    let last = *column(&record, "modified", "grad_norm").last().unwrap();
    assert!(last <= 1e-6, "{last:e}");
    // One step earlier it was above: the samples before, one time unit apart, are.
    let index = find(&record, "modified").rows.iter().rposition(|row| row.t < t - 1.0).unwrap();
    assert!(column(&record, "modified", "grad_norm")[index] > 1e-6);
}
