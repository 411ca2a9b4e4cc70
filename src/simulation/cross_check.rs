//! The independent second opinion: a flow integrated again with the `ode_solvers` crate.

use super::driver::Monitor;
use super::field::field;
use super::record::CrossCheck;
use super::trajectory::Trajectory;
use crate::dynamics::{Moment, Next, State, VectorField};
use crate::linalg::{Matrix, frobenius};
use crate::problem::Instance;
use crate::sensing::{Answer, Workspace};
use ode_solvers::dop_shared::OutputType;
use ode_solvers::{DVector, Dop853, System};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// Accepted and rejected steps between two restarts, at most.
const MOST_STEPS: u32 = 10_000_000;
/// Times closer than this part of themselves count as one: `ode_solvers` refuses to step over less than `10ε` of the time, and rounding sets
/// apart what is meant to be equal (`3 · 0.1` and `0.3`).
const SAME_TIME: f64 = 16.0 * f64::EPSILON;
/// The tolerance of methods with a fixed step, which have none of their own.
const FIXED_STEP_TOLERANCE: f64 = 1e-10;

/// States that the cross-check compares with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct CrossCheckPoints {
    pub at_recording_times: Vec<(f64, State)>,
    pub at_step_ends: Vec<(f64, State)>,
}

/// The flow as `ode_solvers` wants it: one evaluation, one application of the operator.
///
/// Time is a component of the system, the last one, as `scale · (t − start)`: `ode_solvers` 0.6 evaluates the twelfth stage of its DOP853 at the
/// beginning of the step instead of its end, so that fields that know the time would be integrated at first order. The stages of that
/// component are right for every stage.
struct Flow<'a> {
    instance: &'a Instance,
    buffers: &'a RefCell<Buffers>,
    start: f64,
    scale: f64,
}

struct Buffers {
    field: Box<dyn VectorField>,
    /// The field's piece.
    piece: u64,
    state: State,
    rate: State,
    answer: Vec<Answer>,
    work: Workspace,
    evaluations: u64,
}

impl System<f64, DVector<f64>> for Flow<'_> {
    fn system(&self, _: f64, z: &DVector<f64>, dz: &mut DVector<f64>) {
        let Buffers { field, piece, state, rate, answer, work, evaluations } = &mut *self.buffers.borrow_mut();
        let (clock, z) = z.as_slice().split_last().unwrap_or((&0.0, &[]));
        let at = Moment { t: self.start + clock / self.scale, piece: *piece };
        state.as_mut_slice().copy_from_slice(z);
        let mut next = field.begin(at, state, rate);
        while next == Next::Ask {
            let question = [field.question(state)];
            self.instance.operator.answer(&self.instance.data, &question, answer, work);
            next = field.resume(at, state, &answer[0], rate);
            *evaluations += 1;
        }
        if let Some((clock_rate, dz)) = dz.as_mut_slice().split_last_mut() {
            *clock_rate = self.scale;
            dz.copy_from_slice(rate.as_slice());
        }
    }
}

