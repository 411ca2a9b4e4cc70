//! Counts how often two libraries' singular value decompositions reproduce a matrix of low rank.
//!
//! `cargo run --release --example nalgebra_svd_check`
//!
//! Draws 4000 matrices `A = L Rᵀ` of exact rank 1 to 4, sides 2…24 × 2…20, both factors Gaussian with column `j` scaled by
//! `10^{-3j}` (as factors are while modes escape one after the other), and decomposes each with nalgebra and with this crate's
//! own `thin_svd` (faer). A backward-stable decomposition has `‖A − U diag(σ) Vᵀ‖_F ≤ c·k·ε·‖A‖_F` with a modest `c`; the threshold
//! here is `1e-10·‖A‖_F`, more than a thousand times that. The printed table is the evidence behind a decision in `docs/decisions.md`.

use pgflow::linalg::{Form, Matrix, frobenius, multiply, thin_svd};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

const MATRICES: usize = 4000;
const THRESHOLD: f64 = 1e-10;

/// What one library's decompositions came to.
#[derive(Default)]
struct Tally {
    wrong: usize,
    worst: f64,
    by_rank: [usize; 4],
    failed: usize,
}

impl Tally {
    fn add(&mut self, rank: usize, error: Option<f64>) {
        let Some(error) = error else {
            self.failed += 1;
            return;
        };
        // A NaN must count as wrong.
        if error.is_nan() || error > THRESHOLD {
            self.wrong += 1;
            self.by_rank[rank - 1] += 1;
        }
        self.worst = if error.is_nan() { f64::INFINITY } else { self.worst.max(error) };
    }

    fn print(&self, library: &str) {
        println!(
            "{library:<9} {:>5} of {MATRICES} {:>10.1e} {:>8} {:>7} {:>7} {:>7} {:>7}",
            self.wrong, self.worst, self.failed, self.by_rank[0], self.by_rank[1], self.by_rank[2], self.by_rank[3]
        );
    }
}

fn graded(rng: &mut ChaCha8Rng, rows: usize, rank: usize) -> Matrix {
    Matrix::from_fn(rows, rank, |_, j| {
        let entry: f64 = rng.sample(StandardNormal);
        entry * 1e-3_f64.powi(j as i32)
    })
}

/// `‖A − U diag(σ) Vᵀ‖_F / ‖A‖_F`.
fn recomposition_error(a: &Matrix, left: &Matrix, values: &[f64], right_transposed: &Matrix) -> f64 {
    let mut scaled = left.clone();
    for (mut column, value) in scaled.column_iter_mut().zip(values) {
        column *= *value;
    }
    frobenius(&(a - multiply(Form::Plain, &scaled, right_transposed))) / frobenius(a)
}

fn by_nalgebra(a: &Matrix) -> Option<f64> {
    let svd = a.clone().try_svd(true, true, f64::EPSILON, 0)?;
    Some(recomposition_error(a, svd.u.as_ref()?, svd.singular_values.as_slice(), svd.v_t.as_ref()?))
}

fn by_faer(a: &Matrix) -> Option<f64> {
    let svd = thin_svd(a).ok()?;
    Some(recomposition_error(a, &svd.left, &svd.values, &svd.right.transpose()))
}

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut nalgebra, mut faer) = (Tally::default(), Tally::default());
    for _ in 0..MATRICES {
        let (rows, cols) = (rng.random_range(2..=24), rng.random_range(2..=20));
        let rank = rng.random_range(1..=4_usize.min(rows).min(cols));
        let a = multiply(Form::RightTransposed, &graded(&mut rng, rows, rank), &graded(&mut rng, cols, rank));
        nalgebra.add(rank, by_nalgebra(&a));
        faer.add(rank, by_faer(&a));
    }
    println!("wrong: ‖A − U diag(σ) Vᵀ‖_F > {THRESHOLD:.0e} ‖A‖_F\n");
    println!("library           wrong       worst   failed  rank 1  rank 2  rank 3  rank 4");
    nalgebra.print("nalgebra");
    faer.print("faer");
}
