//! The field of stochastic gradient descent.

use super::{Drive, Moment, Next, State, VectorField};
use crate::random::{Purpose, below, stream};
use crate::sensing::{Answer, Question, Rows};

/// `Ḟ = N_S G`, `Ġ = N_Sᵀ F` with `N_S = (p/b) Σ_{i∈S} (y_i − ⟨M_i, FGᵀ⟩) M_i` and a set `S` of `b` measurements for each piece `k`, the steps of a
/// descent: uniform among the sets of that size, so that `E N_S = N`. One question an evaluation, about these measurements alone.
///
/// The set of piece `k` is a function of (seed, `k`), drawn from stream `k` of [`Purpose::Batch`] by the first `b` steps of the Fisher–Yates shuffle of
/// `0, …, p − 1`, then sorted. Nothing is remembered from step to step, and nothing is allocated after construction. (THEORY 2.1, 2.3.)
#[derive(Debug)]
pub struct MiniBatches {
    seed: u64,
    /// `S`, ascending.
    indices: Vec<usize>,
    /// `0, …, p − 1`, in order between draws.
    order: Vec<usize>,
    /// Where the shuffle has exchanged, to take it back.
    exchanged: Vec<usize>,
}

impl MiniBatches {
    /// Sets of `batch` out of `measurements`; a batch beyond them counts as all.
    pub fn new(seed: u64, measurements: usize, batch: usize) -> Self {
        let batch = batch.min(measurements);
        MiniBatches { seed, indices: vec![0; batch], order: (0..measurements).collect(), exchanged: vec![0; batch] }
    }

    /// Draws the set of a step.
    pub fn draw(&mut self, step: u64) -> &[usize] {
        let mut rng = stream(self.seed, Purpose::Batch, step);
        let count = self.order.len();
        for i in 0..self.indices.len() {
            let other = i + below(&mut rng, (count - i) as u64) as usize;
            self.order.swap(i, other);
            self.exchanged[i] = other;
        }
        self.indices.copy_from_slice(&self.order[..self.exchanged.len()]);
        for (i, &other) in self.exchanged.iter().enumerate().rev() {
            self.order.swap(i, other);
        }
        self.indices.sort_unstable();
        &self.indices
    }

    /// `p/b`
    fn weight(&self) -> f64 {
        self.order.len() as f64 / self.indices.len() as f64
    }
}

impl VectorField for MiniBatches {
    fn begin(&mut self, at: Moment, _state: &State, _rate: &mut State) -> Next {
        self.draw(at.piece);
        Next::Ask
    }

    fn question<'a>(&'a self, state: &'a State) -> Question<'a> {
        let rows = Rows::Subset { indices: &self.indices, weight: self.weight() };
        Question::residual(state.left(), state.right()).about(rows)
    }

    fn resume(&mut self, _at: Moment, state: &State, answer: &Answer, rate: &mut State) -> Next {
        state.drive_into(1.0, &answer.matrix, rate);
        Next::Rate
    }

    fn own_drive<'a>(&'a self, last: &'a Answer) -> Option<Drive<'a>> {
        Some(Drive { matrix: &last.matrix, noise: None })
    }

    /// Not known: the step looks at a part of the data.
    fn dissipation(&self, _rate: &State) -> f64 {
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changing any of these numbers changes every result that anyone has kept.
    #[test]
    fn golden_sets() {
        let mut field = MiniBatches::new(7, 10, 3);
        let sets: Vec<Vec<usize>> = [0, 1, 2, 1 << 40].map(|step| field.draw(step).to_vec()).into();
        assert_eq!(sets, GOLDEN);
        assert_eq!(MiniBatches::new(7, 10, 3).draw(2), sets[2], "whatever was drawn before");
        assert_eq!(field.order, (0..10).collect::<Vec<_>>());
        assert_eq!(MiniBatches::new(7, 10, 12).draw(3), (0..10).collect::<Vec<_>>(), "all");
    }

    /// Recomputed from the definitions of ChaCha8 and of the shuffle outside of Rust.
    const GOLDEN: [[usize; 3]; 4] = [[0, 1, 5], [0, 6, 8], [3, 5, 9], [3, 7, 9]];

    #[test]
    fn every_set_of_a_size_is_as_likely() {
        // 10 sets of 2 out of 5; the chi-squared statistic of 10000 draws has 9 degrees of freedom, and exceeds 33 once in 10⁴ times.
        let mut field = MiniBatches::new(1, 5, 2);
        let mut counts = std::collections::BTreeMap::new();
        (0..10_000).for_each(|step| *counts.entry(field.draw(step).to_vec()).or_insert(0) += 1);
        assert_eq!(counts.len(), 10);
        let statistic: f64 = counts.values().map(|&count| (f64::from(count) - 1000.0).powi(2) / 1000.0).sum();
        assert!(statistic < 33.0, "{statistic}: {counts:?}");
    }
}
