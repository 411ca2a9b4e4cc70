//! The exact law of gradient descent's imbalance, summed along descents that are repeated for it (THEORY 3.5).

use crate::dynamics::State;
use crate::linalg::{Form, Matrix, multiply, operator_norm_symmetric};
use crate::sensing::{Answer, BATCH, Question, SensingOperator};

/// A gradient descent: where it starts, its step size, and after which steps its imbalance is asked for, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct Descent {
    /// `Z₀`, of two factors.
    pub start: State,
    /// `η`
    pub step_size: f64,
    /// Numbers of steps.
    pub after: Vec<u64>,
}

/// `‖Σ_{j<k} η²(GᵀNᵀNG − FᵀNNᵀF)‖_op` for each number of steps `k` asked for, which is exactly `‖Λ_k − Λ₀‖_op`, of each descent.
///
/// The law is summed from the gradients' factors alone, no imbalance is looked at: what it is held against was found in another way. All
/// descents go in lockstep, so that they share passes over the measurements. Rounding: a few ε times the sum of the terms' norms.
///
/// # Panics
/// If the shape of a start is not that of the operator.
pub fn imbalance_laws(operator: &dyn SensingOperator, data: &[f64], descents: &[Descent]) -> Vec<Vec<f64>> {
    let mut work = operator.workspace();
    let mut all = Vec::new();
    for batch in descents.chunks(BATCH) {
        let mut running: Vec<Running> = batch.iter().map(Running::new).collect();
        let (rows, cols) = operator.shape();
        let mut answers: Vec<Answer> = batch.iter().map(|_| Answer::new(rows, cols)).collect();
        let last = batch.iter().filter_map(|descent| descent.after.last()).copied().max().unwrap_or(0);
        for k in 0..=last {
            let live: Vec<usize> = running.iter_mut().enumerate().filter_map(|(i, one)| one.arrive(k).then_some(i)).collect();
            let questions: Vec<Question<'_>> =
                live.iter().map(|&i| Question::residual(running[i].state.left(), running[i].state.right())).collect();
            if questions.is_empty() {
                break;
            }
            operator.answer(data, &questions, &mut answers[..live.len()], &mut work);
            live.iter().zip(&answers).for_each(|(&i, answer)| running[i].advance(&answer.matrix));
        }
        all.extend(running.into_iter().map(|one| one.norms));
    }
    all
}

struct Running<'a> {
    descent: &'a Descent,
    state: State,
    motion: State,
    sum: Matrix,
    norms: Vec<f64>,
}

impl<'a> Running<'a> {
    fn new(descent: &'a Descent) -> Self {
        let width = descent.start.shape().width();
        let (state, motion) = (descent.start.clone(), State::zeros(descent.start.shape()));
        Running { descent, state, motion, sum: Matrix::zeros(width, width), norms: Vec::new() }
    }

    /// Notes the sum after `k` steps where it is asked for; whether more is asked for later.
    fn arrive(&mut self, k: u64) -> bool {
        while self.descent.after.get(self.norms.len()) == Some(&k) {
            self.norms.push(operator_norm_symmetric(&self.sum));
        }
        self.norms.len() < self.descent.after.len()
    }

    fn advance(&mut self, drive: &Matrix) {
        self.state.drive_into(1.0, drive, &mut self.motion);
        let (step, motion) = (self.descent.step_size, &self.motion);
        let square = |part| multiply(Form::LeftTransposed, part, part);
        self.sum += (square(motion.left()) - square(motion.right())) * (step * step);
        *self.state.matrix_mut() += motion.matrix() * step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensing::Dense;

    /// Numbers that are neither small nor regular.
    fn matrix(rows: usize, cols: usize, seed: f64, size: f64) -> Matrix {
        Matrix::from_fn(rows, cols, |i, j| size * (seed + 1.7 * i as f64 + 2.3 * j as f64 + 0.1 * (i * j) as f64).sin())
    }

    #[test]
    fn the_law_is_the_drift_that_descents_have() {
        let (m, n, h, p) = (5, 4, 3, 30);
        let measurements: Vec<Matrix> = (0..p).map(|k| matrix(m, n, 0.9 * k as f64, (p as f64).sqrt().recip())).collect();
        let entries: Vec<f64> = measurements.iter().flat_map(|a| a.iter().copied()).collect();
        let operator = Dense::from_rows(m, n, p, &entries).unwrap();
        let data: Vec<f64> = (0..p).map(|k| (k as f64).cos()).collect();
        let start = |size: f64| State::from_factors(&matrix(m, h, 0.3, size), &matrix(n, h, 1.1, size));
        let descents = [(0.05, 0.4, vec![0, 1, 7, 40]), (0.02, 0.7, vec![3, 60]), (0.01, 0.1, vec![])];
        let descents: Vec<Descent> =
            descents.into_iter().map(|(step_size, size, after)| Descent { start: start(size), step_size, after }).collect();
        let laws = imbalance_laws(&operator, &data, &descents);
        for (descent, law) in descents.iter().zip(&laws) {
            // Independently: whole matrices, the difference of the imbalances themselves.
            let (mut f, mut g) = (descent.start.left().to_matrix(), descent.start.right().to_matrix());
            let imbalance = |f: &Matrix, g: &Matrix| f.transpose() * f - g.transpose() * g;
            let first = imbalance(&f, &g);
            let mut drifts = Vec::new();
            for k in 0..=descent.after.last().copied().unwrap_or(0) {
                if descent.after.contains(&k) {
                    drifts.push(operator_norm_symmetric(&(imbalance(&f, &g) - &first)));
                }
                let x = &f * g.transpose();
                let mut drive = Matrix::zeros(m, n);
                measurements.iter().zip(&data).for_each(|(a, y)| drive += a * (y - a.dot(&x)));
                (f, g) = (&f + &drive * &g * descent.step_size, &g + drive.transpose() * &f * descent.step_size);
            }
            assert_eq!(law.len(), descent.after.len());
            for (law, drift) in law.iter().zip(&drifts) {
                assert!((law - drift).abs() <= 1e-13 * f.norm_squared().max(1.0), "{law} {drift}");
            }
        }
        assert!(laws[0][0] == 0.0 && laws[0][3] > 1e-3);
    }
}
