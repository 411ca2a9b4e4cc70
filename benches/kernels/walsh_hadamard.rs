//! The Walsh–Hadamard transform of 2²⁰ points, and steps that use it.

use crate::by_threads;
use crate::support::{application, descent_step};
use criterion::Criterion;
use pgflow::sensing::{Hadamard, SensingOperator, walsh_hadamard};

pub fn bench(criterion: &mut Criterion) {
    let mut numbers = vec![0.0; 1 << 20];
    by_threads(criterion, "transform of 2^20", Box::new(move || walsh_hadamard(&mut numbers)));
    let operator = Hadamard::draw(1000, 1000, 100_000, 1).unwrap();
    let y = vec![0.5; operator.measurements()];
    by_threads(criterion, "hadamard 1000 x 1000", application(&operator, 1, 20));
    by_threads(criterion, "hadamard 1000 x 1000, descent step", descent_step(&operator, &y, 20));
}
