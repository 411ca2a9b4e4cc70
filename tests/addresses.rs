//! The bits of linear algebra do not depend on where in memory its operands lie.
//!
//! The allocator places matrices at multiples of 16 bytes, anywhere within a cache line; where exactly depends on what else the program
//! has done, such as how many trajectories share a run. A kernel that peeled its loops by address would sum in another order.

// Helpers outside the test functions panic like them.
#![allow(clippy::unwrap_used)]

use pgflow::linalg::*;

/// Where in a cache line a matrix's entries begin, in numbers.
fn place(matrix: &Matrix) -> usize {
    matrix.as_slice().as_ptr() as usize % 64 / 8
}

/// The same matrix at many addresses; all of them are kept, so that none is reused.
fn copies(rows: usize, cols: usize, salt: f64) -> Vec<Matrix> {
    let original = Matrix::from_fn(rows, cols, |i, j| ((i * 31 + j * 17) as f64 * 0.37 + salt).sin());
    let mut ballast = Vec::new();
    (0..24)
        .map(|i| {
            ballast.push(vec![0u8; 16 * (2 * i % 7) + 8]);
            original.clone()
        })
        .collect()
}

fn bits(matrix: &Matrix) -> Vec<u64> {
    matrix.iter().map(|x| x.to_bits()).collect()
}

fn all_equal<T: PartialEq>(what: &str, mut results: impl Iterator<Item = T>) {
    let first = results.next().unwrap();
    assert!(results.all(|other| other == first), "{what} depends on addresses");
}

#[test]
fn products_and_decompositions_have_the_same_bits_at_every_address() {
    let mut places = std::collections::BTreeSet::new();
    for (m, n, h) in [(40, 30, 1), (40, 30, 2), (41, 29, 7), (13, 1, 5), (1, 17, 3), (64, 48, 48), (30, 30, 30), (9, 70, 33)] {
        let (f, g, x) = (copies(m, h, 0.1), copies(n, h, 0.2), copies(m, n, 0.3));
        places.extend(f.iter().map(place));
        let size = format!("{m}×{n}, width {h}: ");
        let pairs = || f.iter().zip(&g);
        all_equal(&(size.clone() + "FGᵀ"), pairs().map(|(f, g)| bits(&multiply(Form::RightTransposed, f, g))));
        all_equal(&(size.clone() + "XG"), x.iter().zip(&g).map(|(x, g)| bits(&multiply(Form::Plain, x, g))));
        all_equal(&(size.clone() + "XᵀF"), x.iter().zip(&f).map(|(x, f)| bits(&multiply(Form::LeftTransposed, x, f))));
        all_equal(&(size.clone() + "FᵀF"), f.iter().map(|f| bits(&multiply(Form::LeftTransposed, f, f))));
        all_equal(&(size.clone() + "norms"), x.iter().map(|x| [frobenius(x).to_bits(), operator_norm(x).to_bits()]));
        let spectrum = |(f, g): (&Matrix, &Matrix)| {
            let svd = thin_svd_of_product(f, g).unwrap();
            (svd.values.iter().map(|s| s.to_bits()).collect::<Vec<_>>(), bits(&svd.left), bits(&svd.right))
        };
        all_equal(&(size.clone() + "the decomposition of FGᵀ"), pairs().map(spectrum));
        let symmetric = |f: &Matrix| {
            let eigen = symmetric_eigen(&multiply(Form::LeftTransposed, f, f)).unwrap();
            (eigen.values.iter().map(|s| s.to_bits()).collect::<Vec<_>>(), bits(&eigen.vectors))
        };
        all_equal(&(size.clone() + "eigenvalues"), f.iter().map(symmetric));
    }
    assert!(places.len() >= 3, "the allocator placed all copies alike: {places:?}");
}
