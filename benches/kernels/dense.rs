//! The dense normal operator: f64, f32, and packed symmetric matrices.

use crate::by_threads;
use crate::support::{SIZES, application};
use criterion::Criterion;
use pgflow::config::Storage;
use pgflow::sensing::{Gaussian, PackedSymmetric, SensingOperator};

pub fn bench(criterion: &mut Criterion) {
    for (size, side, p) in SIZES {
        for (storage, name) in [(Storage::F64, "f64"), (Storage::F32, "f32")] {
            let dense = Gaussian::draw(side, side, p, storage, 1).unwrap();
            let packed = PackedSymmetric::draw(side, p, storage, 1).unwrap();
            let operators: [(&str, &dyn SensingOperator); 2] = [("dense", &dense), ("packed symmetric", &packed)];
            for (kind, operator) in operators {
                for batch in [1, 8, 32] {
                    by_threads(criterion, &format!("{kind} {name}, {size}, batch {batch}"), application(operator, batch, 3));
                }
            }
        }
    }
}