/// Integrates the trajectory's flow again, tolerance tightened tenfold, restarted at the times where the trajectory kept its state
/// (its own state is carried over, so that the comparison is global) and wherever the field jumps. `None`: interrupted.
pub(super) fn run(instance: &Instance, trajectory: &Trajectory, horizon: f64, tolerance: f64, monitor: &dyn Monitor) -> Option<CrossCheck> {
    let points = &trajectory.points;
    let mut stops: Vec<(f64, bool, &State)> = points.at_recording_times.iter().map(|(t, state)| (*t, false, state)).collect();
    stops.extend(points.at_step_ends.iter().map(|(t, state)| (*t, true, state)));
    stops.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let tolerance_of_flow = trajectory.spec.method.integrator().and_then(|integrator| integrator.tolerance());
    let rtol = tolerance_of_flow.map_or(FIXED_STEP_TOLERANCE, |tolerance| (tolerance.rtol / 10.0).max(1e-14));
    let (rows, cols) = instance.operator.shape();
    let shape = trajectory.initial.shape();
    let Ok(field) = field(&trajectory.spec.method, instance, shape, horizon, instance.operator.offers_products()) else {
        // It could be built for the run: only a file that has changed since can bring this about.
        return Some(CrossCheck { at_step_ends: f64::INFINITY, at_recording_times: f64::INFINITY, tolerance, evaluations: 0 });
    };
    let buffers = RefCell::new(Buffers {
        field,
        piece: 0,
        state: State::zeros(shape),
        rate: State::zeros(shape),
        answer: vec![Answer::new(rows, cols)],
        work: instance.operator.workspace(),
        evaluations: 0,
    });
    let mut z = DVector::from_column_slice(trajectory.initial.as_slice());
    let (mut t, mut size) = (0.0, 0.0_f64);
    let (mut at_step_ends, mut at_recording_times) = (0.0_f64, 0.0_f64);
    for (stop, is_step_end, state) in stops {
        if monitor.interrupted() {
            return None;
        }
        if stop - t > SAME_TIME * stop {
            let Some(reached) = integrate_pieces(instance, &buffers, t, stop, &z, rtol) else {
                // Nothing to compare with any more, which must count as a failed check.
                (at_step_ends, at_recording_times) = (f64::INFINITY, f64::INFINITY);
                size = 1.0;
                break;
            };
            (z, t) = (reached, stop);
        }
        let product = state.product();
        let deviation = frobenius(&(&product - &other_product(&z, shape)));
        let worst = if is_step_end { &mut at_step_ends } else { &mut at_recording_times };
        // `f64::max` would drop a NaN, which must count as a failed check.
        *worst = if deviation.is_nan() { f64::INFINITY } else { worst.max(deviation) };
        size = size.max(frobenius(&product));
    }
    let evaluations = buffers.borrow().evaluations;
    Some(CrossCheck { at_step_ends: at_step_ends / size, at_recording_times: at_recording_times / size, tolerance, evaluations })
}

fn other_product(z: &DVector<f64>, shape: crate::dynamics::Shape) -> Matrix {
    let mut state = State::zeros(shape);
    state.as_mut_slice().copy_from_slice(z.as_slice());
    state.product()
}

/// From `t` to `end`, restarted at every jump between; NaN where `ode_solvers` gives up.
fn integrate_pieces(
    instance: &Instance,
    buffers: &RefCell<Buffers>,
    mut t: f64,
    end: f64,
    z: &DVector<f64>,
    rtol: f64,
) -> Option<DVector<f64>> {
    let mut z = z.clone();
    while t < end {
        let piece_end = {
            let buffers = &mut *buffers.borrow_mut();
            while buffers.field.piece_end(buffers.piece).is_some_and(|piece_end| piece_end <= t) {
                buffers.piece += 1;
            }
            buffers.field.piece_end(buffers.piece)
        };
        let stop = piece_end.map_or(end, |piece_end| piece_end.min(end));
        // The integrator's first evaluation is at `t` with the state there, which is where a law enters its piece.
        z = integrate(instance, buffers, t, stop, &z, rtol)?;
        t = stop;
    }
    Some(z)
}

/// From `t` to `end`; `None` where `ode_solvers` gives up.
fn integrate(instance: &Instance, buffers: &RefCell<Buffers>, t: f64, end: f64, z: &DVector<f64>, rtol: f64) -> Option<DVector<f64>> {
    // Its error norm is componentwise; an absolute part of the size of the root mean square keeps small entries from driving it.
    let atol = rtol * z.norm() / (z.len() as f64).sqrt();
    // As small as the absolute tolerance: the clock has no part in the choice of steps.
    let scale = if atol > 0.0 { atol } else { 1.0 };
    let flow = Flow { instance, buffers, start: t, scale };
    let mut solver = Dop853::from_param(
        flow,
        t,
        end,
        0.0,
        z.clone().push(0.0),
        rtol,
        atol,
        0.9,
        0.0,
        0.333,
        6.0,
        end - t,
        0.0,
        MOST_STEPS,
        u32::MAX,
        OutputType::Sparse,
    );
    solver.integrate().ok()?;
    let reached = solver.y_out().last()?;
    Some(reached.rows(0, z.len()).into_owned())
}
