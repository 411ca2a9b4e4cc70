//! A perturbation law of one's own: friction, `E = −N/‖N‖_op`, which pulls against whatever drives the factors, switched off at a given time.
//!
//! With a bound below `‖N‖` the flow goes on, more slowly; where `‖N‖` is below the bound it would turn back, so the bound is relative to the
//! residual: half of the drive is taken away, and time runs at half speed until the switch.
//!
//!     cargo run --release --example own_law

use pgflow::config::{BoundSpec, ErrorNorm, Form, RelativeTo, ToleranceSpec};
use pgflow::dynamics::{State, VectorField};
use pgflow::linalg::{Matrix, operator_norm};
use pgflow::perturbation::{Blocks, Bound, Circumstances, Perturbation, PerturbedFlow};
use pgflow::sensing::Identity;
use pgflow::stepper::{RungeKutta, Stepper, drive, tableaus::DOP853};
use std::ops::ControlFlow;

/// Friction until `until`. Piece 0 ends there, so that the integrator does not step across the jump.
struct Friction {
    until: f64,
}

impl Perturbation for Friction {
    fn piece_end(&self, piece: u64) -> Option<f64> {
        (piece == 0).then_some(self.until)
    }

    fn evaluate(&mut self, circumstances: &Circumstances<'_>, out: &mut Blocks) {
        let size = match circumstances.at.piece {
            0 => -1.0 / operator_norm(circumstances.drive),
            _ => 0.0,
        };
        for block in out.matrices_mut() {
            block.copy_from(circumstances.drive);
            *block *= size;
        }
    }
}

/// `FGᵀ` at time 6, and the steps made.
fn run(field: &mut dyn VectorField, start: &State, target: &Matrix, horizon: f64) -> Result<(Matrix, u64), pgflow::stepper::Failure> {
    let tolerance = ToleranceSpec { rtol: 1e-11, atol: 0.0, norm: ErrorNorm::Factors };
    let mut stepper = RungeKutta::adaptive(&DOP853, tolerance, start.clone(), horizon);
    let operator = Identity::new(target.nrows(), target.ncols());
    drive(&mut stepper, field, &operator, target.as_slice(), |_| ControlFlow::Continue(()))?;
    Ok((stepper.state().product(), stepper.step()))
}

fn main() -> Result<(), pgflow::stepper::Failure> {
    let target = Matrix::from_row_slice(3, 2, &[2.0, 0.0, 0.0, 1.0, 0.5, 0.5]);
    let start = State::from_factors(&(Matrix::identity(3, 2) * 1e-2), &(Matrix::identity(2, 2) * 1e-2));

    // Full observation: N = R, so `residual` makes the bound half of ‖N‖, and E = −N/2 exactly.
    let bound = Bound::new(BoundSpec { bound: 0.5, relative_to: RelativeTo::Residual }, Form::Shared, 1.0);
    let law = Box::new(Friction { until: 4.0 });
    let mut slowed = PerturbedFlow::new(law, Form::Shared, Some(bound), Some(target.clone()), start.shape());
    let (with_friction, steps) = run(&mut slowed, &start, &target, 6.0)?;

    // Half speed for 4 units of time, full speed for 2: the plain flow at time 4.
    let (without, _) = run(&mut pgflow::dynamics::GradientFlow, &start, &target, 4.0)?;

    let deviation = (&with_friction - &without).norm() / without.norm();
    println!("FGᵀ at time 6 with friction until 4 ({steps} steps):{with_friction:.6}");
    println!("deviation from the plain flow at time 4: {deviation:.1e}");
    assert!(deviation < 1e-8, "friction must only change the speed");
    Ok(())
}
