//! pgflow as a library, without a configuration file: a target and measurements from arrays, a flow and a descent in lockstep.
//!
//! `cargo run --release --example library`

use pgflow::config::{
    ComparisonSpec, ErrorNorm, Experiment, Factorization, FlowMethod, InitKind, InitSpec, Method, Pair, Problem, Record, Spacing, Stop,
    ToleranceSpec, TrajectorySpec,
};
use pgflow::dynamics::State;
use pgflow::linalg::Matrix;
use pgflow::problem::{Instance, Target};
use pgflow::sensing::{Dense, SensingOperator};
use pgflow::simulation::{RunRecord, Simulation, Unattended, sup_deviation};
use std::error::Error;

const ROWS: usize = 6;
const COLS: usize = 5;
const MEASUREMENTS: usize = 120;

/// Arbitrary numbers of mean 0 and variance 1; yours come from somewhere else.
fn number(index: usize) -> f64 {
    let scrambled = (index as f64 * 12.9898 + 1.0).sin() * 43758.5453;
    12f64.sqrt() * (scrambled - scrambled.floor() - 0.5)
}

/// A rank-one target, and measurements of it: matrix after matrix, each column-major, the factor 1/√p included.
fn instance() -> Result<Instance, Box<dyn Error>> {
    let target = Matrix::from_fn(ROWS, COLS, |i, j| (i as f64 - 2.0) * (j as f64 + 1.0) / 30.0);
    let scale = (MEASUREMENTS as f64).sqrt();
    let entries: Vec<f64> = (0..MEASUREMENTS * ROWS * COLS).map(|index| number(index) / scale).collect();
    let operator = Dense::from_rows(ROWS, COLS, MEASUREMENTS, &entries)?;
    let data = operator.measure(&target);
    // No noise, so A*(e) = 0. Where the truth is unknown, `target` and `noise_adjoint` are None and columns that need them are empty.
    let noise_adjoint = Some(Matrix::zeros(ROWS, COLS));
    Ok(Instance { target: Some(Target::from_matrix(target, Some(1))?), operator: Box::new(operator), data, noise_adjoint })
}

fn trajectory(name: &str, method: Method) -> TrajectorySpec {
    // The initial states are handed to the simulation below; `init` is only what a configuration file would say.
    let init = InitSpec { seed: 0, kind: InitKind::File, scale: 1.0 };
    TrajectorySpec { name: name.into(), family: name.into(), init, method, cross_check: None, certify: false }
}

/// A flow and a descent with step size `step`, recorded and compared.
pub fn run(step: f64) -> Result<RunRecord, Box<dyn Error>> {
    let instance = instance()?;
    let tolerance = ToleranceSpec { rtol: 1e-10, atol: 0.0, norm: ErrorNorm::Factors };
    let experiment = Experiment {
        name: "library".into(),
        seed: 0,
        problem: Problem::File("not read: the instance is made above".into()),
        factorization: Factorization::Asymmetric,
        width: Some(2),
        record: Record {
            horizon: 20.0,
            samples: 41,
            spacing: Spacing::Linear,
            exact_times: false,
            snapshots: false,
            singular_vectors: 0,
            observables: vec!["relative_error".into(), "imbalance_drift".into()],
            stop: Stop::default(),
        },
        trajectories: vec![
            trajectory("flow", Method::Flow(FlowMethod::Adaptive { pair: Pair::Dop853, tolerance })),
            trajectory("gd", Method::GradientDescent { step }),
        ],
        comparisons: vec![ComparisonSpec { reference: "flow".into(), against: vec!["gd".into()], bound: false }],
    };
    // Both start from the same small factors.
    let f = Matrix::from_fn(ROWS, 2, |i, j| 0.01 * number(1_000_000 + 2 * i + j));
    let g = Matrix::from_fn(COLS, 2, |i, j| 0.01 * number(2_000_000 + 2 * i + j));
    let start = State::from_factors(&f, &g);
    let mut simulation = Simulation::new(&experiment, &instance, vec![start.clone(), start])?;
    simulation.run(&Unattended);
    Ok(simulation.record())
}

#[allow(dead_code)] // A test includes this file as a module and calls `run` alone.
fn main() -> Result<(), Box<dyn Error>> {
    let record = run(0.1)?;
    println!("{:>6}  ‖FGᵀ − F'G'ᵀ‖_F", "t");
    for row in record.comparison.iter().step_by(4) {
        println!("{:>6.2}  {:.3e}", row.t, row.product_deviation);
    }
    for trajectory in &record.trajectories {
        let last = trajectory.rows.last().and_then(|row| row.values[0]);
        println!("{}: {:?}, relative error {:.3e}", trajectory.name, trajectory.outcome, last.unwrap_or(f64::NAN));
    }
    println!("largest deviation: {:.3e}", sup_deviation(&record, "flow", "gd").unwrap_or(f64::NAN));
    Ok(())
}
