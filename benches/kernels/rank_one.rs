//! Measurements of rank one: by products, by matrices, symmetrised.

use crate::by_threads;
use crate::support::application;
use criterion::Criterion;
use pgflow::sensing::{RankOne, SensingOperator, Symmetrised};

pub fn bench(criterion: &mut Criterion) {
    let (side, p, width) = (200, 10_000, 20);
    let plain = RankOne::draw(side, side, p, 1).unwrap();
    let symmetrised = Symmetrised::new(Box::new(plain.clone()));
    let operators: [(&str, &dyn SensingOperator); 2] = [("rank one", &plain), ("rank one, symmetrised", &symmetrised)];
    for (name, operator) in operators {
        for batch in [1, 8] {
            by_threads(criterion, &format!("{name}, batch {batch}"), application(operator, batch, width));
        }
    }
}
