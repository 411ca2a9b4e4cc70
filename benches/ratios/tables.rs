//! The tables, one function each.

use super::medians;
use super::support::pages::Ones;
use super::support::{Job, SIZES, SQUARE, application, descent_step, factor, product, read_pass, square_product};
use pgflow::config::Storage;
use pgflow::linalg::{Form, Matrix};
use pgflow::sensing::{
    Entries, Gaussian, Hadamard, PackedSymmetric, Rademacher, RankOne, SensingError, SensingOperator, Symmetrised, walsh_hadamard,
};

const BATCHES: [usize; 4] = [1, 2, 8, 32];
/// Width of the factors where it hardly matters.
const WIDTH: usize = 20;

/// The tables that are wanted, by as many threads as there are.
pub fn all(wants: &(dyn Fn(&str) -> bool + Sync)) -> Result<(), SensingError> {
    for (name, side, p) in SIZES {
        if wants(name) {
            dense(name, side, p)?;
        }
    }
    if wants("packed") {
        packed()?;
    }
    if wants("ensembles") {
        ensembles()?;
    }
    if wants("transform") {
        transform()?;
    }
    if wants("products") {
        products();
    }
    Ok(())
}

fn ones(count: usize) -> Result<Ones, SensingError> {
    Ones::new(count).map_err(|_| SensingError::Allocation { needed: (count * size_of::<f64>()) as u64 })
}

fn threads() -> usize {
    rayon::current_num_threads()
}

/// Normal operator of stored matrices, beside a pass that reads `numbers` numbers and a square product; `entries` are those of one point's flops.
fn against_yardsticks<'a>(title: &str, entries: usize, numbers: &'a [f64], mut jobs: Vec<(String, Job<'a>)>, batches: &[usize]) {
    jobs.insert(0, ("read pass".into(), read_pass(numbers)));
    jobs.insert(1, ("DGEMM".into(), square_product()));
    let times = medians(&mut jobs);
    let gemm = 2.0 * (SQUARE as f64).powi(3) / times[1] / 1e6;
    println!("\n{title}, {} threads: read pass {:.3} ms, DGEMM {gemm:.1} GF/s", threads(), times[0]);
    for (((name, _), time), &batch) in jobs.iter().zip(&times).skip(2).zip(batches) {
        let rate = 4.0 * (entries * batch) as f64 / time / 1e6;
        println!("  {name:24} {time:9.3} ms  {:6.2} read passes  {rate:6.1} GF/s = {:4.2} of DGEMM", time / times[0], rate / gemm);
    }
}

fn dense(name: &str, side: usize, p: usize) -> Result<(), SensingError> {
    let numbers = ones(p * side * side)?;
    let storages = [(Storage::F64, "f64"), (Storage::F32, "f32")];
    let operators = [Gaussian::draw(side, side, p, storages[0].0, 1)?, Gaussian::draw(side, side, p, storages[1].0, 1)?];
    let (mut jobs, mut batches) = (Vec::new(), Vec::new());
    for (operator, (_, storage)) in operators.iter().zip(storages) {
        for batch in BATCHES {
            jobs.push((format!("{storage} batch {batch}"), application(operator, batch, 3)));
            batches.push(batch);
        }
    }
    against_yardsticks(&format!("{name}: {side} x {side}, p = {p}"), p * side * side, &numbers, jobs, &batches);
    Ok(())
}

/// The symmetric model's ensemble at the size L.
fn packed() -> Result<(), SensingError> {
    let (_, side, p) = SIZES[2];
    let length = side * (side + 1) / 2;
    let numbers = ones(p * length)?;
    let operator = PackedSymmetric::draw(side, p, Storage::F64, 1)?;
    let jobs = BATCHES.iter().map(|&batch| (format!("packed f64 batch {batch}"), application(&operator, batch, 3))).collect();
    against_yardsticks(&format!("packed symmetric: side {side}, p = {p}"), p * length, &numbers, jobs, &BATCHES);
    Ok(())
}

