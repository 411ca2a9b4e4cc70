//! Random signs.

use crate::by_threads;
use crate::support::application;
use criterion::Criterion;
use pgflow::sensing::Rademacher;

pub fn bench(criterion: &mut Criterion) {
    let operator = Rademacher::draw(200, 200, 10_000, 1).unwrap();
    for batch in [1, 2, 8, 32] {
        by_threads(criterion, &format!("rademacher, batch {batch}"), application(&operator, batch, 20));
    }
}
