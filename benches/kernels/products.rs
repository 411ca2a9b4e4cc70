//! Products of factors.

use crate::support::{factor, product};
use criterion::Criterion;
use pgflow::linalg::Form;

pub fn bench(criterion: &mut Criterion) {
    for (side, width) in [(30, 3), (50, 3), (50, 50), (100, 3), (100, 100), (1000, 20)] {
        let (f, g, n) = (factor(side, width, 1), factor(side, width, 2), factor(side, side, 3));
        for (name, form, a, b) in
            [("F G'", Form::RightTransposed, &f, &g), ("N G", Form::Plain, &n, &g), ("N' F", Form::LeftTransposed, &n, &f)]
        {
            criterion.bench_function(&format!("{name}, side {side}, width {width}"), |bencher| bencher.iter(product(form, a, b)));
        }
    }
}