/// Structured ensembles beside the f64 Gaussian one of the same size.
fn ensembles() -> Result<(), SensingError> {
    let (side, p) = (200, 10_000);
    let gaussian = Gaussian::draw(side, side, p, Storage::F64, 1)?;
    let signs = Rademacher::draw(side, side, p, 1)?;
    let vectors = RankOne::draw(side, side, p, 1)?;
    let transform = Hadamard::draw(side, side, p, 1)?;
    let entries = Entries::draw(side, side, p, 1)?;
    let symmetrised = Symmetrised::new(Box::new(RankOne::draw(side, side, p, 1)?));
    let operators: [(&str, &dyn SensingOperator); 6] = [
        ("gaussian f64", &gaussian),
        ("rademacher", &signs),
        ("rank_one", &vectors),
        ("rank_one, symmetrised", &symmetrised),
        ("hadamard", &transform),
        ("entries", &entries),
    ];
    for batch in [1, 8, 32] {
        let jobs = operators.iter().map(|(name, operator)| ((*name).to_owned(), application(*operator, batch, WIDTH)));
        let mut jobs: Vec<_> = jobs.collect();
        let times = medians(&mut jobs);
        println!("\nensembles, {side} x {side}, p = {p}, width {WIDTH}, batch {batch}, {} threads", threads());
        for ((name, _), time) in jobs.iter().zip(&times) {
            println!("  {name:24} {time:9.3} ms  {:7.2} times faster than gaussian f64", times[0] / time);
        }
    }
    Ok(())
}

/// The transform alone, and steps of a large problem.
fn transform() -> Result<(), SensingError> {
    let (side, p) = (1000, 100_000);
    // So small that they stay finite, though every transform makes them a thousand times larger.
    let mut numbers: Vec<f64> = (0..1 << 20).map(|i| f64::from(i % 1013) * 2f64.powi(-900)).collect();
    let hadamard = Hadamard::draw(side, side, p, 1)?;
    let signs = hadamard.measure(&Matrix::identity(side, side));
    let alone: Job<'_> = Box::new(|| {
        walsh_hadamard(&mut numbers);
        std::hint::black_box(&numbers);
    });
    let mut jobs = vec![
        ("transform of 2^20".to_owned(), alone),
        (format!("hadamard, batch 1, h = {WIDTH}"), application(&hadamard, 1, WIDTH)),
        (format!("hadamard, batch 8, h = {WIDTH}"), application(&hadamard, 8, WIDTH)),
        (format!("descent step, h = {WIDTH}"), descent_step(&hadamard, &signs, WIDTH)),
    ];
    let times = medians(&mut jobs);
    println!("\nhadamard, {side} x {side}, p = {p}, {} threads", threads());
    for ((name, _), time) in jobs.iter().zip(&times) {
        println!("  {name:24} {time:9.3} ms");
    }
    Ok(())
}

/// Products of factors, by one thread.
fn products() {
    if threads() > 1 {
        return;
    }
    println!("\nproducts of factors, µs and GF/s: side, width, F Gᵀ, N G, Nᵀ F");
    for (side, width) in
        [(30, 3), (30, 30), (50, 3), (50, 50), (100, 3), (100, 100), (200, 20), (300, 10), (1000, 5), (1000, 20), (1000, 100)]
    {
        let (f, g, n) = (factor(side, width, 1), factor(side, width, 2), factor(side, side, 3));
        let forms = [(Form::RightTransposed, &f, &g), (Form::Plain, &n, &g), (Form::LeftTransposed, &n, &f)];
        let mut jobs: Vec<_> = forms.into_iter().map(|(form, a, b)| (String::new(), product(form, a, b))).collect();
        print!("  {side:5} {width:4}");
        for time in medians(&mut jobs) {
            print!("  {:9.2} ({:5.1})", time * 1e3, 2.0 * (side * side * width) as f64 / time / 1e6);
        }
        println!();
    }
}
