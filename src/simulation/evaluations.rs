//! How many evaluations of a field a trajectory will need.

use super::number_of_steps;
use crate::config::{FlowMethod, Law, Method, Pair, TailMethod};

/// Units of `σ₁t` for which accuracy limits the steps.
const TRANSIENT: f64 = 60.0;

/// Evaluations of a field up to the horizon, and whether the number is exact.
///
/// Of an adaptive pair it is a rule of thumb: stability limits the steps throughout (`h ≈ 6.3/(2.1 σ₁)` for the pair of order 8), accuracy
/// while modes escape. Escapes from very small initialisations take longer than it allows for;
/// [`foreseen_evaluations`](super::foreseen_evaluations) knows better.
pub fn expected_evaluations(method: &Method, horizon: f64, largest: f64) -> (u64, bool) {
    if let Some(step) = method.step_size() {
        return (number_of_steps(horizon, step) + 1, true);
    }
    match method.integrator() {
        None => (0, true),
        Some(FlowMethod::Rk4 { step }) => {
            let jumps = jumps(method, horizon);
            (4 * (horizon / step).ceil() as u64 + 1 + (5.0 * jumps) as u64, jumps == 0.0)
        }
        Some(FlowMethod::Adaptive { pair, tolerance }) => {
            // Evaluations per unit of σ₁t at the stability limit, the same by accuracy at rtol = 1e-9, and the order that it goes with.
            let (stable, accurate, order) = match pair {
                Pair::Dop853 => (4.2, 9.0, 8.0),
                Pair::Dopri5 => (3.8, 21.0, 5.0),
            };
            let pace = horizon * largest;
            let transient = pace.min(TRANSIENT) * accurate * (1e-9 / tolerance.rtol).powf(1.0 / order);
            let restarts = jumps(method, horizon) * if pair == Pair::Dop853 { 13.0 } else { 7.0 };
            ((stable * pace + transient + restarts) as u64, false)
        }
        Some(FlowMethod::Tail { method, tolerance }) => (tail(method, tolerance.rtol, horizon * largest) as u64, false),
    }
}

/// The same for methods for long tails, whose step grows with time: evaluations per unit of σ₁t by accuracy at rtol = 1e-9, the order that they go
/// with, and evaluations per root of σ₁t afterwards. Fitted to runs of 12 × 10 and 50 × 50 at rtol from 1e-3 to 1e-8; within a factor of two there.
fn tail(method: TailMethod, rtol: f64, pace: f64) -> f64 {
    let (accurate, order, root) = match method {
        TailMethod::Rkc2 => (400.0, 3.3, 540.0),
        TailMethod::Exponential => (56.0, 4.6, 55.0),
        TailMethod::Auto => (9.0, 8.0, 20.0),
    };
    (pace.min(TRANSIENT) * accurate + root * (pace - TRANSIENT).max(0.0).sqrt()) * (1e-9 / rtol).powf(1.0 / order)
}

/// Jumps of a method's field up to the horizon, each of which costs a step.
fn jumps(method: &Method, horizon: f64) -> f64 {
    match method {
        Method::PerturbedFlow { perturbation, .. } => match perturbation.law {
            Law::Piecewise { interval } => horizon / interval,
            Law::OrnsteinUhlenbeck { resolution, .. } => horizon / resolution,
            Law::Descent { step } => horizon / step,
            _ => 0.0,
        },
        _ => 0.0,
    }
}
