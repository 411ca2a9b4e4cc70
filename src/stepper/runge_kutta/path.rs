//! The path of a step that was made: its dense output.

use super::past::Through;
use crate::dynamics::State;
use crate::stepper::combination::combine;
use crate::stepper::tableaus::Tableau;

/// A step with all its slopes, those of the dense output included.
pub(super) struct Path<'a> {
    pub tableau: &'static Tableau,
    pub from: f64,
    pub to: f64,
    pub size: f64,
    pub start: &'a State,
    pub end: &'a State,
    pub slopes: &'a [State],
    /// `‖k_i‖²`
    pub squares: &'a [f64],
    /// The dissipation integral up to both ends.
    pub dissipation: [f64; 2],
    /// What it is interpolated by instead of its slopes.
    pub through: Option<Through<'a>>,
}

impl Path<'_> {
    /// `Z(t)` into `out`, at both ends (and beyond) the points themselves; returns the dissipation integral up to there.
    pub fn interpolate(&self, t: f64, out: &mut State) -> f64 {
        let [before, after] = self.dissipation;
        let end = [(t >= self.to, self.end, after), (t <= self.from, self.start, before)].into_iter().find(|(is_there, ..)| *is_there);
        if let Some((_, point, dissipation)) = end {
            out.as_mut_slice().copy_from_slice(point.as_slice());
            return dissipation;
        }
        if let Some(through) = &self.through {
            return through.interpolate(t, out);
        }
        let weights = self.tableau.dense_weights((t - self.from) / (self.to - self.from));
        combine(out, Some(self.start), self.size, &weights, self.slopes);
        let mean: f64 = weights.iter().zip(self.squares).map(|(w, square)| w * square).sum();
        before + self.size * mean
    }

    /// `Ż(t)` into `out`.
    pub fn rate(&self, t: f64, out: &mut State) {
        if let Some(through) = &self.through {
            return through.rate(t, out);
        }
        let theta = ((t - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        combine(out, None, 1.0, &self.tableau.dense_rate_weights(theta), self.slopes);
    }
}

/// The time of node `c` of a step: at its end that end, to the bit.
pub(super) fn node_time(c: f64, from: f64, to: f64, size: f64) -> f64 {
    if c == 1.0 { to } else { from + c * size }
}
