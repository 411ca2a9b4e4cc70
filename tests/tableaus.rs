//! The tableaus against Butcher's order conditions, every rooted tree up to the order of the method, of its dense output and of its error
//! estimates; and the proof that these tests notice one wrong digit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use pgflow::stepper::tableaus::{DOP853, DOPRI5, ErrorWeights, RK4, Tableau};

/// A rooted tree: the subtrees at its root.
#[derive(Clone)]
struct Tree(Vec<Tree>);

impl Tree {
    fn order(&self) -> u32 {
        1 + self.0.iter().map(Tree::order).sum::<u32>()
    }

    fn density(&self) -> f64 {
        f64::from(self.order()) * self.0.iter().map(Tree::density).product::<f64>()
    }

    /// `Φ_i = Π_children Σ_j a_ij Φ_j(child)`.
    fn elementary(&self, a: &[Vec<f64>]) -> Vec<f64> {
        let children: Vec<_> = self.0.iter().map(|child| child.elementary(a)).collect();
        a.iter().map(|row| children.iter().map(|child| dot(row, child)).product()).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// All rooted trees of orders 1 to `most`.
fn trees(most: u32) -> Vec<Tree> {
    fn forests(trees: &[Tree], from: usize, order: u32) -> Vec<Vec<Tree>> {
        if order == 0 {
            return vec![Vec::new()];
        }
        let mut all = Vec::new();
        for (i, tree) in trees.iter().enumerate().skip(from).filter(|(_, tree)| tree.order() <= order) {
            for mut rest in forests(trees, i, order - tree.order()) {
                rest.push(tree.clone());
                all.push(rest);
            }
        }
        all
    }
    let mut all = Vec::new();
    for order in 1..=most {
        let next: Vec<_> = forests(&all, 0, order - 1).into_iter().map(Tree).collect();
        all.extend(next);
    }
    all
}

/// A method with its coefficients in the open, so that one can be spoiled.
#[derive(Clone)]
struct Method {
    order: u32,
    dense_order: u32,
    /// One row a slope: stages, the end, the extra ones.
    a: Vec<Vec<f64>>,
    c: Vec<f64>,
    b: Vec<f64>,
    /// Weights of error estimates with the order up to which they vanish.
    errors: Vec<(u32, Vec<f64>)>,
    /// Weights of the dense output at several θ.
    dense: Vec<(f64, Vec<f64>)>,
}

impl Method {
    fn new(tableau: &Tableau, error: Option<ErrorWeights>) -> Self {
        let slopes = tableau.slopes();
        let rows = tableau.coupling.iter().chain([&tableau.weights]).chain(tableau.dense.coupling);
        let nodes = tableau.nodes.iter().chain([&1.0]).chain(tableau.dense.nodes);
        let padded = |weights: &[f64]| (0..slopes).map(|i| weights.get(i).copied().unwrap_or(0.0)).collect::<Vec<_>>();
        let errors = match error {
            None => vec![],
            Some(ErrorWeights::One(weights)) => vec![(4, padded(weights))],
            Some(ErrorWeights::FifthAndThird { fifth, third }) => vec![(5, padded(fifth)), (3, padded(third))],
        };
        let thetas = [0.0, 0.07, 0.31, 0.5, 0.83, 1.0];
        Method {
            order: tableau.order,
            dense_order: tableau.dense.order,
            a: rows.map(|row| padded(row)).collect(),
            c: nodes.copied().collect(),
            b: padded(tableau.weights),
            errors,
            dense: thetas.map(|theta| (theta, tableau.dense_weights(theta).to_vec())).to_vec(),
        }
    }

    fn check(&self, weights: &[f64], expected: impl Fn(&Tree) -> f64, forest: &[(Tree, Vec<f64>)]) -> f64 {
        let defect = |(tree, phi): &(Tree, Vec<f64>)| (dot(weights, phi) - expected(tree)).abs();
        let size: f64 = weights.iter().map(|w| w.abs()).sum::<f64>().max(1.0);
        forest.iter().map(defect).fold(0.0, f64::max) / size / ROUNDING
    }

    /// The largest violation of any condition, relative to the sizes of what is summed, over its tolerance.
    fn defect(&self, trees: &[Tree]) -> f64 {
        let of_order = |most: u32| -> Vec<_> {
            trees.iter().filter(|tree| tree.order() <= most).map(|tree| (tree.clone(), tree.elementary(&self.a))).collect()
        };
        let mut worst = 0.0f64;
        for (row, c) in self.a.iter().zip(&self.c) {
            let size: f64 = row.iter().map(|x| x.abs()).sum::<f64>().max(1e-3);
            worst = worst.max((row.iter().sum::<f64>() - c).abs() / size / ROW_ROUNDING);
        }
        worst = worst.max(self.check(&self.b, |tree| 1.0 / tree.density(), &of_order(self.order)));
        for (order, weights) in &self.errors {
            worst = worst.max(self.check(weights, |_| 0.0, &of_order(*order)));
        }
        let forest = of_order(self.dense_order);
        for (theta, weights) in &self.dense {
            worst = worst.max(self.check(weights, |tree| theta.powi(tree.order() as i32) / tree.density(), &forest));
        }
        worst
    }
}

/// Rounding of sums of up to 16 terms whose factors carry errors of an ulp each, through up to seven nested sums with row sizes up to 10².
const ROUNDING: f64 = 4e-14;

/// Rounding of one sum of up to 16 terms, each rounded to half an ulp.
const ROW_ROUNDING: f64 = 8.0 * f64::EPSILON;

fn methods() -> [Method; 3] {
    [Method::new(&RK4, None), Method::new(DOPRI5.tableau, Some(DOPRI5.error)), Method::new(DOP853.tableau, Some(DOP853.error))]
}

#[test]
fn there_are_as_many_trees_as_there_should_be() {
    let counts: Vec<_> = (1..=8).map(|order| trees(8).iter().filter(|tree| tree.order() == order).count()).collect();
    assert_eq!(counts, [1, 1, 2, 4, 9, 20, 48, 115]);
}

#[test]
fn every_order_condition_holds() {
    let trees = trees(8);
    for method in methods() {
        let defect = method.defect(&trees);
        println!("order {}: largest defect {defect:.2} of the tolerance", method.order);
        assert!(defect < 1.0, "order {}: {defect}", method.order);
    }
}

#[test]
fn orders_are_not_higher_than_stated() {
    let trees = trees(8);
    for method in methods() {
        let mut bold = method.clone();
        bold.dense_order += 1;
        assert!(bold.defect(&trees) > 1e6, "dense output of the method of order {}", method.order);
        for i in 0..method.errors.len() {
            let mut bold = method.clone();
            bold.errors[i].0 += 1;
            assert!(bold.defect(&trees) > 1e6, "error estimate {i} of the method of order {}", method.order);
        }
        if method.order < 8 {
            let bold = Method { order: method.order + 1, ..method };
            assert!(bold.defect(&trees) > 1e6);
        }
    }
}

#[test]
fn quadrature_conditions_hold() {
    for (tableau, tolerance) in [(&RK4, 2e-16), (DOPRI5.tableau, 1e-15), (DOP853.tableau, 5e-15)] {
        for k in 1..=tableau.order as i32 {
            let sum: f64 = tableau.weights.iter().zip(tableau.nodes).map(|(b, c)| b * c.powi(k - 1)).sum();
            assert!((sum - 1.0 / f64::from(k)).abs() <= tolerance, "{} k = {k}: {sum}", tableau.name);
        }
    }
}

#[test]
fn one_wrong_digit_is_noticed() {
    // A change in the tenth significant digit of any coefficient.
    let spoil = 1.0 + 3e-10;
    let trees = trees(8);
    for method in methods() {
        for i in 0..method.a.len() {
            for j in (0..i).filter(|&j| method.a[i][j] != 0.0) {
                let mut wrong = method.clone();
                wrong.a[i][j] *= spoil;
                assert!(wrong.defect(&trees) > 1.0, "order {} a[{i}][{j}]", method.order);
            }
        }
        for j in (0..method.b.len()).filter(|&j| method.b[j] != 0.0) {
            let mut wrong = method.clone();
            wrong.b[j] *= spoil;
            assert!(wrong.defect(&trees) > 1.0, "order {} b[{j}]", method.order);
        }
        for e in 0..method.errors.len() {
            for j in (0..method.b.len()).filter(|&j| method.errors[e].1[j] != 0.0) {
                let mut wrong = method.clone();
                wrong.errors[e].1[j] *= spoil;
                assert!(wrong.defect(&trees) > 1.0, "order {} error {e} [{j}]", method.order);
            }
        }
    }
}

#[test]
fn wrong_dense_rows_are_noticed() {
    let (trees, rows) = (trees(7), DOP853.tableau.dense.rows);
    for r in 0..rows.len() {
        for j in (0..rows[r].len()).filter(|&j| rows[r][j] != 0.0) {
            let mut row = rows[r].to_vec();
            row[j] *= 1.0 + 3e-10;
            let mut spoiled = rows.to_vec();
            spoiled[r] = row.leak();
            let mut tableau = *DOP853.tableau;
            tableau.dense.rows = spoiled.leak();
            assert!(Method::new(&tableau, None).defect(&trees) > 1.0, "row {r} entry {j}");
        }
    }
}

#[test]
fn dense_weights_at_the_ends() {
    for tableau in [&RK4, DOPRI5.tableau, DOP853.tableau] {
        assert!(tableau.dense_weights(0.0).iter().all(|w| *w == 0.0));
        let end = tableau.dense_weights(1.0);
        for (i, w) in end.iter().enumerate() {
            assert_eq!(*w, tableau.weights.get(i).copied().unwrap_or(0.0), "{} {i}", tableau.name);
        }
    }
}

#[test]
fn dense_rate_weights_are_the_derivatives_of_the_dense_weights() {
    for tableau in [&RK4, DOPRI5.tableau, DOP853.tableau] {
        for theta in [0.0, 0.1, 0.37, 0.5, 0.83, 1.0] {
            // Central differences of polynomials of degree 7 and coefficients up to 1e3: 1e-8 from truncation at this distance, 1e-9 from rounding.
            let tiny = 1e-5;
            let (before, after) = (tableau.dense_weights(theta - tiny), tableau.dense_weights(theta + tiny));
            for (i, rate) in tableau.dense_rate_weights(theta).iter().enumerate() {
                let quotient = (after[i] - before[i]) / (2.0 * tiny);
                assert!((quotient - rate).abs() < 1e-6, "{} {i} at {theta}: {rate} {quotient}", tableau.name);
            }
        }
    }
}
